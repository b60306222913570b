package cli

import (
	"context"
	"fmt"

	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
)

// A batch asks for so many persons at once, and is so many ahead of what is printed.
// The node bounds what goes to each responder.
const (
	batchAtOnce = 8
	batchAhead  = 64
)

// batched is what came of one query of a batch.
type batched struct {
	answers []*apiv1.MatchAnswer
	sum     *apiv1.MatchSummary
	err     error
}

// matchBatch asks for many persons side by side and prints in their order. What the
// node refuses for one person is said in its place; a node that cannot be reached, or
// who asks and stops, ends it after what was answered. possible names the answers
// whose details may be released, refused is what to say of those that were not asked.
func matchBatch(cmd *cobra.Command, c *client, how *apiv1.MatchRequest, queries []document, all *apiv1.MatchSummary) (possible []string, refused, err error) {
	bar := newProgress(cmd, int64(len(queries)), "asking")
	defer bar.done()
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	results := make([]chan batched, len(queries))
	for i := range results {
		results[i] = make(chan batched, 1)
	}
	ahead := make(chan struct{}, batchAhead)
	var asking errgroup.Group
	asking.Go(func() error {
		var workers errgroup.Group
		workers.SetLimit(batchAtOnce)
		for i, q := range queries {
			select {
			case ahead <- struct{}{}:
			case <-ctx.Done():
				return workers.Wait()
			}
			workers.Go(func() error {
				results[i] <- askBatched(ctx, c, how, q)
				return nil
			})
		}
		return workers.Wait()
	})
	defer func() {
		cancel()
		_ = asking.Wait() // they report through results
	}()
	count, last := 0, error(nil)
	for i, q := range queries {
		var b batched
		select {
		case b = <-results[i]:
		case <-ctx.Done():
			b.err = ctx.Err()
		}
		if b.err != nil && (ctx.Err() != nil || exitCode(b.err) == exitUnreachable) {
			return nil, nil, fmt.Errorf("%s:%d:%d: %d of %d asked: %w", q.file, q.line, q.column, i, len(queries), b.err)
		}
		if b.err != nil {
			count, last = count+1, q.located(b.err)
		}
		names, err := printBatched(cmd, q, i+1, &b)
		if err != nil {
			return nil, nil, err
		}
		possible = append(possible, names...)
		if b.sum != nil {
			all.Asked += b.sum.Asked
			all.Possible += b.sum.Possible
			all.NoHit += b.sum.NoHit
		}
		<-ahead
		bar.add(1)
	}
	switch {
	case count == len(queries):
		return nil, nil, last
	case count > 0:
		refused = withCode(exitPartial, fmt.Errorf("%d of %d queries were not asked, the last one: %w", count, len(queries), last))
	}
	return possible, refused, nil
}

// askBatched asks for one person of a batch.
func askBatched(ctx context.Context, c *client, how *apiv1.MatchRequest, q document) (b batched) {
	req, _ := proto.Clone(how).(*apiv1.MatchRequest)
	if req.Person, b.err = toStruct(q.raw); b.err != nil {
		return b
	}
	b.sum, b.err = askMatch(ctx, c, req, func(a *apiv1.MatchAnswer) error {
		b.answers = append(b.answers, a)
		return nil
	})
	return b
}

// printBatched prints what came of one query, and names the answers whose details may
// be released.
func printBatched(cmd *cobra.Command, q document, number int, b *batched) (possible []string, err error) {
	if !wantJSON(cmd) {
		fmt.Fprintf(cmd.OutOrStdout(), "query %d (line %d)\n", number, q.line)
	}
	if b.err != nil {
		if wantJSON(cmd) {
			return nil, printJSON(cmd, summaryLine{Query: number, Error: b.err.Error()})
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "not asked: %s\n", safe(b.err.Error()))
		return nil, err
	}
	for _, a := range b.answers {
		if a.GetInbox() != "" {
			possible = append(possible, a.GetInbox())
		}
		if err := printAnswer(cmd, a); err != nil {
			return nil, err
		}
	}
	return possible, printSummary(cmd, b.sum, number)
}
