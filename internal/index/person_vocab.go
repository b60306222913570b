package index

import (
	"cmp"
	"hash/maphash"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/herald-net/herald/internal/name"
)

// vocabulary holds every token of the indexed names in memory, findable by
// what a typing error or another romanisation leaves of it: the token less one
// letter (SymSpell), and its consonant skeleton. It is far smaller than the
// persons: names repeat. The lists of who bears a token are in memory too: six
// bytes a name, where a page of the file would have to be found and opened.
type vocabulary struct {
	letters, sounds, groups maphash.Seed // of the kinds of traces
	words                   []word
	free                    []uint32 // words that no person bears any more
	table                   multimap // hash of a trace -> word

	asked asked
}

// asked remembers which words a word stood for, until one comes or goes: the
// names that queries ask for repeat as those of the persons do. Of a token that
// nobody bears nothing is kept: it may be of a person whom nobody knows.
type asked struct {
	mu   sync.Mutex
	like map[uint32][]likely
}

// likely is a word that a token may stand for.
type likely struct {
	word uint32
	like float64
}

// maxAsked is how many words are remembered: some two megabytes.
const maxAsked = 8192

func (a *asked) get(word uint32) ([]likely, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, ok := a.like[word]
	return l, ok
}

func (a *asked) put(word uint32, l []likely) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.like == nil {
		a.like = map[uint32][]likely{}
	}
	for other := range a.like { // any one makes room
		if len(a.like) < maxAsked {
			break
		}
		delete(a.like, other)
	}
	a.like[word] = l
}

// forget is called by the one writer, when nobody asks.
func (a *asked) forget() { a.like = nil }

// word is one token. A dead word has no postings and is in no answer.
type word struct {
	token    name.Token // as it is written
	list     listTag
	abjad    bool   // the text looks like one without vowels
	postings []byte // packed, in order
}

// persons is how many postings a word has.
func (w *word) persons() int { return len(w.postings) / postingSize }

// Bounds of one expansion.
const (
	maxInspected = 2048 // words compared for one query token
	maxExpanded  = 24   // words taken
	minLike      = 0.60 // least similarity of a word taken
)

// newVocabulary makes one with room for n words.
func newVocabulary(n int) *vocabulary {
	v := &vocabulary{letters: maphash.MakeSeed(), sounds: maphash.MakeSeed(), groups: maphash.MakeSeed()}
	v.words = make([]word, 0, n)
	v.table.reserve(n * tracesOfWord)
	return v
}

// tracesOfWord is about how many traces a token has.
const tracesOfWord = 9

// find gives the number of a word.
func (v *vocabulary) find(text string) (uint32, bool) {
	hash := uint32(maphash.String(v.letters, text))
	for id := range v.table.at(hash) {
		if w := &v.words[id]; w.token.Text == text {
			return id, true
		}
	}
	return 0, false
}

// add makes a new word.
func (v *vocabulary) add(text string, list listTag, postings []byte) {
	v.asked.forget()
	w := word{token: name.NewToken(text, 100, 0), list: list, abjad: vowelless(text), postings: postings}
	id := uint32(len(v.words))
	if n := len(v.free); n > 0 {
		id, v.free = v.free[n-1], v.free[:n-1]
		v.words[id] = w
	} else {
		v.words = append(v.words, w)
	}
	var buf [maxTraces]uint32
	for _, trace := range v.traces(buf[:0], text) {
		v.table.insert(trace, id)
	}
}

// set gives a word its postings; without any it is a word no more.
func (v *vocabulary) set(id uint32, postings []byte) {
	w := &v.words[id]
	if w.postings = postings; len(postings) > 0 {
		return
	}
	var buf [maxTraces]uint32
	for _, trace := range v.traces(buf[:0], w.token.Text) {
		v.table.remove(trace, id)
	}
	v.asked.forget()
	*w = word{}
	v.free = append(v.free, id)
}

const maxTraces = name.MaxToken + 4

// traces appends the hashes under which a token is found: itself, itself less
// one letter, its skeletons, and the group of forms of one name.
func (v *vocabulary) traces(out []uint32, text string) []uint32 {
	out = append(out, uint32(maphash.String(v.letters, text)))
	if len(text) >= 3 {
		// One letter after another is taken out by putting the letter before it
		// in its place.
		var buf [name.MaxToken]byte
		n := copy(buf[:], text)
		less := buf[1:n]
		for i := range n {
			if i > 0 {
				buf[i] = text[i-1]
				if text[i] == text[i-1] {
					continue // the same text as without the letter before
				}
			}
			out = append(out, uint32(maphash.Bytes(v.letters, less)))
		}
	}
	first, second := name.Skeletons(text)
	if len(first) >= 2 {
		out = append(out, uint32(maphash.String(v.sounds, first)))
	}
	if len(second) >= 2 {
		out = append(out, uint32(maphash.String(v.sounds, second)))
	}
	if group := name.Equivalent(text); group != "" {
		out = append(out, uint32(maphash.String(v.groups, group)))
	}
	return out
}

// expansion is a word of the vocabulary that a query token may stand for.
type expansion struct {
	list     listTag
	postings []byte
	like     float64
}

// expand appends the words like text to out, the likest first. What it gives is
// good while the vocabulary does not change.
func (v *vocabulary) expand(out []expansion, text string) []expansion {
	var like []likely
	id, word := v.find(text)
	known := false
	if word {
		like, known = v.asked.get(id)
	}
	if !known {
		like = v.likely(text)
	}
	if word && !known {
		v.asked.put(id, like)
	}
	out = slices.Grow(out, len(like))
	for _, l := range like {
		w := &v.words[l.word]
		out = append(out, expansion{list: w.list, postings: w.postings, like: l.like})
	}
	return out
}

// likely compares a token with all words that share a trace with it, and gives
// the likest.
func (v *vocabulary) likely(text string) []likely {
	var hashes [maxTraces]uint32
	var found [maxInspected]uint32
	ids := found[:0]
	for _, trace := range v.traces(hashes[:0], text) {
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
	var best [maxExpanded + 1]likely
	out := best[:0]
	least := minLike // what is less like is none of the likest
	for _, id := range ids {
		w := &v.words[id]
		like := name.SimilarityFrom(&asWritten, &w.token, least)
		// A text without vowels may stand for one with vowels.
		if w.abjad != queryAbjad && like < 0.95 {
			if queryAbjad {
				like = max(like, name.SimilarityFrom(&asAbjad, &w.token, least))
			} else {
				abjad := w.token
				abjad.Flags = name.Abjad
				like = max(like, name.SimilarityFrom(&asWritten, &abjad, least))
			}
		}
		if like < least {
			continue
		}
		l := likely{id, like}
		at, _ := slices.BinarySearchFunc(out, l, v.likelier)
		out = slices.Insert(out, at, l)
		if len(out) > maxExpanded {
			out = out[:maxExpanded]
			least = out[maxExpanded-1].like
		}
	}
	return slices.Clone(out)
}

// likelier puts the likest first, and of those alike the rarest.
func (v *vocabulary) likelier(a, b likely) int {
	if c := cmp.Compare(b.like, a.like); c != 0 {
		return c
	}
	x, y := &v.words[a.word], &v.words[b.word]
	if c := cmp.Compare(len(x.postings), len(y.postings)); c != 0 {
		return c
	}
	return strings.Compare(x.token.Text, y.token.Text) // not by tag: two indexes of one list answer alike
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
	i, same := m.start(hash), 0
	for ; m.slots[i].id > 1; i = (i + 1) & (len(m.slots) - 1) {
		if m.slots[i].hash == hash {
			if same++; same >= maxInspected {
				return // nobody looks at so many, and to step over them would take ever longer
			}
		}
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

// at gives the words of a hash, one after the other.
func (m *multimap) at(hash uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if len(m.slots) == 0 {
			return
		}
		for i := m.start(hash); m.slots[i].id != 0; i = (i + 1) & (len(m.slots) - 1) {
			if m.slots[i].hash == hash && m.slots[i].id > 1 && !yield(m.slots[i].id-2) {
				return
			}
		}
	}
}

// reserve makes room for n entries.
func (m *multimap) reserve(n int) {
	size := 1024
	for size*3 < n*4+4 {
		size *= 2
	}
	if len(m.slots) == 0 {
		m.slots = make([]slot, size)
	}
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
