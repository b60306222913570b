package api

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// healthHandler serves /metrics, /healthz and /readyz and nothing else. Alive
// means that the process answers; ready means that it can sign and serve, and
// the reasons say what it waits for when it cannot.
func healthHandler(g prometheus.Gatherer, status func() Status) http.Handler {
	if g == nil {
		g = prometheus.NewRegistry()
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]bool{"alive": true})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		s, code := status(), http.StatusOK
		if !s.Ready {
			code = http.StatusServiceUnavailable
		}
		if s.Reasons == nil {
			s.Reasons = []string{}
		}
		writeJSON(w, code, struct {
			Ready   bool     `json:"ready"`
			Reasons []string `json:"reasons"`
		}{s.Ready, s.Reasons})
	})
	return localOnly(mux)
}

// localOnly refuses requests that name another host than this one, so that a
// web page in a browser here cannot reach the port under a name of its own.
func localOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		if !loopback(host) {
			http.Error(w, "not this host", http.StatusForbidden)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		h.ServeHTTP(w, r)
	})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v)
}
