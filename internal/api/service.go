package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/herald-net/herald/proto/herald/api/v1/apiv1connect"
	"google.golang.org/protobuf/types/known/structpb"
)

// Bounds of what a caller may ask for.
const (
	defaultPage    = 100
	maxPage        = 1000
	maxKinds       = 32
	maxStates      = 256
	maxOperator    = 64 // bytes
	maxReasonText  = 2000
	defaultTimeout = 10 * time.Second
	maxTimeout     = 2 * time.Minute
)

// service implements the generated handler.
type service struct{ b Backend }

var _ apiv1connect.NodeHandler = (*service)(nil)

func handlerOptions() []connect.HandlerOption {
	return append(codecs(), connect.WithReadMaxBytes(maxMessage), connect.WithInterceptors(ending{}))
}

func (s *service) Publish(ctx context.Context, req *connect.Request[apiv1.PublishRequest]) (*connect.Response[apiv1.PublishResponse], error) {
	m := req.Msg
	if err := operator(m.Operator); err != nil {
		return nil, refuse(err)
	}
	raw, err := object("notification", m.Notification)
	if err != nil {
		return nil, refuse(err)
	}
	n, err := ct.DecodeNotification(bytes.NewReader(raw))
	if err != nil {
		return nil, refuse(invalid("notification", err))
	}
	r, err := s.b.Publish(ctx, n, desk.PublishOptions{NoWait: m.NoWait, DryRun: m.DryRun, Operator: actor(ctx, m.Operator), Accept: m.Accept, Key: m.IdempotencyKey})
	if err != nil {
		return nil, refuse(err)
	}
	out, err := receiptMessage(r)
	if err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(&apiv1.PublishResponse{Receipt: out}), nil
}

func (s *service) Outbox(context.Context, *connect.Request[apiv1.OutboxRequest]) (*connect.Response[apiv1.OutboxResponse], error) {
	items, err := s.b.Outbox()
	if err != nil {
		return nil, refuse(err)
	}
	out := &apiv1.OutboxResponse{}
	for _, i := range items {
		out.Items = append(out.Items, &apiv1.OutboxItem{
			Key: i.Key, Kind: i.Kind.String(), Topic: i.Topic.String(), Since: timeText(i.Since), Why: i.Why, Fault: i.Fault,
		})
	}
	return connect.NewResponse(out), nil
}

func (s *service) SignNow(ctx context.Context, req *connect.Request[apiv1.SignNowRequest]) (*connect.Response[apiv1.SignNowResponse], error) {
	if err := keyAndReason(req.Msg.Key, req.Msg.Reason); err != nil {
		return nil, refuse(err)
	}
	r, err := s.b.SignNow(ctx, req.Msg.Key, req.Msg.Reason, actor(ctx, ""))
	if err != nil {
		return nil, refuse(err)
	}
	out, err := receiptMessage(r)
	if err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(&apiv1.SignNowResponse{Receipt: out}), nil
}

func (s *service) Discard(ctx context.Context, req *connect.Request[apiv1.DiscardRequest]) (*connect.Response[apiv1.DiscardResponse], error) {
	if err := keyAndReason(req.Msg.Key, req.Msg.Reason); err != nil {
		return nil, refuse(err)
	}
	if err := s.b.Discard(req.Msg.Key, req.Msg.Reason, actor(ctx, "")); err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(&apiv1.DiscardResponse{}), nil
}

func (s *service) Roster(context.Context, *connect.Request[apiv1.RosterRequest]) (*connect.Response[apiv1.RosterResponse], error) {
	file, err := s.b.RosterFile()
	if err != nil {
		return nil, refuse(err)
	}
	out := &apiv1.RosterResponse{File: file}
	for _, h := range s.b.NodeHeads() {
		out.Heads = append(out.Heads, &apiv1.NodeHead{Log: h.Log.String(), Seq: h.Seq, Id: h.ID.String(), Contested: h.Contested})
	}
	return connect.NewResponse(out), nil
}

func (s *service) RosterSubmit(ctx context.Context, req *connect.Request[apiv1.RosterSubmitRequest]) (*connect.Response[apiv1.RosterSubmitResponse], error) {
	if err := s.note(ctx, journal.ActRosterSubmit, "record of %d bytes sha256=%x", len(req.Msg.Record), sha256.Sum256(req.Msg.Record)); err != nil {
		return nil, refuse(err)
	}
	got, err := s.b.RosterSubmit(ctx, req.Msg.Record)
	if err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(&apiv1.RosterSubmitResponse{Id: got.ID.String(), Log: got.Log.String(), Seq: got.Seq, Note: got.Note}), nil
}

// keyAndReason checks what acts on the outbox are given.
func keyAndReason(key, reason string) error {
	var faults ct.Faults
	if key == "" {
		faults = append(faults, ct.Fault{Field: "key", Fault: ct.FaultMissing})
	}
	if reason == "" {
		faults = append(faults, ct.Fault{Field: "reason", Fault: ct.FaultMissing})
	}
	if len(reason) > maxReasonText {
		faults = append(faults, ct.Fault{Field: "reason", Fault: ct.FaultTooLong})
	}
	return faults.Err()
}

func (s *service) Retract(ctx context.Context, req *connect.Request[apiv1.RetractRequest]) (*connect.Response[apiv1.RetractResponse], error) {
	m := req.Msg
	if err := operator(m.Operator); err != nil {
		return nil, refuse(err)
	}
	target, _, err := s.b.Get(m.Id)
	if err != nil {
		return nil, refuse(err)
	}
	r, err := s.b.Retract(ctx, target.ID, ct.Retraction{Reason: m.Reason, Text: m.Text}, actor(ctx, m.Operator), m.Accept...)
	if err != nil {
		return nil, refuse(err)
	}
	out, err := receiptMessage(r)
	if err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(&apiv1.RetractResponse{Receipt: out}), nil
}

func (s *service) List(ctx context.Context, req *connect.Request[apiv1.ListRequest]) (*connect.Response[apiv1.ListResponse], error) {
	f, err := filterOf(req.Msg.Filter)
	if err != nil {
		return nil, refuse(err)
	}
	page := min(cmp.Or(int(req.Msg.Max), defaultPage), maxPage)
	entries, next, err := s.b.List(f, req.Msg.After, page)
	if err != nil {
		return nil, refuse(err)
	}
	if req.Msg.Contents && len(entries) > 0 {
		first, last := entries[0].Cursor, entries[len(entries)-1].Cursor
		if err := s.note(ctx, journal.ActRead, "list contents of %d records, cursors %d to %d", len(entries), first, last); err != nil {
			return nil, refuse(err)
		}
	}
	out := &apiv1.ListResponse{Next: next}
	for i := range entries {
		e, err := entryMessage(&entries[i], req.Msg.Contents)
		if err != nil {
			return nil, refuse(err)
		}
		out.Entries = append(out.Entries, e)
	}
	return connect.NewResponse(out), nil
}

func (s *service) Get(ctx context.Context, req *connect.Request[apiv1.GetRequest]) (*connect.Response[apiv1.GetResponse], error) {
	if strings.HasPrefix(req.Msg.Id, listPrefix) {
		return s.getListed(ctx, req.Msg.Id)
	}
	entry, history, err := s.b.Get(req.Msg.Id)
	if err != nil {
		return nil, refuse(err)
	}
	if err := s.note(ctx, journal.ActRead, "get %s record=%s history=%d", entry.Kind, entry.ID, len(history)); err != nil {
		return nil, refuse(err)
	}
	out := &apiv1.GetResponse{}
	if out.Entry, err = entryMessage(&entry, true); err != nil {
		return nil, refuse(err)
	}
	for i := range history {
		e, err := entryMessage(&history[i], true)
		if err != nil {
			return nil, refuse(err)
		}
		out.History = append(out.History, e)
	}
	return connect.NewResponse(out), nil
}

// listPrefix begins the name of an entry of a list.
const listPrefix = "list:"

func (s *service) getListed(ctx context.Context, ref string) (*connect.Response[apiv1.GetResponse], error) {
	list, id, ok := strings.Cut(strings.TrimPrefix(ref, listPrefix), "/")
	if !ok || list == "" || id == "" {
		return nil, refuse(ct.Faults{{Field: "id", Fault: "want list:LIST/ENTRY"}})
	}
	e, err := s.b.ListEntry(list, id)
	if err != nil {
		return nil, refuse(err)
	}
	if err := s.note(ctx, journal.ActRead, "get entry of list %s", list); err != nil {
		return nil, refuse(err)
	}
	person, err := structOf(e.Person)
	if err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(&apiv1.GetResponse{ListEntry: &apiv1.ListEntry{
		List: list, Id: id, Person: person, About: aboutMessage(e.ListAbout), Imported: timeText(e.Imported),
	}}), nil
}

func (s *service) Record(ctx context.Context, req *connect.Request[apiv1.RecordRequest]) (*connect.Response[apiv1.RecordResponse], error) {
	raw, err := s.b.Record(req.Msg.Id)
	if err == nil {
		err = s.note(ctx, journal.ActRead, "copy record=%s", strings.ToLower(req.Msg.Id))
	}
	if err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(&apiv1.RecordResponse{Record: raw}), nil
}

func (s *service) Tail(ctx context.Context, req *connect.Request[apiv1.TailRequest], out *connect.ServerStream[apiv1.TailResponse]) error {
	f, err := filterOf(req.Msg.Filter)
	if err != nil {
		return refuse(err)
	}
	notes := tailNotes{s: s}
	err = s.b.Tail(ctx, f, req.Msg.After, func(e ct.Entry) error {
		if req.Msg.Contents {
			if err := notes.before(ctx, &e); err != nil {
				return err
			}
		}
		m, err := entryMessage(&e, req.Msg.Contents)
		if err != nil {
			return err
		}
		return out.Send(&apiv1.TailResponse{Entry: m})
	})
	if err != nil {
		return refuse(err)
	}
	return nil
}

func (s *service) Match(ctx context.Context, req *connect.Request[apiv1.MatchRequest], out *connect.ServerStream[apiv1.MatchResponse]) error {
	q, err := s.query(req.Msg)
	if err != nil {
		return refuse(err)
	}
	q.Actor = actor(ctx, q.Operator)
	sum, err := s.b.Match(ctx, q, func(a desk.MatchAnswer) error {
		return out.Send(&apiv1.MatchResponse{Message: &apiv1.MatchResponse_Answer{Answer: answerMessage(&a)}})
	})
	if err != nil {
		return refuse(err)
	}
	if err := out.Send(&apiv1.MatchResponse{Message: &apiv1.MatchResponse_Summary{Summary: summaryMessage(&sum)}}); err != nil {
		return refuse(err)
	}
	return nil
}

func (s *service) query(m *apiv1.MatchRequest) (desk.MatchQuery, error) {
	q := desk.MatchQuery{
		Purpose: m.Purpose, Basis: m.Basis, Case: m.Case, Grounds: m.Grounds, Operator: m.Operator,
		Timeout:       cmp.Or(time.Duration(m.TimeoutMs)*time.Millisecond, defaultTimeout),
		ReleaseWithin: time.Duration(m.ReleaseWithinS) * time.Second,
	}
	if m.ExerciseOnly && !s.b.Status().Exercise {
		return q, fmt.Errorf("match: what is written on a command line stays in the shell's history and is for exercise networks only, use a file (-f, --grounds-file): %w", ErrNotAllowed)
	}
	if err := operator(m.Operator); err != nil {
		return q, err
	}
	var faults ct.Faults
	if q.Timeout > maxTimeout {
		faults = append(faults, ct.Fault{Field: "timeout_ms", Fault: ct.FaultRange})
	}
	if m.Priority != "" && q.Priority.UnmarshalText([]byte(m.Priority)) != nil {
		faults = append(faults, ct.Fault{Field: "priority", Fault: ct.FaultCode + ": routine, urgent, flash"})
	}
	if len(m.States) > maxStates {
		return q, ct.Faults{{Field: "states", Fault: ct.FaultTooMany}}
	}
	for i, st := range m.States {
		if !ct.ValidState(ct.State(st)) {
			faults = append(faults, ct.Fault{Field: fmt.Sprintf("states[%d]", i), Fault: ct.FaultState})
		}
		q.States = append(q.States, ct.State(st))
	}
	if len(faults) > 0 {
		return q, faults
	}
	raw, err := object("person", m.Person)
	if err != nil {
		return q, err
	}
	p, err := ct.DecodeQuery(bytes.NewReader(raw))
	if err != nil {
		return q, invalid("person", err)
	}
	q.Person = *p
	return q, nil
}

func (s *service) Mute(ctx context.Context, req *connect.Request[apiv1.MuteRequest]) (*connect.Response[apiv1.MuteResponse], error) {
	if err := s.mute(ctx, journal.ActMute, req.Msg.State, true); err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(&apiv1.MuteResponse{}), nil
}

func (s *service) Unmute(ctx context.Context, req *connect.Request[apiv1.UnmuteRequest]) (*connect.Response[apiv1.UnmuteResponse], error) {
	if err := s.mute(ctx, journal.ActUnmute, req.Msg.State, false); err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(&apiv1.UnmuteResponse{}), nil
}

func (s *service) mute(ctx context.Context, act, state string, on bool) error {
	if !ct.ValidState(ct.State(state)) {
		return ct.Faults{{Field: "state", Fault: ct.FaultState}}
	}
	if err := s.note(ctx, act, "%s", state); err != nil {
		return err
	}
	return s.b.Mute(ct.State(state), on)
}

func (s *service) ListMutes(context.Context, *connect.Request[apiv1.ListMutesRequest]) (*connect.Response[apiv1.ListMutesResponse], error) {
	out := &apiv1.ListMutesResponse{}
	for _, st := range slices.Sorted(maps.Keys(s.b.Mutes())) {
		out.States = append(out.States, string(st))
	}
	return connect.NewResponse(out), nil
}

func (s *service) Peers(context.Context, *connect.Request[apiv1.PeersRequest]) (*connect.Response[apiv1.PeersResponse], error) {
	out := &apiv1.PeersResponse{}
	for _, p := range s.b.Peers() {
		out.Peers = append(out.Peers, &apiv1.Peer{
			Node: p.Node.String(), State: string(p.State), Addr: p.Addr, Inbound: p.Inbound, Since: timeText(p.Since),
		})
	}
	return connect.NewResponse(out), nil
}

func (s *service) Status(context.Context, *connect.Request[apiv1.StatusRequest]) (*connect.Response[apiv1.StatusResponse], error) {
	st := s.b.Status()
	var notYet []*apiv1.NotUnderstood
	for _, x := range st.NotYet {
		notYet = append(notYet, &apiv1.NotUnderstood{Kind: x.Kind.String(), Reason: x.Reason, Records: x.Records})
	}
	return connect.NewResponse(&apiv1.StatusResponse{
		State: string(st.State), Node: st.Node.String(), Network: st.Network.String(), NetworkName: st.NetworkName,
		Exercise: st.Exercise, Ready: st.Ready, Reasons: st.Reasons, Version: st.Version, Started: timeText(st.Started),
		Records: st.Records, Cursor: st.Cursor, Peers: uint32(st.Peers), Members: uint32(st.Members),
		Outbox: uint32(st.Outbox), Inbox: uint32(st.Inbox), Persons: uint64(st.Persons), Forks: uint32(st.Forks), Addrs: st.Addrs,
		LastSync: timeText(st.LastSync), RosterVersion: st.RosterVersion,
		MemberStates: uint32(st.States), HeardStates: uint32(st.Heard), Silent: stateTexts(st.Silent), Alarms: st.Alarms,
		ClockAheadMs: st.ClockAhead.Milliseconds(), Clocks: uint32(st.Clocks),
		UncheckedSignatures: st.Unchecked, Topics: topicTexts(st.Topics), DelegatedFrom: st.Begins.String(), DelegatedUntil: st.Ends.String(), Stuck: st.Stuck,
		GrowthBurst: st.Growth.Burst, GrowthUsed: st.Growth.Used, GrowthRate: st.Growth.Rate, GrowthFree: timeText(st.Growth.Free),
		NotUnderstood: notYet, JudgingLeft: st.JudgingLeft,
	}), nil
}

func topicTexts(topics []ct.Topic) []string {
	var out []string
	for _, t := range topics {
		out = append(out, t.String())
	}
	return out
}

func stateTexts(states []ct.State) []string {
	var out []string
	for _, s := range states {
		out = append(out, string(s))
	}
	return out
}

// object is the JSON of a mandatory document.
func object(field string, s *structpb.Struct) ([]byte, error) {
	if s == nil {
		return nil, ct.Faults{{Field: field, Fault: ct.FaultMissing}}
	}
	return s.MarshalJSON()
}

// invalid turns a decoding error into faults. A position is left out: it would
// be one in our re-written JSON and not in what the caller has sent.
func invalid(document string, err error) error {
	var faults ct.Faults
	var bad *ct.SyntaxError
	switch {
	case errors.As(err, &faults):
		return err
	case errors.As(err, &bad) && bad.Field != "":
		return ct.Faults{{Field: bad.Field, Fault: bad.Problem}}
	case errors.As(err, &bad):
		return ct.Faults{{Field: document, Fault: bad.Problem}}
	}
	return ct.Faults{{Field: document, Fault: err.Error()}}
}

func operator(s string) error {
	if len(s) > maxOperator {
		return ct.Faults{{Field: "operator", Fault: ct.FaultTooLong}}
	}
	return nil
}
