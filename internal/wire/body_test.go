package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

var bodyTime = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)

func bodyHeaderOf(t *testing.T, n *ct.Notification) wire.BodyHeader {
	t.Helper()
	expires, ok := n.Retention.ExpiresAt()
	if !ok {
		t.Fatal("notification without an expiry")
	}
	return wire.BodyHeader{Topic: n.Topic, Priority: n.Priority, TLP: n.TLP, Audience: n.Audience, Expires: expires}
}

func TestNotificationRoundTrip(t *testing.T) {
	const seed = 11
	g := synth.New(seed)
	largest := 0
	for i := range 3000 {
		n := g.Notification(ct.TopicUnknown, bodyTime)
		body, err := wire.EncodeNotification(n)
		if err != nil {
			t.Fatalf("seed %d, notification %d: encode: %v", seed, i, err)
		}
		largest = max(largest, len(body))
		back, err := wire.DecodeNotification(bodyHeaderOf(t, n), body)
		if err != nil {
			t.Fatalf("seed %d, notification %d: decode: %v", seed, i, err)
		}
		if !reflect.DeepEqual(n, back) {
			t.Fatalf("seed %d, notification %d: differs after a round trip", seed, i)
		}
	}
	t.Logf("largest body: %d bytes", largest)
}

// TestEveryFieldSurvives fills every field of every type by reflection, so
// that a field added to ct and forgotten in the schema fails here.
func TestEveryFieldSurvives(t *testing.T) {
	t.Run("notification", func(t *testing.T) {
		n := &ct.Notification{}
		fillFields(t, reflect.ValueOf(n).Elem(), new(int))
		h := wire.BodyHeader{Topic: n.Topic, Priority: n.Priority, TLP: n.TLP, Audience: n.Audience, Expires: ct.MillisOf(bodyTime)}
		n.Retention.Expires = h.Expires.String()
		body, err := wire.EncodeNotification(n)
		if err != nil {
			t.Fatal(err)
		}
		back, err := wire.DecodeNotification(h, body)
		compareBodies(t, n, back, err)
	})
	t.Run("retraction", func(t *testing.T) {
		r := &ct.Retraction{}
		fillFields(t, reflect.ValueOf(r).Elem(), new(int))
		body, err := wire.EncodeRetraction(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := wire.DecodeRetraction(body)
		compareBodies(t, r, back, err)
	})
	t.Run("match release", func(t *testing.T) {
		r := &ct.MatchRelease{}
		fillFields(t, reflect.ValueOf(r).Elem(), new(int))
		body, err := wire.EncodeMatchRelease(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := wire.DecodeMatchRelease(body)
		compareBodies(t, r, back, err)
	})
	t.Run("addresses", func(t *testing.T) {
		a := &ct.Addresses{}
		fillFields(t, reflect.ValueOf(a).Elem(), new(int))
		body, err := wire.EncodeAddresses(a)
		if err != nil {
			t.Fatal(err)
		}
		back, err := wire.DecodeAddresses(body)
		compareBodies(t, a, back, err)
	})
	t.Run("delegation", func(t *testing.T) {
		d := &ct.Delegation{}
		fillFields(t, reflect.ValueOf(d).Elem(), new(int))
		body, err := wire.EncodeDelegation(d)
		if err != nil {
			t.Fatal(err)
		}
		back, err := wire.DecodeDelegation(body)
		compareBodies(t, d, back, err)
	})
	t.Run("renewal", func(t *testing.T) {
		r := &ct.Renewal{}
		fillFields(t, reflect.ValueOf(r).Elem(), new(int))
		body, err := wire.EncodeRenewal(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := wire.DecodeRenewal(body)
		compareBodies(t, r, back, err)
	})
	t.Run("closing", func(t *testing.T) {
		c := &ct.Closing{}
		fillFields(t, reflect.ValueOf(c).Elem(), new(int))
		body, err := wire.EncodeClosing(c)
		if err != nil {
			t.Fatal(err)
		}
		back, err := wire.DecodeClosing(body)
		compareBodies(t, c, back, err)
	})
}

// fillFields sets every field to a value that occurs nowhere else.
func fillFields(t *testing.T, v reflect.Value, next *int) {
	t.Helper()
	*next++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fillFields(t, v.Field(i), next)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillFields(t, v.Elem(), next)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fillFields(t, v.Index(i), next)
		}
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(*next+i) % 256)
		}
	case reflect.String:
		v.SetString("v" + strings.Repeat("x", *next%7) + string(rune('A'+*next%26)) + time.Duration(*next).String())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*next) % 256)
	case reflect.Int64:
		v.SetInt(int64(*next))
	default:
		t.Fatalf("a field of kind %v: teach this test and the schema", v.Kind())
	}
}

func compareBodies(t *testing.T, want, got any, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(want, got) { // as JSON: the types print redacted
		a, _ := json.MarshalIndent(want, "", " ")
		b, _ := json.MarshalIndent(got, "", " ")
		t.Fatalf("a field is lost on the way\nwant %s\ngot %s", a, b)
	}
}

func TestOneEncoding(t *testing.T) {
	n := synth.New(5).Notification(ct.TopicArrival, bodyTime)
	n.Event.Accompanying = []ct.Companion{{Role: "spouse"}}
	good, err := wire.EncodeNotification(n)
	if err != nil {
		t.Fatal(err)
	}
	msg := func() *heraldv1.Notification {
		m := &heraldv1.Notification{}
		if err := proto.Unmarshal(good, m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	encode := func(edit func(m *heraldv1.Notification)) []byte {
		m := msg()
		edit(m)
		b, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	unknown := protowire.AppendString(protowire.AppendTag(nil, 900, protowire.BytesType), "x")
	rest := func(num protowire.Number) []byte { // the body without its first field
		_, _, n := protowire.ConsumeField(good)
		if n < 0 || num != 1 {
			t.Fatal("malformed")
		}
		return good[n:]
	}
	first := good[:len(good)-len(rest(1))]

	tests := []struct {
		name string
		body []byte
		want error
	}{
		{"empty", nil, wire.ErrBody},
		{"cut short", good[:len(good)-1], wire.ErrBody},
		{"byte behind", append(bytes.Clone(good), 0), wire.ErrBody},
		{"unknown field at the top", append(bytes.Clone(good), unknown...), wire.ErrBody},
		{"unknown field below", encode(func(m *heraldv1.Notification) { m.Person.Names[0].ProtoReflect().SetUnknown(unknown) }), wire.ErrBody},
		{"reserved field number", append(bytes.Clone(good), protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.VarintType), 1)...), wire.ErrBody},
		{"fields out of order", append(bytes.Clone(rest(1)), first...), wire.ErrBody},
		{"field twice", append(bytes.Clone(first), good...), wire.ErrBody},
		{"message absent that must be present", encode(func(m *heraldv1.Notification) { m.Handling = nil }), wire.ErrBody},
		{"place absent that must be present", encode(func(m *heraldv1.Notification) { m.Event.Legs[0].From = nil }), wire.ErrBody},
		{"empty detention", encode(func(m *heraldv1.Notification) { m.Event.Detention = &heraldv1.Detention{} }), wire.ErrBody},
		{"companion with an empty name", encode(func(m *heraldv1.Notification) { m.Event.Accompanying[0].Name = &heraldv1.Name{} }), wire.ErrBody},
		{"companion with an empty birth", encode(func(m *heraldv1.Notification) { m.Event.Accompanying[0].Birth = &heraldv1.Birth{} }), wire.ErrBody},
		{"empty description", encode(func(m *heraldv1.Notification) { m.Person.Physical = &heraldv1.Physical{} }), wire.ErrBody},
		{"empty biometrics", encode(func(m *heraldv1.Notification) { m.Person.BiometricsAvailable = &heraldv1.Biometrics{} }), wire.ErrBody},
		{"empty misused identity", encode(func(m *heraldv1.Notification) { m.Person.MisusedIdentity = &heraldv1.Misused{} }), wire.ErrBody},
		{"default value written", append(bytes.Clone(good[:0:0]), withDefault(t, good)...), wire.ErrBody},
		{"length not minimal", withLongLength(t, good), wire.ErrBody},
		{"not UTF-8", bytes.Replace(good, []byte(n.Contact.Desk[:4]), []byte{0xff, 0xfe, 0xff, 0xfe}, 1), wire.ErrBody},
		{"group", append(bytes.Clone(good), 0x3b, 0x3c), wire.ErrBody},
		{"string sent as number", append(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 3), rest(1)...), wire.ErrBody},
		{"too large", make([]byte, wire.MaxBody+1), wire.ErrBodyLarge},
		{"too many names", encode(func(m *heraldv1.Notification) {
			for range 65 {
				m.Person.Names = append(m.Person.Names, &heraldv1.Name{Full: "A"})
			}
		}), wire.ErrBodyLarge},
	}
	if _, err := wire.DecodeNotification(bodyHeaderOf(t, n), good); err != nil {
		t.Fatalf("the body itself: %v", err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if bytes.Equal(tt.body, good) {
				t.Fatal("the edit changed nothing")
			}
			if _, err := wire.DecodeNotification(bodyHeaderOf(t, n), tt.body); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// withDefault adds an empty phone number to the contact, the last field.
func withDefault(t *testing.T, good []byte) []byte {
	t.Helper()
	contact, head := lastField(t, good)
	m := &heraldv1.Contact{}
	if err := proto.Unmarshal(contact, m); err != nil {
		t.Fatal(err)
	}
	m.Phone = ""
	desk := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), m.Desk)
	desk = protowire.AppendString(protowire.AppendTag(desk, 2, protowire.BytesType), "")
	return protowire.AppendBytes(head, desk)
}

// withLongLength writes the length of the last field in one byte too many.
func withLongLength(t *testing.T, good []byte) []byte {
	t.Helper()
	contact, head := lastField(t, good)
	if len(contact) > 127 {
		t.Fatal("contact too long for this test")
	}
	return append(append(head, byte(len(contact))|0x80, 0), contact...)
}

// lastField gives the value of the last field, and all before the value's length.
func lastField(t *testing.T, b []byte) (value, head []byte) {
	t.Helper()
	for at := 0; at < len(b); {
		num, _, n := protowire.ConsumeTag(b[at:])
		v, m := protowire.ConsumeBytes(b[at+n:])
		if m < 0 {
			t.Fatal("malformed")
		}
		if num == 6 {
			return v, bytes.Clone(b[:at+n])
		}
		at += n + m
	}
	t.Fatal("no contact")
	return nil, nil
}

func TestEncodeRefuses(t *testing.T) {
	big := synth.New(1).Notification(ct.TopicTravel, bodyTime)
	big.Assessment.GroundsText = strings.Repeat("x", wire.MaxBody)
	if _, err := wire.EncodeNotification(big); !errors.Is(err, wire.ErrBodyLarge) {
		t.Errorf("large body: got %v, want %v", err, wire.ErrBodyLarge)
	}
	const canary = "Canariensis"
	bad := &ct.Retraction{Reason: "error", Text: canary + "\xff"}
	_, err := wire.EncodeRetraction(bad)
	if !errors.Is(err, wire.ErrBody) {
		t.Fatalf("text that is not UTF-8: got %v, want %v", err, wire.ErrBody)
	}
	if strings.Contains(err.Error(), canary) {
		t.Error("the error quotes the body")
	}
}

// Keys and ids have one size.
func TestRootBodiesKeySize(t *testing.T) {
	for name, m := range map[string]proto.Message{
		"renewal":         &heraldv1.Renewal{Node: make([]byte, 33), NotAfter: 1},
		"closing, log":    &heraldv1.Closing{Log: make([]byte, 31), Id: make([]byte, 32), Reason: "lost"},
		"closing, id":     &heraldv1.Closing{Log: make([]byte, 32), Id: make([]byte, 31), Reason: "lost"},
		"closing, no id":  &heraldv1.Closing{Log: make([]byte, 32), Reason: "lost"},
		"renewal, no key": &heraldv1.Renewal{NotAfter: 1},
	} {
		body, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		_, errR := wire.DecodeRenewal(body)
		_, errC := wire.DecodeClosing(body)
		if !errors.Is(errR, wire.ErrBody) || !errors.Is(errC, wire.ErrBody) {
			t.Errorf("%s: got %v and %v, want %v", name, errR, errC, wire.ErrBody)
		}
	}
}

func TestDelegationNodeSize(t *testing.T) {
	body, err := proto.Marshal(&heraldv1.Delegation{State: "UTO", Node: make([]byte, 31)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.DecodeDelegation(body); !errors.Is(err, wire.ErrBody) {
		t.Errorf("got %v, want %v", err, wire.ErrBody)
	}
}

// FuzzBody: whatever decodes must encode to the same bytes, for every kind of
// body. The first byte chooses the kind.
func FuzzBody(f *testing.F) {
	g := synth.New(3)
	for _, topic := range []ct.Topic{ct.TopicTravel, ct.TopicArrival, ct.TopicDeportation, ct.TopicDetention} {
		b, err := wire.EncodeNotification(g.Notification(topic, bodyTime))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append([]byte{0}, b...))
	}
	for i, b := range [][]byte{
		mustBody(wire.EncodeRetraction(&ct.Retraction{Reason: "error", Text: "wrong file"})),
		mustBody(wire.EncodeAddresses(&ct.Addresses{Serial: 3, Addrs: []string{"/ip4/192.0.2.1/udp/4001/quic-v1"}})),
		mustBody(wire.EncodeDelegation(&ct.Delegation{State: "UTO", Serial: 1, Node: ct.LogID{1}, NotBefore: 1, NotAfter: 2, Roles: []string{"node"}})),
		mustBody(wire.EncodeRenewal(&ct.Renewal{Node: ct.LogID{1}, NotAfter: 2})),
		mustBody(wire.EncodeClosing(&ct.Closing{Log: ct.LogID{1}, Seq: 7, ID: ct.ID{2}, Reason: "forked", Text: "a copy of the disk", Since: 3})),
		mustBody(wire.EncodeMatchRelease(aRelease())),
	} {
		f.Add(append([]byte{byte(i + 1)}, b...))
	}
	f.Add([]byte{0, 0x0a, 0x00, 0x12, 0x00, 0x1a, 0x00, 0x22, 0x00, 0x2a, 0x00, 0x32, 0x00})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		kind, body := data[0]%7, data[1:]
		var again []byte
		var err, err2 error
		switch kind {
		case 0:
			var n *ct.Notification
			if n, err = wire.DecodeNotification(wire.BodyHeader{}, body); err == nil {
				again, err2 = wire.EncodeNotification(n)
				n.Validate(bodyTime, ct.Policy{}) // must stand anything that decodes
				ct.Addressees(n, "UTO")
			}
		case 1:
			var r *ct.Retraction
			if r, err = wire.DecodeRetraction(body); err == nil {
				again, err2 = wire.EncodeRetraction(r)
				r.Validate()
			}
		case 2:
			var a *ct.Addresses
			if a, err = wire.DecodeAddresses(body); err == nil {
				again, err2 = wire.EncodeAddresses(a)
				a.Validate()
			}
		case 3:
			var d *ct.Delegation
			if d, err = wire.DecodeDelegation(body); err == nil {
				again, err2 = wire.EncodeDelegation(d)
				d.Validate()
			}
		case 4:
			var r *ct.Renewal
			if r, err = wire.DecodeRenewal(body); err == nil {
				again, err2 = wire.EncodeRenewal(r)
				r.Validate()
			}
		case 5:
			var c *ct.Closing
			if c, err = wire.DecodeClosing(body); err == nil {
				again, err2 = wire.EncodeClosing(c)
				c.Validate()
			}
		case 6:
			var r *ct.MatchRelease
			if r, err = wire.DecodeMatchRelease(body); err == nil {
				again, err2 = wire.EncodeMatchRelease(r)
				r.Validate(bodyTime)
			}
		}
		if err != nil {
			return
		}
		if err2 != nil || !bytes.Equal(body, again) {
			t.Fatalf("kind %d: decoded, then encoded otherwise (%v)", kind, err2)
		}
	})
}

func aRelease() *ct.MatchRelease {
	p := synth.New(4).Person()
	return &ct.MatchRelease{
		Requests: []ct.ID{{1}, {2}}, To: "UTO", By: "human", Contact: ct.Contact{Desk: "d"},
		Hits: []ct.ReleasedHit{
			{Ref: "rec:00", Score: 9_000, Tier: "strong", Why: []string{"name:agree"}, Author: "UTO", TLP: ct.TLPAmber, Person: &p, Withheld: []string{"contacts"}},
			{Ref: "list:un/1", Score: 1, Tier: "possible", Author: "UTO", TLP: ct.TLPRed, Contact: &ct.Contact{}},
		},
	}
}

// A release has one encoding: no field twice or missing, no hash of another
// size, nothing after it.
func TestReleaseOneEncoding(t *testing.T) {
	good := mustBody(wire.EncodeMatchRelease(aRelease()))
	if _, err := wire.DecodeMatchRelease(good); err != nil {
		t.Fatal(err)
	}
	m := &heraldv1.MatchRelease{}
	if err := proto.Unmarshal(good, m); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*heraldv1.MatchRelease){
		"a hash of 31 bytes":       func(m *heraldv1.MatchRelease) { m.Requests[0] = m.Requests[0][:31] },
		"an empty hash":            func(m *heraldv1.MatchRelease) { m.Requests[0] = []byte{} },
		"no contact":               func(m *heraldv1.MatchRelease) { m.Contact = nil },
		"a hit without handling":   func(m *heraldv1.MatchRelease) { m.Hits[1].Handling = nil },
		"a hit with empty person":  func(m *heraldv1.MatchRelease) { m.Hits[1].Person = &heraldv1.Person{} },
		"a hit with empty contact": func(m *heraldv1.MatchRelease) { m.Hits[1].Contact = &heraldv1.Contact{} },
		"nothing":                  func(m *heraldv1.MatchRelease) { proto.Reset(m) },
	} {
		c := proto.Clone(m).(*heraldv1.MatchRelease)
		change(c)
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.DecodeMatchRelease(b); !errors.Is(err, wire.ErrBody) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range good {
		if r, err := wire.DecodeMatchRelease(good[:i]); err == nil {
			if again := mustBody(wire.EncodeMatchRelease(r)); !bytes.Equal(again, good[:i]) {
				t.Fatalf("cut to %d bytes: decoded, then encoded otherwise", i)
			}
		}
	}
	if _, err := wire.DecodeMatchRelease(append(bytes.Clone(good), 0x7a, 1, 'x')); !errors.Is(err, wire.ErrBody) {
		t.Errorf("an unknown field: %v", err)
	}
	many := aRelease()
	many.Requests = make([]ct.ID, ct.MaxNames+1)
	for i := range many.Requests {
		many.Requests[i] = ct.ID{byte(i + 1)}
	}
	if _, err := wire.EncodeMatchRelease(many); !errors.Is(err, wire.ErrBodyLarge) {
		t.Errorf("a list over its bound was written: %v", err)
	}
	for range ct.MaxNames {
		m.Requests = append(m.Requests, make([]byte, len(ct.ID{})))
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.DecodeMatchRelease(raw); !errors.Is(err, wire.ErrBodyLarge) {
		t.Errorf("a list over its bound was read: %v", err)
	}
}

func mustBody(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func BenchmarkDecodeNotification(b *testing.B) {
	n := synth.New(1).Notification(ct.TopicArrival, bodyTime)
	body := mustBody(wire.EncodeNotification(n))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeNotification(wire.BodyHeader{}, body); err != nil {
			b.Fatal(err)
		}
	}
}
