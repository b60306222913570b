package main

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// asPrepared makes the test binary prepare itself as herald does and then look.
const asPrepared = "HERALD_TEST_DUMPS"

// A process that runs herald writes no core file, and lets none be read from it.
func TestNoCoreDumps(t *testing.T) {
	if os.Getenv(asPrepared) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestNoCoreDumps$", "-test.v")
		cmd.Env = append(os.Environ(), asPrepared+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := prepare(); err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil || limit.Cur != 0 || limit.Max != 0 {
		t.Errorf("core files of up to %d bytes: %v", limit.Max, err)
	}
	const prGetDumpable = 3
	if dumpable, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prGetDumpable, 0, 0); errno != 0 || dumpable != 0 {
		t.Errorf("dumpable is %d: %v", dumpable, errno)
	}
}
