package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// role is what a peer process is told, as JSON on its standard input. The end
// of the input ends it.
type role struct {
	Dir     string    `json:"dir"`     // its store's; one that fetches finds it empty
	Fetch   int       `json:"fetch"`   // records to fetch; 0: it serves what it holds
	Peers   []string  `json:"peers"`   // addresses to fetch from
	Own     int       `json:"own"`     // its place in the network
	Logs    int       `json:"logs"`    // these three make the network
	Seed    uint64    `json:"seed"`    //
	Founded time.Time `json:"founded"` //
}

// report is what it answers, as JSON on its standard output.
type report struct {
	Addrs []string      `json:"addrs,omitempty"` // of one that serves, when it is ready
	Wall  time.Duration `json:"wall,omitempty"`  // of one that fetches
	CPU   time.Duration `json:"cpu,omitempty"`   // of this process since it was ready
}

// RunPeer is a node of a benchmark in a process of its own: `herald bench peer`.
func RunPeer(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dec := json.NewDecoder(in)
	var r role
	if err := dec.Decode(&r); err != nil {
		return fmt.Errorf("read the role of a benchmark's peer: %w", err)
	}
	net, err := foundNetwork(r.Logs, r.Seed, r.Founded)
	if err != nil {
		return err
	}
	if r.Own < 0 || r.Own >= len(net.nodes) {
		return fmt.Errorf("the network has no node %d", r.Own)
	}
	bedIn := openBed
	if r.Fetch > 0 {
		bedIn = createBed
	}
	b, err := bedIn(ctx, r.Dir, net)
	if err != nil {
		return err
	}
	p, err := joinPeer(b, net, net.nodes[r.Own], r.Peers)
	if err != nil {
		return err
	}
	defer func() { _ = p.close() }()
	say := json.NewEncoder(out)
	start, used, have := time.Now(), cpu(), p.store.Last()
	stop := p.start(ctx)
	defer stop()
	if r.Fetch == 0 {
		if err := say.Encode(report{Addrs: p.host.Addrs()}); err != nil {
			return err
		}
		var end struct{}
		if err := dec.Decode(&end); !errors.Is(err, io.EOF) {
			return fmt.Errorf("a benchmark's peer was told more than its role: %v", err)
		}
		return say.Encode(report{CPU: cpu() - used})
	}
	// As in a node: the host dials, and the first connection starts a pull.
	for got := have; got < have+uint64(r.Fetch); got = p.store.Last() {
		if err := p.store.Wait(ctx, got); err != nil {
			return err
		}
	}
	return say.Encode(report{Wall: time.Since(start), CPU: cpu() - used})
}

// process is a peer that runs apart.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func startProcess(ctx context.Context, o Options, r role) (*process, error) {
	line := o.Peer
	if len(line) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("start a benchmark's peer: %w", err)
		}
		line = []string{self, "bench", "peer"}
	}
	p := &process{cmd: exec.CommandContext(ctx, line[0], line[1:]...)}
	p.cmd.Stderr = os.Stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(stdout)
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a benchmark's peer: %w", err)
	}
	if err := json.NewEncoder(p.in).Encode(r); err != nil {
		return nil, errors.Join(err, p.end())
	}
	return p, nil
}

func (p *process) report() (r report, err error) {
	if err := p.out.Decode(&r); err != nil {
		return r, fmt.Errorf("a benchmark's peer says nothing: %w", err)
	}
	return r, nil
}

// end lets the process finish and waits for it.
func (p *process) end() error { return errors.Join(p.in.Close(), p.cmd.Wait()) }

// betweenProcesses: the pair's full store is served by one process and fetched
// by another. The pair is of no use afterwards.
func betweenProcesses(ctx context.Context, o Options, from *pair, out func(Result) error) (err error) {
	n := from.full.store.Last()
	from.stop()
	from.stop = func() {}
	if err := from.full.bed.halt(); err != nil {
		return err
	}
	r := role{Dir: from.full.dir, Logs: o.Logs, Seed: from.net.seed, Founded: from.net.founded}
	serving, err := startProcess(ctx, o, r)
	if err != nil {
		return err
	}
	said, err := serving.report()
	if err != nil {
		return errors.Join(err, serving.end())
	}
	dir, err := os.MkdirTemp(o.Dir, "bench-")
	if err != nil {
		return errors.Join(err, serving.end())
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	n -= uint64(len(from.net.nodes)) // the delegations are in every new store
	r.Dir, r.Fetch, r.Peers, r.Own = dir, int(n), said.Addrs, 1
	fetching, err := startProcess(ctx, o, r)
	if err != nil {
		return errors.Join(err, serving.end())
	}
	fetched, err := fetching.report()
	if err := errors.Join(err, fetching.end()); err != nil {
		return errors.Join(err, serving.end())
	}
	if err := serving.in.Close(); err != nil {
		return err
	}
	served, err := serving.report()
	if err := errors.Join(err, serving.cmd.Wait()); err != nil {
		return err
	}
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(n) }
	away := Result{Name: "catchup.two-processes.time", Value: fetched.Wall.Seconds(), Unit: fmt.Sprintf("s for %d records, a week's are %d", n, week)}
	if n >= week {
		away = atMost(away.Name, away.Value, away.Unit, 60*float64(n)/week)
	}
	return all(out,
		atLeast("catchup.two-processes", float64(n)/fetched.Wall.Seconds(), "records/s between two processes", 40_000),
		Result{Name: "catchup.two-processes.fetch", Value: per(fetched.CPU), Unit: "us/record of the processor, fetching"},
		Result{Name: "catchup.two-processes.serve", Value: per(served.CPU), Unit: "us/record of the processor, serving"},
		away,
	)
}
