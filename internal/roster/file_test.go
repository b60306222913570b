package roster_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node/ct"
)

// edit changes the JSON of a file at a path of keys and indexes.
func edit(t *testing.T, file []byte, value any, path ...any) []byte {
	t.Helper()
	var doc any
	if err := json.Unmarshal(file, &doc); err != nil {
		t.Fatal(err)
	}
	at := doc
	for _, p := range path[:len(path)-1] {
		switch p := p.(type) {
		case string:
			at = at.(map[string]any)[p]
		case int:
			at = at.([]any)[p]
		}
	}
	switch p := path[len(path)-1].(type) {
	case string:
		at.(map[string]any)[p] = value
	case int:
		at.([]any)[p] = value
	}
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// get reads the JSON of a file at a path.
func get(t *testing.T, file []byte, path ...any) any {
	t.Helper()
	var at any
	if err := json.Unmarshal(file, &at); err != nil {
		t.Fatal(err)
	}
	for _, p := range path {
		switch p := p.(type) {
		case string:
			at = at.(map[string]any)[p]
		case int:
			at = at.([]any)[p]
		}
	}
	return at
}

// flip changes one bit of base64 text.
func flip(t *testing.T, text any, i int) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text.(string))
	if err != nil {
		t.Fatal(err)
	}
	b[(i+len(b))%len(b)] ^= 1
	return base64.StdEncoding.EncodeToString(b)
}

// fileCase is a file that is refused, and what the reason has in it.
type fileCase struct {
	name string
	file []byte
	want string
}

// badGenesis are genesis files that are refused.
func badGenesis(t *testing.T) []fileCase {
	good := signed(t).Encode()
	sigs := get(t, good, "signatures").([]any)
	delegations := get(t, good, "signatures", 1, "delegations").([]any)
	dup := func(old, new string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("no %s in the file", old)
		}
		return bytes.Replace(good, []byte(old), []byte(new), 1)
	}
	return []fileCase{
		{"empty", nil, "not a herald genesis 1 file"},
		{"not JSON", []byte("herald"), "not JSON"},
		{"a list", []byte("[]"), "not a herald genesis 1 file"},
		{"a request", request(t, "UTO", 1).Encode(), "not a herald genesis 1 file"},
		{"other format", edit(t, good, "genesis 2", "herald"), "says otherwise"},
		{"unknown field", edit(t, good, 1, "extra"), "unknown field"},
		{"unknown field inside", edit(t, good, 1, "summary", "members", 0, "extra"), "unknown field"},
		{"repeated field", dup(`"exercise": true`, `"exercise": false, "exercise": true`), "twice"},
		{"repeated field in another case", dup(`"name"`, `"Name": "Real", "name"`), "plain lower case"},
		{"two objects", append(bytes.Clone(good), good...), "after the end"},
		{"nested", []byte(strings.Repeat("[", 100)), "nested too deeply"},
		{"too large", make([]byte, 9<<20), "at most"},
		{"other network", edit(t, good, strings.Repeat("00", 32), "network"), "its body is network"},
		{"summary: name", edit(t, good, "Real", "summary", "name"), "summary"},
		{"summary: exercise", edit(t, good, false, "summary", "exercise"), "summary"},
		{"summary: policy", edit(t, good, 61, "summary", "policy", "match_per_hour"), "summary"},
		{"summary: State", edit(t, good, "SWE", "summary", "members", 0, "state"), "summary"},
		{"summary: root", edit(t, good, strings.Repeat("11", 32), "summary", "members", 0, "root"), "summary"},
		{"summary: a founder less", edit(t, good, get(t, good, "summary", "members").([]any)[:2], "summary", "members"), "summary"},
		{"body: one bit", edit(t, good, flip(t, get(t, good, "body"), -1), "body"), "genesis"},
		{"body: name", edit(t, good, flip(t, get(t, good, "body"), 5), "body"), "its body is network"},
		{"no body", edit(t, good, "", "body"), "not a record in its one encoding"},
		{"signature: one bit", edit(t, good, flip(t, sigs[0].(map[string]any)["signature"], 3), "signatures", 0, "signature"), "not its root key's"},
		{"signature: empty", edit(t, good, "", "signatures", 0, "signature"), "not its root key's"},
		{"signature of another State", edit(t, good, "NOR", "signatures", 0, "state"), "not its root key's"},
		{"signature of a stranger", edit(t, good, "SWE", "signatures", 0, "state"), "no founder"},
		{"signature twice", edit(t, good, append(sigs, sigs[0]), "signatures"), "two signatures of BRA"},
		{"delegation missing", edit(t, good, delegations[:1], "signatures", 1, "delegations"), "delegates 1 nodes, want 2"},
		{"delegation too many", edit(t, good, append(delegations, delegations[0]), "signatures", 1, "delegations"), "delegates 3 nodes, want 2"},
		{"delegations swapped", edit(t, good, []any{delegations[1], delegations[0]}, "signatures", 1, "delegations"), "not the one that the body asks for"},
		{"delegation: header", edit(t, good, flip(t, delegations[0], 40), "signatures", 1, "delegations", 0), "not the one"},
		{"delegation: body", edit(t, good, flip(t, delegations[0], -1), "signatures", 1, "delegations", 0), "not the one"},
		{"delegation: salt", edit(t, good, flip(t, delegations[0], -136), "signatures", 1, "delegations", 0), "not the one"},
		{"delegation: signature", edit(t, good, flip(t, delegations[0], -170), "signatures", 1, "delegations", 0), "not signed by its root key"},
		{"delegation: garbage", edit(t, good, "AAAA", "signatures", 1, "delegations", 0), "not a record"},
	}
}

func TestParseGenesisRefuses(t *testing.T) {
	good := signed(t).Encode()
	for _, x := range badGenesis(t) {
		g, err := roster.ParseGenesis(x.file)
		if err == nil || g != nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want %q in it", x.name, err, x.want)
		}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, good); err != nil {
		t.Fatal(err)
	}
	g, err := roster.ParseGenesis(compact.Bytes())
	if err != nil {
		t.Fatalf("the good one in other blanks: %v", err)
	}
	if !bytes.Equal(g.Encode(), good) {
		t.Error("read and written, the file is another")
	}
}

// badRequests are request files that are refused.
func badRequests(t *testing.T) []fileCase {
	good := request(t, "UTO", 1).Encode()
	return []fileCase{
		{"empty", nil, "not a herald request 1 file"},
		{"a genesis", signed(t).Encode(), "not a herald request 1 file"},
		{"unknown field", edit(t, good, 1, "extra"), "unknown field"},
		{"other State", edit(t, good, "NOR", "state"), "proof of possession"},
		{"no State", edit(t, good, "XXA", "state"), "state: not a State that can be a member"},
		{"other root", edit(t, good, root("NOR").Public().String(), "root"), "proof of possession"},
		{"other node", edit(t, good, node("NOR", 1).Public().String(), "node"), "proof of possession"},
		{"root as node", edit(t, good, root("UTO").Public().String(), "node"), "or the root key"},
		{"node of small order", edit(t, good, ct.LogID{1}.String(), "node"), "not a possible"},
		{"root of small order", edit(t, good, ct.LogID{1}.String(), "root"), "not a possible"},
		{"other address", edit(t, good, "/ip4/192.0.2.9/tcp/4001", "addrs", 0), "root key has not signed"},
		{"no address", edit(t, good, []string{}, "addrs"), "root key has not signed"},
		{"strange address", edit(t, good, "/onion/x", "addrs", 0), "multiaddr"},
		{"proof: one bit", edit(t, good, flip(t, get(t, good, "proof"), 0), "proof"), "proof of possession"},
		{"signature: one bit", edit(t, good, flip(t, get(t, good, "signature"), 0), "signature"), "root key has not signed"},
		{"short signature", edit(t, good, "AAAA", "signature"), "64 bytes"},
		{"signatures swapped", edit(t, edit(t, good, get(t, good, "proof"), "signature"), get(t, good, "signature"), "proof"), "proof of possession"},
	}
}

func TestRequestFiles(t *testing.T) {
	r := request(t, "UTO", 1)
	good := r.Encode()
	got, err := roster.ParseRequest(good)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Encode(), good) {
		t.Error("read and written, the file is another")
	}
	for _, x := range badRequests(t) {
		_, err := roster.ParseRequest(x.file)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want %q in it", x.name, err, x.want)
		}
	}
	for name, f := range map[string]func() error{
		"root as node": func() error { _, err := roster.NewRequest("UTO", root("UTO"), root("UTO"), nil); return err },
		"no State":     func() error { _, err := roster.NewRequest("", root("UTO"), node("UTO", 1), nil); return err },
		"nine addresses": func() error {
			_, err := roster.NewRequest("UTO", root("UTO"), node("UTO", 1), strings.Fields(strings.Repeat("/ip4/192.0.2.1/tcp/1 ", 9)))
			return err
		},
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := roster.NewRequest("UTO", root("UTO"), node("UTO", 1), nil); err != nil {
		t.Errorf("a node that is only dialled out of: %v", err)
	}
}

func FuzzGenesis(f *testing.F) {
	f.Add(signed(f).Encode())
	f.Add(unsigned(f).Encode())
	f.Add([]byte(`{"herald":"genesis 1","body":""}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		g, err := roster.ParseGenesis(file)
		if err != nil {
			return
		}
		again, err := roster.ParseGenesis(g.Encode())
		if err != nil {
			t.Fatalf("what we wrote is refused: %v", err)
		}
		if !bytes.Equal(again.Encode(), g.Encode()) {
			t.Fatal("written and read, the genesis is another")
		}
		if _, err := roster.New(g); (err == nil) != (len(g.Missing()) == 0) {
			t.Fatalf("%d founders missing, and %v", len(g.Missing()), err)
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add(request(f, "UTO", 1).Encode())
	f.Add([]byte(`{"herald":"request 1","addrs":[]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := roster.ParseRequest(file)
		if err != nil {
			return
		}
		if _, err := roster.ParseRequest(r.Encode()); err != nil {
			t.Fatalf("what we wrote is refused: %v", err)
		}
	})
}

// The largest network that the limits allow is founded and read in bounded time.
func BenchmarkFounding193States(b *testing.B) {
	var reqs []roster.Request
	for _, c := range ct.Countries() {
		if c.Status == ct.StatusMember {
			reqs = append(reqs, request(b, c.State, 1))
		}
	}
	g, err := roster.NewGenesis("N", true, founded, roster.Policy{}, reqs)
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range reqs {
		if err := g.Sign(root(r.State), founded); err != nil {
			b.Fatal(err)
		}
	}
	file := g.Encode()

	for b.Loop() {
		g, err := roster.ParseGenesis(file)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := roster.New(g); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(file)), "bytes")
	b.ReportMetric(float64(len(reqs)), "States")
}
