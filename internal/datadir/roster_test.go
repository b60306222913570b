package datadir_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/datadir"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// strange is a record of a root key with a kind that no version knows yet.
func strange(t *testing.T, root *keys.Key, network ct.NetworkID, line wire.Line, next wire.Next) []byte {
	t.Helper()
	now, body, salt := ct.MillisOf(time.Now()), []byte("of a later version"), make([]byte, wire.SaltSize)
	h := wire.Header{
		Version: wire.Version, Network: network.Prefix(), Log: root.Public(), Kind: 99, Topic: uint32(ct.TopicControl),
		Commit: wire.Commit(salt, body), BodySize: uint32(len(body)), Issued: now, Expires: now + 1000,
		Priority: uint32(ct.PriorityRoutine), TLP: uint32(ct.TLPGreen), Audience: uint32(ct.AudienceAll),
	}
	next.Put(&h, line)
	raw := wire.EncodeHeader(&h)
	sig, err := root.Sign(keys.ContextRecord, network, raw)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Encode(&wire.Envelope{HeaderBytes: raw, Alg: keys.AlgEd25519, Sig: sig, Salt: salt, Body: body})
}

// What a version cannot apply or judge stays in the file, whoever signs on it,
// and stops nobody but the State whose root log it is.
func TestRosterFileKeepsWhatIsNotUnderstood(t *testing.T) {
	genesis, dirs := found(t, "later", "FJI", "ISL")
	sign(t, genesis, dirs...)
	raw, err := os.ReadFile(genesis)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	r, err := datadir.ParseRoster(raw, now)
	if err != nil {
		t.Fatal(err)
	}
	rootKey := func(i int) string { return filepath.Join(dirs[i], node.FileRootKey) }
	other, err := keys.Load(rootKey(1))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := keys.Generate()
	if err != nil {
		t.Fatal(err)
	}
	net := r.View.Network()
	next, _ := r.View.RootNext(other.Public())
	line := r.View.Line(other.Public()) // that of all root logs
	odd := [][]byte{strange(t, other, net, line, next), strange(t, stranger, net, line, wire.First(ct.ID(net)))}
	if r, err = datadir.ParseRoster(roster.EncodeFile(r.Genesis, odd), now); err != nil {
		t.Fatal(err)
	}
	if r.Unread != 1 || r.View.Stopped(other.Public()) != next.Seq {
		t.Errorf("%d records cannot be judged, stopped at %d", r.Unread, r.View.Stopped(other.Public()))
	}
	m, _ := r.View.Member("FJI")
	out, err := datadir.SignRoster(r, rootKey(0), now, r.View.RenewalOf(m.Nodes[0], time.Time{}, now))
	if err != nil {
		t.Fatal(err)
	}
	_, later, err := roster.ParseFile(out)
	if err != nil || len(later) != 3 || string(later[0]) != string(odd[0]) || string(later[1]) != string(odd[1]) {
		t.Errorf("the file signed on holds %d records, %v", len(later), err)
	}
	m, _ = r.View.Member("ISL")
	if _, err := datadir.SignRoster(r, rootKey(1), now, r.View.RenewalOf(m.Nodes[0], time.Time{}, now)); err == nil || !strings.Contains(err.Error(), "not understood by this version") {
		t.Errorf("signed after what is not understood: %v", err)
	}
	// What is out of order, with nothing left out before it, is a fault of the file.
	next.Seq += 5
	if _, err := datadir.ParseRoster(roster.EncodeFile(r.Genesis, [][]byte{strange(t, other, net, line, next)}), now); err == nil {
		t.Error("a gap was read over")
	}
}
