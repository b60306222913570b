package store

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// format is the version of all files; it changes with their layout.
const format = 7

// fileSpec is what is particular to one of the files.
type fileSpec struct {
	name     string
	buckets  []string
	initMmap int // address space, not memory: a remap would wait for readers
	alloc    int // growth step in bytes
}

var (
	logSpec = fileSpec{
		name:     "log.db",
		buckets:  []string{bktLogs, bktHdr, bktArr, bktMissing, bktRetract, bktHidden, bktDue, bktErase, bktFork, bktChained, bktUnsound},
		initMmap: 1 << 30, alloc: 8 << 20,
	}
	keysSpec  = fileSpec{name: "keys.db", buckets: []string{bktSalt, bktGone}, initMmap: 256 << 20, alloc: 1 << 20}
	bodySpec  = fileSpec{name: "body.db", buckets: []string{bktBody}, initMmap: 1 << 30, alloc: 8 << 20}
	localSpec = fileSpec{name: "local.db", buckets: []string{bktLocal}, initMmap: 256 << 20, alloc: 1 << 20}
	listsSpec = fileSpec{name: "lists.db", buckets: []string{bktLocal}, initMmap: 1 << 30, alloc: 8 << 20}
)

// specs are all of them; log.db comes last where files are made: that it is
// there means that all are.
var specs = []*fileSpec{&keysSpec, &bodySpec, &localSpec, &listsSpec, &logSpec}

// file is one bbolt file whose handle can be exchanged for a rewritten copy.
type file struct {
	spec *fileSpec
	path string
	max  int64

	large uint64 // see checkPages

	disk *disk // nil: nobody asks

	w       sync.Mutex // a writer, or rewrite for all its time
	stopped error      // guarded by w: why nothing is written any more

	commits uint64 // guarded by w: since the file was opened

	tracing sync.Mutex // held while the file is rewritten beside its writers; the store's w may be held and is not taken

	touched map[entryKey]struct{} // guarded by w: what changed since rewriteOnline began; nil: it does not run

	suspected atomic.Bool // Suspect was called

	fate sync.Mutex
	dead error // stopped, for those who do not write

	mu sync.RWMutex // users of db; the exchange excludes them
	db *bbolt.DB
}

func (f *file) options(readOnly bool) *bbolt.Options {
	o := &bbolt.Options{
		Timeout:      time.Second,
		FreelistType: bbolt.FreelistMapType,
		NoStatistics: true,
		MaxSize:      int(f.max),
		ReadOnly:     readOnly,
	}
	if math.MaxInt > math.MaxInt32 {
		o.InitialMmapSize = f.spec.initMmap
	}
	return o
}

// openBolt opens a bbolt file and names what is wrong with it.
func (f *file) openBolt(path string, readOnly bool) (db *bbolt.DB, err error) {
	err = guard(func() error {
		var err error
		db, err = bbolt.Open(path, 0o600, f.options(readOnly))
		return err
	})
	dir := filepath.Dir(path)
	switch {
	case err == nil:
		db.AllocSize = f.spec.alloc
		return db, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("data directory %s is %w", dir, ErrInUse)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return nil, fmt.Errorf("%s: %w: %v; run herald store check", path, ErrDamaged, err)
	}
	return nil, fmt.Errorf("%s: %w", path, fullOr(err))
}

// openFile opens one file of an existing store.
func openFile(cfg *Config, spec *fileSpec) (*file, error) {
	f, err := openFileMode(cfg, spec, false)
	if errors.Is(err, ErrDamaged) {
		err = &damagedFile{spec.name, err}
	}
	return f, err
}

func openFileMode(cfg *Config, spec *fileSpec, readOnly bool) (*file, error) {
	f := &file{spec: spec, path: filepath.Join(cfg.Dir, spec.name), max: cfg.MaxSize, large: largeFile}
	if cfg.Large > 0 {
		f.large = cfg.Large
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, fmt.Errorf("%s is missing: %w", f.path, err)
	}
	if info.Size() == 0 { // bbolt would make a new database of it
		return nil, fmt.Errorf("%s: %w: it is empty", f.path, ErrDamaged)
	}
	if f.db, err = f.openSound(readOnly); err != nil {
		return nil, err
	}
	if err := f.view(func(tx *bbolt.Tx) error { return checkMeta(tx, cfg, spec) }); err != nil {
		_ = f.close()
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return f, nil
}

// openSound proves the pages before bbolt follows them. Opening for reading
// follows none, but keeps writers out meanwhile.
func (f *file) openSound(readOnly bool) (*bbolt.DB, error) {
	db, err := f.openBolt(f.path, true)
	if err != nil {
		return nil, err
	}
	if err := checkPages(f.path, f.large); err != nil {
		_ = db.Close()
		return nil, err
	}
	if readOnly {
		return db, nil
	}
	if err := db.Close(); err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return f.openBolt(f.path, false)
}

// createFile makes a file under another name, initialises and syncs it, and
// renames it: bbolt's own initialisation does not survive a power cut.
// Of reborn: see rebuild.go; 0 is a file that is new.
func createFile(cfg *Config, spec *fileSpec, reborn ct.Millis) error {
	f := &file{spec: spec, path: filepath.Join(cfg.Dir, spec.name), max: cfg.MaxSize}
	tmp := f.path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var err error
	if f.db, err = f.openBolt(tmp, false); err != nil {
		return err
	}
	err = f.update(func(tx *bbolt.Tx) error {
		for _, b := range spec.buckets {
			if _, err := tx.CreateBucket([]byte(b)); err != nil {
				return err
			}
		}
		if err := putMeta(tx, cfg, spec); err != nil || reborn == 0 {
			return err
		}
		return tx.Bucket([]byte(bktMeta)).Put(rebornKey, u64(uint64(reborn)))
	})
	if err := errors.Join(err, f.close()); err != nil {
		return fmt.Errorf("%s: %w", tmp, err)
	}
	return install(tmp, f.path)
}

// install gives a finished file its name, durably.
func install(tmp, path string) error {
	if err := syncPath(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncPath(filepath.Dir(path))
}

// MakeDir makes a directory, and those above it that are missing, durably: a
// file that is synced is lost all the same when the name of its directory is.
// One that is there is synced too, as far as its parent can be read: whoever
// made it may have been cut off.
func MakeDir(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	made := []string{path}
	for p := filepath.Dir(path); ; p = filepath.Dir(p) {
		if _, err := os.Stat(p); err == nil || p == filepath.Dir(p) {
			break
		}
		made = append(made, p)
	}
	_, err = os.Stat(path)
	there := err == nil
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	for _, p := range made {
		if err := syncPath(filepath.Dir(p)); err != nil && !(there && errors.Is(err, fs.ErrPermission)) {
			return err
		}
	}
	return nil
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// The meta bucket says which program, network and key a file belongs to.
func putMeta(tx *bbolt.Tx, cfg *Config, spec *fileSpec) error {
	b, err := tx.CreateBucket([]byte(bktMeta))
	if err != nil {
		return err
	}
	mark, err := keyMark(cfg)
	if err != nil {
		return err
	}
	return errors.Join(
		b.Put([]byte("file"), []byte(spec.name)),
		b.Put([]byte("format"), []byte{format}),
		b.Put([]byte("network"), cfg.Network[:]),
		b.Put([]byte("key"), mark),
		b.Put([]byte("sum"), summed(slices.Concat([]byte(spec.name), []byte{format}, cfg.Network[:], mark))),
	)
}

func checkMeta(tx *bbolt.Tx, cfg *Config, spec *fileSpec) error {
	b := tx.Bucket([]byte(bktMeta))
	if b == nil {
		for _, name := range spec.buckets {
			if tx.Bucket([]byte(name)) != nil {
				return fmt.Errorf("%w: it does not say what it is", ErrDamaged)
			}
		}
		return ErrFormat
	}
	// It says each thing twice: what rotted is not another's.
	whole := slices.Concat(b.Get([]byte("file")), b.Get([]byte("format")), b.Get([]byte("network")), b.Get([]byte("key")))
	sum := b.Get([]byte("sum"))
	if said, err := sound(sum); sum != nil && (err != nil || !bytes.Equal(said, whole)) {
		return fmt.Errorf("%w: what it says of itself", ErrDamaged)
	}
	if string(b.Get([]byte("file"))) != spec.name {
		return ErrFormat
	}
	if v := b.Get([]byte("format")); len(v) != 1 || v[0] != format {
		return fmt.Errorf("%w: format %v, this program reads %d", ErrFormat, v, format)
	}
	if v := b.Get([]byte("network")); string(v) != string(cfg.Network[:]) {
		return fmt.Errorf("%w: %x, not %s", ErrNetwork, v, cfg.Network)
	}
	mark, err := keyMark(cfg)
	if err != nil {
		return err
	}
	if !hmac.Equal(b.Get([]byte("key")), mark) {
		return fmt.Errorf("%w: use the storage key it was created with", ErrKey)
	}
	for _, name := range spec.buckets {
		if tx.Bucket([]byte(name)) == nil {
			return fmt.Errorf("%w: bucket %s is missing", ErrDamaged, name)
		}
	}
	return nil
}

// keyMark recognises the storage key without telling anything about it.
func keyMark(cfg *Config) ([]byte, error) {
	k, err := cfg.Key.Derive("check", nil)
	if err != nil {
		return nil, err
	}
	m := hmac.New(sha256.New, k[:])
	m.Write(cfg.Network[:])
	return m.Sum(nil)[:16], nil
}

func (f *file) view(fn func(*bbolt.Tx) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.db == nil {
		return ErrClosed
	}
	return f.noted(guard(func() error { return f.db.View(fn) }))
}

// update commits durably. When fn fails, or there is no room (ErrFull),
// nothing has changed and the file stays usable; any other failure ends all
// writing to it (ErrStopped).
func (f *file) update(fn func(*bbolt.Tx) error) error {
	f.w.Lock()
	defer f.w.Unlock()
	f.mu.RLock()
	defer f.mu.RUnlock()
	switch {
	case f.db == nil:
		return ErrClosed
	case f.stopped != nil:
		return f.stopped
	}
	var id int
	var refused error
	f.weighFreeList()
	err := guard(func() error {
		return f.db.Update(func(tx *bbolt.Tx) error {
			id = tx.ID()
			refused = fn(tx)
			return refused
		})
	})
	if err == nil || refused != nil {
		return f.noted(err)
	}
	if err = fullOr(f.noted(err)); errors.Is(err, ErrFull) && !f.visible(id) {
		f.noRoom(err, true)
		return err
	}
	return f.stop(err)
}

// The list of free pages is written with each commit, so that whoever opens the
// file after a crash need not read all of it to know them. A long one, as after
// an erasure of many bodies, would cost each commit more than that is worth.
const (
	longFreeList  = 4096 // pages: 32 KiB
	weighFreeList = 64   // commits between two looks at it
	tryFreeList   = 4096 // and between two tries to write it again
)

// weighFreeList decides whether the next commit writes the list. The caller
// holds w.
func (f *file) weighFreeList() {
	f.commits++
	switch {
	case f.db.NoFreelistSync:
		f.db.NoFreelistSync = f.commits%tryFreeList != 0
	case f.commits%weighFreeList == 0:
		n, err := freePages(f.path)
		f.db.NoFreelistSync = err == nil && n > longFreeList
	}
}

// stop ends all writing to the file. The caller holds w.
func (f *file) stop(err error) error {
	f.stopped = fmt.Errorf("%s: %w: %v", f.path, ErrStopped, err)
	f.fate.Lock()
	f.dead = f.stopped
	f.fate.Unlock()
	return f.stopped
}

// noRoom tells the store when err says that the disk is full. The last of the
// ballast is for commits: a copy of a file would use it up and still not fit.
func (f *file) noRoom(err error, mayLast bool) {
	if f.disk != nil && isDiskFull(err) {
		f.disk.filled(time.Now(), mayLast)
	}
}

// visible tells whether a transaction whose commit failed shows nevertheless:
// its last page was written and only the fsync failed.
func (f *file) visible(id int) bool {
	shows := true
	err := guard(func() error {
		return f.db.View(func(tx *bbolt.Tx) error {
			shows = tx.ID() >= id
			return nil
		})
	})
	return shows || err != nil
}

func (f *file) close() error {
	f.w.Lock()
	defer f.w.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.db == nil {
		return nil
	}
	db := f.db
	f.db = nil
	if db.NoFreelistSync && f.stopped == nil {
		db.NoFreelistSync = false
		_ = guard(func() error { return db.Update(func(*bbolt.Tx) error { return nil }) })
	}
	return db.Close()
}

// Guard is guard for another package's bbolt files.
func Guard(fn func() error) error { return guard(fn) }

// guard turns bbolt's panics over damaged pages, and faults in its memory map,
// into errors: one rotten page must not stop the node.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &fault{p}
		}
	}()
	return fn()
}

// fault is what guard caught: not a value that rotted but a page.
type fault struct{ caught any }

func (e *fault) Error() string { return fmt.Sprintf("%v: %v", ErrDamaged, e.caught) }
func (e *fault) Unwrap() error { return ErrDamaged }

// noted makes the file suspect when err is a fault.
func (f *file) noted(err error) error {
	var bad *fault
	if errors.As(err, &bad) && !f.suspected.Swap(true) {
		return errors.Join(err, Suspect(f.path))
	}
	return err
}

// fullOr recognises a full disk or quota, also where bbolt flattened the error
// to text.
func fullOr(err error) error {
	if err == nil || errors.Is(err, ErrFull) {
		return err
	}
	for _, full := range []error{berrors.ErrMaxSizeReached, syscall.ENOSPC, syscall.EDQUOT} {
		if textOf(err, full) {
			return fmt.Errorf("%w: %v", ErrFull, err)
		}
	}
	return err
}

func textOf(err, target error) bool {
	return errors.Is(err, target) || strings.Contains(err.Error(), target.Error())
}
