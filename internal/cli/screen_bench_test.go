package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/cli"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
)

// BenchmarkScreen screens HERALD_QUERIES persons (20,000), half of them on the
// list with typing errors, against a list of HERALD_PERSONS (10,000) invented
// ones, and reports both rates and the most memory the process had. A million:
//
//	HERALD_PERSONS=1000000 go test ./internal/cli -run '^$' -bench Screen -benchtime 1x -timeout 1h
func BenchmarkScreen(b *testing.B) {
	number := func(env string, n int) int {
		if v, err := strconv.Atoi(os.Getenv(env)); err == nil {
			n = v
		}
		return n
	}
	persons, queries := number("HERALD_PERSONS", 10_000), number("HERALD_QUERIES", 20_000)
	dir := b.TempDir()
	g := synth.New(11)
	list, asked := filepath.Join(dir, "list.jsonl"), filepath.Join(dir, "queries.csv")
	var held []ct.Person
	writeLines(b, list, persons, func(i int) string {
		p := g.Person()
		if len(held) < queries/2 && i%max(1, persons/(queries/2)) == 0 {
			held = append(held, p)
		}
		line, err := json.Marshal(ct.ListPerson{ID: fmt.Sprint("L", i), Person: p})
		if err != nil {
			b.Fatal(err)
		}
		return string(line)
	})
	writeLines(b, asked, queries+1, func(i int) string {
		if i == 0 {
			return "id,name,birth"
		}
		p := g.Person()
		if i%2 == 0 {
			p = g.Perturb(held[i/2%len(held)])
		}
		birth := ""
		if len(p.Births) > 0 {
			birth = p.Births[0].Date
		}
		return fmt.Sprintf("%d,%q,%s", i, strings.ReplaceAll(p.Names[0].Full, `"`, ""), birth)
	})
	for b.Loop() {
		var notes strings.Builder
		start, busy := time.Now(), processor()
		code := cli.Main(context.Background(), []string{"screen", "--list", list, "--queries", asked, "--json"},
			cli.Env{In: strings.NewReader(""), Out: io.Discard, Err: &notes, Getenv: func(string) string { return "" }})
		if code != 0 {
			b.Fatalf("exit code %d: %s", code, notes.String())
		}
		b.ReportMetric(time.Since(start).Seconds(), "s/run")
		b.ReportMetric((processor() - busy).Seconds(), "cpu-s/run")
		b.Log(strings.TrimSpace(notes.String()))
	}
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		b.ReportMetric(float64(u.Maxrss)/1024, "MiB-peak")
	}
}

func writeLines(b *testing.B, path string, n int, line func(int) string) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range n {
		w.WriteString(line(i))
		w.WriteByte('\n')
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

func processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
