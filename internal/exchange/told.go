package exchange

import "github.com/herald-net/herald/node/ct"

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
