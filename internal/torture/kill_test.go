package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/herald-net/herald/proto/herald/api/v1/apiv1connect"
	"github.com/herald-net/herald/testnet"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/structpb"
)

// kill -9: three real nodes publish and receive; again and again one or two of
// them are killed at any moment and started again. What a node acknowledged it
// holds when it is back, no seq is ever signed twice, and in the end all three
// hold the same.
func TestKills(t *testing.T) {
	kills := rounds(t, "HERALD_KILLS", 10)
	seed := seedOf(t)
	k := &killing{
		t: t, ctx: t.Context(), net: upNet(t, 3, heraldBinary(t, os.Getenv("HERALD_KILLS") != "")),
		rng: rand.New(rand.NewPCG(seed, 5)), gen: synth.New(seed),
		acked: map[string]*apiv1.Receipt{}, seqs: map[string]string{},
	}
	for _, i := range k.net.Nodes {
		k.nodes = append(k.nodes, api.NewClient(i.Socket()))
	}
	for done := 0; done < kills; {
		done += k.round(kills - done)
	}
	k.compare()
	slices.Sort(k.back)
	n := len(k.back)
	t.Logf("%d kills: %d records acknowledged, %d submitted, 0 lost; back and ready p50 %v p99 %v max %v",
		kills, len(k.acked), k.submitted, k.back[n/2], k.back[n*99/100], k.back[n-1])
}

type killing struct {
	t     *testing.T
	ctx   context.Context
	net   *testnet.Net
	nodes []apiv1connect.NodeClient
	rng   *rand.Rand
	back  []time.Duration // from the start of a process to readiness, its peers connected

	mu        sync.Mutex // guards what follows
	gen       *synth.Gen
	submitted int
	acked     map[string]*apiv1.Receipt // by id
	seqs      map[string]string         // log and seq → id
}

// round publishes at all nodes, kills some meanwhile and starts them again.
func (k *killing) round(most int) (killed int) {
	k.t.Helper()
	victims := k.rng.Perm(len(k.nodes))[:1+k.rng.IntN(min(2, most))]
	after := time.Duration(20+k.rng.IntN(150)) * time.Millisecond
	ctx, stop := context.WithCancel(k.ctx)
	defer stop()
	fresh := make([][]string, len(k.nodes))
	var g errgroup.Group
	for i := range k.nodes {
		for range 2 {
			g.Go(func() error { return k.publish(ctx, i, slices.Contains(victims, i), &fresh[i]) })
		}
	}
	var dead []testnet.Instance
	for _, v := range victims {
		dead = append(dead, k.net.Nodes[v])
	}
	<-time.After(after)
	k.ok(k.net.Perturb(k.ctx, testnet.Kill, dead))
	<-time.After(20 * time.Millisecond) // the others go on without them
	stop()
	k.ok(g.Wait())
	start := time.Now()
	k.ok(k.net.Perturb(k.ctx, testnet.Restart, dead))
	k.back = append(k.back, time.Since(start).Round(time.Millisecond))
	for _, v := range victims {
		for _, id := range fresh[v] {
			if _, err := k.nodes[v].Get(k.ctx, connect.NewRequest(&apiv1.GetRequest{Id: id})); err != nil {
				k.t.Fatalf("record %.12s was acknowledged by %s, which was killed and lacks it: %v", id, k.net.Nodes[v].Name, err)
			}
		}
	}
	return len(victims)
}

// publish publishes at one node until ctx ends or, of one that is to die, it is dead.
func (k *killing) publish(ctx context.Context, i int, mortal bool, fresh *[]string) error {
	topics := []ct.Topic{ct.TopicTravel, ct.TopicArrival, ct.TopicDeportation, ct.TopicDetention}
	for ctx.Err() == nil {
		k.mu.Lock()
		raw, err := json.Marshal(k.gen.Notification(topics[k.submitted%len(topics)], time.Now()))
		k.submitted++
		k.mu.Unlock()
		if err != nil {
			return err
		}
		s := &structpb.Struct{}
		if err := s.UnmarshalJSON(raw); err != nil {
			return err
		}
		res, err := k.nodes[i].Publish(ctx, connect.NewRequest(&apiv1.PublishRequest{Notification: s}))
		switch {
		case ctx.Err() != nil, err != nil && mortal:
			return nil
		case err != nil:
			return fmt.Errorf("publish at %s: %w", k.net.Nodes[i].Name, err)
		case res.Msg.Receipt.GetId() == "": // waits in the outbox
			continue
		}
		k.mu.Lock()
		r := res.Msg.Receipt
		at := fmt.Sprintf("%s %d", r.Log, r.Seq)
		other, twice := k.seqs[at]
		k.acked[r.Id], k.seqs[at] = r, r.Id
		*fresh = append(*fresh, r.Id)
		k.mu.Unlock()
		if twice && other != r.Id {
			return fmt.Errorf("seq %s was signed twice: %.12s and %.12s", at, other, r.Id)
		}
	}
	return nil
}

// compare waits until all nodes hold the same, and looks for what was
// acknowledged, for seqs signed twice and for forks.
func (k *killing) compare() {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.ctx, 2*time.Minute)
	defer cancel()
	var lists []map[string]string
	for same := false; !same; {
		lists = nil
		for i := range k.nodes {
			lists = append(lists, k.list(ctx, i))
		}
		same = equalKeys(lists)
		if !same {
			select {
			case <-ctx.Done():
				k.t.Fatalf("the nodes hold %d, %d and %d records and not the same", len(lists[0]), len(lists[1]), len(lists[2]))
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
	for id, r := range k.acked {
		if _, ok := lists[0][id]; !ok {
			k.t.Errorf("record %.12s, seq %d of %.8s, was acknowledged and is nowhere", id, r.Seq, r.Log)
		}
	}
	at, notes := map[string]string{}, 0
	for id, place := range lists[0] {
		if other, twice := at[place]; twice {
			k.t.Errorf("%s holds %.12s and %.12s", place, id, other)
		}
		at[place] = id
		if k.seqs[place] != "" && k.seqs[place] != id {
			k.t.Errorf("%s was acknowledged as %.12s and is %.12s", place, k.seqs[place], id)
		}
		notes++
	}
	if notes > k.submitted {
		k.t.Errorf("%d notifications are held, %d were ever submitted", notes, k.submitted)
	}
	for i, n := range k.nodes {
		res, err := n.Status(k.ctx, connect.NewRequest(&apiv1.StatusRequest{}))
		k.ok(err)
		if res.Msg.Forks > 0 {
			k.t.Errorf("%s has proofs of %d forks", k.net.Nodes[i].Name, res.Msg.Forks)
		}
	}
}

// list gives the notifications that a node holds: id → log and seq.
func (k *killing) list(ctx context.Context, i int) map[string]string {
	k.t.Helper()
	out := map[string]string{}
	for after := uint64(0); ; {
		res, err := k.nodes[i].List(ctx, connect.NewRequest(&apiv1.ListRequest{Filter: &apiv1.Filter{All: true}, After: after, Max: 1000}))
		k.ok(err)
		for _, e := range res.Msg.Entries {
			if e.Kind == ct.KindNotification.String() {
				out[e.Id] = fmt.Sprintf("%s %d", e.Log, e.Seq)
			}
		}
		if res.Msg.Next <= after {
			return out
		}
		after = res.Msg.Next
	}
}

func equalKeys(lists []map[string]string) bool {
	for _, l := range lists[1:] {
		if len(l) != len(lists[0]) {
			return false
		}
		for id := range l {
			if _, ok := lists[0][id]; !ok {
				return false
			}
		}
	}
	return true
}

func (k *killing) ok(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

// upNet starts a testnet that ends with the test.
func upNet(t *testing.T, nodes int, binary string) *testnet.Net {
	t.Helper()
	dir, err := os.MkdirTemp("", "ht") // short: unix sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	n, _, err := testnet.Up(t.Context(), testnet.Options{Dir: filepath.Join(dir, "n"), Nodes: nodes, Seed: 7, Binary: binary})
	t.Cleanup(func() {
		n, err := testnet.Open(filepath.Join(dir, "n"))
		if errors.Is(err, testnet.ErrNone) {
			return
		}
		if _, err := n.Down(context.Background(), false); err != nil {
			t.Error(err)
		}
		for _, i := range n.Nodes {
			if i.PID() != 0 {
				t.Errorf("%s still runs", i.Name)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// heraldBinary is the herald to start: the real one, built now, or this test binary,
// which is the same program under another main.
func heraldBinary(t *testing.T, build bool) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if !build {
		return exe
	}
	exe = filepath.Join(t.TempDir(), "herald")
	cmd := exec.Command("go", "build", "-trimpath", "-o", exe, "github.com/herald-net/herald/cmd/herald")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build herald: %v: %s", err, said)
	}
	return exe
}
