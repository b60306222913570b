package exchange

import (
	"maps"
	"slices"

	"github.com/herald-net/herald/node/ct"
)

// ToldOwnHead names the peers that OwnHead counts.
func (x *Exchange) ToldOwnHead() []ct.LogID {
	x.told.mu.Lock()
	defer x.told.mu.Unlock()
	out := make([]ct.LogID, 0, len(x.told.by))
	for node := range x.told.by {
		out = append(out, node)
	}
	return out
}

// Synced names the peers that have given all they hold since the start: a pull
// from each has run to its end.
func (x *Exchange) Synced() []ct.LogID {
	x.told.mu.Lock()
	defer x.told.mu.Unlock()
	return slices.Collect(maps.Keys(x.told.synced))
}
