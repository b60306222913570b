// Package bubble runs tests in virtual time. It is for tests only: no row of
// the import law lets other code import it.
package bubble

import (
	"runtime"
	"testing"
	"testing/synctest"
)

// Test is [synctest.Test], which the race detector of Go 1.26 survives on one
// processor only: goroutines on two processors that fire timers of one bubble
// share the detector's context of these timers, whose shadow stack then grows
// until the process dies of a segmentation fault or a failed CHECK
// (golang/go#78156). What the detector finds does not depend on the number of
// processors: it judges the order of events, not their times.
func Test(t *testing.T, f func(*testing.T)) {
	t.Helper()
	if Race {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	}
	synctest.Test(t, f)
}
