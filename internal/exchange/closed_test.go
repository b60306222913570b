package exchange_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// A peer that is asked for the end of a closed log serves what it likes:
// records of the other branch, a chain that does not hold, another way forward
// than back. Nothing of it is stored, and an honest peer brings the branch that
// holds. Who holds another branch does nothing wrong; a chain that does not hold
// is in nobody's store.
func TestLyingAboutAClosedLog(t *testing.T) {
	broken := func(good, bad [][]byte) [][]byte { return append(append([][]byte{}, bad[:6]...), good[6:]...) }
	for name, tt := range map[string]struct {
		serve func(turn int, good, bad [][]byte) [][]byte // the log as it is shown at each turn
		blame float64
	}{
		"the other branch": {func(_ int, _, bad [][]byte) [][]byte { return bad }, 0},
		"nothing":          {func(int, [][]byte, [][]byte) [][]byte { return nil }, 0},
		"a broken chain":   {func(_ int, good, bad [][]byte) [][]byte { return broken(good, bad) }, 1},
		"another way forward": {func(turn int, good, bad [][]byte) [][]byte {
			if turn < 2 {
				return good
			}
			return bad
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 4, func(t *testing.T, b *cluster) {
				log := b.log(2)
				common := b.write(2, 3, nil, "common")
				good := append(common[:3:3], b.write(2, 5, &common[2], "good")...)
				bad := append(common[:3:3], b.write(2, 5, &common[2], "bad")...)
				c := ct.Closing{Log: log, Seq: 8, ID: good[7].ID(), Reason: "forked"}
				_, _, closed, err := b.members.View.SignOperation(b.members.Roots[2], roster.Operation{Closing: &c}, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				right, _ := closed.Right(log)
				var view atomic.Pointer[roster.View]
				view.Store(b.members.View)
				var turns atomic.Int64
				e := b.evil(1, func(s conn) {
					s.receive()
					s.send(hello(1, 0))
					if m := s.receive(); m == nil || m.Frontier == nil {
						return
					}
					s.send(frontier())
					for turn := 0; ; turn++ {
						m := s.receive()
						if m == nil || m.Want == nil || len(m.Want.Ranges) != 1 {
							return
						}
						turns.Add(1)
						out, r := tt.serve(turn, raws(good), raws(bad)), m.Want.Ranges[0]
						if out != nil {
							out = out[r.From-1 : r.From-1+r.Count]
						}
						s.send(&wire.SyncMessage{Records: &wire.SyncRecords{Records: out, Last: true}})
					}
				})
				x := b.start(0, func(c *sim.StackConfig) { c.View = view.Load })
				b.put(x, bad[:7])
				view.Store(closed)
				if err := x.Ingest.CloseLog(b.ctx, log, *right.Closing); err != nil {
					t.Fatal(err)
				}
				_ = e.dial(x).Close() // it is connected now, and asked
				b.until("the peer was asked", time.Minute, func() bool { return turns.Load() > 0 })
				time.Sleep(10 * time.Second)
				for seq := uint64(4); seq <= 8; seq++ {
					if id, _, ok, _ := x.Store.Lookup(log, seq); ok && seq == 8 || ok && id != bad[seq-1].ID() {
						t.Errorf("record %d was stored", seq)
					}
				}
				if got := b.size(0, log); got != 7 && got != 3 {
					t.Errorf("%d records are held", got)
				}
				if got := x.Counter("herald_sync_pulls_total", "result", "peer"); got != tt.blame {
					t.Errorf("the peer was blamed %v times, want %v", got, tt.blame)
				}
				h := b.start(3, func(c *sim.StackConfig) { c.View = func() *roster.View { return closed } }, 0)
				if err := h.Ingest.SubmitProved(b.ctx, good); err != nil {
					t.Fatal(err)
				}
				b.until("the branch that holds", 5*time.Minute, func() bool {
					head, _ := x.Store.Head(log)
					return head.Size == 8 && head.ID == c.ID && head.Closed && head.Contested == 0
				})
			})
		})
	}
}
