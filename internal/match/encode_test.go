package match

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/herald-net/herald/node/ct"
)

func encodeSeeds() []*Subject {
	return []*Subject{
		{},
		Prepare(ct.Person{Names: []ct.Name{{Full: "Abd al-Rahman Belkazi", Quality: "low"}, {Full: "طارق منير"}},
			Births:        []ct.Birth{{Date: "1960/1965"}, {Date: "1971-03-05"}, {Date: "1980~"}},
			Documents:     []ct.Document{{Number: "UT1234567"}},
			NationalIDs:   []ct.NationalID{{Country: "UTO", Value: "12345-6789"}},
			Nationalities: []ct.State{"UTO", "NLD"}}),
	}
}

func TestMarshal(t *testing.T) {
	for i, s := range encodeSeeds() {
		data := s.Marshal()
		got, err := Unmarshal(data)
		if err != nil {
			t.Fatalf("subject %d: %v", i, err)
		}
		if !reflect.DeepEqual(got, s) {
			t.Errorf("subject %d: not what was written", i)
		}
		for n := range data {
			if _, err := Unmarshal(data[:n]); err == nil {
				t.Errorf("subject %d: %d of %d bytes are accepted", i, n, len(data))
			}
		}
		if _, err := Unmarshal(append(bytes.Clone(data), 0)); err == nil {
			t.Errorf("subject %d: a byte too many is accepted", i)
		}
	}
	other := encodeSeeds()[1].Marshal()
	other[0]++
	if _, err := Unmarshal(other); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("another version: %v", err)
	}
}

// A person at every limit is encoded whole.
func TestMarshalLimits(t *testing.T) {
	p := ct.Person{}
	word := func(i int) string { return string(rune('a'+i%26)) + string(rune('b'+i/26)) + strings.Repeat("x y", 12) }
	for i := range 100 {
		p.Names = append(p.Names, ct.Name{Full: strings.Repeat(word(i)+" ", 20)})
		p.Births = append(p.Births, ct.Birth{Date: "1960-01-02"}, ct.Birth{Date: "19" + string(rune('0'+i/10)) + string(rune('0'+i%10))})
		p.Documents = append(p.Documents, ct.Document{Number: strings.Repeat("9", 30) + string(rune('A'+i%26)) + string(rune('A'+i/26))})
	}
	s := Prepare(p)
	if len(s.Names) != MaxNames || len(s.Births) != MaxBirths || len(s.Documents) != MaxDocuments {
		t.Fatalf("%d names, %d births, %d documents", len(s.Names), len(s.Births), len(s.Documents))
	}
	got, err := Unmarshal(s.Marshal())
	if err != nil || !reflect.DeepEqual(got, s) {
		t.Fatalf("not what was written: %v", err)
	}
	if n := len(Keys(s)); n > MaxKeys {
		t.Errorf("%d keys", n)
	}
	if n := len(Probes(s)); n > MaxKeys {
		t.Errorf("%d probes", n)
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, s := range encodeSeeds() {
		f.Add(s.Marshal())
	}
	f.Add([]byte{encodingVersion, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Unmarshal(data)
		if err != nil {
			return
		}
		if !bytes.Equal(s.Marshal(), data) {
			t.Fatal("one subject has two encodings")
		}
		// Whatever is accepted can be scored.
		Score(s, s)
		Keys(s)
		Probes(s)
		s.Years(4)
	})
}

func FuzzParseBirth(f *testing.F) {
	for _, s := range []string{"1965", "1965-07-04", "1960/1965", "196X", "1965~", "~1965", "////", "1965-", "9999-99-99", "[1965,1364..1366]", "1364/1366", "{,}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all := ParseBirths(text)
		if len(all) > MaxBirths {
			t.Fatalf("%d births", len(all))
		}
		for _, b := range all {
			if b.From > b.To || b.To-b.From > maxSpan || b.Month > 12 || b.Day > 31 || b.Day > 0 && b.Month == 0 {
				t.Fatal("a birth out of range")
			}
			if e := compareBirth(b, b); e.verdict == Conflict {
				t.Fatal("a birth conflicts with itself")
			}
		}
	})
}
