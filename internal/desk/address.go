package desk

import (
	"context"
	"time"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Announce signs an ADDRESS statement of this node: where others can dial it.
// It is never drafted: a stale address is of no use to anybody.
func (d *Desk) Announce(ctx context.Context, a ct.Addresses) (Receipt, error) {
	if faults := a.Validate(); len(faults) > 0 {
		return Receipt{}, faults
	}
	body, err := wire.EncodeAddresses(&a)
	if err != nil {
		return Receipt{}, err
	}
	now := time.Now()
	dr, err := d.newDraft(draft{
		Kind: ct.KindAddress, Topic: ct.TopicControl, Priority: ct.PriorityRoutine, TLP: ct.TLPClear, Audience: ct.AudienceAll,
		Expires: ct.MillisOf(now.Add(d.cfg.View().Policy().MaxRetention)), Body: body,
	}, now)
	if err != nil {
		return Receipt{}, err
	}
	return d.sign(ctx, dr)
}
