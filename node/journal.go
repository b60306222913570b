package node

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// openJournal opens the journal, for the auditor when there is one.
func (c *Config) openJournal(l *store.Local, storage keys.Storage) (*journal.Journal, error) {
	if c.AuditorKeyFile == "" {
		return journal.Open(l, storage)
	}
	auditor, err := keys.LoadAuditorPublic(c.AuditorKeyFile)
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	return journal.OpenFor(l, storage, auditor)
}

// JournalVerify walks the whole journal and tells its length, head and
// checkpoint. Of the heads that others remember, those of this node must lie on
// its chain.
func (n *Node) JournalVerify(heads []api.JournalHead) (api.JournalState, error) {
	return VerifyJournal(n.journal, ToldOf(n.own, heads))
}

// VerifyJournal is JournalVerify of a journal whose node may be off.
func VerifyJournal(j *journal.Journal, told []journal.Told) (out api.JournalState, err error) {
	out.Fitting = len(told)
	if out.Entries, err = j.Verify(told...); err != nil {
		return out, err
	}
	_, out.Head = j.Head()
	out.Checkpoint, out.Cut, err = j.Checkpoint()
	return out, err
}

// ToldOf picks what others were told of one node's journal.
func ToldOf(node ct.LogID, heads []api.JournalHead) (out []journal.Told) {
	for _, h := range heads {
		if h.Node != node {
			continue
		}
		out = append(out, journal.Told{Entries: h.Entries, Head: h.Head, By: "a peer"})
		if h.Alarm {
			out = append(out, journal.Told{Entries: h.WasEntries, Head: h.WasHead, By: "a peer"})
		}
	}
	return out
}

// JournalErase erases the subject of one entry for good, and what else of it
// this node keeps.
func (n *Node) JournalErase(seq uint64, operator, reason string) error {
	return n.desk.EraseSubject(seq, operator, reason)
}

func (n *Node) note(e journal.Entry) error {
	_, err := n.journal.Append(e)
	return err
}

// JournalHeads are the journal heads that this node remembers of the others.
func (n *Node) JournalHeads() (out []api.JournalHead) {
	v := n.view.Load()
	for _, j := range n.gossip.Journals() {
		member, _ := v.Node(j.Node)
		out = append(out, api.JournalHead{
			State: member.State, Node: j.Node, Entries: j.Last.Entries, Head: j.Last.Head, Told: j.Last.Said,
			Alarm: j.Broken, WasEntries: j.Was.Entries, WasHead: j.Was.Head, WasTold: j.Was.Said,
		})
	}
	return out
}

// JournalAccept ends the alarm about another node's journal, after the journal
// of this one holds who did so and why.
func (n *Node) JournalAccept(node ct.LogID, operator, reason string) error {
	for _, h := range n.JournalHeads() {
		if h.Node != node || !h.Alarm {
			continue
		}
		_, err := n.journal.Append(journal.Entry{
			Act: journal.ActAccept, Actor: cmp.Or(operator, unnamedOperator), Peer: h.State, Subject: []byte(reason),
			Outcome: fmt.Sprintf("node %s: was %d %x, now %d %x", node.Short(), h.WasEntries, h.WasHead, h.Entries, h.Head),
		})
		if err != nil {
			return err
		}
		_, err = n.gossip.AcceptJournal(node)
		return err
	}
	return fmt.Errorf("%w: no alarm about the journal of node %s", desk.ErrNotFound, node.Short())
}

func (n *Node) journalAlarms() (out []string) {
	if err := n.journal.Broken(); err != nil {
		out = append(out, fmt.Sprintf("journal: %v; see `herald journal verify`: this node asks, answers and publishes nothing that it cannot journal", err))
	}
	for _, h := range n.JournalHeads() {
		if !h.Alarm {
			continue
		}
		what := fmt.Sprintf("and then of %d", h.Entries)
		if h.Entries >= h.WasEntries {
			what = "and then of others in their place"
		}
		out = append(out, fmt.Sprintf("journal: node %s of %s told of %d entries of its audit journal %s: it was written anew, or restored from a backup; see `herald journal heads`",
			h.Node.Short(), h.State, h.WasEntries, what))
	}
	return out
}

// What is remembered of the journals of others, in local.db.
const bucketJournals = "node.journals"

var keyJournals = []byte("heads")

func (n *Node) keepJournals(all []reconcile.JournalOf) error {
	val, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return n.store.Local().Update(func(tx *store.LocalTx) error { return tx.Put(bucketJournals, keyJournals, val) })
}

func loadJournals(l *store.Local) (out []reconcile.JournalOf, err error) {
	err = l.View(func(tx *store.LocalTx) error {
		val, err := tx.Get(bucketJournals, keyJournals)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil {
			err = json.Unmarshal(val, &out)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the journal heads of other nodes: %w", err)
	}
	return out, nil
}

// keySent is the time of this node's newest beacon, beside the heads.
var keySent = []byte("sent")

func (n *Node) keepSent(at ct.Millis) error {
	return n.store.Local().Update(func(tx *store.LocalTx) error {
		return tx.Put(bucketJournals, keySent, binary.BigEndian.AppendUint64(nil, uint64(at)))
	})
}

func loadSent(l *store.Local) (at ct.Millis, err error) {
	err = l.View(func(tx *store.LocalTx) error {
		val, err := tx.Get(bucketJournals, keySent)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil
		case err == nil && len(val) != 8:
			return errors.New("the time of the last beacon has another form")
		case err == nil:
			at = ct.Millis(binary.BigEndian.Uint64(val))
		}
		return err
	})
	return at, err
}

// unnamedOperator stands where a caller names nobody: a node without accounts.
const unnamedOperator = "operator"
