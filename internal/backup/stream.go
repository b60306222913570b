package backup

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/herald-net/herald/internal/keys"
)

// A sealed stream is the STREAM construction (Hoang, Reyhanitabar, Rogaway and
// Vizár 2015), as age uses it: chunks of 64 KiB under AES-256-GCM, whose nonce
// is the number of the chunk (11 bytes) and 1 for the last one, else 0. So a
// chunk that was changed, moved, repeated or left out does not open, and
// neither does a stream that was cut. Each stream has a key of its own.
const chunkSize = 64 << 10

const tagSize = 16

func newStreamAEAD(key keys.Storage, purpose string, salt []byte) (cipher.AEAD, error) {
	k, err := key.Derive(purpose, salt)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, fmt.Errorf("backup cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("backup cipher: %w", err)
	}
	return aead, nil
}

type nonce struct {
	next uint64
	b    [12]byte
}

func (n *nonce) take(last bool) []byte {
	binary.BigEndian.PutUint64(n.b[3:11], n.next)
	n.next++
	if n.b[11] = 0; last {
		n.b[11] = 1
	}
	return n.b[:]
}

// sealWriter seals what is written to it. Close writes the last chunk and
// leaves the writer below open.
type sealWriter struct {
	aead  cipher.AEAD
	w     io.Writer
	nonce nonce
	buf   []byte // one chunk that waits: it may be the last
	out   []byte
}

func newSealWriter(a cipher.AEAD, w io.Writer) *sealWriter {
	return &sealWriter{aead: a, w: w, buf: make([]byte, 0, chunkSize), out: make([]byte, 0, chunkSize+tagSize)}
}

func (s *sealWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if len(s.buf) == chunkSize {
			if err := s.flush(false); err != nil {
				return n, err
			}
		}
		m := copy(s.buf[len(s.buf):chunkSize], p)
		s.buf, p, n = s.buf[:len(s.buf)+m], p[m:], n+m
	}
	return n, nil
}

func (s *sealWriter) flush(last bool) error {
	s.out = s.aead.Seal(s.out[:0], s.nonce.take(last), s.buf, nil)
	s.buf = s.buf[:0]
	_, err := s.w.Write(s.out)
	return err
}

func (s *sealWriter) Close() error { return s.flush(true) }

// openReader opens a sealed stream. What it gives is authentic; that it gives
// io.EOF means that the stream is whole.
type openReader struct {
	aead  cipher.AEAD
	r     io.Reader
	nonce nonce
	in    []byte // one sealed chunk, and the first byte of the next
	have  int
	plain []byte
	rest  []byte
	done  bool
}

func newOpenReader(a cipher.AEAD, r io.Reader) *openReader {
	return &openReader{aead: a, r: r, in: make([]byte, chunkSize+tagSize+1), plain: make([]byte, 0, chunkSize)}
}

func (o *openReader) Read(p []byte) (int, error) {
	for len(o.rest) == 0 {
		if o.done {
			return 0, io.EOF
		}
		if err := o.chunk(); err != nil {
			return 0, err
		}
	}
	n := copy(p, o.rest)
	o.rest = o.rest[n:]
	return n, nil
}

// chunk opens the next chunk; it is the last one when nothing follows it.
func (o *openReader) chunk() error {
	n, err := io.ReadFull(o.r, o.in[o.have:])
	n += o.have
	last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !last {
		return err
	}
	end := n
	if !last {
		end = n - 1
	}
	plain, err := o.aead.Open(o.plain[:0], o.nonce.take(last), o.in[:end], nil)
	if err != nil {
		return ErrDamaged
	}
	o.rest, o.done, o.have = plain, last, n-end
	copy(o.in, o.in[end:n])
	return nil
}
