package store

import (
	"testing"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/node/ct"
)

// No file of a store, old, new or rewritten, ever leaves out a sync.
func TestNoFileSkipsSync(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Key: keys.Storage{1}, Network: ct.NetworkID{2}}
	if err := Create(cfg); err != nil {
		t.Fatal(err)
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	files := s.files()
	check := func(when string) {
		t.Helper()
		for _, f := range files {
			if f.db.NoSync || f.db.NoGrowSync {
				t.Errorf("%s, %s: NoSync %v, NoGrowSync %v", f.spec.name, when, f.db.NoSync, f.db.NoGrowSync)
			}
		}
	}
	check("opened")
	for _, f := range files {
		if err := f.rewrite(); err != nil {
			t.Fatal(err)
		}
	}
	check("rewritten")
}
