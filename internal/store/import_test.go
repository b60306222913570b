package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/herald-net/herald/internal/store"
)

// Whatever stands in an exported part, Import makes a whole file or none.
func FuzzImport(f *testing.F) {
	w := newWorld(f, uto)
	s, cfg := w.create()
	w.append(s, w.authors[uto].notifyMany(2, 50)...)
	e, err := s.Export()
	w.ok(err)
	var part bytes.Buffer
	w.ok(e.Write(f.Context(), "keys.db", &part))
	e.Close()
	f.Add(part.Bytes())
	f.Add(part.Bytes()[:part.Len()-1])
	f.Add([]byte("B\x00\x04metaE\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("V\x00\x01\xff\xff\xff\xffk"))
	f.Fuzz(func(t *testing.T, b []byte) {
		into := cfg
		into.Dir = t.TempDir()
		err := store.Import(into, "keys.db", bytes.NewReader(b))
		_, statErr := os.Stat(filepath.Join(into.Dir, "keys.db"))
		if (err == nil) != (statErr == nil) {
			t.Fatalf("import says %v, the file %v", err, statErr)
		}
		if left, _ := filepath.Glob(filepath.Join(into.Dir, "*.new")); len(left) > 0 {
			t.Fatalf("left over after %v: %v", err, left)
		}
	})
}
