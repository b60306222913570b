package testnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const filePID = "pid"

// stopTimeout is how long a node may take to stop by itself, its last commits
// to a slow disk included.
const stopTimeout = time.Minute

// pidFile names a process for good: a number alone may be another's by now.
type pidFile struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // field 22 of /proc/PID/stat: clock ticks after boot
	Boot  string `json:"boot"`  // which boot
}

// start runs the instance's node in a session of its own, so that it outlives
// the command that started it and its terminal.
func (i Instance) start(binary string) error {
	log, err := os.OpenFile(i.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", i.Name, err)
	}
	defer log.Close()
	cmd := exec.Command(binary, "run", "--data", i.Data)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = ownEnvironment(os.Environ())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := closeInherited(); err != nil {
		return fmt.Errorf("start %s: %w", i.Name, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", i.Name, err)
	}
	if err := i.record(cmd.Process.Pid); err != nil {
		return fmt.Errorf("start %s: %w", i.Name, errors.Join(err, cmd.Process.Kill()))
	}
	return cmd.Process.Release()
}

// closeInherited keeps descriptors that this command was given by its own
// caller, a lock or a pipe, from the nodes, which outlive it.
func closeInherited() error {
	open, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, os.ErrNotExist) {
		return nil // not Linux
	} else if err != nil {
		return err
	}
	for _, d := range open {
		if fd, err := strconv.Atoi(d.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// record writes the pid file of the instance's new process.
func (i Instance) record(pid int) error {
	st, err := stat(pid)
	if err != nil {
		return err
	}
	boot, err := bootID()
	if err != nil {
		return err
	}
	raw, err := json.Marshal(pidFile{PID: pid, Start: st.start, Boot: boot})
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(i.Data, filePID), append(raw, '\n'))
}

// ownEnvironment leaves out HERALD_*: what the user set for one node is not
// meant for all.
func ownEnvironment(env []string) []string {
	var out []string
	for _, v := range env {
		if !strings.HasPrefix(v, "HERALD_") {
			out = append(out, v)
		}
	}
	return out
}

// process finds the instance's running process. The process is held before it
// is looked at, so what is checked is what a signal reaches.
func (i Instance) process() (*os.Process, bool) {
	raw, err := os.ReadFile(filepath.Join(i.Data, filePID))
	if err != nil {
		return nil, false
	}
	var f pidFile
	if err := json.Unmarshal(raw, &f); err != nil || f.PID <= 1 {
		return nil, false
	}
	p, err := os.FindProcess(f.PID)
	if err != nil {
		return nil, false
	}
	st, err := stat(f.PID)
	if err != nil || st.dead() || st.start != f.Start {
		return nil, false
	}
	if boot, err := bootID(); err != nil || boot != f.Boot {
		return nil, false
	}
	// For a moment after its start a process has no command line yet.
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", f.PID))
	if err != nil || len(cmdline) > 0 && !strings.Contains(string(cmdline), i.Data) {
		return nil, false
	}
	return p, true
}

// bootID tells one boot of the machine from another.
func bootID() (string, error) {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(raw)), err
}

// procStat is what we need of /proc/PID/stat.
type procStat struct {
	state string // R, S, D, T (stopped), Z (ended, not yet waited for), …
	start string
}

func (s procStat) dead() bool    { return s.state == "Z" || s.state == "X" }
func (s procStat) stopped() bool { return s.state == "T" }

func stat(pid int) (procStat, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procStat{}, fmt.Errorf("look at process %d (a testnet needs Linux's /proc): %w", pid, err)
	}
	// The command name stands in parentheses and may hold anything.
	_, rest, ok := strings.Cut(string(raw[strings.LastIndexByte(string(raw), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return procStat{}, fmt.Errorf("look at process %d: /proc/%d/stat is of an unknown form", pid, pid)
	}
	return procStat{state: fields[0], start: fields[19]}, nil
}

// PID is the number of the running process; 0: it does not run.
func (i Instance) PID() int {
	if p, ok := i.process(); ok {
		return p.Pid
	}
	return 0
}

func (i Instance) signal(s syscall.Signal) error {
	p, ok := i.process()
	if !ok {
		return fmt.Errorf("%s does not run", i.Name)
	}
	if err := p.Signal(s); err != nil {
		return fmt.Errorf("%s: %w", i.Name, err)
	}
	return nil
}

// kill ends the instance at once, as a power cut would.
func (i Instance) kill(ctx context.Context) error {
	if err := i.signal(syscall.SIGKILL); err != nil {
		return err
	}
	return i.awaitEnd(ctx, stopTimeout)
}

func (i Instance) awaitEnd(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := until(ctx, 10*time.Millisecond, func(context.Context) (bool, error) {
		_, running := i.process()
		return !running, nil
	})
	if err != nil {
		return fmt.Errorf("%s has not ended: %w", i.Name, err)
	}
	return nil
}

// stopAll asks all to stop, waits, and kills what does not. It leaves no pid
// file of a process that is gone.
func stopAll(ctx context.Context, nodes []Instance) (int, error) {
	var asked []Instance
	for _, i := range nodes {
		if _, running := i.process(); !running {
			continue
		}
		// A paused process gets the signal when it is resumed.
		if err := errors.Join(i.signal(syscall.SIGTERM), i.signal(syscall.SIGCONT)); err != nil {
			if _, running := i.process(); running {
				return 0, err
			}
		}
		asked = append(asked, i)
	}
	for _, i := range asked {
		if err := i.awaitEnd(ctx, stopTimeout); err == nil {
			continue
		}
		if err := i.kill(context.WithoutCancel(ctx)); err != nil {
			if _, running := i.process(); running {
				return 0, err
			}
		}
	}
	for _, i := range nodes {
		if err := os.Remove(filepath.Join(i.Data, filePID)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return len(asked), err
		}
	}
	return len(asked), ctx.Err()
}

// freePorts finds loopback addresses whose TCP and UDP ports are both free.
// They lie below the range from which the system takes ports for outgoing
// connections, so a node that restarts finds its port free again.
func freePorts(count int) ([]string, error) {
	const low, high = 20000, 32000
	var out []string
	var held []interface{ Close() error }
	defer func() {
		for _, c := range held {
			c.Close()
		}
	}()
	first := low + rand.IntN(high-low)
	for k := 0; k < high-low && len(out) < count; k++ {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(low+(first-low+k)%(high-low)))
		tcp, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		held = append(held, tcp)
		udp, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		held = append(held, udp)
		out = append(out, addr)
	}
	if len(out) < count {
		return nil, fmt.Errorf("found %d of %d free ports between %d and %d", len(out), count, low, high)
	}
	return out, nil
}
