package p2p

import (
	"crypto/ed25519"
	"fmt"

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

// NodeKey is the inverse of PeerID; false for every id that embeds no Ed25519
// key, which no member has.
func NodeKey(id peer.ID) (ct.LogID, bool) {
	pub, err := id.ExtractPublicKey()
	if err != nil || pub.Type() != crypto.Ed25519 {
		return ct.LogID{}, false
	}
	raw, err := pub.Raw()
	if err != nil || len(raw) != len(ct.LogID{}) {
		return ct.LogID{}, false
	}
	return ct.LogID(raw), true
}

func identity(key *keys.Key) (crypto.PrivKey, error) {
	seed := key.Seed()
	priv, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		return nil, fmt.Errorf("transport identity: %w", err)
	}
	return priv, nil
}
