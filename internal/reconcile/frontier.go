package reconcile

import (
	"bytes"
	"slices"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Frontier is what a node holds, kept log by log, so that a change of one log
// costs the same however many there are. Its 256 parts are the logs with the
// same first byte; what is copied of one shows one moment, as a part is written
// anew when it changes. The zero Frontier is empty. It is not safe for
// concurrent use.
type Frontier struct {
	parts [256]frontierPart
	n     int
}

type frontierPart struct {
	heads []Changed // by ascending log
	sum   *[32]byte // nil: not summed up since the last change, or empty
}

// Changed is a head and when it last changed.
type Changed struct {
	wire.LogHead
	Gen uint64
}

func (p *frontierPart) find(log ct.LogID) (int, bool) {
	return slices.BinarySearchFunc(p.heads, log, func(c Changed, l ct.LogID) int { return bytes.Compare(c.Log[:], l[:]) })
}

// Set takes a head, changed at gen; false: it is the one that is there.
func (f *Frontier) Set(h wire.LogHead, gen uint64) bool {
	p := &f.parts[h.Log[0]]
	i, ok := p.find(h.Log)
	switch {
	case ok && p.heads[i].LogHead == h:
		return false
	case ok:
		p.heads = slices.Clone(p.heads)
		p.heads[i] = Changed{h, gen}
	default:
		p.heads = slices.Insert(slices.Clip(p.heads), i, Changed{h, gen})
		f.n++
	}
	p.sum = nil
	return true
}

// Remove takes out a log; false: it is not there.
func (f *Frontier) Remove(log ct.LogID) bool {
	p := &f.parts[log[0]]
	i, ok := p.find(log)
	if ok {
		p.heads = slices.Delete(slices.Clone(p.heads), i, i+1)
		p.sum = nil
		f.n--
	}
	return ok
}

// Head is that of a log; of one that is not there it is empty.
func (f *Frontier) Head(log ct.LogID) wire.LogHead {
	p := &f.parts[log[0]]
	if i, ok := p.find(log); ok {
		return p.heads[i].LogHead
	}
	return wire.LogHead{Log: log}
}

// Len is the number of logs.
func (f *Frontier) Len() int { return f.n }

// Digest is wire.FrontierDigest of all heads.
func (f *Frontier) Digest() [32]byte {
	var sums [256]*[32]byte
	for i := range f.parts {
		p := &f.parts[i]
		if len(p.heads) == 0 {
			continue
		}
		if p.sum == nil {
			sum := wire.PartDigest(headsOf(nil, p.heads, 0))
			p.sum = &sum
		}
		sums[i] = p.sum
	}
	return wire.FrontierSum(&sums)
}

// Since gives the heads that changed at gen or later, by ascending log.
func (f *Frontier) Since(gen uint64) []wire.LogHead {
	var out []wire.LogHead
	if gen == 0 {
		out = make([]wire.LogHead, 0, f.n)
	}
	for i := range f.parts {
		out = headsOf(out, f.parts[i].heads, gen)
	}
	return out
}

func headsOf(out []wire.LogHead, in []Changed, gen uint64) []wire.LogHead {
	for i := range in {
		if in[i].Gen >= gen {
			out = append(out, in[i].LogHead)
		}
	}
	return out
}
