package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"golang.org/x/sync/errgroup"
)

// shape is a kind of record with which a member may try to fill a disk that the
// growth rule counts too little for.
type shape struct {
	name string
	part int  // one record for each so many of the records asked for
	root bool // of a root log
	bare bool // its body is kept back
	kind ct.Kind
	body func(rng *rand.Rand) ([]byte, error)
	refs int
}

// growthLogs are the logs of one State: its records come in by turns, as those of
// eight nodes do.
const growthLogs = roster.MaxNodes

func noise(n int) func(*rand.Rand) ([]byte, error) {
	return func(rng *rand.Rand) ([]byte, error) {
		b := make([]byte, n, n+8)
		for i := 0; i < n; i += 8 {
			binary.LittleEndian.PutUint64(b[i:i+8:i+8], rng.Uint64())
		}
		return b, nil
	}
}

func (net *network) shapes() ([]shape, error) {
	forms, err := net.forms()
	if err != nil {
		return nil, err
	}
	sound := func(rng *rand.Rand) ([]byte, error) { return forms[rng.IntN(len(forms))].body, nil }
	names := func(many, words int) func(*rand.Rand) ([]byte, error) {
		return func(rng *rand.Rand) ([]byte, error) {
			n := synth.New(net.seed).Notification(ct.TopicTravel, time.Now())
			n.Person.Names, n.Person.Documents = nil, nil
			for i := range many {
				kind := ct.NameAlias
				if i == 0 {
					kind = ct.NamePrimary
				}
				full := make([]string, words)
				for j := range full {
					full[j] = letters(rng)
				}
				n.Person.Names = append(n.Person.Names, ct.Name{Kind: kind, Full: strings.Join(full, " "), Quality: "good"})
			}
			return wire.EncodeNotification(n)
		}
	}
	return []shape{
		{name: "header", part: 1, bare: true, kind: ct.KindAck, body: noise(0)},
		{name: "empty", part: 1, kind: ct.KindAck, body: noise(0)},
		{name: "tiny", part: 1, kind: ct.KindNotification, body: noise(8)},
		{name: "notification", part: 2, kind: ct.KindNotification, body: sound},
		{name: "4-words", part: 4, kind: ct.KindNotification, body: names(1, 4)},
		{name: "64-words", part: 10, kind: ct.KindNotification, body: names(4, 16)},
		{name: "256-words", part: 20, kind: ct.KindNotification, body: names(16, 16)},
		{name: "64-names", part: 20, kind: ct.KindNotification, body: names(ct.MaxNames, 4)},
		{name: "3KiB", part: 10, kind: ct.KindAck, body: noise(3 << 10)},
		{name: "17KiB", part: 40, kind: ct.KindAck, body: noise(17 << 10)},
		{name: "64-refs", part: 10, bare: true, kind: ct.KindRetract, body: noise(0), refs: wire.MaxRefs},
		{name: "root", part: 10, root: true, kind: ct.KindDelegation, body: noise(8)},
	}, nil
}

func letters(rng *rand.Rand) string {
	b := make([]byte, 4) // a million words: shorter ones repeat, longer ones count for more
	for i := range b {
		b[i] = 'A' + byte(rng.IntN(26))
	}
	return string(b)
}

// growthBench says what of a node's disk one member can take: of each shape, what
// it costs beside what the growth rule counts for it, and what that makes of the
// policy's numbers.
func growthBench(ctx context.Context, o Options, out func(Result) error) error {
	shapes, err := (&network{seed: o.Seed}).shapes()
	if err != nil {
		return err
	}
	worst := map[bool]float64{}
	for i, s := range shapes {
		o.Progress("shapes", i, len(shapes))
		cost, counted, err := s.measure(ctx, o)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		worst[s.root] = max(worst[s.root], cost/counted)
		if err := all(out, Result{Name: "growth." + s.name, Value: cost, Unit: fmt.Sprintf("bytes on disk a record that counts for %.0f", counted)},
			atMost("growth."+s.name+".share", cost/counted, "of what it counts for", 1)); err != nil {
			return err
		}
	}
	o.Progress("shapes", len(shapes), len(shapes))
	p := roster.DefaultPolicy()
	burst, rate := float64(p.LogBurst)*worst[false]/1e6, float64(p.LogRate)*worst[false]/1e6
	rootBurst, rootRate := float64(roster.RootBurst)*worst[true]/1e6, float64(roster.RootRate)*worst[true]/1e6
	forks := 2 * float64(wire.MaxRecord) / 1e6 // one proof a log, once
	return all(out,
		atMost("growth.key.day", rate, "MB on disk, each day", 50),
		Result{Name: "growth.key.worst-day", Value: burst + rate + forks, Unit: "MB on disk, a day after an idle one"},
		Result{Name: "growth.state.day", Value: growthLogs*rate + rootRate, Unit: "MB on disk, each day, eight nodes and the root key"},
		Result{Name: "growth.state.worst-day", Value: growthLogs*(burst+rate+forks) + rootBurst + rootRate + forks, Unit: "MB on disk, a day after an idle one"},
	)
}

// measure stores and indexes records of the shape and tells what one costs on the
// disk and what it counts for.
func (s *shape) measure(ctx context.Context, o Options) (cost, counted float64, err error) {
	net, err := newNetwork(growthLogs, o.Seed)
	if err != nil {
		return 0, 0, err
	}
	b, err := newBed(ctx, o, net)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	x, err := index.Open(index.Config{Path: filepath.Join(b.dir, "index.db"), Key: [32]byte{3}})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	authors := net.nodes
	if s.root {
		authors = nil
		for i, a := range net.nodes {
			root := &author{key: keyOf(net.seed, "root", i), state: a.state, issued: a.issued}
			root.at, _ = net.view.RootNext(root.key.Public())
			authors = append(authors, root)
		}
	}
	before, err := allocated(b.dir)
	if err != nil {
		return 0, 0, err
	}
	const turn = 32 // records of a log, which one signature proves
	rng := rand.New(rand.NewPCG(o.Seed, 5))
	n := max(o.Records/s.part/growthLogs/turn, 1) * turn
	if s.root {
		n = min(n, 7*turn) // what the rule lets in at once
	}
	for range n / turn {
		var recs []verify.Record
		for _, a := range authors {
			raws := make([][]byte, turn)
			for i := range raws {
				a.bare = i < turn-1
				if raws[i], err = s.next(net, a, rng); err != nil {
					return 0, 0, err
				}
			}
			opened, err := verify.OpenRange(raws, net.view, time.Now())
			if err != nil {
				return 0, 0, err
			}
			recs = append(recs, opened...)
		}
		if _, err := b.store.Append(recs); err != nil {
			return 0, 0, err
		}
		for _, r := range recs {
			counted += float64(r.Header().Size(len(r.HeaderBytes())))
		}
	}
	if err := indexed(ctx, x, b.store); err != nil {
		return 0, 0, err
	}
	after, err := allocated(b.dir)
	total := float64(n * growthLogs)
	return float64(after-before) / total, counted / total, err
}

func (s *shape) next(net *network, a *author, rng *rand.Rand) ([]byte, error) {
	body, err := s.body(rng)
	if err != nil {
		return nil, err
	}
	f := form{body: body, topic: ct.TopicTravel, kind: s.kind, bare: s.bare}
	if s.kind != ct.KindNotification && s.kind != ct.KindRetract {
		f.topic = ct.TopicControl
	}
	for range s.refs {
		id, _ := noise(32)(rng)
		f.refs = append(f.refs, ct.Ref{Log: a.key.Public(), Seq: rng.Uint64(), ID: ct.ID(id)})
	}
	return a.sign(net, &f, rng)
}

// indexed has an index follow a store to its end.
func indexed(ctx context.Context, x *index.Index, s *store.Store) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, following := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := x.Follow(following, source(s)); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
	err := x.Reach(following, index.Cursors{Store: s.Last()})
	stop()
	return errors.Join(g.Wait(), err)
}

// allocated is what the files of a directory take on the disk.
func allocated(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, os.ErrNotExist) {
			return nil // a journal of a commit that has ended
		}
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			n += st.Blocks * 512
			return nil
		}
		n += info.Size()
		return nil
	})
	return n, err
}
