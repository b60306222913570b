package node_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	"github.com/prometheus/client_golang/prometheus"
)

// A record of a root log that came without its content stops that State's log:
// the alarm names both, also after a start, and the content is asked of whoever
// comes. Other States' logs go on.
func TestWithheldRootRecord(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Hour)
		defer cancel()
		dirs, roots := foundedBy(t, 4, roster.DefaultPolicy())
		net := sim.New(1)
		defer net.Close()

		// Node 1 holds the whole of a closing and is off again.
		whole := startSimulated(t, net, dirs, 1, dirs[1])
		log := loadNodeKey(t, dirs[2]).Public()
		right, _ := whole.View().Right(log)
		_, v := offline(t, whole)
		raw, _, _, err := v.SignOperation(roots[2], roster.Operation{Closing: &ct.Closing{Log: log, ID: right.First, Reason: "compromised"}}, time.Now())
		must(t, err)
		got, err := whole.RosterSubmit(ctx, raw)
		must(t, err)
		whole.close()

		// Node 0 is given its header alone.
		e, err := wire.Decode(raw)
		must(t, err)
		e.Salt, e.Body = nil, nil
		n := startSimulated(t, net, dirs, 0, dirs[0])
		must(t, n.Submit(ctx, wire.Encode(e)))
		alarm := fmt.Sprintf("the root log of %s waits for the content of record %d", states[2], got.Seq)
		alarmed := func() bool { return strings.Contains(strings.Join(n.Status().Alarms, "; "), alarm) }
		until(ctx, t, "the alarm", alarmed)
		n.close()
		n = startSimulated(t, net, dirs, 0, dirs[0])
		defer func() { n.close() }()
		until(ctx, t, "the alarm after a start", alarmed)
		if !n.View().Live(log, time.Now()) {
			t.Fatal("a closing counts without its content")
		}
		other := loadNodeKey(t, dirs[3]).Public()
		right, _ = n.View().Right(other)
		act(ctx, t, n, roots[3], roster.Operation{Closing: &ct.Closing{Log: other, ID: right.First, Reason: "lost"}})
		if n.View().Live(other, time.Now()) || !alarmed() {
			t.Error("another State's closing waits too")
		}

		whole = startSimulated(t, net, dirs, 1, dirs[1])
		defer whole.close()
		until(ctx, t, "the closing counts", func() bool { return !n.View().Live(log, time.Now()) })
		until(ctx, t, "the alarm ends", func() bool { return !alarmed() })
	})
}

// order is a log handler that keeps the root logs of which records had no effect,
// in turn.
type order struct {
	slog.Handler
	mu     sync.Mutex
	states []string
}

func (o *order) Enabled(context.Context, slog.Level) bool { return true }

func (o *order) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "a record of a root log does not change the roster" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "state" {
				o.mu.Lock()
				o.states = append(o.states, a.Value.String())
				o.mu.Unlock()
			}
			return true
		})
	}
	return nil
}

// A long root log takes its turn with the others: at a start too, where all that is
// held is read again, no State waits for the end of another's.
func TestRootLogsTakeTurns(t *testing.T) {
	dirs, roots := foundedBy(t, 3, roster.DefaultPolicy())
	n := start(t, node.Config{Dir: dirs[2]})
	defer func() { n.close() }()
	const long, short = node.RootStep + 2, 2 // a root log has room for little more
	unknown, err := wire.EncodeRenewal(&ct.Renewal{Node: ct.LogID{9}, NotAfter: 1 << 50})
	must(t, err)
	members := n.View().Members()
	for i, m := range members[:2] { // the long one comes first
		key := roots[slices.IndexFunc(roots, func(k *keys.Key) bool { return k.Public() == m.Root })]
		x := rootOf(t, n.View(), key)
		var raws [][]byte
		for range []int{long, short}[i] {
			raws = append(raws, x.sign(uint32(ct.KindRenewal), unknown))
		}
		must(t, n.Submit(context.Background(), raws...))
	}
	n.close()
	seen := &order{Handler: slog.DiscardHandler}
	ctx, stop := context.WithCancel(context.Background())
	again, err := node.New(ctx, node.Config{Dir: dirs[2], NoAPI: true, Log: slog.New(seen), Registry: prometheus.NewRegistry()})
	must(t, err)
	stop()
	must(t, again.Close())
	first := slices.Index(seen.states, string(members[1].State))
	if len(seen.states) != long+short || first < 0 || first > node.RootStep {
		t.Errorf("%s came behind %d records of %s, of %d; a turn has %d", members[1].State, first, members[0].State, len(seen.states), node.RootStep)
	}
	n = start(t, node.Config{Dir: dirs[2]})
}
