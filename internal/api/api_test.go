package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/herald-net/herald/proto/herald/api/v1/apiv1connect"
	"google.golang.org/protobuf/types/known/structpb"
)

// serve runs a server on a socket of its own until the test ends.
func serve(t *testing.T, b api.Backend) (apiv1connect.NodeClient, string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "herald.sock")
	if b.Journal == nil {
		b.Journal = func(journal.Entry) error { return nil }
	}
	s, err := api.New(api.Config{Backend: b, Socket: socket})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return api.NewClient(socket), socket
}

// overSocket is an HTTP client that knows nothing of Connect, like curl.
func overSocket(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
}

func structOf(t *testing.T, v any) *structpb.Struct {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	s := new(structpb.Struct)
	if err := s.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPublishByPlainHTTP(t *testing.T) {
	want := synth.New(7).Notification(ct.TopicArrival, time.Now())
	var got *ct.Notification
	var options desk.PublishOptions
	_, socket := serve(t, api.Backend{
		Publish: func(_ context.Context, n *ct.Notification, o desk.PublishOptions) (desk.Receipt, error) {
			got, options = n, o
			return desk.Receipt{ID: ct.ID{1}, Log: ct.LogID{2}, Seq: 3, Warnings: []string{"w"}}, nil
		},
	})
	var doc bytes.Buffer
	if err := ct.EncodeJSON(&doc, want); err != nil {
		t.Fatal(err)
	}
	body := `{"notification":` + doc.String() + `,"operator":"op-1"}`
	res, err := overSocket(socket).Post("http://herald/herald.api.v1.Node/Publish", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v: %s", res.StatusCode, err, answer)
	}
	var out struct{ Receipt struct{ ID, Log, Seq string } }
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatal(err)
	}
	if out.Receipt.ID != (ct.ID{1}).String() || out.Receipt.Seq != "3" {
		t.Errorf("receipt: got %s", answer)
	}
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if !bytes.Equal(g, w) || !strings.HasPrefix(options.Operator, "op-1") {
		t.Errorf("the notification changed on its way in")
	}
}

func TestGRPC(t *testing.T) {
	_, socket := serve(t, api.Backend{Status: func() api.Status { return api.Status{State: "UTO", Records: 5} }})
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	hc := &http.Client{Transport: &http.Transport{Protocols: p, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	c := apiv1connect.NewNodeClient(hc, "http://herald", connect.WithGRPC())
	res, err := c.Status(t.Context(), connect.NewRequest(&apiv1.StatusRequest{}))
	if err != nil || res.Msg.State != "UTO" || res.Msg.Records != 5 {
		t.Fatalf("status over gRPC: %v, %v", res, err)
	}
}

func TestRefusals(t *testing.T) {
	faults := ct.Faults{{Field: "event.type", Fault: ct.FaultMissing}, {Field: "person.names", Fault: ct.FaultMissing}}
	for _, c := range []struct {
		name   string
		err    error
		code   connect.Code
		reason string
		faults int
	}{
		{"faults", fmt.Errorf("publish: %w", faults), connect.CodeInvalidArgument, api.ReasonInvalid, 2},
		{"sealed audience", desk.ErrSealedAudience, connect.CodePermissionDenied, api.ReasonNotAllowed, 0},
		{"desk not found", desk.ErrNotFound, connect.CodeNotFound, api.ReasonNotFound, 0},
		{"desk conflict", desk.ErrConflict, connect.CodeFailedPrecondition, api.ReasonConflict, 0},
		{"busy", desk.ErrBusy, connect.CodeResourceExhausted, api.ReasonBusy, 0},
		{"disk full", fmt.Errorf("append: %w", store.ErrFull), connect.CodeResourceExhausted, api.ReasonFull, 0},
		{"closing", store.ErrClosed, connect.CodeUnavailable, api.ReasonUnavailable, 0},
		{"unknown", errors.New("a disk fell off"), connect.CodeInternal, api.ReasonInternal, 0},
		{"wrapped by the node", fmt.Errorf("mute: %w", api.ErrInvalid), connect.CodeInvalidArgument, api.ReasonInvalid, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, _ := serve(t, api.Backend{
				SignNow: func(context.Context, string, string, string) (desk.Receipt, error) { return desk.Receipt{}, c.err },
			})
			_, err := client.SignNow(t.Context(), connect.NewRequest(&apiv1.SignNowRequest{Key: "1", Reason: "r"}))
			checkRefusal(t, err, c.code, c.reason, c.faults)
			var ce *connect.Error
			if errors.As(err, &ce) && ce.Message() != c.err.Error() {
				t.Errorf("message: got %q, want %q", ce.Message(), c.err)
			}
		})
	}
}

func TestPrefixRefusals(t *testing.T) {
	for _, c := range []struct {
		err  error
		code connect.Code
	}{
		{feed.ErrNotFound, connect.CodeNotFound},
		{feed.ErrAmbiguous, connect.CodeFailedPrecondition},
		{feed.ErrPrefix, connect.CodeInvalidArgument},
	} {
		client, _ := serve(t, api.Backend{
			Get: func(string) (ct.Entry, []ct.Entry, error) { return ct.Entry{}, nil, c.err },
		})
		_, err := client.Get(t.Context(), connect.NewRequest(&apiv1.GetRequest{Id: "abcd"}))
		if connect.CodeOf(err) != c.code {
			t.Errorf("get: %v: got %v, want %v", c.err, connect.CodeOf(err), c.code)
		}
		_, err = client.Retract(t.Context(), connect.NewRequest(&apiv1.RetractRequest{Id: "abcd", Reason: "error"}))
		if connect.CodeOf(err) != c.code {
			t.Errorf("retract: %v: got %v, want %v", c.err, connect.CodeOf(err), c.code)
		}
	}
}

func checkRefusal(t *testing.T, err error, code connect.Code, reason string, faults int) {
	t.Helper()
	if connect.CodeOf(err) != code {
		t.Errorf("code: got %v, want %v (%v)", connect.CodeOf(err), code, err)
	}
	r, ok := api.RefusalOf(err)
	if !ok || r.Reason != reason || len(r.Faults) != faults {
		t.Errorf("refusal: got %v, want %s with %d faults", r, reason, faults)
	}
}

// Input that cannot be right is refused before the backend is called: every
// function of it is nil here but Status.
func TestBadInput(t *testing.T) {
	const canary = "Canarina Specimenova"
	client, _ := serve(t, api.Backend{Status: func() api.Status { return api.Status{Exercise: false} }})
	n := structOf(t, synth.New(1).Notification(ct.TopicTravel, time.Now()))
	n.Fields["sirname"] = structpb.NewStringValue(canary)
	person := structOf(t, map[string]any{"name": canary})
	full := func(m *apiv1.MatchRequest) *apiv1.MatchRequest {
		m.Person, m.Purpose, m.Basis, m.Case, m.Grounds = person, "investigation", "b", "c", "g"
		return m
	}
	match := func(m *apiv1.MatchRequest) error {
		in, err := client.Match(t.Context(), connect.NewRequest(m))
		if err != nil {
			return err
		}
		defer in.Close()
		for in.Receive() {
		}
		return in.Err()
	}
	for _, c := range []struct {
		name  string
		call  func() error
		field string
	}{
		{"no notification", func() error {
			_, err := client.Publish(t.Context(), connect.NewRequest(&apiv1.PublishRequest{}))
			return err
		}, "notification"},
		{"unknown field", func() error {
			_, err := client.Publish(t.Context(), connect.NewRequest(&apiv1.PublishRequest{Notification: n}))
			return err
		}, "notification"},
		{"long operator", func() error {
			_, err := client.Publish(t.Context(), connect.NewRequest(&apiv1.PublishRequest{Operator: strings.Repeat("x", 65)}))
			return err
		}, "operator"},
		{"topic", func() error {
			_, err := client.List(t.Context(), connect.NewRequest(&apiv1.ListRequest{Filter: &apiv1.Filter{Topic: []string{"travel", canary}}}))
			return err
		}, "filter.topic[1]"},
		{"since", func() error {
			_, err := client.List(t.Context(), connect.NewRequest(&apiv1.ListRequest{Filter: &apiv1.Filter{Since: "yesterday"}}))
			return err
		}, "filter.since"},
		{"kinds", func() error {
			_, err := client.List(t.Context(), connect.NewRequest(&apiv1.ListRequest{Filter: &apiv1.Filter{Kind: slices.Repeat([]string{"ack"}, 100)}}))
			return err
		}, "filter.kind"},
		{"mute of nobody", func() error {
			_, err := client.Mute(t.Context(), connect.NewRequest(&apiv1.MuteRequest{State: "ZZZ"}))
			return err
		}, "state"},
		{"sign now without a reason", func() error {
			_, err := client.SignNow(t.Context(), connect.NewRequest(&apiv1.SignNowRequest{Key: "k"}))
			return err
		}, "reason"},
		{"discard without a key", func() error {
			_, err := client.Discard(t.Context(), connect.NewRequest(&apiv1.DiscardRequest{Reason: "r"}))
			return err
		}, "key"},
		{"match of States that are none", func() error { return match(full(&apiv1.MatchRequest{States: []string{"UTO", "ZZZ"}})) }, "states[1]"},
		{"match without end", func() error { return match(full(&apiv1.MatchRequest{TimeoutMs: 1 << 30})) }, "timeout_ms"},
		{"match of nobody", func() error { return match(&apiv1.MatchRequest{Purpose: "investigation"}) }, "person"},
		{"match priority", func() error { return match(full(&apiv1.MatchRequest{Priority: "soon"})) }, "priority"},
		{"import of what", func() error {
			in := client.Import(t.Context())
			if err := in.Send(&apiv1.ImportRequest{Kind: canary}); err != nil {
				return err
			}
			_, err := in.CloseAndReceive()
			return err
		}, "kind"},
		{"import to where", func() error {
			in := client.Import(t.Context())
			if err := in.Send(&apiv1.ImportRequest{Kind: "persons", List: "../" + canary}); err != nil {
				return err
			}
			_, err := in.CloseAndReceive()
			return err
		}, "list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.call()
			if connect.CodeOf(err) != connect.CodeInvalidArgument {
				t.Fatalf("got %v, want invalid_argument", err)
			}
			r, ok := api.RefusalOf(err)
			if !ok || len(r.Faults) == 0 || r.Faults[0].Field != c.field {
				t.Errorf("refusal: got %v, want a fault at %s", r, c.field)
			}
			if text := err.Error() + r.String(); strings.Contains(text, "Canarina") {
				t.Errorf("the error repeats what was entered: %s", text)
			}
		})
	}
	if err := match(full(&apiv1.MatchRequest{ExerciseOnly: true})); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("a name by hand outside an exercise: got %v, want permission_denied", err)
	}
}

func TestEntryKeepsEverything(t *testing.T) {
	n := synth.New(3).Notification(ct.TopicDetention, time.Now())
	entry := ct.Entry{
		ID: ct.ID{1}, Log: ct.LogID{2}, Seq: 3, Cursor: 4, State: "UTO", Kind: ct.KindNotification, Topic: ct.TopicDetention,
		Issued: 1_700_000_000_001, Expires: 1_800_000_000_002, Priority: ct.PriorityFlash, TLP: ct.TLPAmberStrict, Audience: ct.AudienceAll,
		Refs: []ct.Ref{{Log: ct.LogID{5}, Seq: 6, ID: ct.ID{7}}}, BodySize: 8, Exercise: true, Readable: true, Notification: n,
	}
	retract := ct.Entry{ID: ct.ID{9}, Kind: ct.KindRetract, Readable: true, Retraction: &ct.Retraction{Reason: "error"}}
	hidden := entry
	hidden.Readable, hidden.Unreadable, hidden.Hidden = false, "retracted", true
	client, _ := serve(t, api.Backend{
		Get: func(prefix string) (ct.Entry, []ct.Entry, error) {
			if prefix == "hidden" {
				return hidden, nil, nil
			}
			return entry, []ct.Entry{retract}, nil
		},
		Record: func(prefix string) ([]byte, error) { return []byte(prefix), nil },
	})
	res, err := client.Get(t.Context(), connect.NewRequest(&apiv1.GetRequest{Id: "01"}))
	if err != nil {
		t.Fatal(err)
	}
	e := res.Msg.Entry
	content, err := e.Content.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ct.DecodeNotification(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	g, _ := json.Marshal(back)
	w, _ := json.Marshal(n)
	if !bytes.Equal(g, w) {
		t.Errorf("content changed on its way out")
	}
	e.Content = nil
	want := &apiv1.Entry{
		Id: entry.ID.String(), Log: entry.Log.String(), Seq: 3, Cursor: 4, State: "UTO", Kind: "notification", Topic: "detention",
		Issued: "2023-11-14T22:13:20.001Z", Expires: "2027-01-15T08:00:00.002Z", Priority: "flash", Tlp: "AMBER+STRICT", Audience: "ALL",
		Refs: []*apiv1.Ref{{Log: ct.LogID{5}.String(), Seq: 6, Id: ct.ID{7}.String()}}, BodySize: 8, Exercise: true, Readable: true,
		What: fmt.Sprintf("%s %s %s>%s %s", n.Event.Type, n.Event.Phase, n.Event.Source, n.Event.Destination, n.Event.Time),
	}
	if e.String() != want.String() {
		t.Errorf("entry:\n got %v\nwant %v", e, want)
	}
	if h := res.Msg.History; len(h) != 1 || h[0].Content.Fields["reason"].GetStringValue() != "error" {
		t.Errorf("history: got %v", h)
	}
	res, err = client.Get(t.Context(), connect.NewRequest(&apiv1.GetRequest{Id: "hidden"}))
	if err != nil || res.Msg.Entry.Content != nil || res.Msg.Entry.Unreadable != "retracted" || !res.Msg.Entry.Hidden {
		t.Errorf("a hidden entry: got %v, %v", res.Msg, err)
	}
	rec, err := client.Record(t.Context(), connect.NewRequest(&apiv1.RecordRequest{Id: "beef"}))
	if err != nil || string(rec.Msg.Record) != "beef" {
		t.Errorf("record: got %v, %v", rec, err)
	}
}

func TestListPages(t *testing.T) {
	var asked []int
	client, _ := serve(t, api.Backend{List: func(f feed.Filter, after uint64, max int) ([]ct.Entry, uint64, error) {
		asked = append(asked, max)
		if !slices.Equal(f.Topics, []ct.Topic{ct.TopicTravel, ct.TopicArrival}) || !slices.Equal(f.States, []ct.State{"UTO", "FIN"}) ||
			f.Since.String() != "2026-01-02T03:04:05.000Z" || !f.All || !slices.Equal(f.Kinds, []ct.Kind{ct.KindAck}) {
			t.Errorf("filter: got %+v", f)
		}
		return []ct.Entry{{Cursor: after + 1}}, after + 2, nil
	}})
	filter := &apiv1.Filter{Topic: []string{"travel", "arrival"}, State: []string{"UTO", "FIN"}, Kind: []string{"ack"}, Since: "2026-01-02T03:04:05Z", All: true}
	for _, max := range []uint32{0, 7, 1 << 30} {
		res, err := client.List(t.Context(), connect.NewRequest(&apiv1.ListRequest{Filter: filter, After: 10, Max: max}))
		if err != nil || res.Msg.Next != 12 || len(res.Msg.Entries) != 1 || res.Msg.Entries[0].Cursor != 11 {
			t.Fatalf("list: %v, %v", res, err)
		}
	}
	if !slices.Equal(asked, []int{100, 7, 1000}) {
		t.Errorf("page sizes: got %v, want [100 7 1000]", asked)
	}
}

// A reader that does not read holds the feed back, and finds everything there
// when it goes on.
func TestTailSlowReader(t *testing.T) {
	const total = 4_000
	long := strings.Repeat("x", 8<<10) // all of them together are more than any system keeps for a socket
	var sent atomic.Uint64
	client, _ := serve(t, api.Backend{Tail: func(ctx context.Context, _ feed.Filter, after uint64, fn func(ct.Entry) error) error {
		for c := after + 1; c <= total; c++ {
			if err := fn(ct.Entry{Cursor: c, Kind: ct.KindNotification, Unreadable: long}); err != nil {
				return err
			}
			sent.Store(c)
		}
		<-ctx.Done()
		return ctx.Err()
	}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	in, err := client.Tail(ctx, connect.NewRequest(&apiv1.TailRequest{After: 10}))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	next := func(want uint64) {
		t.Helper()
		if !in.Receive() || in.Msg().Entry.Cursor != want {
			t.Fatalf("entry %d: got %v, %v", want, in.Msg().GetEntry(), in.Err())
		}
	}
	next(11)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for last, same := uint64(0), 0; same < 4; { // until the sender stands still
		<-tick.C
		if now := sent.Load(); now == last {
			same++
		} else {
			last, same = now, 0
		}
	}
	if got := sent.Load(); got >= total {
		t.Fatalf("the sender went through all %d entries although nobody read: where are they kept?", got)
	}
	for c := uint64(12); c <= total; c++ {
		next(c)
	}
}

func TestTailEndsWithItsReader(t *testing.T) {
	ended := make(chan error, 1)
	client, _ := serve(t, api.Backend{Tail: func(ctx context.Context, _ feed.Filter, _ uint64, fn func(ct.Entry) error) error {
		if err := fn(ct.Entry{Cursor: 1}); err != nil {
			return err
		}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	in, err := client.Tail(ctx, connect.NewRequest(&apiv1.TailRequest{}))
	if err != nil || !in.Receive() {
		t.Fatalf("tail: %v, %v", err, in.Err())
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the backend still tails for a reader that has gone")
	}
	in.Close()
}

// Answers come one by one, not together at the end: the backend gives the
// second only after the reader has seen the first.
func TestMatchStreams(t *testing.T) {
	seen := make(chan struct{})
	client, _ := serve(t, api.Backend{
		Status: func() api.Status { return api.Status{Exercise: true} },
		Match: func(ctx context.Context, q desk.MatchQuery, each func(desk.MatchAnswer) error) (desk.MatchSummary, error) {
			if q.Person.Names[0].Full != "Specimen Person" || q.Purpose != "investigation" || q.Timeout != 3*time.Second ||
				!slices.Equal(q.States, []ct.State{"UTO"}) || q.Priority != ct.PriorityUrgent {
				return desk.MatchSummary{}, fmt.Errorf("the query changed on its way")
			}
			hit := desk.MatchHit{Ref: "list:un/1", Score: .5, Tier: "possible", Why: []string{"name:agree"}}
			if err := each(desk.MatchAnswer{State: "UTO", Answer: desk.AnswerPossible, Own: true, Hits: []desk.MatchHit{hit}}); err != nil {
				return desk.MatchSummary{}, err
			}
			select {
			case <-seen:
			case <-ctx.Done():
				return desk.MatchSummary{}, ctx.Err()
			}
			if err := each(desk.MatchAnswer{State: "XXA", Answer: desk.AnswerRefused, Reason: "muted"}); err != nil {
				return desk.MatchSummary{}, err
			}
			return desk.MatchSummary{Asked: 3, Answered: 2, Possible: 1, Refused: 1, Silent: []desk.Silence{{State: "XXB", Why: "no-answer"}}}, nil
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	in, err := client.Match(ctx, connect.NewRequest(&apiv1.MatchRequest{
		Person: structOf(t, map[string]any{"name": "Specimen Person"}), Purpose: "investigation", Basis: "b", Case: "c", Grounds: "g",
		States: []string{"UTO"}, TimeoutMs: 3000, Priority: "urgent", ExerciseOnly: true,
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if !in.Receive() || in.Msg().GetAnswer().GetState() != "UTO" || !in.Msg().GetAnswer().Own || in.Msg().GetAnswer().Hits[0].Why[0] != "name:agree" {
		t.Fatalf("first answer: %v, %v", in.Msg(), in.Err())
	}
	close(seen)
	if !in.Receive() || in.Msg().GetAnswer().GetReason() != "muted" {
		t.Fatalf("second answer: %v, %v", in.Msg(), in.Err())
	}
	if !in.Receive() || in.Msg().GetSummary().GetAsked() != 3 || in.Msg().GetSummary().Silent[0].State != "XXB" {
		t.Fatalf("summary: %v, %v", in.Msg(), in.Err())
	}
	if in.Receive() || in.Err() != nil {
		t.Fatalf("after the summary: %v, %v", in.Msg(), in.Err())
	}
}

func TestImport(t *testing.T) {
	file := bytes.Repeat([]byte("0123456789abcdef\n"), 100_000)
	var got []byte
	var options desk.ImportOptions
	read := make(chan error, 1)
	client, _ := serve(t, api.Backend{
		Import: func(_ context.Context, o desk.ImportOptions, r io.Reader, _ desk.ImportProgress) (desk.ImportResult, error) {
			if o.Form == desk.FormUN {
				var err error
				got, err = io.ReadAll(r)
				options = o
				res := desk.ImportResult{Read: 4, Accepted: 1, Joined: 1, Rejected: 2, Entities: 4, Kept: 1, LeftOut: 20_000, Before: 5, After: 2}
				for i := range 20_000 {
					res.Rejections = append(res.Rejections, desk.Rejection{Line: i, Reason: "no name"})
					res.Left = append(res.Left, desk.LeftOut{Line: i, Field: "sex", Why: "none"})
				}
				return res, err
			}
			_, err := io.Copy(io.Discard, r)
			read <- err
			if err == nil {
				err = errors.New("nothing in it was accepted")
			}
			return desk.ImportResult{Read: 1, Rejected: 1, Rejections: []desk.Rejection{{Line: 1, Reason: "id: missing"}}}, err
		},
	})
	send := func(ctx context.Context, first *apiv1.ImportRequest, file []byte) *connect.ClientStreamForClient[apiv1.ImportRequest, apiv1.ImportResponse] {
		out := client.Import(ctx)
		for part := range slices.Chunk(file, 100_000) {
			first.Chunk = part
			if err := out.Send(first); err != nil {
				t.Fatal(err)
			}
			first = &apiv1.ImportRequest{}
		}
		return out
	}
	t.Run("whole", func(t *testing.T) {
		res, err := send(t.Context(), &apiv1.ImportRequest{Kind: "un", AcceptShrink: true, About: &apiv1.ListAbout{Tlp: "GREEN", Basis: "law"}}, file).CloseAndReceive()
		if err != nil {
			t.Fatal(err)
		}
		want := desk.ImportOptions{List: "un", Form: "un", AcceptShrink: true, About: desk.ListAbout{TLP: ct.TLPGreen, Basis: "law"}}
		if !bytes.Equal(got, file) || options != want {
			t.Errorf("%d bytes arrived for %+v, want %d for %+v", len(got), options, len(file), want)
		}
		if m := res.Msg; m.Joined != 1 || m.Kept != 1 || m.Before != 5 || m.After != 2 || m.LeftOut != 20_000 || len(m.Left) != 10_000 || m.Left[1].Line != 1 {
			t.Errorf("result: %d %d %d %d %d, %d left", m.Joined, m.Kept, m.Before, m.After, m.LeftOut, len(m.Left))
		}
		if m := res.Msg; m.Read != 4 || m.Accepted != 1 || m.Rejected != 2 || m.Entities != 4 || len(m.Rejections) != 10_000 {
			t.Errorf("result: %d %d %d %d, %d rejections", m.Read, m.Accepted, m.Rejected, m.Entities, len(m.Rejections))
		}
	})
	t.Run("no marking", func(t *testing.T) {
		_, err := send(t.Context(), &apiv1.ImportRequest{Kind: "un", About: &apiv1.ListAbout{Tlp: "PINK"}}, file[:100]).CloseAndReceive()
		checkRefusal(t, err, connect.CodeInvalidArgument, api.ReasonInvalid, 1)
	})
	t.Run("nothing accepted", func(t *testing.T) {
		_, err := send(t.Context(), &apiv1.ImportRequest{Kind: "persons", List: "l"}, file[:100]).CloseAndReceive()
		<-read
		checkRefusal(t, err, connect.CodeInvalidArgument, api.ReasonInvalid, 1)
	})
	t.Run("broken off", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		send(ctx, &apiv1.ImportRequest{Kind: "persons", List: "l"}, file)
		cancel()
		select {
		case err := <-read:
			if err == nil {
				t.Error("half a file was taken for a whole one")
			}
		case <-time.After(time.Minute):
			t.Error("the importer still waits for the rest")
		}
	})
}

func TestRequestsAreBounded(t *testing.T) {
	release := make(chan struct{})
	inside := make(chan struct{}, 1000)
	_, socket := serve(t, api.Backend{Outbox: func() ([]desk.OutboxItem, error) {
		inside <- struct{}{}
		<-release
		return nil, nil
	}})
	hc := overSocket(socket)
	call := func() int {
		res, err := hc.Post("http://herald/herald.api.v1.Node/Outbox", "application/json", strings.NewReader("{}"))
		if err != nil {
			return 0
		}
		res.Body.Close()
		return res.StatusCode
	}
	codes := make(chan int, 256)
	for range 256 {
		go func() { codes <- call() }()
		<-inside
	}
	if got := call(); got != http.StatusServiceUnavailable {
		t.Errorf("request 257: got %d, want 503", got)
	}
	close(release)
	for range 256 {
		if got := <-codes; got != http.StatusOK {
			t.Errorf("got %d, want 200", got)
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	client, _ := serve(t, api.Backend{})
	_, err := client.SignNow(t.Context(), connect.NewRequest(&apiv1.SignNowRequest{Key: strings.Repeat("k", 3<<20)}))
	if connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("3 MiB: got %v, want resource_exhausted", err)
	}
}

func TestUnreachable(t *testing.T) {
	_, err := api.NewClient(filepath.Join(t.TempDir(), "herald.sock")).Status(t.Context(), connect.NewRequest(&apiv1.StatusRequest{}))
	if !errors.Is(err, api.ErrUnreachable) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no socket: got %v", err)
	}
}
