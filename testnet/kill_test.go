package testnet_test

import (
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/herald-net/herald/testnet"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/structpb"
)

// A thousand records on one of five nodes, two others killed half way and
// started again: in the end all five hold the same records, and every one
// that was acknowledged is there.
func TestKilledHalfWay(t *testing.T) {
	const records = 1000
	ctx := t.Context()
	n := up(t, 5)
	client := api.NewClient(n.Nodes[0].Socket())
	victims, err := n.Find("n2", "n4")
	if err != nil {
		t.Fatal(err)
	}
	gen := synth.New(11)
	forms := make(chan *structpb.Struct, records)
	topics := []ct.Topic{ct.TopicTravel, ct.TopicArrival, ct.TopicDeportation, ct.TopicDetention}
	for i := range records {
		raw, err := json.Marshal(gen.Notification(topics[i%len(topics)], time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		s := &structpb.Struct{}
		if err := s.UnmarshalJSON(raw); err != nil {
			t.Fatal(err)
		}
		forms <- s
	}
	close(forms)
	var done atomic.Int64
	half := make(chan struct{})
	acked := make(chan string, records)
	g, working := errgroup.WithContext(ctx)
	for range 8 {
		g.Go(func() error {
			for s := range forms {
				res, err := client.Publish(ctx, connect.NewRequest(&apiv1.PublishRequest{Notification: s}))
				if err != nil {
					return err
				}
				acked <- res.Msg.Receipt.GetId()
				if done.Add(1) == records/2 {
					close(half)
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		select {
		case <-half:
			return n.Perturb(ctx, testnet.Kill, victims)
		case <-working.Done():
			return nil // a publication failed
		}
	})
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	close(acked)
	published := time.Now()
	if err := n.Perturb(ctx, testnet.Restart, victims); err != nil {
		t.Fatal(err)
	}
	if err := n.WaitSame(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("all the same %v after the last publication", time.Since(published).Round(time.Millisecond))
	entries, err := n.Nodes[1].Entries(ctx)
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]bool{}
	for _, e := range entries {
		held[e.Id] = true
	}
	for id := range acked {
		if !held[id] {
			t.Errorf("record %.12s was acknowledged and is not on the node that was killed", id)
		}
	}
	if report, err := n.Check(ctx); err != nil || report.Err() != nil {
		t.Errorf("check: %v, %v", err, report.Err())
	}
}
