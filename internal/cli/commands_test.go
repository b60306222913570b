package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
)

var reasons = []string{"--purpose", "border-screening", "--basis", "UNSCR-2396-OP5", "--case", "C-1", "--grounds", "exercise"}

func exampleJSON(t *testing.T, seed uint64) string {
	t.Helper()
	var b bytes.Buffer
	if err := ct.EncodeJSON(&b, synth.New(seed).Notification(ct.TopicArrival, time.Now())); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPublish(t *testing.T) {
	var seq uint64
	var last desk.PublishOptions
	dir := backend(t, api.Backend{
		Publish: func(_ context.Context, n *ct.Notification, o desk.PublishOptions) (desk.Receipt, error) {
			if f := n.Validate(time.Now(), ct.Policy{}); len(f) > 0 {
				return desk.Receipt{}, f
			}
			last = o
			if o.NoWait {
				return desk.Receipt{Waiting: "k1", Why: "own-head check"}, nil
			}
			if o.DryRun {
				return desk.Receipt{Preview: &ct.Entry{Seq: 9, Kind: ct.KindNotification, Readable: true, Notification: n}}, nil
			}
			seq++
			return desk.Receipt{ID: ct.ID{byte(seq)}, Log: ct.LogID{7}, Seq: seq, Warnings: []string{"NLD is no member"}}, nil
		},
		Status: func() api.Status { return api.Status{} },
	})
	one := exampleJSON(t, 1)
	file := filepath.Join(t.TempDir(), "n.json")
	if err := os.WriteFile(file, []byte(one), 0o600); err != nil {
		t.Fatal(err)
	}

	r := herald(t, "", "publish", "-f", file, "--data", dir, "--operator", "op")
	r.check(t, 0, "", "warning: NLD is no member")
	if l := r.lines(t); len(l) != 1 || !slices.Equal(keysOf(l[0]), []string{"id", "log", "seq"}) || l[0]["id"] != (ct.ID{1}).String() {
		t.Errorf("publish: got %v", l)
	}
	if !strings.HasPrefix(last.Operator, "op") {
		t.Errorf("options: got %+v", last)
	}
	r = herald(t, one+exampleJSON(t, 2)+exampleJSON(t, 3), "publish", "-f", "-", "--data", dir)
	if l := r.lines(t); r.code != 0 || len(l) != 3 || l[0]["seq"] != 2.0 || l[2]["seq"] != 4.0 {
		t.Errorf("three in a row: got %+v", r)
	}
	if n := strings.Count(r.err, "stdin:"); n != 3 {
		t.Errorf("each warning says whose it is: got %q", r.err)
	}
	if last.Key != "" {
		t.Errorf("a key that nobody gave: %q", last.Key)
	}
	r = herald(t, "["+one+","+one+"]", "publish", "-f", "-", "--data", dir, "--key", "job 17", "--accept", "duplicate,asylum")
	if l := r.lines(t); r.code != 0 || len(l) != 2 {
		t.Errorf("an array: got %+v", r)
	}
	if last.Key != "job 17/2" || !slices.Equal(last.Accept, []string{"duplicate", "asylum"}) {
		t.Errorf("each of an array has a key of its own: got %+v", last)
	}
	r = herald(t, one, "publish", "-f", "-", "--data", dir, "--key", "job 17")
	if r.code != 0 || last.Key != "job 17" {
		t.Errorf("the key of one: got %+v %+v", r, last)
	}
	r = herald(t, one, "publish", "-f", "-", "--no-wait", "--data", dir)
	if l := r.lines(t); r.code != 0 || len(l) != 1 || !slices.Equal(keysOf(l[0]), []string{"waiting", "why"}) || l[0]["waiting"] != "k1" {
		t.Errorf("no wait: got %+v", r)
	}
	herald(t, one, "publish", "-f", "-", "--dry-run", "--data", dir).check(t, 0, "would be signed (nothing was)", "")
	if l := herald(t, one, "publish", "-f", "-", "--dry-run", "--json", "--data", dir).lines(t); len(l) != 1 || l[0]["notification"] == nil {
		t.Errorf("dry run as JSON: got %v", l)
	}

	// A slip in the last one leaves nothing published.
	before := seq
	r = herald(t, one+"\n"+strings.Replace(one, `"topic"`, `"tpoic"`, 1), "publish", "-f", "-", "--data", dir)
	r.check(t, 2, "", `unknown field "tpoic"`)
	if seq != before || r.out != "" {
		t.Errorf("%d were published before the slip was seen", seq-before)
	}

	// Faults of the node come as a table, without what was entered.
	n := synth.New(4).Notification(ct.TopicArrival, time.Now())
	n.Person.Names = []ct.Name{{Full: "Canarina Specimenova", Kind: "wrong"}}
	n.Assessment.Purpose = "Canarina"
	var bad bytes.Buffer
	if err := ct.EncodeJSON(&bad, n); err != nil {
		t.Fatal(err)
	}
	r = herald(t, bad.String(), "publish", "-f", "-", "--data", dir)
	r.check(t, 2, "", "person.names[0].kind")
	if !strings.Contains(r.err, "assessment.purpose") || !strings.Contains(r.err, "FIELD") || strings.Contains(r.err, "Canarina") {
		t.Errorf("faults: got %q", r.err)
	}
}

// While the node cannot sign yet, publish says for what it waits.
func TestPublishSaysForWhatItWaits(t *testing.T) {
	asked := make(chan struct{}, 100)
	dir := backend(t, api.Backend{
		Publish: func(ctx context.Context, _ *ct.Notification, _ desk.PublishOptions) (desk.Receipt, error) {
			for range 2 {
				select {
				case <-asked:
				case <-ctx.Done():
					return desk.Receipt{}, ctx.Err()
				}
			}
			return desk.Receipt{ID: ct.ID{1}, Seq: 1}, nil
		},
		Status: func() api.Status {
			asked <- struct{}{}
			return api.Status{Reasons: []string{"own-head check: 0 of 3 peers"}}
		},
	})
	r := herald(t, exampleJSON(t, 1), "publish", "-f", "-", "--data", dir)
	r.check(t, 0, `"seq":1`, "waiting: own-head check: 0 of 3 peers\n")
	if n := strings.Count(r.err, "waiting:"); n != 1 {
		t.Errorf("said %d times, want once", n)
	}
}

func TestOutbox(t *testing.T) {
	var dropped string
	dir := backend(t, api.Backend{
		Outbox: func() ([]desk.OutboxItem, error) {
			return []desk.OutboxItem{{Key: "k1", Kind: ct.KindNotification, Topic: ct.TopicTravel, Since: time.UnixMilli(1e12), Why: "own-head check"}}, nil
		},
		SignNow: func(_ context.Context, key, reason, _ string) (desk.Receipt, error) {
			if key != "k1" {
				return desk.Receipt{}, desk.ErrNotFound
			}
			return desk.Receipt{ID: ct.ID{1}, Seq: 1}, nil
		},
		Discard: func(key, _, _ string) error { dropped = key; return nil },
	})
	herald(t, "", "outbox", "--data", dir).check(t, 0, "own-head check", "")
	if l := herald(t, "", "outbox", "--json", "--data", dir).lines(t); len(l) != 1 || l[0]["key"] != "k1" || l[0]["since"] != "2001-09-09T01:46:40.000Z" {
		t.Errorf("outbox: got %v", l)
	}
	herald(t, "", "outbox", "--sign-now", "k1", "--reason", "r", "--data", dir).check(t, 0, `"seq":1`, "")
	herald(t, "", "outbox", "--sign-now", "k2", "--reason", "r", "--data", dir).check(t, 5, "", "not found")
	herald(t, "", "outbox", "--discard", "k9", "--reason", "r", "--data", dir).check(t, 0, "", "")
	if dropped != "k9" {
		t.Errorf("dropped %q", dropped)
	}
}

// fakeFeed answers from a slice, in pages as the real one does.
func fakeFeed(entries []ct.Entry) api.Backend {
	list := func(_ feed.Filter, after uint64, max int) ([]ct.Entry, uint64, error) {
		i, _ := slices.BinarySearchFunc(entries, after+1, func(e ct.Entry, c uint64) int { return int(e.Cursor) - int(c) })
		page := entries[i:min(len(entries), i+max)]
		if len(page) > 0 {
			after = page[len(page)-1].Cursor
		}
		return page, after, nil
	}
	return api.Backend{
		List: list,
		Tail: func(ctx context.Context, f feed.Filter, after uint64, fn func(ct.Entry) error) error {
			page, _, _ := list(f, after, len(entries))
			for _, e := range page {
				if err := fn(e); err != nil {
					return err
				}
			}
			<-ctx.Done()
			return ctx.Err()
		},
		Status: func() api.Status { return api.Status{Cursor: uint64(len(entries))} },
	}
}

// A line says what happened; who it is about is for those who ask with contents.
func TestListSaysWhat(t *testing.T) {
	n := &ct.Notification{Event: ct.Event{Type: ct.Arrival, Phase: "confirmed", Source: "UTO", Destination: "FIN", Time: "2026-11-20"}, Person: ct.Person{Names: []ct.Name{{Parts: []string{"Telvo", "Ardanic"}}}}}
	dir := backend(t, fakeFeed([]ct.Entry{{
		ID: ct.ID{1}, Log: ct.LogID{1}, Seq: 1, Cursor: 1, State: "UTO", Kind: ct.KindNotification, Topic: ct.TopicArrival, Priority: ct.PriorityFlash,
		TLP: ct.TLPGreen, Issued: 1e12, Expires: 2e12, Readable: true, Notification: n,
	}}))
	r := herald(t, "", "list", "--data", dir)
	for _, want := range []string{"flash", "GREEN", "ARRIVAL confirmed UTO>FIN 2026-11-20"} {
		r.check(t, 0, want, "")
	}
	l := herald(t, "", "list", "--json", "--data", dir)
	if m := l.lines(t); m[0]["tlp"] != "GREEN" || m[0]["priority"] != "flash" || m[0]["what"] != "ARRIVAL confirmed UTO>FIN 2026-11-20" {
		t.Errorf("list --json: %v", m)
	}
	if strings.Contains(r.out+l.out, "Ardanic") {
		t.Error("a name stands in a list without contents")
	}
	herald(t, "", "list", "--contents", "--data", dir).check(t, 0, "Telvo Ardanic", "")
	herald(t, "", "list", "--contents", "--json", "--data", dir).check(t, 0, `"parts":["Telvo","Ardanic"]`, "")
}

func TestListAndTail(t *testing.T) {
	var entries []ct.Entry
	for c := uint64(1); c <= 1200; c++ {
		entries = append(entries, ct.Entry{
			ID: ct.ID{byte(c >> 8), byte(c)}, Log: ct.LogID{1}, Seq: c, Cursor: c, State: "UTO", Kind: ct.KindNotification,
			Topic: ct.TopicTravel, Priority: ct.PriorityFlash, Issued: 1e12, Expires: 2e12, Readable: c%2 == 0, Unreadable: "retracted",
		})
	}
	dir := backend(t, fakeFeed(entries))
	lines := herald(t, "", "list", "--json", "--data", dir).lines(t)
	if len(lines) != 1200 || lines[0]["cursor"] != 1.0 || lines[1199]["cursor"] != 1200.0 {
		t.Fatalf("list: %d lines", len(lines))
	}
	want := []string{"cursor", "expires", "id", "issued", "kind", "log", "priority", "readable", "seq", "state", "tlp", "topic"}
	if got := keysOf(lines[0]); !slices.Equal(got, want) {
		t.Errorf("keys: got %v, want %v", got, want)
	}
	if l := herald(t, "", "list", "--json", "--after", "1190", "--data", dir).lines(t); len(l) != 10 {
		t.Errorf("after 1190: got %d lines, want 10", len(l))
	}
	if l := herald(t, "", "list", "--json", "--limit", "750", "--data", dir).lines(t); len(l) != 750 {
		t.Errorf("limit 750: got %d lines", len(l))
	}
	r := herald(t, "", "list", "--limit", "2", "--data", dir)
	r.check(t, 0, "CURSOR", "")
	if rows := strings.Split(strings.TrimSpace(r.out), "\n"); len(rows) != 3 || !strings.HasSuffix(rows[1], "retracted") || !strings.HasSuffix(rows[2], "readable") {
		t.Errorf("table: got %q", r.out)
	}
	l := herald(t, "", "tail", "--json", "--after", "1100", "--limit", "100", "--data", dir).lines(t)
	if len(l) != 100 || l[0]["cursor"] != 1101.0 || l[99]["cursor"] != 1200.0 {
		t.Errorf("tail: got %d lines", len(l))
	}
	// Without --after nothing old is shown: the tail waits until interrupted.
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if r := heraldUntil(ctx, "", "tail", "--json", "--data", dir); r.out != "" || r.code == 0 {
		t.Errorf("tail from now on: got %+v", r)
	}
	herald(t, "", "list", "--topic", "holiday", "--data", dir).check(t, 2, "", "filter.topic")
}

func TestMatch(t *testing.T) {
	answers := map[string][]string{
		"Hit Person": {desk.AnswerPossible, desk.AnswerNoHit}, "None Person": {desk.AnswerNoHit, desk.AnswerNoHit},
		"Silent Person": {desk.AnswerNoHit}, "Refused Person": {desk.AnswerNoHit, desk.AnswerRefused},
	}
	exercise := true
	dir := backend(t, api.Backend{
		Status: func() api.Status { return api.Status{Exercise: exercise} },
		Match: func(_ context.Context, q desk.MatchQuery, each func(desk.MatchAnswer) error) (desk.MatchSummary, error) {
			if slices.Contains(q.States, "FRA") {
				return desk.MatchSummary{}, fmt.Errorf("%w: not a member", desk.ErrNotFound)
			}
			sum := desk.MatchSummary{Asked: 2}
			if len(q.Person.Documents) > 0 {
				sum.Unread = ct.Faults{{Field: "documents[0].number", Fault: "no number"}}
			}
			if len(answers[q.Person.Names[0].Full]) < 2 {
				sum.Silent, sum.Withheld = []desk.Silence{{State: "FJI", Why: "no-node"}}, []ct.State{"KEN"}
			}
			for _, a := range answers[q.Person.Names[0].Full] {
				sum.Answered++
				ans := desk.MatchAnswer{State: "UTO", Node: ct.LogID{1}, Answer: a}
				switch a {
				case desk.AnswerPossible:
					sum.Possible++
					ans.Hits = []desk.MatchHit{{Ref: "rec:00", Score: .912, Tier: "strong", Why: []string{"name:agree"}}}
					if slices.Contains(q.States, "UTO") {
						ans.Inbox = ct.ID{7}
					}
				case desk.AnswerNoHit:
					sum.NoHit++
				default:
					sum.Refused++
					ans.Reason = "muted"
				}
				if err := each(ans); err != nil {
					return sum, err
				}
			}
			return sum, nil
		},
	})
	ask := func(query string, more ...string) result {
		return herald(t, query, append(append([]string{"match", "-f", "-", "--json", "--data", dir}, reasons...), more...)...)
	}
	for _, c := range []struct {
		query string
		code  int
	}{
		{`{"name":"Hit Person","birth":"1970"}`, 0},
		{`{"name":"None Person"}`, 5},
		{`{"name":"Silent Person"}`, 8},
		{`{"name":"Refused Person"}`, 8},
		{`{"names":[{"full":"Hit Person"}]}`, 0},
		{`{"name":"None Person"}` + "\n" + `{"name":"Hit Person"}`, 0},
		{`[{"name":"None Person"},{"name":"None Person"}]`, 5},
		{`[{"name":"None Person"},{"name":"Silent Person"}]`, 8},
	} {
		if r := ask(c.query); r.code != c.code {
			t.Errorf("%s: got exit code %d, want %d: %s", c.query, r.code, c.code, r.err)
		}
	}
	herald(t, `{"name":"Hit Person","document":"12"}`, append([]string{"match", "-f", "-", "--data", dir}, reasons...)...).check(t, 0, "not compared: documents[0].number: no number", "")
	if l := ask(`{"name":"Hit Person","document":"12"}`).lines(t); fmt.Sprint(l[len(l)-1]["not_compared"]) != "[map[field:documents[0].number why:no number]]" {
		t.Errorf("not compared: %v", l)
	}
	l := ask(`{"name":"Hit Person"}`).lines(t)
	if len(l) != 3 || !slices.Equal(keysOf(l[0]), []string{"answer", "hits", "node", "state"}) ||
		!slices.Equal(keysOf(l[2]), []string{"answered", "asked", "possible", "refused"}) {
		t.Fatalf("keys: got %v", l)
	}
	hits := l[0]["hits"].([]any)
	if got := keysOf(hits[0].(map[string]any)); !slices.Equal(got, []string{"ref", "score", "tier", "why"}) {
		t.Errorf("keys of a hit: got %v", got)
	}
	if none, ok := l[1]["hits"].([]any); !ok || len(none) != 0 {
		t.Errorf("no hits are an empty list: got %v", l[1])
	}
	// What a program has to know beside that is there when there is any.
	if l := ask(`{"name":"Hit Person"}`, "--states", "UTO").lines(t); l[0]["inbox"] != (ct.ID{7}).String() || l[1]["inbox"] != nil {
		t.Errorf("where a release will show: %v", l)
	}
	if l := ask(`{"name":"Refused Person"}`).lines(t); l[1]["reason"] != "muted" {
		t.Errorf("a refusal: %v", l)
	}
	if l := ask(`{"name":"Silent Person"}`).lines(t); fmt.Sprint(l[1]["silent"], l[1]["withheld"]) != "[map[state:FJI why:no-node]] [KEN]" {
		t.Errorf("who was silent, and who was not asked: %v", l)
	}
	ask(`{"name":"Hit Person"}`, "--states", "").check(t, 2, "", "--states names none")
	ask(`{"name":"`+strings.Repeat("x", ct.MaxJSON)+`"}`).check(t, 2, "", "document of more than")
	ask(`{"name":"Hit Person"}`, "--priority", "high").check(t, 2, "", "routine, urgent, flash")
	if l := ask("{\"name\":\"Hit Person\"}\n{\"name\":\"None Person\"}").lines(t); len(l) != 6 {
		t.Errorf("two queries: got %d lines, want 6", len(l))
	}
	ask(`{"name":"Hit Person"}`, "--states", "UTO,FRA").check(t, 2, "", "not a member")
	ask(`{"name":"Hit Person","brith":"1970"}`).check(t, 2, "", `stdin:1:22: unknown field "brith"`)
	ask("{}\n").check(t, 2, "", "stdin:1:1")

	byHand := append([]string{"match", "--name", "Hit Person", "--birth", "1970", "--data", dir}, reasons...)
	herald(t, "", byHand...).check(t, 0, "POSSIBLE", "")
	exercise = false
	herald(t, "", byHand...).check(t, 4, "", "exercise networks only")
}

// The inbox, for people and for programs: it names nobody until one item is
// shown, and what another State wrote drives no terminal.
func TestInbox(t *testing.T) {
	person := ct.Person{Names: []ct.Name{{Full: "Vell Orandi"}}}
	until := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	request := desk.InboxItem{
		ID: ct.ID{0xab, 1}, State: "FIN", Node: ct.LogID{1}, Purpose: "investigation", Basis: "b", Case: "FIN-7", Operator: "o",
		Grounds: "stamp\x1b[2J", Priority: ct.PriorityUrgent, Tier: "strong", Received: until.Add(-time.Hour), Until: until, Status: desk.StatusWaiting,
		Times: 2, Hits: []desk.MatchHit{{Ref: "rec:00", Score: .9, Tier: "strong", Why: []string{"name:agree"}}},
	}
	answer := desk.InboxItem{
		Answer: true, ID: ct.ID{0xcd, 2}, State: "KEN", Node: ct.LogID{2}, Case: "UTO-1", Received: until, Until: until,
		Status: desk.StatusWithdrawn, Reason: "mistaken-identity", Release: ct.ID{0xee},
	}
	content := &ct.MatchRelease{
		Requests: []ct.ID{request.ID}, To: "FIN", By: "human", Contact: ct.Contact{Desk: "desk"},
		Hits: []ct.ReleasedHit{{Ref: "rec:00", Score: 9000, Tier: "strong", Author: "UTO", TLP: ct.TLPAmber, Person: &person, Withheld: []string{"contacts"}}},
	}
	var refused []string
	var released desk.ReleaseOptions
	dir := backend(t, api.Backend{
		Inbox: func() ([]desk.InboxItem, error) { return []desk.InboxItem{request, answer}, nil },
		InboxShow: func(id, operator string) (desk.InboxShown, error) {
			if id != "ab01" || !strings.HasPrefix(operator, "officer-3") {
				return desk.InboxShown{}, fmt.Errorf("%w: nothing begins with it", desk.ErrNotFound)
			}
			return desk.InboxShown{Item: request, Person: &person, Release: content}, nil
		},
		Release: func(_ context.Context, id string, o desk.ReleaseOptions) (desk.Receipt, *ct.MatchRelease, error) {
			if released = o; id != "ab01" {
				return desk.Receipt{}, nil, desk.ErrUnsealedRelease
			}
			return desk.Receipt{ID: ct.ID{9}, Log: ct.LogID{9}, Seq: 4}, content, nil
		},
		Refuse: func(id, reason, operator string) error {
			refused = []string{id, reason, operator}
			return nil
		},
	})
	l := herald(t, "", "inbox", "--json", "--data", dir).lines(t)
	if len(l) != 2 || l[0]["type"] != "request" || l[0]["tier"] != "strong" || l[0]["deadline"] != "2026-11-27T08:00:00.000Z" || l[0]["person"] != nil ||
		l[1]["type"] != "answer" || l[1]["status"] != "withdrawn" || l[1]["reason"] != "mistaken-identity" {
		t.Fatalf("inbox --json: %v", l)
	}
	r := herald(t, "", "inbox", "--data", dir)
	r.check(t, 0, "FIN-7", "")
	if strings.Contains(r.out, "\x1b") || strings.Contains(r.out, "Orandi") || !strings.Contains(r.out, "withdrawn: mistaken-identity") {
		t.Errorf("inbox: %q", r.out)
	}
	r = herald(t, "", "inbox", "ab01", "--operator", "officer-3", "--data", dir)
	r.check(t, 0, "Vell Orandi", "")
	for _, want := range []string{"2 times", "the person asked for", "what a release would carry", "hits[0].withheld[0]"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("inbox ID: %q lacks %q", r.out, want)
		}
	}
	if l = herald(t, "", "inbox", "ab01", "--operator", "officer-3", "--json", "--data", dir).lines(t); len(l) != 1 || l[0]["person"] == nil || l[0]["release"] == nil {
		t.Errorf("inbox ID --json: %v", l)
	}
	herald(t, "", "inbox", "ffff", "--data", dir).check(t, 5, "", "nothing begins with it")
	herald(t, "", "release", "ab01", "--withhold", "births,documents", "--operator", "officer-3", "--data", dir).check(t, 0, "Vell Orandi", "")
	if !slices.Equal(released.Withhold, []string{"births", "documents"}) || !strings.HasPrefix(released.Operator, "officer-3") {
		t.Errorf("the node got %+v", released)
	}
	if l = herald(t, "", "release", "ab01", "--json", "--data", dir).lines(t); len(l) != 1 || l[0]["seq"] != 4.0 {
		t.Errorf("release --json: %v", l)
	}
	herald(t, "", "release", "cd02", "--data", dir).check(t, 4, "", "sealing is not supported yet")
	herald(t, "", "refuse", "ab01", "--reason", "not proportionate", "--data", dir).check(t, 0, "request ab01 is refused", "")
	if len(refused) != 3 || !slices.Equal(refused[:2], []string{"ab01", "not proportionate"}) {
		t.Errorf("the node got %q", refused)
	}
}

func TestImport(t *testing.T) {
	var got string
	var about desk.ListAbout
	do := func(_ context.Context, o desk.ImportOptions, r io.Reader, _ desk.ImportProgress) (desk.ImportResult, error) {
		raw, err := io.ReadAll(r)
		got, about = fmt.Sprintf("%s %s %v:%s", o.Form, o.List, o.AcceptShrink, raw), o.About
		switch {
		case strings.Contains(got, "all bad"):
			return desk.ImportResult{Rejections: []desk.Rejection{{Line: 1, Reason: "id: missing"}, {Line: 2, Reason: "names: missing"}}}, errors.New("import: nothing in it was accepted")
		case strings.Contains(got, "all good"):
			return desk.ImportResult{Read: 2, Accepted: 2, After: 2}, err
		case strings.Contains(got, "shrunk"):
			return desk.ImportResult{}, fmt.Errorf("import: %w: list national would go from 9 persons to 2", desk.ErrConflict)
		case strings.Contains(got, "no number"):
			return desk.ImportResult{Read: 3, Accepted: 3, Unread: 1, Left: []desk.LeftOut{{Line: 3, Field: "documents[0].number", Why: "no number", Kept: true}}, After: 3}, err
		case strings.Contains(got, "a value"):
			return desk.ImportResult{Read: 2, Accepted: 2, LeftOut: 1, Left: []desk.LeftOut{{Line: 2, Field: "births[0]", Why: "no date"}}, Before: 2, After: 2}, err
		}
		return desk.ImportResult{Read: 4, Accepted: 2, Joined: 1, Rejected: 1, Kept: 1, Entities: 4, Before: 7, After: 3, Rejections: []desk.Rejection{{Line: 2, Reason: "id: missing"}}}, err
	}
	dir := backend(t, api.Backend{Import: do})
	r := herald(t, "<xml/>", "import", "un", "-", "--json", "--data", dir)
	l := r.lines(t)
	if r.code != 8 || len(l) != 2 || l[0]["line"] != 2.0 || got != "un un false:<xml/>" ||
		!slices.Equal(keysOf(l[1]), []string{"accepted", "after", "before", "joined", "kept", "left_out", "not_compared", "read", "rejected"}) {
		t.Errorf("import un: got %+v, the node got %q", r, got)
	}
	r = herald(t, "{}", "import", "persons", "-", "--list", "watch", "--accept-shrink", "--tlp", "GREEN", "--basis", "law 1", "--source", "desk", "--date", "2026-11-01", "--review", "2027-11", "--data", dir)
	r.check(t, 8, "line 2: rejected: id: missing", "")
	for _, want := range []string{"read 4, accepted 2, rejected 1, values left out 0, not compared 0", "1 persons stay on the list", "list watch: 7 persons before, 3 now", "4 organisations"} {
		r.check(t, 8, want, "")
	}
	if want := (desk.ListAbout{TLP: ct.TLPGreen, Basis: "law 1", Source: "desk", Date: "2026-11-01", Review: "2027-11"}); got != "persons watch true:{}" || about != want {
		t.Errorf("import persons: the node got %q, %+v", got, about)
	}
	herald(t, "all good", "import", "persons", "-", "--data", dir).check(t, 0, "list national: 0 persons before, 2 now", "")
	herald(t, "a value", "import", "persons", "-", "--data", dir).check(t, 8, "line 2: left out: births[0]: no date", "")
	r = herald(t, "no number", "import", "persons", "-", "--data", dir)
	r.check(t, 8, "line 3: not compared: documents[0].number: no number", "")
	r.check(t, 8, "values left out 0, not compared 1", "")
	l = herald(t, "no number", "import", "persons", "-", "--json", "--data", dir).lines(t)
	if len(l) != 2 || !slices.Equal(keysOf(l[0]), []string{"field", "line", "not_compared"}) || l[1]["not_compared"] != 1.0 {
		t.Errorf("not compared: %v", l)
	}
	herald(t, "shrunk", "import", "persons", "-", "--data", dir).check(t, 6, "", "would go from 9 persons to 2")
	herald(t, "all bad", "import", "persons", "-", "--data", dir).check(t, 2, "", "line 2")
	herald(t, "{}", "import", "persons", "-", "--list", "A B", "--data", dir).check(t, 2, "", "list: ")
	herald(t, "{}", "import", "persons", "-", "--tlp", "PINK", "--data", dir).check(t, 2, "", "tlp: ")
	herald(t, "", "import", "persons", filepath.Join(dir, "none"), "--data", dir).check(t, 2, "", "no such file")
	herald(t, "", "import", "persons", dir, "--data", dir).check(t, 1, "", "read "+dir)
}

func TestLists(t *testing.T) {
	imported := time.Now().Add(-75 * time.Hour)
	dir := backend(t, api.Backend{
		Lists: func() ([]desk.ListInfo, error) {
			return []desk.ListInfo{
				{Name: "national", Persons: 12, Imported: imported, ListAbout: desk.ListAbout{TLP: ct.TLPRed, Basis: "law 1", Source: "desk 7", Date: "2026-01-01", Review: "2020-01-01"}},
				{Name: "un", Persons: 730, Imported: imported, ListAbout: desk.ListAbout{TLP: ct.TLPAmber}},
			}, nil
		},
		RemoveList: func(_ context.Context, name string) (int, error) {
			if name != "un" {
				return 0, fmt.Errorf("remove list: %w: no list of that name", desk.ErrNotFound)
			}
			return 730, nil
		},
	})
	r := herald(t, "", "lists", "--data", dir)
	for _, want := range []string{"national", "12", "3d", "RED", "law 1", "desk 7", "2026-01-01", "2020-01-01 (passed)", "AMBER"} {
		r.check(t, 0, want, "")
	}
	l := herald(t, "", "lists", "--json", "--data", dir).lines(t)
	if len(l) != 2 || l[0]["list"] != "national" || l[0]["persons"] != 12.0 || l[0]["tlp"] != "RED" || l[1]["review"] != nil {
		t.Errorf("lists: %v", l)
	}
	herald(t, "", "lists", "rm", "un", "--data", dir).check(t, 0, "list un is gone, with 730 persons", "")
	herald(t, "", "lists", "rm", "no-such", "--data", dir).check(t, 5, "", "no list of that name")
	none := backend(t, api.Backend{Lists: func() ([]desk.ListInfo, error) { return nil, nil }})
	herald(t, "", "lists", "--data", none).check(t, 0, "no list is imported", "")
}

func TestAdmin(t *testing.T) {
	muted := map[ct.State]time.Time{}
	dir := backend(t, api.Backend{
		Mute: func(s ct.State, on bool) error {
			if s == "FRA" {
				return fmt.Errorf("mute: FRA is no member: %w", api.ErrInvalid)
			}
			if delete(muted, s); on {
				muted[s] = time.Now()
			}
			return nil
		},
		Mutes: func() map[ct.State]time.Time { return muted },
		Peers: func() []api.Peer {
			return []api.Peer{{Node: ct.LogID{1}, State: "UTO", Addr: "/ip4/127.0.0.1/tcp/1", Inbound: true, Since: time.UnixMilli(1e12)}}
		},
		Status: func() api.Status {
			return api.Status{State: "UTO", Ready: true, Exercise: true, NetworkName: "drill", Records: 5,
				States: 3, Heard: 1, Silent: []ct.State{"FJI", "NOR"}, Alarms: []string{"eclipse: 1 of 3"}, ClockAhead: -31 * time.Second, Clocks: 2,
				Unchecked: 77, Topics: []ct.Topic{ct.TopicControl, ct.TopicArrival}}
		},
		JournalVerify: func([]api.JournalHead) (api.JournalState, error) {
			return api.JournalState{Entries: 9, Head: [32]byte{0xab}}, nil
		},
	})
	herald(t, "", "mute", "--data", dir).check(t, 0, "no State is muted", "")
	herald(t, "", "mute", "UTO", "--data", dir).check(t, 0, "UTO is muted", "")
	if l := herald(t, "", "mute", "--json", "--data", dir).lines(t); len(l) != 1 || l[0]["state"] != "UTO" {
		t.Errorf("mutes: got %v", l)
	}
	herald(t, "", "mute", "UTO", "--off", "--data", dir).check(t, 0, "not muted any more", "")
	herald(t, "", "mute", "FRA", "--data", dir).check(t, 2, "", "FRA is no member")
	herald(t, "", "mute", "ZZZ", "--data", dir).check(t, 2, "", "state: ")
	herald(t, "", "peers", "--data", dir).check(t, 0, "/ip4/127.0.0.1/tcp/1", "")
	if l := herald(t, "", "peers", "--json", "--data", dir).lines(t); len(l) != 1 || l[0]["inbound"] != true {
		t.Errorf("peers: got %v", l)
	}
	herald(t, "", "status", "--data", dir).check(t, 0, "EXERCISE", "")
	l := herald(t, "", "status", "--wait", "ready", "--json", "--data", dir).lines(t)
	if len(l) != 1 || l[0]["ready"] != true || l[0]["records"] != 5.0 || l[0]["reasons"] == nil {
		t.Errorf("status: got %v", l)
	}
	if l[0]["member_states"] != 3.0 || l[0]["heard_states"] != 1.0 || fmt.Sprint(l[0]["silent"]) != "[FJI NOR]" ||
		fmt.Sprint(l[0]["alarms"]) != "[eclipse: 1 of 3]" || l[0]["clock_ahead_ms"] != -31_000.0 || l[0]["clocks"] != 2.0 ||
		l[0]["unchecked_signatures"] != 77.0 || fmt.Sprint(l[0]["topics"]) != "[control arrival]" {
		t.Errorf("what beacons tell: got %v", l)
	}
	for _, want := range []string{"eclipse: 1 of 3", "1 of 3 member States in ten minutes; silent: FJI NOR", "-31000 ms from this one", "77 checked by a later", "control arrival; of all others"} {
		herald(t, "", "status", "--data", dir).check(t, 0, want, "")
	}
	herald(t, "", "journal", "verify", "--data", dir).check(t, 0, "9 entries", "")
	if l := herald(t, "", "journal", "verify", "--json", "--data", dir).lines(t); l[0]["entries"] != 9.0 || !strings.HasPrefix(l[0]["head"].(string), "ab00") {
		t.Errorf("journal: got %v", l)
	}
}

func TestStatusThatIsNeverReady(t *testing.T) {
	dir := backend(t, api.Backend{Status: func() api.Status { return api.Status{Reasons: []string{"isolated"}} }})
	herald(t, "", "status", "--data", dir).check(t, 0, "no: isolated", "")
	// A busy machine may not even get to ask in so short a time.
	for _, timeout := range []string{"300ms", "3s", "1m0s"} {
		if r := herald(t, "", "status", "--wait", "ready", "--timeout", timeout, "--data", dir); r.code != 7 || timeout == "1m0s" {
			r.check(t, 1, "", "not ready after "+timeout+": isolated")
			break
		}
	}
}

func TestExample(t *testing.T) {
	for _, topic := range []string{"travel", "arrival", "deportation", "detention"} {
		r := herald(t, "", "example", "--topic", topic, "--seed", "42")
		n, err := ct.DecodeNotification(strings.NewReader(r.out))
		if err != nil || r.code != 0 {
			t.Fatalf("%s: %v", topic, err)
		}
		if f := n.Validate(time.Now(), ct.Policy{}); len(f) > 0 || n.Topic.String() != topic {
			t.Errorf("%s: %v", topic, f)
		}
	}
	if l := herald(t, "", "example", "--count", "50").lines(t); len(l) != 50 {
		t.Errorf("50 examples: got %d", len(l))
	}
	name := func(seed string) string {
		n, err := ct.DecodeNotification(strings.NewReader(herald(t, "", "example", "--seed", seed).out))
		if err != nil {
			t.Fatal(err)
		}
		return n.Person.Names[0].Full
	}
	first, again := name("7"), name("7")
	if first != again || first == name("8") {
		t.Error("a seed does not name one person")
	}
}
