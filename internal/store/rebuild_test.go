package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// Whichever file is lost, no erased body comes back, and everything else can.
func TestRebuild(t *testing.T) {
	for _, file := range []string{"log.db", "keys.db", "body.db"} {
		t.Run(file, func(t *testing.T) {
			w := newWorld(t, uto)
			s, cfg := w.create()
			recs := w.authors[uto].notifyMany(20, 300)
			w.append(s, recs...)
			w.ok(s.Erase([]ct.Ref{ref(recs[3])}, store.BodyLocal))
			w.ok(s.Erase([]ct.Ref{ref(recs[4])}, store.BodyExpired))
			last := s.Last()
			w.ok(s.Close())
			path := filepath.Join(cfg.Dir, file)
			b, err := os.ReadFile(path)
			w.ok(err)
			clear(b[8192:16384]) // the first pages behind the meta pages
			clear(b[:64])
			w.ok(os.WriteFile(path, b, 0o600))
			w.ok(os.Truncate(path, 12288))

			_, err = store.Open(cfg)
			if store.Damaged(err) != file {
				t.Fatalf("open says %q: %v", store.Damaged(err), err)
			}
			now := time.Now()
			w.ok(store.Rebuild(cfg, file, now))
			s = w.reopen(cfg)
			if file == "log.db" {
				if s.Reborn() != ct.MillisOf(now) || s.Last() < last {
					t.Fatalf("made anew at %v, cursor %d after %d", s.Reborn(), s.Last(), last)
				}
				w.append(s, recs...)
			} else {
				if n := len(s.MissingBodies(100)); n != 18 {
					t.Fatalf("%d bodies are asked for", n)
				}
				if n, err := s.FillBodies(recs); n != 18 || err != nil {
					t.Fatal(n, err)
				}
			}
			for i, why := range map[int]store.BodyState{3: store.BodyLocal, 4: store.BodyExpired, 5: store.BodyHeld} {
				r, err := s.Get(recs[i].Header().Log, uint64(i)+1)
				if err != nil || r.BodyState != why || (r.Body != nil) != (why == store.BodyHeld) {
					t.Errorf("record %d: %v, %v", i+1, r.BodyState, err)
				}
			}
			checkStore(t, w, s)
			for _, i := range []int{3, 4} {
				scan(t, cfg.Dir, recs[i].Salt(), false)
			}
			w.ok(s.Close())
			s = w.reopen(cfg)
			if n := len(s.MissingBodies(100)); n != 0 {
				t.Errorf("%d bodies are asked for again", n)
			}
			r := checkFiles(t, s, cfg)
			if r.Bodies != 18 || r.Erased != 2 {
				t.Errorf("check: %+v", r)
			}
			// The other file may be lost after the first.
			next := map[string]string{"log.db": "keys.db", "keys.db": "log.db", "body.db": "log.db"}[file]
			w.ok(store.Rebuild(cfg, next, now.Add(time.Hour)))
			s = w.reopen(cfg)
			if next == "log.db" {
				w.append(s, recs...)
			} else if n, err := s.FillBodies(recs); n != 18 || err != nil {
				t.Fatal(n, err)
			}
			if r := checkFiles(t, s, cfg); r.Bodies != 18 || r.Erased != 2 {
				t.Errorf("check after the second loss: %+v", r)
			}
		})
	}
}
