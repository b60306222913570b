package exchange

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/network"
)

const (
	// piece is how much a peer must take, or give of a longer message, within
	// frameTimeout: a slow line is served as long as it moves.
	piece = 32 << 10
	// seatRest is how long a served stream may wait for its peer, and seatTurn
	// how long it may last, before its seat goes to a peer that finds none.
	seatRest = 5 * time.Second
	seatTurn = time.Minute
	// pullTurn is how long a pull may last while others wait for its slot. What
	// it has fetched stays, and it goes on when its turn comes again.
	pullTurn = time.Minute
	// helloTimeout is for the first answer, for which a peer need not do a thing.
	helloTimeout = 20 * time.Second
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

// turns are the pulls under way. A peer that sends just enough to keep one
// going holds a slot for a turn, not for a session.
type turns struct {
	mu      sync.Mutex
	running map[ct.LogID]turn
}

type turn struct {
	began time.Time
	end   context.CancelFunc
}

// end ends the pull that has lasted longest, when that is a turn.
func (t *turns) end(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var oldest *turn
	for _, r := range t.running {
		if oldest == nil || r.began.Before(oldest.began) {
			oldest = &r
		}
	}
	if oldest != nil && now.Sub(oldest.began) >= pullTurn {
		oldest.end()
	}
}

// pullInTurn is a pull that ends when others have waited for a turn.
func (x *Exchange) pullInTurn(ctx context.Context, node ct.LogID) {
	pull, end := context.WithCancel(ctx)
	defer end()
	x.turns.mu.Lock()
	x.turns.running[node] = turn{time.Now(), end}
	x.turns.mu.Unlock()
	x.pullAndReport(pull, node)
	x.turns.mu.Lock()
	delete(x.turns.running, node)
	x.turns.mu.Unlock()
	if pull.Err() != nil && ctx.Err() == nil {
		x.queue.add(node)
	}
}

// receiveHello waits for the other side's first message.
func (e *session) receiveHello() (*wire.SyncMessage, error) { return e.receiveWithin(helloTimeout) }

// late tells that a peer took too long for its next step.
func late(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// pacedReader gives a peer frameTimeout for each piece of a message.
type pacedReader struct {
	s   network.Stream
	got int
}

func (r *pacedReader) Read(p []byte) (int, error) {
	n, err := r.s.Read(p)
	if r.got += n; r.got >= piece && err == nil {
		r.got = 0
		err = r.s.SetReadDeadline(time.Now().Add(frameTimeout))
	}
	return n, err
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
		k, err := e.s.Write(frame[:min(len(frame), piece)])
		n, frame = n+k, frame[k:]
		if err != nil {
			return n, fmt.Errorf("send: %w", err)
		}
	}
	return n, nil
}
