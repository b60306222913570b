package wire_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
	"google.golang.org/protobuf/proto"
)

func syncLog(b byte) (l ct.LogID) { l[0], l[31] = b, 1; return l }
func syncID(b byte) (id ct.ID)    { id[0], id[31] = b, 2; return id }

func syncSamples() map[string]*wire.SyncMessage {
	return map[string]*wire.SyncMessage{
		"hello":             {Hello: &wire.SyncHello{Digest: [32]byte{9}, YourSize: 300, Time: 1_700_000_000_000}},
		"hello, fresh":      {Hello: &wire.SyncHello{Digest: [32]byte{9}}},
		"frontier":          {Frontier: &wire.SyncFrontier{Heads: []wire.LogHead{{syncLog(1), 7, syncID(1), 0}, {syncLog(2), 1, syncID(2), 2}, {Log: syncLog(3), Fork: 1}}}},
		"frontier, page":    {Frontier: &wire.SyncFrontier{Heads: syncPage(wire.MaxSyncLogs), More: true}},
		"of tomorrow":       {Hello: &wire.SyncHello{Digest: [32]byte{9}}, Ext: []byte{1, 2}},
		"records, tomorrow": {Records: &wire.SyncRecords{Last: true}, Ext: bytes.Repeat([]byte{1}, wire.MaxSyncExt)},
		"frontier, none":    {Frontier: &wire.SyncFrontier{}},
		"frontier, changes": {Frontier: &wire.SyncFrontier{
			Heads: []wire.LogHead{{syncLog(1), 7, syncID(1), 0}}, Mark: wire.Mark{1}, Since: wire.Mark{15: 2},
		}},
		"frontier, since": {Frontier: &wire.SyncFrontier{Since: wire.Mark{3}}},
		"want": {Want: &wire.SyncWant{
			Ranges: []wire.SyncRange{{syncLog(2), 1, 1024}, {syncLog(1), 5, 1}}, Forks: []ct.LogID{syncLog(3), syncLog(3)}, Bodies: true,
		}},
		"want, topics":  {Want: &wire.SyncWant{Forks: []ct.LogID{syncLog(3)}, Topics: 1<<ct.TopicControl | 1<<ct.TopicArrival}},
		"records":       {Records: &wire.SyncRecords{Records: [][]byte{{1}, {1}, {2, 3}}, Last: true}},
		"records, part": {Records: &wire.SyncRecords{Records: [][]byte{bytes.Repeat([]byte{7}, wire.MaxRecord)}}},
		"records, none": {Records: &wire.SyncRecords{Last: true}},
	}
}

// syncPage gives n heads in order.
func syncPage(n int) (out []wire.LogHead) {
	for i := range n {
		out = append(out, wire.LogHead{Log: ct.LogID{byte(i >> 8), byte(i), 1}, Size: 1, Head: syncID(1)})
	}
	return out
}

// toProtoSync says m with the generated types of sync.proto.
func toProtoSync(m *wire.SyncMessage) *heraldv1.SyncMessage {
	p := toProtoSyncKind(m)
	p.Ext = m.Ext
	return p
}

func toProtoSyncKind(m *wire.SyncMessage) *heraldv1.SyncMessage {
	switch {
	case m.Hello != nil:
		return &heraldv1.SyncMessage{Message: &heraldv1.SyncMessage_Hello{Hello: &heraldv1.SyncHello{
			Digest: m.Hello.Digest[:], YourSize: m.Hello.YourSize, Time: uint64(m.Hello.Time),
		}}}
	case m.Frontier != nil:
		f := &heraldv1.SyncFrontier{More: m.Frontier.More}
		for _, h := range m.Frontier.Heads {
			head := &heraldv1.LogHead{Log: h.Log[:], Size: h.Size, Fork: h.Fork}
			if h.Size > 0 {
				head.Head = h.Head[:]
			}
			f.Heads = append(f.Heads, head)
		}
		if m := m.Frontier.Mark; !m.IsZero() {
			f.Mark = m[:]
		}
		if m := m.Frontier.Since; !m.IsZero() {
			f.Since = m[:]
		}
		return &heraldv1.SyncMessage{Message: &heraldv1.SyncMessage_Frontier{Frontier: f}}
	case m.Want != nil:
		w := &heraldv1.SyncWant{Bodies: m.Want.Bodies, Topics: uint32(m.Want.Topics)}
		for _, r := range m.Want.Ranges {
			w.Ranges = append(w.Ranges, &heraldv1.SyncRange{Log: r.Log[:], From: r.From, Count: r.Count})
		}
		for _, l := range m.Want.Forks {
			w.Forks = append(w.Forks, l[:])
		}
		return &heraldv1.SyncMessage{Message: &heraldv1.SyncMessage_Want{Want: w}}
	}
	return &heraldv1.SyncMessage{Message: &heraldv1.SyncMessage_Records{Records: &heraldv1.SyncRecords{
		Records: m.Records.Records, Last: m.Records.Last,
	}}}
}

func TestSyncEncoding(t *testing.T) {
	for name, m := range syncSamples() {
		t.Run(name, func(t *testing.T) {
			raw := wire.EncodeSync(m)
			want, err := proto.MarshalOptions{Deterministic: true}.Marshal(toProtoSync(m))
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Ext) > 0 { // the library writes a oneof behind the other fields
				back := new(heraldv1.SyncMessage)
				if err := proto.Unmarshal(raw, back); err != nil || !proto.Equal(back, toProtoSync(m)) {
					t.Errorf("sync.proto reads %v, %v", back, err)
				}
			} else if !bytes.Equal(raw, want) {
				t.Errorf("encoding differs from sync.proto:\n got %x\nwant %x", raw, want)
			}
			if frame := wire.AppendSyncFrame([]byte("before"), m); !bytes.Equal(frame, wire.AppendFrame([]byte("before"), raw)) {
				t.Errorf("its frame is another: %x", frame)
			}
			got, err := wire.DecodeSync(raw)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, m) {
				t.Errorf("got %+v, want %+v", got, m)
			}
		})
	}
}

func TestSyncRefuses(t *testing.T) {
	many := func(n int, f func(i int) wire.LogHead) []wire.LogHead {
		var out []wire.LogHead
		for i := range n {
			out = append(out, f(i))
		}
		return out
	}
	logN := func(i int) (l ct.LogID) { l[0], l[1] = byte(i>>8), byte(i); return l }
	frontier := func(h ...wire.LogHead) []byte {
		return wire.EncodeSync(&wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: h}})
	}
	want := func(r ...wire.SyncRange) []byte {
		return wire.EncodeSync(&wire.SyncMessage{Want: &wire.SyncWant{Ranges: r}})
	}
	records := func(r ...[]byte) []byte {
		return wire.EncodeSync(&wire.SyncMessage{Records: &wire.SyncRecords{Records: r}})
	}
	hello := wire.EncodeSync(syncSamples()["hello"])
	tests := map[string][]byte{
		"nothing":                     {},
		"no length":                   {0x0a},
		"unknown kind":                {0x2a, 0x00},
		"not a message":               {0x08, 0x01},
		"length too long":             append(bytes.Clone(hello), 0),
		"length too short":            hello[:len(hello)-1],
		"longer length encoding":      append([]byte{0x0a, hello[1] | 0x80, 0x00}, hello[2:]...),
		"hello without digest":        {0x0a, 0x02, 0x10, 0x01},
		"hello with zero size":        append([]byte{0x0a, 0x24, 0x0a, 0x20}, append(make([]byte, 32), 0x10, 0x00)...),
		"hello of an endless log":     wire.EncodeSync(&wire.SyncMessage{Hello: &wire.SyncHello{YourSize: wire.MaxSyncSize + 1}}),
		"frontier out of order":       frontier(wire.LogHead{Log: syncLog(2), Size: 1}, wire.LogHead{Log: syncLog(1), Size: 1}),
		"frontier with a log twice":   frontier(wire.LogHead{Log: syncLog(1), Size: 1}, wire.LogHead{Log: syncLog(1), Size: 2}),
		"frontier with an empty log":  frontier(wire.LogHead{Log: syncLog(1)}),
		"frontier, endless log":       frontier(wire.LogHead{Log: syncLog(1), Size: wire.MaxSyncSize + 1}),
		"frontier with an empty mark": append([]byte{0x12, 18, 0x12, 16}, make([]byte, 16)...),
		"frontier with a short mark":  {0x12, 3, 0x12, 1, 1},
		"frontier, field unknown":     {0x12, 3, 0x2a, 1, 1},
		"frontier, a fork it holds":   frontier(wire.LogHead{Log: syncLog(1), Size: 7, Head: syncID(1), Fork: 7}),
		"frontier, an endless fork":   frontier(wire.LogHead{Log: syncLog(1), Fork: wire.MaxSyncSize + 1}),
		"frontier, a page not full":   wire.EncodeSync(&wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: syncPage(3), More: true}}),
		"frontier, a mark too early": wire.EncodeSync(&wire.SyncMessage{Frontier: &wire.SyncFrontier{
			Heads: syncPage(wire.MaxSyncLogs), Mark: wire.Mark{1}, More: true,
		}}),
		"two kinds":                append(bytes.Clone(hello), 0x12, 0x00),
		"ext alone":                {0x7a, 1, 1},
		"ext, empty":               append(bytes.Clone(hello), 0x7a, 0),
		"ext, twice":               append(bytes.Clone(hello), 0x7a, 1, 1, 0x7a, 1, 1),
		"ext, too long":            wire.EncodeSync(&wire.SyncMessage{Hello: &wire.SyncHello{Digest: [32]byte{9}}, Ext: make([]byte, wire.MaxSyncExt+1)}),
		"frontier too long":        frontier(many(wire.MaxSyncLogs+1, func(i int) wire.LogHead { return wire.LogHead{Log: logN(i), Size: 1} })...),
		"want of nothing":          {0x1a, 0x00},
		"want from zero":           want(wire.SyncRange{Log: syncLog(1), Count: 1}),
		"want of no records":       want(wire.SyncRange{Log: syncLog(1), From: 1}),
		"want of too many":         want(wire.SyncRange{syncLog(1), 1, wire.MaxSyncWant}, wire.SyncRange{syncLog(2), 1, 1}),
		"want that overflows":      want(wire.SyncRange{syncLog(1), 1, 1 << 63}, wire.SyncRange{syncLog(2), 1, 1 << 63}),
		"records, one too large":   records(make([]byte, wire.MaxRecord+1)),
		"records, an empty one":    records([]byte{1}, []byte{}),
		"records that say nothing": records(),
		"flag of two":              {0x22, 0x02, 0x10, 0x02},
	}
	tests["want of too many ranges"] = func() []byte {
		r := make([]wire.SyncRange, wire.MaxSyncRanges+1)
		for i := range r {
			r[i] = wire.SyncRange{Log: syncLog(1), From: uint64(i + 1), Count: 1}
		}
		return want(r...)
	}()
	tests["too many records"] = func() []byte {
		r := make([][]byte, wire.MaxSyncRecords+1)
		for i := range r {
			r[i] = []byte{1}
		}
		return records(r...)
	}()
	for name, raw := range tests {
		t.Run(name, func(t *testing.T) {
			if m, err := wire.DecodeSync(raw); !errors.Is(err, wire.ErrSync) {
				t.Errorf("got %+v, %v, want %v", m, err, wire.ErrSync)
			}
		})
	}
	if _, err := wire.DecodeSync(frontier(many(wire.MaxSyncLogs, func(i int) wire.LogHead { return wire.LogHead{Log: logN(i), Size: 1} })...)); err != nil {
		t.Errorf("a frontier of exactly the largest size: %v", err)
	}
}

// A records message of the fullest kind must fit into a frame.
func TestSyncLargestRecordsFitAFrame(t *testing.T) {
	per := wire.MaxSyncRecordBytes / wire.MaxSyncRecords
	r := make([][]byte, wire.MaxSyncRecords)
	for i := range r {
		r[i] = make([]byte, per)
	}
	raw := wire.EncodeSync(&wire.SyncMessage{Records: &wire.SyncRecords{Records: r, Last: true}})
	if len(raw) > wire.MaxSyncFrame {
		t.Errorf("got %d bytes, at most %d", len(raw), wire.MaxSyncFrame)
	}
}

// A records message has no more bytes of records than one that others send on.
func TestSyncRecordsOfTooManyBytes(t *testing.T) {
	r := make([][]byte, wire.MaxSyncRecordBytes/wire.MaxRecord)
	for i := range r {
		r[i] = make([]byte, wire.MaxRecord)
	}
	if _, err := wire.DecodeSync(wire.EncodeSync(&wire.SyncMessage{Records: &wire.SyncRecords{Records: r}})); err != nil {
		t.Errorf("as many as may be: %v", err)
	}
	r = append(r, []byte{1})
	if _, err := wire.DecodeSync(wire.EncodeSync(&wire.SyncMessage{Records: &wire.SyncRecords{Records: r}})); !errors.Is(err, wire.ErrSync) {
		t.Errorf("one byte more: %v", err)
	}
}

func TestRecordSize(t *testing.T) {
	for _, header := range []int{1, 127, 128, 1024} {
		for _, body := range []int{-1, 0, 1, 127, 128, 1 << 14, 62464} {
			for _, alg := range []uint32{1, 128, 1 << 31} {
				e := wire.Envelope{HeaderBytes: make([]byte, header), Alg: alg, Sig: make([]byte, wire.SigSize)}
				if body >= 0 {
					e.Salt, e.Body = make([]byte, wire.SaltSize), make([]byte, body)
				}
				if got, want := wire.RecordSize(header, wire.SigSize, body, alg), len(wire.Encode(&e)); got != want {
					t.Errorf("header of %d, body of %d: %d bytes, want %d", header, body, got, want)
				}
			}
		}
	}
}

func TestFrontierDigest(t *testing.T) {
	base := []wire.LogHead{{syncLog(1), 7, syncID(1), 0}, {syncLog(2), 1, syncID(2), 0}}
	same := wire.FrontierDigest(base)
	changes := map[string]func(h []wire.LogHead) []wire.LogHead{
		"longer":    func(h []wire.LogHead) []wire.LogHead { h[0].Size++; return h },
		"other":     func(h []wire.LogHead) []wire.LogHead { h[1].Head = syncID(9); return h },
		"forked":    func(h []wire.LogHead) []wire.LogHead { h[1].Fork = 2; return h },
		"other log": func(h []wire.LogHead) []wire.LogHead { h[1].Log = syncLog(3); return h },
		"fewer":     func(h []wire.LogHead) []wire.LogHead { return h[:1] },
		"none":      func(h []wire.LogHead) []wire.LogHead { return nil },
	}
	for name, change := range changes {
		if wire.FrontierDigest(change(append([]wire.LogHead(nil), base...))) == same {
			t.Errorf("%s: the digest is the same", name)
		}
	}
	if wire.FrontierDigest(base) != same {
		t.Error("the digest of the same frontier differs")
	}
}

func TestFrames(t *testing.T) {
	msgs := [][]byte{{}, {1}, bytes.Repeat([]byte{2}, 127), bytes.Repeat([]byte{3}, 128), bytes.Repeat([]byte{4}, 700_000)}
	var all []byte
	for _, m := range msgs {
		all = wire.AppendFrame(all, m)
	}
	for _, proved := range []int{0, 100, 300_000, 1_000_000} {
		r := bufio.NewReader(bytes.NewReader(all))
		for i, m := range msgs {
			got, err := wire.ReadFrameProved(r, 700_000, proved)
			if err != nil || !bytes.Equal(got, m) {
				t.Fatalf("frame %d: got %d bytes, %v, want %d", i, len(got), err, len(m))
			}
		}
		if _, err := wire.ReadFrameProved(r, 700_000, proved); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: got %v, want EOF", err)
		}
	}
	tests := map[string]struct {
		raw  string
		want error
	}{
		"too long":                {"\x0b0123456789a", wire.ErrFrame},
		"longer length encoding":  {"\x81\x00a", wire.ErrFrame},
		"endless length":          {strings.Repeat("\xff", 20), wire.ErrFrame},
		"cut in the length":       {"\x80", io.ErrUnexpectedEOF},
		"cut in the message":      {"\x05abc", io.ErrUnexpectedEOF},
		"cut before the message":  {"\x05", io.ErrUnexpectedEOF},
		"nothing":                 {"", io.EOF},
		"promises and sends none": {"\xff\xff\xff\xff\x7f", wire.ErrFrame},
	}
	for name, tt := range tests {
		if got, err := wire.ReadFrame(bufio.NewReader(strings.NewReader(tt.raw)), 10); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %q, %v, want %v", name, got, err, tt.want)
		}
	}
}

// A length is a promise: who makes it and sends little takes little memory.
func TestFrameMemory(t *testing.T) {
	raw := append(binary.AppendUvarint(nil, wire.MaxSyncFrame), make([]byte, 1000)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := wire.ReadFrame(bytes.NewReader(raw), wire.MaxSyncFrame); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("got %v", err)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / 100; each > 128<<10 {
		t.Errorf("%d bytes of memory for 1,000 that arrived", each)
	}
}

func FuzzSyncMessage(f *testing.F) {
	for _, m := range syncSamples() {
		if raw := wire.EncodeSync(m); len(raw) < 4096 {
			f.Add(raw)
		}
	}
	f.Add([]byte{0x12, 0x00})
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := wire.DecodeSync(raw)
		if err != nil {
			return
		}
		if again := wire.EncodeSync(m); !bytes.Equal(again, raw) {
			t.Errorf("decoded and encoded again:\n got %x\nwant %x", again, raw)
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add(wire.AppendFrame(wire.AppendFrame(nil, []byte("one")), bytes.Repeat([]byte{1}, 300)))
	f.Add([]byte{0x80, 0x00})
	f.Fuzz(func(t *testing.T, raw []byte) {
		const limit = 512
		r := bufio.NewReader(bytes.NewReader(raw))
		var read []byte
		for {
			msg, err := wire.ReadFrame(r, limit)
			if err != nil {
				break
			}
			if len(msg) > limit {
				t.Fatalf("frame of %d bytes, limit %d", len(msg), limit)
			}
			read = wire.AppendFrame(read, msg)
		}
		if !bytes.HasPrefix(raw, read) {
			t.Errorf("frames read are not what was written: %x, %x", read, raw)
		}
	})
}
