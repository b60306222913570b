package index

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/herald-net/herald/internal/match"
)

// Bounds of one Find.
const (
	readBudget    = 200_000 // postings read: most of those of a common name are stepped over
	postingBudget = 30_000  // postings counted
	maxCandidates = 200     // candidates scored exactly
	patience      = 40      // candidates in a row that are no lead, after which the rest, with less evidence, is left
	scoringBudget = 400_000 // pairs of tokens compared: a query or a person of very many names costs no more
	wideGroup     = 1_500   // postings above which a query with a birth counts only its years
	maxHits       = 1_000
)

// counting is the memory of one Find, used again by others.
type counting struct {
	tally
	reader
}

// Hit is a person found.
type Hit struct {
	Ref    string
	Origin string
	match.Result
}

// Find gives the persons that may be the query's, the best first, at most
// limit of them: every hit has at least the tier weak. It reads the postings
// of the rarest tokens first and stops at a budget, so its cost does not grow
// with the index; a query of nothing but the commonest names may miss persons.
func (x *Index) Find(q *match.Subject, limit int) ([]Hit, error) {
	return x.find(q, Want{Limit: limit}, func(string) bool { return false })
}

// find is Find for hits that are wanted, without those that newer says more
// recent things are known of. It looks at as many candidates more as were not
// kept.
func (x *Index) find(q *match.Subject, w Want, newer func(ref string) bool) ([]Hit, error) {
	w.Limit, w.Least = min(w.Limit, maxHits), max(w.Least, match.Weak)
	probes := match.Probes(q)
	if w.Limit <= 0 || len(probes) == 0 {
		return nil, nil
	}
	if err := x.ready(); err != nil {
		return nil, fmt.Errorf("find person: %w", err)
	}
	x.mu.RLock()
	groups := x.groups(probes)
	x.mu.RUnlock()

	t := x.tallies.Get().(*counting)
	defer x.tallies.Put(t)
	err := x.view(func(tx *bbolt.Tx) error {
		// Numbers are handed out before the transaction that uses them ends,
		// so the bound is read inside this one.
		t.reset(tx.Bucket(bucketMeta).Get(keyNext))
		if err := x.collect(tx.Bucket(bucketKeys), groups, fitOf(q), &t.tally); err != nil {
			return err
		}
		t.rank()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find person: %w", err)
	}
	s := scoring{query: q, least: w.Least, budget: scoringBudget, own: max(q.Tokens(), 1)}
	var hits []Hit
	for room, all := maxCandidates, 0; room > 0; {
		var fresh []Hit
		err := x.view(func(tx *bbolt.Tx) (err error) {
			fresh, err = x.rescore(tx.Bucket(bucketPersons), &s, t.next(room), &t.reader)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("find person: %w", err)
		}
		// Keep may read the index itself, so no transaction is open.
		sortHits(fresh)
		if hits, room, err = w.keep(hits, fresh, newer); err != nil {
			return nil, fmt.Errorf("find person: %w", err)
		}
		if len(hits) >= w.Limit {
			break
		}
		if all += room; all > maxDropped {
			return nil, fmt.Errorf("find person: %w", ErrCrowded)
		}
		s.budget += room * s.own * s.tokens // of what was not kept, about
	}
	sortHits(hits)
	return hits, nil
}

// maxDropped bounds the hits of one search that may not be shown.
const maxDropped = 2_000

// ErrCrowded tells that more persons match than a search looks at, all of them
// such as may not be shown: whether there is another is not known.
var ErrCrowded = errors.New("too many persons match that may not be shown")

// sortHits puts the best first.
func sortHits(hits []Hit) {
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(-cmp.Compare(a.Tier, b.Tier), -cmp.Compare(a.Score, b.Score), strings.Compare(a.Ref, b.Ref))
	})
}

// group is one token of the query with the words it may stand for, or another
// key of it.
type group struct {
	weight   float64
	postings int
	words    []expansion
	few      bool // counts only where few share it: a date of birth
	key      bool // no name: its list is on disk alone
}

// groups expands the probes through the vocabulary, the rarest token first.
// The caller holds the lock. What it gives stays good without: a list in
// memory grows behind its end or is replaced, and never changes.
func (x *Index) groups(probes []match.Probe) []group {
	var out []group
	last := -1
	for _, p := range probes {
		if p.Group != last {
			out = append(out, group{})
			last = p.Group
		}
		g := &out[len(out)-1]
		text, isName := nameKey(p.Key)
		if !isName {
			g.weight = 4 // a document number outweighs any name
			g.key, g.few = true, p.Key[0] == match.KeyBirth
			g.words = append(g.words, expansion{list: x.seal.list("key", p.Key), like: 1})
			g.postings++
			continue
		}
		g.weight = max(g.weight, p.Weight)
		known := len(g.words)
		g.words = x.words.expand(g.words, text)
		for _, e := range g.words[known:] {
			g.postings += len(e.postings) / postingSize
		}
	}
	slices.SortStableFunc(out, func(a, b group) int { return cmp.Compare(a.postings, b.postings) })
	return out
}

// fit says which births of a posting fit a query.
type fit struct {
	any  bool // the query has no birth that says much
	year [256]bool
	day  [256]bool
}

// fitOf: "unknown" fits, the years of the query, and their neighbours, as far
// as a typing error or an estimate goes; and its days, also with day and month
// exchanged.
func fitOf(q *match.Subject) *fit {
	f := new(fit)
	if _, ok := q.Years(12); !ok {
		f.any = true
		return f
	}
	f.year[0] = true
	for _, b := range q.Births {
		around := 2
		if b.Day > 0 {
			around = 1
		}
		for y := int(b.From) - around; y <= int(b.To)+around; y++ {
			f.year[yearOf(y)] = true
		}
		f.day[dayOf(b.Month, b.Day)] = true
		if b.Day <= 12 {
			f.day[dayOf(b.Day, b.Month)] = true
		}
	}
	f.day[0] = false
	return f
}

// collect counts postings into the tally.
func (x *Index) collect(keys *bbolt.Bucket, groups []group, f *fit, t *tally) error {
	b := budget{read: readBudget, count: postingBudget}
	persons := float64(x.Persons() + 1)
	for i := range groups {
		g := &groups[i]
		t.nextGroup()
		for _, w := range g.words {
			if g.key {
				if err := x.collectKey(keys, g, w.list, t, &b); err != nil {
					return err
				}
				continue
			}
			idf := math.Log1p(persons / float64(len(w.postings)/postingSize+1))
			value := uint32(1024 * g.weight * w.like * w.like * idf)
			b.scan(w.postings, value, f, g.postings > wideGroup, t)
		}
	}
	return nil
}

// budget is what is left of the bounds of one Find.
type budget struct{ read, count int }

// scan counts the postings of a list. A person counts once, by the posting that
// fits best. Of a wide group only what fits counts when the query has a birth,
// and what is counted already when the list is longer than what may be.
func (b *budget) scan(list []byte, value uint32, f *fit, wide bool, t *tally) {
	n := min(len(list)/postingSize, b.read)
	b.read -= n
	list = list[:n*postingSize]
	known := f.any && n > b.count && len(t.used) > 0
	for len(list) >= postingSize {
		p := posting(list[:postingSize])
		list = list[postingSize:]
		id := p.id()
		v := uint32(0)
		for {
			switch {
			case f.day[p[5]] && f.year[p[4]]:
				v = 5 * value / 2
			case f.year[p[4]]:
				v = max(v, 3*value/2)
			case f.any || !wide:
				v = max(v, value)
			}
			if len(list) < postingSize || binary.BigEndian.Uint32(list) != id {
				break
			}
			p = posting(list[:postingSize])
			list = list[postingSize:]
		}
		switch {
		case v == 0:
		case known:
			t.more(id, v)
		case b.count > 0:
			b.count--
			t.add(id, v)
		default:
			t.more(id, v)
		}
	}
}

// maxSharing is how many persons may share a date of birth for it to find
// them: among a thousand persons a common date is a coincidence worth a look,
// among a million it is forty strangers.
const maxSharing = 4

// collectKey counts who is listed under a key that is no name. Of a date of
// birth only when few are.
func (x *Index) collectKey(keys *bbolt.Bucket, g *group, list listTag, t *tally, b *budget) error {
	value := uint32(1024 * g.weight)
	var ids []uint32
	var plain []byte
	c := keys.Cursor()
	for k, v := c.Seek(list[:]); isChunk(k, list) && b.count > 0; k, v = c.Next() {
		var err error
		if plain, err = x.seal.openChunk(plain[:0], k, v); err != nil {
			return err
		}
		for p := range slices.Chunk(plain, postingSize) {
			b.count--
			if id := posting(p).id(); len(ids) == 0 || ids[len(ids)-1] != id {
				if ids = append(ids, id); g.few && len(ids) > maxSharing {
					return nil
				}
			}
		}
	}
	for _, id := range ids {
		t.add(id, value)
	}
	return nil
}

// scoring is what is left of the bounds of one Find while candidates are scored.
type scoring struct {
	query  *match.Subject
	own    int // tokens of the query
	least  match.Tier
	budget int
	idle   int // candidates in a row that are no lead
	tokens int // of the largest candidate that was a hit
}

// rescore scores the candidates exactly.
func (x *Index) rescore(persons *bbolt.Bucket, s *scoring, candidates []counted, r *reader) ([]Hit, error) {
	var hits []Hit
	var id [4]byte
	at := persons.Cursor()
	for _, c := range candidates {
		if s.budget <= 0 || s.idle >= patience {
			break
		}
		binary.BigEndian.PutUint32(id[:], c.person)
		found, sealed := at.Seek(id[:])
		if !bytes.Equal(found, id[:]) {
			continue
		}
		e, err := r.open(x.seal, id[:], sealed)
		if err != nil {
			return nil, err
		}
		s.budget -= s.own * e.subject.Tokens()
		res := match.Score(s.query, e.subject)
		if res.Tier >= s.least {
			hits = append(hits, Hit{Ref: string(e.ref), Origin: string(e.origin), Result: res})
			s.tokens = max(s.tokens, e.subject.Tokens())
		}
		if res.Tier >= match.Possible {
			s.idle = -1
		}
		s.idle++
	}
	return hits, nil
}
