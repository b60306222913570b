package testnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
)

// Report is what Check found. Breaks is empty when every invariant holds.
type Report struct {
	Nodes     int // that run and were asked
	Records   int // that each of them holds
	Verified  int // records whose signature was checked, over all nodes
	Retracted int // that no node shows
	Breaks    []string
}

// ErrBroken tells that an invariant does not hold.
var ErrBroken = errors.New("an invariant is broken")

// Err is nil when all invariants hold.
func (r Report) Err() error {
	if len(r.Breaks) == 0 {
		return nil
	}
	return fmt.Errorf("%s (%d in all): %w", r.Breaks[0], len(r.Breaks), ErrBroken)
}

// maxBreaks bounds a report: more of the same says nothing new.
const maxBreaks = 20

func (r *Report) broken(format string, args ...any) {
	if len(r.Breaks) < maxBreaks {
		r.Breaks = append(r.Breaks, fmt.Sprintf(format, args...))
	}
}

// Check asks every running node for all it holds and checks what must be true
// of a network that has come to rest: all hold the same records; every record is signed by a
// log of the genesis, as this process computes it from the record's bytes; and
// what was retracted is readable nowhere.
func (n *Net) Check(ctx context.Context) (Report, error) {
	var r Report
	view, err := n.roster(time.Now())
	if err != nil {
		return r, err
	}
	nodes := n.running()
	if len(nodes) == 0 {
		return r, fmt.Errorf("check: no node runs")
	}
	// What was published a moment ago may still be on its way.
	if err := n.waitSame(ctx, nodes); errors.Is(err, errDiffer) {
		r.broken("%v", err)
	} else if err != nil {
		return r, err
	}
	for _, i := range nodes {
		entries, err := i.entries(ctx, 0)
		if err != nil {
			return r, err
		}
		r.Nodes++
		r.Records = len(entries)
		hidden, err := i.check(ctx, &r, view, entries)
		if err != nil {
			return r, err
		}
		r.Retracted = hidden
	}
	return r, nil
}

// check looks at every record of one node and tells how many are hidden.
func (i Instance) check(ctx context.Context, r *Report, view *roster.View, entries []*apiv1.Entry) (hidden int, err error) {
	retracted := map[string]bool{}
	for _, e := range entries {
		if e.Kind == ct.KindRetract.String() {
			for _, ref := range e.Refs {
				retracted[ref.Id] = true
			}
		}
	}
	client := i.api
	for _, e := range entries {
		res, err := client.Record(ctx, connect.NewRequest(&apiv1.RecordRequest{Id: e.Id}))
		if err != nil {
			return hidden, fmt.Errorf("%s: record %s: %w", i.Name, short(e.Id), err)
		}
		rec, err := verify.Open(res.Msg.Record, view, time.Now())
		switch {
		case err != nil:
			r.broken("%s: record %s is not in order: %v", i.Name, short(e.Id), err)
			continue
		case rec.ID().String() != e.Id:
			r.broken("%s: record %s has the bytes of %s", i.Name, short(e.Id), rec.ID().Short())
		case e.Readable && !rec.HasBody():
			r.broken("%s: record %s is readable without a body", i.Name, short(e.Id))
		}
		r.Verified++
		if !retracted[e.Id] {
			continue
		}
		hidden++
		got, err := client.Get(ctx, connect.NewRequest(&apiv1.GetRequest{Id: e.Id}))
		if err != nil {
			return hidden, fmt.Errorf("%s: get %s: %w", i.Name, short(e.Id), err)
		}
		if got.Msg.Entry.Readable || got.Msg.Entry.Content != nil || e.Readable || rec.HasBody() {
			r.broken("%s: record %s was retracted and is still readable", i.Name, short(e.Id))
		}
	}
	return hidden, nil
}

// difference names the first record that one of the nodes holds and another
// lacks; empty: all hold the same.
func (n *Net) difference(ctx context.Context, nodes []Instance) (string, error) {
	var first map[string]bool
	for k, i := range nodes {
		entries, err := i.entries(ctx, 0)
		if err != nil {
			return "", err
		}
		ids := make(map[string]bool, len(entries))
		for _, e := range entries {
			ids[e.Id] = true
		}
		if len(ids) != len(entries) {
			return fmt.Sprintf("%s lists a record twice", i.Name), nil
		}
		if k == 0 {
			first = ids
			continue
		}
		for id := range ids {
			if !first[id] {
				return fmt.Sprintf("%s holds %s, %s lacks it", i.Name, short(id), nodes[0].Name), nil
			}
		}
		for id := range first {
			if !ids[id] {
				return fmt.Sprintf("%s holds %s, %s lacks it", nodes[0].Name, short(id), i.Name), nil
			}
		}
	}
	return "", nil
}

// roster is who may speak by the genesis alone: no node is asked. Every node
// must have joined by this very genesis.
func (n *Net) roster(now time.Time) (*roster.View, error) {
	raw, err := os.ReadFile(filepath.Join(n.dir, fileGenesis))
	if err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	for _, i := range n.Nodes {
		own, err := os.ReadFile(filepath.Join(i.Data, node.FileGenesis))
		if err != nil {
			return nil, fmt.Errorf("check: %w", err)
		}
		if !bytes.Equal(own, raw) {
			return nil, fmt.Errorf("check: %s has joined by another genesis", i.Name)
		}
	}
	view, _, err := node.OpenGenesis(raw, now)
	if err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	return view, nil
}

func short(id string) string { return id[:min(8, len(id))] }
