package node

import (
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/roster"
)

// barred says why this node's key may not speak; "" when it may. The node runs on:
// it holds what comes, and takes root logs in, so that a renewal finds it.
func (n *Node) barred(now time.Time) string {
	v := n.view.Load()
	me, _ := v.Node(n.own)
	switch {
	case me.Closing != nil:
		return fmt.Sprintf("closed: %s has closed this node's log after record %d (%s); its key signs nothing any more: found a node with a new key", n.state, me.Closing.Seq, me.Closing.Reason)
	case n.forked() != "":
		return n.forked()
	case v.Live(n.own, now):
		return ""
	case now.Before(me.NotBefore.Time()):
		return fmt.Sprintf("delegation: this node's key may speak from %v on", me.NotBefore)
	case v.Ended(n.own, now):
		return fmt.Sprintf("delegation: this node's key has ended on %v; it signs nothing, and only root logs are exchanged with it; %s", me.NotAfter, renewal(me))
	}
	return fmt.Sprintf("delegation: this node's key has ended on %v, so long ago that no other node talks to it: renew it with `herald roster renew %s --roster FILE` and give FILE to this node with `herald roster submit`, or found a node with a new key", me.NotAfter, me.Key.Short())
}

// forked says why this node's key is not to sign: two records of its log are
// known for one place, or another process signs with its key and soon there
// will be. "" when neither.
func (n *Node) forked() string {
	h, _ := n.store.Head(n.own)
	if h.Contested == 0 {
		return n.twin()
	}
	return fmt.Sprintf("forked: this node's key has signed two records for place %d of its log, from a copied data directory or because it was stolen; it signs nothing any more: let the root key of %s sign `herald roster close %s`, and found a node with a new key", h.Contested, n.state, n.own.Short())
}

// forkAlarm is forked as an alarm, while the log is not closed.
func (n *Node) forkAlarm() string {
	if me, _ := n.view.Load().Node(n.own); me.Closing != nil {
		return ""
	}
	return n.forked()
}

// renewal is the next step for a node whose window ends.
func renewal(me roster.Node) string {
	return fmt.Sprintf("let the root key of %s sign `herald roster renew %s`", me.State, me.Key.Short())
}

// windowAlarm tells that this node's window ends: 60, 30, 7 and 1 days before,
// where the window is as long, and from its end on.
func (n *Node) windowAlarm(now time.Time) string {
	me, _ := n.view.Load().Node(n.own)
	if me.Closing != nil {
		return ""
	}
	window, left := me.NotAfter.Time().Sub(me.NotBefore.Time()), me.NotAfter.Time().Sub(now)
	if left <= 0 {
		return n.barred(now)
	}
	for _, days := range [...]int{1, 7, 30, 60} {
		if before := time.Duration(days) * 24 * time.Hour; left <= before && before < window {
			return fmt.Sprintf("delegation: this node's key ends in less than %d d, on %v; it signs nothing from then on: %s", days, me.NotAfter, renewal(me))
		}
	}
	return ""
}
