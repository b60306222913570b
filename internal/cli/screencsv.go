package cli

import (
	"errors"
	"io"
	"strings"

	"github.com/herald-net/herald/internal/format/text"
)

// encoding/csv holds a record of any size and reads an unclosed quote to the
// end of the file. Here a row is bounded, and a fault costs one row.

const maxRowLines = 8 // of a value in quotes that goes over line ends

const (
	faultOpenQuote = "a quote that is not closed"
	faultAfterEnd  = "something stands behind a closing quote"
)

// commaOf guesses what divides the columns from the header line.
func commaOf(head string) byte {
	best := byte(',')
	for _, c := range []byte{';', '\t', '|'} {
		if strings.Count(head, string(c)) > strings.Count(head, string(best)) {
			best = c
		}
	}
	return best
}

// csvRows gives the rows of a text.
type csvRows struct {
	r     *text.Reader
	comma byte
	again []csvLine // lines that were read ahead in vain
}

type csvLine struct {
	raw  []byte
	n    int
	long bool
}

func (c *csvRows) line() (csvLine, error) {
	if len(c.again) > 0 {
		l := c.again[0]
		c.again = c.again[1:]
		return l, nil
	}
	raw, n, err := c.r.Line()
	if errors.Is(err, text.ErrLongLine) {
		return csvLine{n: n, long: true}, nil
	}
	return csvLine{raw: raw, n: n}, err
}

// next gives the values of the next row and its first line. With a fault they
// are what could be read of it. The only errors are io.EOF and those of reading.
func (c *csvRows) next() (fields []string, line int, fault string, err error) {
	first, err := c.line()
	if err != nil {
		return nil, 0, "", err
	}
	if first.long {
		return nil, first.n, text.ErrLongLine.Error(), nil
	}
	fields, open, fault := splitRow(first.raw, c.comma)
	if !open {
		return fields, first.n, fault, nil
	}
	// A value in quotes goes on in the next lines. When they do not end it, it
	// was a stray quote, and they are rows of their own.
	row := append([]byte{}, first.raw...)
	var ahead []csvLine
	for len(ahead) < maxRowLines && len(row) <= text.MaxLine {
		l, err := c.line()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, 0, "", err
		}
		l.raw = append([]byte{}, l.raw...)
		ahead = append(ahead, l)
		if l.long {
			break
		}
		row = append(append(row, '\n'), l.raw...)
		if whole, open, fault := splitRow(row, c.comma); !open {
			return whole, first.n, fault, nil
		}
	}
	c.again = append(ahead, c.again...)
	return fields, first.n, faultOpenQuote, nil
}

// splitRow takes a row apart. A value that begins with a quote ends with one,
// and holds quotes doubled; in any other a quote is a character. open: the
// last value is in quotes and has not ended.
func splitRow(row []byte, comma byte) (fields []string, open bool, fault string) {
	s := strings.TrimPrefix(string(row), "\ufeff") // files that were put together
	for {
		v := strings.TrimLeft(s, " ")
		if !strings.HasPrefix(v, `"`) {
			i := strings.IndexByte(s, comma)
			if i < 0 {
				return append(fields, s), false, fault
			}
			fields, s = append(fields, s[:i]), s[i+1:]
			continue
		}
		var value strings.Builder
		v = v[1:]
		for {
			i := strings.IndexByte(v, '"')
			if i < 0 {
				value.WriteString(v)
				return append(fields, value.String()), true, faultOpenQuote
			}
			value.WriteString(v[:i])
			if v = v[i+1:]; !strings.HasPrefix(v, `"`) {
				break
			}
			value.WriteByte('"')
			v = v[1:]
		}
		fields = append(fields, value.String())
		i := strings.IndexByte(v, comma)
		rest := v
		if i >= 0 {
			rest = v[:i]
		}
		if strings.TrimSpace(rest) != "" {
			fault = faultAfterEnd
		}
		if i < 0 {
			return fields, false, fault
		}
		s = v[i+1:]
	}
}
