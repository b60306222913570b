package exchange_test

import (
	"bufio"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/wire"
)

// A malformed match request is answered and counted, and what is no frame is
// not: both are what no honest node sends, and put a node out that goes on so.
func TestMalformedMatch(t *testing.T) {
	for name, tt := range map[string]struct {
		raw      []byte
		answered bool
	}{
		"not a request": {wire.AppendFrame(nil, []byte("who?")), true},
		"not a frame":   {[]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(t *testing.T, b *cluster) {
				x := b.start(0, func(c *sim.StackConfig) { c.Answer = echo })
				e := b.evil(1, nil)
				for i := range 5 {
					if _, out := x.Host.Quarantined(b.log(1)); out {
						t.Fatalf("put out after %d", i)
					}
					s := e.openMatch(x)
					_ = s.SetDeadline(time.Now().Add(time.Minute))
					if _, err := s.Write(tt.raw); err != nil {
						t.Fatal(err)
					}
					if _, err := wire.ReadFrame(bufio.NewReader(s), 1000); (err == nil) != tt.answered && i < 4 {
						t.Errorf("answer %d: %v", i, err)
					}
					_ = s.Close()
					time.Sleep(time.Second)
				}
				if _, out := x.Host.Quarantined(b.log(1)); !out {
					t.Error("five of these, and it is not put out")
				}
			})
		})
	}
}
