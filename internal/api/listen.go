package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// ErrInUse tells that another process serves the same socket or port.
var ErrInUse = errors.New("in use by another process")

// maxSocketDir is how long the path of the socket's directory may be, in
// bytes: the narrowest system that we run on holds 103, and the name under
// which the socket is bound at first is longer than its last one.
const maxSocketDir = 103 - len("/.new-4294967295/s")

// listenUnix opens a socket that only this user can connect to. The socket of
// a dead process is replaced; that of a live one is an error.
func listenUnix(path string) (net.Listener, error) {
	if n := len(filepath.Dir(path)); n > maxSocketDir {
		return nil, fmt.Errorf("%s: a directory of %d characters, %d at most fit a unix socket's path: use a shorter --data", path, n, maxSocketDir)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		c.Close()
		return nil, fmt.Errorf("%s: %w", path, ErrInUse)
	case errors.Is(err, os.ErrNotExist):
	case errors.Is(err, syscall.ECONNREFUSED):
		if st, err := os.Lstat(path); err != nil || st.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("%s: in the way and not a socket: move it aside", path)
		}
	default:
		return nil, err
	}
	// Bound in a directory of its own, given its mode there and moved into
	// place: at no time can another user connect.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	tmp := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: tmp, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(tmp, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if err := os.Rename(tmp, path); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &unixListener{Listener: l, path: path}, nil
}

// unixListener removes its socket when it is closed.
type unixListener struct {
	net.Listener
	path string
	once sync.Once
}

func (u *unixListener) Close() error {
	err := u.Listener.Close()
	u.once.Do(func() { err = errors.Join(err, os.Remove(u.path)) })
	return err
}

// listenLoopback refuses every address that another machine could reach:
// what is served there has no other protection.
func listenLoopback(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("%q is not host:port", addr)
	}
	if !loopback(host) {
		return nil, fmt.Errorf("%s is not a loopback address: use 127.0.0.1 or [::1]", addr)
	}
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %w: set another `metrics` address in herald.toml", addr, ErrInUse)
	}
	return l, err
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
