package desk

import (
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/handling"
	"github.com/herald-net/herald/internal/index"
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
	known  map[string]bool           // refs of fled
	fled   []*match.Subject          // who have fled the asking State
	silent bool                      // one of them is strongly whom it asks for

	compared int // with those who have fled
}

// Bounds of a search for another State. Behind either it is not known whether
// there is somebody who may be told of.
const (
	maxPasses   = 8       // searches, each knowing more of those who have fled
	maxCompared = 128_000 // pairs of somebody who may be told of and who has fled
)

// searchDepthFor is how many candidates are looked at for another State: behind
// those that it may be told of may lie one who fled it.
const searchDepthFor = 64

func (d *Desk) listens(state ct.State, now time.Time) *listener {
	return &listener{d: d, state: state, now: now, told: map[string]*match.Subject{}, known: map[string]bool{}}
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
		if !l.known[ref] {
			l.known[ref] = true
			l.fled = append(l.fled, match.Prepare(*s.Person))
		}
		l.silent = l.silent || tier >= match.Strong
		return false, nil
	}
	m := s.Marking()
	if !handling.Decide(handling.Exists, handling.Asking(l.d.cfg.State, s.Author, l.state, m), m).Allow {
		return false, nil
	}
	subject, known := l.told[ref]
	if !known {
		subject = match.Prepare(*s.Person)
	}
	l.told[ref] = subject
	fled, err := l.hasFled(subject)
	return !fled, err
}

// hears drops the hits that may be of a person who has fled the asking State, as
// another record says: whoever hears of the one hears of the other.
func (l *listener) hears(hits []index.Hit) ([]index.Hit, error) {
	if l.state == "" {
		return hits, nil
	}
	if l.silent {
		return nil, nil
	}
	var out []index.Hit
	for _, h := range hits {
		switch fled, err := l.hasFled(l.told[h.Ref]); {
		case err != nil:
			return nil, err
		case !fled:
			out = append(out, h)
		}
	}
	return out, nil
}

func (l *listener) hasFled(s *match.Subject) (bool, error) {
	for _, f := range l.fled {
		if l.compared++; l.compared > maxCompared {
			return false, fmt.Errorf("search: %w", index.ErrCrowded)
		}
		if match.Score(f, s).Tier >= match.Possible {
			return true, nil
		}
	}
	return false, nil
}
