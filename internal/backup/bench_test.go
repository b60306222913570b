package backup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/herald-net/herald/internal/backup"
)

// Both work on 2,000 records of 600 bytes; verifying checks every signature.
func BenchmarkCreate(b *testing.B) {
	w := newWorld(b)
	for range 2000 {
		w.notify(600, year)
	}
	src, dir := w.source(), b.TempDir()
	for i := 0; b.Loop(); i++ {
		path := filepath.Join(dir, fmt.Sprint(i))
		_, err := backup.Create(b.Context(), path, src, w.keys, created, nil)
		w.ok(err)
		w.ok(os.Remove(path))
	}
	b.ReportMetric(2000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	for range 2000 {
		w.notify(600, year)
	}
	path := w.backup()
	for b.Loop() {
		_, err := backup.Verify(b.Context(), path, w.keys, nil)
		w.ok(err)
	}
	b.ReportMetric(2000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
