package node_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node"
	"go.etcd.io/bbolt"
)

// A node whose journal goes back to an older copy of itself is found out by
// the others, which remember it beyond a restart, until a person accepts it.
func TestJournalOfAnotherGoesBack(t *testing.T) {
	const nodes, watcher, culprit = 3, 0, 1
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Hour)
		defer cancel()
		dirs := founded(t, nodes, roster.DefaultPolicy())
		net := sim.New(seed)
		defer net.Close()
		var peers []string
		for i := range dirs {
			peers = append(peers, net.Addr(i))
		}
		up := make([]*running, nodes)
		begin := func(i int) {
			up[i] = start(t, node.Config{Dir: dirs[i], Listen: []string{net.Addr(i)}, Peers: peers, Underlay: net.Underlay(i)})
		}
		for i := range dirs {
			begin(i)
		}
		defer func() {
			for _, n := range up {
				n.close()
			}
		}()
		act := func(id string) {
			t.Helper()
			_, err := up[culprit].ImportPersons(ctx, "own", strings.NewReader(`{"id":"`+id+`","names":[{"full":"Telvo Ardanic"}]}`+"\n"), nil)
			must(t, err)
		}
		alarmed := func(when string, want bool) {
			t.Helper()
			for _, i := range []int{watcher, 2} {
				if said := strings.Join(up[i].Status().Alarms, "; "); strings.Contains(said, "journal: node ") != want {
					t.Errorf("%s, node %d: alarms %q, want one about the journal: %v", when, i, said, want)
				}
			}
		}
		local := filepath.Join(dirs[culprit], "local.db")
		act("one")
		<-time.After(3 * time.Minute)
		up[culprit].close()
		old, err := os.ReadFile(local)
		must(t, err)
		begin(culprit)
		act("two")
		act("three")
		<-time.After(3 * time.Minute)
		alarmed("a journal that grows", false)
		heads := up[watcher].JournalHeads()
		if len(heads) != 1 || heads[0].Entries != 3 {
			t.Fatalf("the watcher remembers %+v", heads)
		}
		if j, err := up[culprit].JournalVerify(heads); err != nil || j.Entries != 3 || j.Fitting != 1 {
			t.Errorf("verify against the true heads: %+v, %v", j, err)
		}

		up[culprit].close()
		must(t, os.WriteFile(local, old, 0o600))
		begin(culprit)
		<-time.After(3 * time.Minute)
		alarmed("an older copy", true)
		if _, err := up[culprit].JournalVerify(nil); err != nil {
			t.Errorf("by itself the older copy is whole: %v", err)
		}
		if _, err := up[culprit].JournalVerify(up[watcher].JournalHeads()); !errors.Is(err, journal.ErrBroken) {
			t.Errorf("verify against what others remember: %v, want ErrBroken", err)
		}
		act("four")
		act("five")
		act("six")
		<-time.After(3 * time.Minute)
		alarmed("longer again", true)
		for _, i := range []int{watcher, 2} {
			up[i].close()
			begin(i)
		}
		<-time.After(3 * time.Minute)
		alarmed("after a restart of the others", true)
		head := up[watcher].JournalHeads()[0]
		for _, i := range []int{watcher, 2} {
			must(t, up[i].JournalAccept(head.Node, "op1", "restored after a fire"))
			if err := up[i].JournalAccept(head.Node, "op1", "again"); !errors.Is(err, desk.ErrNotFound) {
				t.Errorf("accepting what is no alarm: %v", err)
			}
		}
		alarmed("accepted", false)
	})
}

// A node whose own journal was written into says so, and shows nothing that it
// cannot journal.
func TestBrokenJournalIsAnAlarm(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir := founded(t, 1, roster.DefaultPolicy())[0]
	n := start(t, node.Config{Dir: dir})
	n.ready(ctx)
	q := desk.MatchQuery{
		Person: synth.New(1).Person(), Purpose: "border-screening", Basis: "UNSCR-2396-OP11", Case: "C1", Grounds: "test", Timeout: time.Second,
	}
	_, err := n.Match(ctx, q, func(desk.MatchAnswer) error { return nil })
	must(t, err)
	if alarms := n.Status().Alarms; len(alarms) > 0 {
		t.Fatalf("alarms %q", alarms)
	}
	n.close()
	db, err := bbolt.Open(filepath.Join(dir, "local.db"), 0o600, &bbolt.Options{Timeout: time.Second})
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("local")).Bucket([]byte("journal.entry"))
		last, _ := b.Cursor().Last()
		return b.Delete(last)
	}))
	must(t, db.Close())

	n = start(t, node.Config{Dir: dir})
	defer n.close()
	n.ready(ctx)
	if alarms := strings.Join(n.Status().Alarms, "; "); !strings.Contains(alarms, "journal is damaged or was tampered with") {
		t.Errorf("alarms %q", alarms)
	}
	_, err = n.Match(ctx, q, func(desk.MatchAnswer) error { t.Error("an answer was shown"); return nil })
	if !errors.Is(err, journal.ErrBroken) {
		t.Errorf("match: %v", err)
	}
}
