package store_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// rounds is how often a randomised test repeats; HERALD_ROUNDS raises it.
func rounds(t testing.TB, n int) int {
	if v := os.Getenv("HERALD_ROUNDS"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatalf("HERALD_ROUNDS: %v", err)
		}
	}
	return n
}

// TestMain runs the child of TestKill and TestKillInARewind in a copy of the test binary.
func TestMain(m *testing.M) {
	if dir := os.Getenv("HERALD_KILL_DIR"); dir != "" {
		child := killChild
		if os.Getenv("HERALD_KILL_REWIND") != "" {
			child = rewindChild
		}
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// killChild appends the records of a file from where the store stands,
// erasing one now and then, and prints each cursor once it is acknowledged.
func killChild(dir string) error {
	w := newWorld(childTB{}, uto, isl)
	raws, err := loadRecords(filepath.Join(dir, "..", "records"))
	if err != nil {
		return err
	}
	s, err := store.Open(w.config(dir))
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(s.Last(), 9))
	for at := int(s.Last()); at < len(raws); {
		n := min(1+rng.IntN(30), len(raws)-at)
		var recs []verify.Record
		for _, raw := range raws[at : at+n] {
			recs = append(recs, w.open(raw))
		}
		// As catch-up brings them: what is of one log is held for its last
		// signature's sake, and some signatures were replaced on the way.
		last, err := s.Append(asRanges(w, recs, rng))
		if err != nil {
			return err
		}
		at += n
		fmt.Printf("stored %d\n", last)
		if rng.IntN(10) == 0 {
			victim := rng.IntN(at)
			if err := s.Erase([]ct.Ref{ref(w.open(raws[victim]))}, store.BodyLocal); err != nil {
				return err
			}
			fmt.Printf("erased %d\n", victim)
		}
		if _, _, err := s.Recheck(rng.IntN(40)); err != nil {
			return err
		}
		if rng.IntN(20) == 0 {
			if err := s.CompactBodies(); err != nil {
				return err
			}
		}
	}
	fmt.Println("done")
	return s.Close()
}

func asRanges(w *world, recs []verify.Record, rng *rand.Rand) []verify.Record {
	byLog := map[ct.LogID][]verify.Record{}
	for _, r := range recs {
		byLog[r.Header().Log] = append(byLog[r.Header().Log], r)
	}
	for log, own := range byLog {
		var bad []int
		for i := range len(own) - 1 {
			if rng.IntN(4) == 0 {
				bad = append(bad, i)
			}
		}
		byLog[log] = w.chained(own, bad...)
	}
	out := make([]verify.Record, len(recs))
	for i, r := range recs {
		log := r.Header().Log
		out[i], byLog[log] = byLog[log][0], byLog[log][1:]
	}
	return out
}

// childTB lets the child build a world; it fails by ending the process.
type childTB struct{ testing.TB }

func (childTB) Helper() {}
func (childTB) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}
func (c childTB) Fatalf(format string, args ...any) { c.Fatal(fmt.Sprintf(format, args...)) }

// A process that is killed at any moment keeps what it acknowledged, and what
// it erased stays erased.
func TestKill(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, uto, isl)
	base := t.TempDir()
	cfg := w.config(filepath.Join(base, "data"))
	w.ok(store.Create(cfg))
	recs := w.interleave(w.authors[uto].notifyMany(1200, 300), w.authors[isl].notifyMany(1200, 300))
	w.ok(saveRecords(recs, filepath.Join(base, "records")))

	acked, erased := uint64(0), make(map[int]bool)
	killed := 0
	for round := range rounds(t, 20) {
		lines, done := runAndKill(t, cfg.Dir, time.Duration(rng.IntN(60_000))*time.Microsecond, rng)
		for _, line := range lines {
			what, number, _ := strings.Cut(line, " ")
			n, err := strconv.ParseUint(number, 10, 64)
			switch {
			case err != nil: // "done", or a line cut by the kill
			case what == "stored":
				acked = max(acked, n)
			case what == "erased":
				erased[int(n)] = true
			}
		}
		s := w.reopen(cfg)
		if s.Last() < acked {
			t.Fatalf("round %d: %d acknowledged, %d held", round, acked, s.Last())
		}
		rows := readAll(s)
		for i, row := range rows {
			switch {
			case row.ID != recs[i].ID():
				t.Fatalf("round %d: row %d is not the record that was appended", round, i)
			case erased[i] && row.BodyState != store.BodyLocal:
				t.Fatalf("round %d: body %d came back: %v", round, i, row.BodyState)
			case row.BodyState == store.BodyHeld && !bytes.Equal(row.Body, recs[i].Body()):
				t.Fatalf("round %d: body %d is not the one that was appended", round, i)
			case row.BodyState == store.BodyMissing:
				t.Fatalf("round %d: body %d was acknowledged and is missing", round, i)
			}
		}
		if uint64(len(rows)) != s.Last() {
			t.Fatalf("round %d: %d rows, newest cursor %d", round, len(rows), s.Last())
		}
		checkFiles(t, s, cfg)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
		if done {
			w.ok(os.RemoveAll(cfg.Dir))
			w.ok(store.Create(cfg))
			acked, erased = 0, make(map[int]bool)
		} else {
			killed++
		}
	}
	if killed == 0 {
		t.Fatal("no process was killed")
	}
	t.Logf("%d killed, %d acknowledged in the last", killed, acked)
}

// runAndKill starts the child, waits until it has stored something and then
// some, and kills it. It returns the lines the child managed to print.
func runAndKill(t *testing.T, dir string, after time.Duration, rng *rand.Rand) (lines []string, done bool) {
	t.Helper()
	return killAfter(t, dir, 1+rng.IntN(20), after)
}

// killAfter is runAndKill after so many lines of the child's.
func killAfter(t *testing.T, dir string, wait int, after time.Duration) (lines []string, done bool) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^$")
	cmd.Env = append(os.Environ(), "HERALD_KILL_DIR="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	var kill *time.Timer
	for in.Scan() {
		lines = append(lines, in.Text())
		done = done || in.Text() == "done"
		if len(lines) == wait && kill == nil {
			kill = time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
	}
	err = cmd.Wait()
	if kill != nil {
		kill.Stop()
	}
	if stderr.Len() > 0 {
		t.Fatalf("the child failed: %v: %s", err, stderr.String())
	}
	return lines, done
}

func saveRecords(recs []verify.Record, path string) error {
	var b []byte
	for _, r := range recs {
		b = binary.BigEndian.AppendUint32(b, uint32(len(r.Raw())))
		b = append(b, r.Raw()...)
	}
	return os.WriteFile(path, b, 0o600)
}

func loadRecords(path string) (raws [][]byte, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for len(b) > 0 {
		if len(b) < 4 || len(b)-4 < int(binary.BigEndian.Uint32(b)) {
			return nil, io.ErrUnexpectedEOF
		}
		n := binary.BigEndian.Uint32(b)
		raws = append(raws, b[4:4+n])
		b = b[4+n:]
	}
	return raws, nil
}
