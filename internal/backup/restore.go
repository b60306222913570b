package backup

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// Restored is what a restore made, or what a verification found.
type Restored struct {
	Head      Head
	Report    store.Report
	Retracted int // bodies erased because their retraction's grace is over
	Expired   int // bodies erased because they have expired
}

// Verify restores a backup into a directory beside it, examines every record
// there, and removes it again. Room for the whole store is needed.
func Verify(ctx context.Context, path string, k Keys, progress func(done, total int64)) (_ Restored, err error) {
	dir := path + ".verify"
	if err := os.RemoveAll(dir); err != nil {
		return Restored{}, fmt.Errorf("verify backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return Restored{}, fmt.Errorf("verify backup: %w", err)
	}
	r, _, err := unpack(ctx, path, dir, k, progress)
	return r, err
}

// Restore makes the data directory dir of a backup. The directory must be
// empty or missing, and stays so until all is done: what was unpacked is
// examined wholly, bodies whose retraction has run out its grace and those that
// have expired are erased, and the store is marked, so that the node asks most
// States how far they know its log before it signs.
func Restore(ctx context.Context, path, dir string, k Keys, now time.Time, progress func(done, total int64)) (Restored, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	switch held, err := os.ReadDir(dir); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return Restored{}, fmt.Errorf("restore: %w", err)
	case len(held) > 0:
		return Restored{}, fmt.Errorf("restore: %s: %w: name a new one", dir, ErrNotEmpty)
	}
	// A killed restore leaves this and nothing else; the next one begins anew.
	tmp := filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".restoring")
	if err := os.RemoveAll(tmp); err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	if err := store.MakeDir(tmp); err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	r, cfg, err := unpack(ctx, path, tmp, k, progress)
	if err == nil {
		err = settle(cfg, &r, now)
	}
	if err == nil {
		err = syncDir(tmp)
	}
	if err == nil {
		// An empty directory is in the way of the rename; one that is not
		// empty any more stays, and is an error.
		if err = os.Remove(dir); err == nil || errors.Is(err, os.ErrNotExist) {
			err = os.Rename(tmp, dir)
		}
	}
	if err != nil {
		_ = os.RemoveAll(tmp)
		return r, fmt.Errorf("restore: %w", err)
	}
	if err := syncDir(filepath.Dir(dir)); err != nil {
		return r, fmt.Errorf("restore: %w", err)
	}
	return r, nil
}

// unpack makes the files of a backup in an empty directory and examines them.
func unpack(ctx context.Context, path, dir string, k Keys, progress func(done, total int64)) (r Restored, cfg store.Config, err error) {
	f, err := os.Open(path)
	if err != nil {
		return r, cfg, err
	}
	defer f.Close()
	in := io.Reader(f)
	if progress != nil {
		info, err := f.Stat()
		if err != nil {
			return r, cfg, err
		}
		in = io.TeeReader(f, &meter{w: io.Discard, total: info.Size(), tell: progress})
	}
	if r.Head, cfg, err = unpackFrom(ctx, in, dir, k); err != nil {
		return r, cfg, fmt.Errorf("%s: %w", path, err)
	}
	if r.Report, err = store.Check(cfg); err != nil {
		return r, cfg, fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case !r.Report.OK():
		p := r.Report.Problems[0]
		return r, cfg, fmt.Errorf("%s: the store in it has %d problems, the first: %s: %s", path, len(r.Report.Problems)+r.Report.More, p.File, p.What)
	case uint64(r.Report.Records) != r.Head.Records:
		return r, cfg, fmt.Errorf("%s: %w: %d records, not %d", path, ErrDamaged, r.Report.Records, r.Head.Records)
	}
	return r, cfg, nil
}

func unpackFrom(ctx context.Context, r io.Reader, dir string, k Keys) (Head, store.Config, error) {
	cfg := store.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)}
	head, rawHead, err := readHead(r)
	if err != nil {
		return head, cfg, err
	}
	if err := matches(head, k); err != nil {
		return head, cfg, err
	}
	main, inner, err := streams(k, rawHead)
	if err != nil {
		return head, cfg, err
	}
	in := newOpenReader(main, withContext{ctx, r})
	for _, name := range fileNames {
		if err := unpackFile(in, dir, name); err != nil {
			return head, cfg, err
		}
	}
	if cfg.Key, err = keys.LoadStorage(filepath.Join(dir, "storage.key")); err != nil {
		return head, cfg, err
	}
	cfg.Network = head.Network
	for _, part := range store.Parts() {
		b := &blockReader{r: in}
		content := io.Reader(b)
		if aead := inner[part]; aead != nil {
			content = newOpenReader(aead, b)
		}
		if err := store.Import(cfg, part, content); err != nil {
			return head, cfg, err
		}
	}
	if n, err := in.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return head, cfg, ErrDamaged
	}
	return head, cfg, nil
}

func matches(h Head, k Keys) error {
	c, err := check(k.Backup, h.Salt)
	if err != nil {
		return err
	}
	if !hmac.Equal(c, h.KeyCheck) {
		return ErrKey
	}
	if c, err = check(k.Generation, h.Salt); err != nil {
		return err
	}
	if !hmac.Equal(c, h.GenerationCheck) {
		return fmt.Errorf("%w: it is of generation %s", ErrGeneration, h.Generation)
	}
	return nil
}

func unpackFile(in io.Reader, dir, name string) error {
	content, err := io.ReadAll(io.LimitReader(&blockReader{r: in}, maxFile+1))
	switch {
	case err != nil:
		return err
	case len(content) > maxFile:
		return ErrDamaged
	case len(content) == 0 && name == "herald.toml": // an embedder's node has none
		return nil
	case name == "herald.toml":
		content = storageKeyHere(content)
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// storageKeyHere makes a configuration name the storage key that was restored
// with it: the place that the old one named may be on another machine.
func storageKeyHere(config []byte) []byte {
	lines := strings.Split(string(config), "\n")
	for i, line := range lines {
		if key, _, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == "storage_key_file" {
			lines[i] = `storage_key_file = "storage.key"`
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

// settle does what time has done since the backup, and marks the store.
func settle(cfg store.Config, r *Restored, now time.Time) (err error) {
	raw, err := os.ReadFile(filepath.Join(cfg.Dir, "genesis.json"))
	if err != nil {
		return err
	}
	genesis, err := roster.ParseGenesis(raw)
	if err != nil {
		return err
	}
	view, err := roster.New(genesis)
	if err != nil {
		return err
	}
	if view.Network() != cfg.Network {
		return ErrDamaged
	}
	s, err := store.Open(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for {
		refs, err := s.DueRetractions(now, view.Policy().RetractGrace, store.MaxBatch)
		if err != nil {
			return err
		}
		if len(refs) == 0 {
			break
		}
		if err := s.Erase(refs, store.BodyRetracted); err != nil {
			return err
		}
		r.Retracted += len(refs)
	}
	refs, err := expired(s, now, view.Policy().MaxRetention)
	if err != nil {
		return err
	}
	if err := s.Erase(refs, store.BodyExpired); err != nil {
		return err
	}
	r.Expired = len(refs)
	if err := mark(s.Local(), now); err != nil {
		return err
	}
	j, err := journal.Open(s.Local(), cfg.Key)
	if err != nil {
		return err
	}
	_, err = j.Append(journal.Entry{Act: journal.ActRestore, Time: ct.MillisOf(now), Outcome: "backup of " + r.Head.Created.String()})
	return err
}

// expired names the records whose body is past its time. Root logs hold no
// person and must stay readable: their bodies say who may speak.
func expired(s *store.Store, now time.Time, retention time.Duration) ([]ct.Ref, error) {
	var refs []ct.Ref
	for after := uint64(0); ; {
		rows, err := s.Read(after, 5000, false)
		if err != nil || len(rows) == 0 {
			return refs, err
		}
		for i := range rows {
			row := &rows[i]
			after = row.Cursor
			alive := row.BodyState == store.BodyHeld || row.BodyState == store.BodyMissing
			if alive && !row.Root && row.Ends(retention) < ct.MillisOf(now) {
				refs = append(refs, ct.Ref{Log: row.Header.Log, Seq: row.Header.Seq, ID: row.ID})
			}
		}
	}
}

// withContext stops reading when its context ends.
type withContext struct {
	ctx context.Context
	io.Reader
}

func (w withContext) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.Reader.Read(p)
}
