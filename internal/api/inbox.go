package api

import (
	"context"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
)

func (s *service) Inbox(ctx context.Context, _ *connect.Request[apiv1.InboxRequest]) (*connect.Response[apiv1.InboxResponse], error) {
	items, err := s.b.Inbox()
	if err != nil {
		return nil, refuse(err)
	}
	if err := s.note(ctx, journal.ActRead, "inbox of %d items", len(items)); err != nil {
		return nil, refuse(err)
	}
	out := &apiv1.InboxResponse{}
	for i := range items {
		out.Items = append(out.Items, inboxMessage(&items[i]))
	}
	return connect.NewResponse(out), nil
}

func (s *service) InboxShow(ctx context.Context, req *connect.Request[apiv1.InboxShowRequest]) (*connect.Response[apiv1.InboxShowResponse], error) {
	if err := operator(req.Msg.Operator); err != nil {
		return nil, refuse(err)
	}
	shown, err := s.b.InboxShow(req.Msg.Id, actor(ctx, req.Msg.Operator))
	if err != nil {
		return nil, refuse(err)
	}
	out := &apiv1.InboxShowResponse{Item: inboxMessage(&shown.Item)}
	if shown.Person != nil {
		if out.Person, err = structOf(shown.Person); err != nil {
			return nil, refuse(err)
		}
	}
	if shown.Release != nil {
		if out.Release, err = structOf(shown.Release); err != nil {
			return nil, refuse(err)
		}
	}
	return connect.NewResponse(out), nil
}

func (s *service) Release(ctx context.Context, req *connect.Request[apiv1.ReleaseRequest]) (*connect.Response[apiv1.ReleaseResponse], error) {
	m := req.Msg
	if err := operator(m.Operator); err != nil {
		return nil, refuse(err)
	}
	r, content, err := s.b.Release(ctx, m.Id, desk.ReleaseOptions{Operator: actor(ctx, m.Operator), Withhold: m.Withhold})
	if err != nil {
		return nil, refuse(err)
	}
	out := &apiv1.ReleaseResponse{}
	if out.Receipt, err = receiptMessage(r); err != nil {
		return nil, refuse(err)
	}
	if out.Release, err = structOf(content); err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(out), nil
}

func (s *service) Refuse(ctx context.Context, req *connect.Request[apiv1.RefuseRequest]) (*connect.Response[apiv1.RefuseResponse], error) {
	m := req.Msg
	err := operator(m.Operator)
	if err == nil && len(m.Reason) > maxReasonText {
		err = ct.Faults{{Field: "reason", Fault: ct.FaultTooLong}}
	}
	if err == nil {
		err = s.b.Refuse(m.Id, m.Reason, actor(ctx, m.Operator))
	}
	if err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(&apiv1.RefuseResponse{}), nil
}

func inboxMessage(i *desk.InboxItem) *apiv1.InboxItem {
	out := &apiv1.InboxItem{
		Type: "request", Id: i.ID.String(), State: string(i.State), Node: i.Node.String(), Purpose: i.Purpose, Basis: i.Basis,
		Case: i.Case, Operator: i.Operator, Grounds: i.Grounds, Priority: i.Priority.String(), Tier: i.Tier,
		Hits: hitMessages(i.Hits), Received: timeText(i.Received), Deadline: timeText(i.Until), Status: i.Status,
		Times: i.Times, Reason: i.Reason,
	}
	if i.Answer {
		out.Type = "answer"
	}
	if !i.Release.IsZero() {
		out.Release = i.Release.String()
	}
	return out
}

func hitMessages(hits []desk.MatchHit) (out []*apiv1.MatchHit) {
	for _, h := range hits {
		out = append(out, &apiv1.MatchHit{Ref: h.Ref, Score: h.Score, Tier: h.Tier, Why: h.Why})
	}
	return out
}
