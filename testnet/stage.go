package testnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/structpb"
)

// arriveTimeout bounds every wait for something to be everywhere.
const arriveTimeout = 2 * time.Minute

// stage is a network on which a tour or scenario plays, and to whom it tells
// what it does. It prints ids and States, never a person.
type stage struct {
	net *Net
	gen *synth.Gen
	out io.Writer

	published map[string]*Instance // by record id
}

// newStage makes the play's persons from the testnet's seed and the number of
// records so far, so that a second play invents others.
func (n *Net) newStage(ctx context.Context, out io.Writer) (*stage, error) {
	if len(n.running()) < len(n.Nodes) {
		return nil, fmt.Errorf("not all nodes run: `herald testnet up` starts the missing ones")
	}
	s, err := n.Nodes[0].status(ctx)
	if err != nil {
		return nil, err
	}
	seed := n.Seed + s.Records<<20
	return &stage{net: n, gen: synth.New(seed), out: out, published: map[string]*Instance{}}, nil
}

func (s *stage) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// at is the k-th node, counted round: plays work on any number of nodes.
func (s *stage) at(k int) Instance { return s.net.Nodes[k%len(s.net.Nodes)] }

// publish signs one notification about person at a node and returns its id.
func (s *stage) publish(ctx context.Context, at Instance, topic ct.Topic) (string, *ct.Person, error) {
	n := s.gen.Notification(topic, time.Now())
	body, err := toStruct(n)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, arriveTimeout)
	defer cancel()
	res, err := at.api.Publish(ctx, connect.NewRequest(&apiv1.PublishRequest{Notification: body, Operator: "testnet"}))
	if err != nil {
		return "", nil, fmt.Errorf("%s: publish %s: %w", at.Name, topic, err)
	}
	id := res.Msg.Receipt.GetId()
	if id == "" {
		return "", nil, fmt.Errorf("%s: publish %s: not signed: %s", at.Name, topic, res.Msg.Receipt.GetWhy())
	}
	s.published[id] = &at
	s.say("   %-3s %s publishes %-11s %s", at.Name, at.State, topic, short(id))
	return id, &n.Person, nil
}

func toStruct(v any) (*structpb.Struct, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	out := &structpb.Struct{}
	return out, out.UnmarshalJSON(raw)
}

// arrive follows the feed of every given node until all the ids have come.
func (s *stage) arrive(ctx context.Context, nodes []Instance, ids ...string) error {
	ctx, cancel := context.WithTimeout(ctx, arriveTimeout)
	defer cancel()
	start := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for _, i := range nodes {
		g.Go(func() error { return i.follow(ctx, ids) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	s.say("   held by %s after %s", all(nodes), since(start))
	return nil
}

// follow reads the instance's feed from its beginning until all ids have come.
func (i Instance) follow(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := i.api.Tail(ctx, connect.NewRequest(&apiv1.TailRequest{Filter: &apiv1.Filter{All: true}}))
	if err != nil {
		return fmt.Errorf("%s: tail: %w", i.Name, err)
	}
	defer stream.Close()
	wait := slices.Clone(ids)
	for len(wait) > 0 && stream.Receive() {
		wait = slices.DeleteFunc(wait, func(id string) bool { return id == stream.Msg().Entry.GetId() })
	}
	if len(wait) > 0 {
		return fmt.Errorf("%s: %s has not arrived: %w", i.Name, short(wait[0]), errors.Join(stream.Err(), ctx.Err()))
	}
	return nil
}

// indexed waits until the given nodes answer match requests from count persons.
func (s *stage) indexed(ctx context.Context, nodes []Instance, count map[string]uint64) error {
	for _, i := range nodes {
		if err := i.answersFrom(ctx, count[i.Name]); err != nil {
			return err
		}
	}
	return nil
}

// persons counts what each node answers from, plus more.
func (s *stage) persons(ctx context.Context, more uint64) (map[string]uint64, error) {
	out := map[string]uint64{}
	for _, i := range s.net.Nodes {
		st, err := i.status(ctx)
		if err != nil {
			return nil, err
		}
		out[i.Name] = st.Persons + more
	}
	return out, nil
}

// match asks every State for a person, tells the outcome, and gives the States
// that said POSSIBLE.
func (s *stage) match(ctx context.Context, asker Instance, p *ct.Person) (sum *apiv1.MatchSummary, possible []string, err error) {
	sum, err = asker.match(ctx, p, nil, func(a *apiv1.MatchAnswer) {
		if a.Answer == "POSSIBLE" {
			possible = append(possible, a.State)
		}
		why := ""
		if len(a.Hits) > 0 {
			why = fmt.Sprintf("%s, %s: %s", a.Hits[0].Ref[:min(12, len(a.Hits[0].Ref))], a.Hits[0].Tier, strings.Join(a.Hits[0].Why, " "))
		}
		s.say("   %s answers %-8s %s", a.State, a.Answer, why)
	})
	if err != nil {
		return nil, nil, err
	}
	s.say("   asked %d, answered %d, possible %d, no hit %d", sum.Asked, sum.Answered, sum.Possible, sum.NoHit)
	return sum, possible, nil
}

// match sends one request; a person in JSON form is all the node needs.
func (i Instance) match(ctx context.Context, person any, states []string, each func(*apiv1.MatchAnswer)) (*apiv1.MatchSummary, error) {
	body, err := toStruct(person)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, arriveTimeout)
	defer cancel()
	stream, err := i.api.Match(ctx, connect.NewRequest(&apiv1.MatchRequest{
		Person: body, Purpose: "border-screening", Basis: "UNSCR-2396-OP11", Case: "TESTNET-1",
		Grounds: "exercise of a testnet", Operator: "testnet", States: states, TimeoutMs: 60_000,
	}))
	if err != nil {
		return nil, fmt.Errorf("%s: match: %w", i.Name, err)
	}
	defer stream.Close()
	var sum *apiv1.MatchSummary
	for stream.Receive() {
		if a := stream.Msg().GetAnswer(); a != nil && each != nil {
			each(a)
		}
		if m := stream.Msg().GetSummary(); m != nil {
			sum = m
		}
	}
	if err := stream.Err(); err != nil {
		return nil, fmt.Errorf("%s: match: %w", i.Name, err)
	}
	if sum == nil {
		return nil, fmt.Errorf("%s: match: the stream ended without a summary", i.Name)
	}
	return sum, nil
}

// hidden waits until no given node shows the content of a record.
func (s *stage) hidden(ctx context.Context, nodes []Instance, id string) error {
	ctx, cancel := context.WithTimeout(ctx, arriveTimeout)
	defer cancel()
	start := time.Now()
	for _, i := range nodes {
		err := until(ctx, 20*time.Millisecond, func(ctx context.Context) (bool, error) {
			res, err := i.api.Get(ctx, connect.NewRequest(&apiv1.GetRequest{Id: id}))
			if err != nil {
				return false, err
			}
			e := res.Msg.Entry
			return e.Hidden && !e.Readable && e.Content == nil, nil
		})
		if err != nil {
			return fmt.Errorf("%s: %s is still shown: %w", i.Name, short(id), err)
		}
	}
	s.say("   readable nowhere after %s", since(start))
	return nil
}

func (s *stage) retract(ctx context.Context, at Instance, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, arriveTimeout)
	defer cancel()
	res, err := at.api.Retract(ctx, connect.NewRequest(&apiv1.RetractRequest{Id: id, Reason: "error", Operator: "testnet"}))
	if err != nil {
		return "", fmt.Errorf("%s: retract %s: %w", at.Name, short(id), err)
	}
	s.say("   %-3s %s retracts %s", at.Name, at.State, short(id))
	return res.Msg.Receipt.GetId(), nil
}

func since(t time.Time) string { return time.Since(t).Round(time.Millisecond).String() }

func all(nodes []Instance) string {
	if len(nodes) > 6 {
		return fmt.Sprintf("%d nodes", len(nodes))
	}
	var names []string
	for _, i := range nodes {
		names = append(names, i.Name)
	}
	return strings.Join(names, " ")
}
