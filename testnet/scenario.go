package testnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// Scenarios lists the names that Scenario plays.
func Scenarios() []string { return []string{"arrival", "match", "partition", "retract"} }

// Scenario plays one short scene on a running testnet and checks its outcome.
func (n *Net) Scenario(ctx context.Context, name string, out io.Writer) error {
	s, err := n.newStage(ctx, out)
	if err != nil {
		return fmt.Errorf("scenario: %w", err)
	}
	play := map[string]func(context.Context) error{
		"arrival": s.arrival, "match": s.tourSpread, "partition": s.partition, "retract": s.tourRetract,
	}[name]
	if play == nil {
		return fmt.Errorf("scenario %q is not one of %v", name, Scenarios())
	}
	if err := play(ctx); err != nil {
		return fmt.Errorf("scenario %s: %w", name, err)
	}
	return nil
}

// arrival is the smallest scene: one State tells, all others know.
func (s *stage) arrival(ctx context.Context) error {
	id, _, err := s.publish(ctx, s.at(0), ct.TopicArrival)
	if err != nil {
		return err
	}
	return s.arrive(ctx, s.net.Nodes, id)
}

// partition splits the network in two halves that both go on, and heals it.
func (s *stage) partition(ctx context.Context) error {
	if len(s.net.Nodes) < 2 {
		return fmt.Errorf("needs two nodes or more")
	}
	half := len(s.net.Nodes) / 2
	left, right := s.net.Nodes[:half], s.net.Nodes[half:]
	s.say("   %s | %s: they mute one another", all(left), all(right))
	if err := s.net.Perturb(ctx, Partition, left); err != nil {
		return err
	}
	a, errA := s.halfAlone(ctx, left, right)
	b, errB := s.halfAlone(ctx, right, left)
	s.say("   the halves are joined again")
	// Whatever happened, no partition stays behind.
	if err := s.net.Perturb(ctx, Heal, left); err != nil {
		return err
	}
	if errA != nil || errB != nil {
		return fmt.Errorf("apart: %w", errors.Join(errA, errB))
	}
	return s.arrive(ctx, s.net.Nodes, a, b)
}

// halfAlone publishes in one half and proves that the other does not get it.
func (s *stage) halfAlone(ctx context.Context, here, there []Instance) (string, error) {
	for _, i := range here {
		if err := s.apart(ctx, i, there); err != nil {
			return "", err
		}
	}
	id, _, err := s.publish(ctx, here[0], ct.TopicTravel)
	if err != nil {
		return "", err
	}
	if err := s.arrive(ctx, here, id); err != nil {
		return "", err
	}
	for _, i := range there {
		entries, err := i.entries(ctx, 0)
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			if e.Id == id {
				return "", fmt.Errorf("%s has %s in spite of the partition", i.Name, short(id))
			}
		}
	}
	return id, nil
}

// apart waits until a node has no connection to any node of the other side.
func (s *stage) apart(ctx context.Context, i Instance, there []Instance) error {
	ctx, cancel := context.WithTimeout(ctx, arriveTimeout)
	defer cancel()
	err := until(ctx, 20*time.Millisecond, func(ctx context.Context) (bool, error) {
		peers, err := i.peers(ctx)
		if err != nil {
			return false, err
		}
		for _, p := range peers {
			for _, t := range there {
				if p.Node == t.Node.String() {
					return false, nil
				}
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("%s is still connected to the other half: %w", i.Name, err)
	}
	return nil
}
