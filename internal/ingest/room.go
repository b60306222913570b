package ingest

import (
	"context"
	"sync"
)

// room bounds the memory of what waits for the writer.
type room struct {
	mu    sync.Mutex
	left  int64
	freed chan struct{} // closed when room is given back; nil: nobody waits
}

func newRoom(size int64) *room { return &room{left: size} }

// try takes n bytes if they are there.
func (r *room) try(n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left < n {
		return false
	}
	r.left -= n
	return true
}

// wait takes n bytes as soon as they are there; done ends it with ErrClosed.
func (r *room) wait(ctx context.Context, done <-chan struct{}, n int64) error {
	for {
		freed, ok := r.take(n)
		if ok {
			return nil
		}
		select {
		case <-freed:
		case <-done:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *room) take(n int64) (freed <-chan struct{}, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left < n {
		if r.freed == nil {
			r.freed = make(chan struct{})
		}
		return r.freed, false
	}
	r.left -= n
	return nil, true
}

func (r *room) give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left += n
	if r.freed != nil {
		close(r.freed)
		r.freed = nil
	}
}
