package desk_test

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// What is kept ends with its record, has a bound, and goes by no clock in doubt.
func TestImprintsEnd(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	defer desk.BoundKeys(2)()
	_, err := n.desk.Publish(within(t), wanting(1), under("a"))
	must(t, err)
	gone, err := n.desk.Publish(within(t), wanting(2), under("b"))
	must(t, err)
	if _, err := n.desk.Publish(within(t), wanting(3), under("c")); !errors.Is(err, desk.ErrBusy) {
		t.Errorf("a key too many: %v, want ErrBusy", err)
	}
	publish(t, n, wanting(3))
	if r, err := n.desk.Publish(within(t), wanting(2), under("b")); err != nil || r.ID != gone.ID {
		t.Errorf("an old key behind the bound: %v %v", r, err)
	}
	count := func(wantContent, wantKeys int) {
		t.Helper()
		content, keys, err := desk.Imprints(n.store)
		must(t, err)
		if len(content) != wantContent || len(keys) != wantKeys {
			t.Errorf("%d publications and %d keys are noted, want %d and %d", len(content), len(keys), wantContent, wantKeys)
		}
	}
	must(t, n.desk.SweepImprintsAt(time.Now()))
	count(3, 2)
	_, err = n.desk.Retract(within(t), gone.ID, ct.Retraction{Reason: "error"}, "op")
	must(t, err)
	must(t, n.store.Erase([]ct.Ref{{Log: gone.Log, Seq: gone.Seq, ID: gone.ID}}, store.BodyRetracted))
	must(t, n.desk.SweepImprintsAt(time.Now()))
	count(2, 2) // the key stays: a late retry must not publish it again
	if r, err := n.desk.Publish(within(t), wanting(2), under("b")); err != nil || r.ID != gone.ID {
		t.Errorf("a retry after the erasure: %v %v", r, err)
	}
	far := time.Now().AddDate(30, 0, 0)
	n.mistrust("the clock is wrong", true)
	must(t, n.desk.SweepImprintsAt(far))
	count(2, 2)
	n.mistrust("", false)
	must(t, n.desk.SweepImprintsAt(far))
	count(0, 0)
	if _, err := n.desk.Publish(within(t), wanting(4), under("c")); err != nil {
		t.Errorf("a key after others have gone: %v", err)
	}
}

// Without the node's own secret an imprint says nothing: that of equal content and
// of an equal key is another on each node, and no plain hash of them.
func TestImprintsTellNothing(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	var all []string
	for _, n := range net.nodes {
		_, err := n.desk.Publish(within(t), wanting(1), under("passport X123"))
		must(t, err)
		content, keys, err := desk.Imprints(n.store)
		must(t, err)
		all = append(append(all, content...), keys...)
	}
	body, err := wire.EncodeNotification(wanting(1))
	must(t, err)
	for _, plain := range [][]byte{body, []byte("passport X123")} {
		h := sha256.Sum256(plain)
		all = append(all, string(h[:16]))
	}
	for i, a := range all {
		for _, b := range all[:i] {
			if a[:16] == b[:16] {
				t.Errorf("two imprints agree: %x", a[:16])
			}
		}
	}
	if len(all) != 6 {
		t.Errorf("%d imprints, want 6", len(all))
	}
}
