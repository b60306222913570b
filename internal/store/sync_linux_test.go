package store

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"unsafe"
)

// anyFile stands for all file descriptors.
const anyFile = -1

// ErrNoFilter tells that this system does not let a thread refuse itself a call.
var ErrNoFilter = errors.New("no seccomp filter for a thread")

// FailSyncs calls fn on a thread for which fsync and fdatasync of one file
// descriptor fail with EIO, by a seccomp filter: what a dying disk answers.
// The thread ends with it; the rest of the process is not touched.
func FailSyncs(fd int, fn func()) error {
	const (
		setNoNewPrivs, setSeccomp, modeFilter = 38, 22, 2
		load, jumpEqual, ret                  = 0x20, 0x15, 0x06
		offNumber, offArg                     = 0, 16
		allow, fail                           = 0x7fff0000, 0x00050000 | uint32(syscall.EIO)
	)
	type instruction struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}
	filter := []instruction{
		{load, 0, 0, offNumber},
		{jumpEqual, 1, 0, syscall.SYS_FDATASYNC},
		{jumpEqual, 0, 3, syscall.SYS_FSYNC},
		{load, 0, 0, offArg},
		{jumpEqual, 0, 1, uint32(fd)},
		{ret, 0, 0, fail},
		{ret, 0, 0, allow},
	}
	if fd == anyFile {
		filter[4] = instruction{ret, 0, 0, fail}
	}
	program := struct {
		n      uint16
		filter *instruction
	}{uint16(len(filter)), &filter[0]}
	done := make(chan error)
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the filter cannot be taken off
		_, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, setNoNewPrivs, 1, 0, 0, 0, 0)
		if e == 0 {
			_, _, e = syscall.RawSyscall(syscall.SYS_PRCTL, setSeccomp, modeFilter, uintptr(unsafe.Pointer(&program)))
		}
		if e != 0 {
			done <- errors.Join(ErrNoFilter, e)
			return
		}
		fn()
	}()
	return <-done
}

// A file whose bytes may not be on the disk is not given its name.
func TestNewFilesAreSynced(t *testing.T) {
	dir := t.TempDir()
	tmp, path := filepath.Join(dir, "f.new"), filepath.Join(dir, "f")
	if err := errors.Join(os.WriteFile(tmp, []byte("new"), 0o600), os.WriteFile(path, []byte("old"), 0o600)); err != nil {
		t.Fatal(err)
	}
	var refused error
	if err := FailSyncs(anyFile, func() { refused = install(tmp, path) }); err != nil {
		t.Skipf("a system call cannot be made to fail here: %v; TestNoFileSkipsSync holds the store's own files", err)
	}
	if !errors.Is(refused, syscall.EIO) {
		t.Errorf("install without a sync: %v, want EIO", refused)
	}
	if got, err := os.ReadFile(path); string(got) != "old" {
		t.Errorf("the file is %q now (%v), though the new one was not synced", got, err)
	}
	if err := install(tmp, path); err != nil {
		t.Fatalf("install: %v", err)
	}
	if got, err := os.ReadFile(path); string(got) != "new" {
		t.Errorf("installed %q (%v)", got, err)
	}
}

// A directory whose name may not be on the disk is not there.
func TestNewDirectoriesAreSynced(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "a"), filepath.Join(dir, "b", "c", "d"), dir} {
		var refused error
		if err := FailSyncs(anyFile, func() { refused = MakeDir(path) }); err != nil {
			t.Skipf("a system call cannot be made to fail here: %v; TestNoFileSkipsSync holds the store's own files", err)
		}
		if !errors.Is(refused, syscall.EIO) {
			t.Errorf("%s made without a sync: %v, want EIO", path, refused)
		}
		if err := MakeDir(path); err != nil {
			t.Errorf("MakeDir(%s): %v", path, err)
		}
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			t.Errorf("%s is no directory: %v", path, err)
		}
	}
}
