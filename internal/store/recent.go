package store

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// A stolen key can retract all that its State has said, and the grace of a day may be
// over before anybody looks. So of what a State retracts within a day only so much
// has the policy's grace; the bodies beyond it stay hidden for LateBy longer, and the
// node says so (Late).
const (
	// LateBy is how much longer a body stays that is one of too many of a day.
	LateBy = 6 * 24 * time.Hour

	fewHidings  = 20  // of a State within a day are never too many
	hidingShare = 100 // nor is one in so many of the bodies that are held of it
	liveFor     = ct.Millis(60 * 60 * 1000)
)

const hourMillis = 60 * 60 * 1000

// recentHidings counts what was hidden within a day, by State and hour.
type recentHidings struct {
	done map[ct.State]map[int64]int // by hour
	news map[ct.State]map[int64]int // of the commit that is under way
	live map[ct.State]liveBodies
}

// liveBodies is how many bodies of a State are held, as counted a while ago.
type liveBodies struct {
	n  int
	at ct.Millis
}

// begin forgets what a commit counted that did not come to its end.
func (r *recentHidings) begin() { clear(r.news) }

// settle makes the counts of a commit those of the store.
func (r *recentHidings) settle() {
	for state, hours := range r.news {
		for hour, n := range hours {
			r.add(&r.done, state, hour, n)
		}
	}
	clear(r.news)
}

func (r *recentHidings) add(to *map[ct.State]map[int64]int, state ct.State, hour int64, n int) {
	if *to == nil {
		*to = make(map[ct.State]map[int64]int)
	}
	hours := (*to)[state]
	if hours == nil {
		hours = make(map[int64]int)
		(*to)[state] = hours
	}
	hours[hour] += n
	for old := range hours { // as many as a day has, and clocks that jump
		if len(hours) > 48 && old <= hour-24 {
			delete(hours, old)
		}
	}
}

// hides counts one more record of a log that is hidden, and tells whether it is one of
// too many.
func (r *recentHidings) hides(s *Store, log ct.LogID, since ct.Millis) bool {
	l := s.entry(log)
	if l == nil {
		return false // its first records come with their RETRACT
	}
	hour, n := int64(since)/hourMillis, 0
	for _, of := range []map[ct.State]map[int64]int{r.done, r.news} {
		for h, count := range of[l.state] {
			if h > hour-24 && h < hour+24 { // the clock may have been ahead
				n += count
			}
		}
	}
	r.add(&r.news, l.state, hour, 1)
	return n >= fewHidings && n >= s.liveOf(l.state, since)/hidingShare
}

// liveOf is how many bodies of a State are held, hidden ones too. It reads the keys of
// its logs in keys.db, once an hour while much is being retracted.
func (s *Store) liveOf(state ct.State, now ct.Millis) int {
	if was, ok := s.recent.live[state]; ok && now-was.at < liveFor && now >= was.at {
		return was.n
	}
	n := 0
	err := s.keysDB.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bktSalt)).Cursor()
		s.mu.RLock()
		logs := slices.Clone(s.byNum)
		s.mu.RUnlock()
		for _, l := range logs {
			if l.state != state || l.root {
				continue
			}
			from, past := placeOf(l.num, 0), placeOf(l.num+1, 0)
			for k, _ := c.Seek(from[:]); k != nil && bytes.Compare(k, past[:]) < 0; k, _ = c.Next() {
				n++
			}
		}
		return nil
	})
	if err != nil {
		s.log.Error("bodies cannot be counted", "state", state, "error", err)
		return 0
	}
	if s.recent.live == nil {
		s.recent.live = make(map[ct.State]liveBodies)
	}
	s.recent.live[state] = liveBodies{n, now}
	return n
}

// loadRecent counts what is hidden and not yet erased: bodies, as when they were
// hidden. What never had one, as when a new member catches up, does not count.
func (s *Store) loadRecent() error {
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		return s.eachHiding(tx, func(l *logEntry, h *hiding) {
			target, err := decodeHeld(tx.Bucket([]byte(bktHdr)).Get(h.target[:]))
			if err == nil && target.state == BodyHeld {
				s.recent.add(&s.recent.done, l.state, int64(h.since)/hourMillis, 1)
			}
		})
	})
	return wrap("recent retractions", err)
}

// redate gives what was hidden under a clock that was far ahead the time of a
// clock that is right: otherwise its body would stay until then.
func (s *Store) redate(now time.Time) error {
	past := u64(uint64(ct.MillisOf(now.Add(LateBy + time.Hour))))
	ahead := false
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket([]byte(bktDue)).Cursor().Seek(past)
		ahead = k != nil
		return nil
	})
	if err != nil || !ahead {
		return err
	}
	s.w.Lock()
	defer s.w.Unlock()
	return s.logDB.update(func(tx *bbolt.Tx) error {
		due, hidden := tx.Bucket([]byte(bktDue)), tx.Bucket([]byte(bktHidden))
		for range MaxBatch {
			k, v := due.Cursor().Seek(past)
			if k == nil {
				return nil
			}
			id := bytes.Clone(v)
			if err := due.Delete(bytes.Clone(k)); err != nil {
				return err
			}
			h, err := decodeHiding(hidden.Get(id))
			if err != nil {
				continue // rotten: the scrub finds the record that is hidden and not due
			}
			h.since = ct.MillisOf(now)
			if err := errors.Join(hidden.Put(id, h.encode()), due.Put(dueKey(&h), id)); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachHiding gives what is hidden and not yet erased. What has rotted is left out.
func (s *Store) eachHiding(tx *bbolt.Tx, fn func(*logEntry, *hiding)) error {
	hidden := tx.Bucket([]byte(bktHidden))
	return tx.Bucket([]byte(bktDue)).ForEach(func(k, v []byte) error {
		h, err := decodeHiding(hidden.Get(v))
		if err != nil {
			return nil
		}
		if l, err := s.numbered(h.target.num()); err == nil {
			fn(l, &h)
		}
		return nil
	})
}

// Late is what one key has retracted beyond what a State may take back within a day.
type Late struct {
	State   ct.State
	By      ct.LogID  // the log of the RETRACTs
	Records int       // whose bodies stay longer
	First   uint64    // seq of the first of these RETRACTs that is held
	Since   ct.Millis // when the last of them came in
}

// Late tells of retractions that were too many within a day and whose bodies are not
// yet erased, the most first.
func (s *Store) Late() ([]Late, error) {
	byNum := make(map[uint32]*Late)
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		return s.eachHiding(tx, func(l *logEntry, h *hiding) {
			by, err := s.numbered(h.by.num())
			if err != nil || !h.late {
				return
			}
			of := byNum[by.num]
			if of == nil {
				of = &Late{State: l.state, By: by.id, First: h.by.seq()}
				byNum[by.num] = of
			}
			of.Records++
			of.First, of.Since = min(of.First, h.by.seq()), max(of.Since, h.since)
		})
	})
	var out []Late
	for _, of := range byNum {
		out = append(out, *of)
	}
	slices.SortFunc(out, func(a, b Late) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), bytes.Compare(a.By[:], b.By[:]))
	})
	return out, wrap("late retractions", err)
}
