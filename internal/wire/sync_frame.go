package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrFrame is a frame over its limit or without its one length encoding.
var ErrFrame = errors.New("not a frame")

// AppendFrame appends msg behind its length, an unsigned LEB128 varint in its
// shortest form.
func AppendFrame(b, msg []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(msg)))
	return append(b, msg...)
}

// FrameReader is what frames are read from; *bufio.Reader is one.
type FrameReader interface {
	io.Reader
	io.ByteReader
}

// unproved is for how much of a frame memory is set aside before it arrives.
const unproved = 64 << 10

// ReadFrame reads one frame of at most limit bytes. Memory grows with what has
// arrived, not with what the length promises. At the end of the stream, between
// frames, the error is io.EOF.
func ReadFrame(r FrameReader, limit int) ([]byte, error) { return ReadFrameProved(r, limit, 0) }

// ReadFrameProved is ReadFrame for a peer that has sent a frame of so many
// bytes before on this stream: memory for as much is set aside at once.
func ReadFrameProved(r FrameReader, limit, proved int) ([]byte, error) {
	size, shift := uint64(0), uint(0)
	for {
		c, err := r.ReadByte()
		if err != nil {
			if shift > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		size |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if c == 0 && shift > 0 {
				return nil, fmt.Errorf("%w: length is not in its shortest form", ErrFrame)
			}
			break
		}
		if shift += 7; shift > 28 {
			return nil, fmt.Errorf("%w: length of more than five bytes", ErrFrame)
		}
	}
	if size > uint64(limit) {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrFrame, size, limit)
	}
	buf := make([]byte, min(int(size), max(proved, unproved)))
	for have := 0; ; {
		n, err := io.ReadFull(r, buf[have:])
		if have += n; err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if have == int(size) {
			return buf, nil
		}
		grown := make([]byte, min(int(size), 4*have))
		copy(grown, buf)
		buf = grown
	}
}
