package testnet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
)

// The perturbations. Each is what really happens to nodes: signals to the
// process, or the mute that every State has over its own node.
const (
	Kill      = "kill"      // at once, as a power cut
	Pause     = "pause"     // stops it in its tracks
	Resume    = "resume"    // ends a pause
	Restart   = "restart"   // stops it in order when it runs, and starts it
	Partition = "partition" // the named nodes and all others mute one another
	Heal      = "heal"      // ends the partitions of the named nodes
)

// Perturbations lists their names.
func Perturbations() []string { return []string{Kill, Pause, Resume, Restart, Partition, Heal} }

// Perturb does one of them to the named nodes and returns when it is done: a
// restarted node is ready again, a healed network connected again.
func (n *Net) Perturb(ctx context.Context, what string, nodes []Instance) error {
	switch what {
	case Kill:
		return each(nodes, func(i Instance) error { return i.kill(ctx) })
	case Pause:
		return each(nodes, func(i Instance) error { return i.pause(ctx) })
	case Resume:
		return each(nodes, func(i Instance) error { return i.signal(syscall.SIGCONT) })
	case Restart:
		if _, err := stopAll(ctx, nodes); err != nil {
			return err
		}
		if err := each(nodes, func(i Instance) error { return i.start(n.Binary) }); err != nil {
			return err
		}
		return n.WaitReady(ctx, nodes...)
	case Partition:
		return n.mute(ctx, nodes, true)
	case Heal:
		if err := n.mute(ctx, nodes, false); err != nil {
			return err
		}
		return n.WaitReady(ctx, n.running()...)
	}
	return fmt.Errorf("perturb: %q is not one of %s", what, strings.Join(Perturbations(), ", "))
}

// pause returns when the process has stopped.
func (i Instance) pause(ctx context.Context) error {
	if err := i.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return until(ctx, 5*time.Millisecond, func(context.Context) (bool, error) {
		p, running := i.process()
		if !running {
			return false, fmt.Errorf("%s has ended", i.Name)
		}
		st, err := stat(p.Pid)
		return err == nil && st.stopped(), err
	})
}

func each(nodes []Instance, do func(Instance) error) error {
	for _, i := range nodes {
		if err := do(i); err != nil {
			return err
		}
	}
	return nil
}

// mute cuts, or joins again, every pair of which one node is named and the
// other is not. Both sides do it, as two States that fall out would.
func (n *Net) mute(ctx context.Context, named []Instance, cut bool) error {
	inside := func(i Instance) bool {
		return slices.ContainsFunc(named, func(j Instance) bool { return i.Name == j.Name })
	}
	if cut && len(named) == len(n.Nodes) {
		return errors.New("partition: name the nodes of one side, not all")
	}
	for _, i := range n.running() {
		for _, j := range n.Nodes {
			// Healing all nodes means every pair: nobody is outside then.
			apart := inside(i) != inside(j) || len(named) == len(n.Nodes)
			if i.Name == j.Name || !apart {
				continue
			}
			if err := i.mute(ctx, j.State, cut); err != nil {
				return err
			}
		}
	}
	return nil
}

func (i Instance) mute(ctx context.Context, s ct.State, on bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var err error
	if on {
		_, err = i.api.Mute(ctx, connect.NewRequest(&apiv1.MuteRequest{State: string(s)}))
	} else {
		_, err = i.api.Unmute(ctx, connect.NewRequest(&apiv1.UnmuteRequest{State: string(s)}))
	}
	if err != nil {
		return fmt.Errorf("%s: mute of %s: %w", i.Name, s, err)
	}
	return nil
}
