package index

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
)

// tag is a key on disk: HMAC-SHA256 of what it stands for, cut to 16 bytes.
type tag [16]byte

// sealer holds what derives from the index's secret and its file's salt: the
// HMAC that names keys and the AEAD that hides values.
type sealer struct {
	macs  sync.Pool // of hash.Hash keyed for tags
	aead  cipher.AEAD
	years [256]yearTag // by year minus firstYear; [0] is "no year"
}

// yearTag orders the postings of one token by year of birth without writing
// the year. Two persons of one year share a tag; which year it is stays hidden.
type yearTag [2]byte

const firstYear = 1899 // years[0] is "unknown", so 1900 is the first that has a tag of its own

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
	// Two bytes collide; a year that shares a tag would be taken for another.
	taken := map[yearTag]bool{}
	for i := range s.years {
		for turn := uint16(0); ; turn++ {
			t := s.tag("year", string(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, uint16(i)), turn)))
			if s.years[i] = yearTag(t[:2]); !taken[s.years[i]] {
				break
			}
		}
		taken[s.years[i]] = true
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

// year gives the tag of a year of birth; a year outside 1900..2154 shares the
// tag of "unknown".
func (s *sealer) year(y int) yearTag {
	if y <= firstYear || y >= firstYear+len(s.years) {
		return s.years[0]
	}
	return s.years[y-firstYear]
}

// seal hides value; place binds it to its bucket and key.
func (s *sealer) seal(place, value []byte) []byte {
	return s.aead.Seal(nil, nil, value, place)
}

func (s *sealer) open(dst, place, sealed []byte) ([]byte, error) {
	return s.aead.Open(dst, nil, sealed, place)
}
