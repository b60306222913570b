package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/herald-net/herald/internal/format/text"
	"github.com/herald-net/herald/node/ct"
	"github.com/spf13/cobra"
)

// maxInput bounds a file of documents that is read as a whole.
const maxInput = 256 << 20

// openInput opens a file, or the standard input for "-". The name is for
// messages.
func openInput(cmd *cobra.Command, path string) (in io.ReadCloser, name string, err error) {
	if path == "" {
		return nil, "", usagef("no input: name a file, or - for the standard input")
	}
	if path == "-" {
		return io.NopCloser(cmd.InOrStdin()), "stdin", nil
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, "", usagef("%s: no such file", path)
	}
	return f, path, err
}

func readInput(cmd *cobra.Command, path string) (data []byte, name string, err error) {
	in, name, err := openInput(cmd, path)
	if err != nil {
		return nil, "", err
	}
	defer in.Close()
	data, err = io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, name, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxInput {
		return nil, name, usagef("%s: more than %d MiB: split it", name, maxInput>>20)
	}
	return data, name, nil
}

// readText reads a file of text as UTF-8, whatever it was saved as.
func readText(cmd *cobra.Command, path string) (data []byte, name string, err error) {
	if data, name, err = readInput(cmd, path); err != nil {
		return nil, name, err
	}
	data, err = text.Bytes(data)
	if bad := new(text.Binary); errors.As(err, &bad) {
		return nil, name, usagef("%s: %v", name, bad)
	}
	return data, name, err
}

// document is one JSON value of a file that may hold several.
type document struct {
	raw          []byte
	file         string
	line, column int // of its first byte, from 1
}

// documents splits a file into its JSON values: one document, several one
// after the other (JSON lines), or the elements of one array. What a document
// must hold is for its decoder.
func documents(name string, data []byte) ([]document, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	dec := json.NewDecoder(bytes.NewReader(data))
	array := bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("["))
	if array {
		if _, err := dec.Token(); err != nil {
			return nil, err
		}
	}
	p := position{data: data, line: 1, column: 1}
	var out []document
	for !array || dec.More() {
		before := int(dec.InputOffset())
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if err == io.EOF && !array {
			break
		}
		if err != nil {
			return nil, malformed(name, data, before)
		}
		line, column := p.at(int(dec.InputOffset()) - len(raw))
		out = append(out, document{raw, name, line, column})
	}
	if array {
		if _, err := dec.Token(); err != nil { // the closing bracket
			return nil, malformed(name, data, int(dec.InputOffset()))
		}
		if _, err := dec.Token(); err != io.EOF {
			line, column := p.at(int(dec.InputOffset()))
			return nil, usagef("%s:%d:%d: something stands behind the array", name, line, column)
		}
	}
	if len(out) == 0 {
		return nil, usagef("%s: no document in it", name)
	}
	return out, nil
}

// malformed finds the place of the first fault at or behind an offset where
// well-formed JSON ended.
func malformed(name string, data []byte, from int) error {
	for from < len(data) && bytes.IndexByte([]byte(" \t\r\n,"), data[from]) >= 0 {
		from++
	}
	const cutOff = "unexpected end of JSON input" // encoding/json's text
	at, problem := len(data), cutOff
	var bad *json.SyntaxError
	if err := json.Unmarshal(data[from:], new(json.RawMessage)); errors.As(err, &bad) && bad.Error() != cutOff {
		at, problem = from+int(bad.Offset)-1, bad.Error()
	}
	problem = "malformed JSON: " + problem
	line, column := (&position{data: data, line: 1, column: 1}).at(at)
	return usagef("%s:%d:%d: %s", name, line, column, problem)
}

// located adds the place in the file to a decoder's error.
func (d document) located(err error) error {
	var bad *ct.SyntaxError
	if !errors.As(err, &bad) {
		return withCode(exitUsage, fmt.Errorf("%s:%d:%d: %w", d.file, d.line, d.column, err))
	}
	line, column := d.line+bad.Line-1, bad.Column
	if bad.Line == 1 {
		column += d.column - 1
	}
	if bad.Field != "" {
		return usagef("%s:%d:%d: %s: %s", d.file, line, column, bad.Field, bad.Problem)
	}
	return usagef("%s:%d:%d: %s", d.file, line, column, bad.Problem)
}

// position turns rising offsets into lines and columns (in bytes, from 1) in
// one pass.
type position struct {
	data         []byte
	offset       int
	line, column int
}

func (p *position) at(offset int) (line, column int) {
	part := p.data[p.offset:min(offset, len(p.data))]
	if n := bytes.Count(part, []byte("\n")); n > 0 {
		p.line += n
		p.column = len(part) - bytes.LastIndexByte(part, '\n')
	} else {
		p.column += len(part)
	}
	p.offset = min(offset, len(p.data))
	return p.line, p.column
}
