package keys

import (
	"bytes"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/herald-net/herald/node/ct"
)

// Sealing is the private half of a key pair to which others seal (HPKE,
// RFC 9180: ML-KEM-768 with X25519, HKDF-SHA256, AES-256-GCM). What is sealed
// to it is open to its holder alone, not to whoever sealed it.
type Sealing struct {
	seed   [32]byte
	key    hpke.PrivateKey
	public SealingPublic
}

// SealingPublic is the half that others need to seal.
type SealingPublic struct{ key hpke.PublicKey }

// SealingID names a key pair: SHA-256 of the public half.
type SealingID [32]byte

// ErrNotSealedToKey tells that another key than this one opens it, or none.
var ErrNotSealedToKey = errors.New("not sealed to this key, or changed since")

// NewSealing makes a key pair from the operating system's randomness.
func NewSealing() (*Sealing, error) {
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("generate sealing key: %w", err)
	}
	return SealingFromSeed(seed)
}

// SealingFromSeed makes the key pair of a 32-byte secret.
func SealingFromSeed(seed [32]byte) (*Sealing, error) {
	key, err := hpke.MLKEM768X25519().NewPrivateKey(seed[:])
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	return &Sealing{seed: seed, key: key, public: SealingPublic{key.PublicKey()}}, nil
}

// Public is the half to hand out.
func (k *Sealing) Public() SealingPublic { return k.public }

// ID names the key pair.
func (p SealingPublic) ID() SealingID { return sha256.Sum256(p.key.Bytes()) }

// Format never shows the secret, whatever the verb.
func (k *Sealing) Format(f fmt.State, _ rune) { io.WriteString(f, "sealing key") }

// Seal encrypts to the key; context must be the same when it is opened.
func (p SealingPublic) Seal(context, plain []byte) ([]byte, error) {
	sealed, err := hpke.Seal(p.key, hpke.HKDFSHA256(), hpke.AES256GCM(), context, plain)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// Open decrypts what was sealed to the key; else ErrNotSealedToKey.
func (k *Sealing) Open(context, sealed []byte) ([]byte, error) {
	plain, err := hpke.Open(k.key, hpke.HKDFSHA256(), hpke.AES256GCM(), context, sealed)
	if err != nil {
		return nil, ErrNotSealedToKey
	}
	return plain, nil
}

// SaveAuditor writes the secret half of an auditor's key to a new file, and
// the public half beside it as path.pub. It never overwrites.
func SaveAuditor(path string, k *Sealing) error {
	if err := create(path+".pub", encodePublic(k.public)); err != nil {
		return err
	}
	if err := create(path, encodeFile(KindAuditor, k.seed, auditorCheck(k.public))); err != nil {
		return errors.Join(err, os.Remove(path+".pub"))
	}
	return nil
}

// LoadAuditor reads the secret half from a file that SaveAuditor wrote.
func LoadAuditor(path string) (*Sealing, error) {
	kind, secret, err := read(path)
	if err != nil {
		return nil, err
	}
	if kind != KindAuditor {
		return nil, fmt.Errorf("%s: this is a %s key, want an auditor key", path, kind)
	}
	return SealingFromSeed(secret)
}

// The public half is one line of text that anyone may read:
//
//	herald auditor 1 <2432 hex digits>
const (
	publicFormat  = "herald auditor 1 "
	maxPublicFile = 4 << 10
)

func encodePublic(p SealingPublic) []byte {
	return fmt.Appendf(nil, "%s%x\n", publicFormat, p.key.Bytes())
}

func decodePublic(b []byte) (SealingPublic, error) {
	digits, ok := strings.CutPrefix(strings.TrimSpace(string(b)), publicFormat)
	if !ok {
		return SealingPublic{}, errors.New("not the public half of an auditor's key (want \"herald auditor 1 …\"): give the file that ends in .pub")
	}
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return SealingPublic{}, errors.New("damaged public key file: want hex digits")
	}
	key, err := hpke.MLKEM768X25519().NewPublicKey(raw)
	if err != nil || !bytes.Equal(key.Bytes(), raw) {
		return SealingPublic{}, errors.New("damaged public key file: no ML-KEM-768 and X25519 key")
	}
	return SealingPublic{key}, nil
}

// LoadAuditorPublic reads the public half of an auditor's key.
func LoadAuditorPublic(path string) (SealingPublic, error) {
	f, err := os.Open(path)
	if err != nil {
		return SealingPublic{}, fmt.Errorf("open auditor's key: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPublicFile+1))
	if err != nil {
		return SealingPublic{}, fmt.Errorf("read auditor's key: %w", err)
	}
	p, err := decodePublic(b)
	if err != nil {
		return SealingPublic{}, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// auditorCheck tells a damaged key file from a good one.
func auditorCheck(p SealingPublic) ct.LogID { return ct.LogID(p.ID()) }
