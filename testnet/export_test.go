package testnet

import (
	"context"
	"time"

	"github.com/herald-net/herald/internal/roster"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
)

// What the tests look at from outside.

func (n *Net) Roster(now time.Time) (*roster.View, error) { return n.roster(now) }

func (i Instance) Entries(ctx context.Context) ([]*apiv1.Entry, error) { return i.entries(ctx, 0) }

func (i Instance) Check(ctx context.Context, r *Report, v *roster.View, e []*apiv1.Entry) (int, error) {
	return i.check(ctx, r, v, e)
}

func (n *Net) Difference(ctx context.Context, nodes []Instance) (string, error) {
	return n.difference(ctx, nodes)
}

func (i Instance) Running() bool { _, ok := i.process(); return ok }

func StartTime(pid int) (start, boot string, err error) {
	st, err := stat(pid)
	if err != nil {
		return "", "", err
	}
	boot, err = bootID()
	return st.start, boot, err
}

var PossibleDate, StateOf, ReadQueries = possibleDate, stateOf, readQueries

func (n *Net) WaitSame(ctx context.Context) error { return n.waitSame(ctx, n.Nodes) }

// CloseInherited is what happens before a node is started.
var CloseInherited = closeInherited
