package exchange_test

import (
	"testing"
	"time"

	"github.com/herald-net/herald/internal/verify"
)

// Nodes hold branches of a log that leave each other far below their ends, or
// have heard of the fork before they had what comes before it, and restart. In
// the end all know the lowest fork, hold the same below it, and have nothing
// more to say to each other.
func TestLowestFork(t *testing.T) {
	for name, held := range map[string][3][2]int{ // by node: records of the trunk, then of a branch of its own
		"long branches":     {{10, 40}, {10, 25}, {10, 0}},
		"three branches":    {{30, 5}, {30, 9}, {3, 20}},
		"one is far behind": {{30, 5}, {30, 9}, {1, 0}},
		"from the first":    {{0, 5}, {0, 9}, {0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 4, func(t *testing.T, b *cluster) {
				trunk := b.write(3, 30, nil, "trunk")
				lowest := uint64(1 << 40)
				for i, h := range held {
					recs := trunk[:h[0]:h[0]]
					var last *verify.Record
					if h[0] > 0 {
						last = &trunk[h[0]-1]
					}
					if h[1] > 0 {
						recs = append(recs, b.write(3, h[1], last, "branch "+string(rune('a'+i)))...)
						lowest = min(lowest, uint64(h[0]+1))
					}
					boot := []int{0, 1}[:min(i, 2)]
					b.put(b.start(i, nil, boot...), recs)
				}
				log := b.log(3)
				agreed := func() bool {
					digest, _ := b.nodes[0].Exchange.Holdings()
					for _, s := range b.nodes[:3] {
						h, _ := s.Store.Head(log)
						if d, _ := s.Exchange.Holdings(); d != digest || h.Contested != lowest || h.Size+1 < lowest {
							return false
						}
					}
					return true
				}
				b.until("agreed", 10*time.Minute, agreed)
				for i, h := range held {
					got, want := b.size(i, log), max(uint64(h[0]+h[1]), lowest-1)
					if got != want && (h[1] > 0 || got < want) { // without a branch of its own it may have followed another
						t.Errorf("node %d holds %d records, want %d: what it had, and all below the fork", i, got, want)
					}
				}
				b.stop(2)
				b.start(2, nil, 0, 1)
				b.until("agreed after a restart", 10*time.Minute, agreed)
				for i, s := range b.nodes[:3] {
					if got := s.Counter("herald_sync_pulls_total", "result", "peer"); got != 0 {
						t.Errorf("node %d blamed an honest one %v times", i, got)
					}
				}
			})
		})
	}
}
