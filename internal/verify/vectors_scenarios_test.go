package verify_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// A scenario is records, orders in which a node may meet them, and what it holds
// and shows in the end.
type (
	scenarioVector struct {
		Name    string           `json:"name"`
		Network string           `json:"network"`
		Now     ct.Millis        `json:"now"`
		Records []scenarioRecord `json:"records"`
		Runs    []scenarioRun    `json:"runs"`
	}
	scenarioRecord struct {
		Name  string `json:"name"`
		Bytes string `json:"bytes"`
	}
	// scenarioRun is an order of names, with "restart" in between, and the end.
	scenarioRun struct {
		Order []string    `json:"order"`
		End   scenarioEnd `json:"end"`
	}
	scenarioEnd struct {
		Logs         []scenarioLog            `json:"logs"`         // of which something is held beyond the founding, by name of the key
		Hidden       []string                 `json:"hidden"`       // by a RETRACT
		Inadmissible map[string]verify.Reason `json:"inadmissible"` // held, and its content not shown
		Nodes        []scenarioNode           `json:"nodes"`        // by name of the key
	}
	scenarioLog struct {
		Log       string `json:"log"`
		Size      uint64 `json:"size"`
		Head      string `json:"head"`
		Contested uint64 `json:"contested,omitempty"` // from this seq on
	}
	scenarioNode struct {
		Node      string    `json:"node"`
		NotBefore ct.Millis `json:"not_before"`
		NotAfter  ct.Millis `json:"not_after"`
		Closed    *uint64   `json:"closed,omitempty"` // the seq that the closing names
		Live      bool      `json:"live"`             // it may speak now
	}
)

const restart = "restart"

// staging is a scenario in the making.
type staging struct {
	w *world
	v scenarioVector
}

func (w *world) scene(name string) *staging {
	return &staging{w: w, v: scenarioVector{Name: name, Network: exercise, Now: ct.MillisOf(now)}}
}

// chain is a log in the making; a copy of it is a branch.
type chain struct {
	s  *staging
	by string
	at wire.Next
}

func (s *staging) node(by string) chain {
	n, _ := s.w.view[exercise].Node(key(by).Public())
	return chain{s, by, wire.First(n.Delegation)}
}

func (s *staging) root(state ct.State) chain {
	l := s.w.rootLog(state)
	return chain{s, l.by, l.at}
}

// add signs the next record and gives what refers to it.
func (c *chain) add(name string, kind ct.Kind, content []byte, change func(*draft)) ct.Ref {
	topic := map[ct.Kind]ct.Topic{ct.KindNotification: ct.TopicTravel, ct.KindRetract: ct.TopicTravel}[kind]
	if topic == 0 {
		topic = ct.TopicControl
	}
	d := c.s.w.draft(kind, topic, content)
	d.by = c.by
	c.at.Put(&d.h, c.s.w.line(c.by))
	if change != nil {
		change(d)
	}
	raw := c.s.w.raw(d)
	e, err := wire.Decode(raw)
	if err != nil {
		panic(err)
	}
	id := wire.ID(c.s.w.view[exercise].Network(), e.HeaderBytes)
	c.at = e.Header.After(id, len(e.HeaderBytes))
	c.s.v.Records = append(c.s.v.Records, scenarioRecord{name, hex.EncodeToString(raw)})
	return ct.Ref{Log: e.Header.Log, Seq: e.Header.Seq, ID: id}
}

func (c *chain) notify(name string) ct.Ref {
	return c.add(name, ct.KindNotification, body(notification(ct.TopicTravel)), func(d *draft) { d.salt = salted(name) })
}

func salted(name string) []byte {
	s := seed("salt " + name)
	return s[:]
}

func (c *chain) retract(name string, refs ...ct.Ref) ct.Ref {
	return c.add(name, ct.KindRetract, body(&ct.Retraction{Reason: "error"}), func(d *draft) { d.h.Refs = refs })
}

func (c *chain) close(name string, at ct.Ref, reason string) ct.Ref {
	return c.add(name, ct.KindClosing, body(&ct.Closing{Log: at.Log, Seq: at.Seq, ID: at.ID, Reason: reason}), nil)
}

// run adds orders: as signed, the reverse, and the halves swapped, each with a
// restart in its middle, beside those given.
func (s *staging) run(orders ...[]string) {
	var names []string
	for _, r := range s.v.Records {
		names = append(names, r.Name)
	}
	back := slices.Clone(names)
	slices.Reverse(back)
	half := len(names) / 2
	swapped := slices.Concat(names[half:], names[:half])
	for _, o := range append([][]string{names, back, swapped}, orders...) {
		if !slices.Contains(o, restart) {
			o = slices.Insert(slices.Clone(o), len(o)/2, restart)
		}
		s.v.Runs = append(s.v.Runs, scenarioRun{Order: append(o, restart)})
	}
}

// scenes are the scenarios without their ends.
func scenes(w *world) (out []scenarioVector) {
	scene := func(name string, build func(*staging)) {
		s := w.scene(name)
		build(s)
		out = append(out, s.v)
	}
	scene("a stolen key signs RETRACTs, of its own closing too", func(s *staging) {
		log, other, root := s.node("UTO 1"), s.node("UTO 2"), s.root("UTO")
		one := log.notify("1")
		two := log.notify("2")
		closed := root.close("closing", two, "compromised")
		log.retract("thief: of the closing", closed)
		log.retract("thief: of 1", one)
		other.retract("second key: of the closing", closed)
		s.run([]string{"1", "2", "thief: of the closing", "thief: of 1", restart, "closing", "second key: of the closing"},
			[]string{"closing", restart, "second key: of the closing", "thief: of 1", "thief: of the closing", "2", "1"})
	})
	scene("a RETRACT before its target, and refs that are not exact", func(s *staging) {
		log, other, foreign := s.node("UTO 1"), s.node("UTO 2"), s.node("NOR 1")
		one := log.notify("1")
		two := log.notify("2")
		three := log.notify("3")
		four := log.notify("4")
		other.retract("of 1", one)
		other.retract("of 2 with another seq", ct.Ref{Log: two.Log, Seq: 3, ID: two.ID})
		other.retract("of 2 with another id", ct.Ref{Log: two.Log, Seq: 2, ID: three.ID})
		other.retract("of 2 with another log", ct.Ref{Log: key("UTO 2").Public(), Seq: 2, ID: two.ID})
		foreign.retract("of 3 by another State", three)
		by := other.add("of 4, its body unsound", ct.KindRetract, []byte("garbage"), func(d *draft) { d.h.Refs = []ct.Ref{four} })
		other.retract("of a RETRACT", by)
		s.run()
	})
	scene("a RETRACT without its body", func(s *staging) {
		log, other := s.node("UTO 1"), s.node("UTO 2")
		one := log.notify("1")
		other.add("of 1", ct.KindRetract, body(&ct.Retraction{Reason: "error"}), func(d *draft) { d.h.Refs, d.bare = []ct.Ref{one}, true })
		s.run()
	})
	scene("a log forks behind its head, or ahead of it", func(s *staging) {
		log := s.node("UTO 1")
		log.notify("1")
		log.notify("2")
		fork := log
		log.notify("3")
		log.notify("4")
		log.notify("5")
		fork.notify("3 again")
		s.run([]string{"3", "3 again", restart, "1", "2", "4", "5"}, []string{"1", "5", "4", "3 again", "3", restart, "2"})
	})
	scene("a record that says another offset is not chained", func(s *staging) {
		log := s.node("UTO 1")
		log.notify("1")
		wrong := log
		wrong.add("2 with another offset", ct.KindNotification, body(notification(ct.TopicTravel)), func(d *draft) { d.h.Offset++ })
		log.notify("2")
		s.run([]string{"1", "2 with another offset", restart, "2"})
		s.v.Runs = slices.DeleteFunc(s.v.Runs, func(r scenarioRun) bool { // after 2 the other one is a fork, which is another scenario
			return slices.Index(r.Order, "2") < slices.Index(r.Order, "2 with another offset")
		})
	})
	scene("a log that was idle begins at the line, and what it did not use is gone", func(s *staging) {
		log := s.node("UTO 1")
		dated := func(by time.Duration) func(*draft) {
			return func(d *draft) {
				d.h.Issued = ct.MillisOf(issued.Add(by))
				d.h.Offset = max(log.at.End, s.w.line("UTO 1").At(d.h.Issued))
			}
		}
		add := func(name string, change func(*draft)) {
			log.add(name, ct.KindNotification, body(notification(ct.TopicTravel)), func(d *draft) { d.salt = salted(name); change(d) })
		}
		add("1, thirteen days late", dated(-24*time.Hour))
		early, sound := log, log
		low := func(d *draft) { dated(-12 * time.Hour)(d); d.h.Offset = early.at.End }
		log = early
		add("2 where 1 ends, half a day later", low)
		log = sound
		add("2 at the line, half a day later", dated(-12*time.Hour))
		add("3 where 2 ends", dated(-12*time.Hour))
		s.v.Runs = nil
		for _, o := range [][]string{
			{"1, thirteen days late", "2 where 1 ends, half a day later", restart, "2 at the line, half a day later", "3 where 2 ends"},
			{"3 where 2 ends", "1, thirteen days late", restart, "2 where 1 ends, half a day later", "2 at the line, half a day later", "3 where 2 ends"},
		} {
			s.v.Runs = append(s.v.Runs, scenarioRun{Order: append(o, restart)})
		}
	})
	scene("a log has used up its burst: what is too early is held, what is later goes on", func(s *staging) {
		log := s.node("UTO 1")
		add := func(name string, by time.Duration) {
			log.add(name, ct.KindNotification, make([]byte, wire.MaxBodyBytes), func(d *draft) {
				d.salt, d.bare = salted(name), true
				d.h.Issued = ct.MillisOf(issued.Add(by))
				d.h.Offset = max(log.at.End, s.w.line("UTO 1").At(d.h.Issued))
			})
		}
		n := 1
		for right, _ := s.w.view[exercise].Right(key("UTO 1").Public()); log.at.End <= right.Growth.Room(ct.MillisOf(issued.Add(-24*time.Hour))); n++ {
			add(fmt.Sprint(n), -24*time.Hour)
		}
		early := log
		add(fmt.Sprintf("%d at once", n), -24*time.Hour)
		log = early
		add(fmt.Sprintf("%d an hour later", n), -23*time.Hour)
		add(fmt.Sprint(n+1), -23*time.Hour)
		s.run()
	})
	scene("a closing names one of two branches", func(s *staging) {
		log, root := s.node("UTO 1"), s.root("UTO")
		log.notify("1")
		fork := log
		log.notify("2")
		log.notify("3")
		fork.notify("2 again")
		end := fork.notify("3 again")
		fork.notify("4 again")
		root.close("closing", end, "forked")
		s.run([]string{"closing", restart, "1", "2", "3", "2 again", "3 again"}, []string{"1", "2 again", "2", "3", restart, "3 again", "closing"})
	})
	scene("a closing is shortened, and never lengthened", func(s *staging) {
		log, root := s.node("UTO 1"), s.root("UTO")
		log.notify("1")
		two := log.notify("2")
		three := log.notify("3")
		log.notify("4")
		root.close("closing at 3", three, "retired")
		root.close("closing at 2", two, "compromised")
		root.close("closing at 3 again", three, "error")
		s.run()
	})
	scene("kinds that version 1 does not know stop one root log", func(s *staging) {
		log, root, other := s.node("UTO 1"), s.root("UTO"), s.root("NOR")
		one := log.notify("1")
		log.notify("2")
		foreign := s.node("NOR 1")
		first := foreign.notify("of NOR")
		foreign.notify("second of NOR")
		root.add("kind 21", ct.KindVote, []byte("x"), nil)
		root.close("closing of UTO, after it", one, "lost")
		other.close("closing of NOR", first, "lost")
		s.run()
	})
	scene("a renewal lets in what came after the end", func(s *staging) {
		node, _ := w.view[exercise].Node(key("UTO 1").Public())
		log, root := s.node("UTO 1"), s.root("UTO")
		s.v.Now = node.NotAfter + ct.Millis((30 * day).Milliseconds())
		log.notify("before the end")
		log.add("after the end", ct.KindNotification, body(notification(ct.TopicTravel)), func(d *draft) {
			d.h.Issued, d.h.Expires = node.NotAfter+1, node.NotAfter+ct.Millis(day.Milliseconds())
		})
		root.add("renewal", ct.KindRenewal, body(&ct.Renewal{Node: node.Key, NotAfter: s.v.Now + 1}), func(d *draft) {
			d.h.Issued, d.h.Expires = node.NotAfter, node.NotAfter+ct.Millis(day.Milliseconds())
		})
		s.run()
	})
	scene("a new key of a State", func(s *staging) {
		root := s.root("UTO")
		k := key("UTO 3")
		from, until := ct.MillisOf(issued), ct.MillisOf(issued.Add(300*day))
		named := root.add("delegation", ct.KindDelegation, body(&ct.Delegation{
			State: "UTO", Serial: 3, Node: k.Public(), NotBefore: from, NotAfter: until, Proof: agreed(k, "UTO", key("UTO root").Public()),
		}), nil)
		log := chain{s, "UTO 3", wire.First(named.ID)}
		log.notify("1")
		log.notify("2")
		stranger := chain{s, "stranger", wire.First(named.ID)}
		stranger.notify("of a stranger")
		s.run()
	})
	return append(out, laterScenes(w)...)
}

// Every scenario, on a real store, in every order, with its restarts, ends as
// the vectors say; and all runs of one show the same but for what a fork leaves.
func TestScenarioVectors(t *testing.T) {
	w := newWorld(t)
	built := scenes(w)
	names := map[ct.LogID]string{}
	for _, n := range keyNames {
		names[key(n).Public()] = n
	}
	for i := range built {
		for j := range built[i].Runs {
			built[i].Runs[j].End = play(t, w, &built[i], built[i].Runs[j].Order, names)
		}
	}
	checkFile(t, "scenarios.json", encodeVectors(t, built))
	for _, x := range built {
		for _, r := range x.Runs[1:] {
			first := x.Runs[0].End
			if !slices.Equal(r.End.Hidden, first.Hidden) || !slices.EqualFunc(r.End.Nodes, first.Nodes, func(a, b scenarioNode) bool {
				return a.Node == b.Node && a.NotAfter == b.NotAfter && a.Live == b.Live && (a.Closed == nil) == (b.Closed == nil) && (a.Closed == nil || *a.Closed == *b.Closed)
			}) {
				t.Errorf("%s: the order %q ends with other hidden records or another roster", x.Name, r.Order)
			}
		}
	}
}
