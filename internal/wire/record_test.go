package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// random makes headers and records of every shape that the limits allow.
type random struct{ *rand.Rand }

func newRandom(tb testing.TB) random {
	seed := rand.Uint64()
	tb.Logf("seed %d", seed)
	return random{rand.New(rand.NewPCG(seed, 1))}
}

func (r random) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// code is often small, sometimes anything, sometimes the default.
func (r random) code() uint32 {
	switch r.IntN(4) {
	case 0:
		return 0
	case 1:
		return r.Uint32()
	}
	return uint32(r.IntN(8))
}

func (r random) header() *wire.Header {
	h := &wire.Header{
		Version: wire.Version, Seq: max(1, r.Uint64()>>r.IntN(64)),
		Kind: r.code(), Topic: r.code(), BodySize: uint32(r.IntN(wire.MaxBodyBytes / 2)),
		Issued: ct.Millis(1 + r.Int64N(math.MaxInt64-1)), Expires: ct.Millis(1 + r.Int64N(1<<41)),
		Priority: r.code(), TLP: r.code(), Audience: r.code(), KeyEpoch: r.code(),
	}
	copy(h.Network[:], r.bytes(8))
	copy(h.Log[:], r.bytes(32))
	copy(h.Prev[:], r.bytes(32))
	copy(h.Commit[:], r.bytes(32))
	if r.IntN(4) > 0 {
		h.Offset = r.Uint64() >> r.IntN(64)
	}
	for range r.IntN(4) {
		h.Refs = append(h.Refs, ct.Ref{Log: ct.LogID(r.bytes(32)), Seq: 1 + r.Uint64N(1<<40), ID: ct.ID(r.bytes(32))})
	}
	if r.IntN(2) == 0 {
		h.Ext = r.bytes(1 + r.IntN(wire.MaxExt))
	}
	return h
}

func (r random) envelope() *wire.Envelope {
	h := r.header()
	e := &wire.Envelope{Alg: 1 + r.Uint32N(300), Sig: r.bytes(1 + r.IntN(100))}
	if r.IntN(4) > 0 {
		e.Salt = r.bytes(wire.SaltSize)
		if n := r.IntN(2000); n > 0 {
			e.Body = r.bytes(n)
		}
		h.BodySize = uint32(len(e.Body))
	}
	e.Header, e.HeaderBytes = *h, wire.EncodeHeader(h)
	return e
}

func toProto(h *wire.Header) *heraldv1.Header {
	m := &heraldv1.Header{
		Version: h.Version, Network: h.Network[:], Log: h.Log[:], Seq: h.Seq, Prev: h.Prev[:], Kind: h.Kind, Topic: h.Topic,
		Commit: h.Commit[:], BodySize: h.BodySize, IssuedAt: int64(h.Issued), ExpiresAt: int64(h.Expires),
		Priority: h.Priority, Tlp: h.TLP, Audience: h.Audience, KeyEpoch: h.KeyEpoch, Offset: h.Offset, Ext: h.Ext,
	}
	for _, r := range h.Refs {
		m.Refs = append(m.Refs, &heraldv1.Ref{Log: bytes.Clone(r.Log[:]), Seq: r.Seq, Id: bytes.Clone(r.ID[:])})
	}
	return m
}

func marshal(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestCodecIsWhatTheProtoSays(t *testing.T) {
	r := newRandom(t)
	for range 2000 {
		e := r.envelope()
		if got, want := e.HeaderBytes, marshal(t, toProto(&e.Header)); !bytes.Equal(got, want) {
			t.Fatalf("header:\n got %x\nwant %x", got, want)
		}
		raw := wire.Encode(e)
		want := marshal(t, &heraldv1.Record{Header: e.HeaderBytes, Alg: e.Alg, Signature: e.Sig, Salt: e.Salt, Body: e.Body})
		if !bytes.Equal(raw, want) {
			t.Fatalf("record:\n got %x\nwant %x", raw, want)
		}
		got, err := wire.Decode(raw)
		if err != nil {
			t.Fatalf("decode %x: %v", raw, err)
		}
		if !reflect.DeepEqual(got, e) {
			t.Fatalf("decoded %+v, want %+v", got, e)
		}
	}
}

func TestEnumsAreCts(t *testing.T) {
	for _, x := range []struct {
		prefix string
		enum   protoreflect.EnumDescriptor
		name   func(uint8) string
	}{
		{"KIND_", heraldv1.Kind(0).Descriptor(), func(i uint8) string { return ct.Kind(i).String() }},
		{"TOPIC_", heraldv1.Topic(0).Descriptor(), func(i uint8) string { return ct.Topic(i).String() }},
		{"PRIORITY_", heraldv1.Priority(0).Descriptor(), func(i uint8) string { return ct.Priority(i).String() }},
		{"TLP_", heraldv1.Tlp(0).Descriptor(), func(i uint8) string { return ct.TLP(i).String() }},
		{"AUDIENCE_", heraldv1.Audience(0).Descriptor(), func(i uint8) string { return ct.Audience(i).String() }},
	} {
		values := x.enum.Values()
		for i := range values.Len() {
			want := strings.TrimPrefix(string(values.Get(i).Name()), x.prefix)
			if want == "UNSPECIFIED" {
				want = "UNKNOWN"
			}
			got := strings.NewReplacer("-", "_", "+", "_").Replace(strings.ToUpper(x.name(uint8(i))))
			if int(values.Get(i).Number()) != i || got != want {
				t.Errorf("%s%d: ct says %s, the proto says %s", x.prefix, i, got, want)
			}
		}
		if got := x.name(uint8(values.Len())); !strings.HasPrefix(got, "unknown(") {
			t.Errorf("%s%d is %s in ct and not in the proto", x.prefix, values.Len(), got)
		}
	}
}

// full is a record with every field set, for tests that take it apart.
func full() *wire.Envelope {
	body := []byte("a body")
	h := &wire.Header{
		Version: 1, Network: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, Log: ct.LogID{9}, Seq: 300, Prev: ct.ID{10},
		Kind: 1, Topic: 2, Commit: wire.Commit(make([]byte, 32), body), BodySize: uint32(len(body)),
		Issued: 1_800_000_000_000, Expires: 1_800_000_000_001, Priority: 1, TLP: 2, Audience: 1, KeyEpoch: 3,
		Offset: 70_000, Refs: []ct.Ref{{Log: ct.LogID{1}, Seq: 1, ID: ct.ID{2}}}, Ext: []byte{7},
	}
	return &wire.Envelope{
		Header: *h, HeaderBytes: wire.EncodeHeader(h), Alg: 1, Sig: bytes.Repeat([]byte{5}, 64),
		Salt: make([]byte, 32), Body: body,
	}
}

// field writes one protobuf field by hand.
func field(num, typ int, value string) []byte {
	b := varint(uint64(num)<<3 | uint64(typ))
	if typ == 2 {
		b = append(b, varint(uint64(len(value)))...)
	}
	return append(b, value...)
}

func varint(v uint64) []byte {
	var b []byte
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// swap replaces one part of b, which must be there exactly once.
func swap(t *testing.T, b []byte, old, new []byte) []byte {
	t.Helper()
	if bytes.Count(b, old) != 1 {
		t.Fatalf("%x is in %x %d times, want once", old, b, bytes.Count(b, old))
	}
	return bytes.Replace(b, old, new, 1)
}

func TestHeaderHasOneEncoding(t *testing.T) {
	e := full()
	good := e.HeaderBytes
	network := field(2, 2, string(e.Header.Network[:]))
	log := field(3, 2, string(e.Header.Log[:]))
	seq := []byte{0x20, 0xac, 0x02} // field 4, 300
	ref := []byte{0x10, 1, 0x1a}    // Ref.seq and the tag after it
	for name, bad := range map[string][]byte{
		"empty":                   {},
		"version not minimal":     swap(t, good, []byte{8, 1, 0x12, 8}, []byte{8, 0x81, 0, 0x12, 8}),
		"tag not minimal":         swap(t, good, []byte{8, 1, 0x12, 8}, []byte{0x88, 0, 1, 0x12, 8}),
		"length not minimal":      swap(t, good, network, append([]byte{0x12, 0x88, 0}, network[2:]...)),
		"fields out of order":     swap(t, good, append(bytes.Clone(network), log...), append(bytes.Clone(log), network...)),
		"field repeated":          swap(t, good, network, append(bytes.Clone(network), network...)),
		"last field repeated":     append(bytes.Clone(good), 0x92, 1, 1, 7),
		"another version after":   swap(t, good, []byte{8, 1, 0x12, 8}, []byte{8, 1, 8, 7, 0x12, 8}),
		"field missing":           swap(t, good, seq, nil),
		"unknown field":           append(bytes.Clone(good), field(19, 0, "\x01")...),
		"unknown group":           append(bytes.Clone(good), field(19, 3, "")...),
		"field zero":              append([]byte{0, 1}, good...),
		"default written":         swap(t, good, []byte{0x78, 3}, []byte{0x78, 0}),
		"empty ext written":       swap(t, good, []byte{0x92, 1, 1, 7}, []byte{0x92, 1, 0}),
		"wrong wire type":         swap(t, good, seq, append([]byte{0x22, 2}, seq[1:]...)),
		"fixed64 time":            swap(t, good, []byte{0x50}, []byte{0x51}),
		"network too short":       swap(t, good, network, field(2, 2, "1234567")),
		"log too long":            swap(t, good, log, field(3, 2, strings.Repeat("x", 33))),
		"seq over 64 bits":        swap(t, good, seq, []byte("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")),
		"kind over 32 bits":       swap(t, good, []byte{0x30, 1}, []byte("\x30\x80\x80\x80\x80\x10")),
		"time before 1970":        swap(t, good, []byte("\x58\x81\xa0\xf1\xc2\xb1\x34"), []byte("\x58\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")),
		"offset 0 written":        swap(t, good, []byte("\x80\x01\xf0\xa2\x04"), []byte{0x80, 1, 0}),
		"offset as bytes":         swap(t, good, []byte("\x80\x01\xf0\xa2\x04"), []byte{0x82, 1, 1, 7}),
		"ref without seq":         swap(t, swap(t, good, ref, []byte{0x1a}), []byte{0x8a, 1, 70}, []byte{0x8a, 1, 68}),
		"ref with an extra field": swap(t, swap(t, good, field(18, 2, "\x07"), append([]byte{0x20, 1}, field(18, 2, "\x07")...)), []byte{0x8a, 1, 70}, []byte{0x8a, 1, 72}),
		"ref repeats a field":     swap(t, swap(t, good, ref, []byte{0x10, 1, 0x10, 1, 0x1a}), []byte{0x8a, 1, 70}, []byte{0x8a, 1, 72}),
		"length past the end":     good[:len(good)-1],
	} {
		if h, err := wire.DecodeHeader(bad); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: got %+v, %v, want ErrMalformed", name, h, err)
		}
	}
	if _, err := wire.DecodeHeader(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestRecordHasOneEncoding(t *testing.T) {
	e := full()
	good := wire.Encode(e)
	if _, err := wire.Decode(good); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	with := func(f func(*wire.Envelope)) []byte {
		c := *e
		f(&c)
		return wire.Encode(&c)
	}
	header := field(1, 2, string(e.HeaderBytes))
	for name, bad := range map[string][]byte{
		"empty":               {},
		"only a header":       header,
		"trailing byte":       append(bytes.Clone(good), 0),
		"unknown field":       append(bytes.Clone(good), field(6, 2, "x")...),
		"fields out of order": append(bytes.Clone(good[len(header):]), header...),
		"field repeated":      append(bytes.Clone(header), good...),
		"no algorithm":        with(func(e *wire.Envelope) { e.Alg = 0 }),
		"no signature":        swap(t, good, field(3, 2, string(e.Sig)), nil),
		"empty signature":     with(func(e *wire.Envelope) { e.Sig = nil }),
		"salt of 31 bytes":    swap(t, good, field(4, 2, string(e.Salt)), field(4, 2, string(e.Salt[:31]))),
		"salt of 33 bytes":    swap(t, good, field(4, 2, string(e.Salt)), field(4, 2, string(e.Salt)+"x")),
		"salt of 31, no body": swap(t, with(func(e *wire.Envelope) { e.Body = nil }), field(4, 2, string(e.Salt)), field(4, 2, string(e.Salt[:31]))),
		"body without salt":   swap(t, good, field(4, 2, string(e.Salt)), nil),
		"empty body written":  append(with(func(e *wire.Envelope) { e.Body = nil }), 0x2a, 0),
		"header out of form":  swap(t, good, header, field(1, 2, "\x88\x00\x01")),
		"not protobuf":        []byte("GET / HTTP/1.1\r\n"),
	} {
		if _, err := wire.Decode(bad); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

func TestVersionBeforeAll(t *testing.T) {
	for name, raw := range map[string][]byte{
		"version 2":                 swap(t, full().HeaderBytes, []byte{8, 1, 0x12, 8}, []byte{8, 2, 0x12, 8}),
		"version 2 with new fields": append([]byte{8, 2}, field(99, 2, "new")...),
	} {
		if _, err := wire.DecodeHeader(raw); !errors.Is(err, wire.ErrVersion) {
			t.Errorf("%s: got %v, want ErrVersion", name, err)
		}
		// What is around the header may be another in a later version too.
		record := append(field(1, 2, string(raw)), field(9, 2, "new")...)
		if _, err := wire.Decode(record); !errors.Is(err, wire.ErrVersion) {
			t.Errorf("%s, in a record: got %v, want ErrVersion", name, err)
		}
	}
}

// Beside its refs a header is small whatever it holds.
func TestLargestHeader(t *testing.T) {
	full := func(b []byte) {
		for i := range b {
			b[i] = 0xff
		}
	}
	h := &wire.Header{
		Version: wire.Version, Seq: math.MaxUint64, Kind: math.MaxUint32, Topic: math.MaxUint32, BodySize: wire.MaxBodyBytes,
		Issued: math.MaxInt64, Expires: math.MaxInt64, Priority: math.MaxUint32, TLP: math.MaxUint32, Audience: math.MaxUint32,
		KeyEpoch: math.MaxUint32, Offset: math.MaxUint64, Ext: make([]byte, wire.MaxExt),
	}
	full(h.Network[:])
	if n := len(wire.EncodeHeader(h)); n != 457 {
		t.Errorf("the largest header without refs has %d bytes", n)
	}
}

func TestOffsets(t *testing.T) {
	at := wire.First(ct.ID{9})
	if at != (wire.Next{Seq: 1, Prev: ct.ID{9}}) {
		t.Fatalf("the first: %+v", at)
	}
	r, end := newRandom(t), uint64(0)
	line := wire.Line{Since: 900, Rate: 86_400_000_000} // a thousand a millisecond
	for seq := uint64(1); seq < 100; seq++ {
		h := r.header()
		h.Issued = ct.Millis(1000 - seq)
		at.Put(h, line)
		if seq == 1 {
			end = 99_000 // the line of a late first record: what came before is gone
		}
		raw := wire.EncodeHeader(h)
		if h.Seq != seq || h.Offset != end || h.Issued != 999 {
			t.Fatalf("record %d: seq %d, offset %d, issued %d; want offset %d", seq, h.Seq, h.Offset, h.Issued, end)
		}
		end += uint64(len(raw)) + 768 + 320*uint64(len(h.Refs)) + 2*uint64(h.BodySize)
		if h.Kind == uint32(ct.KindNotification) {
			end += 40 * uint64(min(h.BodySize, 2048))
		}
		at = h.After(ct.ID{byte(seq)}, len(raw))
		if at != (wire.Next{Seq: seq + 1, Prev: ct.ID{byte(seq)}, End: end, Issued: 999}) {
			t.Fatalf("after record %d: %+v", seq, at)
		}
	}
	idle := wire.Header{Issued: 1_000_000}
	at.Put(&idle, line)
	if idle.Offset != 999_100_000 {
		t.Fatalf("after a pause: offset %d", idle.Offset)
	}
	short := wire.Header{Issued: ct.Millis(900 + end/1000)} // a pause that is shorter than what was written
	at.Put(&short, line)
	if short.Offset != end {
		t.Fatalf("after a short pause: offset %d, want %d", short.Offset, end)
	}
}

func TestLimits(t *testing.T) {
	// sized is a record of exactly n bytes, by its body and its ext.
	sized := func(n int) []byte {
		e := full()
		e.Body = make([]byte, wire.MaxBodyBytes)
		e.Header.BodySize = wire.MaxBodyBytes
		e.Header.Ext = nil
		for {
			e.HeaderBytes = wire.EncodeHeader(&e.Header)
			raw := wire.Encode(e)
			if len(raw) >= n {
				e.Body = e.Body[:len(e.Body)-(len(raw)-n)]
				e.Header.BodySize = uint32(len(e.Body))
				e.HeaderBytes = wire.EncodeHeader(&e.Header)
				return wire.Encode(e)
			}
			e.Header.Refs = append(e.Header.Refs, ct.Ref{Log: ct.LogID{1}, Seq: 1, ID: ct.ID{1}})
		}
	}
	header := func(f func(*wire.Header)) []byte {
		e := full()
		f(&e.Header)
		e.Salt, e.Body = nil, nil
		e.HeaderBytes = wire.EncodeHeader(&e.Header)
		return wire.Encode(e)
	}
	for _, x := range []struct {
		name string
		raw  []byte
		ok   bool
	}{
		{"record of the largest size", sized(wire.MaxRecord), true},
		{"record one byte larger", sized(wire.MaxRecord + 1), false},
		{"64 refs", header(func(h *wire.Header) { h.Refs = repeatRef(64) }), true},
		{"65 refs", header(func(h *wire.Header) { h.Refs = repeatRef(65) }), false},
		{"ext of 256 bytes", header(func(h *wire.Header) { h.Ext = make([]byte, 256) }), true},
		{"ext of 257 bytes", header(func(h *wire.Header) { h.Ext = make([]byte, 257) }), false},
		{"largest body", header(func(h *wire.Header) { h.BodySize = wire.MaxBodyBytes }), true},
		{"body one byte larger", header(func(h *wire.Header) { h.BodySize = wire.MaxBodyBytes + 1 }), false},
		{"body that would make the record too large", header(func(h *wire.Header) {
			h.BodySize, h.Refs = wire.MaxBodyBytes, repeatRef(64)
		}), false},
		{"endless", make([]byte, wire.MaxRecord*2), false},
	} {
		e, err := wire.Decode(x.raw)
		if x.ok && err != nil {
			t.Errorf("%s (%d bytes): %v", x.name, len(x.raw), err)
		}
		if !x.ok && !errors.Is(err, wire.ErrTooLarge) {
			t.Errorf("%s (%d bytes): got %v, want ErrTooLarge", x.name, len(x.raw), err)
		}
		if x.ok && err == nil && !bytes.Equal(wire.Encode(e), x.raw) {
			t.Errorf("%s: encoded otherwise", x.name)
		}
	}
	if n := len(sized(wire.MaxRecord)); n != wire.MaxRecord {
		t.Errorf("the largest record has %d bytes, want %d", n, wire.MaxRecord)
	}
}

func repeatRef(n int) []ct.Ref {
	refs := make([]ct.Ref, n)
	for i := range refs {
		refs[i] = ct.Ref{Log: ct.LogID{byte(i)}, Seq: 1 << 60, ID: ct.ID{byte(i)}}
	}
	return refs
}

func TestIDAndCommitAreDomainSeparated(t *testing.T) {
	// Fixed by hand with sha256sum over the domain, the network id and the header.
	network := ct.NetworkID{}
	if got, want := wire.ID(network, []byte("header")).String(), "2c135d6d7744b8b4f47c5fa8a2ec1b61baf3df33f4e5d68aa919e074451c309a"; got != want {
		t.Errorf("id: got %s, want %s", got, want)
	}
	c := wire.Commit(make([]byte, 32), []byte("body"))
	if got, want := hex.EncodeToString(c[:]), "480af5082fde5871d53e2fe817952915ed28a90df487d94444e9d3bb95d41a74"; got != want {
		t.Errorf("commit: got %s, want %s", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	r := random{rand.New(rand.NewPCG(1, 2))}
	for range 8 {
		f.Add(wire.Encode(r.envelope()))
	}
	f.Add(wire.Encode(full()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := wire.Decode(raw)
		if err != nil {
			_, _, _ = wire.Peek(raw) // reads what it can
			return
		}
		if again := wire.Encode(e); !bytes.Equal(again, raw) {
			t.Fatalf("read %x, wrote %x", raw, again)
		}
		if again := wire.EncodeHeader(&e.Header); !bytes.Equal(again, e.HeaderBytes) {
			t.Fatalf("read header %x, wrote %x", e.HeaderBytes, again)
		}
		if log, seq, err := wire.Peek(raw); err != nil || log != e.Header.Log || seq != e.Header.Seq {
			t.Fatalf("peeked at log %x, record %d: %v", log, seq, err)
		}
	})
}

func FuzzHeader(f *testing.F) {
	r := random{rand.New(rand.NewPCG(3, 4))}
	for range 8 {
		f.Add(wire.EncodeHeader(r.header()))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := wire.DecodeHeader(raw)
		if err != nil {
			return
		}
		if again := wire.EncodeHeader(h); !bytes.Equal(again, raw) {
			t.Fatalf("read %x, wrote %x", raw, again)
		}
		m := &heraldv1.Header{}
		if err := proto.Unmarshal(raw, m); err != nil {
			t.Fatalf("protobuf refuses what we accept: %v", err)
		}
		if again := marshal(t, m); !bytes.Equal(again, raw) {
			t.Fatalf("protobuf writes it otherwise: %x, read %x", again, raw)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	e := full()
	e.Body = make([]byte, 600)
	e.Header.BodySize = 600
	e.Header.Refs, e.Header.Ext = nil, nil
	e.HeaderBytes = wire.EncodeHeader(&e.Header)
	raw := wire.Encode(e)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}
