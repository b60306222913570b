package torture

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// sector is the most that a disk writes in one piece, in bytes.
const sector = 512

// block is the unit in which contents are kept here, in bytes.
const block = 4096

// content is a file's bytes; a block that is missing is all zeros. Blocks are
// shared and never changed.
type content struct {
	blocks map[int64][]byte
	size   int64
}

func (c *content) clone() *content {
	out := &content{blocks: make(map[int64][]byte, len(c.blocks)), size: c.size}
	for k, v := range c.blocks {
		out.blocks[k] = v
	}
	return out
}

func (c *content) write(off int64, data []byte) {
	c.size = max(c.size, off+int64(len(data)))
	for len(data) > 0 {
		n, at := off/block, off%block
		b := make([]byte, block)
		copy(b, c.blocks[n])
		done := copy(b[at:], data)
		c.blocks[n] = b
		off, data = off+int64(done), data[done:]
	}
}

func (c *content) truncate(size int64) {
	for n, b := range c.blocks {
		switch {
		case n*block >= size:
			delete(c.blocks, n)
		case (n+1)*block > size:
			cut := make([]byte, block)
			copy(cut, b[:size-n*block])
			c.blocks[n] = cut
		}
	}
	c.size = size
}

func (c *content) save(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = f.Truncate(c.size)
	for n, b := range c.blocks {
		if err != nil {
			break
		}
		_, err = f.WriteAt(b[:min(block, c.size-n*block)], n*block)
	}
	return errors.Join(err, f.Close())
}

// disk is what is surely on a disk, and what may or may not be.
type disk struct {
	files   map[int]*content
	dirs    map[int]map[string]int
	pending []*event // not yet synced, in order
	isDir   map[int]bool

	// noSync leaves out syncs, as a disk that lies does: the control that
	// shows that the judge sees what is lost.
	noSync func(e *event, isDir bool) bool
}

func newDisk(isDir map[int]bool, noSync func(*event, bool) bool) *disk {
	return &disk{files: map[int]*content{}, dirs: map[int]map[string]int{0: {}}, isDir: isDir, noSync: noSync}
}

// syncedBy is the file or directory whose sync makes an event durable.
func (e *event) syncedBy() int {
	if e.kind == evLink || e.kind == evUnlink {
		return e.dir
	}
	return e.node
}

// step lets the disk see one more event.
func (d *disk) step(e *event) {
	if e.void {
		return
	}
	switch e.kind {
	case evMark:
	case evSync:
		if d.noSync != nil && d.noSync(e, d.isDir[e.node]) {
			return
		}
		d.pending = slices.DeleteFunc(d.pending, func(p *event) bool {
			if p.syncedBy() != e.node || p.ended == 0 || p.ended >= e.began {
				return false
			}
			apply(d.files, d.dirs, p, nil)
			return true
		})
	default:
		d.pending = append(d.pending, e)
	}
}

// apply does an event; of a write only the sectors that keep allows.
func apply(files map[int]*content, dirs map[int]map[string]int, e *event, keep func(int64) bool) {
	file := func() *content {
		if files[e.node] == nil {
			files[e.node] = &content{blocks: map[int64][]byte{}}
		}
		return files[e.node]
	}
	dir := func(id int) map[string]int {
		if dirs[id] == nil {
			dirs[id] = map[string]int{}
		}
		return dirs[id]
	}
	switch e.kind {
	case evWrite:
		for at := int64(0); at < int64(len(e.data)); {
			n := min(sector-(e.off+at)%sector, int64(len(e.data))-at)
			if keep == nil {
				n = int64(len(e.data))
			}
			if keep == nil || keep(at/sector) {
				file().write(e.off+at, e.data[at:at+n])
			}
			at += n
		}
	case evTruncate:
		file().truncate(e.size)
	case evLink:
		if e.from != "" {
			delete(dir(e.dir), e.from)
		}
		dir(e.dir)[e.name] = e.node
	case evUnlink:
		delete(dir(e.dir), e.name)
	}
}

// image is one state in which a power cut may leave a disk.
type image struct {
	files map[int]*content
	dirs  map[int]map[string]int
	isDir map[int]bool
	what  string // which of the pending events are in it
}

// cut draws an image: what is durable, and of the rest any part, in any order,
// the last of it torn.
func (d *disk) cut(rng *rand.Rand) *image {
	m := &image{files: map[int]*content{}, dirs: map[int]map[string]int{}, isDir: d.isDir}
	for id, c := range d.files {
		m.files[id] = c
	}
	for id, entries := range d.dirs {
		m.dirs[id] = make(map[string]int, len(entries))
		for name, node := range entries {
			m.dirs[id][name] = node
		}
	}
	chosen := d.choose(rng)
	cloned := map[int]bool{}
	for i, e := range chosen {
		if id := e.node; (e.kind == evWrite || e.kind == evTruncate) && !cloned[id] {
			if m.files[id] != nil {
				m.files[id] = m.files[id].clone()
			}
			cloned[id] = true
		}
		var keep func(int64) bool
		if i == len(chosen)-1 && e.kind == evWrite {
			keep = tear(rng, len(e.data))
		}
		apply(m.files, m.dirs, e, keep)
	}
	m.what = fmt.Sprintf("%d of %d unsynced events", len(chosen), len(d.pending))
	return m
}

// choose draws a part of the pending events, some or all, in or out of order.
func (d *disk) choose(rng *rand.Rand) []*event {
	var out []*event
	share := rng.Float64()
	switch rng.IntN(8) {
	case 0:
		share = 1
	case 1:
		share = 0
	}
	for _, e := range d.pending {
		if rng.Float64() < share {
			out = append(out, e)
		}
	}
	if rng.IntN(2) == 0 {
		rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		// The order of names in one directory stays: a file system's journal
		// keeps it, and without it a name could point to what no longer is.
		var names []*event
		var at []int
		for i, e := range out {
			if e.kind == evLink || e.kind == evUnlink {
				names, at = append(names, e), append(at, i)
			}
		}
		slices.SortFunc(names, func(a, b *event) int { return cmp.Compare(a.ended, b.ended) })
		for i, e := range names {
			out[at[i]] = e
		}
	}
	return out
}

// tear says which sectors of the last write are on the disk: none after some
// place, or any.
func tear(rng *rand.Rand, size int) func(int64) bool {
	sectors := int64(size+2*sector) / sector
	if rng.IntN(2) == 0 {
		until := rng.Int64N(sectors + 1)
		return func(n int64) bool { return n < until }
	}
	in := make([]bool, sectors+1)
	for i := range in {
		in[i] = rng.IntN(2) == 0
	}
	return func(n int64) bool { return in[n] }
}

// save writes the image below a directory.
func (m *image) save(path string) error { return m.saveDir(0, path) }

func (m *image) saveDir(id int, path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	for name, node := range m.dirs[id] {
		p := filepath.Join(path, name)
		var err error
		if m.isDir[node] {
			err = m.saveDir(node, p)
		} else if c := m.files[node]; c != nil {
			err = c.save(p)
		} else {
			err = (&content{}).save(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
