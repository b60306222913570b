package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/format/people"
	"github.com/herald-net/herald/internal/format/text"
	"github.com/herald-net/herald/internal/index"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// maxTold bounds the rejected lines named on stderr; the count is whole.
const maxTold = 20

// loadList fills a throw-away index from a list of either form and tells on
// stderr what was not accepted.
func loadList(cmd *cobra.Command, x *index.Index, path string, strict bool) error {
	in, name, err := openInput(cmd, path)
	if err != nil {
		return err
	}
	defer in.Close()
	size := int64(-1)
	if f, ok := in.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			size = st.Size()
		}
	}
	bar := newByteProgress(cmd, size, "reading list")
	defer bar.done()
	r, err := openText(counted{in, bar}, name)
	if err != nil {
		return err
	}
	l := &listLoader{cmd: cmd, x: x, name: name, strict: strict}
	first, err := r.First()
	if err != nil && err != io.EOF {
		return fmt.Errorf("read %s: %w", name, err)
	}
	form := people.Form(first)
	if form == "" {
		return usagef("%s:1: a list is XML of the UN or persons in JSON, this is neither", name)
	}
	err = l.read(r, form)
	if err = errors.Join(err, l.writing.Wait()); err != nil {
		return err
	}
	if max(l.rejected, l.left, l.unread) > maxTold {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: at most %d lines of a kind are shown\n", name, maxTold)
	}
	if l.rejected+l.left+l.unread > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d accepted, %d rejected, values left out %d, not compared %d\n", name, l.accepted, l.rejected, l.left, l.unread)
	}
	if l.accepted == 0 {
		return usagef("%s: no person in it that could be read", name)
	}
	return nil
}

type listLoader struct {
	cmd      *cobra.Command
	x        *index.Index
	name     string
	strict   bool
	accepted int
	rejected int
	left     int // values left out
	unread   int // values not compared, or not fully
	changes  []index.Change
	writing  errgroup.Group // indexes the batch before, while this one is read
}

// listBatch persons go to the index together. Two of them are held, as read.
const listBatch = 20_000

// add takes one entry, or tells why it is none, and what was left out of it.
func (l *listLoader) add(e people.Entry) error {
	tell := func(n *int, line int, what string) error {
		if *n++; l.strict {
			return usagef("%s:%d: %s", l.name, line, safe(what))
		}
		if *n <= maxTold {
			fmt.Fprintf(l.cmd.ErrOrStderr(), "%s:%d: %s\n", l.name, line, safe(what))
		}
		return nil
	}
	if e.Fault != "" {
		return tell(&l.rejected, e.Line, "rejected: "+e.Fault)
	}
	for _, left := range e.Left {
		n := &l.left
		if left.Kept {
			n = &l.unread
		}
		if err := tell(n, left.Line, leftOut(left.Kept)+": "+left.Field+": "+left.Why); err != nil {
			return err
		}
	}
	l.accepted++
	l.changes = append(l.changes, index.Change{Ref: refOf(e.ID, e.Line), Person: &e.Person})
	if len(l.changes) < listBatch {
		return nil
	}
	return l.flush()
}

// flush begins to index what was read.
func (l *listLoader) flush() error {
	if err := errors.Join(l.writing.Wait(), l.cmd.Context().Err()); err != nil {
		return err
	}
	changes := l.changes
	l.changes = make([]index.Change, 0, listBatch)
	l.writing.Go(func() error { return l.x.Update(index.Cursors{}, changes) })
	return nil
}

// refOf keeps entries apart that share an id; idOfRef takes the line off again.
func refOf(id string, line int) string { return fmt.Sprintf("%s\x00%d", id, line) }

func idOfRef(ref string) string {
	id, _, _ := strings.Cut(ref, "\x00")
	return id
}

// read takes the rows in batches, decoded on all cores. Rows of one id that
// follow one another are one person; others are compared each by itself.
func (l *listLoader) read(r *text.Reader, form string) error {
	const batchSize = 4096
	now := time.Now()
	var persons people.Joiner
	var batch []people.Row
	take := func() error {
		entries := make([]people.Entry, len(batch))
		err := eachInParallel(l.cmd.Context(), len(batch), func(i int) error {
			entries[i] = batch[i].Decode(now)
			return nil
		})
		batch = batch[:0]
		for _, e := range entries {
			if whole, ok := persons.Add(e); ok && err == nil {
				err = l.add(whole)
			}
		}
		return err
	}
	account, err := people.Rows(r, form, func(row people.Row) error {
		row.Keep()
		if batch = append(batch, row); len(batch) < batchSize {
			return nil
		}
		return take()
	})
	if err != nil {
		return fmt.Errorf("%s: %w", l.name, err)
	}
	if err := take(); err != nil {
		return err
	}
	if e, ok := persons.Last(); ok {
		if err := l.add(e); err != nil {
			return err
		}
	}
	l.rejected += account.Unnamed
	return l.flush()
}
