package roster_test

import (
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node/ct"
)

// A closing ends a node's right to connect and makes room for another node;
// the log stays one of the network's. Nothing gives back what it took.
func TestClosing(t *testing.T) {
	v := view(t)
	l, k := openLog(t, v, "UTO"), node("UTO", 1).Public()
	was, _ := v.Right(k)
	apply := func(kind ct.Kind, op roster.Operation, want string) {
		t.Helper()
		h, id := l.next(uint32(kind))
		n, err := v.Apply(h, id, op)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
		if seq, head, _, _ := n.RootHead(h.Log); seq != h.Seq || head != id {
			t.Errorf("the root log is applied to %d", seq)
		}
		v = n
	}
	closing := func(seq uint64, id ct.ID) roster.Operation {
		return roster.Operation{Closing: &ct.Closing{Log: k, Seq: seq, ID: id, Reason: "lost"}}
	}
	apply(ct.KindClosing, closing(0, ct.ID{1}), "first delegation")
	apply(ct.KindClosing, roster.Operation{Closing: &ct.Closing{Log: key("new").Public(), Seq: 1, ID: ct.ID{1}, Reason: "lost"}}, "no node of this State")
	apply(ct.KindClosing, roster.Operation{Closing: &ct.Closing{Log: node("NOR", 1).Public(), Seq: 1, ID: ct.ID{1}, Reason: "lost"}}, "no node of this State")
	if !v.Live(k, founded) {
		t.Fatal("the node may not speak before the closing")
	}
	before := v.Version()
	apply(ct.KindClosing, closing(7, ct.ID{7}), "")
	r, ok := v.Right(k)
	if !ok || r.Closing == nil || r.Closing.Seq != 7 || r.Closing.ID != (ct.ID{7}) || r.First != was.First || v.Version() != before+1 {
		t.Errorf("right %+v, version %d", r, v.Version())
	}
	if v.Live(k, founded) {
		t.Error("the node of a closed log may connect")
	}
	for _, seq := range []uint64{9, 7} {
		apply(ct.KindClosing, closing(seq, ct.ID{9}), "only a closing at a lower record")
	}
	apply(ct.KindRenewal, roster.Operation{Renewal: &ct.Renewal{Node: k, NotAfter: was.NotAfter + 1}}, "final")
	apply(ct.KindDelegation, del(l.delegate(k, 0, 400)), "final")
	if r, _ := v.Right(k); r.Closing.Seq != 7 || r.Closing.ID != (ct.ID{7}) {
		t.Error("a second closing gave something back")
	}
	// A lower one takes more back: the seq was mistyped, or the key was in other hands earlier.
	apply(ct.KindClosing, closing(3, ct.ID{3}), "")
	if r, _ := v.Right(k); r.Closing.Seq != 3 || r.Closing.ID != (ct.ID{3}) || v.Version() != before+2 {
		t.Errorf("a lower closing: %+v", r.Closing)
	}
	apply(ct.KindClosing, closing(7, ct.ID{7}), "only a closing at a lower record")
	apply(ct.KindClosing, closing(0, ct.ID{1}), "first delegation")
	apply(ct.KindClosing, closing(0, was.First), "")
	for i := 2; i <= 9; i++ { // the first one is closed
		apply(ct.KindDelegation, del(l.delegate(node("UTO", i).Public(), 0, 400)), "")
	}
}

// A key whose window has ended may sync root logs for 60 days; one that has not
// begun, is in force or is closed is not such a key.
func TestEnded(t *testing.T) {
	v := view(t)
	k := node("UTO", 1).Public()
	n, _ := v.Node(k)
	end := n.NotAfter.Time()
	for _, x := range []struct {
		at          time.Time
		live, ended bool
	}{
		{n.NotBefore.Time().Add(-time.Millisecond), false, false},
		{end.Add(-time.Millisecond), true, false},
		{end, false, true},
		{end.Add(60*day - time.Millisecond), false, true},
		{end.Add(60 * day), false, false},
	} {
		if live, ended := v.Live(k, x.at), v.Ended(k, x.at); live != x.live || ended != x.ended {
			t.Errorf("at %v: live %v, ended %v", x.at, live, ended)
		}
	}
	if v.Ended(key("stranger").Public(), end) || v.Ended(root("UTO").Public(), end) {
		t.Error("a stranger or a root key has ended")
	}
	l := openLog(t, v, "UTO")
	h, id := l.next(uint32(ct.KindClosing))
	v, err := v.Apply(h, id, roster.Operation{Closing: &ct.Closing{Log: k, Seq: 7, ID: ct.ID{7}, Reason: "lost"}})
	if err != nil || v.Ended(k, end) {
		t.Errorf("a closed key has ended: %v", err)
	}
}

// What a root key signs follows its log and does something.
func TestSignOperation(t *testing.T) {
	v := view(t)
	k := node("UTO", 1).Public()
	n, _ := v.Node(k)
	op := roster.Operation{Renewal: &ct.Renewal{Node: k, NotAfter: n.NotAfter + 1}}
	_, h, next, err := v.SignOperation(root("UTO"), op, founded.Add(2*day))
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := next.Node(k); again.NotAfter != n.NotAfter+1 || h.Kind != uint32(ct.KindRenewal) {
		t.Errorf("node %+v", again)
	}
	for name, x := range map[string]struct {
		by string
		op roster.Operation
	}{
		"nothing":         {"UTO", roster.Operation{}},
		"without effect":  {"UTO", roster.Operation{Renewal: &ct.Renewal{Node: k, NotAfter: 1}}},
		"another State's": {"NOR", op},
		"invalid":         {"UTO", roster.Operation{Closing: &ct.Closing{Log: k, Seq: 1, ID: ct.ID{1}, Reason: "regret"}}},
	} {
		if _, _, _, err := v.SignOperation(root(ct.State(x.by)), x.op, founded.Add(2*day)); err == nil {
			t.Errorf("%s: it was signed", name)
		}
	}
	if _, _, _, err := v.SignOperation(key("stranger"), op, founded.Add(2*day)); err == nil {
		t.Error("a stranger signed")
	}
	// A file carries it.
	g := signed(t)
	raw, _, _, _ := v.SignOperation(root("UTO"), op, founded.Add(2*day))
	back, records, err := roster.ParseFile(roster.EncodeFile(g, [][]byte{raw}))
	if err != nil || back.Network() != g.Network() || len(records) != 1 || string(records[0]) != string(raw) {
		t.Errorf("the file: %d records, %v", len(records), err)
	}
	if _, records, err = roster.ParseFile(g.Encode()); err != nil || len(records) != 0 {
		t.Errorf("a genesis is a roster without records: %d, %v", len(records), err)
	}
	if _, _, err := roster.ParseFile([]byte(`{"herald":"roster 1","genesis":{},"records":[],"more":1}`)); err == nil {
		t.Error("a file with an unknown field was read")
	}
}

// FuzzRosterFile: a file may come from anybody.
func FuzzRosterFile(f *testing.F) {
	g := signed(f)
	f.Add(g.Encode())
	f.Add(roster.EncodeFile(g, [][]byte{{1, 2}}))
	f.Fuzz(func(t *testing.T, file []byte) {
		g, records, err := roster.ParseFile(file)
		if err != nil {
			return
		}
		again, more, err := roster.ParseFile(roster.EncodeFile(g, records))
		if err != nil || again.Network() != g.Network() || len(more) != len(records) {
			t.Fatalf("read, then not read again: %v", err)
		}
	})
}
