package roster_test

import (
	"testing"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
)

// The time at which there is room for a record is the first one.
func TestFilled(t *testing.T) {
	g := roster.Growth{Line: wire.Line{Since: 5000, Rate: 86_400_000}, Burst: 1000} // a byte a millisecond
	for bytes, want := range map[uint64]int64{0: 5000, 1000: 5000, 1001: 5001, 1500: 5500} {
		at := g.Filled(bytes)
		if int64(at) != want || g.Room(at) < bytes || want > 5000 && g.Room(at-1) >= bytes {
			t.Errorf("%d bytes: room at %d, want %d", bytes, at, want)
		}
	}
}
