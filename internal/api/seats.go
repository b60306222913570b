package api

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/herald-net/herald/proto/herald/api/v1/apiv1connect"
)

// Seats of the API, and how long a request's body may stand still. Whoever
// leaves calls open, or their bodies unfinished, uses up the seats of their own
// kind alone.
const (
	maxStreams  = 256 // tails, matches, imports and backups at once
	maxCalls    = 256 // calls at once that are answered with one message
	maxUrgent   = 64  // calls at once that keep the node and the network safe
	bodyTimeout = 10 * time.Second
)

// urgent are the calls that have seats of their own: what takes back, cuts off
// and tells how the node is, must not wait for readers and publishers.
var urgent = []string{
	apiv1connect.NodeStatusProcedure,
	apiv1connect.NodeRetractProcedure,
	apiv1connect.NodeRosterSubmitProcedure,
	apiv1connect.NodeMuteProcedure,
	apiv1connect.NodeDiscardProcedure,
}

// streams are the calls that last as long as somebody listens or sends.
var streams = []string{
	apiv1connect.NodeTailProcedure,
	apiv1connect.NodeMatchProcedure,
	apiv1connect.NodeImportProcedure,
	apiv1connect.NodeBackupProcedure,
}

// seated gives each kind of call its own seats.
func seated(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, kind := range []struct {
		n     int
		paths []string
	}{{maxUrgent, urgent}, {maxStreams, streams}, {maxCalls, []string{"/"}}} {
		sat := atMost(kind.n, h)
		for _, path := range kind.paths {
			mux.Handle(path, sat)
		}
	}
	return mux
}

// atMost answers 503 when n requests are being served.
func atMost(n int, h http.Handler) http.Handler {
	seats := make(chan struct{}, n)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case seats <- struct{}{}:
			defer func() { <-seats }()
			h.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests at once", http.StatusServiceUnavailable)
		}
	})
}

// moving ends requests whose body stands still for bodyTimeout, so that an
// unfinished one gives its seat back. An import that moves may last. The server
// itself takes the deadline off at the end of the body.
func moving(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &movingBody{r.Body, http.NewResponseController(w)}
		}
		h.ServeHTTP(w, r)
	})
}

type movingBody struct {
	io.ReadCloser
	conn *http.ResponseController
}

// errStill is what a handler reads of a body that stood still.
var errStill = errors.New("the request's body stood still")

func (b *movingBody) Read(p []byte) (int, error) {
	if err := b.conn.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errStill
	}
	return n, err
}
