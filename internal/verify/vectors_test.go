package verify_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

var update = flag.Bool("update", false, "write the files of proto/vectors anew")

const vectorDir = "../../proto/vectors"

// The files, as PROTOCOL.md section 12 describes them.
type (
	networkFile struct {
		Now      ct.Millis       `json:"now"` // the time at which every record is judged
		Keys     []keyVector     `json:"keys"`
		Networks []networkVector `json:"networks"`
	}
	keyVector struct {
		Name   string `json:"name"`
		Seed   string `json:"seed"`
		Public string `json:"public"`
	}
	networkVector struct {
		Name    string `json:"name"`
		File    string `json:"file"` // the genesis file beside this one
		Network string `json:"network"`
		Body    string `json:"genesis_body"`
	}
	// recordVector is a record that is chained. By is "gossip", on the header's
	// topic, or "sync".
	recordVector struct {
		Name         string        `json:"name"`
		Network      string        `json:"network"`
		By           string        `json:"by"`
		Key          string        `json:"key"`
		ID           string        `json:"id"`
		Inadmissible verify.Reason `json:"inadmissible,omitempty"`
		Header       string        `json:"header"`
		Signature    string        `json:"signature"`
		Bytes        string        `json:"bytes"`
	}
	// refusedVector is a record that is not chained.
	refusedVector struct {
		Name    string        `json:"name"`
		Network string        `json:"network"`
		By      string        `json:"by"`
		Topic   ct.Topic      `json:"topic,omitempty"`
		Reason  verify.Reason `json:"reason"`
		Verdict string        `json:"verdict"`
		Bytes   string        `json:"bytes"`
	}
)

var keyNames = []string{"UTO root", "UTO 1", "UTO 2", "UTO 3", "NOR root", "NOR 1", "BRA root", "BRA 1", "stranger"}

// checkFile compares what this test builds with the committed file, or writes it.
func checkFile(t *testing.T, name string, built []byte) {
	t.Helper()
	path := filepath.Join(vectorDir, name)
	if *update {
		if err := os.WriteFile(path, built, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, built) {
		t.Errorf("%s is not what this test builds; if the wire format was meant to change: go test ./internal/verify -update", name)
	}
}

func encodeVectors(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// readVectors reads a committed file: what other implementations have.
func readVectors[T any](t *testing.T, name string) T {
	t.Helper()
	var v T
	b, err := os.ReadFile(filepath.Join(vectorDir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNetworkVectors(t *testing.T) {
	w := newWorld(t)
	f := networkFile{Now: ct.MillisOf(now)}
	for _, name := range keyNames {
		s, k := seed(name), key(name)
		f.Keys = append(f.Keys, keyVector{name, hex.EncodeToString(s[:]), k.Public().String()})
	}
	for _, net := range []string{exercise, earnest} {
		g := w.genesis[net]
		var doc struct {
			Body []byte `json:"body"`
		}
		if err := json.Unmarshal(g.Encode(), &doc); err != nil {
			t.Fatal(err)
		}
		file := "genesis-" + net + ".json"
		f.Networks = append(f.Networks, networkVector{net, file, g.Network().String(), hex.EncodeToString(doc.Body)})
		checkFile(t, file, g.Encode())
	}
	checkFile(t, "network.json", encodeVectors(t, f))
	readViews(t)
}

// readViews builds the rosters from the committed files alone.
func readViews(t *testing.T) map[string]*roster.View {
	t.Helper()
	views := map[string]*roster.View{}
	for _, n := range readVectors[networkFile](t, "network.json").Networks {
		raw, err := os.ReadFile(filepath.Join(vectorDir, n.File))
		if err != nil {
			t.Fatal(err)
		}
		g, err := roster.ParseGenesis(raw)
		if err != nil {
			t.Fatal(err)
		}
		if g.Network().String() != n.Network {
			t.Errorf("%s: network %s, want %s", n.Name, g.Network(), n.Network)
		}
		if views[n.Name], err = roster.New(g); err != nil {
			t.Fatal(err)
		}
	}
	return views
}

func TestRecordVectors(t *testing.T) {
	built := accepted(newWorld(t))
	checkFile(t, "records.json", encodeVectors(t, built))
	views := readViews(t)
	covered := map[verify.Reason]bool{}
	for _, x := range readVectors[[]recordVector](t, "records.json") {
		raw := unhex(t, x.Bytes)
		e, err := wire.Decode(raw)
		if err != nil {
			t.Errorf("%s: %v", x.Name, err)
			continue
		}
		var r verify.Record
		if x.By == "gossip" {
			r, err = verify.OpenGossip(raw, views[x.Network], ct.Topic(e.Header.Topic), now)
		} else {
			r, err = verify.Open(raw, views[x.Network], now)
		}
		if err != nil {
			t.Errorf("%s: %v", x.Name, err)
			continue
		}
		if r.Inadmissible() != x.Inadmissible {
			t.Errorf("%s: inadmissible %q, want %q", x.Name, r.Inadmissible(), x.Inadmissible)
		}
		covered[r.Inadmissible()] = true
		k := key(x.Key)
		sig, err := k.Sign(keys.ContextRecord, views[x.Network].Network(), e.HeaderBytes)
		if err != nil || hex.EncodeToString(sig) != x.Signature || hex.EncodeToString(r.Sig()) != x.Signature {
			t.Errorf("%s: key %s does not make this signature: %v", x.Name, x.Key, err)
		}
		if r.ID().String() != x.ID || hex.EncodeToString(r.HeaderBytes()) != x.Header || r.Header().Log != k.Public() {
			t.Errorf("%s: id, header or log differ", x.Name)
		}
		if !bytes.Equal(wire.Encode(e), raw) || !bytes.Equal(wire.EncodeHeader(&e.Header), e.HeaderBytes) || !bytes.Equal(r.Raw(), raw) {
			t.Errorf("%s: encoded otherwise", x.Name)
		}
	}
	for _, m := range verify.Reasons() {
		if m.Verdict == verify.Accept && !covered[m.Reason] {
			t.Errorf("no record is %s", m.Reason)
		}
	}
	if !covered[""] || len(built) < 12 {
		t.Errorf("%d records, want at least 12 and admissible ones", len(built))
	}
}

func TestRefusedVectors(t *testing.T) {
	built := refused(t, newWorld(t))
	checkFile(t, "refused.json", encodeVectors(t, built))
	views := readViews(t)
	covered := map[verify.Reason]bool{}
	names := map[string]bool{}
	for _, x := range readVectors[[]refusedVector](t, "refused.json") {
		if names[x.Name] {
			t.Errorf("%s: two vectors of this name", x.Name)
		}
		names[x.Name] = true
		raw := unhex(t, x.Bytes)
		var err error
		if x.By == "gossip" {
			_, err = verify.OpenGossip(raw, views[x.Network], x.Topic, now)
		} else {
			_, err = verify.Open(raw, views[x.Network], now)
		}
		why, ok := err.(*verify.Error)
		if !ok {
			t.Errorf("%s: got %v, want %s", x.Name, err, x.Reason)
			continue
		}
		if why.Reason != x.Reason || why.Verdict().String() != x.Verdict {
			t.Errorf("%s: got %v (%v), want %s (%s)", x.Name, why, why.Verdict(), x.Reason, x.Verdict)
		}
		covered[why.Reason] = true
	}
	for _, m := range verify.Reasons() {
		// Which records are disowned the root logs say: roots.json.
		if m.Verdict != verify.Accept && !covered[m.Reason] && m.Reason != verify.Disowned {
			t.Errorf("no record is refused as %s", m.Reason)
		}
	}
	if len(built) < 40 {
		t.Errorf("%d refused records, want at least 40", len(built))
	}
}
