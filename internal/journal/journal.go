// Package journal is a node's tamper-evident audit journal: who did what, when,
// why and on which legal basis. Every entry is chained to the one before it by
// its hash, over clear non-personal fields and a salted commitment to the
// subject. The subject itself is sealed to an auditor's key, apart from the
// chain, which holds its hash; it can be erased without breaking the chain.
// Without an auditor the node's own key, derived from its storage key, stands
// in: then whoever has that key can read the subjects.
//
// Verify finds every edit, deletion, reordering and truncation by whoever does
// not hold the audit key. That the whole journal was written anew, or replaced
// by an older copy of itself, is found with the heads that others were told.
package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// The acts that are journalled.
const (
	ActPublish      = "publish"
	ActRetract      = "retract"
	ActSignNow      = "sign-now"
	ActDiscard      = "discard"
	ActMatchAsk     = "match-ask"
	ActMatchResult  = "match-result"
	ActMatchAnswer  = "match-answer"
	ActMatchFound   = "match-found" // the list entries of an answer, sealed
	ActMatchFlag    = "match-flag"
	ActMatchTold    = "match-told"   // an answer that came, before it is shown
	ActInboxShow    = "inbox-show"   // a waiting request, with what is held of the person
	ActRelease      = "release"      // details, to the State that asked
	ActRefuse       = "refuse"       // a waiting request, by a person
	ActLapse        = "lapse"        // a waiting request, by its own deadline
	ActWithdraw     = "withdraw"     // a release whose source was corrected or retracted
	ActReleaseShow  = "release-show" // a release that came, before it is shown
	ActImport       = "import"
	ActEraseSubject = "erase-subject"
	ActShow         = "show-restored"
	ActRestore      = "restore"
	ActAccept       = "accept-journal"
	ActCut          = "cut"    // older entries were removed; Of is the last of them
	ActRead         = "read"   // records with their content, a copy of one, the inbox, the journal
	ActBackup       = "backup" // of everything
	ActMute         = "mute"
	ActUnmute       = "unmute"
	ActRosterSubmit = "roster-submit"
)

// Limits of an entry, in bytes.
const (
	MaxText    = 1 << 10 // actor, purpose, basis, case, act
	MaxOutcome = 128 << 10
	MaxSubject = 128 << 10
)

// Errors of the journal.
var (
	ErrBroken   = errors.New("journal is damaged or was tampered with")
	ErrTooLarge = errors.New("journal entry over a size limit")
)

// Entry is one act. Seq, Prev, Hash and Commit are given by Append.
type Entry struct {
	Seq     uint64    // from 1, without gaps
	Time    ct.Millis // zero: now
	Act     string
	Actor   string // operator pseudonym
	Purpose string
	Basis   string
	Case    string
	Outcome string // codes and counts, never a value of a person
	Peer    ct.State
	Of      uint64 // the earlier entry that this one is about; 0: none

	// Subject is whom it is about; what Read gives has none before Reveal.
	Subject []byte
	// Salt of the commitment: 32 bytes, random when nil.
	Salt []byte
	// Forget chains the commitment and keeps neither subject nor salt.
	Forget bool
	// Commit is SHA-256("herald/journal-subject/v1" ‖ salt ‖ subject); zero
	// when the entry has no subject.
	Commit [32]byte
	// Sealed is salt and subject, sealed to the auditor; nil when there is no
	// subject, and when it was forgotten or erased. SealedHash is chained.
	Sealed     []byte
	SealedHash [32]byte

	Prev, Hash [32]byte
}

// String names the entry without its subject.
func (e Entry) String() string { return fmt.Sprintf("journal entry %d (%s)", e.Seq, e.Act) }

// GoString is String, so that %#v shows no subject.
func (e Entry) GoString() string { return e.String() }

// LogValue is String, so that slog shows no subject.
func (e Entry) LogValue() slog.Value { return slog.StringValue(e.String()) }

// Buckets of local.db. Keys of the first two are the sequence number as 8
// bytes, big-endian.
const (
	bucketEntry   = "journal.entry"
	bucketSubject = "journal.subject"
	bucketHead    = "journal.head"
)

// Journal appends to, reads and verifies the journal in one local store. It is
// safe for concurrent use.
type Journal struct {
	local   *store.Local
	own     *keys.Sealing      // of this node
	auditor keys.SealingPublic // to whom subjects are sealed
	headKey [32]byte

	// Appends that arrive while one commits share the next transaction.
	mu    sync.Mutex
	queue []*pending // guarded by mu

	commit sync.Mutex // held by the one who writes the queue

	headMu   sync.Mutex
	headSeq  uint64   // guarded by headMu
	headHash [32]byte // guarded by headMu
	broken   error    // guarded by headMu: what was met first of what is not whole
}

type pending struct {
	entry Entry
	with  func(*store.LocalTx) error // nil: nothing
	err   error
	done  bool
}

// Open finds the journal in a local store, or begins one, with the node's own
// key in the auditor's place. A journal that was tampered with opens too, for
// Verify to say where; Append refuses it.
func Open(l *store.Local, auditKey keys.Storage) (*Journal, error) {
	own, err := OwnKey(auditKey)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	headKey, err := auditKey.Derive("journal-head", nil)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Journal{local: l, own: own, auditor: own.Public(), headKey: headKey}
	err = l.View(func(tx *store.LocalTx) error {
		seq, hash, err := j.head(tx)
		j.headSeq, j.headHash = seq, hash
		return err
	})
	if j.met(err); err != nil && !errors.Is(err, ErrBroken) {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return j, nil
}

// Broken is the first thing since Open that was met and is not whole; nil when
// nothing was. Only Verify looks at everything.
func (j *Journal) Broken() error {
	j.headMu.Lock()
	defer j.headMu.Unlock()
	return j.broken
}

func (j *Journal) met(err error) {
	if !errors.Is(err, ErrBroken) {
		return
	}
	j.headMu.Lock()
	defer j.headMu.Unlock()
	if j.broken == nil {
		j.broken = err
	}
}

// OpenFor is Open with an auditor: what this node can never open again.
func OpenFor(l *store.Local, auditKey keys.Storage, auditor keys.SealingPublic) (*Journal, error) {
	j, err := Open(l, auditKey)
	if err == nil {
		j.auditor = auditor
	}
	return j, err
}

// Append chains an entry and returns it with its place. It is durable when
// Append returns. Concurrent callers share one transaction.
func (j *Journal) Append(e Entry) (Entry, error) { return j.AppendWith(e, nil) }

// AppendWith is Append with more in its transaction: both are durable, or
// neither. When with fails, every entry of the shared transaction fails, so it
// fails for damage and want of room alone. It must not call the journal.
func (j *Journal) AppendWith(e Entry, with func(*store.LocalTx) error) (Entry, error) {
	return j.AppendMany([]Entry{e}, with)
}

// Previous, as the Of of an entry that is given with others, is the one before it.
const Previous = ^uint64(0)

// AppendMany is AppendWith for entries that follow one another; it returns the
// last of them.
func (j *Journal) AppendMany(entries []Entry, with func(*store.LocalTx) error) (Entry, error) {
	var all []*pending
	for _, e := range entries {
		if err := e.prepare(time.Now(), j.auditor); err != nil {
			return Entry{}, err
		}
		all = append(all, &pending{entry: e})
	}
	p := all[len(all)-1]
	p.with = with
	j.mu.Lock()
	j.queue = append(j.queue, all...)
	j.mu.Unlock()

	j.commit.Lock()
	defer j.commit.Unlock()
	if p.done { // whoever held the lock before has written it too
		return p.entry, p.err
	}
	j.mu.Lock()
	batch := j.queue
	j.queue = nil
	j.mu.Unlock()
	err := j.update(batch, func(*store.LocalTx) error { return nil })
	for _, q := range batch {
		q.done = true
		if err != nil {
			q.entry, q.err = Entry{}, fmt.Errorf("append to journal: %w", err)
		}
	}
	return p.entry, p.err
}

// prepare checks the limits, fills in time, salt and commitment, and seals the
// subject.
func (e *Entry) prepare(now time.Time, auditor keys.SealingPublic) error {
	if e.Act == "" {
		return errors.New("append to journal: no act")
	}
	for _, f := range []struct {
		name  string
		value string
		most  int
	}{
		{"act", e.Act, MaxText}, {"actor", e.Actor, MaxText}, {"purpose", e.Purpose, MaxText},
		{"basis", e.Basis, MaxText}, {"case", e.Case, MaxText}, {"peer", string(e.Peer), MaxText},
		{"outcome", e.Outcome, MaxOutcome}, {"subject", string(e.Subject), MaxSubject},
	} {
		if len(f.value) > f.most {
			return fmt.Errorf("%w: %s of %d bytes, at most %d", ErrTooLarge, f.name, len(f.value), f.most)
		}
	}
	if e.Time == 0 {
		e.Time = ct.MillisOf(now)
	}
	e.Commit, e.Sealed, e.SealedHash = [32]byte{}, nil, [32]byte{}
	if len(e.Subject) == 0 {
		e.Subject, e.Salt, e.Forget = nil, nil, false
		return nil
	}
	if e.Salt == nil {
		e.Salt = make([]byte, saltSize)
		if _, err := rand.Read(e.Salt); err != nil {
			return fmt.Errorf("append to journal: %w", err)
		}
	}
	if len(e.Salt) != saltSize {
		return fmt.Errorf("append to journal: salt of %d bytes, want %d", len(e.Salt), saltSize)
	}
	e.Commit = Commit(e.Salt, e.Subject)
	if e.Forget {
		return nil
	}
	return e.seal(auditor)
}

// update writes the batch, after first, in one durable transaction. The caller
// holds commit.
func (j *Journal) update(batch []*pending, first func(*store.LocalTx) error) error {
	err := j.local.Update(func(tx *store.LocalTx) error {
		if err := first(tx); err != nil {
			return err
		}
		return j.write(tx, batch)
	})
	if err != nil {
		j.met(err)
		return err
	}
	newest := &batch[len(batch)-1].entry
	j.headMu.Lock()
	j.headSeq, j.headHash = newest.Seq, newest.Hash
	j.headMu.Unlock()
	return nil
}

func (j *Journal) write(tx *store.LocalTx, batch []*pending) error {
	seq, hash, err := j.head(tx)
	if err != nil {
		return err
	}
	for _, p := range batch {
		e := &p.entry
		if e.Of == Previous {
			e.Of = seq
		}
		seq++
		e.Seq, e.Prev = seq, hash
		e.Hash = e.hash()
		hash = e.Hash
		if err := tx.Put(bucketEntry, seqKey(seq), e.encode()); err != nil {
			return err
		}
		if p.with != nil {
			if err := p.with(tx); err != nil {
				return err
			}
		}
		if e.Sealed == nil {
			continue
		}
		if err := tx.Put(bucketSubject, seqKey(seq), e.Sealed); err != nil {
			return err
		}
	}
	return tx.Put(bucketHead, headName, j.encodeHead(seq, hash))
}

// Head is the number and the hash of the newest entry; zero for an empty
// journal. It is what other nodes may be told.
func (j *Journal) Head() (seq uint64, hash [32]byte) {
	j.headMu.Lock()
	defer j.headMu.Unlock()
	return j.headSeq, j.headHash
}

// Read returns at most max entries that follow the sequence number after, with
// their subjects as they are kept: sealed.
func (j *Journal) Read(after uint64, max int) ([]Entry, error) {
	var out []Entry
	err := j.local.View(func(tx *store.LocalTx) error {
		err := tx.Scan(bucketEntry, seqKey(after+1), func(k, v []byte) error {
			if len(out) >= max {
				return store.ErrStop
			}
			e, err := decodeEntry(k, v)
			if err != nil {
				return err
			}
			if err := e.fetch(tx); err != nil {
				return err
			}
			out = append(out, e)
			after = e.Seq
			return nil
		})
		if errors.Is(err, ErrBroken) {
			return err
		}
		return unreadable(fmt.Sprintf("entry %d", after+1), err)
	})
	if err != nil {
		j.met(err)
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return out, nil
}

// Reveal opens the subject of an entry with the node's own key; see
// Entry.Reveal.
func (j *Journal) Reveal(e *Entry) error { return e.Reveal(j.own) }

// EraseSubject deletes the sealed subject and the salt of an entry, and chains
// an entry that says so and why. The chain stays whole, and no copy of the
// subject is left in the file. The error wraps store.ErrNotFound when that
// entry keeps no subject, or no longer.
func (j *Journal) EraseSubject(seq uint64, actor, reason string) error {
	return j.EraseSubjectWith(seq, actor, reason, func(*store.LocalTx, *Entry) error { return nil })
}

// EraseSubjectWith is EraseSubject with more in its transaction: what else of
// the subject of that entry is kept in the store.
func (j *Journal) EraseSubjectWith(seq uint64, actor, reason string, with func(*store.LocalTx, *Entry) error) error {
	e := Entry{Act: ActEraseSubject, Actor: actor, Of: seq, Subject: []byte(reason)}
	if err := e.prepare(time.Now(), j.auditor); err != nil {
		return err
	}
	j.commit.Lock()
	defer j.commit.Unlock()
	err := j.update([]*pending{{entry: e}}, func(tx *store.LocalTx) error {
		if _, err := tx.Get(bucketSubject, seqKey(seq)); errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%w: entry %d keeps no subject; it never had one, or it was forgotten or erased", store.ErrNotFound, seq)
		} else if err != nil {
			return err
		}
		if err := tx.Delete(bucketSubject, seqKey(seq)); err != nil {
			return err
		}
		val, err := tx.Get(bucketEntry, seqKey(seq))
		if err != nil {
			return unreadable(fmt.Sprintf("entry %d", seq), err)
		}
		erased, err := decodeEntry(seqKey(seq), val)
		if err != nil {
			return err
		}
		return with(tx, &erased)
	})
	if err == nil { // a deleted value lives on in a free page until the file is rewritten
		err = j.local.Compact()
	}
	if err != nil {
		return fmt.Errorf("erase subject: %w", err)
	}
	return nil
}
