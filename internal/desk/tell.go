package desk

import (
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/handling"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// listener is a State that asks, during one search: what of the candidates it
// may be told, down to whether there are any.
type listener struct {
	d     *Desk
	state ct.State // "": the own State, which is told everything
	now   time.Time

	told   map[string]*match.Subject // by ref: what may be told so far
	fled   []*match.Subject          // who have fled the asking State
	silent bool                      // one of them is strongly whom it asks for
}

// searchDepthFor is how many candidates are looked at for another State: behind
// those that it may be told of may lie one who fled it.
const searchDepthFor = 64

func (d *Desk) listens(state ct.State, now time.Time) *listener {
	return &listener{d: d, state: state, now: now, told: map[string]*match.Subject{}}
}

// depth is how many hits are wanted of the index.
func (l *listener) depth() int {
	if l.state == "" {
		return wire.MaxMatchHits
	}
	return searchDepthFor
}

// tells says whether what a ref names may be a hit: it is in force, its handling
// lets it go, and the person has not fled the State that asks.
func (l *listener) tells(ref string, tier match.Tier) (bool, error) {
	if l.state == "" {
		live, err := l.d.live(ref, l.now)
		if err != nil {
			err = fmt.Errorf("check a candidate: %w", err)
		}
		return live, err
	}
	s, err := l.d.source(ref, l.now)
	if err != nil {
		return false, fmt.Errorf("check a candidate: %w", err)
	}
	switch {
	case s == nil:
		return false, nil
	case s.Person.HasFled(l.state):
		l.fled = append(l.fled, match.Prepare(*s.Person))
		l.silent = l.silent || tier >= match.Strong
		return false, nil
	}
	m := s.Marking()
	if !handling.Decide(handling.Exists, handling.Asking(l.d.cfg.State, s.Author, l.state, m), m).Allow {
		return false, nil
	}
	l.told[ref] = match.Prepare(*s.Person)
	return true, nil
}

// hears drops the hits that may be of a person who has fled the asking State, as
// another record says: whoever hears of the one hears of the other.
func (l *listener) hears(hits []MatchHit) []MatchHit {
	if l.state == "" {
		return hits
	}
	if l.silent {
		return nil
	}
	var out []MatchHit
	for _, h := range hits {
		if !l.hasFled(l.told[h.Ref]) {
			out = append(out, h)
		}
	}
	return out
}

func (l *listener) hasFled(s *match.Subject) bool {
	for _, f := range l.fled {
		if s != nil && match.Score(f, s).Tier >= match.Possible {
			return true
		}
	}
	return false
}
