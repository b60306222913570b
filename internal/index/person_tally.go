package index

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// tally adds up evidence by person number, in open addressing: what one query
// touches stays near the processor, however many persons there are. It is used
// again and again: only what was touched is cleared.
type tally struct {
	slots   []counted // a power of two of them; those behind its end are empty
	used    []uint32  // slots that are filled
	moved   []counted // scratch
	ranked  []counted // of moved: candidates that next has not given yet
	few     bool      // hardly anybody has much evidence
	persons uint32    // person numbers are below it
	current uint8     // group being counted
}

// counted is one person; empty when the count is 0.
type counted struct {
	person uint32
	count  count
}

// count is the evidence for one person in units of 1/1024 (the upper 24 bits)
// and the last group that added to it (the lower 8; 0 is none).
type count uint32

func (c count) group() uint8 { return uint8(c) }
func (c count) sum() uint32  { return uint32(c) >> 8 }

// leastSlots fit the first cache of a processor.
const leastSlots = 4096

func (t *tally) reset(next []byte) {
	for _, i := range t.used {
		t.slots[i] = counted{}
	}
	if t.slots == nil {
		t.slots = make([]counted, leastSlots)
	}
	t.slots, t.used, t.current, t.persons = t.slots[:leastSlots], t.used[:0], 0, 0
	if len(next) == 4 {
		t.persons = binary.BigEndian.Uint32(next)
	}
}

// nextGroup starts the next token of the query; a person counts once for it.
func (t *tally) nextGroup() {
	if t.current < 255 {
		t.current++
	}
}

// slot is where a person is, or is to be.
func (t *tally) slot(person uint32) uint32 {
	last := uint32(len(t.slots) - 1)
	i := person * 0x9e3779b1 >> bits.LeadingZeros32(last)
	for t.slots[i].count != 0 && t.slots[i].person != person {
		i = (i + 1) & last
	}
	return i
}

func (t *tally) add(id, value uint32) {
	if id >= t.persons {
		return
	}
	i := t.slot(id)
	c := t.slots[i].count
	if c == 0 {
		t.used = append(t.used, i)
	} else if c.group() == t.current {
		return
	}
	t.slots[i] = counted{id, count(min(c.sum()+value, 1<<24-1)<<8) | count(t.current)}
	if 2*len(t.used) > len(t.slots) {
		t.grow()
	}
}

// more is add for a person who has been counted before, and nothing for others.
func (t *tally) more(id, value uint32) {
	if t.slots[t.slot(id)].count != 0 {
		t.add(id, value)
	}
}

func (t *tally) grow() {
	t.moved = t.moved[:0]
	for _, i := range t.used {
		t.moved = append(t.moved, t.slots[i])
		t.slots[i] = counted{}
	}
	if n := 2 * len(t.slots); n <= cap(t.slots) {
		t.slots = t.slots[:n]
	} else {
		t.slots = make([]counted, n)
	}
	for k, c := range t.moved {
		i := t.slot(c.person)
		t.slots[i], t.used[k] = c, i
	}
}

// Candidates with less than this part of the best one's evidence share one
// common token with the query; the first few are scored all the same.
const (
	leastPart = 0.45
	leastMany = 16
)

// rank chooses who is a candidate at all, for next.
func (t *tally) rank() {
	most := uint32(0)
	for _, i := range t.used {
		most = max(most, t.slots[i].count.sum())
	}
	least := uint32(leastPart * float64(most))
	t.few = false
	for range 2 {
		t.moved = t.moved[:0]
		for _, i := range t.used {
			if c := t.slots[i]; c.count.sum() >= least {
				t.moved = append(t.moved, c)
			}
		}
		if len(t.moved) >= leastMany {
			break
		}
		least, t.few = 0, true
	}
	t.ranked = t.moved
}

// next gives up to n candidates that were not given yet, those with the most
// evidence first. They are good until the next reset.
func (t *tally) next(n int) []counted {
	if t.few {
		n = min(n, leastMany)
	}
	all := t.ranked
	if len(all) > n {
		selectBest(all, n, byEvidence)
		all = all[:n]
	}
	slices.SortFunc(all, byEvidence)
	t.ranked = t.ranked[len(all):]
	return all
}

func byEvidence(a, b counted) int {
	if c := cmp.Compare(b.count.sum(), a.count.sum()); c != 0 {
		return c
	}
	return cmp.Compare(a.person, b.person)
}

// selectBest moves the n least elements of all, by order, to the front.
func selectBest(all []counted, n int, order func(a, b counted) int) {
	lo, hi := 0, len(all)-1
	for lo < hi {
		pivot := all[lo+(hi-lo)/2]
		i, j := lo, hi
		for i <= j {
			for order(all[i], pivot) < 0 {
				i++
			}
			for order(all[j], pivot) > 0 {
				j--
			}
			if i <= j {
				all[i], all[j] = all[j], all[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case n-1 <= j:
			hi = j
		case n-1 >= i:
			lo = i
		default:
			return
		}
	}
}
