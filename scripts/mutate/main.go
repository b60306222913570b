// Command mutate proves that the tests hold the controls: it takes one control
// out at a time, runs the tests that should notice, and fails when they stay
// green or end without an assertion. The tree is never touched: the altered file is a copy that go test is
// given by -overlay, which the tests' own go commands inherit.
//
//	go run ./scripts/mutate              all controls
//	go run ./scripts/mutate gater mute   these
//	go run ./scripts/mutate -list        what there is
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	list := flag.Bool("list", false, "print the controls and end")
	parallel := flag.Int("p", 2, "controls at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	chosen, err := choose(controls, flag.Args())
	switch {
	case err != nil:
	case *list:
		printList(os.Stdout, chosen)
	default:
		err = run(ctx, os.Stdout, chosen, max(1, *parallel))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// choose picks controls by name, in the table's order; no name picks all.
func choose(all []control, names []string) ([]control, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []control
	for _, c := range all {
		if i := slices.Index(names, c.name); i >= 0 {
			chosen, names = append(chosen, c), slices.Delete(slices.Clone(names), i, i+1)
		}
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("no control is called %s; -list shows them", strings.Join(names, ", "))
	}
	return chosen, nil
}

func printList(w io.Writer, chosen []control) {
	for _, c := range chosen {
		fmt.Fprintf(w, "%-22s %-40s %s\n", c.name, c.edits[0].file, c.rule)
	}
}

// run proves the controls, a few at a time, and prints a row for each in the
// order of the table. The error says how many no test noticed.
func run(ctx context.Context, w io.Writer, chosen []control, parallel int) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "herald-mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	start := time.Now()
	m := mutator{root: root, dir: dir, limits: map[string]time.Duration{}}

	// A test that is red anyway proves nothing.
	if err := m.baseline(ctx, chosen); err != nil {
		return err
	}
	fmt.Fprintf(w, "untouched: green, %.0f s\n\n", time.Since(start).Seconds())
	fmt.Fprintf(w, "%-22s %-38s %-52s %7s  %s\n", "control taken out", "of file", "test that went red", "seconds", "what it said")
	rows := make([]chan result, len(chosen))
	for i := range rows {
		rows[i] = make(chan result, 1)
	}
	var printing, proofs errgroup.Group
	var cpu time.Duration
	printing.Go(func() (err error) {
		cpu, err = report(ctx, w, chosen, rows)
		return err
	})
	proofs.SetLimit(parallel)
	for i, c := range chosen {
		proofs.Go(func() error {
			rows[i] <- m.prove(ctx, c)
			return nil
		})
	}
	err = errors.Join(proofs.Wait(), printing.Wait())
	fmt.Fprintf(w, "\n%d controls, %.0f s, of processors %.0f s\n", len(chosen), time.Since(start).Seconds(), cpu.Seconds())
	return err
}

// report prints the rows in order, each as soon as it is there, and sums up
// the processors' time.
func report(ctx context.Context, w io.Writer, chosen []control, rows []chan result) (cpu time.Duration, err error) {
	missed := 0
	for i, c := range chosen {
		var r result
		select {
		case r = <-rows[i]:
		case <-ctx.Done():
			return cpu, ctx.Err()
		}
		cpu += r.cpu
		red := r.test
		switch {
		case r.err != nil:
			red = "BROKEN: " + r.err.Error()
			missed++
		case r.crash != "":
			red = strings.TrimSpace("NO ASSERTION: " + r.test + " " + r.crash)
			missed++
		case red == "":
			red = "NONE: every test stayed green"
			missed++
		}
		fmt.Fprintf(w, "%-22s %-38s %-52s %7.1f  %.160s\n", c.name, c.edits[0].file, red, r.took.Seconds(), r.said)
	}
	if missed > 0 {
		return cpu, fmt.Errorf("%d of %d controls are held by no test", missed, len(chosen))
	}
	return cpu, nil
}

// moduleRoot is the directory of go.mod, at or above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod here or above: run this in the repository")
		}
		dir = up
	}
}
