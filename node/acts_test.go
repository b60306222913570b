package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/backup"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/herald-net/herald/proto/herald/api/v1/apiv1connect"
	"google.golang.org/protobuf/types/known/structpb"
)

// What each method of the API leaves in the journal: the act, or why nothing. A
// method that is not here fails until somebody has decided.
var journalled = map[string]string{
	"Publish": "publish", "Retract": "retract", "SignNow": "sign-now", "Discard": "discard",
	"List": "read", "Get": "read", "Record": "read", "Tail": "read",
	"Match": "match-ask", "Inbox": "read", "InboxShow": "inbox-show", "Release": "release", "Refuse": "refuse",
	"Import": "import", "RemoveList": "import", "Mute": "mute", "Unmute": "unmute", "RosterSubmit": "roster-submit", "Backup": "backup",
	"JournalRead": "read", "JournalErase": "erase-subject", "JournalAccept": "accept-journal",

	"Outbox": nothing + "kinds and topics of drafts", "Lists": nothing + "names, counts and ages of lists", "ListMutes": nothing + "States", "Peers": nothing + "nodes", "Status": nothing + "counts",
	"Roster": nothing + "what every member has", "JournalVerify": nothing + "a length and a hash", "JournalHeads": nothing + "lengths and hashes",
}

const nothing = "nothing: "

// How an act is done that this test's own node cannot do: its place in the code
// is held by tests of its package.
var elsewhere = map[string]string{
	"InboxShow": "needs another State's request", "Release": "needs another State's request", "Refuse": "needs another State's request",
	"JournalAccept": "needs a peer whose journal was replaced", "SignNow": "needs a closed gate", "Discard": "needs a closed gate",
}

// S13: every read, question and export leaves an entry with who, before it is
// done. The matrix act × journalled, over all methods; -v prints it.
func TestEveryActIsJournalled(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dirs := founded(t, 2, roster.DefaultPolicy())
	dir := dirs[0]
	cfg := node.Config{Dir: dir, Listen: []string{"/ip4/127.0.0.1/tcp/0"}}
	stop := serving(t, cfg)
	defer stop()
	c := api.NewClient(filepath.Join(dir, node.FileSocket))

	raw, err := json.Marshal(synth.New(7).Notification(ct.TopicArrival, time.Now()))
	must(t, err)
	note, other, person := new(structpb.Struct), new(structpb.Struct), new(structpb.Struct)
	must(t, note.UnmarshalJSON(raw))
	raw, err = json.Marshal(synth.New(8).Notification(ct.TopicArrival, time.Now()))
	must(t, err)
	must(t, other.UnmarshalJSON(raw))
	must(t, person.UnmarshalJSON([]byte(`{"names":[{"full":"Oskvar Tellumini Brandeth"}],"births":[{"date":"1987-04-23"}]}`)))
	tmp := t.TempDir()
	backupTo := &apiv1.BackupRequest{
		Out: filepath.Join(tmp, "b"), KeyFile: filepath.Join(tmp, "k"), GenerationFile: filepath.Join(tmp, "g"), Generation: backup.Generation(time.Now()),
	}
	must(t, keys.SaveBackup(backupTo.KeyFile, keys.Storage{1}))
	must(t, keys.SaveBackup(backupTo.GenerationFile, keys.Storage{2}))

	// The gate of two nodes that see nobody stays closed: the draft waits, and
	// signing it now opens the way for the rest.
	waits, err := c.Publish(ctx, connect.NewRequest(&apiv1.PublishRequest{Notification: note, NoWait: true, Operator: "desk-7", Accept: []string{"asylum", "special-category"}}))
	must(t, err)
	signed, err := c.SignNow(ctx, connect.NewRequest(&apiv1.SignNowRequest{Key: waits.Msg.Receipt.Waiting, Reason: "a test"}))
	must(t, err)
	id := signed.Msg.Receipt.Id
	acts := map[string]func() error{
		"Publish": func() error {
			_, err := c.Publish(ctx, connect.NewRequest(&apiv1.PublishRequest{Notification: other, NoWait: true, Operator: "desk-7", Accept: []string{"asylum", "special-category"}}))
			return err
		},
		"List": func() error {
			_, err := c.List(ctx, connect.NewRequest(&apiv1.ListRequest{Contents: true}))
			return err
		},
		"Get": func() error { _, err := c.Get(ctx, connect.NewRequest(&apiv1.GetRequest{Id: id})); return err },
		"Record": func() error {
			_, err := c.Record(ctx, connect.NewRequest(&apiv1.RecordRequest{Id: id}))
			return err
		},
		"Tail": func() error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			in, err := c.Tail(ctx, connect.NewRequest(&apiv1.TailRequest{Contents: true}))
			if err != nil {
				return err
			}
			if !in.Receive() {
				return in.Err()
			}
			return nil
		},
		"Match": func() error {
			in, err := c.Match(ctx, connect.NewRequest(&apiv1.MatchRequest{
				Person: person, Purpose: "investigation", Basis: "law", Case: "c", Grounds: "g", Operator: "desk-7", States: []string{"UTO"},
			}))
			for err == nil && in.Receive() {
			}
			return err
		},
		"Inbox": func() error { _, err := c.Inbox(ctx, connect.NewRequest(&apiv1.InboxRequest{})); return err },
		"Import": func() error {
			in := c.Import(ctx)
			line := []byte(`{"id":"p1","names":[{"full":"Ulfgrim Zetakovnar"}]}`)
			if err := in.Send(&apiv1.ImportRequest{Kind: "persons", List: "own", Chunk: line}); err != nil {
				return err
			}
			_, err := in.CloseAndReceive()
			return err
		},
		"RemoveList": func() error {
			_, err := c.RemoveList(ctx, connect.NewRequest(&apiv1.RemoveListRequest{Name: "own"}))
			return err
		},
		"Lists": func() error { _, err := c.Lists(ctx, connect.NewRequest(&apiv1.ListsRequest{})); return err },
		"Mute":  func() error { _, err := c.Mute(ctx, connect.NewRequest(&apiv1.MuteRequest{State: "NOR"})); return err },
		"Unmute": func() error {
			_, err := c.Unmute(ctx, connect.NewRequest(&apiv1.UnmuteRequest{State: "NOR"}))
			return err
		},
		"RosterSubmit": func() error { // of nonsense: who tries is noted too
			_, _ = c.RosterSubmit(ctx, connect.NewRequest(&apiv1.RosterSubmitRequest{Record: []byte("x")}))
			return nil
		},
		"Backup": func() error {
			in, err := c.Backup(ctx, connect.NewRequest(backupTo))
			for err == nil && in.Receive() {
			}
			return err
		},
		"JournalRead": func() error {
			_, err := c.JournalRead(ctx, connect.NewRequest(&apiv1.JournalReadRequest{}))
			return err
		},
		"JournalErase": func() error {
			all, err := c.JournalRead(ctx, connect.NewRequest(&apiv1.JournalReadRequest{Max: 1000}))
			if err != nil {
				return err
			}
			for _, e := range all.Msg.Entries {
				if e.Sealed != nil {
					_, err = c.JournalErase(ctx, connect.NewRequest(&apiv1.JournalEraseRequest{Seq: e.Seq, Reason: "a test"}))
					return err
				}
			}
			return fmt.Errorf("no subject to erase")
		},
		"Retract": func() error {
			ctx, cancel := context.WithTimeout(ctx, time.Second) // it waits in the outbox, which is as good
			defer cancel()
			_, _ = c.Retract(ctx, connect.NewRequest(&apiv1.RetractRequest{Id: id, Reason: "error", Operator: "desk-7"}))
			return nil
		},
		"Outbox":    func() error { _, err := c.Outbox(ctx, connect.NewRequest(&apiv1.OutboxRequest{})); return err },
		"ListMutes": func() error { _, err := c.ListMutes(ctx, connect.NewRequest(&apiv1.ListMutesRequest{})); return err },
		"Peers":     func() error { _, err := c.Peers(ctx, connect.NewRequest(&apiv1.PeersRequest{})); return err },
		"Status":    func() error { _, err := c.Status(ctx, connect.NewRequest(&apiv1.StatusRequest{})); return err },
		"Roster":    func() error { _, err := c.Roster(ctx, connect.NewRequest(&apiv1.RosterRequest{})); return err },
		"JournalVerify": func() error {
			_, err := c.JournalVerify(ctx, connect.NewRequest(&apiv1.JournalVerifyRequest{}))
			return err
		},
		"JournalHeads": func() error {
			_, err := c.JournalHeads(ctx, connect.NewRequest(&apiv1.JournalHeadsRequest{}))
			return err
		},
	}
	var last uint64
	fresh := func() (out []*apiv1.JournalEntry) { // since the last look, but for notes of these looks
		for {
			all, err := c.JournalRead(ctx, connect.NewRequest(&apiv1.JournalReadRequest{After: last, Max: 1000}))
			must(t, err)
			if len(all.Msg.Entries) == 0 {
				return out
			}
			for _, e := range all.Msg.Entries {
				last = e.Seq
				out = append(out, e)
			}
		}
	}
	fresh()
	methods := reflect.TypeFor[apiv1connect.NodeHandler]()
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		want, ok := journalled[name]
		if !ok {
			t.Errorf("%s: does it leave an entry in the journal? Nobody has decided", name)
			continue
		}
		t.Logf("%-14s %s", name, want)
		do, here := acts[name]
		if _, other := elsewhere[name]; here == other {
			t.Errorf("%s: neither done here nor said why not, or both", name)
			continue
		}
		if !here || name == "Retract" || name == "JournalErase" {
			continue // the last two when all others are done
		}
		checkAct(t, name, want, do, fresh)
	}
	checkAct(t, "JournalErase", journalled["JournalErase"], acts["JournalErase"], fresh)
	checkAct(t, "Retract", journalled["Retract"], acts["Retract"], fresh)
	if len(journalled) != methods.NumMethod() {
		t.Errorf("%d methods, %d decided about", methods.NumMethod(), len(journalled))
	}
	whole, err := c.JournalVerify(ctx, connect.NewRequest(&apiv1.JournalVerifyRequest{}))
	must(t, err)
	if whole.Msg.Entries < last {
		t.Errorf("%d entries, read %d", whole.Msg.Entries, last)
	}
}

func checkAct(t *testing.T, name, want string, do func() error, fresh func() []*apiv1.JournalEntry) {
	t.Helper()
	if err := do(); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	user := fmt.Sprintf("uid %d", os.Getuid())
	found := 0
	for _, e := range fresh() {
		looked := e.Act == "read" && strings.HasPrefix(e.Outcome, "journal after entry ")
		if e.Act == want && (name == "JournalRead") == looked {
			if strings.Contains(e.Actor, user) {
				found++
			}
		} else if strings.HasPrefix(want, nothing) && !looked {
			t.Errorf("%s leaves %s, and should leave nothing", name, e.Act)
		}
	}
	if !strings.HasPrefix(want, nothing) && found == 0 {
		t.Errorf("%s leaves no entry %s of %q", name, want, user)
	}
}

// serving runs a node with its API until stop.
func serving(t *testing.T, cfg node.Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	n, err := node.New(ctx, cfg)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		must(t, n.Close())
	}
}
