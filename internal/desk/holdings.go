package desk

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// listRef is the index's name for an entry of an imported list.
func listRef(list, id string) string { return index.RefList + list + "/" + id }

// Followed is what the index follows: the records and the imported lists.
func (d *Desk) Followed() index.Source {
	s := d.cfg.Store
	return index.Source{
		Wait: s.Wait, Read: s.Read, Hidden: s.Hidden,
		Lists: d.ListPersons, WaitLists: d.WaitLists,
		Last:   func() index.Cursors { return index.Cursors{Store: s.Last(), Lists: d.lists.last()} },
		Behind: d.behind,
	}
}

// behind counts, as a bound, what follows cursors. Cursors of records skip
// numbers, so there are no more than records.
func (d *Desk) behind(after index.Cursors) (records, changes int) {
	if last := d.cfg.Store.Last(); last > after.Store {
		held := uint64(0)
		for _, h := range d.cfg.Store.Heads() {
			held += h.Size
		}
		records = int(min(last-after.Store, held))
	}
	return records, d.lists.after(after.Lists)
}

// search finds the persons this node holds that are a lead, the best first, at
// most wire.MaxMatchHits. The index may lag behind: what is retracted, expired,
// erased or off its list now is no hit, whatever the index says.
// index.ErrBehind: it cannot be said now.
func (d *Desk) search(p *ct.Person, now time.Time) ([]MatchHit, error) {
	return d.searchFor(p, "", now)
}

// searchFor is search for another State, which is told what the listener lets it
// hear. What may not be told takes no place: there may be more behind it.
func (d *Desk) searchFor(p *ct.Person, asker ct.State, now time.Time) ([]MatchHit, error) {
	l, subject := d.listens(asker, now), match.Prepare(*p)
	var heard []index.Hit
	for pass := 0; ; pass++ {
		found, err := d.cfg.Index.FindFresh(subject, index.Want{
			Limit: l.depth(), Least: match.Possible,
			Keep: func(h index.Hit) (bool, error) { return l.tells(h.Ref, h.Tier) },
		}, d.Followed(), now)
		if err != nil {
			return nil, err
		}
		if heard, err = l.hears(found); err != nil {
			return nil, err
		}
		// What fell away now was looked at before it was known who has fled, and may
		// have kept others out: those who have fled are known in the next pass.
		if l.silent || len(found) < l.depth() || len(heard) >= min(len(found), wire.MaxMatchHits) {
			break
		}
		if pass == maxPasses {
			return nil, fmt.Errorf("search: %w", index.ErrCrowded)
		}
	}
	var out []MatchHit
	for _, h := range heard[:min(len(heard), wire.MaxMatchHits)] {
		hit := MatchHit{Ref: h.Ref, Score: h.Score, Tier: h.Tier.String()}
		for _, r := range h.Why[:min(len(h.Why), wire.MaxMatchWhy)] {
			hit.Why = append(hit.Why, r.Field+":"+string(r.Verdict))
		}
		out = append(out, hit)
	}
	return out, nil
}

// askInstead is the reason of a POSSIBLE of which nothing is this State's own: the
// asker holds the same records, their author is the one to ask, and nobody here
// could release anything. "" when something is.
func (d *Desk) askInstead(hits []MatchHit, now time.Time) (string, error) {
	var author ct.State
	for _, h := range hits {
		row, err := d.liveRow(h.Ref, now)
		if err != nil {
			return "", err
		}
		if row == nil || row.State == d.cfg.State { // of a list, or gone at this moment
			return "", nil
		}
		if author == "" {
			author = row.State // the best hit's
		}
	}
	return wire.AskReason(author), nil
}

// live tells whether what a ref names may be shown at this moment.
func (d *Desk) live(ref string, now time.Time) (bool, error) {
	if rest, ok := strings.CutPrefix(ref, index.RefList); ok {
		list, id, ok := strings.Cut(rest, "/")
		if !ok {
			return false, nil
		}
		return d.listed(list, id)
	}
	row, err := d.liveRow(ref, now)
	return row != nil, err
}

// liveRow is the record that a ref names, without its body; nil when its
// content may not be shown.
func (d *Desk) liveRow(ref string, now time.Time) (*store.Row, error) {
	rest, ok := strings.CutPrefix(ref, index.RefRecord)
	if !ok {
		return nil, nil
	}
	id, err := ct.ParseID(rest)
	if err != nil {
		return nil, nil
	}
	if _, hidden := d.cfg.Store.Hidden(id); hidden || d.Retracting(id) {
		return nil, nil
	}
	row, err := d.cfg.Lookup(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if row.Inadmissible != "" || row.BodyState != store.BodyHeld || !row.HiddenBy.IsZero() || row.Header.Expires <= ct.MillisOf(now) {
		return nil, nil
	}
	return &row, nil
}
