package index

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/herald-net/herald/internal/name"
)

// vocabulary holds every token of the indexed names in memory, findable by
// what a typing error or another romanisation leaves of it: the token less one
// letter (SymSpell), and its consonant skeleton. It is far smaller than the
// persons: names repeat.
type vocabulary struct {
	seed  maphash.Seed
	words []word
	ids   map[string]uint32
	free  []uint32 // words that no person bears any more
	table multimap // hash of a trace -> word
}

// word is one token. A dead word has no text and is in no answer.
type word struct {
	text    string
	tag     tag
	persons uint32 // how many postings
	abjad   bool   // the text looks like one without vowels
}

// Bounds of one expansion.
const (
	maxInspected = 2048 // words compared for one query token
	maxExpanded  = 24   // words taken
	minLike      = 0.60 // least similarity of a word taken
)

func newVocabulary() *vocabulary {
	return &vocabulary{seed: maphash.MakeSeed(), ids: map[string]uint32{}}
}

// add counts n more persons (fewer, when negative) for a token.
func (v *vocabulary) add(text string, t tag, n int) {
	id, known := v.ids[text]
	switch {
	case known && n < 0 && uint32(-n) >= v.words[id].persons:
		for _, trace := range v.traces(text) {
			v.table.remove(trace, id)
		}
		delete(v.ids, text)
		v.words[id] = word{}
		v.free = append(v.free, id)
	case known:
		v.words[id].persons = uint32(int(v.words[id].persons) + n)
	case n > 0:
		w := word{text: text, tag: t, persons: uint32(n), abjad: vowelless(text)}
		if len(v.free) > 0 {
			id = v.free[len(v.free)-1]
			v.free = v.free[:len(v.free)-1]
			v.words[id] = w
		} else {
			id = uint32(len(v.words))
			v.words = append(v.words, w)
		}
		v.ids[text] = id
		for _, trace := range v.traces(text) {
			v.table.insert(trace, id)
		}
	}
}

// traces are the hashes under which a token is found: itself, itself less one
// letter, its skeletons, and the group of forms of one name.
func (v *vocabulary) traces(text string) []uint32 {
	out := make([]uint32, 0, len(text)+3)
	out = append(out, v.hash('t', text))
	if len(text) >= 3 {
		var buf [name.MaxToken]byte
		for i := range min(len(text), len(buf)) {
			if i > 0 && text[i] == text[i-1] {
				continue // the same text as without the letter before
			}
			less := append(append(buf[:0], text[:i]...), text[i+1:]...)
			out = append(out, v.hash('t', string(less)))
		}
	}
	first, second := name.Skeletons(text)
	if len(first) >= 2 {
		out = append(out, v.hash('s', first))
	}
	if len(second) >= 2 {
		out = append(out, v.hash('s', second))
	}
	if group := name.Equivalent(text); group != "" {
		out = append(out, v.hash('e', group))
	}
	return out
}

func (v *vocabulary) hash(kind byte, text string) uint32 {
	var h maphash.Hash
	h.SetSeed(v.seed)
	h.WriteByte(kind)
	h.WriteString(text)
	return uint32(h.Sum64())
}

// expansion is a word of the vocabulary that a query token may stand for.
type expansion struct {
	tag     tag
	text    string
	persons uint32
	like    float64
}

// expand gives the words like text, the likest first.
func (v *vocabulary) expand(text string) []expansion {
	var ids []uint32
	for _, trace := range v.traces(text) {
		ids = v.table.lookup(trace, ids, maxInspected)
		if len(ids) >= maxInspected {
			break
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	asWritten := name.NewToken(text, 100, 0)
	asAbjad := name.NewToken(text, 100, name.Abjad)
	queryAbjad := vowelless(text)
	var out []expansion
	for _, id := range ids {
		w := &v.words[id]
		like := name.Similarity(asWritten, name.NewToken(w.text, 100, 0))
		// A text without vowels may stand for one with vowels.
		if w.abjad != queryAbjad && like < 0.95 {
			if queryAbjad {
				like = max(like, name.Similarity(asAbjad, name.NewToken(w.text, 100, 0)))
			} else {
				like = max(like, name.Similarity(asWritten, name.NewToken(w.text, 100, name.Abjad)))
			}
		}
		if like >= minLike {
			out = append(out, expansion{tag: w.tag, text: w.text, persons: w.persons, like: like})
		}
	}
	slices.SortFunc(out, func(a, b expansion) int {
		switch {
		case a.like != b.like:
			if a.like > b.like {
				return -1
			}
			return 1
		case a.persons != b.persons:
			return int(int64(a.persons) - int64(b.persons))
		}
		return strings.Compare(a.text, b.text) // not by tag: two indexes of one list answer alike
	})
	return out[:min(len(out), maxExpanded)]
}

// vowelless: at most one vowel in three letters, as a script without short
// vowels gives.
func vowelless(text string) bool {
	vowels := 0
	for i := range len(text) {
		switch text[i] {
		case 'a', 'e', 'i', 'o', 'u':
			vowels++
		}
	}
	return len(text) >= 2 && vowels*3 <= len(text)
}

// multimap maps 32-bit hashes to word numbers, several to a hash, in open
// addressing: 8 bytes an entry, no pointer.
type multimap struct {
	slots []slot
	used  int // filled or removed
}

// slot is empty when id is 0; id is the word number plus 2, 1 marks a removed one.
type slot struct{ hash, id uint32 }

func (m *multimap) insert(hash, word uint32) {
	if (m.used+1)*4 >= len(m.slots)*3 {
		m.grow()
	}
	i := m.start(hash)
	for m.slots[i].id > 1 {
		i = (i + 1) & (len(m.slots) - 1)
	}
	if m.slots[i].id == 0 {
		m.used++
	}
	m.slots[i] = slot{hash, word + 2}
}

func (m *multimap) remove(hash, word uint32) {
	if len(m.slots) == 0 {
		return
	}
	for i := m.start(hash); m.slots[i].id != 0; i = (i + 1) & (len(m.slots) - 1) {
		if m.slots[i] == (slot{hash, word + 2}) {
			m.slots[i] = slot{id: 1}
			return
		}
	}
}

// lookup appends the words of a hash to out, until it holds limit.
func (m *multimap) lookup(hash uint32, out []uint32, limit int) []uint32 {
	if len(m.slots) == 0 {
		return out
	}
	for i := m.start(hash); m.slots[i].id != 0 && len(out) < limit; i = (i + 1) & (len(m.slots) - 1) {
		if m.slots[i].hash == hash && m.slots[i].id > 1 {
			out = append(out, m.slots[i].id-2)
		}
	}
	return out
}

func (m *multimap) start(hash uint32) int {
	return int(hash*0x9e3779b1>>4) & (len(m.slots) - 1)
}

// grow makes room and drops the marks of removed entries.
func (m *multimap) grow() {
	live := 0
	for _, s := range m.slots {
		if s.id > 1 {
			live++
		}
	}
	size := 1024
	for size < live*2+2 {
		size *= 2
	}
	old := m.slots
	m.slots, m.used = make([]slot, size), 0
	for _, s := range old {
		if s.id > 1 {
			m.insert(s.hash, s.id-2)
		}
	}
}
