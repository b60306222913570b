package index

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/herald-net/herald/internal/match"
)

// Postings say which persons bear a token or another key. A list of them is
// packed, six bytes each, in order: person number (4), year of birth less
// firstYear (1), day of birth (1); in year and day 0 is "unknown". A person of
// several births has several, next to each other.
//
// On disk a list is cut into chunks of a page's size, sealed, under the list's
// tag and the number from which on its persons are: tag (8), number (4). So a
// new person, whose number is the highest, changes the last chunk alone.
type posting [postingSize]byte

const (
	postingSize = 6
	firstYear   = 1899 // 0 is "unknown", so 1900 is the first that is told apart
	chunkSize   = 320  // postings: two chunks to a page
)

// listTag is the tag of a list. Two lists that share one by chance, once in
// billions of pairs, find each other's persons, which scoring tells apart.
type listTag [8]byte

// listed is a posting on its way into a list, or out of it.
type listed struct {
	list listTag
	posting
}

func compareListed(a, b listed) int {
	if c := bytes.Compare(a.list[:], b.list[:]); c != 0 {
		return c
	}
	return bytes.Compare(a.posting[:], b.posting[:])
}

// yearOf is a year as postings hold it.
func yearOf(y int) byte {
	if y <= firstYear || y > firstYear+255 {
		return 0
	}
	return byte(y - firstYear)
}

// dayOf is a day as postings hold it: some days share a number. The first of
// January stands for "some day" and says nothing.
func dayOf(month, day uint8) byte {
	if day == 0 || month == 1 && day == 1 {
		return 0
	}
	return byte(1 + (int(month)*31+int(day))%255)
}

// Bounds of the births of one person in a list: one with more possible years is
// listed under "unknown", which every query reads.
const (
	maxPersonYears = 4
	maxPersonDays  = 8
)

// birthsOf gives the postings of a subject, but for its number.
func birthsOf(s *match.Subject) []posting {
	years, ok := s.Years(maxPersonYears)
	if !ok {
		return []posting{{}}
	}
	var out []posting
	for _, b := range s.Births {
		for y := int(b.From); y <= int(b.To); y++ {
			if p := (posting{4: yearOf(y), 5: dayOf(b.Month, b.Day)}); !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	if len(out) > maxPersonDays {
		out = out[:0]
		for _, y := range years {
			out = append(out, posting{4: yearOf(y)})
		}
	}
	return out
}

func (p posting) of(id uint32) posting {
	binary.BigEndian.PutUint32(p[:], id)
	return p
}

func (p posting) id() uint32 { return binary.BigEndian.Uint32(p[:]) }

// merge gives a list without dels and with adds, both in order. What is in
// both stays. It changes list where it can.
func merge(list []byte, adds, dels []listed) []byte {
	if len(dels) == 0 && len(adds) > 0 && (len(list) == 0 || bytes.Compare(list[len(list)-postingSize:], adds[0].posting[:]) < 0) {
		for _, a := range adds {
			list = append(list, a.posting[:]...)
		}
		return list
	}
	out := make([]byte, 0, len(list)+postingSize*len(adds))
	for len(list) > 0 || len(adds) > 0 {
		c := -1 // which comes first: of list, of both, of adds
		switch {
		case len(list) == 0:
			c = 1
		case len(adds) > 0:
			c = bytes.Compare(list[:postingSize], adds[0].posting[:])
		}
		if c >= 0 {
			out = append(out, adds[0].posting[:]...)
			adds = adds[1:]
			if c == 0 {
				list = list[postingSize:]
			}
			continue
		}
		for len(dels) > 0 && bytes.Compare(dels[0].posting[:], list[:postingSize]) < 0 {
			dels = dels[1:]
		}
		if len(dels) == 0 || !bytes.Equal(dels[0].posting[:], list[:postingSize]) {
			out = append(out, list[:postingSize]...)
		}
		list = list[postingSize:]
	}
	return out
}

// eachList calls fn with the part of adds and dels that is of one list, for
// each list. Both are in order.
func eachList(adds, dels []listed, fn func(t listTag, adds, dels []listed) error) error {
	for len(adds)+len(dels) > 0 {
		var t listTag
		if len(adds) > 0 && (len(dels) == 0 || bytes.Compare(adds[0].list[:], dels[0].list[:]) <= 0) {
			t = adds[0].list
		} else {
			t = dels[0].list
		}
		of := func(l listed) bool { return l.list != t }
		na, nd := end(adds, of), end(dels, of)
		if err := fn(t, adds[:na], dels[:nd]); err != nil {
			return err
		}
		adds, dels = adds[na:], dels[nd:]
	}
	return nil
}

// end is the index of the first element of which stop holds.
func end(l []listed, stop func(listed) bool) int {
	if n := slices.IndexFunc(l, stop); n >= 0 {
		return n
	}
	return len(l)
}

// chunkKey is the key of the chunk of a list that begins at a person.
func chunkKey(t listTag, id uint32) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, len(t)+4), t[:]...), id)
}

// isChunk tells a chunk of list t.
func isChunk(k []byte, t listTag) bool { return len(k) == len(t)+4 && bytes.HasPrefix(k, t[:]) }

// writeList changes a list on disk.
func (s *sealer) writeList(b *bbolt.Bucket, t listTag, adds, dels []listed) error {
	for len(adds)+len(dels) > 0 {
		id := uint32(1<<32 - 1)
		if len(adds) > 0 {
			id = adds[0].id()
		}
		if len(dels) > 0 {
			id = min(id, dels[0].id())
		}
		// The chunk that the first change falls into, and where the next one begins.
		want := chunkKey(t, id)
		c := b.Cursor()
		k, v := c.Seek(want)
		var after []byte
		if bytes.Equal(k, want) {
			after, _ = c.Next()
		} else {
			if after = k; k == nil {
				k, v = c.Last()
			} else {
				k, v = c.Prev()
			}
		}
		if !isChunk(k, t) {
			k, v = nil, nil
		}
		na, nd := len(adds), len(dels)
		if isChunk(after, t) {
			next := binary.BigEndian.Uint32(after[len(t):])
			beyond := func(l listed) bool { return l.id() >= next }
			na, nd = end(adds, beyond), end(dels, beyond)
		}
		k = bytes.Clone(k)
		var list []byte
		if k != nil {
			var err error
			if list, err = s.openChunk(nil, k, v); err != nil {
				return err
			}
		}
		list = merge(list, adds[:na], dels[:nd])
		adds, dels = adds[na:], dels[nd:]
		if k == nil {
			k = want
		}
		if err := s.writeChunks(b, t, k, list); err != nil {
			return err
		}
	}
	return nil
}

// writeChunks writes what a chunk has become under its key, and what does not
// fit under further ones. Postings of one person stay together.
func (s *sealer) writeChunks(b *bbolt.Bucket, t listTag, key, list []byte) error {
	if len(list) == 0 {
		return b.Delete(key)
	}
	for len(list) > 0 {
		n := min(len(list), chunkSize*postingSize)
		for n < len(list) && bytes.Equal(list[n-postingSize:n-2], list[n:n+4]) {
			n += postingSize
		}
		if err := b.Put(key, s.seal(key, list[:n])); err != nil {
			return err
		}
		if list = list[n:]; len(list) > 0 {
			key = chunkKey(t, binary.BigEndian.Uint32(list))
		}
	}
	return nil
}

var errList = fmt.Errorf("%w: a list of the index does not open; the next start builds it again", errDamaged)

func (s *sealer) openChunk(dst, k, v []byte) ([]byte, error) {
	n := len(dst)
	out, err := s.open(dst, k, v)
	if err != nil || (len(out)-n)%postingSize != 0 {
		return nil, errList
	}
	return out, nil
}
