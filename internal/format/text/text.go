// Package text reads text files as people save them: UTF-8 with or without a
// byte order mark, UTF-16 with one, line ends of any system. Lines are bounded:
// one that is too long is read over, told, and the next one is given.
package text

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// MaxLine is the most bytes of a line.
const MaxLine = 64 << 10

// ErrLongLine tells of a line that was read over.
var ErrLongLine = fmt.Errorf("a line of more than %d bytes", MaxLine)

// Binary is a file that is no text. What says which kind it looks like, in the
// words of who sees it.
type Binary struct{ What string }

func (b *Binary) Error() string { return "not a text file: " + b.What }

// Reader gives the text as UTF-8, whole or by lines.
type Reader struct {
	*bufio.Reader
	line int
	fed  bool // the last line ended with a carriage return: a line feed belongs to it
}

// NewReader looks at the beginning of r; the error is a *Binary, or r's own.
func NewReader(r io.Reader) (*Reader, error) {
	in := bufio.NewReaderSize(r, MaxLine+2)
	const mark = "\xef\xbb\xbf"
	begun := func(head []byte) bool { // it may be the beginning of a mark
		return len(head) < 3 && (strings.HasPrefix(mark, string(head)) || string(head) == "\xff" || string(head) == "\xfe")
	}
	head, err := peek(in, func(head []byte) bool { return !begun(head) })
	for err == nil && bytes.HasPrefix(head, []byte(mark)) { // programs that add one to one that is there
		if _, err := in.Discard(len(mark)); err != nil {
			return nil, err
		}
		head, err = peek(in, func(head []byte) bool { return !begun(head) })
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		decode := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()
		return NewReader(transform.NewReader(in, decode))
	}
	if what := binary(head); what != "" {
		return nil, &Binary{what}
	}
	return &Reader{Reader: in}, nil
}

// peek gives what is there, at least as much as is enough or 512 bytes: a
// program that asks and waits has sent no more.
func peek(r *bufio.Reader, enough func([]byte) bool) (head []byte, err error) {
	for n := 1; n <= 512; n++ {
		if head, err = r.Peek(n); err != nil {
			return head, err
		}
		head, _ = r.Peek(min(r.Buffered(), 512))
		if enough(head) {
			break
		}
		n = len(head)
	}
	return head, nil
}

// binary recognises what people give by mistake.
func binary(head []byte) string {
	for _, k := range []struct{ begins, what string }{
		{"\x1f\x8b", "it is packed with gzip: unpack it first"},
		{"PK\x03\x04", "it is a spreadsheet or a zip file: save the sheet as CSV in UTF-8, or unpack it"},
		{"\xd0\xcf\x11\xe0", "it is an old office document: save it as CSV in UTF-8"},
		{"%PDF", "it is a PDF"},
	} {
		if bytes.HasPrefix(head, []byte(k.begins)) {
			return k.what
		}
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return "it holds zero bytes: save it as UTF-8"
	}
	return ""
}

// First is the first byte that is no blank, 0 when there is none within the
// first 512 bytes. Nothing is taken.
func (r *Reader) First() (byte, error) {
	const blanks = " \t\r\n"
	head, err := peek(r.Reader, func(head []byte) bool { return len(bytes.TrimLeft(head, blanks)) > 0 })
	head = bytes.TrimLeft(head, blanks)
	if len(head) == 0 {
		return 0, err
	}
	return head[0], nil
}

// Line gives the next line without its end (a line feed, a carriage return or
// both), and its number from 1. It is good until the next call. io.EOF comes
// alone, after the last line; ErrLongLine with the number of the line read over.
func (r *Reader) Line() (line []byte, n int, err error) {
	long, seen := false, 0
	for {
		head, err := r.Peek(max(r.Buffered(), seen+1))
		if r.fed && len(head) > 0 { // the second half of an end of two bytes
			r.fed = false
			if head[0] == '\n' {
				if _, err := r.Discard(1); err != nil {
					return nil, r.line, err
				}
				continue
			}
		}
		end := bytes.IndexByte(head[seen:], '\n')
		if cr := bytes.IndexByte(head[seen:][:max(end, 0)], '\r'); cr >= 0 {
			end = cr
		} else if end < 0 {
			end = bytes.IndexByte(head[seen:], '\r')
		}
		switch {
		case end >= 0:
			end += seen
			r.fed = head[end] == '\r'
			line, seen = head[:end], end+1
		case err == nil && len(head) <= MaxLine:
			seen = len(head)
			continue
		case err == nil: // too long: read over it
			long, seen = true, 0
			if _, err := r.Discard(len(head)); err != nil {
				return nil, r.line, err
			}
			continue
		case err != io.EOF:
			return nil, r.line, err
		case len(head) == 0 && !long:
			return nil, r.line, io.EOF
		default:
			line, seen = head, len(head) // the last line has no end
		}
		r.line++
		if _, err := r.Discard(seen); err != nil {
			return nil, r.line, err
		}
		if long || len(line) > MaxLine {
			return nil, r.line, ErrLongLine
		}
		return line, r.line, nil
	}
}

// Bytes gives a whole file as UTF-8, as NewReader does; the error is a *Binary.
func Bytes(file []byte) ([]byte, error) {
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
