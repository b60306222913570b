package api_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/herald-net/herald/proto/herald/api/v1/apiv1connect"
)

// crowd is the number of calls that somebody leaves open: more than any kind of
// call has seats.
const crowd = 300

// TestTailsLeaveSeats: tails take seats of tails. Everything else is answered.
func TestTailsLeaveSeats(t *testing.T) {
	tails := make(chan struct{}, crowd)
	c, _ := serve(t, api.Backend{
		Tail: func(ctx context.Context, _ feed.Filter, _ uint64, _ func(ct.Entry) error) error {
			tails <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		},
		Status: func() api.Status { return api.Status{State: "UTO"} },
		Get:    func(string) (ct.Entry, []ct.Entry, error) { return ct.Entry{ID: ct.ID{1}}, nil, nil },
		Retract: func(context.Context, ct.ID, ct.Retraction, string, ...string) (desk.Receipt, error) {
			return desk.Receipt{Seq: 1}, nil
		},
		Outbox: func() ([]desk.OutboxItem, error) { return nil, nil },
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, crowd)
	for range crowd {
		go func() {
			s, err := c.Tail(ctx, connect.NewRequest(&apiv1.TailRequest{}))
			if err == nil {
				for s.Receive() {
				}
				err = s.Err()
			}
			ended <- err
		}()
	}
	// Each tail is either served or refused; none waits.
	refused := 0
	for n := 0; n < crowd; n++ {
		select {
		case <-tails:
		case err := <-ended:
			if connect.CodeOf(err) != connect.CodeUnavailable {
				t.Fatalf("a tail ended: %v", err)
			}
			refused++
		}
	}
	if refused == 0 {
		t.Fatalf("%d tails at once are all served: their number is not bounded", crowd)
	}
	answers(t, func() error { _, err := c.Status(ctx, connect.NewRequest(&apiv1.StatusRequest{})); return err })
	answers(t, func() error { _, err := c.Outbox(ctx, connect.NewRequest(&apiv1.OutboxRequest{})); return err })
	answers(t, func() error { return retract(ctx, c) })
}

// TestUnfinishedBodies: calls whose bodies never come to an end keep the seats
// of their kind until their time is over, and nobody else's.
func TestUnfinishedBodies(t *testing.T) {
	c, socket := serve(t, api.Backend{
		Status: func() api.Status { return api.Status{State: "UTO"} },
		Outbox: func() ([]desk.OutboxItem, error) { return nil, nil },
		Get:    func(string) (ct.Entry, []ct.Entry, error) { return ct.Entry{ID: ct.ID{1}}, nil, nil },
		Retract: func(context.Context, ct.ID, ct.Retraction, string, ...string) (desk.Receipt, error) {
			return desk.Receipt{Seq: 1}, nil
		},
	})
	conns := make([]net.Conn, crowd)
	for i := range conns {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns[i] = conn
		fmt.Fprintf(conn, "POST /herald.api.v1.Node/Publish HTTP/1.1\r\nHost: herald\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	}
	ctx := t.Context()
	for { // until all ordinary seats are taken
		_, err := c.Outbox(ctx, connect.NewRequest(&apiv1.OutboxRequest{}))
		if connect.CodeOf(err) == connect.CodeUnavailable {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	answers(t, func() error { _, err := c.Status(ctx, connect.NewRequest(&apiv1.StatusRequest{})); return err })
	answers(t, func() error { return retract(ctx, c) })
}

func retract(ctx context.Context, c apiv1connect.NodeClient) error {
	_, err := c.Retract(ctx, connect.NewRequest(&apiv1.RetractRequest{Id: ct.ID{1}.String(), Reason: "error", Operator: "op-1"}))
	return err
}

// answers tells that a call is served at once.
func answers(t *testing.T, call func() error) {
	t.Helper()
	if err := call(); err != nil {
		t.Errorf("a call beside the crowd: %v", err)
	}
}
