package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/node/ct"
)

// sealer seals bodies at rest. The key of one body is
// HMAC-SHA256(storage key for bodies, salt ‖ record id): without its salt no
// body can be opened, and no two records ever share a key, whatever salts
// their authors chose. AES-256-GCM with a random nonce; the record id is the
// associated data, so that a body cannot stand in for another.
type sealer struct{ macs *sync.Pool } // of hash.Hash, keyed: hashing the key anew costs as much as the message

func newSealer(k keys.Storage) (sealer, error) {
	key, err := k.Derive("body", nil)
	if err != nil {
		return sealer{}, err
	}
	return sealer{&sync.Pool{New: func() any { return hmac.New(sha256.New, key[:]) }}}, nil
}

func (s *sealer) aead(salt []byte, id ct.ID) (cipher.AEAD, error) {
	m := s.macs.Get().(hash.Hash)
	m.Reset()
	m.Write(salt)
	m.Write(id[:])
	var key [32]byte
	m.Sum(key[:0])
	s.macs.Put(m)
	return newAEAD(key[:])
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("storage cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("storage cipher: %w", err)
	}
	return aead, nil
}

// sealOver is what a body is longer by when it is sealed: nonce and tag.
const sealOver = 12 + 16

// sealBody appends the sealed body to dst.
func (s *sealer) sealBody(dst, salt []byte, id ct.ID, body []byte) ([]byte, error) {
	aead, err := s.aead(salt, id)
	if err != nil {
		return nil, err
	}
	return aead.Seal(dst, nil, body, id[:]), nil
}

func (s *sealer) openBody(salt []byte, id ct.ID, sealed []byte) ([]byte, error) {
	return s.openBodyTo(nil, salt, id, sealed)
}

// openBodyTo appends the body to dst.
func (s *sealer) openBodyTo(dst, salt []byte, id ct.ID, sealed []byte) ([]byte, error) {
	aead, err := s.aead(salt, id)
	if err != nil {
		return nil, err
	}
	body, err := aead.Open(dst, nil, sealed, id[:])
	if err != nil {
		return nil, fmt.Errorf("body of record %s: %w", id.Short(), ErrDamaged)
	}
	return body, nil
}
