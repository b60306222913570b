package testnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// until asks again and again whether something has come true, until it has,
// it fails, or ctx ends.
func until(ctx context.Context, every time.Duration, ok func(context.Context) (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		done, err := ok(ctx)
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// meshed is up to how many nodes every node connects to every other one;
// beyond, each keeps enough connections.
const (
	meshed = 32
	enough = 20
)

// WaitReady waits until the named nodes answer, may sign, and are connected
// to all others that run, or in a large network to enough of them.
func (n *Net) WaitReady(ctx context.Context, nodes ...Instance) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	want := uint32(max(len(n.running())-1, 0))
	if want >= meshed {
		want = enough
	}
	for _, i := range nodes {
		last := "its API does not answer"
		err := until(ctx, 50*time.Millisecond, func(ctx context.Context) (bool, error) {
			if _, running := i.process(); !running {
				last = "it has ended by itself: " + i.lastWords()
				return false, errEnded
			}
			s, err := i.status(ctx)
			switch {
			case err != nil:
				return false, nil
			case !s.Ready && len(s.Reasons) > 0:
				last = s.Reasons[0]
			case s.Peers < want:
				last = fmt.Sprintf("%d of %d nodes connected", s.Peers, want)
			}
			return s.Ready && s.Peers >= want, nil
		})
		if err != nil {
			return fmt.Errorf("%s of %s is not ready: %s (%w): see %s", i.Name, i.State, last, err, i.LogFile())
		}
	}
	return nil
}

var errEnded = errors.New("ended")

// lastWords is the last line that the instance has logged.
func (i Instance) lastWords() string {
	const tail = 4 << 10
	f, err := os.Open(i.LogFile())
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err.Error()
	}
	raw := make([]byte, min(tail, st.Size()))
	if _, err := f.ReadAt(raw, st.Size()-int64(len(raw))); err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	text := strings.TrimSpace(string(raw))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// errDiffer tells that nodes hold different records.
var errDiffer = errors.New("not the same records")

// waitSame waits until all given nodes hold the same records.
func (n *Net) waitSame(ctx context.Context, nodes []Instance) error {
	ctx, cancel := context.WithTimeout(ctx, arriveTimeout)
	defer cancel()
	what := ""
	err := until(ctx, 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		var counts []uint64
		for _, i := range nodes {
			s, err := i.status(ctx)
			if err != nil {
				return false, err
			}
			counts = append(counts, s.Records)
		}
		for _, c := range counts {
			if c != counts[0] {
				what = fmt.Sprintf("records held: %v", counts)
				return false, nil
			}
		}
		diff, err := n.difference(ctx, nodes)
		what = diff
		return diff == "", err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w after %s: %s", errDiffer, arriveTimeout, what)
	}
	return err
}
