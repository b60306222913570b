package node

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"github.com/prometheus/client_golang/prometheus"
)

// Status is what the node says about itself; nothing in it is personal.
func (n *Node) Status() api.Status {
	v := n.view.Load()
	s := api.Status{
		State: n.state, Node: n.own, Network: v.Network(), NetworkName: v.Name(), Exercise: v.Exercise(),
		Version: n.cfg.Version, Started: n.start, Records: n.records(), Cursor: n.store.Last(),
		Peers: len(n.host.Peers()), Members: len(v.Nodes()) - 1, Persons: n.index.Persons(),
		Addrs: n.host.Addrs(), LastSync: n.exchange.LastSync(), RosterVersion: v.Version(),
	}
	me, _ := v.Node(n.own)
	s.Begins, s.Ends = me.NotBefore, me.NotAfter
	g := n.desk.Growth(time.Now())
	s.Growth = api.Growth{Burst: g.Burst, Used: g.Used, Rate: g.Rate, Free: g.Free}
	s.Topics = n.store.Topics().List()
	if unchecked, err := n.store.Unchecked(); err == nil {
		s.Unchecked = unchecked
	}
	s.Inbox = n.desk.Waits()
	if items, err := n.desk.Outbox(); err == nil {
		s.Outbox = len(items)
	}
	if forks, err := n.store.Forks(); err == nil {
		for _, f := range forks {
			if right, _ := v.Right(f.Log); right.Closing == nil { // settled else
				s.Forks++
			}
		}
	}
	s.JudgingLeft = n.store.Judging().Left()
	understood := n.notYetAlarm(&s)
	if ok, why := n.gate.ready(); !ok {
		s.Reasons = append(s.Reasons, why)
	}
	if others := n.others(); others > 0 && s.Peers == 0 {
		s.Reasons = append(s.Reasons, "isolated: no other node is connected")
	}
	if err := n.room(); err != nil {
		s.Reasons = append(s.Reasons, err.Error())
	}
	indexing := n.indexAlarm()
	if indexing != "" {
		s.Reasons = append(s.Reasons, indexing)
	}
	s.Ready = len(s.Reasons) == 0
	s.Stuck = me.Closing != nil || n.forked() != ""
	w := n.gossip.Watch()
	s.States, s.Heard, s.Silent = w.States, w.Heard, w.Silent
	s.ClockAhead, s.Clocks = n.clocks()
	s.Alarms = append(alarms(w, s.ClockAhead, s.Clocks), n.rosterAlarms()...)
	s.Alarms = append(s.Alarms, n.journalAlarms()...)
	for _, line := range []string{indexing, n.forkAlarm(), n.windowAlarm(time.Now()), n.diskAlarm(), n.scrub.alarm(n.store), n.gate.alarm(), n.growthAlarm(time.Now()), understood} {
		if line != "" {
			s.Alarms = append(s.Alarms, line)
		}
	}
	s.Alarms = append(s.Alarms, n.lateAlarms()...)
	s.Alarms = append(s.Alarms, n.desk.Fishing(time.Now())...)
	s.Alarms = append(s.Alarms, n.desk.Crowded()...)
	return s
}

// growthAlarm tells that the own log has nearly used up what it may take at once.
func (n *Node) growthAlarm(now time.Time) string {
	g := n.desk.Growth(now)
	if !g.Near() {
		return ""
	}
	return fmt.Sprintf("growth: this node's log has used %d of the %d bytes that the policy lets it take at once; over that, what is published waits in the outbox", g.Used, g.Burst)
}

// alarms are what a person has to look into. They do not stop the node: data
// keeps flowing, and only the gate keeps it from signing.
func alarms(w reconcile.Watch, ahead time.Duration, clocks int) []string {
	var out []string
	if w.Eclipsed {
		out = append(out, fmt.Sprintf("eclipse: %d of %d member States heard in ten minutes; this node may be cut off", w.Heard, w.States))
	}
	if clocks > 0 && ahead.Abs() > reconcile.ClockAlarm {
		out = append(out, fmt.Sprintf("clock: this node's clock is %s the median of %d others", offset(ahead), clocks))
	}
	return out
}

// records counts the records of all logs held.
func (n *Node) records() uint64 {
	var sum uint64
	for _, h := range n.store.Heads() {
		sum += h.Size
	}
	return sum
}

// registerMetrics adds what the parts do not count themselves.
func (n *Node) registerMetrics() {
	gauge := func(name, help string, f func() float64) {
		n.cfg.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "herald_" + name, Help: help}, f))
	}
	gauge("records", "Records held, of all logs.", func() float64 { return float64(n.records()) })
	gauge("peers", "Nodes connected.", func() float64 { return float64(len(n.host.Peers())) })
	gauge("persons", "Persons that match requests are answered from.", func() float64 { return float64(n.index.Persons()) })
	n.registerIndexMetrics(gauge)
	n.registerJudgingMetrics(gauge)
	gauge("unchecked_signatures", "Records stored on a later one's signature whose own is not checked yet.", func() float64 {
		unchecked, _ := n.store.Unchecked()
		return float64(unchecked)
	})
	gauge("roster_version", "Accepted roster changes.", func() float64 { return float64(n.view.Load().Version()) })
	gauge("member_states", "Member States with a node that may speak, this one included.", func() float64 { return float64(n.gossip.Watch().States) })
	gauge("heard_states", "Of these, heard in the last ten minutes.", func() float64 { return float64(n.gossip.Watch().Heard) })
	gauge("beacon_ahead_nodes", "Nodes whose beacon names more of their own log than is held here.", func() float64 {
		return float64(n.gossip.Watch().Behind)
	})
	gauge("beacon_short_nodes", "Nodes whose beacon names less of their own log than was held here.", func() float64 {
		return float64(n.gossip.Watch().Short)
	})
	gauge("clock_offset_seconds", "Median of the others' clocks against this node's; positive: theirs are ahead.", func() float64 {
		ahead, _ := n.clocks()
		return ahead.Seconds()
	})
	gauge("rotten_records", "Stored records that have rotted and wait for a copy.", func() float64 {
		records, _ := n.store.Rot()
		return float64(records)
	})
	gauge("rotten_bodies", "Stored bodies that have rotted and wait for a copy.", func() float64 {
		_, bodies := n.store.Rot()
		return float64(bodies)
	})
	gauge("scrub_progress", "Part of all records that the scrub has read in this round.", func() float64 {
		done, _ := n.scrub.progress(n.records())
		return done
	})
	gauge("scrub_last_round_seconds", "When the scrub last came to the end of all records, as Unix time; 0: not since the start.", func() float64 {
		_, last := n.scrub.progress(0)
		return float64(max(0, last.Unix()))
	})
	n.cfg.Registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "herald_root_records_total", Help: "Records of root logs given to the roster, each once.",
	}, func() float64 { return float64(n.rootReads.Load()) }))
	alarm := func(name string, on func() bool) {
		n.cfg.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "herald_alarm", Help: "1 while an alarm holds.", ConstLabels: prometheus.Labels{"alarm": name},
		}, func() float64 {
			if on() {
				return 1
			}
			return 0
		}))
	}
	alarm("eclipse", func() bool { return n.gossip.Watch().Eclipsed })
	alarm("clock", func() bool {
		ahead, clocks := n.clocks()
		return clocks > 0 && ahead.Abs() > reconcile.ClockAlarm
	})
	alarm("index", func() bool { return n.indexAlarm() != "" })
	alarm("understood", func() bool { return n.notYet() > 0 })
	alarm("growth", func() bool { return n.growthAlarm(time.Now()) != "" })
	alarm("disk", func() bool { return n.diskAlarm() != "" })
	alarm("restored", func() bool { return n.gate.alarm() != "" })
	alarm("journal", func() bool { return len(n.journalAlarms()) > 0 })
	alarm("rot", func() bool { return n.scrub.alarm(n.store) != "" })
	alarm("inbox", func() bool { return len(n.desk.Crowded()) > 0 })
	alarm("fishing", func() bool { return len(n.desk.Fishing(time.Now())) > 0 })
	alarm("roster", func() bool { return len(n.rosterAlarms()) > 0 })
	alarm("fork", func() bool { return n.forkAlarm() != "" })
	alarm("delegation", func() bool { return n.windowAlarm(time.Now()) != "" })
	gauge("delegation_ends_seconds", "When this node's key ends without a renewal, as Unix time; 0: its log is closed.", func() float64 {
		me, _ := n.view.Load().Node(n.own)
		if me.Closing != nil {
			return 0
		}
		return float64(me.NotAfter.Time().Unix())
	})
	gauge("ready", "1 when the node may sign and is connected.", func() float64 {
		if n.Status().Ready {
			return 1
		}
		return 0
	})
}

func (n *Node) apiConfig() api.Config {
	cfg := api.Config{
		Metrics: n.cfg.Metrics, Gatherer: n.cfg.Registry, Log: n.cfg.Log.With("component", "api"),
		Backend: api.Backend{
			Publish: n.desk.Publish, Outbox: n.desk.Outbox, SignNow: n.desk.SignNow, Discard: n.desk.Discard, Retract: n.desk.Retract,
			List: n.List, Tail: n.Tail, Get: n.Get, ListEntry: n.desk.ListEntry, Record: n.Record,
			Match: n.desk.Match, Inbox: n.Inbox, InboxShow: n.InboxShow, Release: n.Release, Refuse: n.Refuse,
			Import: n.Import, Lists: n.desk.Lists, RemoveList: n.RemoveList,
			Mute: n.Mute, Mutes: n.mutes.list, Peers: n.Peers, Status: n.Status, JournalVerify: n.JournalVerify,
			Journal: n.note, JournalRead: n.journal.Read, JournalErase: n.JournalErase,
			JournalHeads: n.JournalHeads, JournalAccept: n.JournalAccept,
			Backup: n.Backup, RosterFile: n.RosterFile, RosterSubmit: n.RosterSubmit, NodeHeads: n.NodeHeads,
		},
	}
	if !n.cfg.NoAPI {
		cfg.Socket = n.cfg.path(FileSocket)
	}
	return cfg
}

// Peers lists the connected nodes.
func (n *Node) Peers() []api.Peer {
	var out []api.Peer
	for _, p := range n.host.Peers() {
		out = append(out, api.Peer{Node: p.Node, State: p.State, Addr: p.Addr, Inbound: p.Inbound, Since: p.Since})
	}
	return out
}

// Record gives one record as it travelled, by a unique prefix of its id. A
// body that may not be shown, or not be copied out, is not in it.
func (n *Node) Record(prefix string) ([]byte, error) {
	row, unreadable, err := n.feed.Export(prefix)
	if err != nil {
		return nil, err
	}
	if unreadable == ct.UnreadableUnsettled {
		return nil, fmt.Errorf("record %s: %w: %s", row.ID.Short(), api.ErrConflict, ct.UnreadableUnsettled)
	}
	raws, err := n.store.Range(row.Header.Log, row.Header.Seq, 1, 1<<20)
	if err != nil {
		return nil, err
	}
	if len(raws) != 1 {
		return nil, feed.ErrNotFound
	}
	if unreadable == "" {
		return raws[0], nil
	}
	e, err := wire.Decode(raws[0])
	if err != nil {
		return nil, err
	}
	e.Salt, e.Body = nil, nil
	return wire.Encode(e), nil
}

// Publish signs a notification, or keeps it in the outbox until it may be signed.
func (n *Node) Publish(ctx context.Context, c *ct.Notification, o desk.PublishOptions) (desk.Receipt, error) {
	return n.desk.Publish(ctx, c, o)
}

// Retract hides a record of this State on every node and has it erased after the grace.
func (n *Node) Retract(ctx context.Context, id ct.ID, r ct.Retraction, operator string, accept ...string) (desk.Receipt, error) {
	return n.desk.Retract(ctx, id, r, operator, accept...)
}

// List gives entries in arrival order after a cursor.
func (n *Node) List(f feed.Filter, after uint64, max int) ([]ct.Entry, uint64, error) {
	entries, next, err := n.feed.List(f, after, max)
	for i := range entries {
		entries[i].Release = nil // shown one at a time, by Get
	}
	return entries, next, err
}

// Get finds a record by a unique prefix of its id, with its history.
func (n *Node) Get(prefix string) (ct.Entry, []ct.Entry, error) {
	return n.feed.Get(prefix)
}

// Tail calls fn for every entry after a cursor until ctx ends.
func (n *Node) Tail(ctx context.Context, f feed.Filter, after uint64, fn func(ct.Entry) error) error {
	return n.feed.Tail(ctx, f, after, func(e ct.Entry) error {
		e.Release = nil // shown one at a time, by Get
		return fn(e)
	})
}

// Match asks States whether they know a person.
func (n *Node) Match(ctx context.Context, q desk.MatchQuery, each func(desk.MatchAnswer) error) (desk.MatchSummary, error) {
	return n.desk.Match(ctx, q, each)
}

// Inbox lists the match requests that wait for a person, and the answers that
// were POSSIBLE with what became of them.
func (n *Node) Inbox() ([]desk.InboxItem, error) { return n.desk.Inbox() }

// InboxShow gives one item of the inbox whole; the journal holds that first.
func (n *Node) InboxShow(id, operator string) (desk.InboxShown, error) {
	return n.desk.InboxShow(id, operator)
}

// Release answers a waiting request with the details that may go out.
func (n *Node) Release(ctx context.Context, id string, o desk.ReleaseOptions) (desk.Receipt, *ct.MatchRelease, error) {
	return n.desk.Release(ctx, id, o)
}

// Refuse drops a waiting request, for a reason that is journalled.
func (n *Node) Refuse(id, reason, operator string) error { return n.desk.Refuse(id, reason, operator) }

// Import imports a list of this State's own. When it returns without an error,
// matches find its persons.
func (n *Node) Import(ctx context.Context, o desk.ImportOptions, r io.Reader, p desk.ImportProgress) (desk.ImportResult, error) {
	res, err := n.desk.Import(ctx, o, r, p)
	return res, n.findable(ctx, o.List, res, err)
}

// ImportPersons imports a list in JSON.
func (n *Node) ImportPersons(ctx context.Context, list string, r io.Reader, p desk.ImportProgress) (desk.ImportResult, error) {
	return n.Import(ctx, desk.ImportOptions{List: list, Form: desk.FormPersons}, r, p)
}

// RemoveList takes one of this State's own lists away.
func (n *Node) RemoveList(ctx context.Context, list string) (persons int, err error) {
	return n.desk.RemoveList(ctx, list)
}
