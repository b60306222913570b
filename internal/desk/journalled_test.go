package desk_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// spoil alters the journal behind its back, so that it takes no more entries.
func (n *node) spoil() {
	n.net.t.Helper()
	must(n.net.t, n.store.Local().Update(func(tx *store.LocalTx) error {
		var names [][]byte
		err := tx.Scan("journal.head", nil, func(k, _ []byte) error {
			names = append(names, bytes.Clone(k))
			return nil
		})
		if len(names) == 0 {
			n.net.t.Error("the journal has no head to spoil")
		}
		for _, name := range names {
			if err == nil {
				err = tx.Put("journal.head", name, []byte("another head"))
			}
		}
		return err
	}))
}

// Without a journal nobody is asked and nobody is told anything.
func TestNothingHappensUnjournalled(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	publish(t, b, about(wanted()))
	b.follow()
	sent := 0
	a.ask = func(ctx context.Context, to *node, raw []byte) ([]byte, error) {
		sent++
		return a.call(ctx, to, raw)
	}
	answers, _ := ask(t, a, query(wanted(), "FIN"))
	if got := answers["FIN"]; got.Answer != desk.AnswerPossible || len(got.Hits) == 0 || sent != 1 {
		t.Fatalf("with both journals: %+v, %d requests sent", got, sent)
	}
	b.spoil()
	answers, _ = ask(t, a, query(wanted(), "FIN"))
	if got := answers["FIN"]; got.Answer != desk.AnswerRefused || got.Reason != "unavailable" || len(got.Hits) != 0 || sent != 2 {
		t.Errorf("without the responder's journal: %+v, %d requests sent", got, sent)
	}
	a.spoil()
	_, err := a.desk.Match(within(t), query(wanted(), "FIN"), func(got desk.MatchAnswer) error {
		t.Errorf("without the asker's journal: %+v", got)
		return nil
	})
	if err == nil || sent != 2 {
		t.Errorf("without the asker's journal: error %v, %d requests sent", err, sent)
	}
}

// An answer counts when the node that was asked has signed it as an answer in
// this network, and not otherwise, however well it is made.
func TestForgedAnswer(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN", "KEN")
	a, b, c := net.nodes[0], net.nodes[1], net.nodes[2]
	for _, x := range []struct {
		name    string
		key     *keys.Key
		context keys.Context
		network ct.NetworkID
		good    bool
	}{
		{"true", b.key, keys.ContextMatchAnswer, net.view.Network(), true},
		{"signed by another member", c.key, keys.ContextMatchAnswer, net.view.Network(), false},
		{"signed as something else", b.key, keys.ContextMatchRequest, net.view.Network(), false},
		{"signed for another network", b.key, keys.ContextMatchAnswer, ct.NetworkID{1}, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			a.mu.Lock()
			a.ask = func(_ context.Context, _ *node, raw []byte) ([]byte, error) {
				body, err := wire.EncodeMatchAnswer(&wire.MatchAnswer{
					Network: net.view.Network().Prefix(), Responder: b.key.Public(), Request: wire.MatchRequestHash(raw),
					Verdict: wire.MatchNoHit, Issued: ct.MillisOf(time.Now()),
				})
				if err != nil {
					return nil, err
				}
				sig, err := x.key.Sign(x.context, x.network, body)
				return wire.EncodeSignedMatch(wire.SignedMatch{Body: body, Alg: keys.AlgEd25519, Sig: sig}), err
			}
			a.mu.Unlock()
			answers, s := ask(t, a, query(stranger(), "FIN"))
			if x.good != (answers["FIN"].Answer == desk.AnswerNoHit) || x.good != (len(s.Silent) == 0) {
				t.Errorf("answers %+v, summary %+v", answers, s)
			}
		})
	}
}
