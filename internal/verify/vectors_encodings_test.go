package verify_test

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// encodingVector is a message in which one field is there, is written although
// it is empty, or is absent. The rest of it is what is always present.
type encodingVector struct {
	Name  string `json:"name"` // the field, and what is done with it
	Type  string `json:"type"` // the message
	Sound bool   `json:"sound"`
	Bytes string `json:"bytes"`
}

// codec reads messages of a type; wrap makes whole what stands inside a signed
// message.
type codec struct {
	of   proto.Message
	read func([]byte) error
	wrap func([]byte) []byte
}

func codecs() []codec {
	whole := func(b []byte) []byte { return b }
	content := func(of proto.Message, read func([]byte) error) codec { return codec{of, read, whole} }
	signed := func(num protowire.Number) func([]byte) []byte {
		return func(b []byte) []byte {
			out := append(bytesField(num, b), varintField(num+1, keys.AlgEd25519)...)
			return append(out, bytesField(num+2, make([]byte, wire.SigSize))...)
		}
	}
	// padded fills a match message up, unless it was left without padding.
	padded := func(num protowire.Number, step int) func([]byte) []byte {
		return func(b []byte) []byte {
			at := paddingAt(b, num)
			if at < 0 {
				return signed(1)(b)
			}
			for size := step; ; size += step {
				n := size - len(signed(1)(b[:at]))
				for pad := max(n-8, 1); pad < n; pad++ {
					if out := signed(1)(append(b[:at:at], bytesField(num, make([]byte, pad))...)); len(out) == size {
						return out
					}
				}
			}
		}
	}
	request := func(raw []byte) error { _, _, err := wire.DecodeMatchRequest(raw); return err }
	answer := func(raw []byte) error { _, _, err := wire.DecodeMatchAnswer(raw); return err }
	return []codec{
		content(&heraldv1.Notification{}, func(b []byte) error { _, err := wire.DecodeNotification(wire.BodyHeader{}, b); return err }),
		content(&heraldv1.Retraction{}, func(b []byte) error { _, err := wire.DecodeRetraction(b); return err }),
		content(&heraldv1.MatchRelease{}, func(b []byte) error { _, err := wire.DecodeMatchRelease(b); return err }),
		content(&heraldv1.Addresses{}, func(b []byte) error { _, err := wire.DecodeAddresses(b); return err }),
		content(&heraldv1.Delegation{}, func(b []byte) error { _, err := wire.DecodeDelegation(b); return err }),
		content(&heraldv1.Renewal{}, func(b []byte) error { _, err := wire.DecodeRenewal(b); return err }),
		content(&heraldv1.Closing{}, func(b []byte) error { _, err := wire.DecodeClosing(b); return err }),
		{&heraldv1.Record{}, func(b []byte) error { _, err := wire.Decode(b); return err }, whole},
		{&heraldv1.Header{}, func(b []byte) error { _, err := wire.Decode(b); return err }, signed(1)},
		{&heraldv1.SignedBeacon{}, func(b []byte) error { _, err := wire.DecodeBeacon(b); return err }, whole},
		{&heraldv1.Beacon{}, func(b []byte) error { _, err := wire.DecodeBeacon(b); return err }, signed(6)},
		{&heraldv1.SyncMessage{}, func(b []byte) error { _, err := wire.DecodeSync(b); return err }, whole},
		{&heraldv1.SignedMatch{}, request, whole},
		{&heraldv1.MatchRequest{}, request, padded(16, wire.MatchRequestStep)},
		{&heraldv1.MatchAnswer{}, answer, padded(15, wire.MatchAnswerSize)},
		{&heraldv1.Genesis{}, func(b []byte) error { _, err := wire.DecodeGenesis(b); return err }, whole},
	}
}

// paddingAt is where the padding of a match message begins, -1 for none that is
// to be filled up.
func paddingAt(b []byte, num protowire.Number) int {
	for at := 0; at < len(b); {
		n, typ, tag := protowire.ConsumeTag(b[at:])
		size := protowire.ConsumeFieldValue(n, typ, b[at+tag:])
		if n == num && size > 1 {
			return at
		}
		at += tag + size
	}
	return -1
}

// present are the fields of which a .proto file says that they are always
// present, and the messages that may be empty.
func present(t *testing.T) (always, empty map[string]bool) {
	t.Helper()
	always, empty = map[string]bool{}, map[string]bool{}
	files, err := filepath.Glob("../../proto/herald/v1/*.proto")
	if err != nil || len(files) == 0 {
		t.Fatal("no .proto files")
	}
	message := regexp.MustCompile(`^message (\w+) \{`)
	field := regexp.MustCompile(`^\s+(?:repeated )?\w+ (\w+) = \d+;(.*)`)
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		in, above := "", ""
		for line := range strings.Lines(string(raw)) {
			if m := message.FindStringSubmatch(line); m != nil {
				in = m[1]
			}
			if m := field.FindStringSubmatch(line); m != nil {
				said := strings.ToLower(above + m[2])
				must := strings.Contains(said, "always present")
				always[in+"."+m[1]] = must
				empty[in+"."+m[1]] = must && !strings.Contains(said, "never empty") || strings.Contains(said, "may be empty")
			}
			above = ""
			if strings.HasPrefix(strings.TrimSpace(line), "//") {
				above = line
			}
		}
	}
	return always, empty
}

// piece is a field of a message with its value: bytes, or pieces of a message.
type piece struct {
	num   protowire.Number
	raw   []byte // the value with its length or as a varint
	typ   protowire.Type
	parts []piece
	of    protoreflect.FieldDescriptor
}

func (p piece) encode() []byte {
	out := protowire.AppendTag(nil, p.num, p.typ)
	if p.parts != nil {
		return protowire.AppendBytes(out, encodeParts(p.parts))
	}
	return append(out, p.raw...)
}

func encodeParts(parts []piece) (out []byte) {
	for _, p := range parts {
		out = append(out, p.encode()...)
	}
	return out
}

// empties builds the vectors of one message type: see forms.
type empties struct {
	t             *testing.T
	codec         codec
	always, empty map[string]bool
	tried         map[string]bool
	out           []encodingVector
}

// beside is what must stand beside a field.
var beside = map[string]protoreflect.Name{
	"Beacon.size": "head", "Beacon.head": "size", "Beacon.journal_entries": "journal_head", "Beacon.journal_head": "journal_entries",
	"Record.body": "salt", "SyncMessage.ext": "hello",
}

// parse reads a sample with the descriptors of the generated code. What is inside
// a signed message is bytes to it.
func (e *empties) parse(b []byte, d protoreflect.MessageDescriptor) (out []piece) {
	e.t.Helper()
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		size := protowire.ConsumeFieldValue(num, typ, b[n:])
		f := d.Fields().ByNumber(num)
		if n < 0 || size < 0 || f == nil {
			e.t.Fatalf("the sample of %s is no such message", d.Name())
		}
		p := piece{num: num, raw: b[n : n+size], typ: typ, of: f}
		if f.Kind() == protoreflect.MessageKind {
			inner, _ := protowire.ConsumeBytes(b[n:])
			if p.parts = e.parse(inner, f.Message()); p.parts == nil {
				p.parts = []piece{}
			}
		}
		out, b = append(out, p), b[n+size:]
	}
	return out
}

func nameOf(f protoreflect.FieldDescriptor) string {
	return string(f.Parent().Name()) + "." + string(f.Name())
}

// least is a message cut down to what is always present, and what stands beside
// the field of that name.
func (e *empties) least(parts []piece, field string) (out []piece) {
	seen := map[protowire.Number]bool{}
	for _, p := range parts {
		if seen[p.num] || !e.always[nameOf(p.of)] && beside[field] != p.of.Name() && !needed[nameOf(p.of)] {
			continue
		}
		seen[p.num] = true
		if p.parts != nil {
			if p.parts = e.least(p.parts, ""); p.parts == nil {
				p.parts = []piece{}
			}
		}
		out = append(out, p)
	}
	return out
}

// needed are fields without which a message says nothing, though another could
// stand in their place.
var needed = map[string]bool{
	"LogHead.size": true, "LogHead.head": true, "SyncWant.ranges": true, "SyncRecords.records": true,
	"Person.names": true, "Name.full": true, "ReleasedHit.ref": true, "Policy.max_nodes": true,
}

// at puts what stands in the place of the field into the message, in order.
func at(parts []piece, num protowire.Number, value []byte) []byte {
	var out []byte
	done := false
	for _, p := range parts {
		if p.num >= num && !done {
			out, done = append(out, value...), true
		}
		if p.num != num {
			out = append(out, p.encode()...)
		}
	}
	if !done {
		out = append(out, value...)
	}
	return out
}

// forms walks a sample. Each field is tried three times: there; written though
// it is empty; absent, where it is always present.
func (e *empties) forms(parts []piece, around func([]byte) []byte, where string) {
	for i, p := range parts {
		name := nameOf(p.of)
		if i > 0 && parts[i-1].num == p.num || e.tried[name] {
			continue
		}
		e.tried[name] = true
		base := e.least(parts, name)
		path := where + "." + string(p.of.Name())
		add := func(what string, sound bool, value []byte) {
			raw := e.codec.wrap(around(at(base, p.num, value)))
			e.out = append(e.out, encodingVector{
				Name: path + what, Type: string(e.codec.of.ProtoReflect().Descriptor().Name()), Sound: sound, Bytes: hex.EncodeToString(raw),
			})
		}
		least := p
		if p.parts != nil {
			least.parts = append([]piece{}, e.least(p.parts, "")...)
		}
		empty := protowire.AppendVarint(protowire.AppendTag(nil, p.num, p.typ), 0)
		mayBeEmpty := p.parts != nil && e.empty[name]
		full := least.encode()
		if p.parts != nil && len(least.parts) == 0 && !mayBeEmpty {
			full = p.encode() // nothing of it is always there: all of it, then
		}
		if !only[name] {
			add("", true, full)
		}
		add(", empty", mayBeEmpty, empty)
		if p.of.IsList() {
			add(", an empty element behind", false, append(full[:len(full):len(full)], empty...))
		}
		if e.always[name] {
			add(", absent", false, nil)
		}
		if p.parts != nil {
			num := p.num
			e.forms(p.parts, func(b []byte) []byte { return around(at(base, num, bytesField(num, b))) }, path)
		}
	}
}

// only are fields that are sound in one message alone, which another test has.
var only = map[string]bool{"SyncFrontier.more": true}

func encodings(t *testing.T, w *world) []encodingVector {
	t.Helper()
	e := &empties{t: t, tried: map[string]bool{}}
	e.always, e.empty = present(t)
	for _, c := range codecs() {
		e.codec = c
		d := c.of.ProtoReflect().Descriptor()
		for _, raw := range encodingSamples(w, d) {
			e.forms(e.parse(raw, d), func(b []byte) []byte { return b }, string(d.Name()))
		}
		e.untried(d, map[protoreflect.FullName]bool{})
	}
	return e.out
}

// untried tells the fields that no sample has: a new field needs one.
func (e *empties) untried(d protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) {
	e.t.Helper()
	if seen[d.FullName()] {
		return
	}
	seen[d.FullName()] = true
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if !e.tried[nameOf(f)] {
			e.t.Errorf("no sample has %s: add it to encodingSamples", nameOf(f))
		}
		if f.Kind() == protoreflect.MessageKind {
			e.untried(f.Message(), seen)
		}
	}
}

// fill is a message of a type with every field of its descriptor, or of a oneof
// the field that one names. Whatever the schema gets is in it.
func fill(d protoreflect.MessageDescriptor, one string) (out []byte) {
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if f.ContainingOneof() != nil && string(f.Name()) != one || without[one+" "+nameOf(f)] {
			continue
		}
		num := f.Number()
		switch f.Kind() {
		case protoreflect.MessageKind:
			out = append(out, bytesField(num, fill(f.Message(), one))...)
		case protoreflect.StringKind:
			out = append(out, bytesField(num, []byte("x"))...)
		case protoreflect.BytesKind:
			out = append(out, bytesField(num, bytes.Repeat([]byte{1}, cmp.Or(sizes[f.Name()], 32)))...)
		default:
			out = append(out, varintField(num, cmp.Or(numbers[one+" "+nameOf(f)], numbers[nameOf(f)], 1))...)
		}
	}
	return out
}

// What fill writes where 32 bytes or a 1 would be refused, and what it leaves out.
var (
	sizes   = map[protoreflect.Name]int{"network": 8, "mark": 16, "since": 16, "proof": 64, "signature": wire.SigSize}
	numbers = map[string]uint64{"LogHead.fork": 2, "refused MatchAnswer.verdict": 3, "possible MatchAnswer.verdict": 2}
	without = map[string]bool{"refused MatchAnswer.hits": true, "possible MatchAnswer.reason": true}
)

// encodingSamples are messages that have every field of their type between them.
func encodingSamples(w *world, d protoreflect.MessageDescriptor) [][]byte {
	switch d.Name() {
	case "Record":
		return [][]byte{w.raw(w.draft(ct.KindRetract, ct.TopicControl, body(&ct.Retraction{Reason: "error"})))}
	case "SignedBeacon", "SignedMatch":
		typ := map[protoreflect.Name]string{"SignedBeacon": "beacon", "SignedMatch": "match-request"}[d.Name()]
		all := messages(w)
		return [][]byte{unhexed(all[slices.IndexFunc(all, func(x messageVector) bool { return x.Type == typ })].Bytes)}
	case "SyncMessage":
		return [][]byte{fill(d, "hello"), fill(d, "frontier"), fill(d, "want"), fill(d, "records")}
	case "MatchAnswer":
		return [][]byte{fill(d, "possible"), fill(d, "refused")}
	}
	return [][]byte{fill(d, "")}
}

// Every message has one encoding: what is empty is not written, but for messages
// that are always present, and what is always present is not left out. The
// .proto files say which is which.
func TestEncodingVectors(t *testing.T) {
	w := newWorld(t)
	built := encodings(t, w)
	checkFile(t, "encodings.json", encodeVectors(t, built))
	readers := map[string]codec{}
	for _, c := range codecs() {
		readers[string(c.of.ProtoReflect().Descriptor().Name())] = c
	}
	counts := map[string]int{}
	for _, x := range readVectors[[]encodingVector](t, "encodings.json") {
		err := readers[x.Type].read(unhex(t, x.Bytes))
		if (err == nil) != x.Sound {
			t.Errorf("%s: %v, sound is %v", x.Name, err, x.Sound)
		}
		counts[fmt.Sprint(x.Type, x.Sound)]++
	}
	for name := range readers {
		if counts[name+"true"] == 0 || counts[name+"false"] == 0 {
			t.Errorf("%s: %d sound, %d not", name, counts[name+"true"], counts[name+"false"])
		}
	}
}
