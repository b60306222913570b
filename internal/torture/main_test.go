package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/herald-net/herald/internal/cli"
)

// What a copy of this test binary that is a child is told.
const (
	envChild = "HERALD_TORTURE_CHILD"
	envWorld = "HERALD_TORTURE_WORLD"
	envRoot  = "HERALD_TORTURE_ROOT"
)

func TestMain(m *testing.M) {
	if what := os.Getenv(envChild); what != "" {
		if err := runChild(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// The nodes that the tests start run in copies of this binary.
	if len(os.Args) > 1 && os.Args[1] == "run" {
		os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Env{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv}))
	}
	os.Exit(m.Run())
}

func runChild(what string) error {
	w, err := loadWorld(os.Getenv(envWorld))
	if err != nil {
		return err
	}
	switch what {
	case "workload":
		if err := watchMe(); err != nil {
			return err
		}
		return child(w, os.Getenv(envRoot), os.NewFile(markFD, "marks"))
	}
	return fmt.Errorf("unknown child %q", what)
}

// seedOf draws a seed and prints it; HERALD_SEED replays one.
func seedOf(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if v := os.Getenv("HERALD_SEED"); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatalf("HERALD_SEED: %v", err)
		}
	}
	t.Logf("HERALD_SEED=%d", seed)
	return seed
}

// rounds is how much a test does: short, unless the environment says how much.
func rounds(t testing.TB, name string, short int) int {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return short
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q", name, v)
	}
	return n
}

// realDir is a new directory by its real name.
func realDir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// imageDir is where states are laid out: in memory where there is such a
// place, as the syncs of thousands of judges prove nothing.
func imageDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "herald-torture-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
