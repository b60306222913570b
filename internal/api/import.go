package api

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
)

// maxRejections bounds the rejections told in an answer; the count is whole.
const maxRejections = 10_000

// ListUN is the name of the list when an import of kind un names none.
const ListUN = "un"

func (s *service) Import(ctx context.Context, in *connect.ClientStream[apiv1.ImportRequest]) (*connect.Response[apiv1.ImportResponse], error) {
	if !in.Receive() {
		return nil, refuse(cmp.Or(in.Err(), error(ct.Faults{{Field: "kind", Fault: ct.FaultMissing}})))
	}
	first := in.Msg()
	list := first.List
	switch first.Kind {
	case desk.FormUN:
		list = cmp.Or(list, ListUN)
	case desk.FormPersons:
	default:
		return nil, refuse(ct.Faults{{Field: "kind", Fault: ct.FaultCode + ": un, persons"}})
	}
	if !regexp.MustCompile(`^[a-z0-9-]{1,32}$`).MatchString(list) {
		return nil, refuse(ct.Faults{{Field: "list", Fault: ct.FaultForm + ": want [a-z0-9-]{1,32}"}})
	}
	about, err := aboutOf(first.About)
	if err != nil {
		return nil, refuse(err)
	}
	if err := s.note(ctx, journal.ActImport, "list %s is about to be replaced", list); err != nil {
		return nil, refuse(err)
	}
	o := desk.ImportOptions{List: list, Form: first.Kind, AcceptShrink: first.AcceptShrink, About: about}
	r, err := s.b.Import(ctx, o, &upload{in: in, rest: first.Chunk}, func(int) {})
	if err != nil {
		return nil, refuse(withRejections(err, r.Rejections))
	}
	out := &apiv1.ImportResponse{
		Read: uint64(r.Read), Accepted: uint64(r.Accepted), Joined: uint64(r.Joined), Rejected: uint64(r.Rejected), Entities: uint64(r.Entities),
		LeftOut: uint64(r.LeftOut), NotCompared: uint64(r.Unread), Kept: uint64(r.Kept), Before: uint64(r.Before), After: uint64(r.After),
	}
	for _, j := range r.Rejections[:min(len(r.Rejections), maxRejections)] {
		out.Rejections = append(out.Rejections, &apiv1.Rejection{Line: uint64(j.Line), Reason: j.Reason})
	}
	for _, l := range r.Left[:min(len(r.Left), maxRejections)] {
		out.Left = append(out.Left, &apiv1.LeftOut{Line: uint64(l.Line), Field: l.Field, Why: l.Why, Kept: l.Kept})
	}
	return connect.NewResponse(out), nil
}

func aboutMessage(a desk.ListAbout) *apiv1.ListAbout {
	return &apiv1.ListAbout{Tlp: a.TLP.String(), Basis: a.Basis, Source: a.Source, Date: a.Date, Review: a.Review}
}

func aboutOf(a *apiv1.ListAbout) (out desk.ListAbout, err error) {
	if a.GetTlp() != "" {
		if out.TLP.UnmarshalText([]byte(a.Tlp)) != nil || out.TLP > ct.TLPRed {
			return out, ct.Faults{{Field: "tlp", Fault: ct.FaultCode + ": CLEAR, GREEN, AMBER, AMBER+STRICT, RED"}}
		}
	}
	out.Basis, out.Source, out.Date, out.Review = a.GetBasis(), a.GetSource(), a.GetDate(), a.GetReview()
	return out, nil
}

func (s *service) Lists(_ context.Context, _ *connect.Request[apiv1.ListsRequest]) (*connect.Response[apiv1.ListsResponse], error) {
	lists, err := s.b.Lists()
	if err != nil {
		return nil, refuse(err)
	}
	out := &apiv1.ListsResponse{}
	for _, l := range lists {
		out.Lists = append(out.Lists, &apiv1.ListInfo{
			Name: l.Name, Persons: uint64(l.Persons), Imported: l.Imported.UTC().Format(time.RFC3339),
			About: aboutMessage(l.ListAbout),
		})
	}
	return connect.NewResponse(out), nil
}

func (s *service) RemoveList(ctx context.Context, req *connect.Request[apiv1.RemoveListRequest]) (*connect.Response[apiv1.RemoveListResponse], error) {
	if err := s.note(ctx, journal.ActImport, "list %.32q is about to be removed", req.Msg.Name); err != nil {
		return nil, refuse(err)
	}
	n, err := s.b.RemoveList(ctx, req.Msg.Name)
	if err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(&apiv1.RemoveListResponse{Persons: uint64(n)}), nil
}

// withRejections tells, when nothing was imported because of the input, which
// lines were at fault.
func withRejections(err error, rejections []desk.Rejection) error {
	if _, reason := classify(err); reason != ReasonInternal || len(rejections) == 0 {
		return err
	}
	var faults ct.Faults
	for _, j := range rejections[:min(len(rejections), maxRefusalFaults)] {
		faults = append(faults, ct.Fault{Field: fmt.Sprintf("line %d", j.Line), Fault: j.Reason})
	}
	return &inputError{err, faults}
}

// inputError is an error whose cause is the input, with its own text.
type inputError struct {
	err    error
	faults ct.Faults
}

func (e *inputError) Error() string   { return e.err.Error() }
func (e *inputError) Unwrap() []error { return []error{e.err, e.faults} }

// upload reads the chunks of a stream as one file, at the importer's pace. A
// stream that breaks off is an error and never the end of the file, so that
// half a list does not replace a whole one.
type upload struct {
	in   *connect.ClientStream[apiv1.ImportRequest]
	rest []byte
}

func (u *upload) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		if !u.in.Receive() {
			if err := u.in.Err(); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
		u.rest = u.in.Msg().Chunk
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}
