package api

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"

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
	var do func(context.Context, string, io.Reader, desk.ImportProgress) (desk.ImportResult, error)
	switch first.Kind {
	case "un":
		do, list = s.b.ImportUN, cmp.Or(list, ListUN)
	case "persons":
		do = s.b.ImportPersons
	default:
		return nil, refuse(ct.Faults{{Field: "kind", Fault: ct.FaultCode + ": un, persons"}})
	}
	if !regexp.MustCompile(`^[a-z0-9-]{1,32}$`).MatchString(list) {
		return nil, refuse(ct.Faults{{Field: "list", Fault: ct.FaultForm + ": want [a-z0-9-]{1,32}"}})
	}
	if err := s.note(ctx, journal.ActImport, "list %s is about to be replaced", list); err != nil {
		return nil, refuse(err)
	}
	r, err := do(ctx, list, &upload{in: in, rest: first.Chunk}, func(int) {})
	if err != nil {
		return nil, refuse(withRejections(err, r.Rejections))
	}
	out := &apiv1.ImportResponse{
		Read: uint64(r.Read), Accepted: uint64(r.Accepted), Rejected: uint64(r.Rejected), Entities: uint64(r.Entities),
	}
	for _, j := range r.Rejections[:min(len(r.Rejections), maxRejections)] {
		out.Rejections = append(out.Rejections, &apiv1.Rejection{Line: uint64(j.Line), Reason: j.Reason})
	}
	return connect.NewResponse(out), nil
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
