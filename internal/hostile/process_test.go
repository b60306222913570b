package hostile_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A victim is an honest node in a process of its own: this test binary again,
// told by its environment to be one. Its memory is nobody else's.
const victimEnv = "HERALD_TEST_VICTIM"

func TestMain(m *testing.M) {
	if raw := os.Getenv(victimEnv); raw != "" {
		if err := beVictim(raw); err != nil {
			fmt.Fprintln(os.Stderr, "victim:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// role is what a victim is told.
type role struct {
	Seed    uint64
	Members int
	Index   int
	Created time.Time
	Dir     string
	Peers   []string
}

// report is one line that a victim says.
type report struct {
	Addrs  []string `json:",omitempty"` // once, at the start
	ID     string   `json:",omitempty"` // of a record, published here or arrived
	Sent   int64    `json:",omitempty"` // nanoseconds since 1970
	Came   int64    `json:",omitempty"`
	Memory *memory  `json:",omitempty"`
}

type memory struct {
	Heap   uint64  // live, after a collection
	Peak   uint64  // resident set, the most ever
	Cut    float64 // messages cut by the guard
	Judged float64 // messages refused by the validator
	Peers  int
	Held   uint64 // records, of everybody
}

func beVictim(raw string) error {
	var r role
	if err := json.Unmarshal([]byte(raw), &r); err != nil {
		return err
	}
	m, err := sim.NewMembers(r.Members, r.Seed, r.Created)
	if err != nil {
		return err
	}
	s, err := sim.Start(sim.StackConfig{
		Key: m.Nodes[r.Index], View: func() *roster.View { return m.View }, Dir: r.Dir, Beacons: true, Bootstrap: r.Peers,
		Listen: []string{"/ip4/127.0.0.1/tcp/0"},
		Answer: func(_ context.Context, _ ct.LogID, req []byte) []byte { return req },
	})
	if err != nil {
		return err
	}
	defer s.Close()
	var mu sync.Mutex
	say := func(r report) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(os.Stdout).Encode(r)
	}
	say(report{Addrs: s.Host.Addrs()})
	ctx, stop := context.WithCancel(context.Background())
	var following sync.WaitGroup
	defer following.Wait()
	defer stop()
	following.Go(func() {
		for cursor := uint64(0); s.Store.Wait(ctx, cursor) == nil; {
			now := time.Now().UnixNano()
			rows, err := s.Store.Read(cursor, 1000, false)
			if err != nil {
				return
			}
			for _, row := range rows {
				cursor = row.Cursor
				if row.Header.Log != s.Key.Public() {
					say(report{ID: row.ID.String(), Came: now})
				}
			}
		}
	})
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch in.Text() {
		case "publish":
			at := time.Now().UnixNano()
			rec, err := s.Publish(ctx, ct.TopicTravel, make([]byte, 600))
			if err != nil {
				return err
			}
			say(report{ID: rec.ID().String(), Sent: at})
		case "memory":
			runtime.GC()
			runtime.GC()
			var st runtime.MemStats
			runtime.ReadMemStats(&st)
			say(report{Memory: &memory{
				Heap: st.HeapAlloc, Peak: resident(), Peers: len(s.Host.Peers()), Held: s.Store.Last(),
				Cut: s.Counter("herald_gossip_cut_total"), Judged: s.Counter("herald_gossip_refused_total"),
			}})
		}
	}
	return nil
}

// resident is the most memory that this process has had, in bytes.
func resident() uint64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			kb, _ := strconv.ParseUint(f[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// victim is the handle on one.
type victim struct {
	t     *testing.T
	in    io.WriteCloser
	addrs []string
	info  peer.AddrInfo

	memories chan memory
	mu       sync.Mutex
	sent     map[string]int64
	came     map[string]int64
}

func startVictim(t *testing.T, r role) *victim {
	t.Helper()
	r.Dir = filepath.Join(t.TempDir(), "data")
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+string(raw))
	cmd.Stderr = os.Stderr
	v := &victim{t: t, memories: make(chan memory, 1), sent: map[string]int64{}, came: map[string]int64{}}
	out, err := cmd.StdoutPipe()
	if err == nil {
		v.in, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(v.memories)
		for in := json.NewDecoder(out); ; {
			var said report
			if in.Decode(&said) != nil {
				return
			}
			v.mu.Lock()
			switch {
			case said.Addrs != nil:
				v.addrs = said.Addrs
				close(ready)
			case said.Memory != nil:
				v.memories <- *said.Memory
			case said.Sent != 0:
				v.sent[said.ID] = said.Sent
			default:
				v.came[said.ID] = said.Came
			}
			v.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = v.in.Close() // it ends by itself
		reading.Wait()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case <-time.After(time.Minute):
		t.Fatal("a victim does not start")
	}
	info, err := peer.AddrInfoFromString(v.addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	v.info = *info
	return v
}

func (v *victim) say(what string) {
	if _, err := io.WriteString(v.in, what+"\n"); err != nil {
		v.t.Fatal(err)
	}
}

func (v *victim) memory() memory {
	v.t.Helper()
	v.say("memory")
	m, ok := <-v.memories
	if !ok {
		v.t.Fatal("the victim is gone")
	}
	return m
}
