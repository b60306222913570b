package desk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// opened is all that local.db and lists.db of a node hold, opened with its storage key.
func opened(t *testing.T, n *node) (out []byte) {
	t.Helper()
	all := func(tx *store.LocalTx) error {
		for _, b := range tx.Buckets() {
			err := tx.Scan(b, nil, func(k, v []byte) error {
				out = append(append(append(out, b...), k...), v...)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	must(t, errors.Join(n.store.Local().View(all), n.store.Lists().View(all)))
	return out
}

// Whom a match request was about is nowhere at a responder that does not know
// the person or refuses, not even for who has its keys; at the asker it is in
// the sealed subject of the journal alone. Nothing that either says shows it.
func TestNoHitLeavesNothing(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	const canary, paper = "Zzqcanary", "ZQ7700131"
	p := ct.Person{
		Names: []ct.Name{{Full: canary + " Telvo"}}, Births: []ct.Birth{{Date: "1961-09-17"}},
		Documents: []ct.Document{{Number: paper}},
	}
	// The requests as they travel, to be sent again and altered.
	var sent [][]byte
	a.mu.Lock()
	a.ask = func(ctx context.Context, to *node, raw []byte) ([]byte, error) {
		sent = append(sent, bytes.Clone(raw))
		return a.call(ctx, to, raw)
	}
	a.mu.Unlock()
	q := query(p, "FIN")
	q.Grounds = "because of " + canary
	answers, _ := ask(t, a, q)
	if answers["FIN"].Answer != desk.AnswerNoHit || len(sent) != 1 {
		t.Fatalf("answers %+v to %d requests", answers, len(sent))
	}
	if !bytes.Contains(sent[0], []byte(canary)) {
		t.Fatal("the test looks for what was never sent")
	}
	said := []string{fmt.Sprintf("%+v", answers)}
	from := a.key.Public()
	for name, raw := range map[string][]byte{
		"again":     sent[0],
		"cut":       sent[0][:len(sent[0])-5],
		"altered":   bytes.Replace(sent[0], []byte(canary), []byte(strings.ToUpper(canary)), 1),
		"not one":   []byte(canary),
		"too large": append(bytes.Clone(sent[0]), bytes.Repeat([]byte(canary), 20_000)...),
	} {
		if got := b.desk.Answer(within(t), from, raw); got == nil || decodeAnswer(t, got).Reason == "" {
			t.Errorf("%s: not refused", name)
		}
	}
	for range 200 { // beyond the budget
		b.desk.Answer(within(t), from, sent[0])
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	_, err := a.desk.Match(stopped, q, func(desk.MatchAnswer) error { return nil })
	if err == nil {
		t.Error("a match that was stopped has ended well")
	} else {
		said = append(said, err.Error())
	}

	for _, n := range []*node{a, b} {
		for _, w := range []string{canary, strings.ToUpper(canary), strings.ToLower(canary), paper} {
			if bytes.Contains(opened(t, n), []byte(w)) {
				t.Errorf("%s keeps %q in local.db, for who has its storage key", n.state, w)
			}
		}
		said = append(said, n.logs.String(), n.metrics())
	}
	kept := 0
	for _, e := range a.entries() {
		if bytes.Contains(e.Subject, []byte(canary)) {
			kept++
		}
	}
	if kept != 2 {
		t.Errorf("the asker's journal has %d subjects, want one a query", kept)
	}
	answered := 0
	for _, e := range b.entries() {
		if e.Act == journal.ActMatchAnswer && e.Commit != [32]byte{} {
			answered++
		}
		if e.Sealed != nil || e.Subject != nil {
			t.Errorf("the responder keeps a subject: %v", e)
		}
		said = append(said, fmt.Sprintf("%q %q %q %q %q", e.Act, e.Outcome, e.Purpose, e.Basis, e.Case))
	}
	if answered == 0 {
		t.Error("the responder has journalled nothing")
	}
	for _, s := range said {
		if strings.Contains(strings.ToLower(s), strings.ToLower(canary)) || strings.Contains(s, paper) {
			t.Errorf("the person is shown: %s", s)
		}
	}
	for _, n := range net.nodes {
		n.stop()
		files, err := filepath.Glob(filepath.Join(n.dir, "*"))
		must(t, err)
		for _, f := range files {
			data, err := os.ReadFile(f)
			must(t, err)
			if bytes.Contains(data, []byte(canary)) || bytes.Contains(data, []byte(paper)) {
				t.Errorf("%s: %s holds the person in clear", n.state, filepath.Base(f))
			}
		}
	}
}
