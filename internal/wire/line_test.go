package wire_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

func TestLine(t *testing.T) {
	const day = 86_400_000
	for _, x := range []struct {
		rate uint64
		age  ct.Millis
		want uint64
	}{
		{32 << 20, 0, 0},
		{32 << 20, -5, 0},
		{32 << 20, day, 32 << 20},
		{32 << 20, day - 1, 32<<20 - 1},
		{32 << 20, 1, 0},
		{32 << 20, 3, 1},
		{1, day - 1, 0},
		{1 << 40, 400 * day, 400 << 40},
		{1 << 40, math.MaxInt64 - 1000, 1 << 62},
		{math.MaxUint64, math.MaxInt64 - 1000, 1 << 62},
		{0, math.MaxInt64 - 1000, 0},
	} {
		if got := (wire.Line{Since: 1000, Rate: x.rate}).At(1000 + x.age); got != x.want {
			t.Errorf("%+v: %d", x, got)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 20_000 {
		l := wire.Line{Since: ct.Millis(r.Int64N(1 << 42)), Rate: max(1, r.Uint64()>>r.IntN(64))}
		age := r.Int64() >> r.IntN(63) >> 1
		want := new(big.Int).Mul(new(big.Int).SetUint64(l.Rate), big.NewInt(age))
		if want.Div(want, big.NewInt(day)); want.Cmp(big.NewInt(1<<62)) > 0 {
			want.SetInt64(1 << 62)
		}
		if got := l.At(l.Since + ct.Millis(age)); got != want.Uint64() {
			t.Fatalf("%+v, age %d: %d, want %d", l, age, got, want)
		}
		// It reaches so many bytes at the first such time.
		bytes := r.Uint64() >> r.IntN(64)
		at := l.Reaches(bytes)
		if at == math.MaxInt64 {
			continue
		}
		if l.At(at) < bytes || at > l.Since && l.At(at-1) >= bytes {
			t.Fatalf("%+v reaches %d at %d: %d then, %d before", l, bytes, at, l.At(at), l.At(at-1))
		}
	}
}
