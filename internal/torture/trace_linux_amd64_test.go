package torture

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"
)

// errNoTrace tells that this system does not let a process watch its child.
var errNoTrace = errors.New("no tracing of system calls here")

// markFD is the descriptor on which a child says what it does: /dev/null, the
// tracer reads along.
const markFD = 3

// The calls that change files, and those that say which file a descriptor is.
const (
	sysWrite, sysOpen, sysClose, sysMmap              = 1, 2, 3, 9
	sysPwrite, sysWritev, sysMsync                    = 18, 20, 26
	sysDup, sysDup2, sysSendfile, sysFcntl            = 32, 33, 40, 72
	sysFsync, sysFdatasync, sysTruncate, sysFtruncate = 74, 75, 76, 77
	sysRename, sysMkdir, sysRmdir, sysCreat           = 82, 83, 84, 85
	sysLink, sysUnlink, sysSymlink                    = 86, 87, 88
	sysOpenat, sysMkdirat, sysUnlinkat                = 257, 258, 263
	sysRenameat, sysLinkat, sysSymlinkat              = 264, 265, 266
	sysSplice, sysFallocate, sysDup3, sysPwritev      = 275, 285, 292, 296
	sysRenameat2, sysCopyRange, sysPwritev2, sysUring = 316, 326, 328, 425
	sysOpenat2                                        = 437
)

var watched = []uint32{
	sysWrite, sysOpen, sysClose, sysMmap, sysPwrite, sysWritev, sysMsync, sysDup, sysDup2, sysSendfile, sysFcntl,
	sysFsync, sysFdatasync, sysTruncate, sysFtruncate, sysRename, sysMkdir, sysRmdir, sysCreat, sysLink, sysUnlink, sysSymlink,
	sysOpenat, sysMkdirat, sysUnlinkat, sysRenameat, sysLinkat, sysSymlinkat, sysSplice, sysFallocate, sysDup3, sysPwritev,
	sysRenameat2, sysCopyRange, sysPwritev2, sysUring, sysOpenat2,
}

// watchMe makes the calls of all threads of this process, which has a tracer,
// stop for it; all others go on as fast as ever.
func watchMe() error {
	const (
		setNoNewPrivs, seccomp, modeFilter, allThreads = 38, 317, 1, 1
		load, jumpEqual, ret                           = 0x20, 0x15, 0x06
		allow, trace                                   = 0x7fff0000, 0x7ff00000
	)
	type instruction struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}
	filter := []instruction{{load, 0, 0, 0}}
	for i, nr := range watched {
		filter = append(filter, instruction{jumpEqual, uint8(len(watched) - i), 0, nr})
	}
	filter = append(filter, instruction{ret, 0, 0, allow}, instruction{ret, 0, 0, trace})
	program := struct {
		n      uint16
		filter *instruction
	}{uint16(len(filter)), &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, setNoNewPrivs, 1, 0, 0, 0, 0); e != 0 {
		return e
	}
	if _, _, e := syscall.RawSyscall(seccomp, modeFilter, allThreads, uintptr(unsafe.Pointer(&program))); e != 0 {
		return e
	}
	return nil
}

// tracer watches one child. It lives on one thread, which is the only one
// that may ask the system about the child.
type tracer struct {
	*namespace
	pid     int
	mem     *os.File
	cwd     string
	files   map[int]int   // descriptor → file or directory
	calls   map[int]*call // by thread: between entry and exit
	threads map[int]bool  // those that have shown themselves
	failed  error
}

type call struct {
	nr   uint64
	regs syscall.PtraceRegs
	ev   *event
}

// trace runs a program whose TestMain calls watchMe, and records what it does
// below root, which is empty. Output of the child goes to out.
func trace(root string, argv, env []string, out *os.File) (*recording, error) {
	type result struct {
		rec *recording
		err error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // ends with the goroutine: no other code ever runs on a tracer's thread
		rec, err := traceHere(root, argv, env, out)
		done <- result{rec, err}
	}()
	r := <-done
	return r.rec, r.err
}

func traceHere(root string, argv, env []string, out *os.File) (*recording, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		Env: env, Files: []*os.File{null, out, out, null}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errNoTrace, err)
	}
	pid := p.Pid
	_ = p.Release() // waited for below, thread by thread
	cwd, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	t := &tracer{
		namespace: newNamespace(root), pid: pid, cwd: cwd,
		files: map[int]int{}, calls: map[int]*call{}, threads: map[int]bool{pid: true},
	}
	var status syscall.WaitStatus
	if _, err := wait4(pid, &status); err != nil {
		return nil, fmt.Errorf("%w: %v", errNoTrace, err)
	}
	const exitKill, seccompStops = 0x100000, 0x80
	if err := syscall.PtraceSetOptions(pid, syscall.PTRACE_O_TRACECLONE|syscall.PTRACE_O_TRACESYSGOOD|exitKill|seccompStops); err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = wait4(pid, &status)
		return nil, fmt.Errorf("%w: %v", errNoTrace, err)
	}
	if t.mem, err = os.Open(fmt.Sprintf("/proc/%d/mem", pid)); err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = wait4(pid, &status)
		return nil, fmt.Errorf("%w: %v", errNoTrace, err)
	}
	defer t.mem.Close()
	if err := syscall.PtraceCont(pid, 0); err != nil {
		return nil, err
	}
	code, err := t.loop()
	switch {
	case err != nil:
		return nil, err
	case t.failed != nil:
		return nil, t.failed
	case code != 0:
		return nil, fmt.Errorf("the child ended with %d", code)
	}
	return &t.recording, nil
}

// wait4 waits for children of this thread only: those of other tests are not ours.
func wait4(pid int, status *syscall.WaitStatus) (int, error) {
	const all, ofThisThread = 0x40000000, 0x20000000
	for {
		tid, err := syscall.Wait4(pid, status, all|ofThisThread, nil)
		if err != syscall.EINTR {
			return tid, err
		}
	}
}

// loop lets the child run from stop to stop until all its threads have ended.
func (t *tracer) loop() (code int, err error) {
	const eventSeccomp = 7
	for {
		var status syscall.WaitStatus
		tid, err := wait4(-1, &status)
		if err == syscall.ECHILD {
			return code, nil
		}
		if err != nil {
			return code, err
		}
		if status.Exited() || status.Signaled() {
			if tid == t.pid {
				if code = status.ExitStatus(); status.Signaled() {
					code = 128 + int(status.Signal())
				}
			}
			continue
		}
		sig, next := 0, syscall.PtraceCont
		switch stop := status.StopSignal(); {
		case stop == syscall.SIGTRAP && status.TrapCause() == eventSeccomp:
			t.enter(tid)
			next = syscall.PtraceSyscall
		case stop == syscall.SIGTRAP|0x80:
			t.exit(tid)
		case stop == syscall.SIGTRAP: // another event, as a new thread
		case stop == syscall.SIGSTOP && !t.threads[tid]: // that thread's first stop
		default:
			sig = int(stop)
		}
		t.threads[tid] = true
		if err := next(tid, sig); err != nil && err != syscall.ESRCH {
			return code, err
		}
	}
}

func (t *tracer) fail(err error) {
	if t.failed == nil && err != nil {
		t.failed = fmt.Errorf("after %d events: %w", len(t.events), err)
	}
}

func (t *tracer) read(at uint64, n int) []byte {
	b := make([]byte, n)
	if _, err := t.mem.ReadAt(b, int64(at)); err != nil {
		t.fail(fmt.Errorf("read the child's memory: %w", err))
	}
	return b
}

func (t *tracer) text(at uint64) string {
	var out []byte
	for len(out) < 4096 {
		n := 256 - int(at%256) // never across a page that may not be there
		b := t.read(at, n)
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return string(append(out, b[:i]...))
		}
		out, at = append(out, b...), at+uint64(n)
	}
	return string(out)
}

// path resolves a path argument; ok: it lies below the root.
func (t *tracer) path(dirfd, at uint64) (rel string, ok bool) {
	p := t.text(at)
	if !filepath.IsAbs(p) {
		base := t.cwd
		if int32(dirfd) != -100 { // AT_FDCWD
			base, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, int32(dirfd)))
		}
		p = filepath.Join(base, p)
	}
	return t.below(filepath.Clean(p))
}

// registers reads those of a thread that has stopped; false: it is gone, by the
// end of the process that another thread has begun meanwhile.
func (t *tracer) registers(tid int, r *syscall.PtraceRegs) bool {
	err := syscall.PtraceGetRegs(tid, r)
	if err != nil && err != syscall.ESRCH {
		t.fail(err)
	}
	return err == nil
}

// enter sees a call before it is done. What it writes may reach the disk from now on.
func (t *tracer) enter(tid int) {
	c := &call{}
	if !t.registers(tid, &c.regs) {
		return
	}
	c.nr = c.regs.Orig_rax
	t.calls[tid] = c
	r := &c.regs
	node, tracked := t.files[int(int32(r.Rdi))]
	switch c.nr {
	case sysWrite:
		if int(int32(r.Rdi)) == markFD && !tracked {
			e := t.add(&event{kind: evMark, data: t.read(r.Rsi, int(r.Rdx))})
			e.ended = t.now()
			return
		}
		if tracked {
			c.ev = t.add(&event{kind: evWrite, node: node, off: t.offset(int(r.Rdi)), data: t.read(r.Rsi, int(r.Rdx))})
		}
	case sysPwrite:
		if tracked {
			c.ev = t.add(&event{kind: evWrite, node: node, off: int64(r.R10), data: t.read(r.Rsi, int(r.Rdx))})
		}
	case sysFtruncate:
		if tracked {
			c.ev = t.add(&event{kind: evTruncate, node: node, size: int64(r.Rsi)})
		}
	case sysFsync, sysFdatasync:
		if tracked {
			c.ev = &event{kind: evSync, node: node, began: t.now()}
		}
	case sysClose:
		delete(t.files, int(int32(r.Rdi)))
	case sysMmap:
		const protWrite, mapShared = 2, 1
		if fd, ok := t.files[int(int32(r.R8))]; ok && r.Rdx&protWrite != 0 && r.R10&mapShared != 0 {
			t.fail(fmt.Errorf("file %d is written through memory: not modelled", fd))
		}
	case sysWritev, sysPwritev, sysPwritev2, sysFallocate, sysMsync:
		if tracked {
			t.fail(fmt.Errorf("call %d on a recorded file: not modelled", c.nr))
		}
	case sysSendfile:
		if tracked {
			t.fail(errors.New("sendfile to a recorded file: not modelled"))
		}
	case sysCopyRange, sysSplice:
		if _, ok := t.files[int(int32(r.Rdx))]; ok {
			t.fail(fmt.Errorf("call %d to a recorded file: not modelled", c.nr))
		}
	case sysTruncate, sysLink, sysSymlink, sysCreat, sysRename, sysMkdir, sysRmdir, sysUnlink, sysOpen:
		// Go's own calls are those with a directory.
		if _, ok := t.path(^uint64(99), r.Rdi); ok {
			t.fail(fmt.Errorf("call %d: not modelled", c.nr))
		}
	case sysLinkat, sysSymlinkat, sysOpenat2:
		if _, ok := t.path(r.Rdi, r.Rsi); ok {
			t.fail(fmt.Errorf("call %d: not modelled", c.nr))
		}
	case sysUring:
		t.fail(errors.New("io_uring: not modelled"))
	}
}

// exit sees what became of a call.
func (t *tracer) exit(tid int) {
	c := t.calls[tid]
	delete(t.calls, tid)
	if c == nil {
		return
	}
	var after syscall.PtraceRegs
	if !t.registers(tid, &after) {
		return
	}
	ret, r := int64(after.Rax), &c.regs
	if ret < 0 && ret > -4096 {
		if c.ev != nil {
			c.ev.void = true
		}
		return
	}
	switch c.nr {
	case sysWrite, sysPwrite:
		if c.ev != nil {
			c.ev.data = c.ev.data[:ret]
			c.ev.ended = t.now()
		}
	case sysFtruncate:
		if c.ev != nil {
			c.ev.ended = t.now()
		}
	case sysFsync, sysFdatasync:
		if c.ev != nil {
			t.add(c.ev).ended = t.now()
		}
	case sysOpenat:
		t.opened(int(ret), r)
	case sysDup:
		t.dup(int(int32(r.Rdi)), int(ret))
	case sysDup2, sysDup3:
		t.dup(int(int32(r.Rdi)), int(ret))
	case sysFcntl:
		const dupFD, dupFDCloexec = 0, 1030
		if r.Rsi == dupFD || r.Rsi == dupFDCloexec {
			t.dup(int(int32(r.Rdi)), int(ret))
		}
	case sysMkdirat:
		if rel, ok := t.path(r.Rdi, r.Rsi); ok {
			_, err := t.link(rel, true)
			t.fail(err)
		}
	case sysUnlinkat:
		if rel, ok := t.path(r.Rdi, r.Rsi); ok {
			t.fail(t.unlink(rel))
		}
	case sysRenameat, sysRenameat2:
		from, ok := t.path(r.Rdi, r.Rsi)
		to, ok2 := t.path(r.Rdx, r.R10)
		if ok != ok2 {
			t.fail(errors.New("a rename into or out of the recorded directory"))
		} else if ok {
			t.fail(t.rename(from, to))
		}
	}
}

// opened learns what a new descriptor is. Where the path leads is known by the
// system alone.
func (t *tracer) opened(fd int, r *syscall.PtraceRegs) {
	delete(t.files, fd)
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, fd))
	if err != nil {
		t.fail(err)
		return
	}
	rel, ok := t.below(path)
	if !ok {
		return
	}
	node, known := t.nodes[rel]
	if !known {
		if r.Rdx&syscall.O_CREAT == 0 {
			t.fail(fmt.Errorf("%s was opened and never made", rel))
			return
		}
		if node, err = t.link(rel, false); err != nil {
			t.fail(err)
			return
		}
	} else if r.Rdx&syscall.O_TRUNC != 0 {
		e := t.add(&event{kind: evTruncate, node: node})
		e.ended = t.now()
	}
	t.files[fd] = node
}

func (t *tracer) dup(from, to int) {
	delete(t.files, to)
	if node, ok := t.files[from]; ok {
		t.files[to] = node
	}
}

// offset is where the next write to a descriptor goes.
func (t *tracer) offset(fd int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", t.pid, fd))
	if err != nil {
		t.fail(err)
		return 0
	}
	var pos, flags int64
	if _, err := fmt.Sscanf(string(b), "pos:\t%d\nflags:\t%o", &pos, &flags); err != nil {
		t.fail(fmt.Errorf("offset of descriptor %d: %w", fd, err))
	}
	if flags&syscall.O_APPEND != 0 {
		t.fail(errors.New("a file opened for appending: not modelled"))
	}
	return pos
}
