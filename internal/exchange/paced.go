package exchange

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/herald-net/herald/node/ct"
)

const (
	// writePiece is how much a peer must take within frameTimeout: a slow line
	// is served as long as it moves.
	writePiece = 32 << 10
	// seatRest is how long a served stream may wait for its peer, and seatTurn
	// how long it may last, before its seat goes to a peer that finds none.
	seatRest = 5 * time.Second
	seatTurn = time.Minute
)

// seats are the streams being served here. When all are taken, the one that
// waits for its peer longest gives way to who comes: members that open streams
// and say nothing, or read nothing, shut nobody out.
type seats struct {
	mu   sync.Mutex
	held map[*seat]struct{}
}

// seat is one stream's. Its methods do nothing on a nil one: of a stream that
// this node opened.
type seat struct {
	of      *seats
	service string
	node    ct.LogID
	began   time.Time
	waits   time.Time // for the peer, since; zero: it is at work
	end     func()
}

func newSeats() seats { return seats{held: map[*seat]struct{}{}} }

func (s *seats) take(service string, node ct.LogID, now time.Time, end func()) *seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &seat{of: s, service: service, node: node, began: now, waits: now, end: end}
	s.held[t] = struct{}{}
	return t
}

func (t *seat) leave() {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	delete(t.of.held, t)
}

// wait notes that the next step is the peer's, work that it has been done.
func (t *seat) wait(now time.Time) { t.set(now) }
func (t *seat) work()              { t.set(time.Time{}) }

func (t *seat) set(waits time.Time) {
	if t == nil {
		return
	}
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	t.waits = waits
}

// yield ends the stream of a service that has the least right to its seat;
// false when all have one.
func (s *seats) yield(service string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var worst *seat
	for t := range s.held {
		if t.service == service && t.worse(worst, now) {
			worst = t
		}
	}
	if worst == nil {
		return false
	}
	delete(s.held, worst) // it gives way once
	worst.end()
	return true
}

// worse tells whether t is to go before other, which may be nil: who keeps this
// node waiting first, then who has been served longest.
func (t *seat) worse(other *seat, now time.Time) bool {
	rests := !t.waits.IsZero() && now.Sub(t.waits) >= seatRest
	if !rests && now.Sub(t.began) < seatTurn {
		return false
	}
	if other == nil {
		return true
	}
	if otherRests := !other.waits.IsZero() && now.Sub(other.waits) >= seatRest; rests != otherRests {
		return rests
	}
	if rests {
		return t.waits.Before(other.waits)
	}
	return t.began.Before(other.began)
}

// late tells that a peer took too long for its next step.
func late(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// write sends a frame, each piece within frameTimeout.
func (e *session) write(frame []byte) (n int, err error) {
	defer e.seat.work()
	for len(frame) > 0 {
		now := time.Now()
		e.seat.wait(now)
		if err := e.s.SetWriteDeadline(now.Add(frameTimeout)); err != nil {
			return n, fmt.Errorf("send: %w", err)
		}
		k, err := e.s.Write(frame[:min(len(frame), writePiece)])
		n, frame = n+k, frame[k:]
		if err != nil {
			return n, fmt.Errorf("send: %w", err)
		}
	}
	return n, nil
}
