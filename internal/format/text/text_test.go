package text_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/herald-net/herald/internal/format/text"
)

func utf16Of(s string, big bool) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
		if big {
			out = append(out, byte(u>>8), byte(u))
		} else {
			out = append(out, byte(u), byte(u>>8))
		}
	}
	return out
}

type got struct {
	line string
	n    int
	long bool
}

func lines(r io.Reader) (out []got, err error) {
	t, err := text.NewReader(r)
	if err != nil {
		return nil, err
	}
	for {
		line, n, err := t.Line()
		switch {
		case err == io.EOF:
			return out, nil
		case errors.Is(err, text.ErrLongLine):
			out = append(out, got{"", n, true})
		case err != nil:
			return out, err
		default:
			out = append(out, got{string(line), n, false})
		}
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", text.MaxLine+1)
	fits := strings.Repeat("y", text.MaxLine)
	want := []got{{"α;β", 1, false}, {"", 2, false}, {"𐌰", 3, false}}
	for name, c := range map[string]struct {
		in   []byte
		want []got
	}{
		"utf-8":                {[]byte("α;β\n\n𐌰\n"), want},
		"with a mark":          {[]byte("\xef\xbb\xbfα;β\n\n𐌰"), want},
		"of another system":    {[]byte("α;β\r\n\r\n𐌰\r\n"), want},
		"utf-16 little endian": {utf16Of("α;β\r\n\r\n𐌰\r\n", false), want},
		"utf-16 big endian":    {utf16Of("α;β\n\n𐌰", true), want},
		"carriage returns":     {[]byte("α;β\r\r𐌰\r"), want},
		"of several systems":   {[]byte("α;β\r\n\r𐌰"), want},
		"with two marks":       {[]byte("\xef\xbb\xbf\xef\xbb\xbfα;β\n\n𐌰"), want},
		"utf-16, two marks":    {utf16Of("\ufeffα;β\r\r𐌰", false), want},
		"empty":                {nil, nil},
		"a mark alone":         {[]byte("\xef\xbb\xbf"), nil},
		"a long line":          {[]byte("a\n" + long + "\n" + fits + "\nb"), []got{{"a", 1, false}, {"", 2, true}, {fits, 3, false}, {"b", 4, false}}},
		"a long last line":     {[]byte("a\n" + long), []got{{"a", 1, false}, {"", 2, true}}},
		"not utf-8":            {[]byte("a\xff\n"), []got{{"a\xff", 1, false}}},
	} {
		for kind, r := range map[string]io.Reader{
			"": bytes.NewReader(c.in), ", in halves": iotest.HalfReader(bytes.NewReader(c.in)), ", byte by byte": iotest.OneByteReader(bytes.NewReader(c.in)),
		} {
			out, err := lines(r)
			if err != nil || !reflect.DeepEqual(out, c.want) {
				t.Errorf("%s%s: got %d lines, %v; want %d", name, kind, len(out), err, len(c.want))
			}
		}
	}
	if _, err := lines(iotest.TimeoutReader(strings.NewReader(strings.Repeat("x\n", text.MaxLine)))); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("an error of reading was lost: %v", err)
	}
}

// What is there is given before more comes.
func TestReaderDoesNotWaitForMore(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	go out.Write([]byte(" \n  a\n"))
	r, err := text.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	if first, err := r.First(); first != 'a' || err != nil {
		t.Fatalf("first: %q, %v", first, err)
	}
	for n, want := range []string{" ", "  a"} {
		if line, got, err := r.Line(); string(line) != want || got != n+1 || err != nil {
			t.Fatalf("line %d: %q, %v", got, line, err)
		}
	}
}

func TestBytes(t *testing.T) {
	for name, in := range map[string][]byte{"plain": []byte("α\r\n"), "a mark": []byte("\ufeffα\r\n"), "utf-16": utf16Of("α\r\n", true)} {
		if out, err := text.Bytes(in); err != nil || string(out) != "α\r\n" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
	var bad *text.Binary
	if _, err := text.Bytes([]byte("\x1f\x8b")); !errors.As(err, &bad) {
		t.Errorf("a packed file: %v", err)
	}
}

func TestBinary(t *testing.T) {
	for name, in := range map[string]string{
		"gzip": "\x1f\x8b\x08\x00", "zip": "PK\x03\x04\x14", "pdf": "%PDF-1.7", "office": "\xd0\xcf\x11\xe0", "zeros": "ab\x00c",
	} {
		var bad *text.Binary
		if _, err := text.NewReader(strings.NewReader(in)); !errors.As(err, &bad) || bad.What == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\nb"))
	f.Add([]byte("\xff\xfea\x00\n\x00"))
	f.Add([]byte("\xfe\xff\xd8\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := lines(bytes.NewReader(in))
		if bad := new(text.Binary); err != nil && !errors.As(err, &bad) {
			t.Fatal(err)
		}
		for i, l := range out {
			if l.n != i+1 || strings.ContainsAny(l.line, "\r\n") {
				t.Fatalf("line %d is numbered %d", i+1, l.n)
			}
		}
	})
}
