package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// BenchmarkUpkeep lets a day of upkeep pass over a store of HERALD_UPKEEP records
// (20,000), of which a thirtieth expires that day, and tells how many bytes it
// wrote, beside what a store of a million may; and how long one who appends waits
// while 10,000 bodies are erased at once.
func BenchmarkUpkeep(b *testing.B) {
	records := 20_000
	if text := os.Getenv("HERALD_UPKEEP"); text != "" {
		var err error
		if records, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		upkeepDay(b, records)
	}
}

const upkeepDays = 30

func upkeepDay(b *testing.B, records int) {
	ctx := b.Context()
	ok := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	begin := time.Now().UTC().Truncate(time.Hour)
	m, err := sim.NewMembersUnder(roster.Policy{LogBurst: 1 << 45}, 8, 1, begin.Add(-time.Hour))
	ok(err)
	dir := b.TempDir()
	s := store.Config{Dir: dir, Key: keys.Storage{1}, Network: m.View.Network(), Log: slog.New(slog.DiscardHandler)}
	ok(store.Create(s))
	st, err := store.Open(s)
	ok(err)
	defer func() { ok(st.Close()) }()
	x, err := index.Open(index.Config{Path: filepath.Join(dir, "index.db"), Key: [32]byte{2}})
	ok(err)
	defer func() { ok(x.Close()) }()
	founding, err := m.Founding(begin)
	ok(err)
	_, err = st.Append(founding)
	ok(err)

	gen, next := synth.New(1), make([]wire.Next, len(m.Nodes))
	sign := func(i int, expires time.Time) verify.Record {
		k := m.Nodes[i%len(m.Nodes)]
		right, _ := m.View.Right(k.Public())
		at := &next[i%len(next)]
		if at.Seq == 0 {
			*at = wire.Next{Seq: 1, Prev: right.First}
		}
		body, err := wire.EncodeNotification(gen.Notification(ct.TopicTravel, begin))
		ok(err)
		h := sim.Header(m.View.Network(), k.Public(), ct.TopicTravel, begin)
		h.Kind, h.Expires = uint32(ct.KindNotification), ct.MillisOf(expires)
		at.Put(&h, right.Growth.Line)
		rec, err := sim.Sign(k, m.View, h, body)
		ok(err)
		*at = rec.Next()
		return rec
	}
	const part = 1000
	for i := 0; i < records; i += part {
		recs := make([]verify.Record, part)
		for j := range recs { // in the order of nothing: what expires together lies apart
			of := (i + j) * 7919 % records
			recs[j] = sign(i+j, begin.Add(upkeepDays*24*time.Hour/time.Duration(records)*time.Duration(of)))
		}
		_, err := st.Append(recs)
		ok(err)
	}
	following, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- x.Follow(following, index.Source{
			Wait: st.Wait, Read: st.Read, Hidden: st.Hidden,
			Lists:     func(after uint64, _ int) ([]index.Change, uint64, error) { return nil, after, nil },
			WaitLists: func(ctx context.Context, _ uint64) error { <-ctx.Done(); return ctx.Err() },
		})
	}()
	ok(x.Reach(ctx, index.Cursors{Store: st.Last()}))
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		ok(err)
	}

	n := &Node{cfg: Config{Log: slog.New(slog.DiscardHandler)}, store: st, index: x}
	pace := newPace(begin)
	before := written(b)
	for hour := range 24 {
		now := begin.Add(time.Duration(hour+1) * time.Hour)
		ok(n.eraseExpired(ctx, now))
		_, err := n.eraseTraces(ctx, now, pace, false)
		ok(err)
	}
	day := written(b) - before
	erased, _, err := st.Garbage()
	ok(err)
	before = written(b)
	ok(st.CompactBodies())
	// Bodies are compacted when one record in garbageShare is erased, or after garbageAge.
	every := max(24*time.Hour, min(garbageAge, upkeepDays*24*time.Hour/garbageShare))
	compaction := float64(written(b)-before) * float64(24*time.Hour) / float64(every)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(erased), "erased")
	b.ReportMetric((float64(day)+compaction)/1e6, "MB/day")
	b.ReportMetric(compaction/1e6, "MB/day-compacting")

	// The longest that one who appends waits, alone and beside the erasure.
	refs, err := x.DueExpiries(begin.Add(upkeepDays*24*time.Hour), 10_000)
	ok(err)
	longest := func(until func()) time.Duration {
		var over atomic.Bool
		done := make(chan struct{})
		go func() { defer close(done); until(); over.Store(true) }()
		var most time.Duration
		for i := 0; !over.Load(); i++ {
			rec := sign(i, begin.Add(time.Hour*24*60))
			at := time.Now()
			_, err := st.Append([]verify.Record{rec})
			ok(err)
			most = max(most, time.Since(at))
		}
		<-done
		return most
	}
	alone := longest(func() { <-time.After(3 * time.Second) })
	var failed error
	beside := longest(func() { failed = st.Entomb(refs, store.BodyExpired) })
	ok(failed)
	b.ReportMetric(float64(len(refs)), "erased-at-once")
	b.ReportMetric(float64(alone.Microseconds())/1e3, "ms-longest-append-alone")
	b.ReportMetric(float64(beside.Microseconds())/1e3, "ms-longest-append-beside-erasing")
	b.Logf("targets for 1,000,000 records: 2,000 MB/day, 50 ms")
}

// written is what this process has had written to disks.
func written(b *testing.B) int64 {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Skipf("bytes written are not counted here: %v", err)
	}
	for line := range strings.Lines(string(raw)) {
		var n int64
		if _, err := fmt.Sscanf(line, "write_bytes: %d", &n); err == nil {
			return n
		}
	}
	b.Skip("/proc/self/io has no write_bytes")
	return 0
}
