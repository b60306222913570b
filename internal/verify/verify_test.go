package verify_test

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

func open(w *world, raw []byte) (verify.Record, error) {
	return verify.OpenGossip(raw, w.view[exercise], ct.TopicTravel, now)
}

func TestOpenTellsWhatItProved(t *testing.T) {
	w := newWorld(t)
	d := w.draft(ct.KindNotification, ct.TopicTravel, body(notification(ct.TopicTravel)))
	raw := w.raw(d)
	r, err := open(w, raw)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := w.view[exercise].Node(key("UTO 1").Public())
	if r.State() != "UTO" || r.Root() || r.First() != n.Delegation || !r.HasBody() || r.Inadmissible() != "" ||
		r.Alg() != keys.AlgEd25519 || len(r.Sig()) != 64 || string(r.Salt()) != string(d.salt) || string(r.Body()) != string(d.body) {
		t.Errorf("record %+v", r)
	}
	d.by, d.bare = "UTO root", true
	if r, err = verify.Open(w.raw(d), w.view[exercise], now); err != nil {
		t.Fatal(err)
	}
	if !r.Root() || r.First() != ct.ID(w.view[exercise].Network()) || r.HasBody() || r.Body() != nil || r.Salt() != nil {
		t.Errorf("record %+v of a root log", r)
	}
}

// TestEveryBitCounts flips each bit of a gossiped record: header, signature,
// salt, body and the framing between them.
func TestEveryBitCounts(t *testing.T) {
	w := newWorld(t)
	d := w.draft(ct.KindNotification, ct.TopicTravel, body(notification(ct.TopicTravel)))
	d.h.Offset, d.h.Ext = 77, []byte{1, 2}
	d.h.Refs = []ct.Ref{{Log: key("NOR 1").Public(), Seq: 5, ID: ct.ID{6}}}
	raw := w.raw(d)
	if _, err := open(w, raw); err != nil {
		t.Fatal(err)
	}
	count := map[verify.Reason]int{}
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			_, err := open(w, raw)
			if err == nil {
				t.Errorf("bit %d of byte %d of %d makes no difference", bit, i, len(raw))
			} else {
				count[err.(*verify.Error).Reason]++
			}
			raw[i] ^= 1 << bit
		}
	}
	t.Logf("%d bytes: %v", len(raw), count)
	for _, why := range []verify.Reason{verify.NotARecord, verify.BadSignature, verify.BodyMismatch, verify.OtherNetwork, verify.BadAlgorithm} {
		if count[why] == 0 {
			t.Errorf("no bit is refused as %s", why)
		}
	}
}

func TestDelegationWindow(t *testing.T) {
	w := newWorld(t)
	n, _ := w.view[exercise].Node(key("UTO 1").Public())
	begins, ends := n.NotBefore.Time(), n.NotAfter.Time()
	for _, x := range []struct {
		name        string
		issued, now time.Time
		held        bool
	}{
		{"first moment", begins, now, false},
		{"before it", begins.Add(-time.Millisecond), now, true},
		{"last moment", ends.Add(-time.Millisecond), ends.Add(-time.Millisecond), false},
		{"at its end", ends, now, true},
		{"arrives at the last moment", issued, ends.Add(-time.Millisecond), false},
		{"arrives at the end, dated back", issued, ends, true},
		{"arrives a year later", issued, ends.Add(365 * day), true},
	} {
		d := w.draft(ct.KindNotification, ct.TopicTravel, body(notification(ct.TopicTravel)))
		d.h.Issued = ct.MillisOf(x.issued)
		_, err := verify.Open(w.raw(d), w.view[exercise], x.now)
		var why *verify.Error
		if held := errors.As(err, &why) && why.Reason == verify.HeldDelegation && why.Verdict() == verify.Ignore; held != x.held || (!held && err != nil) {
			t.Errorf("%s: got %v, want held %v", x.name, err, x.held)
		}
	}
	// A renewal lets in what was held.
	v := w.view[exercise]
	c := &ct.Delegation{State: "UTO", Serial: 3, Node: key("UTO 1").Public(), NotBefore: ct.MillisOf(ends), NotAfter: ct.MillisOf(ends.Add(400 * day))}
	var err error
	if c.Proof, err = roster.Agree(key("UTO 1"), "UTO", key("UTO root").Public()); err != nil {
		t.Fatal(err)
	}
	h := &wire.Header{Log: key("UTO root").Public(), Kind: uint32(ct.KindDelegation), Issued: c.NotBefore}
	at, _ := v.RootNext(h.Log)
	at.Put(h, v.Line(h.Log))
	v, err = v.Apply(h, ct.ID{1}, roster.Operation{Delegation: c})
	if err != nil {
		t.Fatal(err)
	}
	d := w.draft(ct.KindNotification, ct.TopicTravel, body(notification(ct.TopicTravel)))
	if _, err := verify.Open(w.raw(d), v, ends.Add(day)); err != nil {
		t.Errorf("after the renewal: %v", err)
	}
	// A root log has no window.
	d = w.draft(ct.KindDelegation, ct.TopicControl, body(c))
	d.by = "UTO root"
	if r, err := verify.Open(w.raw(d), w.view[exercise], ends.Add(3650*day)); err != nil || r.Inadmissible() != "" {
		t.Errorf("root log: %v, %s", err, r.Inadmissible())
	}
}

// A clock that is behind holds what is dated ahead of it, in node logs and root
// logs, closed or not; it lets it in when it has come near.
func TestFutureIsHeld(t *testing.T) {
	w := newWorld(t)
	for _, by := range []string{"UTO 1", "UTO root"} {
		d := w.draft(ct.KindNotification, ct.TopicTravel, nil)
		d.by = by
		raw := w.raw(d)
		for _, x := range []struct {
			behind time.Duration
			held   bool
		}{{0, false}, {10 * time.Minute, false}, {10*time.Minute + time.Millisecond, true}, {50 * 365 * day, true}} {
			_, err := verify.Open(raw, w.view[exercise], issued.Add(-x.behind))
			var why *verify.Error
			if held := errors.As(err, &why) && why.Reason == verify.Future && why.Verdict() == verify.Ignore; held != x.held || !held && err != nil {
				t.Errorf("%s, clock %v behind: %v, want held %v", by, x.behind, err, x.held)
			}
		}
	}
}

// How far a log may have grown follows from its header and the policy; the end of
// a log does not lift it.
func TestGrowthFollowsTheHeader(t *testing.T) {
	w := newWorld(t)
	v := w.view[exercise]
	room := w.room("UTO 1")
	open := func(v *roster.View, offset uint64) verify.Reason {
		d := w.draft(ct.KindNotification, ct.TopicTravel, nil)
		d.h.Offset = offset
		_, err := verify.Open(w.raw(d), v, issued)
		var why *verify.Error
		if errors.As(err, &why) {
			return why.Reason
		}
		return ""
	}
	if got := [2]verify.Reason{open(v, room), open(v, room+1)}; got != [2]verify.Reason{"", verify.Growth} {
		t.Errorf("at the bound and over it: %q", got)
	}
	c := ct.Closing{Log: key("UTO 1").Public(), Seq: 1 << 40, ID: ct.ID{1}, Reason: "retired"}
	_, _, closed, err := v.SignOperation(key("UTO root"), roster.Operation{Closing: &c}, issued)
	if err != nil {
		t.Fatal(err)
	}
	if got := [2]verify.Reason{open(closed, room), open(closed, room+1)}; got != [2]verify.Reason{"", verify.Growth} {
		t.Errorf("of a closed log, at the bound and over it: %q", got)
	}
}

func TestRefusalsAreTyped(t *testing.T) {
	w := newWorld(t)
	for name, f := range map[string]func() (verify.Record, error){
		"open":   func() (verify.Record, error) { return verify.Open([]byte("x"), w.view[exercise], now) },
		"gossip": func() (verify.Record, error) { return open(w, []byte("x")) },
	} {
		_, err := f()
		var why *verify.Error
		if !errors.As(err, &why) || why.Reason != verify.NotARecord || why.Verdict() != verify.Reject {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestErrorsShowNoContent looks for the subject's name in every error and report.
func TestErrorsShowNoContent(t *testing.T) {
	w := newWorld(t)
	d := w.draft(ct.KindNotification, ct.TopicTravel, nil)
	n := notification(ct.TopicTravel)
	n.Person.Names[0].Full, n.Person.Births[0].Date = "Canaria Plantée", "2023-02-31"
	d.body = body(n)
	raw := w.raw(d)
	spot := strings.Index(string(raw), "Canaria")
	if spot < 0 {
		t.Fatal("the canary is not in the record")
	}
	broken := slices.Clone(raw)
	broken[spot-1] ^= 1 // the length before the name
	check := func(what, text string) {
		t.Helper()
		for _, canary := range []string{"Canaria", "Plant", "2023-02-31"} {
			if strings.Contains(text, canary) {
				t.Errorf("%s shows content: %s", what, text)
			}
		}
	}
	for i := range raw {
		cut := slices.Clone(raw[:i])
		if _, err := open(w, cut); err == nil {
			t.Fatalf("cut to %d bytes and accepted", i)
		} else {
			check("a refusal", err.Error())
		}
	}
	network := w.view[exercise].Network()
	for _, b := range [][]byte{raw, broken} {
		r := verify.Inspect(b, &network, w.view[exercise])
		check("a report", string(encodeVectors(t, r)))
	}
	r, err := open(w, raw)
	if err != nil {
		t.Fatal(err)
	}
	if r.Inadmissible() != verify.BodyInvalid {
		t.Errorf("inadmissible %q", r.Inadmissible())
	}
}

func TestReasonsAreOneTable(t *testing.T) {
	// Every constant of the source is in the table, once.
	src, err := os.ReadFile("reason.go")
	if err != nil {
		t.Fatal(err)
	}
	consts, _, _ := strings.Cut(string(src), "// Verdict is")
	seen := map[verify.Reason]bool{}
	for _, m := range verify.Reasons() {
		if seen[m.Reason] || m.Text == "" || !strings.Contains(consts, `Reason = "`+string(m.Reason)+`"`) {
			t.Errorf("row %q is twice, without a text or without a constant", m.Reason)
		}
		seen[m.Reason] = true
		if got := (&verify.Error{Reason: m.Reason}).Verdict(); got != m.Verdict {
			t.Errorf("%s: verdict %v, the table says %v", m.Reason, got, m.Verdict)
		}
	}
	if n := strings.Count(consts, `Reason = "`); n != len(seen) {
		t.Errorf("%d reasons in the source, %d in the table", n, len(seen))
	}
	// PROTOCOL.md has every row, in this order.
	doc, err := os.ReadFile("../../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	rest := string(doc)
	for _, m := range verify.Reasons() {
		want := "| `" + string(m.Reason) + "` | "
		if m.Verdict != verify.Accept {
			want += m.Verdict.String() + " | "
		}
		i := strings.Index(rest, want)
		if i < 0 {
			t.Errorf("PROTOCOL.md lacks %q, or has it elsewhere", want)
			continue
		}
		rest = rest[i:]
	}
}

func TestInspect(t *testing.T) {
	w := newWorld(t)
	v, network := w.view[exercise], w.view[exercise].Network()
	d := w.draft(ct.KindNotification, ct.TopicTravel, body(notification(ct.TopicTravel)))
	raw := w.raw(d)
	outcome := func(r verify.Report) string {
		var b strings.Builder
		for _, c := range r.Checks {
			b.WriteString(c.Name + " " + c.Outcome)
			if c.Reason != "" {
				b.WriteString(" " + string(c.Reason))
			}
			b.WriteString(", ")
		}
		return strings.TrimSuffix(b.String(), ", ")
	}
	bare := *d
	bare.bare = true
	late := *d
	late.h.Issued = ct.MillisOf(founded.Add(399 * day))
	stranger := *d
	stranger.by = "stranger"
	invalid := *d
	n := notification(ct.TopicTravel)
	n.Contact.Desk = ""
	invalid.body, invalid.salt = body(n), nil
	flipped := slices.Clone(raw)
	flipped[len(flipped)-1] ^= 1
	other := w.genesis[earnest].Network()
	for _, x := range []struct {
		name string
		r    verify.Report
		ok   bool
		want string
	}{
		{"good", verify.Inspect(raw, &network, v), true,
			"encoding pass, body pass, network pass, signature pass, member pass, window pass, admissible pass"},
		{"roster brings its network", verify.Inspect(raw, nil, v), true,
			"encoding pass, body pass, network pass, signature pass, member pass, window pass, admissible pass"},
		{"nothing known", verify.Inspect(raw, nil, nil), true,
			"encoding pass, body pass, network not-made, signature not-made, member not-made, admissible not-made"},
		{"network only", verify.Inspect(raw, &network, nil), true,
			"encoding pass, body pass, network pass, signature pass, member not-made, admissible not-made"},
		{"other network", verify.Inspect(raw, &other, nil), false,
			"encoding pass, body pass, network fail other-network, signature fail bad-signature, member not-made, admissible not-made"},
		{"no body", verify.Inspect(w.raw(&bare), nil, v), true,
			"encoding pass, body not-made, network pass, signature pass, member pass, window pass, admissible pass"},
		{"body changed", verify.Inspect(flipped, nil, v), false,
			"encoding pass, body fail body-mismatch, network pass, signature pass, member pass, window pass, admissible pass"},
		{"issued late", verify.Inspect(w.raw(&late), nil, v), false,
			"encoding pass, body pass, network pass, signature pass, member pass, window fail held-delegation, admissible fail expiry-before-issue"},
		{"stranger", verify.Inspect(w.raw(&stranger), nil, v), false,
			"encoding pass, body pass, network pass, signature pass, member fail stranger, admissible not-made"},
		{"invalid", verify.Inspect(w.raw(&invalid), nil, v), false,
			"encoding pass, body pass, network pass, signature pass, member pass, window pass, admissible fail body-invalid"},
		{"garbage", verify.Inspect([]byte("garbage"), nil, v), false, "encoding fail not-a-record"},
	} {
		if got := outcome(x.r); got != x.want || x.r.OK() != x.ok {
			t.Errorf("%s: ok %v\n got %s\nwant %s", x.name, x.r.OK(), got, x.want)
		}
	}
	r := verify.Inspect(w.raw(&invalid), nil, v)
	if len(r.Faults) != 1 || r.Faults[0].Field != "contact.desk" || r.State != "UTO" || r.Header.Kind != "1 notification" {
		t.Errorf("report %+v", r)
	}
	good, err := open(w, raw)
	if err != nil {
		t.Fatal(err)
	}
	if r := verify.Inspect(raw, nil, v); r.ID != good.ID().String() {
		t.Errorf("id %s, want %s", r.ID, good.ID())
	}
}

func FuzzOpen(f *testing.F) {
	w := newWorld(f)
	for _, x := range accepted(w) {
		if len(x.Bytes) < 8<<10 {
			raw, err := hex.DecodeString(x.Bytes)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := verify.Open(raw, w.view[exercise], now)
		report := verify.Inspect(raw, nil, w.view[exercise])
		if err == nil && (string(r.Raw()) != string(raw) || report.ID != r.ID().String()) {
			t.Fatal("the record is not its bytes")
		}
		if err == nil && report.OK() != (r.Inadmissible() == "") {
			t.Fatalf("inspect says %v, open says %q", report.Checks, r.Inadmissible())
		}
	})
}

// benchRecord is a notification of about 600 bytes of body.
func benchRecord(w *world) []byte {
	n := notification(ct.TopicTravel)
	n.Assessment.GroundsText = strings.Repeat("x", 600+len(n.Assessment.GroundsText)-len(body(n)))
	return w.raw(w.draft(ct.KindNotification, ct.TopicTravel, body(n)))
}

func BenchmarkOpen(b *testing.B) {
	w := newWorld(b)
	raw := benchRecord(w)
	b.ReportAllocs()
	began := cpu(b)
	for b.Loop() {
		if r, err := open(w, raw); err != nil || r.Inadmissible() != "" {
			b.Fatal(err, r.Inadmissible())
		}
	}
	b.ReportMetric(float64(cpu(b)-began)/1e3/float64(b.N), "cpu-µs/op")
}

// cpu is the time that this process has spent on a processor: what counts on
// a machine that others use too.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkEd25519 is the part of Open that nobody can spare.
func BenchmarkEd25519(b *testing.B) {
	w := newWorld(b)
	e, err := wire.Decode(benchRecord(w))
	if err != nil {
		b.Fatal(err)
	}
	network := w.view[exercise].Network()
	began := cpu(b)
	for b.Loop() {
		if !keys.Verify(e.Header.Log, keys.ContextRecord, network, e.HeaderBytes, e.Sig) {
			b.Fatal("does not verify")
		}
	}
	b.ReportMetric(float64(cpu(b)-began)/1e3/float64(b.N), "cpu-µs/op")
}

func BenchmarkRefuseGarbage(b *testing.B) {
	w := newWorld(b)
	raw := make([]byte, 600)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := open(w, raw); err == nil {
			b.Fatal("accepted")
		}
	}
}

// Every kind that the table says this version acts on is read: a body of none is
// not decodable, whatever kind it is of.
func TestEveryActedKindIsRead(t *testing.T) {
	w := newWorld(t)
	for _, rule := range ct.Kinds() {
		if !rule.Acted {
			continue
		}
		d := w.draft(rule.Kind, ct.TopicControl, []byte("garbage"))
		for topic := ct.TopicControl; topic <= ct.TopicReceipt; topic++ {
			if rule.Topics.Has(topic) {
				d.h.Topic = uint32(topic)
			}
		}
		if rule.Root {
			d.by = "UTO root"
		}
		for range rule.MinRefs {
			d.h.Refs = append(d.h.Refs, ct.Ref{Log: key("UTO 1").Public(), Seq: 1, ID: ct.ID{1}})
		}
		r, err := verify.Open(w.raw(d), w.view[exercise], now)
		if err != nil || r.Inadmissible() != verify.BodyNotDecodable {
			t.Errorf("%s: %q, %v", rule.Kind, r.Inadmissible(), err)
		}
	}
}
