package keys

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/herald-net/herald/node/ct"
)

// Kind says what a key file is for, so that nobody mistakes one for another.
type Kind string

// The kinds of key files.
const (
	KindNode    Kind = "node"
	KindRoot    Kind = "root"
	KindStorage Kind = "storage"
	KindBackup  Kind = "backup"
	KindAuditor Kind = "auditor"
)

// A key file is three lines of text, readable by its owner alone:
//
//	herald key 1 node
//	secret <64 hex digits: the seed, or the storage or backup key>
//	public <64 hex digits: the public key; of an auditor's key its hash; of a storage or backup key its check value>
//
// The last line tells a damaged or mixed-up file from a good one, and names
// the key to a person without showing its secret.
const (
	fileFormat  = "herald key 1 "
	maxFileSize = 1 << 10
)

// Save writes the signing key k to a new file. It never overwrites: an
// existing file is an error that errors.Is fs.ErrExist.
func Save(path string, kind Kind, k *Key) error {
	if kind != KindNode && kind != KindRoot {
		return fmt.Errorf("save key: a signing key is %s or %s, not %q", KindNode, KindRoot, kind)
	}
	return create(path, encodeFile(kind, k.Seed(), k.Public()))
}

// Load reads a signing key from a file that Save wrote.
func Load(path string) (*Key, error) {
	kind, secret, err := read(path)
	if err != nil {
		return nil, err
	}
	if !kind.signing() {
		return nil, fmt.Errorf("%s: this is a %s key, want a node or root key", path, kind)
	}
	return FromSeed(secret), nil
}

// SaveStorage writes a storage key to a new file. It never overwrites.
func SaveStorage(path string, s Storage) error {
	return create(path, encodeFile(KindStorage, s, storageCheck(s)))
}

// LoadStorage reads a storage key from a file that SaveStorage wrote.
func LoadStorage(path string) (Storage, error) {
	kind, secret, err := read(path)
	if err != nil {
		return Storage{}, err
	}
	if kind != KindStorage {
		return Storage{}, fmt.Errorf("%s: this is a %s key, want a storage key", path, kind)
	}
	return Storage(secret), nil
}

// SaveBackup writes a backup key to a new file. It never overwrites.
func SaveBackup(path string, s Storage) error {
	return create(path, encodeFile(KindBackup, s, storageCheck(s)))
}

// LoadBackup reads a backup key from a file that SaveBackup wrote.
func LoadBackup(path string) (Storage, error) {
	kind, secret, err := read(path)
	if err != nil {
		return Storage{}, err
	}
	if kind != KindBackup {
		return Storage{}, fmt.Errorf("%s: this is a %s key, want a backup key", path, kind)
	}
	return Storage(secret), nil
}

// signing tells a key that signs.
func (k Kind) signing() bool { return k == KindNode || k == KindRoot }

func encodeFile(kind Kind, secret [32]byte, public ct.LogID) []byte {
	return fmt.Appendf(nil, "%s%s\nsecret %x\npublic %x\n", fileFormat, kind, secret[:], public[:])
}

// decodeFile reads the text of a key file. No error shows any of it but the kind.
func decodeFile(b []byte) (kind Kind, secret [32]byte, err error) {
	first, rest, _ := strings.Cut(string(b), "\n")
	name, ok := strings.CutPrefix(first, fileFormat)
	kind = Kind(name)
	if !ok {
		return "", secret, errors.New("not a herald key file (the first line is not \"herald key 1 …\")")
	}
	switch kind {
	case KindNode, KindRoot, KindStorage, KindBackup, KindAuditor:
	default:
		return "", secret, errors.New("not a node, root, storage, backup or auditor key file of this version")
	}
	secretLine, publicLine, _ := strings.Cut(rest, "\n")
	var public ct.LogID
	if !hexLine(secretLine, "secret ", secret[:]) || !hexLine(strings.TrimSuffix(publicLine, "\n"), "public ", public[:]) {
		return "", [32]byte{}, errors.New("damaged key file: want a secret line and a public line of 64 lower-case hex digits each")
	}
	want := storageCheck(secret)
	switch {
	case kind == KindAuditor:
		k, err := SealingFromSeed(secret)
		if err != nil {
			return "", [32]byte{}, errors.New("damaged key file: no auditor's key")
		}
		want = auditorCheck(k.public)
	case kind.signing():
		want = FromSeed(secret).Public()
	}
	if subtle.ConstantTimeCompare(want[:], public[:]) != 1 {
		return "", [32]byte{}, errors.New("damaged key file: secret and public line do not belong together")
	}
	if !bytes.Equal(encodeFile(kind, secret, public), b) {
		return "", [32]byte{}, errors.New("damaged key file: not in the form that herald writes")
	}
	return kind, secret, nil
}

func hexLine(line, label string, dst []byte) bool {
	digits, ok := strings.CutPrefix(line, label)
	if !ok || len(digits) != 2*len(dst) {
		return false
	}
	_, err := hex.Decode(dst, []byte(digits))
	return err == nil
}

// storageCheck recognises a storage key without telling anything about it.
func storageCheck(s [32]byte) ct.LogID {
	h := sha256.New()
	h.Write([]byte("herald/storage/v1/check"))
	h.Write(s[:])
	return ct.LogID(h.Sum(nil))
}

func read(path string) (Kind, [32]byte, error) {
	var secret [32]byte
	f, err := os.Open(path)
	if err != nil {
		return "", secret, fmt.Errorf("open key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", secret, fmt.Errorf("open key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", secret, fmt.Errorf("%s: not a regular file", path)
	}
	if p := info.Mode().Perm(); p&0o077 != 0 {
		return "", secret, fmt.Errorf("%s: others may read or change this key file (mode %04o); if nobody has, run: chmod 600 %s", path, p, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return "", secret, fmt.Errorf("read key file: %w", err)
	}
	switch {
	case len(b) == 0:
		return "", secret, fmt.Errorf("%s: empty key file, left by an interrupted command; remove it and run that command again", path)
	case len(b) > maxFileSize:
		return "", secret, fmt.Errorf("%s: not a herald key file (over %d bytes)", path, maxFileSize)
	}
	kind, secret, err := decodeFile(b)
	if err != nil {
		return "", secret, fmt.Errorf("%s: %w", path, err)
	}
	return kind, secret, nil
}

// create writes a new file durably. The name is reserved first, so that two
// commands cannot both believe they made it; the content then arrives whole by
// rename. A crash leaves nothing, an empty file, or the whole file.
func create(path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	reserved, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: a key file is there already and is never overwritten: %w", path, fs.ErrExist)
	}
	if err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(path)
		}
	}()
	if err := reserved.Close(); err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	tmp, err := os.CreateTemp(dir, ".key-*") // mode 0600
	if err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	defer os.Remove(tmp.Name()) // gone after the rename
	_, err = tmp.Write(content)
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
