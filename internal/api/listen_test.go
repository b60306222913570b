package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/herald-net/herald/internal/api"
	"github.com/prometheus/client_golang/prometheus"
)

func TestSocket(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "herald.sock")
	open := func() (*api.Server, error) { return api.New(api.Config{Socket: socket}) }

	s, err := open()
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(socket)
	if err != nil || st.Mode().Perm() != 0o600 || st.Mode().Type() != os.ModeSocket {
		t.Fatalf("socket: %v, %v; want a socket of mode 0600", st.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("in the directory: %v, %v; want the socket alone", left, err)
	}
	if _, err := open(); !errors.Is(err, api.ErrInUse) {
		t.Errorf("a second server: got %v, want in use", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after close: %v, want no socket", err)
	}

	// A process that was killed leaves its socket behind.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	s, err = open()
	if err != nil {
		t.Fatalf("over a stale socket: %v", err)
	}
	s.Close()

	// What is no socket is not ours to remove.
	if err := os.WriteFile(socket, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := open(); err == nil {
		s.Close()
		t.Error("a plain file was replaced by the socket")
	}
}

func TestSocketPathTooLong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 90))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := api.New(api.Config{Socket: filepath.Join(dir, "herald.sock")})
	if err == nil || !strings.Contains(err.Error(), "shorter --data") {
		t.Errorf("got %v, want what to do", err)
	}
}

func TestMetricsAddress(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "[::]:0", "example.org:0", "127.0.0.1"} {
		if s, err := api.New(api.Config{Metrics: addr}); err == nil {
			s.Close()
			t.Errorf("metrics on %s: accepted", addr)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket := filepath.Join(t.TempDir(), "herald.sock")
	_, err = api.New(api.Config{Socket: socket, Metrics: l.Addr().String()})
	if !errors.Is(err, api.ErrInUse) || strings.Contains(err.Error(), "\n") {
		t.Errorf("a port in use: got %v", err)
	}
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Error("the socket stays behind after a failed start")
	}
}

func TestHealth(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "herald_test"}, func() float64 { return 42 }))
	status := api.Status{Reasons: []string{"isolated"}}
	s, err := api.New(api.Config{
		Metrics: "127.0.0.1:0", Gatherer: reg,
		Backend: api.Backend{Status: func() api.Status { return status }},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	do := func(method, path, host string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.MetricsAddr()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			req.Host = host
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	for _, c := range []struct {
		method, path, host string
		code               int
		body               string
	}{
		{"GET", "/healthz", "", 200, `"alive":true`},
		{"GET", "/metrics", "", 200, "herald_test 42"},
		{"GET", "/readyz", "", 503, `{"ready":false,"reasons":["isolated"]}`},
		{"GET", "/healthz", "localhost:1", 200, ""},
		{"GET", "/healthz", "[::1]", 200, ""},
		{"GET", "/metrics", "evil.example", 403, ""},
		{"POST", "/metrics", "", 405, ""},
		{"GET", "/", "", 404, ""},
		{"GET", "/debug/pprof/", "", 404, ""},
		{"POST", "/herald.api.v1.Node/Status", "", 404, ""},
	} {
		code, body := do(c.method, c.path, c.host)
		if code != c.code || !strings.Contains(body, c.body) {
			t.Errorf("%s %s as %q: got %d %q, want %d %q", c.method, c.path, c.host, code, body, c.code, c.body)
		}
	}
	status = api.Status{Ready: true}
	code, body := do("GET", "/readyz", "")
	var out struct {
		Ready   bool
		Reasons []string
	}
	if err := json.Unmarshal([]byte(body), &out); code != 200 || err != nil || !out.Ready || out.Reasons == nil {
		t.Errorf("ready: got %d %s", code, body)
	}
}

// A failed bind is the caller's to report: it names the port's state.
func TestListenErrorsAreTyped(t *testing.T) {
	_, err := api.New(api.Config{Socket: filepath.Join(t.TempDir(), "missing", "herald.sock")})
	if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOENT) {
		t.Errorf("a directory that is not there: got %v", err)
	}
}
