package p2p

import (
	"crypto/ed25519"
	"fmt"
	"strings"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// PeerID is the transport identity of a node key. The two carry the same 32
// bytes: a peer id embeds its Ed25519 public key.
func PeerID(node ct.LogID) (peer.ID, error) {
	pub, err := crypto.UnmarshalEd25519PublicKey(node[:])
	if err != nil {
		return "", fmt.Errorf("peer id of node %s: %w", node.Short(), err)
	}
	id, err := peer.IDFromPublicKey(pub)
	if err != nil {
		return "", fmt.Errorf("peer id of node %s: %w", node.Short(), err)
	}
	return id, nil
}

// idPrefix is what every peer id of a node key begins with: an identity
// multihash of 36 bytes, holding the type of the key and its 32 bytes.
const idPrefix = "\x00\x24\x08\x01\x12\x20"

// NodeKey is the inverse of PeerID; false for every id that embeds no Ed25519
// key, which no member has. Every message of gossip asks, so it only compares.
func NodeKey(id peer.ID) (key ct.LogID, ok bool) {
	raw, ok := strings.CutPrefix(string(id), idPrefix)
	if !ok || copy(key[:], raw) != len(key) || len(raw) != len(key) {
		return ct.LogID{}, false
	}
	return key, true
}

func identity(key *keys.Key) (crypto.PrivKey, error) {
	seed := key.Seed()
	priv, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		return nil, fmt.Errorf("transport identity: %w", err)
	}
	return priv, nil
}
