package store

import (
	"errors"
	"os"
	"syscall"
)

// allocate takes n bytes of the disk for a file.
func allocate(f *os.File, n int64) error {
	err := syscall.Fallocate(int(f.Fd()), 0, 0, n)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return write(f, n)
	}
	return err
}
