package testnet_test

import (
	"context"
	"encoding/json"
	"fmt"
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

// A node is killed while it publishes, and again while the same is asked for once
// more: what it did not answer is in its log, or waits, or never was. With its key
// each is asked for until it is answered, and in the end each is there once, with
// the receipt that was given first.
func TestRetryAfterKill(t *testing.T) {
	const publications = 240
	ctx := t.Context()
	n := up(t, 2)
	client := api.NewClient(n.Nodes[0].Socket())
	victim, err := n.Find("n1")
	if err != nil {
		t.Fatal(err)
	}
	gen, now := synth.New(23), time.Now()
	var todo []retry
	for i := range publications {
		raw, err := json.Marshal(gen.Notification(ct.Topics()[1+i%4], now))
		if err != nil {
			t.Fatal(err)
		}
		s := &structpb.Struct{}
		if err := s.UnmarshalJSON(raw); err != nil {
			t.Fatal(err)
		}
		todo = append(todo, retry{key: fmt.Sprintf("job %d", i), notification: s})
	}
	for _, kill := range []int{40, 90, 130, 170} {
		askUntilKilled(ctx, t, client, todo, func(answered int) bool { return answered == kill }, func() error {
			return n.Perturb(ctx, testnet.Kill, victim)
		})
		if err := n.Perturb(ctx, testnet.Restart, victim); err != nil {
			t.Fatal(err)
		}
		held, answered := held(ctx, t, n.Nodes[0]), 0
		for _, r := range todo {
			if r.id == "" {
				continue
			}
			if answered++; !held[r.id] {
				t.Errorf("%s was answered as %.12s, which is not held", r.key, r.id)
			}
		}
		t.Logf("killed at %d answers: %d answered, %d in the log", kill, answered, len(held))
	}
	askUntilKilled(ctx, t, client, todo, func(int) bool { return false }, nil)
	seen := map[string]string{}
	for _, r := range todo {
		if other, twice := seen[r.id]; r.id == "" || twice {
			t.Errorf("%s has the receipt %.12s, which is that of %q", r.key, r.id, other)
		}
		seen[r.id] = r.key
	}
	if held := held(ctx, t, n.Nodes[0]); len(held) != publications {
		t.Errorf("%d records are held of %d publications", len(held), publications)
	}
	// Without its key nothing goes out again either.
	if _, err := client.Publish(ctx, connect.NewRequest(&apiv1.PublishRequest{Notification: todo[0].notification})); connect.CodeOf(err) != connect.CodeFailedPrecondition {
		t.Errorf("equal content without its key: %v", err)
	}
	if err := n.WaitSame(ctx); err != nil {
		t.Fatal(err)
	}
	if report, err := n.Check(ctx); err != nil || report.Err() != nil {
		t.Errorf("check: %v, %v", err, report.Err())
	}
}

type retry struct {
	key          string
	notification *structpb.Struct
	id           string // of its receipt; empty: it was not answered yet
}

// askUntilKilled asks for all publications, for those that were answered as well,
// until stop says so of the number of those that are.
func askUntilKilled(ctx context.Context, t *testing.T, client apiv1connect.NodeClient, todo []retry, stop func(int) bool, kill func() error) {
	t.Helper()
	var mu sync.Mutex
	answered, killed := 0, false
	next := 0
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			for {
				mu.Lock()
				i := next
				next++
				if killed || i >= len(todo) {
					mu.Unlock()
					return nil
				}
				req := &apiv1.PublishRequest{Notification: todo[i].notification, IdempotencyKey: todo[i].key}
				mu.Unlock()
				res, err := client.Publish(ctx, connect.NewRequest(req))
				mu.Lock()
				r := &todo[i]
				switch {
				case err != nil && killed:
				case err != nil:
					mu.Unlock()
					return fmt.Errorf("%s: %w", r.key, err)
				case r.id != "" && res.Msg.Receipt.Id != r.id:
					mu.Unlock()
					return fmt.Errorf("%s has two receipts: %.12s and %.12s", r.key, r.id, res.Msg.Receipt.Id)
				default:
					r.id = res.Msg.Receipt.Id
					answered++
				}
				now := !killed && err == nil && stop(answered)
				killed = killed || now
				mu.Unlock()
				if now {
					if err := kill(); err != nil {
						return err
					}
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// held are the ids of the notifications that a node holds.
func held(ctx context.Context, t *testing.T, i testnet.Instance) map[string]bool {
	t.Helper()
	entries, err := i.Entries(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, e := range entries {
		if e.Kind == ct.KindNotification.String() {
			out[e.Id] = true
		}
	}
	return out
}
