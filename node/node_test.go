package node_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	"github.com/prometheus/client_golang/prometheus"
)

// states of the test networks: the specimen State and others of the table.
var states = []ct.State{"UTO", "NOR", "KEN", "CHL", "JPN", "FJI", "PER", "MAR", "ISL", "LAO",
	"MLT", "QAT", "URY", "ZMB", "BTN", "COM", "DMA", "ERI", "GAB", "HTI"}

// founded prepares n data directories of one exercise network. The founders'
// requests state addrs, where there are any.
func founded(t testing.TB, n int, policy roster.Policy, addrs ...string) []string {
	t.Helper()
	dirs, _ := foundedBy(t, n, policy, addrs...)
	return dirs
}

// foundedBy is founded and gives the States' root keys too.
func foundedBy(t testing.TB, n int, policy roster.Policy, addrs ...string) (dirs []string, roots []*keys.Key) {
	t.Helper()
	root := t.TempDir()
	var reqs []roster.Request
	for i := range n {
		dir := filepath.Join(root, fmt.Sprint("n", i+1))
		must(t, os.Mkdir(dir, 0o700))
		rootKey, nodeKey := generate(t), generate(t)
		must(t, keys.Save(filepath.Join(dir, node.FileNodeKey), keys.KindNode, nodeKey))
		storage, err := keys.NewStorage()
		must(t, err)
		must(t, keys.SaveStorage(filepath.Join(dir, node.FileStorageKey), storage))
		var own []string
		if i < len(addrs) {
			own = addrs[i : i+1]
		}
		req, err := roster.NewRequest(states[i], rootKey, nodeKey, own)
		must(t, err)
		dirs, roots, reqs = append(dirs, dir), append(roots, rootKey), append(reqs, req)
	}
	now := time.Now()
	g, err := roster.NewGenesis("test", true, now, policy, reqs)
	must(t, err)
	for _, k := range roots {
		must(t, g.Sign(k, now))
	}
	for _, dir := range dirs {
		_, err := node.Join(node.Config{Dir: dir}, g.Encode(), now)
		must(t, err)
	}
	return dirs, roots
}

func generate(t testing.TB) *keys.Key {
	t.Helper()
	k, err := keys.Generate()
	must(t, err)
	return k
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// running is a node with its Run under way.
type running struct {
	*node.Node
	t    testing.TB
	stop context.CancelFunc
	done chan error
	log  *buffer
	reg  *prometheus.Registry
}

// buffer is a log that several goroutines write to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func start(t testing.TB, cfg node.Config) *running {
	t.Helper()
	r := &running{t: t, done: make(chan error, 1), log: &buffer{}, reg: prometheus.NewRegistry()}
	cfg.Log = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.Registry = r.reg
	cfg.NoAPI = true
	ctx, stop := context.WithCancel(context.Background())
	n, err := node.New(ctx, cfg)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	r.Node, r.stop = n, stop
	go func() { r.done <- n.Run(ctx) }()
	return r
}

func (r *running) close() {
	r.t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		r.t.Errorf("run: %v", err)
	}
	if err := r.Close(); err != nil {
		r.t.Errorf("close: %v", err)
	}
}

// ids are the ids of all records held, control records included.
func (r *running) ids() map[ct.ID]bool {
	r.t.Helper()
	out := map[ct.ID]bool{}
	for after := uint64(0); ; {
		entries, next, err := r.List(feed.Filter{All: true}, after, 10_000)
		must(r.t, err)
		if len(entries) == 0 {
			return out
		}
		for _, e := range entries {
			out[e.ID] = true
		}
		after = next
	}
}

// waitFor waits, by following the feed, until all ids are held.
func (r *running) waitFor(ctx context.Context, want map[ct.ID]bool) error {
	missing := maps.Clone(want)
	err := r.Tail(ctx, feed.Filter{All: true}, 0, func(e ct.Entry) error {
		delete(missing, e.ID)
		if len(missing) == 0 {
			return errEnough
		}
		return nil
	})
	if err == errEnough {
		return nil
	}
	return fmt.Errorf("%d of %d records are missing: %w", len(missing), len(want), err)
}

var errEnough = fmt.Errorf("enough")

// ready waits until the node may sign.
func (r *running) ready(ctx context.Context) {
	r.t.Helper()
	for !r.Status().Ready {
		select {
		case <-ctx.Done():
			r.t.Fatalf("not ready: %v; its log:\n%s", r.Status().Reasons, r.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// A network of one signs at once, and shows what it signed.
func TestOneNode(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dir := founded(t, 1, roster.DefaultPolicy())[0]
	n := start(t, node.Config{Dir: dir})
	n.ready(ctx)
	c := synth.New(7).Notification(ct.TopicArrival, time.Now())
	got, err := n.Publish(ctx, c, desk.PublishOptions{})
	must(t, err)
	e, _, err := n.Get(got.ID.String()[:12])
	must(t, err)
	if !e.Readable || e.Notification.Person.Names[0].Full != c.Person.Names[0].Full {
		t.Fatalf("got %v, readable %v (%s)", e, e.Readable, e.Unreadable)
	}
	r, err := n.Retract(ctx, got.ID, ct.Retraction{Reason: "mistaken-identity"}, "op1")
	must(t, err)
	e, history, err := n.Get(got.ID.String())
	must(t, err)
	if e.Readable || e.Unreadable != ct.UnreadableRetracted || e.Notification != nil {
		t.Errorf("after the retraction: readable %v, %q", e.Readable, e.Unreadable)
	}
	if len(history) != 1 || history[0].ID != r.ID {
		t.Errorf("history has %d entries, want the retraction", len(history))
	}
	n.close()

	// What was acknowledged is there again, and so is what was hidden.
	n = start(t, node.Config{Dir: dir})
	defer n.close()
	if ids := n.ids(); !ids[got.ID] || !ids[r.ID] {
		t.Errorf("after a restart records are missing")
	}
	if e, _, err := n.Get(got.ID.String()); err != nil || e.Readable {
		t.Errorf("after a restart: readable %v, error %v", e.Readable, err)
	}
}

// A node tells in its own log where it can be dialled, and does not repeat
// itself when it starts again, though the index be lost.
func TestAddressesAreTold(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprint("index lost ", lost), func(t *testing.T) { addressesAreTold(t, lost) })
	}
}

func addressesAreTold(t *testing.T, lost bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dir := founded(t, 1, roster.DefaultPolicy())[0]
	cfg := node.Config{Dir: dir, Listen: []string{"/ip4/127.0.0.1/tcp/0"}}
	n := start(t, cfg)
	var told ct.Addresses
	err := n.Tail(ctx, feed.Filter{All: true, Kinds: []ct.Kind{ct.KindAddress}}, 0, func(e ct.Entry) error {
		told = *e.Addresses
		return errEnough
	})
	if err != errEnough {
		t.Fatal(err)
	}
	if len(told.Addrs) != 1 || !strings.HasPrefix(told.Addrs[0], "/ip4/127.0.0.1/tcp/") || strings.Contains(told.Addrs[0], "p2p") {
		t.Errorf("told %q", told.Addrs)
	}
	n.close()
	if lost {
		must(t, os.Remove(filepath.Join(dir, "index.db")))
	}
	cfg.Announce = told.Addrs // not listened on again: the port may be another's by now
	cfg.NoAPI = true
	quiet, err := node.New(ctx, cfg)
	must(t, err)
	if got := quiet.Told(); got.Serial != told.Serial || !slices.Equal(got.Addrs, told.Addrs) {
		t.Errorf("before it runs again it knows %+v of itself, want %+v", got, told)
	}
	must(t, quiet.Close())
	must(t, os.Remove(filepath.Join(dir, "index.db"))) // derived, and far behind now
	n = start(t, cfg)
	n.ready(ctx)
	// What is published next would come after a second statement.
	for i := range uint64(3) {
		_, err := n.Publish(ctx, synth.New(9+i).Notification(ct.TopicTravel, time.Now()), desk.PublishOptions{})
		must(t, err)
	}
	entries, _, err := n.List(feed.Filter{All: true, Kinds: []ct.Kind{ct.KindAddress}}, 0, 10)
	must(t, err)
	n.close()
	if len(entries) != 1 {
		t.Errorf("the address was told %d times, want once", len(entries))
	}
}

// Names that were published, asked for and imported appear in no log line, no
// metric and no error.
func TestNothingPersonalOutside(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	const canary = "Zzqcanary"
	n := start(t, node.Config{Dir: founded(t, 1, roster.DefaultPolicy())[0]})
	n.ready(ctx)
	var said []string
	note := func(err error) {
		if err != nil {
			said = append(said, err.Error())
		}
	}
	c := synth.New(8).Notification(ct.TopicTravel, time.Now())
	c.Person.Names[0].Full, c.Person.Names[0].Parts = canary+" Testowski", nil
	got, err := n.Publish(ctx, c, desk.PublishOptions{Operator: "op1"})
	must(t, err)
	bad := *c
	bad.Person.Names = []ct.Name{{Full: canary + strings.Repeat("x", 400)}}
	bad.Person.Births = []ct.Birth{{Date: canary}}
	_, err = n.Publish(ctx, &bad, desk.PublishOptions{})
	if err == nil {
		t.Error("an invalid notification was published")
	}
	note(err)
	q := desk.MatchQuery{Person: c.Person, Purpose: "border-screening", Basis: "UNSCR-2396-OP11", Case: "C1", Grounds: "test", Operator: "op1", Timeout: time.Minute}
	hits := 0
	_, err = n.Match(ctx, q, func(a desk.MatchAnswer) error { hits += len(a.Hits); note(fmt.Errorf("%+v", a)); return nil })
	must(t, err)
	if hits == 0 {
		t.Error("the published person is not found")
	}
	q.Case = ""
	_, err = n.Match(ctx, q, func(desk.MatchAnswer) error { return nil })
	note(err)
	res, err := n.ImportPersons(ctx, "watch", strings.NewReader(
		`{"id":"a","names":[{"full":"`+canary+` Importowski"}],"births":["1970"]}`+"\n"+
			`{"id":"b","names":[{"full":"`+canary+`"}],"births":["`+canary+`"]}`+"\n"+
			`{"id":"c","names":["`+canary+`"],"births":[1970],"sex":`+"\n"), nil)
	must(t, err)
	if res.Read != 3 || res.Accepted != 2 || res.Rejected != 1 || res.LeftOut != 1 {
		t.Errorf("import: read %d, accepted %d, rejected %d, values left out %d", res.Read, res.Accepted, res.Rejected, res.LeftOut)
	}
	note(fmt.Errorf("%+v %+v", res.Rejections, res.Left))
	_, err = n.Retract(ctx, got.ID, ct.Retraction{Reason: "error", Text: canary}, "op1")
	must(t, err)
	note(fmt.Errorf("%v %+v", c, c.Person))
	families, err := n.reg.Gather()
	must(t, err)
	for _, f := range families {
		said = append(said, f.String())
	}
	n.close()
	said = append(said, n.log.String())
	for _, s := range said {
		if i := strings.Index(strings.ToLower(s), strings.ToLower(canary)); i >= 0 {
			t.Errorf("a name is shown: …%s…", s[max(0, i-60):min(len(s), i+20)])
		}
	}
}
