// Command herald runs and talks to a node of a federated notification network.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/herald-net/herald/internal/cli"
)

// spare is how many more threads than processors may run Go at once.
const spare = 2

// spareThreads keeps the processors at work while threads wait for the disk.
// Go's scheduler notices within 10 ms that a thread waits there, and lets what
// has waited go on within 10 ms when all others compute: twice for each sync of
// a commit, while a catch-up verifies. With threads to spare the operating
// system sees to it, at once. Whoever sets GOMAXPROCS is obeyed.
func spareThreads() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spare)
	}
}

// prepare sets what holds for every command.
func prepare() error {
	spareThreads()
	return noDumps()
}

func main() {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "herald:", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Main(ctx, os.Args[1:], cli.Env{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv,
	}))
}
