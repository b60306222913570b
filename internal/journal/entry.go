package journal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

const (
	saltSize     = 32
	entryVersion = 2
	keyIDSize    = 8
)

var headName = []byte("head")

// Commit is SHA-256("herald/journal-subject/v1" ‖ salt ‖ subject). The journals
// of asker and responder commit to the same person with the same salt, the
// nonce of the request, so that an auditor of both can join them.
func Commit(salt, subject []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("herald/journal-subject/v1"))
	h.Write(salt)
	h.Write(subject)
	return [32]byte(h.Sum(nil))
}

// payload is what the hash covers beside the sequence number:
// version ‖ time ‖ of ‖ lp(texts) ‖ commit ‖ sealed hash ‖ prev. Without a
// subject both hashes are zero, of a forgotten one the second.
func (e *Entry) payload() []byte {
	b := make([]byte, 0, 192+len(e.Act)+len(e.Actor)+len(e.Purpose)+len(e.Basis)+len(e.Case)+len(e.Outcome))
	b = append(b, entryVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time))
	b = binary.BigEndian.AppendUint64(b, e.Of)
	for _, s := range []string{e.Act, e.Actor, e.Purpose, e.Basis, e.Case, e.Outcome, string(e.Peer)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	b = append(b, e.Commit[:]...)
	b = append(b, e.SealedHash[:]...)
	return append(b, e.Prev[:]...)
}

// kept tells that the subject stays until an erase-subject entry names it.
func (e *Entry) kept() bool { return e.SealedHash != [32]byte{} }

// hash is SHA-256("herald/journal/v1" ‖ seq ‖ payload).
func (e *Entry) hash() [32]byte { return hashOf(e.Seq, e.payload()) }

func hashOf(seq uint64, payload []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("herald/journal/v1"))
	h.Write(seqKey(seq))
	h.Write(payload)
	return [32]byte(h.Sum(nil))
}

// encode is payload ‖ hash.
func (e *Entry) encode() []byte { return append(e.payload(), e.Hash[:]...) }

// decodeEntry reads what encode wrote and checks that the hash fits.
func decodeEntry(key, val []byte) (Entry, error) {
	if len(key) != 8 {
		return Entry{}, fmt.Errorf("%w: a key of %d bytes", ErrBroken, len(key))
	}
	e := Entry{Seq: binary.BigEndian.Uint64(key)}
	const fixed = 1 + 8 + 8 + 7*4 + 4*32
	switch {
	case len(val) > 0 && val[0] != entryVersion:
		return Entry{}, fmt.Errorf("%w: entry %d is of version %d, this program reads %d", ErrBroken, e.Seq, val[0], entryVersion)
	case len(val) < fixed:
		return Entry{}, fmt.Errorf("%w: entry %d has another form", ErrBroken, e.Seq)
	}
	payload := val[:len(val)-32]
	copy(e.Hash[:], val[len(payload):])
	if hashOf(e.Seq, payload) != e.Hash {
		return Entry{}, fmt.Errorf("%w: entry %d was changed", ErrBroken, e.Seq)
	}
	e.Time = ct.Millis(binary.BigEndian.Uint64(payload[1:]))
	e.Of = binary.BigEndian.Uint64(payload[9:])
	rest := payload[17:]
	var peer string
	for _, s := range []*string{&e.Act, &e.Actor, &e.Purpose, &e.Basis, &e.Case, &e.Outcome, &peer} {
		if len(rest) < 4 || uint64(len(rest)-4) < uint64(binary.BigEndian.Uint32(rest)) {
			return Entry{}, fmt.Errorf("%w: entry %d has another form", ErrBroken, e.Seq)
		}
		n := binary.BigEndian.Uint32(rest)
		*s = string(rest[4 : 4+n])
		rest = rest[4+n:]
	}
	e.Peer = ct.State(peer)
	if len(rest) != 3*32 {
		return Entry{}, fmt.Errorf("%w: entry %d has another form", ErrBroken, e.Seq)
	}
	copy(e.Commit[:], rest)
	copy(e.SealedHash[:], rest[32:])
	copy(e.Prev[:], rest[64:])
	if e.kept() && e.Commit == [32]byte{} {
		return Entry{}, fmt.Errorf("%w: entry %d has another form", ErrBroken, e.Seq)
	}
	e.Forget = e.Commit != [32]byte{} && !e.kept()
	return e, nil
}

// OwnKey is the key that stands in where a node has no auditor: it derives
// from the storage key.
func OwnKey(auditKey keys.Storage) (*keys.Sealing, error) {
	seed, err := auditKey.Derive("journal-auditor", nil)
	if err != nil {
		return nil, err
	}
	return keys.SealingFromSeed(seed)
}

// seal makes Sealed: the beginning of the key's name ‖ HPKE(salt ‖ subject),
// in the context of the commitment.
func (e *Entry) seal(auditor keys.SealingPublic) error {
	id := auditor.ID()
	box, err := auditor.Seal(subjectContext(e), append(append([]byte{}, e.Salt...), e.Subject...))
	if err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	e.Sealed = append(id[:keyIDSize:keyIDSize], box...)
	e.SealedHash = sha256.Sum256(e.Sealed)
	return nil
}

func subjectContext(e *Entry) []byte {
	return append([]byte("herald/journal-subject/v2"), e.Commit[:]...)
}

// fetch fills in Sealed where it is there: Verify knows whether it may be
// missing. It proves that it is what the chain names.
func (e *Entry) fetch(tx *store.LocalTx) error {
	if !e.kept() {
		return nil
	}
	sealed, err := tx.Get(bucketSubject, seqKey(e.Seq))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return unreadable(fmt.Sprintf("the subject of entry %d", e.Seq), err)
	}
	if sha256.Sum256(sealed) != e.SealedHash {
		return fmt.Errorf("%w: subject of entry %d was changed", ErrBroken, e.Seq)
	}
	e.Sealed = sealed
	return nil
}

// Reveal opens the subject with the auditor's key, and proves that it is the
// one committed to. keys.ErrNotSealedToKey: it was sealed to another key. An
// entry that keeps no subject stays as it is.
func (e *Entry) Reveal(key *keys.Sealing) error {
	if e.Sealed == nil {
		return nil
	}
	id := key.Public().ID()
	if len(e.Sealed) < keyIDSize || [keyIDSize]byte(e.Sealed) != [keyIDSize]byte(id[:]) {
		return fmt.Errorf("journal entry %d: %w", e.Seq, keys.ErrNotSealedToKey)
	}
	plain, err := key.Open(subjectContext(e), e.Sealed[keyIDSize:])
	if err != nil {
		return fmt.Errorf("journal entry %d: %w", e.Seq, err)
	}
	if len(plain) < saltSize || Commit(plain[:saltSize], plain[saltSize:]) != e.Commit {
		return fmt.Errorf("%w: the subject of entry %d is not the one committed to", ErrBroken, e.Seq)
	}
	e.Salt, e.Subject = plain[:saltSize:saltSize], plain[saltSize:]
	return nil
}

// encodeHead is seq ‖ hash ‖ HMAC under the audit key: without that key nobody
// can end the chain at another place or chain it anew.
func (j *Journal) encodeHead(seq uint64, hash [32]byte) []byte {
	b := append(seqKey(seq), hash[:]...)
	m := hmac.New(sha256.New, j.headKey[:])
	m.Write(b)
	return m.Sum(b)
}

// head reads the newest entry's place from the two places that hold it, which
// must agree.
func (j *Journal) head(tx *store.LocalTx) (uint64, [32]byte, error) {
	var seq uint64
	var hash [32]byte
	stored, err := tx.Get(bucketHead, headName)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return 0, hash, unreadable("the head", err)
	case len(stored) != 8+32+32:
		return 0, hash, fmt.Errorf("%w: the head has another form", ErrBroken)
	default:
		seq = binary.BigEndian.Uint64(stored)
		copy(hash[:], stored[8:])
		if !hmac.Equal(stored, j.encodeHead(seq, hash)) {
			return 0, hash, fmt.Errorf("%w: the head was not written under this audit key", ErrBroken)
		}
	}
	k, v, err := tx.Last(bucketEntry)
	if errors.Is(err, store.ErrNotFound) {
		if seq != 0 {
			return 0, hash, fmt.Errorf("%w: the head says %d, there is no entry", ErrBroken, seq)
		}
		return 0, hash, nil
	}
	if err != nil {
		return 0, hash, unreadable("the last entry", err)
	}
	last, err := decodeEntry(k, v)
	if err != nil {
		return 0, hash, err
	}
	if last.Seq != seq || last.Hash != hash {
		return 0, hash, fmt.Errorf("%w: the head says %d, the last entry is %d", ErrBroken, seq, last.Seq)
	}
	return seq, hash, nil
}

// unreadable says what of the journal is not what the store has sealed: somebody
// who does not hold the storage key has written there, or the disk.
func unreadable(what string, err error) error {
	if errors.Is(err, store.ErrDamaged) {
		return fmt.Errorf("%w: %s cannot be read: %w", ErrBroken, what, err)
	}
	return err
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 0, 48), seq) }
