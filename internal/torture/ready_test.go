package torture

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/herald-net/herald/testnet"
)

// A node that holds many records and is killed is ready again soon: the time
// from the start of its process until its API says that it is ready. With
// HERALD_READY=1000000 this is the figure of RELIABILITY.md; it fails for
// what is lost, never for what is slow.
func TestReadyAfterKill(t *testing.T) {
	records := rounds(t, "HERALD_READY", 500)
	kills := rounds(t, "HERALD_READY_KILLS", 2)
	n := upNet(t, 2, heraldBinary(t, os.Getenv("HERALD_READY") != ""))
	ctx := t.Context()
	fill(t, n, records)
	client := api.NewClient(n.Nodes[0].Socket())
	began := time.Now()
	indexed(t, ctx, client, uint64(records))
	t.Logf("%d records held and indexed, the latter in %v", records, time.Since(began).Round(time.Millisecond))
	gen := synth.New(1)
	var back []time.Duration
	for range kills {
		k := &killing{t: t, ctx: ctx, net: n, gen: gen, acked: map[string]*apiv1.Receipt{}, seqs: map[string]string{}}
		k.nodes = append(k.nodes, client)
		var fresh []string
		pub, stop := context.WithTimeout(ctx, 100*time.Millisecond)
		k.ok(k.publish(pub, 0, true, &fresh))
		stop()
		k.ok(n.Perturb(ctx, testnet.Kill, n.Nodes[:1]))
		done := make(chan error, 1)
		start := time.Now()
		go func() { done <- n.Perturb(ctx, testnet.Restart, n.Nodes[:1]) }()
		var seen uint64
		for {
			res, err := client.Status(ctx, connect.NewRequest(&apiv1.StatusRequest{}))
			if err == nil && res.Msg.Ready {
				seen = res.Msg.Records
				break
			}
			select {
			case err := <-done:
				k.ok(err)
				done <- nil
			case <-time.After(5 * time.Millisecond):
			}
		}
		back = append(back, time.Since(start))
		k.ok(<-done)
		if seen < uint64(records+len(fresh)) {
			t.Fatalf("%d records are held, at least %d were acknowledged", seen, records+len(fresh))
		}
		for _, id := range fresh {
			_, err := client.Get(ctx, connect.NewRequest(&apiv1.GetRequest{Id: id}))
			k.ok(err)
		}
	}
	slices.Sort(back)
	t.Logf("ready after a kill with %d records: p50 %v p99 %v max %v of %d (target p99 < 2s)", records,
		back[len(back)/2].Round(time.Millisecond), back[len(back)*99/100].Round(time.Millisecond), back[len(back)-1].Round(time.Millisecond), len(back))
}

// indexed waits until a node knows so many persons.
func indexed(t *testing.T, ctx context.Context, client interface {
	Status(context.Context, *connect.Request[apiv1.StatusRequest]) (*connect.Response[apiv1.StatusResponse], error)
}, persons uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Hour)
	defer cancel()
	for {
		res, err := client.Status(ctx, connect.NewRequest(&apiv1.StatusRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		if res.Msg.Persons >= persons {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%d of %d persons are indexed", res.Msg.Persons, persons)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// fill stops a network, gives all its nodes the same new records of their own
// logs, signed with their keys, and starts it again.
func fill(t *testing.T, n *testnet.Net, records int) {
	t.Helper()
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sameHeld(t, n)
	_, err := n.Down(ctx, false)
	ok(err)
	raw, err := os.ReadFile(filepath.Join(n.Nodes[0].Data, node.FileGenesis))
	ok(err)
	g, err := roster.ParseGenesis(raw)
	ok(err)
	view, err := roster.New(g)
	ok(err)
	var stores []*store.Store
	var authors []*keys.Key
	for _, i := range n.Nodes {
		k, err := keys.Load(filepath.Join(i.Data, node.FileNodeKey))
		ok(err)
		storage, err := keys.LoadStorage(filepath.Join(i.Data, node.FileStorageKey))
		ok(err)
		s, err := store.Open(store.Config{Dir: i.Data, Key: storage, Network: view.Network(), Log: slog.New(slog.DiscardHandler)})
		ok(err)
		stores, authors = append(stores, s), append(authors, k)
	}
	heads := stores[0].Heads()
	ends := make([]wire.Next, len(authors))
	for i, k := range authors {
		right, _ := view.Right(k.Public())
		ends[i] = heads[k.Public()].Next(right.First)
	}
	gen, now := synth.New(3), time.Now().Truncate(time.Second)
	type form struct {
		body    []byte
		expires ct.Millis
	}
	forms := make([]form, 2000) // a body is signed again under another salt
	for i := range forms {
		note := gen.Notification(ct.TopicTravel, now)
		until, err := time.Parse(time.RFC3339Nano, note.Retention.Expires)
		ok(err)
		body, err := wire.EncodeNotification(note)
		ok(err)
		forms[i] = form{body, ct.MillisOf(until)}
	}
	for done := 0; done < records; {
		batch := min(4096, records-done)
		i := done / 4096 % len(authors)
		var recs []verify.Record
		raws := make([][]byte, batch)
		for b := range raws {
			h := sim.Header(view.Network(), authors[i].Public(), ct.TopicTravel, now)
			body := forms[(done+b)%len(forms)].body
			h.Expires = forms[(done+b)%len(forms)].expires
			salt := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(done+b)))
			h.Commit, h.BodySize = wire.Commit(salt[:], body), uint32(len(body))
			ends[i].Put(&h, view.Line(h.Log))
			header := wire.EncodeHeader(&h)
			sig, err := authors[i].Sign(keys.ContextRecord, view.Network(), header)
			ok(err)
			raws[b] = wire.Encode(&wire.Envelope{HeaderBytes: header, Alg: keys.AlgEd25519, Sig: sig, Salt: salt[:], Body: body})
			ends[i] = h.After(wire.ID(view.Network(), header), len(header))
		}
		// As catch-up takes them: one signature of a range is checked now.
		recs, err = verify.OpenRange(raws, view, now.Add(time.Minute))
		ok(err)
		if why := recs[0].Inadmissible(); why != "" {
			t.Fatalf("a record is inadmissible: %s", why)
		}
		for _, s := range stores {
			_, err := s.Append(recs)
			ok(err)
		}
		done += batch
	}
	for _, s := range stores {
		ok(s.Close())
	}
	_, _, err = testnet.Up(ctx, testnet.Options{Dir: filepath.Dir(n.Nodes[0].Data), Nodes: len(n.Nodes), Seed: 7, Binary: n.Binary})
	ok(err)
}

// sameHeld waits until all nodes hold the same number of records.
func sameHeld(t *testing.T, n *testnet.Net) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		var held []string
		for _, i := range n.Nodes {
			res, err := api.NewClient(i.Socket()).Status(ctx, connect.NewRequest(&apiv1.StatusRequest{}))
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, fmt.Sprint(res.Msg.Records))
		}
		// The founding records and an address statement of each.
		if want := fmt.Sprint(2 * len(n.Nodes)); !slices.ContainsFunc(held, func(h string) bool { return h != want }) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the nodes hold %v records", held)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
