package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/herald-net/herald/internal/format/unlist"
	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/node/ct"
	"github.com/spf13/cobra"
)

// maxTold bounds the rejected lines named on stderr; the count is whole.
const maxTold = 20

// loadList fills a throw-away index from a list of either form and tells on
// stderr what was not accepted.
func loadList(cmd *cobra.Command, x *index.Index, path string) error {
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
	r := bufio.NewReaderSize(counted{in, bar}, ct.MaxJSON+2)
	l := &listLoader{cmd: cmd, x: x, name: name}
	first, err := firstByte(r)
	switch {
	case err != nil && err != io.EOF:
		return fmt.Errorf("read %s: %w", name, err)
	case first == '<':
		err = l.un(r)
	default:
		err = l.lines(r)
	}
	if err != nil {
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

// firstByte looks at the first byte that is neither blank nor a byte order
// mark; 0 when there is none within the first 64 bytes.
func firstByte(r *bufio.Reader) (byte, error) {
	head, err := r.Peek(64)
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(head) == 0 {
		return 0, err
	}
	return head[0], nil
}

type listLoader struct {
	cmd                *cobra.Command
	x                  *index.Index
	name               string
	accepted, rejected int
	changes            []index.Change
}

func (l *listLoader) reject(line int, reason string) {
	if l.rejected++; l.rejected <= maxTold {
		fmt.Fprintf(l.cmd.ErrOrStderr(), "%s:%d: rejected: %s\n", l.name, line, safe(reason))
	}
}

func (l *listLoader) add(id string, line int, p *ct.Person) error {
	l.accepted++
	l.changes = append(l.changes, index.Change{Ref: refOf(id, line), Person: p})
	if len(l.changes) < index.MaxChanges {
		return nil
	}
	return l.flush()
}

func (l *listLoader) flush() error {
	if err := l.cmd.Context().Err(); err != nil {
		return err
	}
	err := l.x.Update(index.Cursors{}, l.changes)
	l.changes = l.changes[:0]
	return err
}

// refOf keeps entries apart that share an id; idOfRef takes the line off again.
func refOf(id string, line int) string { return fmt.Sprintf("%s\x00%d", id, line) }

func idOfRef(ref string) string {
	id, _, _ := strings.Cut(ref, "\x00")
	return id
}

func (l *listLoader) un(r io.Reader) error {
	res, err := unlist.Read(r, func(e unlist.Entry) error {
		id := e.DataID
		for _, x := range e.Person.ExternalRefs {
			if x.System == "un" {
				id = cmp.Or(x.Value, id)
				break
			}
		}
		return l.add(id, e.Line, &e.Person)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", l.name, err)
	}
	for _, j := range res.Rejections {
		l.reject(j.Line, j.Reason)
	}
	l.rejected += res.Rejected - len(res.Rejections)
	return l.flush()
}

// lines reads JSON lines in batches, decoded on all cores.
func (l *listLoader) lines(r *bufio.Reader) error {
	type item struct {
		raw   []byte
		line  int
		entry ct.ListPerson
		err   error
	}
	const batchSize = 4096
	line, more := 0, true
	for more {
		batch := make([]item, 0, batchSize)
		for more && len(batch) < batchSize {
			raw, err := readLine(r)
			if err == io.EOF {
				more = false
			} else if err != nil && !errors.Is(err, errLongLine) {
				return fmt.Errorf("read %s: %w", l.name, err)
			}
			line++
			if line == 1 {
				raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
			}
			if errors.Is(err, errLongLine) {
				batch = append(batch, item{line: line, err: err})
			} else if len(bytes.TrimSpace(raw)) > 0 {
				batch = append(batch, item{raw: bytes.Clone(raw), line: line})
			}
		}
		err := eachInParallel(l.cmd.Context(), len(batch), func(i int) error {
			if b := &batch[i]; b.err == nil {
				b.entry, b.err = ct.DecodeListEntry(b.raw)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i := range batch {
			b := &batch[i]
			if b.err != nil {
				l.reject(b.line, reasonOf(b.err))
			} else if err := l.add(b.entry.ID, b.line, &b.entry.Person); err != nil {
				return err
			}
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

var errLongLine = fmt.Errorf("line of more than %d bytes", ct.MaxJSON)

// readLine gives the next line without its end; io.EOF comes with the last
// one. A line that does not fit is read over.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return bytes.TrimRight(line, "\r\n"), err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	return nil, errLongLine
}
