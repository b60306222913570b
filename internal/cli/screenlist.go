package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/herald-net/herald/internal/format/text"
	"github.com/herald-net/herald/internal/format/unlist"
	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/node/ct"
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
	switch {
	case err != nil && err != io.EOF:
		return fmt.Errorf("read %s: %w", name, err)
	case first == '<':
		err = l.un(r)
	case first == '{' || first == 0:
		err = l.lines(r)
	default:
		return usagef("%s:1: a list is XML of the UN or JSON lines, this is neither", name)
	}
	if err = errors.Join(err, l.writing.Wait()); err != nil {
		return err
	}
	if l.rejected > maxTold {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: and %d more rejected\n", name, l.rejected-maxTold)
	}
	if l.rejected > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d accepted, %d rejected\n", name, l.accepted, l.rejected)
	}
	if l.accepted == 0 {
		return usagef("%s: no person in it that could be read", name)
	}
	return nil
}

type listLoader struct {
	cmd                *cobra.Command
	x                  *index.Index
	name               string
	strict             bool
	accepted, rejected int
	changes            []index.Change
	writing            errgroup.Group // indexes the batch before, while this one is read
}

// listBatch persons go to the index together. Two of them are held, as read.
const listBatch = 20_000

func (l *listLoader) reject(line int, reason string) error {
	if l.rejected++; l.strict {
		return usagef("%s:%d: rejected: %s", l.name, line, safe(reason))
	}
	if l.rejected <= maxTold {
		fmt.Fprintf(l.cmd.ErrOrStderr(), "%s:%d: rejected: %s\n", l.name, line, safe(reason))
	}
	return nil
}

func (l *listLoader) add(id string, line int, p *ct.Person) error {
	l.accepted++
	l.changes = append(l.changes, index.Change{Ref: refOf(id, line), Person: p})
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

func (l *listLoader) un(r io.Reader) error {
	res, err := unlist.Read(r, func(e unlist.Entry) error { return l.add(unID(&e), e.Line, &e.Person) })
	if err != nil {
		return fmt.Errorf("%s: %w", l.name, err)
	}
	for _, j := range res.Rejections {
		if err := l.reject(j.Line, j.Reason); err != nil {
			return err
		}
	}
	l.rejected += res.Rejected - len(res.Rejections)
	return l.flush()
}

// unID is the list's permanent reference number, or the number of the data set.
func unID(e *unlist.Entry) string {
	for _, x := range e.Person.ExternalRefs {
		if x.System == "un" && x.Value != "" {
			return x.Value
		}
	}
	return e.DataID
}

// lines reads JSON lines in batches, decoded on all cores.
func (l *listLoader) lines(r *text.Reader) error {
	type item struct {
		raw   []byte
		line  int
		entry ct.ListPerson
		err   error
	}
	const batchSize = 4096
	for more := true; more; {
		batch := make([]item, 0, batchSize)
		for more && len(batch) < batchSize {
			raw, line, err := r.Line()
			switch {
			case err == io.EOF:
				more = false
			case errors.Is(err, text.ErrLongLine):
				batch = append(batch, item{line: line, err: err})
			case err != nil:
				return fmt.Errorf("read %s: %w", l.name, err)
			case len(bytes.TrimSpace(raw)) > 0:
				batch = append(batch, item{raw: bytes.Clone(raw), line: line})
			}
		}
		err := eachInParallel(l.cmd.Context(), len(batch), func(i int) error {
			if b := &batch[i]; b.err == nil {
				b.entry, b.err = ct.DecodeListEntry(b.raw)
			}
			return nil
		})
		for i := range batch {
			b := &batch[i]
			switch {
			case err != nil:
			case b.err != nil:
				err = l.reject(b.line, reasonOf(b.err))
			default:
				err = l.add(b.entry.ID, b.line, &b.entry.Person)
			}
		}
		if err != nil {
			return err
		}
	}
	return l.flush()
}

// reasonOf leaves out the line that a decoder counts within one line.
func reasonOf(err error) string {
	var bad *ct.SyntaxError
	if !errors.As(err, &bad) {
		return err.Error()
	}
	if bad.Field != "" {
		return bad.Field + ": " + bad.Problem
	}
	return fmt.Sprintf("column %d: %s", bad.Column, bad.Problem)
}
