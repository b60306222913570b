package api

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"google.golang.org/protobuf/types/known/structpb"
)

func entryMessage(e *ct.Entry, content bool) (*apiv1.Entry, error) {
	out := &apiv1.Entry{
		Id: e.ID.String(), Log: e.Log.String(), Seq: e.Seq, Cursor: e.Cursor,
		State: string(e.State), Kind: e.Kind.String(), Topic: e.Topic.String(),
		Issued: e.Issued.String(), Expires: e.Expires.String(),
		Priority: e.Priority.String(), Tlp: e.TLP.String(), Audience: e.Audience.String(),
		BodySize: uint32(e.BodySize), Exercise: e.Exercise,
		Readable: e.Readable, Unreadable: e.Unreadable, Hidden: e.Hidden, Contested: e.Contested,
	}
	for _, r := range e.Refs {
		out.Refs = append(out.Refs, &apiv1.Ref{Log: r.Log.String(), Seq: r.Seq, Id: r.ID.String()})
	}
	if e.Readable && e.Notification != nil {
		out.What = whatOf(&e.Notification.Event)
	}
	if !content || !e.Readable {
		return out, nil
	}
	var err error
	switch {
	case e.Notification != nil:
		out.Content, err = structOf(e.Notification)
	case e.Retraction != nil:
		out.Content, err = structOf(e.Retraction)
	case e.Release != nil:
		out.Content, err = structOf(e.Release)
	case e.Addresses != nil:
		out.Content, err = structOf(e.Addresses)
	case e.Delegation != nil:
		out.Content, err = structOf(e.Delegation)
	case e.Renewal != nil:
		out.Content, err = structOf(e.Renewal)
	case e.Closing != nil:
		out.Content, err = structOf(e.Closing)
	}
	return out, err
}

// structOf is the JSON form of v as a message.
func structOf(v any) (*structpb.Struct, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode content: %w", err)
	}
	s := new(structpb.Struct)
	if err := s.UnmarshalJSON(raw); err != nil {
		// The parser's own text would quote the content.
		return nil, fmt.Errorf("encode content of %d bytes: not an object", len(raw))
	}
	return s, nil
}

func receiptMessage(r desk.Receipt) (*apiv1.Receipt, error) {
	out := &apiv1.Receipt{Waiting: r.Waiting, Why: r.Why, Warnings: r.Warnings}
	if !r.ID.IsZero() {
		out.Id, out.Log, out.Seq = r.ID.String(), r.Log.String(), r.Seq
	}
	if r.Preview != nil {
		var err error
		if out.Preview, err = entryMessage(r.Preview, true); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// filterOf reads a filter; what is wrong with it comes back as faults.
func filterOf(m *apiv1.Filter) (feed.Filter, error) {
	f := feed.Filter{All: m.GetAll()}
	var faults ct.Faults
	for _, set := range []struct {
		field string
		of    []string
		max   int
	}{{"topic", m.GetTopic(), maxKinds}, {"state", m.GetState(), maxStates}, {"kind", m.GetKind(), maxKinds}} {
		if len(set.of) > set.max {
			faults = append(faults, ct.Fault{Field: "filter." + set.field, Fault: ct.FaultTooMany})
		}
	}
	if len(faults) > 0 {
		return f, faults
	}
	wrong := func(field string, i int, fault string) {
		faults = append(faults, ct.Fault{Field: fmt.Sprintf("filter.%s[%d]", field, i), Fault: fault})
	}
	for i, s := range m.GetTopic() {
		var t ct.Topic
		if t.UnmarshalText([]byte(s)) != nil {
			wrong("topic", i, ct.FaultCode)
		}
		f.Topics = append(f.Topics, t)
	}
	for i, s := range m.GetState() {
		if !ct.ValidState(ct.State(s)) {
			wrong("state", i, ct.FaultState)
		}
		f.States = append(f.States, ct.State(s))
	}
	for i, s := range m.GetKind() {
		var k ct.Kind
		if k.UnmarshalText([]byte(s)) != nil {
			wrong("kind", i, ct.FaultCode)
		}
		f.Kinds = append(f.Kinds, k)
	}
	if s := m.GetSince(); s != "" {
		since, err := time.Parse(time.RFC3339, s)
		if err != nil || since.Before(time.Unix(0, 0)) {
			faults = append(faults, ct.Fault{Field: "filter.since", Fault: ct.FaultTime})
		} else {
			f.Since = ct.MillisOf(since)
		}
	}
	return f, faults.Err()
}

func answerMessage(a *desk.MatchAnswer) *apiv1.MatchAnswer {
	out := &apiv1.MatchAnswer{
		State: string(a.State), Node: a.Node.String(), Own: a.Own, Answer: a.Answer, Reason: a.Reason,
		Hits: hitMessages(a.Hits), Asked: uint32(a.Asked),
	}
	if !a.Inbox.IsZero() {
		out.Inbox = a.Inbox.String()
	}
	return out
}

func summaryMessage(s *desk.MatchSummary) *apiv1.MatchSummary {
	out := &apiv1.MatchSummary{
		Asked: uint32(s.Asked), Answered: uint32(s.Answered), Possible: uint32(s.Possible),
		Refused: uint32(s.Refused), NoHit: uint32(s.NoHit), Withheld: stateTexts(s.Withheld),
	}
	for _, q := range s.Silent {
		line := &apiv1.Silence{State: string(q.State), Why: q.Why, Since: timeText(q.Since)}
		if !q.Node.IsZero() { // a State without a node
			line.Node = q.Node.String()
		}
		out.Silent = append(out.Silent, line)
	}
	for _, f := range s.Unread {
		out.NotCompared = append(out.NotCompared, &apiv1.NotCompared{Field: f.Field, Why: f.Fault})
	}
	return out
}

// timeText is the API's form of a time; empty when there is none.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ct.MillisOf(t).String()
}

// whatOf says in a few words what happened, and nothing of the person.
func whatOf(e *ct.Event) string {
	out := string(e.Type) + " " + e.Phase
	if e.Source != "" || e.Destination != "" {
		out += " " + string(e.Source) + ">" + string(e.Destination)
	}
	if e.Time != "" {
		out += " " + e.Time
	}
	return out
}
