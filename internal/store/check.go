package store

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"
)

// maxProblems bounds a report; a rotten file would fill it.
const maxProblems = 1000

// Report is what Check found.
type Report struct {
	Logs, Records, Bodies, Missing, Erased, Forks int
	Disowned                                      int // headers kept as evidence, of no log any more
	Chained, Unsound                              int // held for a later signature's sake: own ones not checked, or bad
	Problems                                      []Problem
	More                                          int // problems beyond those listed
}

// Problem is one fault of one file.
type Problem struct{ File, What string }

// OK tells that nothing is wrong.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

func (r *Report) add(file, format string, args ...any) {
	if len(r.Problems) >= maxProblems {
		r.More++
		return
	}
	r.Problems = append(r.Problems, Problem{file, fmt.Sprintf(format, args...)})
}

// Check examines a store that no process uses: each file's pages, and of every
// record the chain, the signature, the commitment of the body and the indexes.
// What is wrong stands in the report; the error is for what kept it from
// looking. Nothing is written. About 20,000 records a second and core.
func Check(cfg Config) (Report, error) {
	c := checker{cfg: cfg, files: make(map[string]*file)}
	defer func() {
		for _, f := range c.files {
			_ = f.close()
		}
	}()
	var err error
	if c.seal, err = newSealer(cfg.Key); err != nil {
		return c.report, fmt.Errorf("check store: %w", err)
	}
	for _, spec := range specs {
		if err := c.open(spec); err != nil {
			return c.report, fmt.Errorf("check store: %w", err)
		}
	}
	if len(c.files) == len(specs) {
		if err := c.records(); err != nil {
			c.report.add(logSpec.name, "%v", err)
		}
		for _, spec := range []*fileSpec{&localSpec, &listsSpec} {
			if err := c.local(spec); err != nil {
				c.report.add(spec.name, "%v", err)
			}
		}
	}
	return c.report, nil
}

type checker struct {
	cfg    Config
	seal   sealer
	files  map[string]*file // those that are sound
	report Report
	sigs   []sigJob
}

// open opens a file whose pages are sound. A damaged file is a problem of the
// report; anything else that keeps it shut is an error.
func (c *checker) open(spec *fileSpec) error {
	f, err := openFileMode(&c.cfg, spec, true)
	if errors.Is(err, ErrDamaged) {
		c.report.add(spec.name, "%v", err)
		return nil
	} else if err != nil {
		return err
	}
	c.files[spec.name] = f
	return f.view(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			c.report.add(spec.name, "%v", err)
		}
		return nil
	})
}

// records examines log.db against itself and against keys.db and body.db.
func (c *checker) records() error {
	return c.files[logSpec.name].view(func(tx *bbolt.Tx) error {
		return c.files[keysSpec.name].view(func(salts *bbolt.Tx) error {
			return c.files[bodySpec.name].view(func(bodies *bbolt.Tx) error {
				r := recordCheck{
					checker: c, tx: tx, hdr: tx.Bucket([]byte(bktHdr)),
					salts: salts.Bucket([]byte(bktSalt)), bodies: bodies.Bucket([]byte(bktBody)),
				}
				return r.run()
			})
		})
	})
}

type recordCheck struct {
	*checker
	tx                 *bbolt.Tx
	hdr, salts, bodies *bbolt.Bucket
}

func (r *recordCheck) run() error {
	logs := make(map[uint32]*logEntry)
	err := r.tx.Bucket([]byte(bktLogs)).ForEach(func(k, v []byte) error {
		l, err := decodeLog(k, v)
		if err == nil {
			logs[l.num] = l
			r.report.Logs++
			r.oneLog(l)
		}
		return err
	})
	if err != nil {
		return err
	}
	r.verifySigs()
	if err := r.unproved(logs); err != nil {
		return err
	}
	if err := r.strays(logs); err != nil {
		return err
	}
	n := 0
	c := r.hdr.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		n++
		if at, err := parsePlace(k); err == nil && at.disowned() {
			r.report.Disowned++
			if h, err := decodeHeld(v); err != nil || h.state != BodyDisowned || r.salts.Get(k) != nil {
				r.report.add(logSpec.name, "a disowned record of log number %d is not what it should be", at.num())
			}
		}
	}
	if n -= r.report.Disowned; n != r.report.Records {
		r.report.add(logSpec.name, "%d headers, but the logs hold %d", n, r.report.Records)
	}
	if n := count(r.tx.Bucket([]byte(bktMissing))); n != r.report.Missing {
		r.report.add(logSpec.name, "%d bodies noted as missing, %d are", n, r.report.Missing)
	}
	return r.tx.Bucket([]byte(bktFork)).ForEach(func(k, v []byte) error {
		r.report.Forks++
		if f, err := decodeFork(k, v); err != nil || !f.proves(r.cfg.Network) {
			r.report.add(logSpec.name, "the fork proof of log %x proves nothing", k)
		}
		return nil
	})
}

func count(b *bbolt.Bucket) (n int) {
	c := b.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		n++
	}
	return n
}

// oneLog follows the chain of one log.
func (r *recordCheck) oneLog(l *logEntry) {
	next := wire.First(l.first)
	for seq := uint64(1); seq <= l.head.Size; seq++ {
		at := placeOf(l.num, seq)
		after, err := r.oneRecord(l, at, next)
		if err != nil {
			r.report.add(logSpec.name, "log %s, seq %d: %v", l.id, seq, err)
		}
		next = after
		r.report.Records++
	}
	if l.head.Size > 0 && next != l.head.Next(l.first) {
		r.report.add(logSpec.name, "log %s: its head is not the record at %d", l.id, l.head.Size)
	}
}

// oneRecord checks a record against what is due at its place, and gives what it
// says of the next.
func (r *recordCheck) oneRecord(l *logEntry, at place, due wire.Next) (wire.Next, error) {
	h, err := decodeHeld(r.hdr.Get(at[:]))
	if err != nil {
		return wire.Next{}, err
	}
	id := wire.ID(r.cfg.Network, h.header)
	header, err := wire.DecodeHeader(h.header)
	if err != nil {
		return wire.Next{}, err
	}
	switch {
	case header.Log != l.id || header.Seq != at.seq():
		err = errors.New("the header belongs elsewhere")
	case header.Prev != due.Prev:
		err = errors.New("prev does not name the record before it")
	case header.Offset < due.End:
		err = errors.New("offset does not count the records before it")
	case !bytes.Equal(r.tx.Bucket([]byte(bktArr)).Get(u64(h.cursor)), at[:]):
		err = errors.New("the arrival order does not list it")
	case h.hidden != (r.tx.Bucket([]byte(bktHidden)).Get(id[:]) != nil):
		err = errors.New("hidden and retraction disagree")
	default:
		err = r.body(&h, header, at, id)
	}
	proved, errProved := isProved(r.tx, at)
	if proved {
		r.sigs = append(r.sigs, sigJob{l.id, at, h.alg, bytes.Clone(h.header), bytes.Clone(h.sig)})
	}
	if len(r.sigs) >= MaxBatch {
		r.verifySigs()
	}
	return header.After(id, len(h.header)), errors.Join(err, errProved)
}

func (r *recordCheck) body(h *held, header *wire.Header, at place, id ct.ID) error {
	salt, sealed := r.salts.Get(at[:]), r.bodies.Get(at[:])
	switch {
	case h.state == BodyMissing:
		r.report.Missing++
		if !isMissingMark(r.tx.Bucket([]byte(bktMissing)).Get(at[:]), h, header) {
			return errors.New("its body is missing and not asked for")
		}
		return nil
	case h.state != BodyHeld:
		r.report.Erased++
		pending := r.tx.Bucket([]byte(bktErase)).Get(at[:]) != nil
		if salt != nil && !pending {
			return errors.New("erased, but its salt is still there")
		}
		return nil
	case salt == nil || sealed == nil:
		r.report.add(bodySpec.name, "record %s: the body is gone", id)
		return nil
	}
	body, err := r.seal.openBody(salt, id, sealed)
	if err != nil || wire.Commit(salt, body) != header.Commit || len(body) != int(header.BodySize) || len(body) != int(h.bodyLen) {
		r.report.add(bodySpec.name, "record %s: the body is not the one it committed to", id)
		return nil
	}
	r.report.Bodies++
	return nil
}

// strays finds what stands beside the records and names nothing that is held.
// That each record is where it should be is seen with the record.
func (r *recordCheck) strays(logs map[uint32]*logEntry) error {
	l := ledger{tx: r.tx, network: r.cfg.Network, log: func(num uint32) *logEntry { return logs[num] }}
	for _, bucket := range sweptBuckets {
		err := r.tx.Bucket([]byte(bucket)).ForEach(func(k, v []byte) error {
			if l.stray(bucket, k, v) {
				r.report.add(logSpec.name, "entry %x of %q names nothing that is held", k, bucket)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// unproved counts the records that are held for a later signature's sake: a
// later one there must be, unless a fork cut the log or a closing vouches.
func (r *recordCheck) unproved(logs map[uint32]*logEntry) error {
	examine := func(at place, last uint64) {
		switch l := logs[at.num()]; {
		case l == nil || at.seq() == 0 || last < at.seq() || last > l.head.Size: // strays names it
		case last == l.head.Size && l.head.Contested == 0 && !l.head.Closed:
			r.report.add(logSpec.name, "log %s, seq %d: no signature proves it", l.id, last)
		}
	}
	err := r.tx.Bucket([]byte(bktChained)).ForEach(func(k, v []byte) error {
		if at, last, err := parseChained(k, v); err == nil {
			examine(at, last)
			r.report.Chained += int(last - at.seq() + 1)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.tx.Bucket([]byte(bktUnsound)).ForEach(func(k, _ []byte) error {
		if at, err := parsePlace(k); err == nil {
			examine(at, at.seq())
			r.report.Unsound++
		}
		return nil
	})
}

// verifySigs verifies what has been collected, on all cores.
func (c *checker) verifySigs() {
	good := make([]bool, len(c.sigs))
	var g errgroup.Group
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		g.Go(func() error {
			for i := w; i < len(c.sigs); i += workers {
				good[i] = c.sigs[i].verify(c.cfg.Network)
			}
			return nil
		})
	}
	_ = g.Wait() // they return no error
	for i := range c.sigs {
		if !good[i] {
			c.report.add(logSpec.name, "log %s, seq %d: the signature is not its log's", c.sigs[i].log, c.sigs[i].at.seq())
		}
	}
	c.sigs = c.sigs[:0]
}

// local opens every value of local.db or lists.db.
func (c *checker) local(spec *fileSpec) error {
	l, err := newLocal(&c.cfg, c.files[spec.name])
	if err != nil {
		return err
	}
	return l.View(func(tx *LocalTx) error {
		return tx.root.ForEachBucket(func(name []byte) error {
			b := tx.root.Bucket(name)
			return b.ForEach(func(k, v []byte) error {
				if _, err := tx.open(string(name), k, v); err != nil {
					c.report.add(spec.name, "a value of bucket %s does not open", name)
				}
				return nil
			})
		})
	})
}
