package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// bbolt trusts its pages: one rotten number makes it read outside the file, in
// part in goroutines of its own where nobody can recover. checkPages proves
// beforehand that every page it will follow lies in the file, is what it is
// taken for, is reached once, and holds its keys in order. What values say is
// the business of Check.
//
// Of a large file it reads the branches, one page in a hundred: that all leaves
// lie in the file, are reached once and are not free, so that opening it can
// neither run off nor overwrite anything. The leaves are read while the store
// is in use (ProvePages), and what one does to bbolt meanwhile, guard catches.
//
// The format is that of bbolt 1.x (magic 0xED0CDAED, version 2), in the byte
// order of the machine.

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2
	boltNoList  = ^uint64(0) // the list of free pages is not written

	pageBranch = 0x01
	pageLeaf   = 0x02
	pageFree   = 0x10

	pageHeader   = 16 // id 8, flags 2, count 2, overflow 4
	branchElem   = 16 // pos 4, ksize 4, page 8
	leafElem     = 16 // flags 4, pos 4, ksize 4, vsize 4
	bucketHeader = 16 // page 8, sequence 8
	leafBucket   = 0x01

	maxPageDepth = 64
)

// largeFile is the number of pages above which a file counts as large: 64 MiB.
const largeFile = 16 << 10

var native = binary.NativeEndian

// pageCheck walks one file.
type pageCheck struct {
	f       io.ReaderAt
	size    int64 // of a page
	end     uint64
	seen    pageSet // pages reached
	unread  pageSet // leaves that only their branch is known of
	shallow bool    // reads branches, and of the leaves under one the first
	walk    *leafWalk
	header  [pageHeader]byte
	buffers [maxPageDepth + 1][]byte
}

// pageSet is a set of pages, a bit each.
type pageSet []uint64

func (s pageSet) has(id uint64) bool { return s[id/64]&(1<<(id%64)) != 0 }
func (s pageSet) add(id uint64)      { s[id/64] |= 1 << (id % 64) }

// CheckPages proves the pages of a bbolt file that is not in use; ErrDamaged.
func CheckPages(path string) error { return checkPages(path, largeFile) }

// checkPages reads branches alone of a file of more than large pages, unless it
// is suspect.
func checkPages(path string, large uint64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	suspect := isSuspect(path)
	if suspect {
		large = 1 << 63
	}
	if err := checkPagesOf(f, info.Size(), large); err != nil {
		return fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
	if suspect {
		return os.Remove(path + SuspectSuffix)
	}
	return nil
}

func checkPagesOf(f io.ReaderAt, fileSize int64, large uint64) error {
	m, err := newestMeta(f, fileSize)
	if err != nil {
		return err
	}
	c := &pageCheck{f: f, size: int64(m.pageSize), end: m.end}
	// Without a list of free pages bbolt itself reads every page to make one.
	c.shallow = m.end > large && m.free != boltNoList
	if c.end > uint64(fileSize/c.size) {
		return fmt.Errorf("%d pages are used, the file has %d", c.end, fileSize/c.size)
	}
	c.seen, c.unread = make(pageSet, c.end/64+1), make(pageSet, c.end/64+1)
	c.seen[0] = 1<<0 | 1<<1 // the meta pages
	if _, err := c.tree(m.root, 0, nil, nil); err != nil {
		return err
	}
	if m.free == boltNoList {
		return nil
	}
	return c.freeList(m.free)
}

type boltMeta struct {
	pageSize              uint32
	root, free, end, txid uint64
}

// newestMeta finds the meta page in force: a torn one does not count.
func newestMeta(f io.ReaderAt, fileSize int64) (boltMeta, error) {
	var found []boltMeta
	first := make([]byte, pageHeader+64)
	if _, err := f.ReadAt(first, 0); err != nil {
		return boltMeta{}, err
	}
	m0, ok0 := decodeMeta(first)
	if ok0 {
		found = append(found, m0)
	}
	// The second one is a page further; its own number confirms the size.
	for size := int64(1 << 10); size <= 1<<16 && size+int64(len(first)) <= fileSize; size <<= 1 {
		b := make([]byte, len(first))
		if _, err := f.ReadAt(b, size); err != nil {
			return boltMeta{}, err
		}
		if m, ok := decodeMeta(b); ok && int64(m.pageSize) == size && (!ok0 || m.pageSize == m0.pageSize) {
			found = append(found, m)
		}
	}
	switch {
	case len(found) == 0:
		return boltMeta{}, errors.New("no meta page is sound")
	case len(found) > 1 && found[1].txid > found[0].txid:
		return found[1], nil
	}
	return found[0], nil
}

func decodeMeta(b []byte) (m boltMeta, ok bool) {
	meta := b[pageHeader:]
	sum := fnv.New64a()
	sum.Write(meta[:56])
	// The page's own header does not count: bbolt does not ask it, and must be
	// judged by the meta that it will use.
	if native.Uint32(meta) != boltMagic || native.Uint32(meta[4:]) != boltVersion ||
		native.Uint64(meta[56:]) != sum.Sum64() {
		return m, false
	}
	m = boltMeta{
		pageSize: native.Uint32(meta[8:]), root: native.Uint64(meta[16:]),
		free: native.Uint64(meta[32:]), end: native.Uint64(meta[40:]), txid: native.Uint64(meta[48:]),
	}
	return m, m.pageSize >= 1<<10 && m.pageSize <= 1<<16 && m.pageSize&(m.pageSize-1) == 0
}

// page reads a page with its overflow, once.
func (c *pageCheck) page(id uint64, depth int) ([]byte, error) {
	if depth > maxPageDepth {
		return nil, errors.New("pages are nested too deeply")
	}
	if id < 2 || id >= c.end {
		return nil, fmt.Errorf("page %d is not in use", id)
	}
	b := c.buffers[depth]
	if b == nil {
		b = make([]byte, c.size)
	}
	b = b[:c.size]
	if _, err := c.f.ReadAt(b, int64(id)*c.size); err != nil {
		return nil, err
	}
	more := uint64(native.Uint32(b[12:]))
	if native.Uint64(b) != id || more >= c.end-id {
		return nil, fmt.Errorf("page %d is not what it should be", id)
	}
	for i := id; i <= id+more; i++ {
		if c.seen.has(i) {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		c.seen.add(i)
	}
	if more > 0 {
		size := c.size * int64(more+1)
		if int64(cap(b)) < size {
			b = make([]byte, size)
		}
		b = b[:size]
		if _, err := c.f.ReadAt(b, int64(id)*c.size); err != nil {
			return nil, err
		}
	}
	c.buffers[depth] = b
	return b, nil
}

// tree checks the page and all below it, and tells its kind. Keys lie in
// [low, high); nil: no bound.
func (c *pageCheck) tree(id uint64, depth int, low, high []byte) (kind uint16, err error) {
	b, err := c.page(id, depth)
	if err != nil {
		return 0, err
	}
	switch kind = native.Uint16(b[8:]); kind {
	case pageLeaf:
		if c.walk != nil {
			c.walk.left--
		}
		err = c.leaf(b, depth, low, high)
	case pageBranch:
		err = c.branch(b, depth, low, high)
	default:
		err = errors.New("it is neither branch nor leaf")
	}
	if err != nil {
		return 0, fmt.Errorf("page %d: %w", id, err)
	}
	return kind, nil
}

// mark notes a leaf without reading it.
func (c *pageCheck) mark(id uint64) error {
	if id < 2 || id >= c.end {
		return fmt.Errorf("page %d is not in use", id)
	}
	if c.seen.has(id) {
		return fmt.Errorf("page %d is used twice", id)
	}
	c.seen.add(id)
	c.unread.add(id)
	return nil
}

func (c *pageCheck) branch(b []byte, depth int, low, high []byte) error {
	n := int(native.Uint16(b[10:]))
	if n == 0 || pageHeader+n*branchElem > len(b) {
		return fmt.Errorf("%d branches", n)
	}
	key := func(i int) ([]byte, error) {
		at := pageHeader + i*branchElem
		return part(b, at, native.Uint32(b[at:]), native.Uint32(b[at+4:]))
	}
	from, err := key(0)
	if err != nil {
		return err
	}
	leaves := false
	for i := range n {
		to := high
		if i+1 < n {
			if to, err = key(i + 1); err != nil {
				return err
			}
		}
		if !ordered(low, from, high) || to != nil && bytes.Compare(from, to) >= 0 {
			return errors.New("keys are out of order")
		}
		child := native.Uint64(b[pageHeader+i*branchElem+8:])
		switch {
		case leaves:
			err = c.mark(child)
		case c.walk.passes(to):
		case c.walk.ends(from):
			return nil
		default:
			var kind uint16
			kind, err = c.tree(child, depth+1, from, to)
			leaves = c.shallow && kind == pageLeaf // all leaves of a tree are equally deep
		}
		if err != nil {
			return err
		}
		from = to
	}
	return nil
}

// leafWalk reads the leaves of one bucket in parts.
type leafWalk struct {
	from []byte // key from which on leaves are read
	left int    // how many still are
	next []byte // where the next part begins; nil: there is none
}

// passes tells that what lies before a key has been read.
func (w *leafWalk) passes(to []byte) bool {
	return w != nil && to != nil && bytes.Compare(to, w.from) <= 0
}

// ends tells that the part ends before a key.
func (w *leafWalk) ends(from []byte) bool {
	if w == nil || w.left > 0 {
		return false
	}
	if w.next == nil {
		w.next = bytes.Clone(from)
	}
	return true
}

// leaf checks a leaf page: one of its own, or one inside a bucket's value.
func (c *pageCheck) leaf(b []byte, depth int, low, high []byte) error {
	n := int(native.Uint16(b[10:]))
	if pageHeader+n*leafElem > len(b) {
		return fmt.Errorf("%d entries", n)
	}
	var last []byte
	for i := range n {
		at := pageHeader + i*leafElem
		pos, ksize, vsize := native.Uint32(b[at+4:]), native.Uint32(b[at+8:]), native.Uint32(b[at+12:])
		k, err := part(b, at, pos, ksize)
		if err != nil {
			return err
		}
		v, err := part(b, at+len(k), pos, vsize)
		if err != nil {
			return err
		}
		if !ordered(low, k, high) || i > 0 && bytes.Compare(last, k) >= 0 {
			return errors.New("keys are out of order")
		}
		last = k
		if native.Uint32(b[at:])&leafBucket != 0 {
			if err := c.bucket(v, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *pageCheck) bucket(v []byte, depth int) error {
	if len(v) < bucketHeader {
		return fmt.Errorf("bucket of %d bytes", len(v))
	}
	if root := native.Uint64(v); root != 0 {
		_, err := c.tree(root, depth+1, nil, nil)
		return err
	}
	inline := v[bucketHeader:]
	if len(inline) < pageHeader || native.Uint16(inline[8:]) != pageLeaf || depth >= maxPageDepth {
		return errors.New("a small bucket is no leaf")
	}
	return c.leaf(inline, depth+1, nil, nil)
}

// freeList checks that no page is both free and in use: it would be
// overwritten.
func (c *pageCheck) freeList(id uint64) error {
	b, err := c.page(id, 0)
	if err != nil {
		return fmt.Errorf("free list: %w", err)
	}
	if native.Uint16(b[8:]) != pageFree {
		return errors.New("the free list is none")
	}
	ids, n := b[pageHeader:], uint64(native.Uint16(b[10:]))
	if n == 0xFFFF {
		if len(ids) < 8 {
			return errors.New("the free list is cut")
		}
		ids, n = ids[8:], native.Uint64(ids)
	}
	if n > uint64(len(ids)/8) {
		return fmt.Errorf("the free list of %d pages is cut", n)
	}
	for i := range n {
		free := native.Uint64(ids[i*8:])
		if free < 2 || free >= c.end || c.seen.has(free) {
			return fmt.Errorf("page %d is free and in use", free)
		}
		if err := c.overflows(free); err != nil {
			return err
		}
		c.seen.add(free)
	}
	return nil
}

// overflows checks that a free page is no part of an unread leaf before it,
// which may be several pages long. A page that is free or read ends it.
func (c *pageCheck) overflows(free uint64) error {
	head := free - 1
	for !c.seen.has(head) {
		head--
	}
	if !c.unread.has(head) {
		return nil
	}
	b := c.header[:]
	if _, err := c.f.ReadAt(b, int64(head)*c.size); err != nil {
		return err
	}
	if native.Uint64(b) != head || uint64(native.Uint32(b[12:])) >= free-head {
		return fmt.Errorf("page %d is free and in use", free)
	}
	return nil
}

// freePages is how long the list of free pages is that a file's newest commit
// has written; 0: it has written none.
func freePages(path string) (uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	m, err := newestMeta(f, info.Size())
	if err != nil || m.free == boltNoList {
		return 0, err
	}
	b := make([]byte, pageHeader+8)
	if _, err := f.ReadAt(b, int64(m.free)*int64(m.pageSize)); err != nil {
		return 0, err
	}
	if n := uint64(native.Uint16(b[10:])); n != 0xFFFF {
		return n, nil
	}
	return native.Uint64(b[pageHeader:]), nil
}

func ordered(low, k, high []byte) bool {
	return (low == nil || bytes.Compare(low, k) <= 0) && (high == nil || bytes.Compare(k, high) < 0)
}

// part is size bytes at pos after the element at at.
func part(b []byte, at int, pos, size uint32) ([]byte, error) {
	from := uint64(at) + uint64(pos)
	if to := from + uint64(size); to <= uint64(len(b)) {
		return b[from:to:to], nil
	}
	return nil, errors.New("an entry lies outside of its page")
}
