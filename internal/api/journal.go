package api

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
)

// Bounds of one page, and of the heads given.
const (
	maxJournalPage = 1000
	maxPageBytes   = 8 << 20 // of sealed subjects and outcomes; the page is shorter then
	maxHeads       = 100_000
)

// journalNote begins the outcome of a note about reading the journal.
const journalNote = "journal after entry "

// JournalHead is what a node has told of its journal in its beacons.
type JournalHead struct {
	State   ct.State
	Node    ct.LogID
	Entries uint64
	Head    [32]byte
	Told    ct.Millis

	// Alarm: it contradicts what the node had told before.
	Alarm      bool
	WasEntries uint64
	WasHead    [32]byte
	WasTold    ct.Millis
}

// JournalState is a journal that holds together.
type JournalState struct {
	Entries    uint64 // the number of the newest
	Head       [32]byte
	Fitting    int    // heads that others remember and that lie on it
	Checkpoint uint64 // the last entry that was removed; 0: none
	Cut        [32]byte
}

// Message is j as the API says it.
func (j *JournalState) Message() *apiv1.JournalVerifyResponse {
	out := &apiv1.JournalVerifyResponse{Entries: j.Entries, Head: hex.EncodeToString(j.Head[:]), Fitting: uint32(j.Fitting), Checkpoint: j.Checkpoint}
	if j.Checkpoint > 0 {
		out.CheckpointHash = hex.EncodeToString(j.Cut[:])
	}
	return out
}

func (s *service) JournalVerify(_ context.Context, r *connect.Request[apiv1.JournalVerifyRequest]) (*connect.Response[apiv1.JournalVerifyResponse], error) {
	if len(r.Msg.Heads) > maxHeads {
		return nil, refuse(ct.Faults{{Field: "heads", Fault: ct.FaultTooMany}})
	}
	var heads []JournalHead
	for _, h := range r.Msg.Heads {
		head := JournalHead{State: ct.State(h.State), Entries: h.Entries, Alarm: h.Alarm, WasEntries: h.WasEntries}
		for _, f := range []struct {
			field string
			text  string
			to    []byte
		}{{"heads.node", h.Node, head.Node[:]}, {"heads.head", h.Head, head.Head[:]}, {"heads.was_head", h.WasHead, head.WasHead[:]}} {
			if f.text == "" && f.field == "heads.was_head" {
				continue
			}
			if raw, err := hex.DecodeString(f.text); err != nil || copy(f.to, raw) != len(f.to) || len(raw) != len(f.to) {
				return nil, refuse(ct.Faults{{Field: f.field, Fault: ct.FaultForm}})
			}
		}
		heads = append(heads, head)
	}
	j, err := s.b.JournalVerify(heads)
	if err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(j.Message()), nil
}

func (s *service) JournalRead(ctx context.Context, r *connect.Request[apiv1.JournalReadRequest]) (*connect.Response[apiv1.JournalReadResponse], error) {
	if r.Msg.Max > maxJournalPage {
		return nil, refuse(ct.Faults{{Field: "max", Fault: ct.FaultTooMany}})
	}
	entries, err := s.b.JournalRead(r.Msg.After, int(cmp.Or(r.Msg.Max, 100)))
	if err != nil {
		return nil, refuse(err)
	}
	// Who reads on to the end meets the notes of his own reading: they are given
	// and not noted again, or there would be no end.
	if slices.ContainsFunc(entries, func(e journal.Entry) bool { return !strings.HasPrefix(e.Outcome, journalNote) }) {
		if err := s.note(ctx, journal.ActRead, journalNote+"%d, %d entries", r.Msg.After, len(entries)); err != nil {
			return nil, refuse(err)
		}
	}
	out := &apiv1.JournalReadResponse{}
	size := 0
	for _, e := range entries {
		if size > maxPageBytes {
			break
		}
		size += len(e.Sealed) + len(e.Outcome)
		out.Entries = append(out.Entries, JournalEntryOf(&e))
	}
	return connect.NewResponse(out), nil
}

// JournalEntryOf is an entry as the API gives it.
func JournalEntryOf(e *journal.Entry) *apiv1.JournalEntry {
	out := &apiv1.JournalEntry{
		Seq: e.Seq, Time: e.Time.String(), Act: e.Act, Actor: e.Actor, Purpose: e.Purpose, Basis: e.Basis, Case: e.Case,
		Outcome: e.Outcome, Peer: string(e.Peer), Of: e.Of, Sealed: e.Sealed, Hash: hex.EncodeToString(e.Hash[:]),
	}
	if e.Commit != [32]byte{} {
		out.Commit = e.Commit[:]
	}
	return out
}

func (s *service) JournalErase(ctx context.Context, r *connect.Request[apiv1.JournalEraseRequest]) (*connect.Response[apiv1.JournalEraseResponse], error) {
	if err := reasoned(r.Msg.Operator, r.Msg.Reason); err != nil {
		return nil, refuse(err)
	}
	if err := s.b.JournalErase(r.Msg.Seq, actor(ctx, r.Msg.Operator), r.Msg.Reason); err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(&apiv1.JournalEraseResponse{}), nil
}

func (s *service) JournalHeads(context.Context, *connect.Request[apiv1.JournalHeadsRequest]) (*connect.Response[apiv1.JournalHeadsResponse], error) {
	out := &apiv1.JournalHeadsResponse{}
	for _, h := range s.b.JournalHeads() {
		line := &apiv1.JournalHead{
			State: string(h.State), Node: h.Node.String(), Entries: h.Entries, Head: hex.EncodeToString(h.Head[:]),
			Told: h.Told.String(), Alarm: h.Alarm,
		}
		if h.Alarm {
			line.WasEntries, line.WasHead, line.WasTold = h.WasEntries, hex.EncodeToString(h.WasHead[:]), h.WasTold.String()
		}
		out.Heads = append(out.Heads, line)
	}
	return connect.NewResponse(out), nil
}

func (s *service) JournalAccept(ctx context.Context, r *connect.Request[apiv1.JournalAcceptRequest]) (*connect.Response[apiv1.JournalAcceptResponse], error) {
	if err := reasoned(r.Msg.Operator, r.Msg.Reason); err != nil {
		return nil, refuse(err)
	}
	var node ct.LogID
	if raw, err := hex.DecodeString(r.Msg.Node); err != nil || len(raw) != len(node) {
		return nil, refuse(ct.Faults{{Field: "node", Fault: ct.FaultForm + ": want 64 hex digits, as `herald journal heads --json` shows them"}})
	} else {
		copy(node[:], raw)
	}
	if err := s.b.JournalAccept(node, actor(ctx, r.Msg.Operator), r.Msg.Reason); err != nil {
		return nil, refuse(err)
	}
	return connect.NewResponse(&apiv1.JournalAcceptResponse{}), nil
}

// reasoned holds an act of a person against what the journal can take.
func reasoned(by, reason string) error {
	switch {
	case reason == "":
		return ct.Faults{{Field: "reason", Fault: ct.FaultMissing}}
	case len(reason) > journal.MaxText:
		return ct.Faults{{Field: "reason", Fault: ct.FaultTooLong}}
	}
	return operator(by)
}
