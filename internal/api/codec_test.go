package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"google.golang.org/protobuf/encoding/protowire"
)

// A field that the node does not know is refused, however it comes: a mistyped
// filter would give everything.
func TestUnknownFieldsAreRefused(t *testing.T) {
	asked := 0
	client, socket := serve(t, api.Backend{
		List: func(feed.Filter, uint64, int) ([]ct.Entry, uint64, error) { asked++; return nil, 7, nil },
		Tail: func(context.Context, feed.Filter, uint64, func(ct.Entry) error) error { asked++; return nil },
	})
	post := func(path, kind, body string) (int, string) {
		res, err := overSocket(socket).Post("http://herald/herald.api.v1.Node/"+path, kind, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(answer)
	}
	for _, body := range []string{`{"filter":{"topcis":["travel"]}}`, `{"fliter":{}}`, `{"filter":{"topics":["travel"]}}`, `{"max":5,"Max":6}`, ``, `[]`} {
		for _, kind := range []string{"application/json", "application/json; charset=utf-8"} {
			if code, answer := post("List", kind, body); code != http.StatusBadRequest || asked > 0 {
				t.Errorf("%s %s: status %d, %s; the node was asked %d times", kind, body, code, answer, asked)
			}
		}
	}
	odd := &apiv1.Filter{}
	odd.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1))
	if _, err := client.List(t.Context(), connect.NewRequest(&apiv1.ListRequest{Filter: odd})); connect.CodeOf(err) != connect.CodeInvalidArgument || asked > 0 {
		t.Errorf("an unknown field in binary: %v; the node was asked %d times", err, asked)
	}
	in, err := client.Tail(t.Context(), connect.NewRequest(&apiv1.TailRequest{Filter: odd}))
	if err == nil {
		in.Receive()
		err = in.Err()
	}
	if connect.CodeOf(err) != connect.CodeInvalidArgument || asked > 0 {
		t.Errorf("an unknown field of a stream: %v; the node was asked %d times", err, asked)
	}
	// What is known goes through, and comes back by the names of the commands.
	code, answer := post("List", "application/json", `{"filter":{"topic":["travel"],"since":"2026-01-01T00:00:00Z"},"after":"3"}`)
	if code != http.StatusOK || answer != `{"next":"7"}` || asked != 1 {
		t.Errorf("a right filter: %d %s", code, answer)
	}
}

// JSON has the names of the proto file, as the commands do.
func TestNamesOfJSON(t *testing.T) {
	_, socket := serve(t, api.Backend{Status: func() api.Status { return api.Status{NetworkName: "drill", RosterVersion: 2, Stuck: true} }})
	res, err := overSocket(socket).Post("http://herald/herald.api.v1.Node/Status", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out["network_name"] != "drill" || out["roster_version"] != "2" || out["stuck"] != true {
		t.Errorf("got %v, %v", out, err)
	}
}

// A tail that ends because the node stops says so, and is told from one that
// its reader has left.
func TestTailEndsInOrder(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "herald.sock")
	s, err := api.New(api.Config{Socket: socket, Backend: api.Backend{Tail: func(ctx context.Context, _ feed.Filter, _ uint64, fn func(ct.Entry) error) error {
		if err := fn(ct.Entry{Cursor: 1}); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	run, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(run) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	in, err := api.NewClient(socket).Tail(ctx, connect.NewRequest(&apiv1.TailRequest{}))
	if err != nil || !in.Receive() {
		t.Fatalf("tail: %v, %v", err, in.Err())
	}
	stop()
	if in.Receive() || connect.CodeOf(in.Err()) != connect.CodeUnavailable || !strings.Contains(in.Err().Error(), "the node is stopping") {
		t.Errorf("got %v, want unavailable: the node is stopping", in.Err())
	}
	in.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
