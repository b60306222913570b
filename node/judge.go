package node

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
)

// What is judged again takes a fifth of one core: nobody waits for it.
const (
	judgeBatch = 512
	judgeRest  = 4 // times as long as a step took
)

// judgeAgain judges what is held by the rules of this program, when another one took
// it in. It ends when all is judged.
func (n *Node) judgeAgain(ctx context.Context) error {
	left, changed := n.store.Judging().Left(), 0
	if left == 0 {
		return nil
	}
	n.cfg.Log.InfoContext(ctx, "records are judged again by the rules of this version", "records", left, "rules", n.store.Judging().Rules)
	judge := func(h *wire.Header, body []byte) (verify.Reason, bool) { return verify.Again(h, body, n.view.Load()) }
	for n.store.Judging().Left() > 0 {
		began := time.Now()
		more, err := n.store.JudgeAgain(judgeBatch, judge)
		rest := judgeRest * time.Since(began)
		if err != nil { // a full disk must not end the node; the next step tries again
			n.cfg.Log.ErrorContext(ctx, "records are not yet judged again", "error", err)
			rest = diskPeriod
		}
		changed += more
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rest):
		}
	}
	n.cfg.Log.InfoContext(ctx, "all records are judged by the rules of this version", "changed", changed)
	return nil
}

// notYet is how many records are held whose content is not understood.
func (n *Node) notYet() (sum uint64) {
	all, _ := n.index.NotYet() // an index that cannot be read ends the node
	for _, x := range all {
		sum += x.Records
	}
	return sum
}

// notYetAlarm is the line for content that this version does not understand; "" when
// there is none. Status tells it too.
func (n *Node) notYetAlarm(s *api.Status) string {
	all, err := n.index.NotYet()
	if err != nil {
		return "not understood: " + err.Error()
	}
	var sum uint64
	var parts []string
	for _, x := range all {
		s.NotYet = append(s.NotYet, api.NotYet{Kind: x.Kind, Reason: string(x.Reason), Records: x.Records})
		sum += x.Records
		parts = append(parts, fmt.Sprintf("%d %s: %s", x.Records, x.Kind, x.Reason))
	}
	if sum == 0 {
		return ""
	}
	const most = 8 // kinds may be many; all are in the status
	if n := len(parts); n > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more", n-most))
	}
	return fmt.Sprintf("not understood: this version cannot read the content of %d records (%s); they are kept and passed on, and judged again after an upgrade of this node; if there is none, ask their authors",
		sum, strings.Join(parts, ", "))
}

// registerJudgingMetrics adds what is not understood and what is still to be judged.
func (n *Node) registerJudgingMetrics(gauge func(name, help string, f func() float64)) {
	gauge("not_understood_records", "Records held whose content this version does not understand.", func() float64 {
		return float64(n.notYet())
	})
	gauge("judging_left_records", "Records still to be judged by the rules of this version.", func() float64 {
		return float64(n.store.Judging().Left())
	})
}
