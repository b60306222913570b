package testnet_test

import (
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/herald-net/herald/testnet"
)

// A descriptor that the command was given is not the nodes'.
func TestInheritedDescriptorsAreClosed(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/lock")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := syscall.Dup(int(f.Fd())) // as a shell hands it on: it stays open in a child
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := testnet.CloseInherited(); err != nil {
		t.Fatal(err)
	}
	out, err := childSees(fd)
	if err != nil || out {
		t.Errorf("the child has descriptor %s open: %v, %v", strconv.Itoa(fd), out, err)
	}
}

// childSees tells whether a child of this process has a descriptor open.
func childSees(fd int) (bool, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return false, err
	}
	defer r.Close()
	p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", "test -e /proc/self/fd/" + strconv.Itoa(fd) + " && echo open"}, &os.ProcAttr{Files: []*os.File{nil, w, w}})
	w.Close()
	if err != nil {
		return false, err
	}
	buf := make([]byte, 16)
	n, _ := r.Read(buf)
	_, err = p.Wait()
	return n > 0, err
}
