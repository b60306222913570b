package feed

import (
	"sync"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// Bounds of what is kept opened for all tails.
const (
	openedRecords = 1024
	openedBytes   = 16 << 20 // of bodies
)

// content is what a body says. Readers share it and change nothing in it.
type content struct {
	entry      ct.Entry // its contents alone
	unreadable string
	size       int
}

// opened keeps the contents of the newest records while somebody tails, so that
// a thousand tails open each body once. What may be shown of them is judged for
// each reader anew.
type opened struct {
	mu    sync.Mutex
	tails int
	by    map[ct.ID]*content
	order []ct.ID // the oldest first; some are dropped already
	bytes int
}

func (o *opened) tail(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tails += n; o.tails == 0 {
		o.by, o.order, o.bytes = nil, nil, 0
	}
}

func (o *opened) get(id ct.ID) *content {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.by[id]
}

func (o *opened) put(id ct.ID, c *content) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.by[id]; ok || o.tails == 0 {
		return
	}
	if o.by == nil {
		o.by = map[ct.ID]*content{}
	}
	o.by[id], o.order, o.bytes = c, append(o.order, id), o.bytes+c.size
	for len(o.order) > openedRecords || o.bytes > openedBytes {
		o.drop(o.order[0])
		o.order = o.order[1:]
	}
}

// forget drops what may not be shown any more.
func (o *opened) forget(id ct.ID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop(id)
}

func (o *opened) drop(id ct.ID) {
	if c, ok := o.by[id]; ok {
		o.bytes -= c.size
		delete(o.by, id)
	}
}

// newestFor is how long what was read of the newest rows serves others.
const newestFor = time.Second

// newest keeps what was last read near the end of the store: all tails that
// keep up ask for the same. Whatever hides a record is an arrival, after which
// it is read anew.
type newest struct {
	mu          sync.Mutex
	after, last uint64
	at          time.Time
	rows        []store.Row // read by many, changed by nobody
}

// read gives the rows after a cursor, at most readChunk, without bodies.
func (f *Feed) read(after uint64) ([]store.Row, error) {
	last := f.cfg.Store.Last()
	if last <= after || last-after > readChunk {
		return f.cfg.Store.Read(after, readChunk, false)
	}
	n := &f.newest
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.after == after && n.last == last && time.Since(n.at) < newestFor {
		return n.rows, nil
	}
	rows, err := f.cfg.Store.Read(after, readChunk, false)
	if err == nil {
		n.after, n.last, n.at, n.rows = after, last, time.Now(), rows
	}
	return rows, err
}

// openRows gives rows that were read without bodies their bodies, or, in its
// place in the answer, the content that is kept of it.
func (f *Feed) openRows(rows []store.Row) ([]*content, error) {
	kept := make([]*content, len(rows))
	var closed []store.Row
	var which []int
	for i := range rows {
		r := &rows[i]
		for _, ref := range r.Header.Refs { // a retraction, perhaps
			f.opened.forget(ref.ID)
		}
		switch kept[i] = f.opened.get(r.ID); {
		case r.BodyState != store.BodyHeld || !r.HiddenBy.IsZero():
			f.opened.forget(r.ID)
			kept[i] = nil
		case kept[i] == nil:
			closed, which = append(closed, *r), append(which, i)
		}
	}
	if len(closed) == 0 {
		return kept, nil
	}
	if err := f.cfg.Store.OpenRows(closed); err != nil {
		return nil, err
	}
	for k, i := range which {
		r := &closed[k]
		rows[i] = *r
		if r.BodyState != store.BodyHeld || r.Inadmissible != "" {
			continue
		}
		kept[i] = &content{size: len(r.Body)}
		shown := ct.Entry{Kind: ct.Kind(r.Header.Kind), Topic: ct.Topic(r.Header.Topic), Priority: ct.Priority(r.Header.Priority),
			TLP: ct.TLP(r.Header.TLP), Audience: ct.Audience(r.Header.Audience), Expires: r.Header.Expires}
		kept[i].unreadable = open(r, &shown)
		kept[i].entry = shown
		f.opened.put(r.ID, kept[i])
	}
	return kept, nil
}

// fill gives an entry its content.
func (c *content) fill(e *ct.Entry) string {
	e.Notification, e.Retraction, e.Release = c.entry.Notification, c.entry.Retraction, c.entry.Release
	e.Addresses, e.Delegation, e.Renewal, e.Closing = c.entry.Addresses, c.entry.Delegation, c.entry.Renewal, c.entry.Closing
	return c.unreadable
}
