package desk

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/fishing"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// limitCooling is the reason of RATE_LIMITED while a State that seemed to fish
// has to wait.
const limitCooling = "cooling"

// bucketFlag of local.db holds who was found fishing, by State: no subject, but
// what a restart must not forgive.
const bucketFlag = "match.flag"

const (
	firstCooling = time.Hour
	maxCooling   = 24 * time.Hour
	// flagMemory is how long after the last cooling a State counts as found
	// fishing lately: it is flagged sooner, and the next cooling is twice as long.
	flagMemory = 7 * 24 * time.Hour
	// looksPerHour is how many requests beyond the budget are looked at, for a
	// State that asks faster than it is answered fishes all the same.
	looksPerHour = 256
	maxNamed     = 8  // operators and case references in an alarm
	maxOperators = 64 // own operators watched at a time
)

// flag tells that a State, or an own operator, was found fishing.
type flag struct {
	Rule      string    `json:"rule"`
	Seen      int       `json:"seen"`
	Since     ct.Millis `json:"since"`
	Until     ct.Millis `json:"until"` // end of the cooling
	Level     int       `json:"level"` // coolings in a row
	Operators []string  `json:"operators"`
	Cases     []string  `json:"cases"`
}

// asker is one that is watched: a State, or an operator of this node.
type asker struct {
	watch     *fishing.Watch
	flag      flag // zero: never found
	operators []string
	cases     []string
	hour      ct.Millis // since when requests beyond the budget are counted
	looks     int
	last      ct.Millis
}

// guard watches who asks, at the responder by State, over all its nodes, and at
// the asker's own node by operator. Its key is drawn at the start and lives in
// memory alone, so that no sketch can be read on another day.
type guard struct {
	mu     sync.Mutex
	ready  bool                // guarded by mu: key and flags are there
	key    [32]byte            // guarded by mu
	states map[ct.State]*asker // guarded by mu
	own    map[string]*asker   // guarded by mu: by operator
}

// open draws the key and reads the flags of earlier runs. The caller holds mu.
func (g *guard) open(l *store.Local) error {
	if g.ready {
		return nil
	}
	if _, err := rand.Read(g.key[:]); err != nil {
		return fmt.Errorf("draw key: %w", err)
	}
	g.states, g.own = map[ct.State]*asker{}, map[string]*asker{}
	err := l.View(func(tx *store.LocalTx) error {
		return tx.Scan(bucketFlag, nil, func(k, v []byte) error {
			x := g.state(ct.State(k))
			return json.Unmarshal(v, &x.flag)
		})
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("read flags: %w", err)
	}
	g.ready = true
	return nil
}

func (g *guard) state(s ct.State) *asker {
	x, ok := g.states[s]
	if !ok {
		x = &asker{watch: fishing.New(g.key, "state/"+string(s))}
		g.states[s] = x
	}
	return x
}

// operator gives an own operator's watch; the one that was idle longest makes
// room.
func (g *guard) operator(name string, now ct.Millis) *asker {
	x, ok := g.own[name]
	if !ok {
		if len(g.own) >= maxOperators {
			names := slices.Collect(maps.Keys(g.own))
			delete(g.own, slices.MinFunc(names, func(a, b string) int { return cmp.Compare(g.own[a].last, g.own[b].last) }))
		}
		x = &asker{watch: fishing.New(g.key, "operator/"+name)}
		g.own[name] = x
	}
	x.last = now
	return x
}

// cooling tells whether what was asked waits for the end of a cooling. One that
// a wrong clock has begun in the future begins now, or it would not end.
func (x *asker) cooling(now ct.Millis) bool {
	if late := x.flag.Since - now; late > 0 {
		x.flag.Since, x.flag.Until = now, x.flag.Until-late
	}
	return now < x.flag.Until
}

// lately tells whether the asker was found fishing not long ago.
func (x *asker) lately(now ct.Millis) bool {
	return x.flag.Level > 0 && now < x.flag.Until+ct.Millis(flagMemory.Milliseconds())
}

// see sketches a request; a finding is put into x.flag.
func (x *asker) see(now ct.Millis, r *wire.MatchRequest, answered bool, l fishing.Limits) (id uint64, found bool) {
	x.operators, x.cases = named(x.operators, r.Operator), named(x.cases, r.Case)
	if x.lately(now) {
		l = l.Part(4)
	}
	f, id := x.watch.See(now, match.Prepare(r.Person), answered, l)
	if f.Rule == "" {
		return id, false
	}
	level := 1
	if x.lately(now) {
		level = min(x.flag.Level+1, 16)
	}
	cooling := min(firstCooling<<min(level-1, 8), maxCooling)
	x.flag = flag{
		Rule: f.Rule, Seen: f.Seen, Since: now, Until: now + ct.Millis(cooling.Milliseconds()), Level: level,
		Operators: x.operators, Cases: x.cases,
	}
	x.watch.Clear()
	x.operators, x.cases = nil, nil
	return id, true
}

// named moves a code to the end of the last few.
func named(all []string, s string) []string {
	all = slices.DeleteFunc(slices.Clone(all), func(o string) bool { return o == s })
	all = append(all, s)
	return all[max(0, len(all)-maxNamed):]
}

// allow counts a request of a State as one person, or says which limit it meets.
// Of what is over the budget some is looked at, and then forgotten.
func (d *Desk) allow(a roster.Node, v *roster.View, raw []byte, stamp ct.Millis) (limit string, ok bool) {
	g := &d.guard
	g.mu.Lock()
	if g.state(a.State).cooling(stamp) {
		g.mu.Unlock()
		return limitCooling, false
	}
	limit, ok = d.budgets.take(a.State, stamp, v.Policy(), 1)
	g.mu.Unlock()
	if ok || !d.mayLook(a.State, stamp) {
		return limit, ok
	}
	if r, s, err := wire.DecodeMatchRequest(raw); err == nil {
		d.beyond(a, v, r, s, stamp)
	}
	return limit, false
}

// allowMore counts the further persons of a request that allow has counted.
func (d *Desk) allowMore(a roster.Node, v *roster.View, r *wire.MatchRequest, s wire.SignedMatch, more int, stamp ct.Millis) (limit string, ok bool) {
	limit, ok = d.budgets.take(a.State, stamp, v.Policy(), more)
	if !ok && d.mayLook(a.State, stamp) {
		d.beyond(a, v, r, s, stamp)
	}
	return limit, ok
}

// mayLook counts the looks at what is over a State's budget.
func (d *Desk) mayLook(s ct.State, stamp ct.Millis) bool {
	d.guard.mu.Lock()
	defer d.guard.mu.Unlock()
	x := d.guard.state(s)
	if hour := ct.Millis(time.Hour.Milliseconds()); stamp-x.hour >= hour || stamp < x.hour {
		x.hour, x.looks = stamp, 0
	}
	look := x.looks < looksPerHour
	x.looks++
	return look
}

// beyond sketches a request that is over the budget, when it is the asking
// State's own word to this node.
func (d *Desk) beyond(a roster.Node, v *roster.View, r *wire.MatchRequest, s wire.SignedMatch, stamp ct.Millis) {
	if r.Network != v.Network().Prefix() || r.Asker != a.Key || r.Responder != d.cfg.Signer.Public() ||
		!keys.Verify(a.Key, keys.ContextMatchRequest, v.Network(), s.Body, s.Sig) {
		return
	}
	if _, err := d.look(a, v, r, stamp, false); err != nil {
		d.log.Error("finding not journalled", "error", err)
	}
}

// sight holds a request that is about to be answered against what its State
// asked before: a verdict when that is fishing, and else the id for known.
func (d *Desk) sight(a roster.Node, v *roster.View, r *wire.MatchRequest, stamp ct.Millis) (id uint64, refusal verdict) {
	id, err := d.look(a, v, r, stamp, true)
	switch {
	case err != nil:
		d.log.Error("finding not journalled", "error", err)
		return 0, refuse(refusedUnavailable)
	case id == 0:
		return 0, verdict{code: wire.MatchRateLimited, reason: limitCooling}
	}
	return id, verdict{}
}

// look sketches a request of a State; id 0 tells that it completes a pattern,
// and then the journal says so.
func (d *Desk) look(a roster.Node, v *roster.View, r *wire.MatchRequest, stamp ct.Millis, answered bool) (uint64, error) {
	g := &d.guard
	g.mu.Lock()
	x := g.state(a.State)
	id, found := x.see(stamp, r, answered, fishing.DefaultLimits().For(int(v.Policy().MatchPerDay)))
	f := x.flag
	g.mu.Unlock()
	if !found {
		return id, nil
	}
	d.metrics.flags.WithLabelValues("responder", f.Rule).Inc()
	d.log.Warn("a State seems to fish; it is answered RATE_LIMITED for a while", "state", a.State, "rule", f.Rule, "seen", f.Seen, "cooling", f.length())
	_, err := d.cfg.Journal.Append(f.entry(a.State, r, "node="+a.Key.Short()))
	return 0, errors.Join(err, d.keepFlag(a.State, f))
}

// known notes that the request of an id had a hit.
func (d *Desk) known(s ct.State, id uint64) {
	d.guard.mu.Lock()
	defer d.guard.mu.Unlock()
	d.guard.state(s).watch.Hit(id)
}

// warn watches the operators of this node as responders watch its State, and
// sooner: a finding is for this State's own people, it stops nothing. What it
// returns notes a hit.
func (d *Desk) warn(r *wire.MatchRequest, v *roster.View, stamp ct.Millis) (hit func(), err error) {
	g := &d.guard
	g.mu.Lock()
	if err := g.open(d.cfg.Store.Local()); err != nil {
		g.mu.Unlock()
		return nil, err
	}
	x := g.operator(r.Operator, stamp)
	if x.cooling(stamp) { // told not long ago
		g.mu.Unlock()
		return func() {}, nil
	}
	id, found := x.see(stamp, r, true, fishing.DefaultLimits().For(int(v.Policy().MatchPerDay)).Part(2))
	f := x.flag
	g.mu.Unlock()
	hit = func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		x.watch.Hit(id)
	}
	if !found {
		return hit, nil
	}
	d.metrics.flags.WithLabelValues("asker", f.Rule).Inc()
	d.log.Warn("an operator of this node seems to fish; responders may stop answering this State", "rule", f.Rule, "seen", f.Seen)
	e := f.entry(d.cfg.State, r, "own")
	_, err = d.cfg.Journal.Append(e)
	return hit, err
}

// entry says in the journal who was found fishing and how, and nothing of whom
// they asked about.
func (f *flag) entry(s ct.State, r *wire.MatchRequest, who string) journal.Entry {
	return journal.Entry{
		Time: f.Since, Act: journal.ActMatchFlag, Actor: r.Operator, Purpose: r.Purpose, Basis: r.Basis, Case: r.Case, Peer: s,
		Outcome: fmt.Sprintf("fishing rule=%s seen=%d cooling=%s %s operators=%q cases=%q", f.Rule, f.Seen, f.length(), who, f.Operators, f.Cases),
	}
}

func (f *flag) length() time.Duration { return time.Duration(f.Until-f.Since) * time.Millisecond }

func (d *Desk) keepFlag(s ct.State, f flag) error {
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("keep flag: %w", err)
	}
	return d.cfg.Store.Local().Update(func(tx *store.LocalTx) error { return tx.Put(bucketFlag, []byte(s), b) })
}

// refill reads what earlier runs counted and found, once.
func (d *Desk) refill(stamp ct.Millis) error {
	d.guard.mu.Lock()
	err := d.guard.open(d.cfg.Store.Local())
	d.guard.mu.Unlock()
	if err != nil {
		return err
	}
	return d.budgets.refill(d.cfg.Journal, stamp)
}

// Fishing is a line for each State that was found fishing, while it has to wait
// and for a day more, and for a day for each operator of this node.
func (d *Desk) Fishing(now time.Time) []string {
	stamp, day := ct.MillisOf(now), ct.Millis((24 * time.Hour).Milliseconds())
	g := &d.guard
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []string
	for _, s := range slices.Sorted(maps.Keys(g.states)) {
		if f := &g.states[s].flag; f.Rule != "" && stamp < f.Until+day {
			out = append(out, fmt.Sprintf("fishing: %s %s; it is answered RATE_LIMITED until %s; operators %s; cases %s",
				s, told(f), f.Until.Time().UTC().Format(time.DateTime), quoted(f.Operators), quoted(f.Cases)))
		}
	}
	for _, o := range slices.Sorted(maps.Keys(g.own)) {
		if f := &g.own[o].flag; f.Rule != "" && stamp < f.Since+day {
			out = append(out, fmt.Sprintf("fishing: operator %q of this node %s; other States may stop answering; cases %s", o, told(f), quoted(f.Cases)))
		}
	}
	return out
}

// told says what was found.
func told(f *flag) string {
	switch f.Rule {
	case fishing.RuleNumbers:
		return fmt.Sprintf("asks for document numbers in rows (%d seen)", f.Seen)
	case fishing.RuleAgain:
		return fmt.Sprintf("asks for one person again and again (%d times)", f.Seen)
	case fishing.RuleBirths:
		return fmt.Sprintf("asks for one name with many dates of birth (%d seen)", f.Seen)
	case fishing.RuleNames:
		return fmt.Sprintf("asks for names in the order of the alphabet (%d seen)", f.Seen)
	default:
		return fmt.Sprintf("asks for bare names or numbers that nobody knows (%d seen)", f.Seen)
	}
}

// quoted lists codes that others wrote.
func quoted(all []string) string {
	var b strings.Builder
	for i, s := range all {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%q", s)
	}
	return b.String()
}
