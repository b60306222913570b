package gossip

import (
	"hash/maphash"
	"sync"
	"time"
)

// An honest node passes a message on once while it remembers it, and gives it
// three times more to who asks. Who sends the same bytes again and again costs
// the reading and decrypting of them, which is most of what a flood costs: to
// cut its messages is not enough.
const (
	repeatsMax   = 8  // copies of one message from one peer within seenTTL
	copiesMax    = 16 // messages of one seq of a log: takenMax, each as often as a message, and once more after a restart
	repeatFaults = 64 // of either, beyond that which a peer is forgiven, an hour
	repeatSlots  = 1 << 12
)

// repeats counts what came lately from one peer, by keyed hash. Two that meet in
// a slot forget each other, so that a count may be too small and not too great.
type repeats struct {
	mu    sync.Mutex
	seed  maphash.Seed
	slots []repeat // made with the first message
	epoch time.Time
}

type repeat struct {
	print uint32
	since uint32 // seconds after epoch
	count uint32
}

// more counts one more of the same and tells whether it is one too many.
func (r *repeats) more(topic string, data []byte, most uint32, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.slots == nil {
		r.seed, r.slots, r.epoch = maphash.MakeSeed(), make([]repeat, repeatSlots), now
	}
	h := maphash.Bytes(r.seed, data) ^ maphash.String(r.seed, topic)
	s := &r.slots[h%repeatSlots]
	second := uint32(max(0, now.Sub(r.epoch)/time.Second))
	if print := uint32(h >> 32); s.print != print || s.count == 0 || second-s.since > uint32(seenTTL/time.Second) {
		*s = repeat{print: print, since: second}
	}
	s.count++
	return s.count > most
}
