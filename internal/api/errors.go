package api

import (
	"context"
	"errors"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
)

// The reasons of a Refusal: stable words that a program may branch on.
const (
	ReasonInvalid     = "invalid"     // the input is at fault; the faults say where
	ReasonNotAllowed  = "not-allowed" // understood and refused
	ReasonNotFound    = "not-found"
	ReasonConflict    = "conflict" // the state of things forbids it now
	ReasonFull        = "full"     // the disk, or a bound of the node
	ReasonBusy        = "busy"     // try again later
	ReasonUnavailable = "unavailable"
	ReasonTimeout     = "timeout"
	ReasonCanceled    = "canceled"
	ReasonInternal    = "internal"
)

// ErrInvalid, ErrNotAllowed and ErrConflict are for a Backend whose own errors
// this package does not know: wrap one of them to choose the code.
var (
	ErrInvalid    = errors.New("invalid")
	ErrNotAllowed = errors.New("not allowed")
	ErrConflict   = errors.New("conflict")
)

// maxRefusalFaults bounds the faults told with one error.
const maxRefusalFaults = 64

// refuse is the one place where errors become codes.
func refuse(err error) *connect.Error {
	if already := new(connect.Error); errors.As(err, &already) {
		return already
	}
	code, reason := classify(err)
	out := connect.NewError(code, err)
	r := &apiv1.Refusal{Reason: reason}
	var faults ct.Faults
	if errors.As(err, &faults) {
		for _, f := range faults[:min(len(faults), maxRefusalFaults)] {
			r.Faults = append(r.Faults, &apiv1.Fault{Field: f.Field, Fault: f.Fault})
		}
	}
	if d, err := connect.NewErrorDetail(r); err == nil {
		out.AddDetail(d)
	}
	return out
}

func classify(err error) (connect.Code, string) {
	is := func(targets ...error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	var faults ct.Faults
	switch {
	case errors.As(err, &faults), is(ErrInvalid, feed.ErrPrefix):
		return connect.CodeInvalidArgument, ReasonInvalid
	case is(ErrNotAllowed, desk.ErrNotAllowed):
		return connect.CodePermissionDenied, ReasonNotAllowed
	case is(feed.ErrNotFound, desk.ErrNotFound, store.ErrNotFound):
		return connect.CodeNotFound, ReasonNotFound
	case is(ErrConflict, desk.ErrConflict, feed.ErrAmbiguous):
		return connect.CodeFailedPrecondition, ReasonConflict
	case is(store.ErrFull):
		return connect.CodeResourceExhausted, ReasonFull
	case is(desk.ErrBusy):
		return connect.CodeResourceExhausted, ReasonBusy
	case is(store.ErrClosed):
		return connect.CodeUnavailable, ReasonUnavailable
	case is(context.DeadlineExceeded):
		return connect.CodeDeadlineExceeded, ReasonTimeout
	case is(context.Canceled):
		return connect.CodeCanceled, ReasonCanceled
	}
	return connect.CodeInternal, ReasonInternal
}
