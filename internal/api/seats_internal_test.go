package api

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
)

// pipes is a listener whose connections lie in memory, where time is virtual.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// served runs h on a connection in memory and returns the client's end.
func served(t *testing.T, h http.HandlerFunc) net.Conn {
	t.Helper()
	l := &pipes{make(chan net.Conn, 1), make(chan struct{})}
	s := &http.Server{Handler: moving(h)}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	near, far := net.Pipe()
	l.conns <- far
	go io.Copy(io.Discard, near)
	t.Cleanup(func() {
		near.Close()
		s.Close()
		<-ended
	})
	return near
}

const unfinished = "POST / HTTP/1.1\r\nHost: herald\r\nContent-Length: 100\r\n\r\n"

func TestBodyStandsStill(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		read := make(chan error, 1)
		c := served(t, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			read <- err
		})
		start := time.Now()
		io.WriteString(c, unfinished+"x")
		select {
		case err := <-read:
			if !errors.Is(err, errStill) {
				t.Errorf("read a body that stands still: %v", err)
			}
		case <-time.After(2 * bodyTimeout):
			t.Error("a body that stands still is waited for")
		}
		if took := time.Since(start); took != bodyTimeout {
			t.Errorf("it took %v, want %v", took, bodyTimeout)
		}
	})
}

func TestBodyMoves(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		read := make(chan error, 1)
		c := served(t, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			read <- err
		})
		io.WriteString(c, unfinished)
		for range 10 {
			time.Sleep(bodyTimeout - time.Second)
			io.WriteString(c, strings.Repeat("x", 10))
		}
		if err := <-read; err != nil {
			t.Errorf("read a slow body: %v", err)
		}
	})
}

// TestCallOutlastsItsBody: the time of a body is over with the body.
func TestCallOutlastsItsBody(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		c := served(t, func(_ http.ResponseWriter, r *http.Request) {
			io.ReadAll(r.Body)
			select {
			case <-r.Context().Done():
				ended <- context.Cause(r.Context())
			case <-time.After(time.Hour):
				ended <- nil
			}
		})
		io.WriteString(c, unfinished+strings.Repeat("x", 100))
		if err := <-ended; err != nil {
			t.Errorf("a call of an hour ended with its body's time: %v", err)
		}
	})
}
