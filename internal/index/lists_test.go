package index_test

import (
	"context"
	"sync"

	"github.com/herald-net/herald/internal/index"
)

// lists are a State's own lists: changes in their order, numbered from 1.
type lists struct {
	mu      sync.Mutex
	changes []index.Change
	grown   chan struct{} // closed and replaced when there are more
}

func newLists() *lists { return &lists{grown: make(chan struct{})} }

func (l *lists) add(changes ...index.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes = append(l.changes, changes...)
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *lists) last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.changes))
}

func (l *lists) after(seq uint64, max int) ([]index.Change, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(uint64(len(l.changes)), seq+uint64(max))
	return l.changes[seq:n], n, nil
}

func (l *lists) wait(ctx context.Context, after uint64) error {
	for {
		l.mu.Lock()
		n, grown := uint64(len(l.changes)), l.grown
		l.mu.Unlock()
		if n > after {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
