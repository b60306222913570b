package store

import (
	"bytes"
	"maps"
	"slices"
	"sync"

	"go.etcd.io/bbolt"
)

// maxLost bounds what is remembered of rotten bodies; a further one is found
// again when it is read again.
const maxLost = 4096

// lostBodies remembers which bodies are wanted though log.db says held: they
// did not open when they were read. It also keeps the place where the next
// round of MissingBodies begins.
type lostBodies struct {
	mu   sync.Mutex
	set  map[place]bool
	from place
}

func (l *lostBodies) add(at place) (fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.set[at] || len(l.set) >= maxLost {
		return false
	}
	if l.set == nil {
		l.set = make(map[place]bool)
	}
	l.set[at] = true
	return true
}

func (l *lostBodies) has(at place) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.set[at]
}

func (l *lostBodies) found(at place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.set, at)
}

// some gives up to max places, in order.
func (l *lostBodies) some(max int) []place {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.SortedFunc(maps.Keys(l.set), func(a, b place) int { return bytes.Compare(a[:], b[:]) })
	return out[:min(len(out), max)]
}

func (l *lostBodies) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.set)
}

// next gives up to max places: lost ones for at most half of it, then members
// of missing from where the last call ended, around the end once.
func (l *lostBodies) next(missing *bbolt.Bucket, max int) []place {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []place
	for at := range l.set {
		if len(out) < (max+1)/2 {
			out = append(out, at)
		}
	}
	c := missing.Cursor()
	start, wrapped := l.from, false
	k, _ := c.Seek(start[:])
	for len(out) < max {
		if k == nil {
			if wrapped {
				break
			}
			wrapped = true
			k, _ = c.First()
			continue
		}
		at, err := parsePlace(k)
		if err != nil || wrapped && string(k) >= string(start[:]) {
			break
		}
		out = append(out, at)
		l.from = placeOf(at.num(), at.seq()+1)
		k, _ = c.Next()
	}
	return out
}
