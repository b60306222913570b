package wire

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
	"google.golang.org/protobuf/proto"
)

// generated tells whether the generated code finds that body is in its one
// encoding: within the limits, and written again as it was, with the messages
// that are always present.
func generated(body []byte) bool {
	m := &heraldv1.Notification{}
	if decodeBody(body, m) != nil {
		return false
	}
	for _, there := range []bool{m.Event != nil, m.Person != nil, m.Assessment != nil, m.Handling != nil, m.Retention != nil, m.Contact != nil} {
		if !there {
			return false
		}
	}
	for _, l := range m.Event.Legs {
		if l.From == nil || l.To == nil {
			return false
		}
	}
	return same(body, m) == nil
}

// agree compares the reader by hand with the generated code.
func agree(t *testing.T, body []byte) {
	t.Helper()
	n, err := DecodeNotification(BodyHeader{}, body)
	if want := generated(body); want != (err == nil) {
		t.Fatalf("%x: read %v, the generated code accepts it: %v", body, err, want)
	}
	if err != nil {
		return
	}
	if again, err := EncodeNotification(n); err != nil || !bytes.Equal(again, body) {
		t.Fatalf("%x: read, then written otherwise: %v", body, err)
	}
}

// fullBody has every field of the schema.
func fullBody(tb testing.TB) []byte {
	tb.Helper()
	f := ct.Fact{Confidence: "high", SourceRef: "r"}
	name := ct.Name{Kind: "primary", Parts: []string{"A", "B"}, Full: "A B", Script: "Latn", Lang: "en", Quality: "good", MRZ: "B<<A", Fact: f}
	birth := ct.Birth{Date: "1990", Calendar: "gregorian", Fact: f}
	doc := ct.Document{Type: "P", Number: "1", Issuer: "UTO", Issued: "2020", Expires: "2030", Status: "valid", MRZ: "x", Fact: f}
	life := ct.PlaceOfLife{State: "UTO", Text: "t", Fact: f}
	n := &ct.Notification{
		Event: ct.Event{
			Type: "t", Phase: "p", Time: "t", Precision: "e", Source: "UTO", Transit: []ct.State{"UTO", "FIN"}, Destination: "UTO",
			Legs: []ct.Leg{{}, {Mode: "air", Carrier: "UT", ServiceNo: "1", From: ct.Place{Code: "c", State: "UTO", Text: "t"},
				To: ct.Place{Text: "t"}, Departs: "d", Arrives: "a"}},
			Detention: &ct.Detention{Authority: "a", Country: "UTO", Region: "r", LegalGround: "l", Since: "s", ConsularNotified: "y",
				ConsularTime: "t", ExpectedRelease: "r", ExpectedTransfer: "t"},
			Accompanying: []ct.Companion{{Role: "child", Name: &name, Birth: &birth, Note: "n"}, {Role: "other", Name: &ct.Name{}, Birth: &ct.Birth{}}},
		},
		Person: ct.Person{
			Names: []ct.Name{name, name}, Births: []ct.Birth{birth, birth}, BirthPlaces: []ct.PlaceOfLife{life, life},
			Nationalities: []ct.State{"UTO", "FIN"}, Residence: []ct.PlaceOfLife{life}, Sex: "X", Documents: []ct.Document{doc, doc},
			NationalIDs: []ct.NationalID{{Country: "UTO", Scheme: "s", Value: "v", Fact: f}},
			Contacts:    []ct.PersonContact{{Kind: "k", Value: "v", Fact: f}}, ExternalRefs: []ct.ExternalRef{{System: "s", Value: "v"}, {System: "s"}},
			Physical:        &ct.Physical{HeightCM: 180, WeightKG: 80, Eyes: "e", Hair: "h", Marks: []string{"m", "n"}, Fact: f},
			Biometrics:      &ct.Biometrics{Face: true, Fingerprint: true, Iris: true, DNA: true, Contact: "c"},
			MisusedIdentity: &ct.Misused{Names: []ct.Name{name}, Births: []ct.Birth{birth}, Documents: []ct.Document{doc}, Note: "n"},
			AsylumOrRefugee: true, FledFrom: []ct.State{"s"},
		},
		Assessment: ct.Assessment{
			Grounds: []string{"g", "h"}, GroundsText: "t", Designation: "d", LegalBasis: []ct.LegalBasis{{Instrument: "i", Reference: "r"}, {Reference: "r"}},
			Purpose: "p", SourceGrade: "A", InfoGrade: "1", RequestedAction: "a", WarrantRef: "w",
		},
		Handling:  ct.Handling{Codes: []string{"H0"}, PAP: "RED", Caveats: []string{"c"}, Originator: []ct.State{"UTO"}, Text: "t"},
		Retention: ct.Retention{PurposeDate: "p", ReviewDate: "r", ExtensionReason: "e"},
		Contact:   ct.Contact{Desk: "d", Phone: "p", Email: "e", Ref: "r"},
	}
	body, err := EncodeNotification(n)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// The reader by hand accepts what the generated code accepts: all fields, none,
// and what random damage makes of both.
func TestReadAgreesWithGenerated(t *testing.T) {
	full := fullBody(t)
	if !generated(full) {
		t.Fatal("the full body is not in its one encoding")
	}
	agree(t, full)
	empty, err := EncodeNotification(&ct.Notification{})
	if err != nil {
		t.Fatal(err)
	}
	agree(t, empty)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	damage(t, rng, full, 20_000, agree)
	damage(t, rng, empty, 2_000, agree)
}

// agreeRelease is agree for a match release.
func agreeRelease(t *testing.T, body []byte) {
	t.Helper()
	r, err := DecodeMatchRelease(body)
	m := &heraldv1.MatchRelease{}
	want := decodeBody(body, m) == nil && m.Contact != nil
	for _, q := range m.Requests {
		want = want && len(q) == len(ct.ID{})
	}
	for _, h := range m.Hits {
		want = want && h.Handling != nil
	}
	if want = want && same(body, m) == nil; want != (err == nil) {
		t.Fatalf("%x: read %v, the generated code accepts it: %v", body, err, want)
	}
	if err != nil {
		return
	}
	if again, err := EncodeMatchRelease(r); err != nil || !bytes.Equal(again, body) {
		t.Fatalf("%x: read, then written otherwise: %v", body, err)
	}
}

// fullRelease has every field of the schema, and a person with every field.
func fullRelease(tb testing.TB) []byte {
	tb.Helper()
	n, err := DecodeNotification(BodyHeader{}, fullBody(tb))
	if err != nil {
		tb.Fatal(err)
	}
	body, err := EncodeMatchRelease(&ct.MatchRelease{
		Requests: []ct.ID{{1}, {2}}, To: "UTO", By: "human", Contact: n.Contact,
		Hits: []ct.ReleasedHit{{}, {
			Ref: "r", Score: 1, Tier: "strong", Why: []string{"a", "b"}, Author: "UTO", TLP: ct.TLPRed, Event: "e", EventTime: "t",
			Person: &n.Person, Designation: "d", Action: "a", Handling: n.Handling, Contact: &n.Contact, Withheld: []string{"w", "x"},
		}, {Person: &ct.Person{}, Contact: &ct.Contact{}}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func TestReadReleaseAgreesWithGenerated(t *testing.T) {
	full := fullRelease(t)
	agreeRelease(t, full)
	if _, err := DecodeMatchRelease(full); err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	damage(t, rand.New(rand.NewPCG(seed, 0)), full, 10_000, agreeRelease)
}

func FuzzReadReleaseAgreesWithGenerated(f *testing.F) {
	f.Add(fullRelease(f))
	f.Add([]byte{0x22, 0x02, 0x62, 0x00, 0x2a, 0x00})
	f.Fuzz(agreeRelease)
}

// damage changes, cuts, repeats and inserts bytes.
func damage(t *testing.T, rng *rand.Rand, body []byte, rounds int, agree func(*testing.T, []byte)) {
	t.Helper()
	for range rounds {
		b := bytes.Clone(body)
		i := rng.IntN(len(b))
		j := i + rng.IntN(min(len(b)-i, 8)+1)
		switch rng.IntN(4) {
		case 0:
			b[i] = byte(rng.Uint32())
		case 1:
			b = append(b[:i:i], b[j:]...)
		case 2:
			b = append(b[:j:j], b[i:]...)
		default:
			b[i] += byte(rng.IntN(3)) - 1
		}
		agree(t, b)
	}
}

// What was read before does not show in what is read next, whether that was
// accepted or refused half way.
func TestReaderBeginsAnew(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	g := synth.New(seed)
	empty, err := EncodeNotification(&ct.Notification{})
	if err != nil {
		t.Fatal(err)
	}
	bodies := [][]byte{fullBody(t), empty}
	for i := range 20 {
		b, err := EncodeNotification(g.Notification(ct.TopicTravel+ct.Topic(i%4), time.Unix(1_790_000_000, 0)))
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, b)
	}
	var r NotificationReader
	for range 3000 {
		body := bytes.Clone(bodies[rng.IntN(len(bodies))])
		if rng.IntN(2) == 0 {
			body[rng.IntN(len(body))] ^= 1 << rng.IntN(8)
		}
		alone, errAlone := DecodeNotification(BodyHeader{}, body)
		n, err := r.Read(BodyHeader{}, body)
		if (err == nil) != (errAlone == nil) {
			t.Fatalf("%x: alone %v, after others %v", body, errAlone, err)
		}
		if err != nil {
			continue
		}
		if again, err := EncodeNotification(n); err != nil || !bytes.Equal(again, body) {
			t.Fatalf("%x: read after others, then written otherwise: %v", body, err)
		}
		now := time.Unix(1_790_000_000, 0)
		if a, b := alone.Validate(now, ct.Policy{}), n.Validate(now, ct.Policy{}); !slices.Equal(a, b) {
			t.Fatalf("%x: alone %v, after others %v", body, a, b)
		}
	}
}

// Every list has the same bound, and no more is read of it.
func TestReadBounds(t *testing.T) {
	for _, n := range []int{maxRepeated, maxRepeated + 1} {
		many := &ct.Notification{}
		many.Person.Names = slices.Repeat([]ct.Name{{Full: "A"}}, n)
		many.Handling.Codes = slices.Repeat([]string{"H0"}, n)
		body, err := proto.MarshalOptions{Deterministic: true}.Marshal(notificationToProto(many))
		if err != nil {
			t.Fatal(err)
		}
		agree(t, body)
		_, read := DecodeNotification(BodyHeader{}, body)
		_, write := EncodeNotification(many)
		if (read == nil) != (n <= maxRepeated) || (write == nil) != (n <= maxRepeated) {
			t.Errorf("%d elements: read %v, written %v", n, read, write)
		}
	}
}

func FuzzReadAgreesWithGenerated(f *testing.F) {
	f.Add(fullBody(f))
	g := synth.New(9)
	for _, topic := range []ct.Topic{ct.TopicTravel, ct.TopicArrival, ct.TopicDeportation, ct.TopicDetention} {
		b, err := EncodeNotification(g.Notification(topic, time.Unix(1_790_000_000, 0)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0x0a, 0x00, 0x12, 0x00, 0x1a, 0x00, 0x22, 0x00, 0x2a, 0x00, 0x32, 0x00})
	f.Fuzz(agree)
}

// BenchmarkReadGenerated is what reading by the generated code, and holding it
// against its own output, costs.
func BenchmarkReadGenerated(b *testing.B) {
	body, err := EncodeNotification(synth.New(1).Notification(ct.TopicArrival, time.Unix(1_790_000_000, 0)))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var m proto.Message = &heraldv1.Notification{}
		if decodeBody(body, m) != nil || same(body, m) != nil {
			b.Fatal("not accepted")
		}
	}
}
