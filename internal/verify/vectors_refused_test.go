package verify_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"google.golang.org/protobuf/encoding/protowire"
)

// part is one field of a record or header, with everything that a hand can get wrong.
type part struct {
	num   protowire.Number
	bytes []byte // key, length if any, and value, as written
}

// split takes an encoding apart into its fields.
func split(t *testing.T, b []byte) []part {
	t.Helper()
	var out []part
	for len(b) > 0 {
		num, _, n := protowire.ConsumeField(b)
		if n < 0 {
			t.Fatalf("not protobuf: %x", b)
		}
		out = append(out, part{num, b[:n:n]})
		b = b[n:]
	}
	return out
}

func join(parts []part) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p.bytes...)
	}
	return b
}

// replace writes field num otherwise; nothing leaves it out.
func replace(t *testing.T, b []byte, num protowire.Number, with ...byte) []byte {
	t.Helper()
	var out []byte
	done := false
	for _, p := range split(t, b) {
		if p.num == num && !done {
			out, done = append(out, with...), true
			continue
		}
		out = append(out, p.bytes...)
	}
	if !done {
		t.Fatalf("no field %d in %x", num, b)
	}
	return out
}

// refs are n of them, each another.
func refs(n int) []ct.Ref {
	out := make([]ct.Ref, n)
	for i := range out {
		out[i] = ct.Ref{Log: key("UTO 2").Public(), Seq: uint64(i) + 1, ID: ct.ID{byte(i), 1}}
	}
	return out
}

func bytesField(num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), v)
}

func varintField(num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
}

// refused builds the records that are not chained. Where the header is at
// fault it is signed as it is, so that nothing but the fault is wrong.
func refused(t *testing.T, w *world) []refusedVector {
	var out []refusedVector
	good := func() *draft {
		d := w.draft(ct.KindNotification, ct.TopicTravel, body(notification(ct.TopicTravel)))
		d.h.Ext = []byte{1}
		d.h.Offset = 4321
		d.h.Refs = []ct.Ref{{Log: key("NOR 1").Public(), Seq: 5, ID: ct.ID{6}}}
		return d
	}
	add := func(why verify.Reason, name string, raw []byte) {
		v := (&verify.Error{Reason: why}).Verdict()
		out = append(out, refusedVector{name, exercise, "gossip", ct.TopicTravel, why, v.String(), hex.EncodeToString(raw)})
	}
	raw := w.raw(good())
	header := w.header(good())
	// edited is the good record with a header changed and signed again.
	edited := func(change func(h []byte) []byte) []byte {
		d := good()
		return w.seal(d, change(w.header(d)))
	}
	drafted := func(change func(d *draft)) []byte {
		d := good()
		change(d)
		return w.raw(d)
	}
	envelope := func(change func(e *wire.Envelope)) []byte {
		e, err := wire.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		c := *e
		change(&c)
		return wire.Encode(&c)
	}
	without := func(b []byte, num protowire.Number) []byte { return replace(t, b, num) }
	// twice writes field num two times over.
	twice := func(b []byte, num protowire.Number) []byte {
		for _, p := range split(t, b) {
			if p.num == num {
				return replace(t, b, num, append(bytes.Clone(p.bytes), p.bytes...)...)
			}
		}
		t.Fatalf("no field %d", num)
		return nil
	}
	swapped := func(b []byte, i int) []byte {
		p := split(t, b)
		p[i], p[i+1] = p[i+1], p[i]
		return join(p)
	}

	// The record around the header.
	add(verify.NotARecord, "nothing", nil)
	add(verify.NotARecord, "one byte", []byte{0})
	add(verify.NotARecord, "text", []byte("GET / HTTP/1.1\r\n\r\n"))
	add(verify.NotARecord, "JSON", []byte(`{"header":"","signature":""}`))
	add(verify.NotARecord, "cut in the body", raw[:len(raw)-1])
	add(verify.NotARecord, "cut in the header", raw[:40])
	add(verify.NotARecord, "a byte after the end", append(bytes.Clone(raw), 0))
	add(verify.NotARecord, "two records", append(bytes.Clone(raw), raw...))
	add(verify.NotARecord, "record: unknown field", append(bytes.Clone(raw), bytesField(6, []byte("x"))...))
	add(verify.NotARecord, "record: reserved field", append(bytes.Clone(raw), varintField(15, 1)...))
	for i, name := range []string{"header and algorithm", "algorithm and signature", "signature and salt", "salt and body"} {
		add(verify.NotARecord, "record: "+name+" swapped", swapped(raw, i))
	}
	for i, name := range []string{"header", "algorithm", "signature", "salt", "body"} {
		add(verify.NotARecord, "record: "+name+" twice", twice(raw, protowire.Number(i+1)))
	}
	add(verify.NotARecord, "record: no header", without(raw, 1))
	add(verify.NotARecord, "record: no algorithm", without(raw, 2))
	add(verify.NotARecord, "record: no signature", without(raw, 3))
	add(verify.NotARecord, "record: body without salt", without(raw, 4))
	add(verify.NotARecord, "record: algorithm 0 written", replace(t, raw, 2, varintField(2, 0)...))
	add(verify.NotARecord, "record: algorithm not minimal", replace(t, raw, 2, 0x10, 0x81, 0))
	add(verify.NotARecord, "record: algorithm as bytes", replace(t, raw, 2, bytesField(2, []byte{1})...))
	add(verify.NotARecord, "record: key of the header not minimal", append([]byte{0x8a, 0}, raw[1:]...))
	add(verify.NotARecord, "record: length of the salt not minimal", replace(t, raw, 4, append([]byte{0x22, 0xa0, 0}, bytes.Repeat([]byte{1}, 32)...)...))
	add(verify.NotARecord, "record: salt of 31 bytes", replace(t, raw, 4, bytesField(4, make([]byte, 31))...))
	add(verify.NotARecord, "record: salt of 33 bytes", replace(t, raw, 4, bytesField(4, make([]byte, 33))...))
	add(verify.NotARecord, "record: salt of 31 bytes and no body", without(replace(t, raw, 4, bytesField(4, make([]byte, 31))...), 5))
	add(verify.NotARecord, "record: empty salt written", replace(t, raw, 4, bytesField(4, nil)...))
	add(verify.NotARecord, "record: empty body written", func() []byte {
		d := good()
		d.body = nil
		return append(w.raw(d), bytesField(5, nil)...)
	}())
	add(verify.NotARecord, "record: header in a group", append(append([]byte{0x0b}, raw...), 0x0c))

	// The header.
	for i, name := range []string{"version and network", "network and log", "log and seq", "seq and prev", "prev and kind"} {
		add(verify.NotARecord, "header: "+name+" swapped", edited(func(h []byte) []byte { return swapped(h, i) }))
	}
	for _, f := range []struct {
		num  protowire.Number
		name string
	}{
		{1, "version"}, {2, "network"}, {3, "log"}, {4, "seq"}, {5, "prev"}, {8, "commit"}, {10, "issued_at"}, {11, "expires_at"},
	} {
		add(verify.NotARecord, "header: no "+f.name, edited(func(h []byte) []byte { return without(h, f.num) }))
		add(verify.NotARecord, "header: "+f.name+" twice", edited(func(h []byte) []byte { return twice(h, f.num) }))
	}
	for _, f := range []struct {
		num  protowire.Number
		name string
	}{
		{4, "seq"}, {6, "kind"}, {7, "topic"}, {9, "body_size"}, {10, "issued_at"}, {11, "expires_at"},
		{12, "priority"}, {13, "tlp"}, {14, "audience"},
	} {
		add(verify.NotARecord, "header: "+f.name+" 0 written", edited(func(h []byte) []byte { return replace(t, h, f.num, varintField(f.num, 0)...) }))
	}
	add(verify.NotARecord, "header: version not minimal", edited(func(h []byte) []byte { return replace(t, h, 1, 8, 0x81, 0) }))
	add(verify.NotARecord, "header: kind not minimal", edited(func(h []byte) []byte { return replace(t, h, 6, 0x30, 0x81, 0x80, 0) }))
	add(verify.NotARecord, "header: key of seq not minimal", edited(func(h []byte) []byte { return replace(t, h, 4, 0xa0, 0, 7) }))
	add(verify.NotARecord, "header: length of prev not minimal", edited(func(h []byte) []byte {
		return replace(t, h, 5, append([]byte{0x2a, 0xa0, 0}, make([]byte, 32)...)...)
	}))
	add(verify.NotARecord, "header: kind over 32 bits", edited(func(h []byte) []byte { return replace(t, h, 6, varintField(6, 1<<32)...) }))
	add(verify.NotARecord, "header: issued before 1970", edited(func(h []byte) []byte { return replace(t, h, 10, varintField(10, 1<<64-1)...) }))
	add(verify.NotARecord, "header: varint of 11 bytes", edited(func(h []byte) []byte {
		return replace(t, h, 4, append([]byte{0x20}, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"...)...)
	}))
	add(verify.NotARecord, "header: network of 32 bytes", edited(func(h []byte) []byte { return replace(t, h, 2, bytesField(2, make([]byte, 32))...) }))
	add(verify.NotARecord, "header: log of 31 bytes", edited(func(h []byte) []byte { return replace(t, h, 3, bytesField(3, make([]byte, 31))...) }))
	add(verify.NotARecord, "header: commit of 33 bytes", edited(func(h []byte) []byte { return replace(t, h, 8, bytesField(8, make([]byte, 33))...) }))
	add(verify.NotARecord, "header: seq as fixed64", edited(func(h []byte) []byte {
		return replace(t, h, 4, protowire.AppendFixed64(protowire.AppendTag(nil, 4, protowire.Fixed64Type), 7)...)
	}))
	add(verify.NotARecord, "header: seq as bytes", edited(func(h []byte) []byte { return replace(t, h, 4, bytesField(4, []byte{7})...) }))
	add(verify.NotARecord, "header: unknown field", edited(func(h []byte) []byte { return append(h, varintField(19, 1)...) }))
	add(verify.NotARecord, "header: unknown field of a large number", edited(func(h []byte) []byte { return append(h, bytesField(1<<29-1, []byte("x"))...) }))
	add(verify.NotARecord, "header: empty ext written", edited(func(h []byte) []byte { return replace(t, h, 18, bytesField(18, nil)...) }))
	add(verify.NotARecord, "header: ext twice", edited(func(h []byte) []byte { return twice(h, 18) }))
	add(verify.NotARecord, "header: offset 0 written", edited(func(h []byte) []byte { return replace(t, h, 16, varintField(16, 0)...) }))
	add(verify.NotARecord, "header: offset as bytes", edited(func(h []byte) []byte { return replace(t, h, 16, bytesField(16, make([]byte, 16))...) }))
	add(verify.NotARecord, "header: ref without its id", edited(func(h []byte) []byte {
		return replace(t, h, 17, bytesField(17, append(bytesField(1, make([]byte, 32)), varintField(2, 5)...))...)
	}))
	add(verify.NotARecord, "header: ref with fields swapped", edited(func(h []byte) []byte {
		return replace(t, h, 17, bytesField(17, append(varintField(2, 5), append(bytesField(1, make([]byte, 32)), bytesField(3, make([]byte, 32))...)...))...)
	}))
	add(verify.NotARecord, "header: ref to record 0", drafted(func(d *draft) { d.h.Refs[0].Seq = 0 }))
	add(verify.NotARecord, "header: offset after refs", edited(func(h []byte) []byte {
		p := split(t, h)
		n := len(p) // …, offset, ref, ext
		p[n-3], p[n-2] = p[n-2], p[n-3]
		return join(p)
	}))

	// Limits.
	add(verify.TooLarge, "record of 65,537 bytes", drafted(func(d *draft) {
		d.h.Refs, d.h.Ext = nil, make([]byte, wire.MaxExt)
		d.body = make([]byte, wire.MaxBodyBytes)
		for len(w.raw(d)) <= wire.MaxRecord {
			d.h.Refs = append(d.h.Refs, ct.Ref{Log: key("UTO 1").Public(), Seq: 1, ID: ct.ID{1}})
		}
		d.body, d.salt = d.body[:len(d.body)-(len(w.raw(d))-wire.MaxRecord-1)], nil
	}))
	add(verify.TooLarge, "body of 62,465 bytes", drafted(func(d *draft) {
		d.body, d.h.Refs = make([]byte, wire.MaxBodyBytes+1), nil
	}))
	add(verify.TooLarge, "header: 65 refs", drafted(func(d *draft) { d.h.Refs = refs(65) }))
	add(verify.TooLarge, "header: ext of 257 bytes", drafted(func(d *draft) { d.h.Ext = make([]byte, 257) }))
	add(verify.TooLarge, "signature of 4,097 bytes", envelope(func(e *wire.Envelope) { e.Sig = make([]byte, 4097) }))

	add(verify.UnknownVersion, "version 2", drafted(func(d *draft) { d.h.Version = 2 }))
	add(verify.UnknownVersion, "version 2 with other fields", edited(func(h []byte) []byte {
		return append(varintField(1, 2), bytesField(40, []byte("new"))...)
	}))

	add(verify.OtherNetwork, "of the other network", drafted(func(d *draft) { d.net, d.by = earnest, "NOR 1" }))
	add(verify.OtherNetwork, "network: one bit", edited(func(h []byte) []byte { h = bytes.Clone(h); h[4] ^= 1; return h }))
	add(verify.UnknownVersion, "version 2 with other fields around the header", append(bytesField(1, varintField(1, 2)), bytesField(9, []byte("new"))...))
	add(verify.BadAlgorithm, "algorithm 2", envelope(func(e *wire.Envelope) { e.Alg = 2 }))
	add(verify.BadAlgorithm, "algorithm 2 with a signature of 3,309 bytes", envelope(func(e *wire.Envelope) { e.Alg, e.Sig = 2, make([]byte, 3309) }))

	add(verify.WrongTopic, "arrival gossiped on travel", drafted(func(d *draft) {
		d.h.Topic, d.body = uint32(ct.TopicArrival), body(notification(ct.TopicArrival))
	}))
	add(verify.WrongTopic, "no topic", drafted(func(d *draft) { d.h.Topic = 0 }))
	add(verify.WrongTopic, "topic 258", drafted(func(d *draft) { d.h.Topic = 256 + uint32(ct.TopicTravel) }))
	add(verify.MissingBody, "gossiped without its body", drafted(func(d *draft) { d.bare = true }))

	add(verify.BodyMismatch, "body: one bit", envelope(func(e *wire.Envelope) { e.Body = bytes.Clone(e.Body); e.Body[9] ^= 0x10 }))
	add(verify.BodyMismatch, "salt: one bit", envelope(func(e *wire.Envelope) { e.Salt = bytes.Clone(e.Salt); e.Salt[0] ^= 1 }))
	add(verify.BodyMismatch, "another body", envelope(func(e *wire.Envelope) { e.Body = body(notification(ct.TopicArrival)) }))
	add(verify.BodyMismatch, "salt without its body", envelope(func(e *wire.Envelope) { e.Body = nil }))
	add(verify.BodyMismatch, "a byte moved from salt to body", envelope(func(e *wire.Envelope) {
		all := append(bytes.Clone(e.Salt), e.Body...)
		e.Salt, e.Body = all[1:33], all[33:]
	}))
	add(verify.BodyMismatch, "header: body_size one more", edited(func(h []byte) []byte {
		d := good()
		w.header(d)
		return replace(t, h, 9, varintField(9, uint64(d.h.BodySize)+1)...)
	}))
	add(verify.BodyMismatch, "header: commit of the body without a salt", edited(func(h []byte) []byte {
		c := wire.Commit(nil, good().body)
		return replace(t, h, 8, bytesField(8, c[:])...)
	}))
	add(verify.BodyMismatch, "body encoded a second way", envelope(func(e *wire.Envelope) {
		p := split(t, e.Body)
		for i, j := 0, len(p)-1; i < j; i, j = i+1, j-1 {
			p[i], p[j] = p[j], p[i]
		}
		e.Body = join(p)
	}))

	add(verify.Stranger, "stranger", drafted(func(d *draft) { d.by = "stranger" }))
	add(verify.Stranger, "node not delegated yet", drafted(func(d *draft) { d.by = "UTO 3" }))
	add(verify.Stranger, "log: one bit", edited(func(h []byte) []byte {
		return replace(t, h, 3, bytesField(3, func() []byte { l := key("UTO 1").Public(); l[0] ^= 1; return l[:] }())...)
	}))
	add(verify.TooLarge, "body of 4,097 bytes in a root log", drafted(func(d *draft) { d.by, d.body = "UTO root", make([]byte, 4097) }))
	add(verify.Future, "issued more than ten minutes from now", drafted(func(d *draft) { d.h.Issued = ct.MillisOf(now) + 10*60*1000 + 1 }))
	add(verify.Future, "issued more than ten minutes from now, in a root log", drafted(func(d *draft) {
		d.by, d.h.Issued = "UTO root", ct.MillisOf(now)+10*60*1000+1
	}))
	add(verify.Growth, "its log has grown further than it may", drafted(func(d *draft) {
		d.h.Offset = w.room("UTO 1") + 1
	}))
	add(verify.Growth, "dated ten minutes ahead, a burst and a byte above the line", drafted(func(d *draft) {
		d.h.Issued = ct.MillisOf(now) + 10*60*1000
		d.h.Offset = w.line("UTO 1").At(d.h.Issued) + roster.DefaultPolicy().LogBurst + 1
	}))
	add(verify.Growth, "its log has grown as far as it may, a moment earlier", drafted(func(d *draft) {
		d.h.Offset = w.room("UTO 1")
		d.h.Issued -= 1000
	}))
	add(verify.Growth, "the highest offset", drafted(func(d *draft) { d.h.Offset = math.MaxUint64 }))
	add(verify.Growth, "a root log that has grown further than it may", drafted(func(d *draft) {
		d.by, d.h.Offset = "UTO root", w.room("UTO root")+1
	}))
	add(verify.HeldDelegation, "issued before the delegation", drafted(func(d *draft) { d.h.Issued = ct.MillisOf(founded.Add(-day)) - 1 }))
	add(verify.HeldDelegation, "issued when the delegation ends", drafted(func(d *draft) { d.h.Issued = ct.MillisOf(founded.Add(399 * day)) }))

	sign := func(k *keys.Key, c keys.Context, n ct.NetworkID, msg []byte) []byte {
		sig, err := k.Sign(c, n, msg)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	signedAs := func(sig []byte) []byte { return envelope(func(e *wire.Envelope) { e.Sig = sig }) }
	net, uto := w.view[exercise].Network(), key("UTO 1")
	add(verify.BadSignature, "signature: one bit", envelope(func(e *wire.Envelope) { e.Sig = bytes.Clone(e.Sig); e.Sig[63] ^= 1 }))
	add(verify.BadSignature, "signature of zeros", signedAs(make([]byte, 64)))
	add(verify.BadSignature, "signature of 63 bytes", envelope(func(e *wire.Envelope) { e.Sig = e.Sig[:63] }))
	add(verify.BadSignature, "signature of 65 bytes", envelope(func(e *wire.Envelope) { e.Sig = append(bytes.Clone(e.Sig), 0) }))
	add(verify.BadSignature, "signature with S plus the group order", envelope(func(e *wire.Envelope) { e.Sig = secondS(e.Sig) }))
	add(verify.BadSignature, "signed by the State's other node", signedAs(sign(key("UTO 2"), keys.ContextRecord, net, header)))
	add(verify.BadSignature, "signed by the root key", signedAs(sign(key("UTO root"), keys.ContextRecord, net, header)))
	add(verify.BadSignature, "signed in another context", signedAs(sign(uto, keys.ContextGenesis, net, header)))
	add(verify.BadSignature, "signed for the other network", signedAs(sign(uto, keys.ContextRecord, w.view[earnest].Network(), header)))
	add(verify.BadSignature, "signature over the bare header", signedAs(sign(uto, "", ct.NetworkID{}, header)))
	add(verify.BadSignature, "signature over the id", signedAs(func() []byte {
		id := wire.ID(net, header)
		return sign(uto, keys.ContextRecord, net, id[:])
	}()))
	for _, f := range []struct {
		name string
		h    func(*wire.Header)
	}{
		{"seq", func(h *wire.Header) { h.Seq++ }},
		{"prev", func(h *wire.Header) { h.Prev[0] ^= 1 }},
		{"kind", func(h *wire.Header) { h.Kind = uint32(ct.KindUpdate) }},
		{"issued_at", func(h *wire.Header) { h.Issued++ }},
		{"expires_at", func(h *wire.Header) { h.Expires++ }},
		{"priority", func(h *wire.Header) { h.Priority++ }},
		{"tlp", func(h *wire.Header) { h.TLP-- }},
		{"audience", func(h *wire.Header) { h.Audience++ }},
		{"key_epoch", func(h *wire.Header) { h.KeyEpoch++ }},
		{"offset", func(h *wire.Header) { h.Offset++ }},
		{"refs", func(h *wire.Header) { h.Refs = nil }},
		{"ext", func(h *wire.Header) { h.Ext = nil }},
	} {
		d := good()
		w.header(d)
		f.h(&d.h)
		add(verify.BadSignature, "changed after signing: "+f.name, envelope(func(e *wire.Envelope) { e.HeaderBytes = wire.EncodeHeader(&d.h) }))
	}

	// By sync: a record without its body gets no other judgement.
	sync := func(name string, why verify.Reason, raw []byte) {
		add(why, name, raw)
		out[len(out)-1].By, out[len(out)-1].Topic = "sync", 0
	}
	sync("without its body, signature of another", verify.BadSignature, envelope(func(e *wire.Envelope) {
		e.Salt, e.Body, e.Sig = nil, nil, sign(key("NOR 1"), keys.ContextRecord, net, header)
	}))
	sync("without its body, which would be too large", verify.TooLarge, drafted(func(d *draft) {
		d.bare, d.body, d.h.Refs = true, make([]byte, wire.MaxBodyBytes+1), nil
	}))
	sync("without its body, with which it would be too large", verify.TooLarge, drafted(func(d *draft) {
		d.bare, d.body = true, bytes.Repeat([]byte{1}, wire.MaxBodyBytes)
		d.h.Refs = refs(wire.MaxRefs)
	}))
	sync("body with a bit flipped, by sync", verify.BodyMismatch, envelope(func(e *wire.Envelope) { e.Body = bytes.Clone(e.Body); e.Body[0] ^= 1 }))
	return out
}

// secondS is the same signature with S plus the group order: other bytes that
// a careless verifier accepts.
func secondS(sig []byte) []byte {
	order := "\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14" + strings.Repeat("\x00", 15) + "\x10"
	out := bytes.Clone(sig)
	carry := 0
	for i := range 32 {
		n := int(out[32+i]) + int(order[i]) + carry
		out[32+i], carry = byte(n), n>>8
	}
	return out
}
