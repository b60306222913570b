package index

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"
)

// tag is a key on disk: HMAC-SHA256 of what it stands for, cut to 16 bytes.
type tag [16]byte

// sealer holds what derives from the index's secret and its file's salt: the
// HMAC that names keys and the AEAD that hides values.
type sealer struct {
	macs sync.Pool // of hash.Hash keyed for tags
	aead cipher.AEAD
}

func newSealer(secret [32]byte, salt []byte) (*sealer, error) {
	macKey, err := hkdf.Key(sha256.New, secret[:], salt, "herald/index/tag/v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive index key: %w", err)
	}
	sealKey, err := hkdf.Key(sha256.New, secret[:], salt, "herald/index/seal/v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive index key: %w", err)
	}
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return nil, fmt.Errorf("derive index key: %w", err)
	}
	s := &sealer{macs: sync.Pool{New: func() any { return hmac.New(sha256.New, macKey) }}}
	if s.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("derive index key: %w", err)
	}
	return s, nil
}

// tag names text on disk; kind keeps the name spaces apart.
func (s *sealer) tag(kind, text string) tag {
	h := s.macs.Get().(hash.Hash)
	defer s.macs.Put(h)
	h.Reset()
	var buf [96]byte
	in := append(buf[:0], kind...)
	in = append(in, 0)
	in = append(in, text...)
	h.Write(in)
	return tag(h.Sum(buf[:0])[:16])
}

// list names the list of postings of a token or another key.
func (s *sealer) list(kind, text string) listTag {
	t := s.tag(kind, text)
	return listTag(t[:len(listTag{})])
}

// seal hides value; place binds it to its bucket and key.
func (s *sealer) seal(place, value []byte) []byte {
	return s.aead.Seal(nil, nil, value, place)
}

func (s *sealer) open(dst, place, sealed []byte) ([]byte, error) {
	return s.aead.Open(dst, nil, sealed, place)
}
