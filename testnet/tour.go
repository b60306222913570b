package testnet

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// Tour shows what a herald network does, in words a newcomer follows, and
// checks the invariants at the end. Any surprise is an error.
func (n *Net) Tour(ctx context.Context, out io.Writer) error {
	s, err := n.newStage(ctx, out)
	if err != nil {
		return fmt.Errorf("tour: %w", err)
	}
	s.say("A tour of %d nodes of an exercise network. Nothing in it is real; every person is invented (seed %d).", len(n.Nodes), n.Seed)
	for _, step := range []func(context.Context) error{s.tourSpread, s.tourRetract, s.tourCrash, s.tourCheck} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("tour: %w", err)
		}
	}
	return nil
}

// tourSpread publishes on all four topics and asks about one of the persons.
func (s *stage) tourSpread(ctx context.Context) error {
	s.say("\n1. Four States publish signed notifications, one on each topic. They spread from node to node.")
	want, err := s.persons(ctx, uint64(len(events)))
	if err != nil {
		return err
	}
	var ids []string
	var person *ct.Person
	for k, topic := range events {
		id, p, err := s.publish(ctx, s.at(k), topic)
		if err != nil {
			return err
		}
		ids = append(ids, id)
		if topic == ct.TopicArrival {
			person = p
		}
	}
	if err := s.arrive(ctx, s.net.Nodes, ids...); err != nil {
		return err
	}

	author, asker := s.at(slices.Index(events[:], ct.TopicArrival)), s.at(len(s.net.Nodes)-1)
	if asker.Name == author.Name {
		asker = s.at(0)
	}
	s.say("\n2. %s meets the person of the arrival and asks every node: do you know this person?", asker.State)
	if err := s.indexed(ctx, s.net.Nodes, want); err != nil {
		return err
	}
	if err := s.expectHit(ctx, asker, author, person); err != nil {
		return err
	}
	s.say("   A hit is a lead for a human, never an action. Now a person whom nobody has met:")
	if err := s.expectNoHit(ctx, asker); err != nil {
		return err
	}
	return s.release(ctx, asker, ids[slices.Index(events[:], ct.TopicArrival)])
}

// expectHit asks for a person whom author has published. Every node holds the
// notification; who may tell of it, beside the author and the asker's own node,
// is for its handling.
func (s *stage) expectHit(ctx context.Context, asker, author Instance, p *ct.Person) error {
	sum, possible, err := s.match(ctx, asker, p)
	if err != nil {
		return err
	}
	if sum.Answered != sum.Asked {
		return fmt.Errorf("match: %d of %d answered", sum.Answered, sum.Asked)
	}
	for _, i := range []Instance{asker, author} {
		if !slices.Contains(possible, string(i.State)) {
			return fmt.Errorf("match: %s holds the notification and may tell, and did not say POSSIBLE", i.State)
		}
	}
	return nil
}

func (s *stage) expectNoHit(ctx context.Context, asker Instance) error {
	p := s.gen.Person()
	sum, _, err := s.match(ctx, asker, &p)
	if err != nil {
		return err
	}
	if sum.Answered != sum.Asked || sum.NoHit != sum.Answered {
		return fmt.Errorf("match: nobody knows the person, %d of %d said NO_HIT", sum.NoHit, sum.Asked)
	}
	return nil
}

// tourRetract shows that a retraction hides on every node at once.
func (s *stage) tourRetract(ctx context.Context) error {
	author := s.at(1)
	s.say("\n3. %s has named the wrong person and takes a notification back.", author.State)
	id, _, err := s.publish(ctx, author, ct.TopicDetention)
	if err != nil {
		return err
	}
	if err := s.arrive(ctx, s.net.Nodes, id); err != nil {
		return err
	}
	by, err := s.retract(ctx, author, id)
	if err != nil {
		return err
	}
	if err := s.arrive(ctx, s.net.Nodes, by); err != nil {
		return err
	}
	return s.hidden(ctx, s.net.Nodes, id)
}

// tourCrash kills a node, goes on without it, and lets it catch up.
func (s *stage) tourCrash(ctx context.Context) error {
	if len(s.net.Nodes) < 2 {
		s.say("\n4. With one node there is nothing to catch up from: no crash today.")
		return nil
	}
	victim := s.at(len(s.net.Nodes) / 2)
	s.say("\n4. %s of %s loses power (kill -9). The others go on without it.", victim.Name, victim.State)
	if err := s.net.Perturb(ctx, Kill, []Instance{victim}); err != nil {
		return err
	}
	others := s.net.running()
	var ids []string
	for k, topic := range events {
		id, _, err := s.publish(ctx, others[k%len(others)], topic)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := s.arrive(ctx, others, ids...); err != nil {
		return err
	}
	start := time.Now()
	if err := s.net.Perturb(ctx, Restart, []Instance{victim}); err != nil {
		return err
	}
	s.say("   %s is back and may sign again after %s", victim.Name, since(start))
	if err := s.arrive(ctx, []Instance{victim}, ids...); err != nil {
		return err
	}
	s.say("   %s has caught up: what was published without it is there", victim.Name)
	return nil
}

// tourCheck checks the invariants of the network at rest.
func (s *stage) tourCheck(ctx context.Context) error {
	s.say("\n5. What must be true on every node:")
	r, err := s.net.Check(ctx)
	if err != nil {
		return err
	}
	r.Print(s.out)
	return r.Err()
}

// Print tells a report line by line.
func (r Report) Print(out io.Writer) {
	if len(r.Breaks) == 0 {
		fmt.Fprintf(out, "   ok: %d nodes hold the same %d records\n", r.Nodes, r.Records)
		fmt.Fprintf(out, "   ok: %d of %d records are signed by a member's log, computed from their bytes\n", r.Verified, r.Nodes*r.Records)
		fmt.Fprintf(out, "   ok: %d retracted on each node, none of them readable\n", r.Retracted)
	}
	for _, b := range r.Breaks {
		fmt.Fprintf(out, "   BROKEN: %s\n", b)
	}
}

// events are the topics of notifications.
var events = [...]ct.Topic{ct.TopicTravel, ct.TopicArrival, ct.TopicDeportation, ct.TopicDetention}
