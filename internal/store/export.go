package store

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// Parts are the names of the files that an Export holds, in the order in which
// it is best written: the small ones, whose rewriting waits for the reader, first.
func Parts() []string {
	return []string{keysSpec.name, localSpec.name, listsSpec.name, bodySpec.name, logSpec.name}
}

// Export is all that a store holds at one moment, while the store goes on. It
// pins pages, so that the files grow by what is written meanwhile: take it,
// write it, close it. Bodies are not compacted before it is closed.
type Export struct {
	Cursor  uint64 // newest arrival in it
	Records uint64 // of all logs
	Size    int64  // bytes of the files' used pages: more than what is written

	s   *Store
	txs map[string]*exportTx
}

type exportTx struct {
	f  *file
	tx *bbolt.Tx
}

// Export opens an export. There is one at a time; a second one waits.
func (s *Store) Export() (_ *Export, err error) {
	s.whole.Lock()
	e := &Export{s: s, txs: make(map[string]*exportTx)}
	defer func() {
		if err != nil {
			e.Close()
			err = fmt.Errorf("export store: %w", err)
		}
	}()
	// No record is being written: the three files of records are of one moment. local.db
	// and lists.db are of the moment before: what they list as not yet done may be done.
	s.w.Lock()
	defer s.w.Unlock()
	for _, f := range []*file{s.local.file, s.lists.file, s.keysDB, s.bodyDB, s.logDB} {
		f.mu.RLock() // until the part is written: the handle stays
		if f.db == nil {
			f.mu.RUnlock()
			return nil, ErrClosed
		}
		tx, err := f.db.Begin(false)
		if err != nil {
			f.mu.RUnlock()
			return nil, err
		}
		e.txs[f.spec.name] = &exportTx{f, tx}
		e.Size += tx.Size()
	}
	e.Cursor = s.Last()
	for _, h := range s.Heads() {
		e.Records += h.Size
	}
	return e, nil
}

// Close ends the export.
func (e *Export) Close() {
	for name := range e.txs {
		e.end(name)
	}
	if e.s != nil {
		e.s.whole.Unlock()
		e.s = nil
	}
}

func (e *Export) end(name string) {
	if t := e.txs[name]; t != nil {
		_ = t.tx.Rollback() // of a reading transaction: cannot fail
		t.f.mu.RUnlock()
		delete(e.txs, name)
	}
}

// An exported file is a sequence of entries: 'B' begins a bucket, 'S' one
// inside it, each with the length of its name (2) and the name; 'V' is a value
// with the lengths of key (2) and value (4), key and value; 'E' with the number
// of values (8) is the end. Free pages are not in it: nothing that was deleted is.
const (
	exportBucket = 'B'
	exportSub    = 'S'
	exportValue  = 'V'
	exportEnd    = 'E'
)

// maxExportValue bounds one value: those of local.db are the largest.
const maxExportValue = MaxLocal + 1<<10

// Write writes one part and ends it. Memory does not grow with the store.
func (e *Export) Write(ctx context.Context, part string, w io.Writer) error {
	t := e.txs[part]
	if t == nil {
		return fmt.Errorf("export %s: %w", part, ErrClosed)
	}
	defer e.end(part)
	if err := ctx.Err(); err != nil {
		return wrap("export "+part, err)
	}
	x := exportWriter{ctx: ctx, w: bufio.NewWriterSize(w, 64<<10)}
	err := guard(func() error {
		return t.tx.ForEach(func(name []byte, b *bbolt.Bucket) error { return x.bucket(exportBucket, name, b) })
	})
	if err == nil {
		err = x.put([]byte{exportEnd}, u64(x.values))
	}
	if err == nil {
		err = x.w.Flush()
	}
	return wrap("export "+part, err)
}

type exportWriter struct {
	ctx    context.Context
	w      *bufio.Writer
	values uint64
}

func (x *exportWriter) put(parts ...[]byte) error {
	for _, p := range parts {
		if _, err := x.w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

func (x *exportWriter) bucket(op byte, name []byte, b *bbolt.Bucket) error {
	head := binary.BigEndian.AppendUint16([]byte{op}, uint16(len(name)))
	if err := x.put(head, name); err != nil {
		return err
	}
	c := b.Cursor()
	var subs [][]byte
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if v == nil {
			subs = append(subs, k)
			continue
		}
		if x.values++; x.values%1024 == 0 && x.ctx.Err() != nil {
			return x.ctx.Err()
		}
		head := binary.BigEndian.AppendUint16([]byte{exportValue}, uint16(len(k)))
		head = binary.BigEndian.AppendUint32(head, uint32(len(v)))
		if err := x.put(head, k, v); err != nil {
			return err
		}
	}
	for _, sub := range subs {
		if op == exportSub {
			return fmt.Errorf("%w: buckets are nested too deeply", ErrDamaged)
		}
		if err := x.bucket(exportSub, sub, b.Bucket(sub)); err != nil {
			return err
		}
	}
	return nil
}

// Import makes the file of one part in a directory where it is missing. It
// checks the form and whose file it is; Check examines what the files say.
func Import(cfg Config, part string, r io.Reader) error {
	spec := specOf(part)
	if spec == nil {
		return fmt.Errorf("import: %w: no part is called %q", ErrFormat, part)
	}
	f := &file{spec: spec, path: filepath.Join(cfg.Dir, spec.name)}
	if _, err := os.Lstat(f.path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("import: %s is there already", f.path)
	}
	tmp := f.path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("import: %w", err)
	}
	var err error
	if f.db, err = f.openBolt(tmp, false); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	in := importer{f: f, r: bufio.NewReaderSize(r, 64<<10)}
	err = guard(in.run)
	if err == nil {
		err = f.view(func(tx *bbolt.Tx) error { return checkMeta(tx, &cfg, spec) })
	}
	if err := errors.Join(err, f.close()); err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("import %s: %w", part, fullOr(err))
	}
	return wrap("import "+part, install(tmp, f.path))
}

func specOf(name string) *fileSpec {
	for _, spec := range specs {
		if spec.name == name {
			return spec
		}
	}
	return nil
}

type importer struct {
	f      *file
	r      *bufio.Reader
	path   [][]byte // of the bucket that values go to
	values uint64
}

// run reads entries in steps, each a transaction of bounded size.
func (in *importer) run() error {
	for more := true; more; {
		err := in.f.update(func(tx *bbolt.Tx) (err error) {
			more, err = in.step(tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	if _, err := in.r.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows its end", ErrFormat)
	}
	return nil
}

func (in *importer) step(tx *bbolt.Tx) (more bool, err error) {
	b, err := in.open(tx)
	if err != nil {
		return false, err
	}
	for size := 0; size < copyStep; {
		op, err := in.r.ReadByte()
		if err != nil {
			return false, cut(err)
		}
		switch op {
		case exportEnd:
			n, err := in.take(8)
			if err == nil && binary.BigEndian.Uint64(n) != in.values {
				err = fmt.Errorf("%w: %d values, not %d", ErrFormat, in.values, binary.BigEndian.Uint64(n))
			}
			return false, err
		case exportBucket, exportSub:
			name, err := in.name()
			if err != nil {
				return false, err
			}
			if op == exportBucket {
				in.path = [][]byte{name}
			} else if len(in.path) > 0 {
				in.path = [][]byte{in.path[0], name}
			}
			if b, err = in.open(tx); err != nil {
				return false, err
			}
		case exportValue:
			k, v, err := in.value()
			if err == nil && b == nil {
				err = fmt.Errorf("%w: a value stands in no bucket", ErrFormat)
			}
			if err == nil {
				err = b.Put(k, v)
			}
			if err != nil {
				return false, err
			}
			size += len(k) + len(v)
			in.values++
		default:
			return false, fmt.Errorf("%w: entry of kind %d", ErrFormat, op)
		}
	}
	return true, nil
}

// open gives the bucket that values go to; nil before the first.
func (in *importer) open(tx *bbolt.Tx) (b *bbolt.Bucket, err error) {
	for i, name := range in.path {
		if i == 0 {
			b, err = tx.CreateBucketIfNotExists(name)
		} else {
			b, err = b.CreateBucketIfNotExists(name)
		}
		if err != nil {
			return nil, err
		}
	}
	if b != nil {
		b.FillPercent = logFill
	}
	return b, nil
}

func (in *importer) name() ([]byte, error) {
	n, err := in.take(2)
	if err != nil {
		return nil, err
	}
	return in.take(int(binary.BigEndian.Uint16(n)))
}

func (in *importer) value() (k, v []byte, err error) {
	head, err := in.take(6)
	if err != nil {
		return nil, nil, err
	}
	nk, nv := binary.BigEndian.Uint16(head), binary.BigEndian.Uint32(head[2:])
	if nv > maxExportValue {
		return nil, nil, fmt.Errorf("%w: value of %d bytes", ErrFormat, nv)
	}
	if k, err = in.take(int(nk)); err == nil {
		v, err = in.take(int(nv))
	}
	return k, v, err
}

func (in *importer) take(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(in.r, b)
	return b, cut(err)
}

func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it is cut off", ErrFormat)
	}
	return err
}
