package synth_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"
	"unicode"

	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
)

var now = time.Date(2026, 11, 23, 9, 30, 15, 250e6, time.UTC)

func TestNotificationsAreValid(t *testing.T) {
	times := []time.Time{now, time.Date(2020, 2, 29, 23, 59, 59, 0, time.UTC), time.Date(2040, 12, 31, 0, 0, 0, 0, time.UTC)}
	for seed := range uint64(4) {
		g := synth.New(seed)
		types, minors := map[ct.EventType]bool{}, 0
		for i := range 4000 {
			topic := ct.Topic(i % 7)
			at := times[i%len(times)]
			n := g.Notification(topic, at)
			if f := n.Validate(at, ct.Policy{}); f != nil {
				t.Fatalf("seed %d, notification %d: %v", seed, i, f)
			}
			if topic >= ct.TopicTravel && topic <= ct.TopicDetention && n.Topic != topic {
				t.Fatalf("seed %d, notification %d: topic %v, want %v", seed, i, n.Topic, topic)
			}
			types[n.Event.Type] = true
			if n.Person.MaybeMinor(at) {
				minors++
			}
		}
		if got, want := len(types), len(ct.EventTypes(ct.TopicUnknown)); got != want {
			t.Errorf("seed %d: %d event types seen, want all %d", seed, got, want)
		}
		if minors < 100 || minors > 300 {
			t.Errorf("seed %d: %d of 4000 subjects are minors, want about 200", seed, minors)
		}
	}
}

func TestSameSeedSameSequence(t *testing.T) {
	a, b, other := synth.New(7), synth.New(7), synth.New(8)
	differs := false
	for i := range 200 {
		x, y := toJSON(t, a.Notification(0, now)), toJSON(t, b.Notification(0, now))
		if !bytes.Equal(x, y) {
			t.Fatalf("notification %d differs under one seed", i)
		}
		differs = differs || !bytes.Equal(x, toJSON(t, other.Notification(0, now)))
		if !reflect.DeepEqual(a.Person(), b.Person()) {
			t.Fatalf("person %d differs under one seed", i)
		}
		other.Person()
	}
	if !differs {
		t.Error("two seeds give one sequence")
	}
}

func TestPersons(t *testing.T) {
	g := synth.New(1)
	scripts, names, mrz := map[string]bool{}, map[string]int{}, 0
	const many = 5000
	for i := range many {
		p := g.Person()
		if f := p.Validate(now); f != nil {
			t.Fatalf("person %d: %v", i, f)
		}
		if p.MaybeMinor(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Fatalf("person %d may be a minor", i)
		}
		names[p.Names[0].Full]++
		for _, n := range p.Names {
			scripts[n.Script] = true
			checkScript(t, n)
		}
		for _, d := range p.Documents {
			if d.MRZ != "" {
				mrz++
			}
		}
	}
	for _, s := range []string{"Latn", "Arab", "Cyrl", "Hani", "Hang", "Deva"} {
		if !scripts[s] {
			t.Errorf("no name in script %s", s)
		}
	}
	if len(names) < many*80/100 {
		t.Errorf("%d persons have %d names, want at least four in five different", many, len(names))
	}
	if mrz < many/10 {
		t.Errorf("%d documents carry a machine-readable zone, want at least %d", mrz, many/10)
	}
}

// checkScript tells whether a name is written in the script that it claims.
func checkScript(t *testing.T, n ct.Name) {
	t.Helper()
	tables := map[string]*unicode.RangeTable{
		"Latn": unicode.Latin, "Arab": unicode.Arabic, "Cyrl": unicode.Cyrillic,
		"Hani": unicode.Han, "Hang": unicode.Hangul, "Deva": unicode.Devanagari,
	}
	for _, r := range n.Full {
		if unicode.IsLetter(r) && !unicode.Is(tables[n.Script], r) {
			t.Fatalf("a name in %s has the letter %q", n.Script, r)
		}
	}
}

func TestPerturb(t *testing.T) {
	g := synth.New(2)
	changed, yearOff := 0, 0
	const many = 2000
	for i := range many {
		p := g.Person()
		before := toJSON(t, p)
		q := g.Perturb(p)
		if !bytes.Equal(before, toJSON(t, p)) {
			t.Fatalf("person %d was changed by Perturb", i)
		}
		if f := q.Validate(now); f != nil {
			t.Fatalf("query %d: %v", i, f)
		}
		if q.Names[0].Full != p.Names[0].Full {
			changed++
		}
		a, errA := ct.ParseEDTF(p.Births[0].Date)
		b, errB := ct.ParseEDTF(q.Births[0].Date)
		if errA != nil || errB != nil {
			t.Fatalf("query %d: unreadable birth", i)
		}
		switch off := b.Earliest.Year() - a.Earliest.Year(); off {
		case 0:
		case 1, -1:
			yearOff++
		default:
			t.Fatalf("query %d: birth moved by %d years", i, off)
		}
	}
	if changed < many/2 || changed == many {
		t.Errorf("%d of %d names changed, want more than half and not all", changed, many)
	}
	if yearOff < many/8 || yearOff > many/2 {
		t.Errorf("%d of %d births moved, want about a quarter", yearOff, many)
	}
}

func toJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func BenchmarkPerson(b *testing.B) {
	g := synth.New(1)
	for b.Loop() {
		g.Person()
	}
}

func BenchmarkNotification(b *testing.B) {
	g := synth.New(1)
	for b.Loop() {
		g.Notification(ct.TopicArrival, now)
	}
}

func BenchmarkValidate(b *testing.B) {
	n := synth.New(1).Notification(ct.TopicArrival, now)
	for b.Loop() {
		if f := n.Validate(now, ct.Policy{}); f != nil {
			b.Fatal(f)
		}
	}
}
