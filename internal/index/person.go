// Package index holds derived data: what can be deleted and built again from
// the store and the imported lists. This file and person_*.go are the index of
// persons, by which a match request finds its candidates without a scan.
//
// On disk every key is a keyed hash and every value is sealed: who has the
// file without the node's key sees how many persons there are and nothing of
// them. The index decides nothing: package match scores, and what may be
// disclosed is decided above.
package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"crypto/rand"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/store"
)

// Config of a person index.
type Config struct {
	Path string       // the file, made when missing
	Key  [32]byte     // secret; the HMAC and AEAD keys derive from it
	Log  *slog.Logger // nil: silent

	// Throwaway makes a file that need not survive a crash (herald screen):
	// nothing is synced. Never for a node.
	Throwaway bool
}

// Index is the person index. It is safe for concurrent use; Close
// comes last.
type Index struct {
	db   *bbolt.DB
	seal *sealer
	log  *slog.Logger
	full atomic.Bool // Follow waits for room on the disk

	writing sync.Mutex // one Update at a time: the follower's, or an erasure's
	nextID  uint32     // owned by writing

	loading sync.Once // reads words
	loadErr error

	mu      sync.RWMutex // guards words, cursors, changed, pace
	words   *vocabulary
	cursors Cursors
	changed chan struct{} // closed and replaced at each write
	pace    pace

	persons atomic.Int64
	suspect atomic.Bool // a damaged page was met
	tallies sync.Pool   // of *counting
}

// Cursors say up to where the index has followed its sources.
type Cursors struct {
	Store uint64 // arrival number of the store
	Lists uint64 // change number of the imported lists
}

// formatVersion is the layout of the file; another one means: build again.
const formatVersion = uint32(5)<<16 | match.Version

// Buckets. postings: list of a token, sealed in chunks, beside the token
// itself, sealed (see posting). keys: likewise for documents and births.
// persons: person (4) → sealed entry. refs: tag of a ref → person (4). free:
// person numbers to use again.
var (
	bucketMeta     = []byte("meta")
	bucketPostings = []byte("postings")
	bucketKeys     = []byte("keys")
	bucketPersons  = []byte("persons")
	bucketRefs     = []byte("refs")
	bucketFree     = []byte("free")
)

var allBuckets = append([][]byte{bucketPostings, bucketKeys, bucketPersons, bucketRefs, bucketFree}, placeBuckets...)

var (
	keyVersion = []byte("version")
	keySalt    = []byte("salt")
	keyCheck   = []byte("check")
	keyCursors = []byte("cursors")
	keyNext    = []byte("next")
	keyCount   = []byte("count")
)

// Open opens the index, or makes an empty one. A file of another version or of
// another key, or with a rotten word, is deleted: everything in it can be derived again, and Cursors
// being zero tells the follower to do so.
func Open(cfg Config) (*Index, error) {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	x, err := openFile(cfg, log)
	if errors.Is(err, errOutdated) {
		log.Info("person index is damaged, of another version or of another key, and is built again")
		for _, path := range []string{cfg.Path, cfg.Path + store.SuspectSuffix} {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, fmt.Errorf("remove outdated index: %w", err)
			}
		}
		x, err = openFile(cfg, log)
	}
	return x, err
}

var errOutdated = errors.New("index is damaged, or of another version or key")

func openFile(cfg Config, log *slog.Logger) (*Index, error) {
	if _, err := os.Stat(cfg.Path); errors.Is(err, os.ErrNotExist) {
		if err := create(cfg); err != nil {
			return nil, err
		}
	}
	db, err := openDB(cfg.Path, cfg.Throwaway)
	if err != nil {
		return nil, err
	}
	x := &Index{db: db, log: log, words: newVocabulary(0), changed: make(chan struct{})}
	x.tallies.New = func() any { return new(counting) }
	if err := x.view(func(tx *bbolt.Tx) error { return x.load(tx, cfg.Key) }); err != nil {
		db.Close()
		return nil, fmt.Errorf("open index: %w", err)
	}
	if x.Persons() >= loadLater {
		return x, nil
	}
	if err := x.ready(); err != nil {
		db.Close()
		return nil, fmt.Errorf("open index: %w", err)
	}
	return x, nil
}

// openDB opens the file at path. One with damaged pages is outdated too: bbolt
// would panic over them. Opening for reading follows no page and keeps writers
// out while they are looked at.
func openDB(path string, throwaway bool) (*bbolt.DB, error) {
	if _, err := os.Stat(path + store.SuspectSuffix); err == nil {
		return nil, errOutdated // what was met need not be a page
	}
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		return nil, errOutdated // what a power cut may leave of a file
	} else if err == nil {
		db, err := openBolt(path, &bbolt.Options{Timeout: time.Second, ReadOnly: true})
		if err != nil {
			return nil, err
		}
		damaged := store.CheckPages(path)
		if err := errors.Join(damaged, db.Close()); errors.Is(err, store.ErrDamaged) {
			return nil, errOutdated
		} else if err != nil {
			return nil, fmt.Errorf("open index: %w", err)
		}
	}
	opt := &bbolt.Options{
		Timeout:         time.Second,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: 1 << 30,
		NoSync:          throwaway,
		NoFreelistSync:  throwaway,
	}
	return openBolt(path, opt)
}

func openBolt(path string, opt *bbolt.Options) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, opt)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("open index: %s is in use by another process", filepath.Base(path))
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return nil, errOutdated
	case err != nil:
		return nil, fmt.Errorf("open index: %w", err)
	}
	return db, nil
}

// create makes an empty index beside the path and renames it into place, so
// that a crash never leaves a half-made file under its name.
func create(cfg Config) error {
	tmp := cfg.Path + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("create index: %w", err)
	}
	db, err := openDB(tmp, cfg.Throwaway)
	if err != nil {
		return fmt.Errorf("create index: %w", err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return initialise(tx, cfg.Key) })
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("create index: %w", err)
	}
	if err := os.Rename(tmp, cfg.Path); err != nil {
		return fmt.Errorf("create index: %w", err)
	}
	if cfg.Throwaway {
		return nil
	}
	return syncDir(filepath.Dir(cfg.Path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("create index: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("create index: sync directory: %w", err)
	}
	return nil
}

func initialise(tx *bbolt.Tx, key [32]byte) error {
	for _, b := range allBuckets {
		if _, err := tx.CreateBucket(b); err != nil {
			return err
		}
	}
	meta, err := tx.CreateBucket(bucketMeta)
	if err != nil {
		return err
	}
	salt := make([]byte, 32)
	if _, err := io.ReadFull(rand.Reader, salt); err != nil {
		return err
	}
	s, err := newSealer(key, salt)
	if err != nil {
		return err
	}
	check := s.tag("check", "")
	return errors.Join(
		meta.Put(keyVersion, binary.BigEndian.AppendUint32(nil, formatVersion)),
		meta.Put(keySalt, salt),
		meta.Put(keyCheck, check[:]),
	)
}

// load checks the file and reads what lives in memory.
func (x *Index) load(tx *bbolt.Tx, key [32]byte) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return errOutdated
	}
	if v := meta.Get(keyVersion); len(v) != 4 || binary.BigEndian.Uint32(v) != formatVersion {
		return errOutdated
	}
	for _, b := range allBuckets {
		if tx.Bucket(b) == nil {
			return errOutdated
		}
	}
	var err error
	if x.seal, err = newSealer(key, meta.Get(keySalt)); err != nil {
		return err
	}
	if check := x.seal.tag("check", ""); string(meta.Get(keyCheck)) != string(check[:]) {
		return errOutdated
	}
	x.cursors = readCursors(meta)
	if v := meta.Get(keyNext); len(v) == 4 {
		x.nextID = binary.BigEndian.Uint32(v)
	}
	if v := meta.Get(keyCount); len(v) == 8 {
		x.persons.Store(int64(binary.BigEndian.Uint64(v)))
	}
	return nil
}

func readCursors(meta *bbolt.Bucket) (c Cursors) {
	if v := meta.Get(keyCursors); len(v) == 16 {
		c = Cursors{Store: binary.BigEndian.Uint64(v), Lists: binary.BigEndian.Uint64(v[8:])}
	}
	return c
}

// loadLater is how many persons an index has whose vocabulary Open does not
// wait for: it is read by who needs it first, most often Follow, while the node
// goes on with its start.
const loadLater = 20_000

// ready reads the vocabulary unless that is done.
func (x *Index) ready() error {
	x.loading.Do(func() {
		x.loadErr = x.view(func(tx *bbolt.Tx) error { return x.loadWords(tx.Bucket(bucketPostings)) })
		if errors.Is(x.loadErr, errOutdated) {
			x.loadErr = errors.Join(fmt.Errorf("%w: the next start builds it again", x.loadErr), store.Suspect(x.db.Path()))
		}
	})
	return x.loadErr
}

// loadWords reads the vocabulary with its lists: all of a bucket that has some
// fifty bytes a person. What does not open is rotten: everything here can be
// derived again.
func (x *Index) loadWords(postings *bbolt.Bucket) error {
	words := newVocabulary(x.Persons() / 4)
	var slab []byte // many lists to an allocation
	var t listTag
	var text string
	var lists []byte
	done := func() error {
		if text == "" && len(lists) == 0 {
			return nil
		}
		if text == "" || len(lists) == 0 {
			return errOutdated
		}
		if len(slab) < len(lists) {
			slab = make([]byte, max(1<<18, len(lists)))
		}
		n := copy(slab, lists)
		words.add(text, t, slab[:n:n])
		text, lists, slab = "", lists[:0], slab[n:]
		return nil
	}
	var plain []byte
	c := postings.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		var err error
		switch {
		case len(k) == len(t):
			if err = done(); err == nil {
				t = listTag(k)
				plain, err = x.seal.open(plain[:0], k, v)
				text = string(plain)
			}
		case isChunk(k, t):
			lists, err = x.seal.openChunk(slices.Grow(lists, len(v)), k, v)
		default:
			return errOutdated
		}
		if err != nil {
			return errOutdated
		}
	}
	if err := done(); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.words = words
	return nil
}

// errDamaged: a page of the file is not what it was. The next Open builds the
// file again.
var errDamaged = store.ErrDamaged

// view and update run a transaction. A rotten page is an error in them, and
// makes the next Open read all pages.
func (x *Index) view(fn func(*bbolt.Tx) error) error {
	return x.guarded(func() error { return x.db.View(fn) })
}

func (x *Index) update(fn func(*bbolt.Tx) error) error {
	return x.guarded(func() error { return x.db.Update(fn) })
}

func (x *Index) guarded(fn func() error) error {
	err := store.Guard(fn)
	if errors.Is(err, errDamaged) && !x.suspect.Swap(true) {
		return errors.Join(err, store.Suspect(x.db.Path()))
	}
	return err
}

// ProvePages reads the pages that opening a large file has left unread, resting
// between parts; store.ErrDamaged.
func (x *Index) ProvePages(ctx context.Context, rest time.Duration) error {
	if err := store.ProveFile(ctx, x.db.Path(), rest, x.view); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return nil
}

// Close releases the file.
func (x *Index) Close() error { return x.db.Close() }

// Cursors of the last Update.
func (x *Index) Cursors() Cursors {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.cursors
}

// Reach waits until the index has followed its sources to c.
func (x *Index) Reach(ctx context.Context, c Cursors) error {
	for {
		x.mu.RLock()
		at, changed := x.cursors, x.changed
		x.mu.RUnlock()
		if at.Store >= c.Store && at.Lists >= c.Lists {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// Persons is how many persons are indexed.
func (x *Index) Persons() int { return int(x.persons.Load()) }
