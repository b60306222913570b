package journal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

const (
	saltSize     = 32
	entryVersion = 1
)

// What an entry's hash says about its subject.
const (
	subjectNone = iota
	subjectKept // until an erase-subject entry names it
	subjectForgotten
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
// version ‖ time ‖ of ‖ lp(texts) ‖ subject state ‖ commit ‖ prev.
func (e *Entry) payload() []byte {
	b := make([]byte, 0, 160+len(e.Act)+len(e.Actor)+len(e.Purpose)+len(e.Basis)+len(e.Case)+len(e.Outcome))
	b = append(b, entryVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time))
	b = binary.BigEndian.AppendUint64(b, e.Of)
	for _, s := range []string{e.Act, e.Actor, e.Purpose, e.Basis, e.Case, e.Outcome, string(e.Peer)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	b = append(b, e.subjectState())
	b = append(b, e.Commit[:]...)
	return append(b, e.Prev[:]...)
}

func (e *Entry) subjectState() byte {
	switch {
	case e.Commit == [32]byte{}:
		return subjectNone
	case e.Forget:
		return subjectForgotten
	default:
		return subjectKept
	}
}

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
	const fixed = 1 + 8 + 8 + 7*4 + 1 + 3*32
	if len(val) < fixed || val[0] != entryVersion {
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
	if len(rest) != 1+64 {
		return Entry{}, fmt.Errorf("%w: entry %d has another form", ErrBroken, e.Seq)
	}
	e.Forget = rest[0] == subjectForgotten
	copy(e.Commit[:], rest[1:])
	copy(e.Prev[:], rest[33:])
	if e.subjectState() != rest[0] {
		return Entry{}, fmt.Errorf("%w: entry %d has another form", ErrBroken, e.Seq)
	}
	return e, nil
}

// seal is salt ‖ nonce ‖ ciphertext of the subject.
func (j *Journal) seal(e *Entry) ([]byte, error) {
	nonce := make([]byte, j.subject.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("seal subject: %w", err)
	}
	b := append(append([]byte{}, e.Salt...), nonce...)
	return j.subject.Seal(b, nonce, e.Subject, subjectAAD(e)), nil
}

// openSubject fills in subject and salt where they are kept. A subject that is
// not there is left nil: Verify knows whether it may be missing.
func (j *Journal) openSubject(tx *store.LocalTx, e *Entry) error {
	if e.subjectState() != subjectKept {
		return nil
	}
	sealed, err := tx.Get(bucketSubject, seqKey(e.Seq))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	ns := j.subject.NonceSize()
	if len(sealed) < saltSize+ns {
		return fmt.Errorf("%w: subject of entry %d was changed", ErrBroken, e.Seq)
	}
	salt, nonce := sealed[:saltSize], sealed[saltSize:saltSize+ns]
	subject, err := j.subject.Open(nil, nonce, sealed[saltSize+ns:], subjectAAD(e))
	if err != nil || Commit(salt, subject) != e.Commit {
		return fmt.Errorf("%w: subject of entry %d was changed, or the audit key is another", ErrBroken, e.Seq)
	}
	e.Subject, e.Salt = subject, salt
	return nil
}

func subjectAAD(e *Entry) []byte { return append(seqKey(e.Seq), e.Commit[:]...) }

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
		return 0, hash, err
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
		return 0, hash, err
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

func newAEAD(key [32]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 0, 48), seq) }
