package index

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/herald-net/herald/internal/match"
)

// Bounds of one Find.
const (
	postingBudget = 30_000  // postings read
	maxCandidates = 200     // candidates scored exactly
	scoringBudget = 400_000 // pairs of tokens compared: a query or a person of very many names costs no more
	wideGroup     = 1_500   // postings above which a query with a birth reads only its years
	maxHits       = 1_000
)

// Hit is a person found.
type Hit struct {
	Ref    string
	Origin string
	match.Result
}

// Find gives the persons that may be the query's, the best first, at most
// limit of them: every hit has at least the tier weak. It reads the postings
// of the rarest tokens first and stops at a budget, so its cost does not grow
// with the index; a query of nothing but the commonest names may miss persons.
func (x *Index) Find(q *match.Subject, limit int) ([]Hit, error) {
	limit = min(limit, maxHits)
	probes := match.Probes(q)
	if limit <= 0 || len(probes) == 0 {
		return nil, nil
	}
	x.mu.RLock()
	groups := x.groups(probes)
	x.mu.RUnlock()

	var hits []Hit
	err := x.db.View(func(tx *bbolt.Tx) error {
		// Numbers are handed out before the transaction that uses them ends,
		// so the bound is read inside this one.
		t := x.tallies.Get().(*tally)
		defer x.tallies.Put(t)
		t.reset(tx.Bucket(bucketMeta).Get(keyNext))
		x.collect(tx.Bucket(bucketPostings).Cursor(), groups, x.queryYears(q), t)
		var err error
		hits, err = x.rescore(tx.Bucket(bucketPersons), q, t.best(maxCandidates))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find person: %w", err)
	}
	sortHits(hits)
	return hits[:min(len(hits), limit)], nil
}

// sortHits puts the best first.
func sortHits(hits []Hit) {
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(-cmp.Compare(a.Tier, b.Tier), -cmp.Compare(a.Score, b.Score), strings.Compare(a.Ref, b.Ref))
	})
}

// group is one token of the query with the words it may stand for.
type group struct {
	weight   float64
	postings int
	words    []expansion
	few      bool // counts only where few share it: a date of birth
}

// groups expands the probes through the vocabulary, the rarest token first.
// The caller holds the lock.
func (x *Index) groups(probes []match.Probe) []group {
	var out []group
	last := -1
	for _, p := range probes {
		if p.Group != last {
			out = append(out, group{})
			last = p.Group
		}
		g := &out[len(out)-1]
		text, isName := nameKey(p.Key)
		if !isName {
			g.weight = 4 // a document number outweighs any name
			g.few = p.Key[0] == match.KeyBirth
			g.words = append(g.words, expansion{tag: x.seal.tag("key", p.Key), persons: 1, like: 1})
			g.postings++
			continue
		}
		g.weight = max(g.weight, p.Weight)
		for _, e := range x.words.expand(text) {
			g.words = append(g.words, e)
			g.postings += int(e.persons)
		}
	}
	slices.SortStableFunc(out, func(a, b group) int { return cmp.Compare(a.postings, b.postings) })
	return out
}

// queryYears are the year tags that a query with a birth reads of a common
// token: "unknown", its years, and their neighbours, as far as a typing error
// or an estimate goes. nil: the query has no birth.
func (x *Index) queryYears(q *match.Subject) []yearTag {
	if _, ok := q.Years(12); !ok {
		return nil
	}
	out := []yearTag{x.seal.year(0)}
	for _, b := range q.Births {
		around := 2
		if b.Day > 0 {
			around = 1
		}
		for y := int(b.From) - around; y <= int(b.To)+around; y++ {
			out = append(out, x.seal.year(y))
		}
	}
	slices.SortFunc(out, func(a, b yearTag) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(out)
}

// collect reads postings into the tally.
func (x *Index) collect(c *bbolt.Cursor, groups []group, years []yearTag, t *tally) {
	budget := postingBudget
	persons := float64(x.Persons() + 1)
	for _, g := range groups {
		t.nextGroup()
		for _, w := range g.words {
			if budget <= 0 {
				return
			}
			if g.few {
				budget = scanFew(c, w.tag[:], uint32(1024*g.weight), budget, t)
				continue
			}
			idf := math.Log1p(persons / float64(w.persons+1))
			value := uint32(1024 * g.weight * w.like * w.like * idf)
			if years == nil || g.postings <= wideGroup {
				budget = scan(c, w.tag[:], value, years, budget, t)
				continue
			}
			var prefix [18]byte
			copy(prefix[:], w.tag[:])
			for _, y := range years {
				copy(prefix[16:], y[:])
				budget = scan(c, prefix[:], value, years, budget, t)
			}
		}
	}
}

// scan counts the postings under a prefix. A person has a posting for each year
// of birth and counts once: those of fitting years are counted first.
func scan(c *bbolt.Cursor, prefix []byte, value uint32, years []yearTag, budget int, t *tally) int {
	rest := make([]uint32, 0, 64)
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix) && budget > 0; k, _ = c.Next() {
		budget--
		if len(k) != len(posting{}) {
			continue
		}
		if id := binary.BigEndian.Uint32(k[18:]); slices.Contains(years, yearTag(k[16:18])) {
			t.add(id, value+value/2)
		} else {
			rest = append(rest, id)
		}
	}
	for _, id := range rest {
		t.add(id, value)
	}
	return budget
}

// maxSharing is how many persons may share a date of birth for it to find
// them: among a thousand persons a common date is a coincidence worth a look,
// among a million it is forty strangers.
const maxSharing = 4

// scanFew counts the postings under a prefix when they are at most maxSharing.
func scanFew(c *bbolt.Cursor, prefix []byte, value uint32, budget int, t *tally) int {
	var ids []uint32
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix) && budget > 0; k, _ = c.Next() {
		budget--
		if len(k) != len(posting{}) {
			continue
		}
		if id := binary.BigEndian.Uint32(k[18:]); !slices.Contains(ids, id) {
			if ids = append(ids, id); len(ids) > maxSharing {
				return budget
			}
		}
	}
	for _, id := range ids {
		t.add(id, value)
	}
	return budget
}

// rescore scores the candidates exactly.
func (x *Index) rescore(persons *bbolt.Bucket, q *match.Subject, candidates []uint32) ([]Hit, error) {
	var hits []Hit
	var id [4]byte
	own, budget := max(q.Tokens(), 1), scoringBudget
	for _, n := range candidates {
		if budget <= 0 {
			break
		}
		binary.BigEndian.PutUint32(id[:], n)
		sealed := persons.Get(id[:])
		if sealed == nil {
			continue
		}
		e, err := x.openEntry(id[:], sealed)
		if err != nil {
			return nil, err
		}
		budget -= own * e.subject.Tokens()
		if r := match.Score(q, e.subject); r.Tier > match.None {
			hits = append(hits, Hit{Ref: e.ref, Origin: e.origin, Result: r})
		}
	}
	return hits, nil
}
