package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/match"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// maxBatch queries go to a worker together; fewer when no more are there yet,
// so that a program which asks and waits gets its answer.
const maxBatch = 64

// screening answers queries on all cores, in order, holding a bounded number
// of them.
type screening struct {
	cmd     *cobra.Command
	index   *index.Index
	rows    querySource
	name    string
	options screenOptions

	// Counted by the one who writes.
	answered, faulty int
	told             int                   // lines on stderr, had all been written
	best             [match.Strong + 1]int // queries by the tier of their best hit
}

// queryBatch goes through the hands of the reader, one worker and the writer.
type queryBatch struct {
	queries []query
	hits    [][]screenHit
	done    chan struct{}
}

func (s *screening) run() error {
	ctx, stop := context.WithCancel(s.cmd.Context())
	defer stop()
	workers := runtime.GOMAXPROCS(0)
	todo := make(chan *queryBatch, workers)
	order := make(chan *queryBatch, 4*workers)
	group, working := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error { return s.work(working, todo) })
	}
	// The reader may hang in a read that nothing ends; it is not waited for.
	read := make(chan error, 1)
	go func() {
		read <- s.read(working, todo, order)
		close(todo)
		close(order)
	}()
	err := s.write(working, order)
	if err != nil {
		stop()
	}
	if failed := group.Wait(); err == nil || failed != nil && !errors.Is(failed, context.Canceled) {
		err = failed
	}
	if err == nil {
		err = <-read
	}
	return err
}

// read cuts the queries into batches.
func (s *screening) read(ctx context.Context, todo, order chan<- *queryBatch) error {
	var batch []query
	send := func() error {
		if len(batch) == 0 {
			return nil
		}
		b := &queryBatch{queries: batch, hits: make([][]screenHit, len(batch)), done: make(chan struct{})}
		batch = nil
		for _, c := range []chan<- *queryBatch{order, todo} {
			select {
			case c <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
	err := s.rows.each(ctx, func(q query, more bool) error {
		batch = append(batch, q)
		if more && len(batch) < maxBatch {
			return nil
		}
		return send()
	})
	return errors.Join(send(), err)
}

func (s *screening) work(ctx context.Context, todo <-chan *queryBatch) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b, ok := <-todo:
			if !ok {
				return nil
			}
			for i := range b.queries {
				var err error
				if b.hits[i], err = s.find(&b.queries[i]); err != nil {
					return err
				}
			}
			close(b.done)
		}
	}
}

// find gives the best hits of a query, each entry once: an id may stand on
// several lines of the list.
func (s *screening) find(q *query) ([]screenHit, error) {
	out := []screenHit{}
	if q.fault != "" {
		return out, nil
	}
	subject := match.Prepare(q.person)
	for _, f := range match.Unread(&q.person) {
		q.notes = append(q.notes, f.Field+": "+f.Fault)
	}
	if len(subject.Names) == 0 && len(subject.Documents) == 0 {
		q.fault, q.notes = "nothing in it can be read, neither name nor document: nothing to look for", nil
		return out, nil
	}
	found, err := s.index.Find(subject, 2*s.options.top)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 && !subject.Readable() {
		q.fault, q.notes = "the name is in a script that is not read, and no entry has the same text: whether the person is listed is not known", nil
	}
	seen := map[string]bool{}
	for _, h := range found {
		id := idOfRef(h.Ref)
		if seen[id] || len(out) == s.options.top {
			continue
		}
		seen[id] = true
		out = append(out, newScreenHit(id, h.Result, s.options.explain))
	}
	return out, nil
}

// write prints the answers in the order of the queries.
func (s *screening) write(ctx context.Context, order <-chan *queryBatch) error {
	out := bufio.NewWriterSize(s.cmd.OutOrStdout(), 1<<16)
	show := screenPrinter(s.cmd, out, s.options.explain)
	bar := newProgress(s.cmd, -1, "screening")
	defer bar.done()
	for {
		var b *queryBatch
		var ok bool
		select {
		case b, ok = <-order:
		default: // nothing waits: what is there goes out
			if err := out.Flush(); err != nil {
				return err
			}
			select {
			case b, ok = <-order:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if !ok {
			return out.Flush()
		}
		select {
		case <-b.done:
		case <-ctx.Done():
			return errors.Join(out.Flush(), ctx.Err())
		}
		for i, q := range b.queries {
			if err := s.count(&q, b.hits[i]); err != nil {
				return errors.Join(out.Flush(), err)
			}
			if err := show(&q, b.hits[i]); err != nil {
				return err
			}
		}
		bar.add(len(b.queries))
	}
}

// count tells of what could not be read, and ends a strict run.
func (s *screening) count(q *query, hits []screenHit) error {
	told := q.notes
	if q.fault != "" {
		s.faulty++
		told = []string{q.fault}
	} else {
		s.answered++
		if len(hits) > 0 {
			s.best[hits[0].Tier]++
		}
	}
	for _, line := range told {
		if s.options.strict {
			return usagef("%s:%d: %s", s.name, q.line, line)
		}
		if s.told++; s.told <= maxTold {
			fmt.Fprintf(s.cmd.ErrOrStderr(), "%s:%d: %s\n", s.name, q.line, line)
		}
	}
	return nil
}

// sumUp is the last line, on stderr: what a program reads holds queries alone.
func (s *screening) sumUp(took time.Duration) {
	w := s.cmd.ErrOrStderr()
	if s.options.explain {
		out := s.cmd.OutOrStdout()
		if wantJSON(s.cmd) {
			out = w
		}
		fmt.Fprint(out, "\n", match.TierTable)
	}
	if s.told > maxTold {
		fmt.Fprintf(w, "%s: and %d more lines of this kind\n", s.name, s.told-maxTold)
	}
	all := s.answered + s.faulty
	none := s.answered
	for _, n := range s.best[match.Weak:] {
		none -= n
	}
	fmt.Fprintf(w, "%d queries against %d persons in %s (%.0f/s): best hit strong %d, possible %d, weak %d, none %d; not answered %d\n",
		all, s.index.Persons(), took.Round(time.Millisecond), float64(all)/max(took.Seconds(), 1e-3),
		s.best[match.Strong], s.best[match.Possible], s.best[match.Weak], none, s.faulty)
}

// eachInParallel calls fn for 0..n-1 on all cores and waits.
func eachInParallel(ctx context.Context, n int, fn func(i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		g.Go(func() error {
			for i := w; i < n; i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := fn(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}
