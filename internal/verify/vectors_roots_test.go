package verify_test

import (
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// rootVector is a record and what a roster makes of it that has applied records
// of root logs before. Reason is empty when it is chained.
type rootVector struct {
	Name    string        `json:"name"`
	Network string        `json:"network"`
	Roots   []string      `json:"roots"`
	Reason  verify.Reason `json:"reason,omitempty"`
	Verdict string        `json:"verdict"`
	Now     int64         `json:"now,omitempty"` // when it is judged, if not at that of network.json
	Bytes   string        `json:"bytes"`
}

// rootLog signs further records of a State's root log.
type rootLog struct {
	w    *world
	by   string
	at   wire.Next
	raws []string
}

func (w *world) rootLog(s ct.State) *rootLog {
	m, _ := w.view[exercise].Member(s)
	at, _ := w.view[exercise].RootNext(m.Root)
	return &rootLog{w: w, by: string(s) + " root", at: at}
}

func (l *rootLog) add(kind ct.Kind, content []byte) *rootLog {
	return l.dated(issued, uint32(kind), content)
}

func (l *rootLog) dated(at time.Time, kind uint32, content []byte) *rootLog {
	d := l.w.draft(0, ct.TopicControl, content)
	d.h.Kind = kind
	l.at.Put(&d.h, l.w.line(l.by))
	d.by, d.h.Issued, d.h.TLP = l.by, ct.MillisOf(at), uint32(ct.TLPGreen)
	d.h.Offset = max(l.at.End, l.w.line(l.by).At(d.h.Issued)) // a root key may date back
	raw := l.w.raw(d)
	e, err := wire.Decode(raw)
	if err != nil {
		panic(err)
	}
	l.at = e.Header.After(wire.ID(l.w.view[exercise].Network(), e.HeaderBytes), len(e.HeaderBytes))
	l.raws = append(l.raws, hex.EncodeToString(raw))
	return l
}

func rootVectors(w *world) []rootVector {
	var out []rootVector
	add := func(name string, l *rootLog, d *draft, why verify.Reason) {
		verdict := verify.Accept
		if why != "" {
			verdict = verify.Ignore
		}
		x := rootVector{Name: name, Network: exercise, Roots: l.raws, Reason: why, Verdict: verdict.String(), Bytes: hex.EncodeToString(w.raw(d))}
		if d.h.Issued > ct.MillisOf(now) {
			x.Now = int64(d.h.Issued)
		}
		out = append(out, x)
	}
	at := func(seq uint64) *draft {
		d := w.draft(ct.KindNotification, ct.TopicTravel, body(notification(ct.TopicTravel)))
		d.h.Seq = seq
		return d
	}
	id := func(d *draft) ct.ID { return wire.ID(w.view[exercise].Network(), w.header(d)) }
	closing := func(seq uint64, last ct.ID) []byte {
		return body(&ct.Closing{Log: key("UTO 1").Public(), Seq: seq, ID: last, Reason: "forked"})
	}
	closed := func() *rootLog { return w.rootLog("UTO").add(ct.KindClosing, closing(7, id(at(7)))) }
	first, _ := w.view[exercise].Node(key("UTO 1").Public())

	add("the record that the closing names", closed(), at(7), "")
	add("a record before the closing", closed(), at(6), "")
	add("a record before the closing, issued after the delegation's end", closed(), at(6).with(func(d *draft) {
		d.h.Issued, d.h.Expires = first.NotAfter, first.NotAfter+1
	}), "")
	add("another record at the seq of the closing", closed(), at(7).with(func(d *draft) { d.h.Prev[0] ^= 1 }), verify.Disowned)
	add("a record after the closing", closed(), at(8), verify.Disowned)
	add("a record after the closing, dated before it", closed(), at(8).with(func(d *draft) { d.h.Issued = first.NotBefore }), verify.Disowned)
	add("the first record of a log closed at 0", w.rootLog("UTO").add(ct.KindClosing, closing(0, first.Delegation)), at(1), verify.Disowned)
	add("a closing at 0 that does not name the delegation has no effect", w.rootLog("UTO").add(ct.KindClosing, closing(0, ct.ID{1})), at(1), "")
	add("a second closing has no effect", closed().add(ct.KindClosing, closing(9, ct.ID{9})), at(8), verify.Disowned)
	add("nor has one at the same record", closed().add(ct.KindClosing, closing(7, ct.ID{9})), at(7), "")
	lower := closed().add(ct.KindClosing, closing(5, id(at(5))))
	add("a later closing at a lower record ends the log there", lower, at(7), verify.Disowned)
	add("the record that the lower closing names", lower, at(5), "")
	add("after the lower closing, one at the record of the first has no effect", closed().add(ct.KindClosing, closing(5, id(at(5)))).
		add(ct.KindClosing, closing(7, id(at(7)))), at(6), verify.Disowned)
	add("a closing by another State has no effect", w.rootLog("NOR").add(ct.KindClosing, closing(7, id(at(7)))), at(8), "")
	add("the other node of the State", closed(), at(8).with(func(d *draft) { d.by = "UTO 2" }), "")

	late := func() *draft {
		return at(7).with(func(d *draft) { d.h.Issued, d.h.Expires = first.NotAfter, first.NotAfter+1 })
	}
	renew := func(until ct.Millis) []byte {
		return body(&ct.Renewal{Node: key("UTO 1").Public(), NotAfter: until})
	}
	most := ct.MillisOf(issued.Add(400 * day))
	add("issued after the delegation's end", w.rootLog("UTO"), late(), verify.HeldDelegation)
	add("issued after the delegation's end, renewed", w.rootLog("UTO").add(ct.KindRenewal, renew(most)), late(), "")
	add("a renewal over 400 days has no effect", w.rootLog("UTO").add(ct.KindRenewal, renew(most+1)), late(), verify.HeldDelegation)
	add("a renewal to an earlier end has no effect", w.rootLog("UTO").add(ct.KindRenewal, renew(first.NotBefore+1)), at(7), "")
	add("a closed log is not renewed", closed().add(ct.KindRenewal, renew(most)), at(8), verify.Disowned)
	add("a delegation of a closed log's key has no effect", closed().add(ct.KindDelegation, body(&ct.Delegation{
		State: "UTO", Serial: 3, Node: key("UTO 1").Public(), NotBefore: first.NotBefore, NotAfter: first.NotAfter,
		Proof: agreed(key("UTO 1"), "UTO", key("UTO root").Public()),
	})), at(8), verify.Disowned)

	span := func(serial uint64, n int, from, until ct.Millis) []byte {
		k := key(fmt.Sprintf("UTO %d", n))
		return body(&ct.Delegation{
			State: "UTO", Serial: serial, Node: k.Public(), NotBefore: from, NotAfter: until,
			Proof: agreed(k, "UTO", key("UTO root").Public()),
		})
	}
	begin := ct.MillisOf(issued)
	later := begin + ct.Millis((10 * day).Milliseconds())
	of := func(n int) *draft {
		return at(1).with(func(d *draft) { d.by = fmt.Sprintf("UTO %d", n) })
	}
	eight := func() *rootLog { // six beside the founders' two, until later
		l := w.rootLog("UTO")
		for n := 3; n <= 8; n++ {
			l.add(ct.KindDelegation, span(uint64(n), n, begin, later))
		}
		return l
	}
	add("an eighth node", eight(), of(8), "")
	add("a ninth node has no effect", eight().add(ct.KindDelegation, span(9, 9, later-1, later+1)), of(9), verify.Stranger)
	add("nor has it when its record is dated otherwise", eight().dated(founded, uint32(ct.KindDelegation), span(9, 9, begin, later)), of(9), verify.Stranger)
	add("a ninth key whose window begins where six others end", eight().add(ct.KindDelegation, span(9, 9, later, later+1)),
		of(9).with(func(d *draft) { d.h.Issued, d.h.Expires = later, later+1 }), "")
	sixMore := eight()
	for n := 9; n <= 14; n++ {
		sixMore.add(ct.KindDelegation, span(uint64(n), n, later, later+2))
	}
	add("a renewal into the windows of eight others has no effect",
		sixMore.add(ct.KindRenewal, body(&ct.Renewal{Node: key("UTO 3").Public(), NotAfter: later + 1})),
		of(3).with(func(d *draft) { d.h.Issued, d.h.Expires = later, later+1 }), verify.HeldDelegation)
	add("a window that begins a day before its record", w.rootLog("UTO").add(ct.KindDelegation, span(3, 3, begin-ct.Millis(day.Milliseconds()), later)), of(3), "")
	add("one that begins earlier has no effect", w.rootLog("UTO").add(ct.KindDelegation, span(3, 3, begin-ct.Millis(day.Milliseconds())-1, later)), of(3), verify.Stranger)
	add("nor when its record is dated before the one before it", w.rootLog("UTO").add(ct.KindNotification, []byte("x")).
		dated(founded, uint32(ct.KindDelegation), span(3, 3, begin-ct.Millis(day.Milliseconds())-1, later)), of(3), verify.Stranger)
	add("a window that ends 400 days after its record", w.rootLog("UTO").add(ct.KindDelegation, span(3, 3, begin, most)), of(3), "")
	add("one that ends later has no effect", w.rootLog("UTO").add(ct.KindDelegation, span(3, 3, begin+1, most+1)), of(3), verify.Stranger)
	add("the end of a founding delegation", w.rootLog("UTO"), at(7).with(func(d *draft) {
		d.h.Issued, d.h.Expires = first.NotAfter-1, first.NotAfter
	}), "")

	stop := func(kind uint32, content []byte) *rootLog {
		return w.rootLog("UTO").dated(issued, kind, content).add(ct.KindClosing, closing(7, id(at(7))))
	}
	for _, kind := range []uint32{0, uint32(ct.KindRootRotation), uint32(ct.KindAmendment), uint32(ct.KindVote), uint32(ct.KindCheckpoint) + 1, 1<<32 - 1} {
		add(fmt.Sprintf("kind %d, which version 1 does not know, stops the root log", kind), stop(kind, []byte("x")), at(8), "")
	}
	add("what follows it is skipped, whatever it is", w.rootLog("UTO").dated(issued, 1<<32-1, []byte("x")).dated(issued, 0, []byte("x")).
		add(ct.KindNotification, []byte("x")).add(ct.KindRenewal, renew(most)).add(ct.KindClosing, closing(7, id(at(7)))), at(8), "")
	add("what came before it stands", closed().dated(issued, 0, []byte("x")).add(ct.KindClosing, closing(5, id(at(5)))), at(7), "")
	add("a closing that cannot be read stops the root log", stop(uint32(ct.KindClosing), []byte("x")), at(8), "")
	add("a renewal that cannot be read stops the root log", stop(uint32(ct.KindRenewal), []byte("x")), at(8), "")
	add("a delegation that cannot be read does not", stop(uint32(ct.KindDelegation), []byte("x")), at(8), verify.Disowned)
	for _, kind := range []ct.Kind{ct.KindNotification, ct.KindRetract, ct.KindAddress, ct.KindForkProof, ct.KindCheckpoint} {
		add(fmt.Sprintf("kind %d, of node logs, does not", kind), stop(uint32(kind), []byte("x")), at(8), verify.Disowned)
	}
	return out
}

func TestRootVectors(t *testing.T) {
	built := rootVectors(newWorld(t))
	checkFile(t, "roots.json", encodeVectors(t, built))
	views := readViews(t)
	for _, x := range readVectors[[]rootVector](t, "roots.json") {
		v := views[x.Network]
		for i, raw := range x.Roots {
			r, err := verify.Open(unhex(t, raw), v, now)
			if err != nil || !r.Root() {
				t.Fatalf("%s: record %d of the root log: %v", x.Name, i, err)
			}
			var op roster.Operation
			if r.Inadmissible() == "" {
				if op, err = roster.ReadOperation(r.Header().Kind, r.Body()); err != nil {
					t.Fatalf("%s: record %d of the root log: %v", x.Name, i, err)
				}
			}
			v, _ = v.Apply(r.Header(), r.ID(), op) // an error is a record without effect
		}
		at := now
		if x.Now != 0 {
			at = ct.Millis(x.Now).Time()
		}
		_, err := verify.Open(unhex(t, x.Bytes), v, at)
		why, _ := err.(*verify.Error)
		switch {
		case err == nil && x.Reason == "" && x.Verdict == verify.Accept.String():
		case why != nil && why.Reason == x.Reason && why.Verdict().String() == x.Verdict:
		default:
			t.Errorf("%s: got %v, want %q", x.Name, err, x.Reason)
		}
	}
	// A closing lets in what it vouches for, however late it comes.
	for _, x := range built[:2] {
		v := views[exercise]
		r, err := verify.Open(unhex(t, x.Roots[0]), v, now)
		if err != nil {
			t.Fatal(err)
		}
		op, _ := roster.ReadOperation(r.Header().Kind, r.Body())
		closed, err := v.Apply(r.Header(), r.ID(), op)
		if err != nil {
			t.Fatal(err)
		}
		after := now.Add(1000 * 24 * time.Hour)
		if _, err := verify.Open(unhex(t, x.Bytes), v, after); err == nil {
			t.Errorf("%s: an ended delegation let it in", x.Name)
		}
		if _, err := verify.Open(unhex(t, x.Bytes), closed, after); err != nil {
			t.Errorf("%s, after the delegation's end: %v", x.Name, err)
		}
	}
}
