// Package backup writes all that a node needs to come back into one encrypted
// file, while the node runs, and makes a data directory of it again.
//
// A backup is sealed under the backup key, which its owner keeps elsewhere for
// as long as backups matter. The salts of keys.db, without which no body can
// be opened, and the imported lists are sealed once more under the key of a
// generation, a calendar month: destroying that key erases every body and every
// list from all backups of the month, whatever copies of them exist.
//
// The root key is in no backup, nor is the index, which is derived. The
// package does not run a node and decides nothing about records: that a
// restored node is careful before it signs is node's business.
package backup

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// Errors of backups. Each is one line with the file's name in front.
var (
	ErrFormat     = errors.New("not a herald backup of this version")
	ErrDamaged    = errors.New("the backup is damaged, cut off or was changed")
	ErrKey        = errors.New("the backup is sealed under another backup key")
	ErrGeneration = errors.New("the backup is sealed under another generation key")
	ErrNotEmpty   = errors.New("the directory is not empty")
)

// The layout: magic, length of the head (4), head, sealed stream. The stream
// holds the files of fileNames and then the store's parts, in this order, each
// as blocks of a length (4) and so many bytes, ended by a length of 0. The parts
// keys.db, lists.db and local.db are sealed streams of their own.
const (
	magic    = "herald backup 2\n"
	maxHead  = 4 << 10
	maxFile  = 1 << 20 // of a small file
	maxBlock = 1 << 20
)

// fileNames are the small files of a data directory that a backup holds, by
// the names that they get when it is restored.
var fileNames = []string{"herald.toml", "genesis.json", "node.key", "storage.key"}

// monthly are the parts that are sealed under the generation's key, each by the
// purpose of its stream.
var monthly = map[string]string{"keys.db": "backup/keys", "lists.db": "backup/lists", "local.db": "backup/local"}

// Head is what a backup tells without its key.
type Head struct {
	Network    ct.NetworkID `json:"network"`
	State      ct.State     `json:"state"`
	Node       ct.LogID     `json:"node"`
	Created    ct.Millis    `json:"created"`
	Generation string       `json:"generation"`
	Records    uint64       `json:"records"`

	KeyCheck        []byte `json:"key_check"`
	GenerationCheck []byte `json:"generation_check"`
	Salt            []byte `json:"salt"`
}

// Source is what a backup is made of.
type Source struct {
	Store   *store.Store
	Network ct.NetworkID
	State   ct.State
	Node    ct.LogID
	Files   map[string][]byte // by fileNames; herald.toml may be missing
}

// Keys are the two keys of a backup.
type Keys struct {
	Backup     keys.Storage
	Generation keys.Storage
	Name       string // of the generation: see Generation
}

// Generation is the name of the generation to which a backup made now belongs.
func Generation(now time.Time) string { return now.UTC().Format("2006-01") }

// Create writes a backup to a new file, which is durable when it returns, and
// removes what it wrote when it fails. Progress is told in bytes of at most
// total; nil: nobody is told.
func Create(ctx context.Context, path string, src Source, k Keys, now time.Time, progress func(done, total int64)) (Head, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return Head{}, fmt.Errorf("backup: %w", err)
	}
	head, err := write(ctx, f, src, k, now, progress)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(path)
		return Head{}, fmt.Errorf("backup to %s: %w", path, err)
	}
	return head, nil
}

// Install gives a backup that was verified its name, durably.
func Install(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

func write(ctx context.Context, w io.Writer, src Source, k Keys, now time.Time, progress func(done, total int64)) (Head, error) {
	export, err := src.Store.Export()
	if err != nil {
		return Head{}, err
	}
	defer export.Close()
	head, rawHead, err := newHead(src, k, now, export.Records)
	if err != nil {
		return Head{}, err
	}
	if progress != nil {
		w = &meter{w: w, total: export.Size, tell: progress}
	}
	first := binary.BigEndian.AppendUint32([]byte(magic), uint32(len(rawHead)))
	if _, err := w.Write(append(first, rawHead...)); err != nil {
		return Head{}, err
	}
	main, inner, err := streams(k, rawHead)
	if err != nil {
		return Head{}, err
	}
	out := newSealWriter(main, w)
	for _, name := range fileNames {
		b := &blockWriter{w: out}
		if len(src.Files[name]) > maxFile {
			return Head{}, fmt.Errorf("%s has %d bytes, at most %d", name, len(src.Files[name]), maxFile)
		}
		_, err := b.Write(src.Files[name])
		if err = errors.Join(err, b.Close()); err != nil {
			return Head{}, err
		}
	}
	for _, part := range store.Parts() {
		b := &blockWriter{w: out}
		if aead := inner[part]; aead != nil {
			sealed := newSealWriter(aead, b)
			if err = export.Write(ctx, part, sealed); err == nil {
				err = sealed.Close()
			}
		} else {
			err = export.Write(ctx, part, b)
		}
		if err == nil {
			err = b.Close()
		}
		if err != nil {
			return Head{}, err
		}
	}
	return head, out.Close()
}

func newHead(src Source, k Keys, now time.Time, records uint64) (Head, []byte, error) {
	h := Head{
		Network: src.Network, State: src.State, Node: src.Node, Created: ct.MillisOf(now), Generation: k.Name, Records: records,
		Salt: make([]byte, 32),
	}
	if _, err := rand.Read(h.Salt); err != nil {
		return h, nil, err
	}
	var err error
	if h.KeyCheck, err = check(k.Backup, h.Salt); err != nil {
		return h, nil, err
	}
	if h.GenerationCheck, err = check(k.Generation, h.Salt); err != nil {
		return h, nil, err
	}
	raw, err := json.Marshal(&h)
	return h, raw, err
}

// check recognises a key without telling anything about it.
func check(k keys.Storage, salt []byte) ([]byte, error) {
	c, err := k.Derive("backup/check", salt)
	return c[:16], err
}

// streams are the ciphers of the main stream and of the monthly ones. Their keys
// depend on every byte of the head, so that none can be changed.
func streams(k Keys, rawHead []byte) (main cipher.AEAD, inner map[string]cipher.AEAD, err error) {
	salt := sha256.Sum256(rawHead)
	if main, err = newStreamAEAD(k.Backup, "backup/main", salt[:]); err != nil {
		return nil, nil, err
	}
	inner = map[string]cipher.AEAD{}
	for part, purpose := range monthly {
		if inner[part], err = newStreamAEAD(k.Generation, purpose, salt[:]); err != nil {
			return nil, nil, err
		}
	}
	return main, inner, nil
}

// ReadHead reads what a backup tells without its key. Nothing in it is proved
// before the backup is opened.
func ReadHead(path string) (Head, error) {
	f, err := os.Open(path)
	if err != nil {
		return Head{}, fmt.Errorf("backup: %w", err)
	}
	defer f.Close()
	h, _, err := readHead(f)
	if err != nil {
		return h, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

func readHead(r io.Reader) (h Head, raw []byte, err error) {
	first := make([]byte, len(magic)+4)
	if _, err := io.ReadFull(r, first); err != nil || string(first[:len(magic)]) != magic {
		return h, nil, ErrFormat
	}
	n := binary.BigEndian.Uint32(first[len(magic):])
	if n > maxHead {
		return h, nil, ErrFormat
	}
	raw = make([]byte, n)
	if _, err := io.ReadFull(r, raw); err != nil {
		return h, nil, ErrDamaged
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if dec.Decode(&h) != nil {
		return h, nil, ErrDamaged
	}
	if !ct.ValidState(h.State) {
		return h, nil, ErrDamaged
	}
	if _, err := time.Parse("2006-01", h.Generation); err != nil {
		return h, nil, ErrDamaged
	}
	return h, raw, nil
}

// blockWriter writes blocks of what is written to it, and at Close their end.
type blockWriter struct{ w io.Writer }

func (b *blockWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		m := min(len(p), maxBlock)
		if _, err := b.w.Write(binary.BigEndian.AppendUint32(nil, uint32(m))); err != nil {
			return n, err
		}
		if _, err := b.w.Write(p[:m]); err != nil {
			return n, err
		}
		p, n = p[m:], n+m
	}
	return n, nil
}

func (b *blockWriter) Close() error {
	_, err := b.w.Write([]byte{0, 0, 0, 0})
	return err
}

// blockReader reads the blocks of one file up to their end.
type blockReader struct {
	r    io.Reader
	left uint32
	done bool
}

func (b *blockReader) Read(p []byte) (int, error) {
	if b.done {
		return 0, io.EOF
	}
	if b.left == 0 {
		var n [4]byte
		if _, err := io.ReadFull(b.r, n[:]); err != nil {
			return 0, whole(err)
		}
		if b.left = binary.BigEndian.Uint32(n[:]); b.left == 0 {
			b.done = true
			return 0, io.EOF
		}
	}
	n, err := b.r.Read(p[:min(len(p), int(b.left))])
	b.left -= uint32(n)
	return n, whole(err)
}

// whole: a stream that ends inside a file is damaged, never that file's end.
func whole(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrDamaged
	}
	return err
}

// meter tells how many bytes have passed.
type meter struct {
	w           io.Writer
	done, total int64
	tell        func(done, total int64)
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.done += int64(n)
	m.tell(m.done, m.total)
	return n, err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
