package verify_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The second implementation, written from PROTOCOL.md alone.
const conformance = "../../proto/conformance/verify.py"

func runConformance(t *testing.T, args ...string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not here, so the second implementation was not asked; the tests of vectors in this package hold herald to the same files")
	}
	out, err := exec.CommandContext(t.Context(), python, append([]string{"-B", conformance}, args...)...).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// The second implementation judges every vector as herald does.
func TestConformance(t *testing.T) { runConformance(t) }

// Both implementations judge damaged records alike: bytes changed anywhere, and
// headers and bodies changed and signed anew.
func TestConformanceOfDamage(t *testing.T) {
	const seed, count = 20261128, 3000
	t.Logf("seed %d", seed)
	d := damage{rand.New(rand.NewPCG(seed, 0)), newWorld(t)}
	base := accepted(d.w)
	file, err := os.Create(filepath.Join(t.TempDir(), "damaged.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []recordVector
	counts := map[string]int{}
	for i := range count {
		x := base[d.IntN(len(base))]
		raw := unhex(t, x.Bytes)
		switch i % 4 {
		case 0:
			raw = d.bytes(raw)
		case 1:
			raw = d.header(x, raw)
		default:
			raw = d.body(x, raw)
		}
		out := recordVector{Name: fmt.Sprintf("%d: %s", i, x.Name), Network: x.Network, By: "sync", Bytes: hex.EncodeToString(raw)}
		r, err := verify.Open(raw, d.w.view[x.Network], now)
		why, _ := err.(*verify.Error)
		switch {
		case why == nil:
			out.ID, out.Inadmissible = r.ID().String(), r.Inadmissible()
			out.Key = verify.Accept.String()
			counts["accepted, "+string(out.Inadmissible)]++
		default:
			out.Inadmissible, out.Key = why.Reason, why.Verdict().String()
			counts[string(why.Reason)]++
		}
		all = append(all, out)
	}
	t.Logf("%v", counts)
	if err := json.NewEncoder(file).Encode(all); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"accepted, ", "accepted, body-invalid", "accepted, body-not-decodable", string(verify.NotARecord)} {
		if counts[want] < count/50 {
			t.Errorf("%d records are %q: the damage misses its mark", counts[want], want)
		}
	}
	runConformance(t, file.Name())
}

type damage struct {
	*rand.Rand
	w *world
}

// bytes changes a few bytes of b in one of several ways.
func (d damage) bytes(b []byte) []byte {
	b = append([]byte(nil), b...)
	if len(b) == 0 {
		return b
	}
	at := d.IntN(len(b))
	if d.IntN(2) == 0 {
		at = d.IntN(min(len(b), 400)) // where the structure is
	}
	switch d.IntN(5) {
	case 0:
		b[at] ^= 1 << d.IntN(8)
	case 1:
		b[at] = byte(d.IntN(256))
	case 2:
		b = append(b[:at:at], b[at+1:]...)
	case 3:
		b = append(b[:at:at], append([]byte{byte(d.IntN(256))}, b[at:]...)...)
	case 4:
		b = b[:at]
	}
	return b
}

// sign makes a record of header bytes, as the log's key would.
func (d damage) sign(x recordVector, header, salt, body []byte, bare bool) []byte {
	return d.w.seal(&draft{net: x.Network, by: x.Key, salt: salt, body: body, bare: bare}, header)
}

// header changes one field of a header, or its bytes, and signs it anew.
func (d damage) header(x recordVector, raw []byte) []byte {
	e, err := wire.Decode(raw)
	if err != nil {
		panic(err)
	}
	if d.IntN(3) == 0 {
		return d.sign(x, d.bytes(e.HeaderBytes), e.Salt, e.Body, !e.HasBody())
	}
	h := e.Header
	small := uint32(d.IntN(26))
	switch d.IntN(12) {
	case 0:
		h.Kind = small
	case 1:
		h.Topic = small % 8
	case 2:
		h.Priority = small % 5
	case 3:
		h.TLP = small % 7
	case 4:
		h.Audience = small % 5
	case 5:
		h.Issued += ct.Millis(d.Int64N(800*24*3600*1000)) - 400*24*3600*1000
	case 6:
		h.Expires += ct.Millis(d.Int64N(4000*24*3600*1000)) - 2000*24*3600*1000
	case 7:
		h.Refs = refs(d.IntN(4))
	case 8:
		h.Seq = d.Uint64()
	case 9:
		h.KeyEpoch = d.Uint32()
	case 10:
		h.Ext = d.bytes(make([]byte, 1+d.IntN(300)))
	case 11:
		h.BodySize = d.Uint32N(70_000)
	}
	return d.sign(x, wire.EncodeHeader(&h), e.Salt, e.Body, !e.HasBody())
}

// words are what a field of a body is set to.
var words = strings.Split(`|x|D|UTO|UTO|USA|QQQ|XXB|air|sea|M|2015|2008-11-15|2008-11-16|1850|1849|196X|19XX|1965-XX|1965-XX-XX|1965-7-4|`+
	`1965-02-29|1964-02-29|2026-11-16|2026-11-17|1965~|1960/1965|1965/1960|2027|2026-11-15T10:30:00Z|2026-11-16T10:30:00Z|2026-11-16T10:30:00.001Z|`+
	`2026-11-14T21:05:00+24:00|2026-11-14T21:05:00+23:59|2026-11-14T21:05:60Z|2026-11-14t21:05:00Z|2026-02-30T21:05:00Z|exact|day|month|interval|approx|planned|confirmed|`+
	`cancelled|DEPARTURE|ARRIVAL|DETAINED|TRANSIT|LIST_ENTRY|known|suspected|family-member|witness-or-victim|association|convicted|NOTIFY_ONLY|CHILD_PROTECTION|`+
	`DETAIN_FOR_EXTRADITION|REFUSE_ENTRY|treaty|UNSCR-1373|H1|H3|RED|no-onward|human|strong|error|retired|lost|person|births|asylum|OSL|ESOSL|NOOSL|XZABC|UT|U2|22|UTO1|`+
	`phone|email|+47123456|a@b|@b| x|x |é |Иван|a`+"\u202e"+`b|a`+"\u0085"+`b|a`+"\n"+`b|`+"\n"+`é|x`+"\n"+`|`+"\ufffd"+`|P|PA|IV|F|PP|`+
	`P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<`+"\n"+`L898902C36UTO7408122F1204159ZE184226B<<<<<10|`+
	`P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<`+"\n"+`L898902C36UTO7408122F1204159ZE184226B<<<<<11|`+
	`/ip4/192.0.2.1/tcp/4001|/ip4/192.0.2.01/tcp/4001|/ip6/2001:db8::1/udp/1/quic-v1|/ip6/::ffff:192.0.2.1/tcp/1|/dns/a.example/tcp/65536|/dns4/a.example/tcp/00|observer|`+
	strings.Repeat("x", 257), "|")

// body changes something in a body and signs the record anew.
func (d damage) body(x recordVector, raw []byte) []byte {
	e, err := wire.Decode(raw)
	if err != nil {
		panic(err)
	}
	body := append([]byte(nil), e.Body...)
	var m proto.Message
	switch ct.Kind(e.Header.Kind) {
	case ct.KindNotification:
		m = &heraldv1.Notification{}
	case ct.KindRetract:
		m = &heraldv1.Retraction{}
	case ct.KindMatchRelease:
		m = &heraldv1.MatchRelease{}
	case ct.KindAddress:
		m = &heraldv1.Addresses{}
	case ct.KindDelegation:
		m = &heraldv1.Delegation{}
	case ct.KindRenewal:
		m = &heraldv1.Renewal{}
	case ct.KindClosing:
		m = &heraldv1.Closing{}
	}
	if m == nil || d.IntN(6) == 0 || proto.Unmarshal(body, m) != nil {
		body = d.bytes(body)
	} else {
		for range 1 + d.IntN(2) {
			d.message(m.ProtoReflect())
		}
		if body, err = (proto.MarshalOptions{Deterministic: true}).Marshal(m); err != nil {
			panic(err)
		}
	}
	salt := d.salt()
	h := e.Header
	h.Commit, h.BodySize = wire.Commit(salt, body), uint32(len(body))
	return d.sign(x, wire.EncodeHeader(&h), salt, body, false)
}

func (d damage) salt() []byte {
	s := make([]byte, wire.SaltSize)
	for i := range s {
		s[i] = byte(d.IntN(256))
	}
	return s
}

// message sets a field of m, or of a message in it, to something else.
func (d damage) message(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	f := fields.Get(d.IntN(fields.Len()))
	switch {
	case f.IsList() && f.Kind() == protoreflect.MessageKind:
		l := m.Mutable(f).List()
		if l.Len() == 0 || d.IntN(8) == 0 {
			d.message(l.AppendMutable().Message())
			return
		}
		d.message(l.Get(d.IntN(l.Len())).Message())
	case f.IsList():
		l := m.Mutable(f).List()
		if v := d.value(f); l.Len() == 0 || d.IntN(2) == 0 {
			l.Append(v)
		} else {
			l.Set(d.IntN(l.Len()), v)
		}
	case f.Kind() == protoreflect.MessageKind && d.IntN(12) == 0:
		m.Clear(f)
	case f.Kind() == protoreflect.MessageKind:
		d.message(m.Mutable(f).Message())
	default:
		m.Set(f, d.value(f))
	}
}

func (d damage) value(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(d.IntN(2) == 0)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(d.Uint32N(600))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(d.Uint64N(3))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(d.Uint64()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(make([]byte, []int{0, 31, 32, 64}[d.IntN(4)]))
	}
	return protoreflect.ValueOfString(words[d.IntN(len(words))])
}
