// Package api serves one node's local API: the Connect service
// herald.api.v1.Node on a unix socket in the data directory, and metrics and
// health on loopback. It holds no rules: it turns messages into calls of the
// functions in Backend and their errors into codes. It listens on nothing
// that another machine can reach.
package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/node/ct"
	"github.com/herald-net/herald/proto/herald/api/v1/apiv1connect"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Backend is what the API calls; package node fills it in. All functions are
// safe for concurrent use. All must be set.
type Backend struct {
	Publish func(ctx context.Context, n *ct.Notification, o desk.PublishOptions) (desk.Receipt, error)
	Outbox  func() ([]desk.OutboxItem, error)
	SignNow func(ctx context.Context, key, reason, operator string) (desk.Receipt, error)
	Discard func(key, reason, operator string) error
	Retract func(ctx context.Context, target ct.ID, r ct.Retraction, operator string, accept ...string) (desk.Receipt, error)

	List func(f feed.Filter, after uint64, max int) ([]ct.Entry, uint64, error)
	Tail func(ctx context.Context, f feed.Filter, after uint64, fn func(ct.Entry) error) error
	Get  func(prefix string) (ct.Entry, []ct.Entry, error)
	// ListEntry is an entry of one of this State's own lists.
	ListEntry func(list, id string) (desk.ListedPerson, error)
	// Record is one record as it travelled, found by a unique prefix of its id.
	Record func(prefix string) ([]byte, error)

	Match      func(ctx context.Context, q desk.MatchQuery, each func(desk.MatchAnswer) error) (desk.MatchSummary, error)
	Inbox      func() ([]desk.InboxItem, error)
	InboxShow  func(id, operator string) (desk.InboxShown, error)
	Release    func(ctx context.Context, id string, o desk.ReleaseOptions) (desk.Receipt, *ct.MatchRelease, error)
	Refuse     func(id, reason, operator string) error
	Import     func(ctx context.Context, o desk.ImportOptions, r io.Reader, p desk.ImportProgress) (desk.ImportResult, error)
	Lists      func() ([]desk.ListInfo, error)
	RemoveList func(ctx context.Context, list string) (persons int, err error)

	Mute  func(s ct.State, on bool) error
	Mutes func() map[ct.State]time.Time
	Peers func() []Peer

	// RosterFile is the roster as a file that verifies offline.
	RosterFile func() ([]byte, error)
	// RosterSubmit takes one signed record of a root log.
	RosterSubmit func(ctx context.Context, record []byte) (RosterSubmitted, error)
	// NodeHeads tells how far each node log is held.
	NodeHeads func() []NodeHead

	Status func() Status

	// Journal notes an act; what it is about waits for it.
	Journal func(journal.Entry) error
	// JournalVerify holds the journal against itself and against those of the
	// heads that are of this node: fitting is their number.
	JournalVerify func(heads []JournalHead) (JournalState, error)
	JournalRead   func(after uint64, max int) ([]journal.Entry, error)
	JournalErase  func(seq uint64, operator, reason string) error
	JournalHeads  func() []JournalHead
	JournalAccept func(node ct.LogID, operator, reason string) error
	// Backup writes a backup to a new file and gives the number of its records.
	Backup func(ctx context.Context, o BackupOptions, progress func(done, total int64)) (records uint64, err error)
}

// BackupOptions name the files of a backup, by absolute paths.
type BackupOptions struct {
	Out, KeyFile, GenerationFile string
	Generation                   string
}

// Peer is one connected node.
type Peer struct {
	Node    ct.LogID
	State   ct.State
	Addr    string
	Inbound bool
	Since   time.Time
}

// RosterSubmitted is a record of a root log that was taken in.
type RosterSubmitted struct {
	ct.Ref
	Note string // what does not go without saying, in words
}

// NodeHead is how far a node log is held: the last record of it.
type NodeHead struct {
	ct.Ref
	Contested bool
}

// NotYet counts the records of a kind whose content is not understood for a reason.
type NotYet struct {
	Kind    ct.Kind // 255: that and all above
	Reason  string
	Records uint64
}

// Status is what a node says about itself. Nothing in it is personal.
type Status struct {
	State         ct.State
	Node          ct.LogID
	Network       ct.NetworkID
	NetworkName   string
	Exercise      bool
	Ready         bool
	Reasons       []string // what readiness waits for; empty when ready
	Stuck         bool     // no waiting makes it ready: a person must act first
	Version       string
	Started       time.Time
	Records       uint64 // held in the log
	Cursor        uint64 // newest place in the feed
	Peers         int    // connected nodes
	Members       int    // nodes in the roster without this one
	Outbox        int
	Inbox         int // match requests that wait for a person
	Persons       int // that match requests are answered from
	Forks         int
	Addrs         []string
	LastSync      time.Time // zero: none yet
	RosterVersion uint64
	Unchecked     uint64     // records stored on a later one's signature, their own not checked yet
	NotYet        []NotYet   // what of the content held this version does not understand
	JudgingLeft   uint64     // records still to be judged by the rules of this version
	Topics        []ct.Topic // whose bodies this node keeps; empty: all
	Begins, Ends  ct.Millis  // window of this node's key
	Growth        Growth

	// What the beacons of the other members tell.
	States     int           // member States with a node that may speak, this one included
	Heard      int           // of these, heard in the last ten minutes
	Silent     []ct.State    // of these, the others
	Alarms     []string      // what a person has to look into, one line each
	ClockAhead time.Duration // median of the others' clocks against this node's
	Clocks     int           // how many others are in that median; 0: it is not known
}

// Growth is what the node's log may take at once, how much of it is used, how much
// becomes free a day, and when a record can be signed again; zero: now.
type Growth struct {
	Burst, Used, Rate uint64
	Free              time.Time
}

// Config says where to serve. The zero value of a field is its default.
type Config struct {
	Backend Backend
	// Socket is the path of the unix socket; empty: the API is not served.
	Socket string
	// Metrics is the loopback host:port of /metrics, /healthz and /readyz;
	// empty: not served.
	Metrics string
	// Gatherer gives what /metrics shows; nil: nothing.
	Gatherer prometheus.Gatherer
	Log      *slog.Logger
}

// Limits of the server.
const (
	maxMessage    = 2 << 20 // bytes of one API message
	maxProbes     = 64      // requests for metrics and health at once
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 5 * time.Second
)

// Server holds the listeners between New and Close.
type Server struct {
	log     *slog.Logger
	servers []listening
}

type listening struct {
	name string
	l    net.Listener
	s    *http.Server
}

// New opens the listeners, so that a port in use is an error at start and not
// later. Nothing is served before Run.
func New(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{log: cfg.Log}
	if cfg.Socket != "" {
		l, err := listenUnix(cfg.Socket)
		if err != nil {
			return nil, fmt.Errorf("open api socket: %w", err)
		}
		s.add("api", l, seated(moving(Handler(cfg.Backend))))
	}
	if cfg.Metrics != "" {
		l, err := listenLoopback(cfg.Metrics)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open metrics port: %w", err), s.Close())
		}
		s.add("metrics", l, atMost(maxProbes, healthHandler(cfg.Gatherer, cfg.Backend.Status)))
	}
	return s, nil
}

func (s *Server) add(name string, l net.Listener, h http.Handler) {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	s.servers = append(s.servers, listening{name, l, &http.Server{
		Handler:           h,
		ConnContext:       withPeer,
		Protocols:         p,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}})
}

// Handler is the Connect service alone, without a listener.
func Handler(b Backend) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(apiv1connect.NewNodeHandler(&service{b: b}, handlerOptions()...))
	return mux
}

// MetricsAddr is where metrics and health are served; empty: nowhere. It tells
// the port when the configuration asked for port 0.
func (s *Server) MetricsAddr() string {
	for _, l := range s.servers {
		if l.name == "metrics" {
			return l.l.Addr().String()
		}
	}
	return ""
}

// Run serves until ctx ends. Requests in flight then see their context end and
// have a moment to finish.
func (s *Server) Run(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, l := range s.servers {
		l.s.BaseContext = within(gctx)
		g.Go(func() error {
			if err := l.s.Serve(l.l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", l.name, err)
			}
			return nil
		})
		g.Go(func() error {
			<-gctx.Done()
			drain, cancel := context.WithTimeout(context.WithoutCancel(gctx), drainTimeout)
			defer cancel()
			if l.s.Shutdown(drain) != nil {
				return l.s.Close()
			}
			return nil
		})
	}
	<-gctx.Done()
	return g.Wait()
}

// Close closes the listeners and removes the socket.
func (s *Server) Close() error {
	var errs []error
	for _, l := range s.servers {
		if err := l.l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
