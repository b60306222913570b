package api

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/node/ct"
)

// peerKey is where the context of a call holds who is at the other end of the
// socket.
type peerKey struct{}

// withPeer notes who has opened a connection, as the operating system says.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if who := peerOf(c); who != "" {
		return context.WithValue(ctx, peerKey{}, who)
	}
	return ctx
}

// actor is who calls, for the journal: the pseudonym that the caller gives, and
// the user of the operating system, which it cannot choose. Until there are
// accounts that is all that is known.
func actor(ctx context.Context, operator string) string {
	who, _ := ctx.Value(peerKey{}).(string)
	switch {
	case who == "":
		return operator
	case operator == "":
		return who
	}
	return operator + " (" + who + ")"
}

// note journals what a caller is about to be shown or to do, before it is.
func (s *service) note(ctx context.Context, act, format string, args ...any) error {
	who := actor(ctx, "")
	if who == "" {
		who = "operator"
	}
	return s.b.Journal(journal.Entry{Act: act, Actor: who, Outcome: fmt.Sprintf(format, args...)})
}

// What one note of a tail covers.
const (
	tailNoted = 100
	tailFor   = time.Minute
)

// tailNotes journals a tail with contents as it goes: before the first record,
// and again after a hundred or a minute.
type tailNotes struct {
	s     *service
	left  int
	until time.Time
}

func (t *tailNotes) before(ctx context.Context, e *ct.Entry) error {
	if !e.Readable || t.left > 0 && time.Now().Before(t.until) {
		t.left--
		return nil
	}
	t.left, t.until = tailNoted-1, time.Now().Add(tailFor)
	return t.s.note(ctx, journal.ActRead, "tail contents from cursor %d, at most %d records or %s", e.Cursor, tailNoted, tailFor)
}
