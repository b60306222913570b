package index_test

import (
	"slices"
	"testing"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// What is not understood is counted while it is held: not what was taken back, has
// expired or is understood now, however it arrives.
func TestNotYetIsCounted(t *testing.T) {
	w := newWorld(t, 2)
	strange := func(kind ct.Kind) verify.Record {
		return w.sign(0, kind, ct.TopicTravel, []byte("of a later version"), nil)
	}
	count := func(what string, want ...index.NotYet) {
		t.Helper()
		w.follow()
		if got, err := w.index.NotYet(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", what, got, err, want)
		}
	}
	count("nothing")
	kept, retracted, expired, vast := strange(200), strange(200), strange(200), strange(70_000)
	sound := w.about(1, people[0], life)
	w.append(kept, retracted, expired, vast, sound)
	count("four", index.NotYet{Kind: 200, Reason: verify.UnknownKind, Records: 3}, index.NotYet{Kind: 255, Reason: verify.UnknownKind, Records: 1})
	w.append(w.retract(0, retracted), w.retract(0, vast))
	count("two retracted", index.NotYet{Kind: 200, Reason: verify.UnknownKind, Records: 2})
	must(t, w.store.Entomb([]ct.Ref{ref(expired)}, store.BodyExpired))
	must(t, w.index.Forget([]ct.Ref{ref(expired)}))
	one := index.NotYet{Kind: 200, Reason: verify.UnknownKind, Records: 1}
	count("one expired", one)
	gone := strange(201)
	w.append(gone, w.retract(0, gone)) // in one batch
	count("retracted as it came", one)
	w.rebuild()
	count("built again", one)

	// Other rules: the strange one is understood, the notification no more.
	must(t, w.store.Close())
	cfg := w.config()
	cfg.Rules = 9
	var err error
	w.store, err = store.Open(cfg)
	must(t, err)
	for w.store.Judging().Left() > 0 {
		_, err := w.store.JudgeAgain(100, func(h *wire.Header, _ []byte) (verify.Reason, bool) {
			if ct.Kind(h.Kind) == ct.KindNotification {
				return verify.BodyInvalid, true
			}
			return "", true
		})
		must(t, err)
	}
	for _, fresh := range []bool{true, false} { // in the tail that is not followed yet, and after
		if !fresh {
			w.follow()
		}
		if got := w.hits(people[0], fresh); got != "" {
			t.Errorf("a person of what is no longer understood is found (fresh %v): %s", fresh, got)
		}
	}
	count("other rules", index.NotYet{Kind: ct.KindNotification, Reason: verify.BodyInvalid, Records: 1})
}
