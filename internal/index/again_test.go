package index_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/herald-net/herald/internal/index"
)

// Of a list that is imported again what is unchanged is not written again, so
// that a node has soon followed it; and whoever changed or left is.
func TestUnchangedIsNotWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := openIndex(t, path)
	var changes []index.Change
	for i, p := range people {
		changes = append(changes, index.Change{Ref: fmt.Sprint("list:a/", i), Origin: "a", Person: p})
	}
	update(t, x, index.Cursors{Lists: 5}, changes...)
	rows := func() map[string]string {
		must(t, x.Close())
		db, err := bbolt.Open(path, 0o600, nil)
		must(t, err)
		out := map[string]string{}
		must(t, db.View(func(tx *bbolt.Tx) error {
			return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
				return b.ForEach(func(k, v []byte) error { out[string(name)+" "+string(k)] = string(v); return nil })
			})
		}))
		must(t, db.Close())
		x = openIndex(t, path)
		return out
	}
	differ := func(a, b map[string]string) (out []string) {
		for k := range a {
			if name, _, _ := strings.Cut(k, " "); a[k] != b[k] && name != "meta" {
				out = append(out, name)
			}
		}
		return out
	}
	before := rows()
	update(t, x, index.Cursors{Lists: 10}, changes...)
	after := rows()
	if got := differ(before, after); len(got) != 0 || len(before) != len(after) {
		t.Errorf("imported again, it writes %q", got)
	}
	changes[1].Person, changes[2].Person, changes[3].Origin = named("Telmurad Vosk", "1955-05-05"), nil, "b"
	update(t, x, index.Cursors{Lists: 15}, changes...)
	rows()
	for i, want := range []string{"list:a/0", "", "", "list:a/3", "list:a/4"} {
		if got := found(t, x, people[i]); got != want {
			t.Errorf("person %d: found %q, want %q", i, got, want)
		}
	}
	if got := found(t, x, changes[1].Person); got != "list:a/1" || x.Persons() != 4 {
		t.Errorf("who changed: found %q, of %d persons", got, x.Persons())
	}
}
