package p2p_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/node/ct"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/quic-go/quic-go"
)

// Whoever has proved no identity has few places: of one address, of one subnet,
// of all, on loopback as anywhere. Members' addresses have places of their own,
// by State, and TCP and QUIC have each their own.
func TestDoor(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	fill := func(d p2p.Door, tcp bool, from func(i int) string) (n int) {
		for i := range 10_000 { // slowly enough for every rate
			if _, ok := d.Enter(tcp, from(i), now.Add(time.Duration(i)*time.Second)); ok {
				n++
			}
		}
		return n
	}
	subnets := func(i int) string { return fmt.Sprintf("127.%d.%d.1", i>>8&127, i&255) }
	for name, c := range map[string]struct {
		from func(i int) string
		want int
	}{
		"one address":      {func(int) string { return "127.0.0.9" }, p2p.DoorAddress},
		"one subnet":       {func(i int) string { return fmt.Sprintf("127.0.0.%d", i%250+1) }, p2p.DoorSubnet},
		"many subnets":     {subnets, p2p.DoorStrangers},
		"one IPv6 address": {func(i int) string { return fmt.Sprintf("fd00::%x", i+1) }, p2p.DoorAddress},
		"one IPv6 subnet":  {func(i int) string { return fmt.Sprintf("fd00:0:0:%x::1", i+1) }, p2p.DoorSubnet},
	} {
		if got := fill(p2p.NewDoor(nil), true, c.from); got != c.want {
			t.Errorf("%s: %d wait at a time, want %d", name, got, c.want)
		}
	}

	d := p2p.NewDoor(map[string][]string{"127.200.0.1": {"UTO"}, "127.200.0.2": {"UTO", "XXA"}, "fd00:1::1": {"XXB"}})
	if d.Verify() {
		t.Error("callers over QUIC must show their address while nobody waits")
	}
	if got := fill(d, false, subnets); got != p2p.DoorStrangers {
		t.Fatalf("%d strangers wait over QUIC, want %d", got, p2p.DoorStrangers)
	}
	if !d.Verify() {
		t.Error("callers over QUIC need not show their address though many wait")
	}
	if leave, ok := d.Enter(true, "127.0.0.1", now); !ok {
		t.Error("strangers over QUIC take the places of TCP")
	} else {
		leave()
	}
	var leave func()
	for i := range p2p.DoorMember {
		var ok bool
		if leave, ok = d.Enter(false, "127.200.0.1", now); !ok {
			t.Fatalf("a member finds no place after %d of its own", i)
		}
	}
	if _, ok := d.Enter(false, "127.200.0.1", now); ok {
		t.Error("one State has more places than its own")
	}
	if _, ok := d.Enter(false, "127.200.0.2", now); !ok {
		t.Error("one State takes the places of another at an address that both have")
	}
	if _, ok := d.Enter(false, "fd00:1::99", now); !ok {
		t.Error("a member finds no place at another address of its /64")
	}
	leave()
	leave() // once more is nothing
	if _, ok := d.Enter(false, "127.200.0.1", now); !ok {
		t.Error("a place that was given back is not there")
	}
	if _, ok := d.Enter(false, "127.200.0.1", now); ok {
		t.Error("a place was given back twice")
	}

	// And not too many a moment, though each is soon gone.
	for name, from := range map[string]func(i int) string{"one address": func(int) string { return "127.9.9.9" }, "many": subnets, "a member's": func(int) string { return "127.200.0.1" }} {
		d, n := p2p.NewDoor(map[string][]string{"127.200.0.1": {"UTO"}}), 0
		for i := range 5000 {
			if leave, ok := d.Enter(true, from(i), now); ok {
				leave()
				n++
			}
		}
		if n > 600 || n < 64 {
			t.Errorf("%s: %d of 5000 at once are let in", name, n)
		}
	}
}

// Hundreds of connections on which nobody says anything, from as many addresses,
// keep no member out: not a node that starts again, over TCP or over QUIC.
func TestSilentStrangersIsolateNobody(t *testing.T) {
	for name, listen := range map[string]string{"TCP": "/ip4/127.0.0.1/tcp/0", "QUIC": "/ip4/127.0.0.1/udp/0/quic-v1"} {
		t.Run(name, func(t *testing.T) {
			m, view, _ := onLoopback(t)
			at := map[ct.LogID][]string{m.Nodes[1].Public(): {"/ip4/127.0.0.1/tcp/4001"}}
			a, err := p2p.New(p2p.Config{
				Key: m.Nodes[0], View: view, Listen: []string{listen}, Addresses: func() map[ct.LogID][]string { return at },
			})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			ctx, stop := context.WithCancel(t.Context())
			var attack sync.WaitGroup
			defer attack.Wait()
			defer stop()
			for i := range 300 {
				from := net.IPv4(127, 1, byte(i), 1)
				if i > 255 {
					from = net.IPv4(127, 2, byte(i), 1)
				}
				attack.Go(func() { silent(ctx, from, a.Libp2p().Addrs()[0]) })
			}
			for full := 0; full < p2p.DoorStrangers; {
				tcp, quic := a.Door().Strangers()
				full = max(tcp, quic)
				select {
				case <-time.After(10 * time.Millisecond):
				case <-t.Context().Done():
					t.Fatalf("%d strangers wait, want %d", full, p2p.DoorStrangers)
				}
			}
			spare := 0 // tries; hundreds of handshakes under the race detector leave a member's little time
			if bubble.Race {
				spare = 3
			}
			for start := 1; start <= 3; {
				b, err := p2p.New(p2p.Config{Key: m.Nodes[1], View: view, Bootstrap: a.Addrs()})
				if err != nil {
					t.Fatal(err)
				}
				err = b.Dial(t.Context(), m.Nodes[0].Public())
				b.Close()
				switch {
				case err == nil:
					start++
				case spare == 0:
					t.Fatalf("start %d: %v", start, err)
				default:
					spare--
				}
			}
		})
	}
}

// silent opens one connection after the other from an address and says nothing
// but what it takes to be waited for.
func silent(ctx context.Context, from net.IP, to multiaddr.Multiaddr) {
	network, addr, err := manet.DialArgs(to)
	if err != nil {
		panic(err)
	}
	for ctx.Err() == nil {
		if network == "tcp4" {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
			c, err := d.DialContext(ctx, network, addr)
			if err != nil {
				continue
			}
			end := context.AfterFunc(ctx, func() { _ = c.Close() })
			_, _ = io.Copy(io.Discard, c) // until it is ended
			end()
			_ = c.Close()
			continue
		}
		udp, err := net.ResolveUDPAddr(network, addr)
		if err != nil {
			panic(err)
		}
		pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: from})
		if err != nil {
			continue
		}
		tr := quic.Transport{Conn: deaf{pc}}
		c, err := tr.Dial(ctx, udp, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"libp2p"}}, nil)
		if err == nil {
			_ = c.CloseWithError(0, "")
		}
		_ = tr.Close()
		_ = pc.Close()
	}
}

// deaf hears of a QUIC server only that it wants its address shown (a Retry).
type deaf struct{ net.PacketConn }

func (d deaf) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := d.PacketConn.ReadFrom(b)
		if err != nil || n > 0 && b[0]&0xf0 == 0xf0 {
			return n, from, err
		}
	}
}

// Who says nothing over TCP is waited for five seconds and not fifteen.
func TestSilentStrangerIsClosed(t *testing.T) {
	m, view, _ := onLoopback(t)
	a, err := p2p.New(p2p.Config{Key: m.Nodes[0], View: view, Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	addr, err := manet.ToNetAddr(a.Libp2p().Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(3*p2p.HandshakeFor - time.Second)); err != nil {
		t.Fatal(err)
	}
	var late net.Error
	if _, err := io.Copy(io.Discard, c); errors.As(err, &late) && late.Timeout() {
		t.Errorf("a silent stranger is waited for longer than %v", 3*p2p.HandshakeFor-time.Second)
	}
}
