package api

import (
	"fmt"
	"net"
	"os/user"
	"strconv"
	"syscall"
)

// maxUserName bounds the name of a user in the journal, in bytes.
const maxUserName = 32

// peerOf is who is at the other end of a unix socket: the user id that the
// kernel gives, with its name.
func peerOf(c net.Conn) string {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ""
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ""
	}
	var cred *syscall.Ucred
	if cerr := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); cerr != nil || err != nil {
		return ""
	}
	who := fmt.Sprintf("uid %d", cred.Uid)
	if known, err := user.LookupId(strconv.FormatUint(uint64(cred.Uid), 10)); err == nil {
		who += " " + known.Username[:min(len(known.Username), maxUserName)]
	}
	return who
}
