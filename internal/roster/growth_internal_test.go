package roster

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/herald-net/herald/node/ct"
)

func TestRoom(t *testing.T) {
	for _, x := range []struct {
		burst, rate uint64
		age         ct.Millis
		want        uint64
	}{
		{64 << 20, 32 << 20, 0, 64 << 20},
		{64 << 20, 32 << 20, -5, 64 << 20},
		{64 << 20, 32 << 20, day, 96 << 20},
		{64 << 20, 32 << 20, day - 1, 96<<20 - 1},
		{0, 1, day - 1, 0},
		{1 << 50, 1 << 50, 400 * day, 401 << 50},
		{1 << 50, 1 << 50, math.MaxInt64, math.MaxUint64},
		{math.MaxUint64, 1, day, math.MaxUint64},
	} {
		if got := room(x.burst, x.rate, x.age); got != x.want {
			t.Errorf("%+v: %d", x, got)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 20_000 {
		burst, rate, age := r.Uint64()>>r.IntN(64), max(1, r.Uint64()>>r.IntN(64)), ct.Millis(r.Int64()>>r.IntN(63))
		want := new(big.Int).Mul(new(big.Int).SetUint64(rate), big.NewInt(int64(age)))
		want.Add(want.Div(want, big.NewInt(day)), new(big.Int).SetUint64(burst))
		if !want.IsUint64() {
			want.SetUint64(math.MaxUint64)
		}
		if got := room(burst, rate, age); got != want.Uint64() {
			t.Fatalf("burst %d, rate %d, age %d: %d, want %d", burst, rate, age, got, want)
		}
		// The time at which there is room is the first one.
		v := &View{policy: Policy{LogBurst: burst, LogRate: rate}}
		right, bytes := Right{NotBefore: ct.Millis(r.Int64N(1 << 42))}, r.Uint64()>>r.IntN(64)
		at := v.Filled(right, bytes)
		if at == math.MaxInt64 {
			continue
		}
		if v.Room(right, at) < bytes || at > right.NotBefore && v.Room(right, at-1) >= bytes {
			t.Fatalf("burst %d, rate %d: %d bytes at %d: room %d then, %d before", burst, rate, bytes, at, v.Room(right, at), v.Room(right, at-1))
		}
	}
}
