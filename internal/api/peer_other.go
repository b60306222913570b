//go:build !linux

package api

import "net"

// peerOf is not supported here: the journal has the pseudonym alone.
func peerOf(net.Conn) string { return "" }
