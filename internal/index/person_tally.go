package index

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// tally adds up evidence by person number. It is used again and again: only
// what was touched is cleared.
type tally struct {
	counts  []count
	current uint8 // group being counted
	touched []uint32
}

// count is the evidence for one person in units of 1/1024 (the upper 24 bits)
// and the last group that added to it (the lower 8; 0 is none). Four bytes a
// person keep a million of them near the processor.
type count uint32

func (c count) group() uint8 { return uint8(c) }
func (c count) sum() uint32  { return uint32(c) >> 8 }

func (t *tally) reset(next []byte) {
	size := 0
	if len(next) == 4 {
		size = int(binary.BigEndian.Uint32(next))
	}
	for _, id := range t.touched {
		t.counts[id] = 0
	}
	t.touched, t.current = t.touched[:0], 0
	if len(t.counts) < size {
		t.counts = make([]count, size+size/8)
	}
}

// nextGroup starts the next token of the query; a person counts once for it.
func (t *tally) nextGroup() {
	if t.current < 255 {
		t.current++
	}
}

func (t *tally) add(id, value uint32) {
	if int(id) >= len(t.counts) {
		return
	}
	c := t.counts[id]
	if c.group() == t.current {
		return
	}
	if c == 0 {
		t.touched = append(t.touched, id)
	}
	t.counts[id] = count(min(c.sum()+value, 1<<24-1)<<8) | count(t.current)
}

// more is add for a person who has been counted before, and nothing for others.
func (t *tally) more(id, value uint32) {
	if int(id) < len(t.counts) && t.counts[id] != 0 {
		t.add(id, value)
	}
}

// Candidates with less than this part of the best one's evidence share one
// common token with the query; the first few are scored all the same.
const (
	leastPart = 0.45
	leastMany = 16
)

// best gives up to n persons, those with the most evidence first.
func (t *tally) best(n int) []uint32 {
	most := uint32(0)
	for _, id := range t.touched {
		most = max(most, t.counts[id].sum())
	}
	least := uint32(leastPart * float64(most))
	var ids []uint32
	for _, id := range t.touched {
		if t.counts[id].sum() >= least {
			ids = append(ids, id)
		}
	}
	if len(ids) < leastMany {
		ids, n = slices.Clone(t.touched), leastMany
	}
	byEvidence := func(a, b uint32) int {
		return cmp.Or(-cmp.Compare(t.counts[a].sum(), t.counts[b].sum()), cmp.Compare(a, b))
	}
	if len(ids) > n {
		selectBest(ids, n, byEvidence)
		ids = ids[:n]
	}
	slices.SortFunc(ids, byEvidence)
	return ids
}

// selectBest moves the n least elements of ids, by less, to the front.
func selectBest(ids []uint32, n int, order func(a, b uint32) int) {
	lo, hi := 0, len(ids)-1
	for lo < hi {
		pivot := ids[lo+(hi-lo)/2]
		i, j := lo, hi
		for i <= j {
			for order(ids[i], pivot) < 0 {
				i++
			}
			for order(ids[j], pivot) > 0 {
				j--
			}
			if i <= j {
				ids[i], ids[j] = ids[j], ids[i]
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
