package torture

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Power cuts: the calls of a real process that works on a real store are
// recorded, and after each of them the disk is left with what was synced and
// any part of the rest. Whatever it is, the store opens with all that was
// acknowledged.
func TestPowerCuts(t *testing.T) {
	states := rounds(t, "HERALD_CUTS", 60)
	seed := seedOf(t)
	rng := rand.New(rand.NewPCG(seed, 2))
	for done := 0; done < states && !t.Failed(); {
		// One workload gives no more than so many states: another differs more.
		n := min(states-done, 600)
		w, rec := recordWorkload(t, rng.Uint64(), 60+rng.IntN(40))
		r := cutAll(t, w, rec, n, rng, nil)
		done += r.judged
		t.Logf("%d calls recorded, %d states judged in %v: %d lost, %d corrupt, %d leaked",
			len(rec.events), r.judged, r.took.Round(time.Millisecond), r.lost, r.corrupt, r.leaked)
		if r.first != nil {
			t.Error(r.first)
		}
	}
}

// The judge sees what it is there to see: with the syncs of one kind left out,
// as by a disk that lies, something acknowledged is lost or damaged.
func TestPowerCutsWithoutSyncs(t *testing.T) {
	seed := seedOf(t)
	rng := rand.New(rand.NewPCG(seed, 3))
	w, rec := recordWorkload(t, rng.Uint64(), 50)
	created := 0
	for _, e := range rec.events {
		if e.kind == evMark && string(e.data) == "done 0" {
			created = e.ended
		}
	}
	for _, c := range []struct {
		what   string
		noSync func(e *event, isDir bool) bool
	}{
		{"no sync at all", func(*event, bool) bool { return true }},
		{"no sync of files", func(_ *event, isDir bool) bool { return !isDir }},
		{"no sync of directories", func(_ *event, isDir bool) bool { return isDir }},
		{"no sync of the directory after the store was made", func(e *event, isDir bool) bool { return isDir && e.began > created }},
	} {
		r := cutAll(t, w, rec, 16, rng, c.noSync)
		for r.lost+r.corrupt+r.leaked == 0 && r.judged < 160 { // what is left out may matter in few of a workload's states
			more := cutAll(t, w, rec, 16, rng, c.noSync)
			r.judged, r.lost, r.corrupt, r.leaked = r.judged+more.judged, more.lost, more.corrupt, more.leaked
		}
		t.Logf("%s: of %d states %d lost, %d corrupt, %d leaked", c.what, r.judged, r.lost, r.corrupt, r.leaked)
		if r.lost+r.corrupt+r.leaked == 0 {
			t.Errorf("%s, and nothing was lost or corrupt: the judge is blind", c.what)
		}
	}
}

// recordWorkload runs a workload in a child of this process.
func recordWorkload(t *testing.T, seed uint64, records int) (*world, *recording) {
	t.Helper()
	w, err := newWorld(seed, records)
	if err != nil {
		t.Fatal(err)
	}
	base := realDir(t)
	root := filepath.Join(base, "root")
	file := filepath.Join(base, "world")
	if err := errors.Join(os.Mkdir(root, 0o700), w.save(file)); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(base, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), envChild+"=workload", envWorld+"="+file, envRoot+"="+root, "TMPDIR="+base)
	rec, err := trace(root, []string{exe, "-test.run=^$"}, env, out)
	if errors.Is(err, errNoTrace) {
		t.Skipf("%v; TestCutsBetweenSteps judges what stands in the files between two steps", err)
	}
	if err != nil {
		said, _ := os.ReadFile(out.Name())
		t.Fatalf("record a workload (seed %d): %v: %s", seed, err, said)
	}
	return w, rec
}

// cuts is what a run over many states gives.
type cuts struct {
	judged, lost, corrupt, leaked int
	took                          time.Duration
	first                         error
}

// cutAll draws states at all places of a recording, and judges them.
func cutAll(t *testing.T, w *world, rec *recording, want int, rng *rand.Rand, noSync func(*event, bool) bool) (r cuts) {
	t.Helper()
	start := time.Now()
	defer func() { r.took = time.Since(start) }()
	// As many states at a place as there are unsynced events, within reason.
	var weights []int
	total := 0
	probe := newDisk(rec.isDir, noSync)
	for _, e := range rec.events {
		probe.step(e)
		n := min(len(probe.pending), 12)
		weights, total = append(weights, n), total+n
	}
	if total == 0 {
		t.Fatal("nothing was ever unsynced: nothing was recorded")
	}
	images := imageDir(t)
	d := newDisk(rec.isDir, noSync)
	acked := emptyState()
	begun := -1
	left := 0.01 // of a state: what rounding takes
	for at, e := range rec.events {
		d.step(e)
		if e.kind == evMark {
			what, number, _ := strings.Cut(string(e.data), " ")
			var n int
			if _, err := fmt.Sscan(number, &n); err != nil {
				t.Fatalf("mark %q: %v", e.data, err)
			}
			begun = n
			if what == "done" {
				acked, begun = acked.after(w, n), -1
			}
		}
		for left += float64(weights[at]) * float64(want) / float64(total); left >= 1; left-- {
			next := acked
			if begun >= 0 {
				next = acked.after(w, begun)
			}
			m := d.cut(rng)
			root := filepath.Join(images, fmt.Sprint(r.judged))
			if err := m.save(root); err != nil {
				t.Fatal(err)
			}
			err := judge(w, root, acked, next, true)
			r.judged++
			switch {
			case err == nil:
			case errors.Is(err, errLost):
				r.lost++
			case errors.Is(err, errLeaked):
				r.leaked++
			default:
				r.corrupt++
			}
			if err != nil && r.first == nil {
				op := "none"
				if begun >= 0 {
					op = w.Steps[begun].Op
				}
				r.first = fmt.Errorf("after call %d of %d, during step %d (%s), with %s: %w", at, len(rec.events), begun, op, m.what, err)
				if noSync == nil {
					return r
				}
			}
			if err := os.RemoveAll(root); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r
}

// Where no calls can be recorded: what stands in the files between two steps,
// as a process that is killed there leaves it.
func TestCutsBetweenSteps(t *testing.T) {
	seed := seedOf(t)
	rng := rand.New(rand.NewPCG(seed, 4))
	w, err := newWorld(rng.Uint64(), 40)
	if err != nil {
		t.Fatal(err)
	}
	root, images := filepath.Join(imageDir(t), "root"), imageDir(t)
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	acked, judged := emptyState(), 0
	err = w.run(root, func(text string) error {
		what, number, _ := strings.Cut(text, " ")
		if what != "done" {
			return nil
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		acked = acked.after(w, n)
		if rng.IntN(4) > 0 && n < len(w.Steps)-1 {
			return nil
		}
		at := filepath.Join(images, number)
		if err := os.CopyFS(at, os.DirFS(root)); err != nil {
			return err
		}
		judged++
		if err := judge(w, at, acked, acked, true); err != nil {
			return fmt.Errorf("after step %d (%s): %w", n, w.Steps[n].Op, err)
		}
		return os.RemoveAll(at)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d states judged", judged)
}
