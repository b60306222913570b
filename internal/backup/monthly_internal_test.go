package backup

import (
	"bytes"
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// Who has the backup key and not the month's reads neither salts nor imported
// lists, nor drafts, requests and the journal: destroying that key erases all of
// them from every copy.
func TestMonthlyPartsNeedTheMonthsKey(t *testing.T) {
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	cfg := store.Config{Dir: t.TempDir(), Key: keys.Storage{1}, Network: ct.NetworkID{2}}
	ok(store.Create(cfg))
	s, err := store.Open(cfg)
	ok(err)
	defer s.Close()
	ok(s.Lists().Update(func(tx *store.LocalTx) error { return tx.Put("list", []byte{1}, []byte("entry")) }))
	k := Keys{Backup: keys.Storage{3}, Generation: keys.Storage{4}, Name: "2026-03"}
	src := Source{Store: s, Network: cfg.Network, State: "UTO", Files: map[string][]byte{"node.key": []byte("k")}}
	var file bytes.Buffer
	_, err = write(t.Context(), &file, src, k, time.Now(), nil)
	ok(err)

	_, rawHead, err := readHead(&file)
	ok(err)
	main, _, err := streams(Keys{Backup: k.Backup}, rawHead)
	ok(err)
	in := newOpenReader(main, &file)
	for range fileNames {
		_, err := io.Copy(io.Discard, &blockReader{r: in})
		ok(err)
	}
	out := cfg
	out.Dir = t.TempDir()
	var shut []string
	for _, part := range store.Parts() {
		b := &blockReader{r: in}
		if store.Import(out, part, b) != nil {
			shut = append(shut, part)
		}
		_, err := io.Copy(io.Discard, b)
		ok(err)
	}
	if want := []string{"keys.db", "local.db", "lists.db"}; !slices.Equal(shut, want) {
		t.Errorf("%v need the month's key, want %v", shut, want)
	}
	if left, _ := filepath.Glob(filepath.Join(out.Dir, "lists.db*")); len(left) > 0 {
		t.Errorf("of a list there is %v", left)
	}
}
