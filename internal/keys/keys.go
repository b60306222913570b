// Package keys holds Ed25519 keys with domain separation, the storage key of
// a data directory, and their files. It does not know who may sign what: that
// is roster.
package keys

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/herald-net/herald/node/ct"
)

// Context separates the domains of signatures: a signature for one can never
// serve for another.
type Context string

// The contexts of version 1 (PROTOCOL.md section 3).
const (
	ContextRecord       Context = "herald/v1/record"
	ContextGenesis      Context = "herald/v1/genesis"
	ContextMatchRequest Context = "herald/v1/match-request"
	ContextMatchAnswer  Context = "herald/v1/match-answer"
	ContextBeacon       Context = "herald/v1/beacon"
	ContextRequest      Context = "herald/v1/join-request" // with the zero network id
	ContextPossession   Context = "herald/v1/possession"   // with the zero network id
)

// AlgEd25519 is the only signature algorithm of version 1.
const AlgEd25519 = 1

// Signer signs with one key. The private half may live in a file or in a
// device, so signing can fail.
type Signer interface {
	Public() ct.LogID
	Sign(c Context, network ct.NetworkID, msg []byte) ([]byte, error)
}

// Key is an Ed25519 private key held in memory.
type Key struct{ priv ed25519.PrivateKey }

// Generate makes a new key from the operating system's randomness.
func Generate() (*Key, error) {
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return &Key{priv}, nil
}

// FromSeed makes the key of a 32-byte seed (RFC 8032 section 5.1.5).
func FromSeed(seed [32]byte) *Key { return &Key{ed25519.NewKeyFromSeed(seed[:])} }

// Public is the log id that the key signs.
func (k Key) Public() ct.LogID { return ct.LogID(k.priv.Public().(ed25519.PublicKey)) }

// Seed is the secret half; it goes to a key file and to the transport identity only.
func (k Key) Seed() [32]byte { return [32]byte(k.priv.Seed()) }

// Sign signs msg for one context and one network.
func (k Key) Sign(c Context, network ct.NetworkID, msg []byte) ([]byte, error) {
	return ed25519.Sign(k.priv, signed(c, network, msg)), nil
}

// String shows the public half only.
func (k Key) String() string { return "key " + k.Public().Short() }

// Format shows the public half only, whatever the verb.
func (k Key) Format(s fmt.State, _ rune) { fmt.Fprint(s, k.String()) }

// Possible tells whether pub may serve as a key: encoded canonically, and not
// one of the points of small order, under which a signature binds its signer
// to nothing (some verify for every message). The roster admits no other key.
func Possible(pub ct.LogID) bool {
	y := [32]byte(pub)
	y[31] &= 0x7f // the sign of x
	slices.Reverse(y[:])
	text := hex.EncodeToString(y[:])
	switch text {
	case strings.Repeat("0", 64), // order 4
		strings.Repeat("0", 63) + "1",                                      // the identity
		"05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", // order 8
		"7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7", // order 8
		"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec": // order 2
		return false
	}
	// The prime of the field is 2^255-19; hex digits of equal length compare as numbers do.
	return text < "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed"
}

// Verify tells whether sig is pub's signature. The rule is crypto/ed25519's
// everywhere: batch verifiers accept a different set and would split the network.
func Verify(pub ct.LogID, c Context, network ct.NetworkID, msg, sig []byte) bool {
	return len(sig) == ed25519.SignatureSize && ed25519.Verify(pub[:], signed(c, network, msg), sig)
}

// signed is lp(context) ‖ lp(algorithm) ‖ lp(network id) ‖ lp(msg), where
// lp(x) is the length of x as 4 bytes big-endian, then x.
func signed(c Context, network ct.NetworkID, msg []byte) []byte {
	b := make([]byte, 0, 16+len(c)+1+len(network)+len(msg))
	for _, part := range [][]byte{[]byte(c), {AlgEd25519}, network[:], msg} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return b
}

// Storage is the 256-bit key under which a node seals what it stores.
type Storage [32]byte

// NewStorage makes a storage key from the operating system's randomness.
func NewStorage() (Storage, error) {
	var s Storage
	if _, err := rand.Read(s[:]); err != nil {
		return s, fmt.Errorf("generate storage key: %w", err)
	}
	return s, nil
}

// Derive gives a 256-bit key for one purpose (HKDF-SHA256, RFC 5869).
func (s Storage) Derive(purpose string, salt []byte) ([32]byte, error) {
	b, err := hkdf.Key(sha256.New, s[:], salt, "herald/storage/v1/"+purpose, 32)
	if err != nil {
		return [32]byte{}, fmt.Errorf("derive %s key: %w", purpose, err)
	}
	return [32]byte(b), nil
}

// String never shows the key.
func (s Storage) String() string { return "storage key" }

// Format never shows the key, whatever the verb.
func (s Storage) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText never shows the key: neither JSON nor a log can hold it.
func (s Storage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
