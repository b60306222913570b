// Package store keeps what a node holds, in bbolt files of one data directory:
//
//	log.db    headers, signatures, heads, arrival order, retractions, fork proofs; no personal data, kept
//	keys.db   one salt a record; erasing a body is deleting its salt and rewriting this small file
//	body.db   bodies, each sealed under a key that derives from the storage key, its salt and its record
//	local.db  what only this node knows (see Local)
//	lists.db  the State's own lists, likewise
//
// Records enter by Append, already verified and in the order of their logs; a
// commit goes keys and body, side by side, then log: that is the acknowledgement.
// What a crash leaves in the first two without the third is no part of the
// store and goes at the next Open. Nothing is ever written without fsync.
//
// The package does not judge records, reorder them or talk to anybody; it
// does not hold the derived index (package index).
package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/node/ct"
)

// Config says where a store lies and whose it is.
type Config struct {
	Dir     string       // data directory; the files stand directly in it
	Key     keys.Storage // seals bodies and local values
	Network ct.NetworkID // a store belongs to one network
	Log     *slog.Logger // nil: slog.Default()
	Topics  ct.TopicSet  // whose bodies are kept and wanted; zero: all. Headers are always kept
	MaxSize int64        // bytes of used pages in each file; 0: as much as the disk holds
	Ballast int64        // bytes of the ballast, see KeepBallast; 0: none
	Rules   uint32       // version of the rules by which its user judges content; 0: it judges none. See JudgeAgain
	Large   uint64       // pages above which the leaves of a file are proved while it is in use (ProvePages); 0: 64 MiB of them
}

// Errors of the package. Each is wrapped with the file and the directory.
var (
	ErrInUse    = errors.New("in use by another process")
	ErrNotFound = errors.New("not in the store")
	ErrFull     = errors.New("no space left for the store")
	ErrFormat   = errors.New("not a herald store of this version")
	ErrNetwork  = errors.New("store of another network")
	ErrKey      = errors.New("sealed under another storage key")
	ErrDamaged  = errors.New("file is damaged")
	ErrClosed   = errors.New("store is closed")

	// ErrStopped: after a failed fsync nobody knows what the disk holds, and
	// the next one may report lost pages as written. Only a restart helps.
	ErrStopped = errors.New("a commit failed with unknown outcome, restart the node")
)

// Store is an open data directory. Its methods may be called from any
// goroutine; writers take turns.
type Store struct {
	cfg  Config
	log  *slog.Logger
	seal sealer

	// The files. log.db is opened first and closed last: its lock guards the directory.
	logDB, keysDB, bodyDB *file
	local, lists          *Local

	disk *disk

	whole sync.Mutex // held while a file is read or rewritten as a whole, but keys.db; taken before w

	w    sync.Mutex // held by the one method that writes records
	shut bool       // guarded by w

	recent recentHidings // guarded by w

	remains bool // guarded by w: disowned records have left salts and bodies

	mu      sync.RWMutex
	logs    map[ct.LogID]*logEntry // values are replaced, never changed
	byNum   []*logEntry            // index: local number - 1
	last    uint64                 // newest cursor
	changes uint64                 // of heads, since the store was opened
	changed chan struct{}          // closed and replaced at each commit
	closed  chan struct{}          // closed by Close

	judging Judging // guarded by mu

	reborn ct.Millis // when log.db was made anew, see rebuild.go; 0: never

	lost    lostBodies
	rot     lostBodies // records whose entry in log.db is not what was written
	unsound rotation
}

// Create makes the files of a new store. It refuses a directory that holds
// one, and keeps the other files of a directory whose log.db is gone when they
// are of the same network and key: local.db and lists.db exist nowhere else.
func Create(cfg Config) error {
	if err := MakeDir(cfg.Dir); err != nil {
		return fmt.Errorf("create store: %w", err)
	}
	if _, err := os.Stat(filepath.Join(cfg.Dir, logSpec.name)); err == nil {
		return fmt.Errorf("create store: %s already holds a store", cfg.Dir)
	}
	for _, spec := range specs {
		path := filepath.Join(cfg.Dir, spec.name)
		if _, err := os.Stat(path); err == nil {
			f, err := openFile(&cfg, spec)
			if err != nil {
				return fmt.Errorf("create store: keep %s: %w", path, err)
			}
			if err := f.close(); err != nil {
				return fmt.Errorf("create store: keep %s: %w", path, err)
			}
			continue
		}
		if err := createFile(&cfg, spec, 0); err != nil {
			return fmt.Errorf("create store: %w", err)
		}
	}
	return nil
}

// Open opens the store of a directory and finishes what a crash interrupted.
func Open(cfg Config) (_ *Store, err error) {
	s := &Store{cfg: cfg, log: cfg.Log, changed: make(chan struct{}), closed: make(chan struct{})}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.log = s.log.With("component", "store")
	s.disk = &disk{dir: cfg.Dir, size: cfg.Ballast, log: s.log}
	defer func() {
		if err != nil {
			_ = s.closeFiles()
			err = fmt.Errorf("open store: %w", err)
		}
	}()
	if s.seal, err = newSealer(cfg.Key); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		at   **file
		spec *fileSpec
	}{{&s.logDB, &logSpec}, {&s.keysDB, &keysSpec}, {&s.bodyDB, &bodySpec}} {
		if *f.at, err = openFile(&cfg, f.spec); err != nil {
			return nil, err
		}
	}
	if s.local, err = openLocal(&cfg, &localSpec); err != nil {
		return nil, err
	}
	if s.lists, err = openLocal(&cfg, &listsSpec); err != nil {
		return nil, err
	}
	for _, f := range s.files() {
		f.disk = s.disk
	}
	if err = s.loadHeads(); err != nil {
		if errors.Is(err, ErrDamaged) {
			err = &damagedFile{logSpec.name, err}
		}
		return nil, err
	}
	if err = s.loadReborn(); err != nil {
		return nil, err
	}
	if err = s.loadRecent(); err != nil {
		return nil, err
	}
	if err = s.loadJudging(); err != nil {
		return nil, err
	}
	s.disk.find(time.Now())
	if err = s.finish(); err != nil {
		return nil, err
	}
	return s, nil
}

// FileBytes is what the files of records take on the disk.
func (s *Store) FileBytes() (n int64) {
	for _, f := range []*file{s.logDB, s.keysDB, s.bodyDB} {
		if info, err := os.Stat(f.path); err == nil {
			n += info.Size()
		}
	}
	return n
}

// Topics are those whose bodies this store keeps.
func (s *Store) Topics() ct.TopicSet { return s.cfg.Topics }

// finish removes what a crash left and finishes an erasure. Neither keeps the
// store from serving, so a full disk does not keep it shut: what is left has
// no header or a tombstone, and the next Erase or Open tries again.
func (s *Store) finish() error {
	left := []string{filepath.Join(s.disk.dir, ballastFile), filepath.Join(s.disk.dir, lastFile)}
	for _, f := range s.files() {
		left = append(left, f.path)
	}
	for _, path := range left {
		if err := os.Remove(path + ".new"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	err := s.prune()
	if err == nil {
		err = s.finishErase()
	}
	if errors.Is(err, ErrFull) {
		s.log.Warn("what a crash left is not yet removed", "error", err)
		return nil
	}
	return err
}

// Close waits for running calls and closes the files. Wait returns ErrClosed.
func (s *Store) Close() error {
	s.w.Lock()
	defer s.w.Unlock()
	if s.shut {
		return nil
	}
	s.shut = true
	close(s.closed)
	if err := s.closeFiles(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

func (s *Store) closeFiles() error {
	var errs []error
	for _, l := range []*Local{s.lists, s.local} {
		if l != nil {
			errs = append(errs, l.file.close())
		}
	}
	for _, f := range []*file{s.bodyDB, s.keysDB, s.logDB} {
		if f != nil {
			errs = append(errs, f.close())
		}
	}
	return errors.Join(errs...)
}

// Local is the store of what only this node knows.
func (s *Store) Local() *Local { return s.local }

// Lists is the store of the imported lists.
func (s *Store) Lists() *Local { return s.lists }

// files are those of an open store, the largest last.
func (s *Store) files() []*file {
	return []*file{s.keysDB, s.local.file, s.lists.file, s.bodyDB, s.logDB}
}

// millis is the local time of an entry: when a retraction came in.
func millis() ct.Millis { return ct.MillisOf(time.Now()) }
