package verify_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// messageVector is a message that is no record. A beacon has a reason when it is
// not taken; of the others it is said whether they are in the one encoding and
// within the limits.
type messageVector struct {
	Name   string        `json:"name"`
	Type   string        `json:"type"` // beacon, sync, match-request or match-answer
	Sound  bool          `json:"sound"`
	Reason verify.Reason `json:"reason,omitempty"`
	Hash   string        `json:"hash,omitempty"` // of a match request
	Bytes  string        `json:"bytes"`
}

// judgeMessage is herald's word on a message.
func judgeMessage(w *world, x messageVector, raw []byte) messageVector {
	switch x.Type {
	case "beacon":
		s, err := verify.DecodeBeacon(raw)
		if err == nil {
			_, err = verify.OpenBeacon(s, w.view[exercise], now)
		}
		if why, ok := err.(*verify.Error); ok {
			x.Reason = why.Reason
		}
		x.Sound = err == nil
	case "sync":
		_, err := wire.DecodeSync(raw)
		x.Sound = err == nil
	case "match-request":
		_, _, err := wire.DecodeMatchRequest(raw)
		if x.Sound = err == nil; x.Sound {
			h := wire.MatchRequestHash(raw)
			x.Hash = hex.EncodeToString(h[:])
		}
	case "match-answer":
		_, _, err := wire.DecodeMatchAnswer(raw)
		x.Sound = err == nil
	}
	return x
}

func messages(w *world) (out []messageVector) {
	add := func(typ, name string, raw []byte) {
		out = append(out, judgeMessage(w, messageVector{Name: name, Type: typ, Bytes: hex.EncodeToString(raw)}, raw))
	}
	net := w.view[exercise].Network()

	beacon := func(name string, change func(*wire.Beacon), by string, ruin func([]byte) []byte) {
		b := wire.Beacon{
			Network: net.Prefix(), Node: key("UTO 1").Public(), Time: ct.MillisOf(now), Size: 7, Head: ct.ID{7}, Logs: 5, Digest: [32]byte{1},
			Roster: 2, JournalEntries: 3, JournalHead: [32]byte{3},
		}
		if change != nil {
			change(&b)
		}
		body := wire.EncodeBeacon(&b)
		if ruin != nil {
			body = ruin(body)
		}
		sig, _ := key(by).Sign(keys.ContextBeacon, net, body)
		add("beacon", name, wire.EncodeSignedBeacon(&wire.SignedBeacon{Bytes: body, Alg: keys.AlgEd25519, Sig: sig}))
	}
	beacon("a beacon", nil, "UTO 1", nil)
	beacon("a beacon of an empty node", func(b *wire.Beacon) { b.Size, b.Logs, b.Roster, b.JournalEntries = 0, 0, 0, 0 }, "UTO 1", nil)
	beacon("a log of 2^48", func(b *wire.Beacon) { b.Size = wire.MaxSyncSize }, "UTO 1", nil)
	beacon("a log that is longer", func(b *wire.Beacon) { b.Size = wire.MaxSyncSize + 1 }, "UTO 1", nil)
	beacon("of the other network", func(b *wire.Beacon) { b.Network[0] ^= 1 }, "UTO 1", nil)
	beacon("of a stranger", func(b *wire.Beacon) { b.Node = key("stranger").Public() }, "stranger", nil)
	beacon("of a root key", func(b *wire.Beacon) { b.Node = key("UTO root").Public() }, "UTO root", nil)
	beacon("signed by another node", nil, "UTO 2", nil)
	beacon("version 2", nil, "UTO 1", func(b []byte) []byte { return append([]byte{8, 2}, b[2:]...) })
	beacon("an unknown field", nil, "UTO 1", func(b []byte) []byte { return append(b, 0x60, 1) })
	beacon("cut short", nil, "UTO 1", func(b []byte) []byte { return b[:len(b)-1] })
	beacon("over 512 bytes", nil, "UTO 1", func(b []byte) []byte { return append(b, append([]byte{0x62, 0xc8, 2}, make([]byte, 328)...)...) })
	good := unhexed(out[0].Bytes)
	add("beacon", "of algorithm 2", bytes.Replace(good, []byte{0x38, 1}, []byte{0x38, 2}, 1))
	add("beacon", "without a signature", good[:len(good)-66])

	head := func(log byte, size, fork uint64) wire.LogHead {
		h := wire.LogHead{Log: ct.LogID{log}, Size: size, Fork: fork}
		if size > 0 {
			h.Head = ct.ID{log}
		}
		return h
	}
	sync := func(name string, m wire.SyncMessage) []byte {
		raw := wire.EncodeSync(&m)
		add("sync", name, raw)
		return raw
	}
	hello := sync("hello", wire.SyncMessage{Hello: &wire.SyncHello{Digest: [32]byte{1}, YourSize: 7, Time: ct.MillisOf(now)}})
	sync("hello that says no more than it must", wire.SyncMessage{Hello: &wire.SyncHello{Digest: [32]byte{1}}})
	sync("hello of a log over 2^48", wire.SyncMessage{Hello: &wire.SyncHello{Digest: [32]byte{1}, YourSize: wire.MaxSyncSize + 1}})
	sync("empty frontier", wire.SyncMessage{Frontier: &wire.SyncFrontier{}})
	sync("frontier", wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: []wire.LogHead{head(1, 7, 0), head(2, 0, 1), head(3, 4, 9)}, Mark: wire.Mark{1}, Since: wire.Mark{2}}})
	sync("frontier out of order", wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: []wire.LogHead{head(2, 7, 0), head(1, 7, 0)}}})
	sync("frontier with a log twice", wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: []wire.LogHead{head(1, 7, 0), head(1, 8, 0)}}})
	sync("frontier with a fork that is held", wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: []wire.LogHead{head(1, 7, 7)}}})
	sync("page that is not full and has more", wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: []wire.LogHead{head(1, 7, 0)}, More: true}})
	sync("want", wire.SyncMessage{Want: &wire.SyncWant{Ranges: []wire.SyncRange{{Log: ct.LogID{1}, From: 1, Count: 16384}}, Forks: []ct.LogID{{2}}}})
	sync("want of too many records", wire.SyncMessage{Want: &wire.SyncWant{Ranges: []wire.SyncRange{{Log: ct.LogID{1}, From: 1, Count: 16384}, {Log: ct.LogID{2}, From: 1, Count: 1}}}})
	sync("want of bodies of some topics", wire.SyncMessage{Want: &wire.SyncWant{Ranges: []wire.SyncRange{{Log: ct.LogID{1}, From: 1, Count: 1}}, Bodies: true, Topics: 6}})
	sync("want of nothing", wire.SyncMessage{Want: &wire.SyncWant{}})
	sync("want from beyond 2^48", wire.SyncMessage{Want: &wire.SyncWant{Ranges: []wire.SyncRange{{Log: ct.LogID{1}, From: wire.MaxSyncSize + 1, Count: 1}}}})
	sync("want to beyond 2^48", wire.SyncMessage{Want: &wire.SyncWant{Ranges: []wire.SyncRange{{Log: ct.LogID{1}, From: wire.MaxSyncSize, Count: 2}}}})
	sync("want of no record of a log", wire.SyncMessage{Want: &wire.SyncWant{Ranges: []wire.SyncRange{{Log: ct.LogID{1}, From: 1}}}})
	sync("no records, and not the last", wire.SyncMessage{Records: &wire.SyncRecords{}})
	sync("a record of 65,537 bytes", wire.SyncMessage{Records: &wire.SyncRecords{Records: [][]byte{make([]byte, wire.MaxRecord+1)}}})
	sync("records", wire.SyncMessage{Records: &wire.SyncRecords{Records: [][]byte{good}, Last: true}})
	sync("no records, and the last", wire.SyncMessage{Records: &wire.SyncRecords{Last: true}})
	sync("with ext", wire.SyncMessage{Hello: &wire.SyncHello{Digest: [32]byte{1}}, Ext: make([]byte, wire.MaxSyncExt)})
	sync("with a longer ext", wire.SyncMessage{Hello: &wire.SyncHello{Digest: [32]byte{1}}, Ext: make([]byte, wire.MaxSyncExt+1)})
	add("sync", "two kinds", append(bytes.Clone(hello), hello...))
	add("sync", "of a kind of a later version", append([]byte{0x2a}, hello[1:]...))
	add("sync", "hello without its digest", []byte{0x0a, 2, 0x10, 7})
	add("sync", "nothing", nil)

	request := func(name string, change func(*wire.MatchRequest)) []byte {
		r := &wire.MatchRequest{
			Network: net.Prefix(), Nonce: [32]byte{1}, Mode: wire.MatchPlain, Asker: key("UTO 1").Public(), Responder: key("NOR 1").Public(),
			Purpose: "border-screening", Basis: "UNSCR-2396-OP11", Case: "V-1", Operator: "op1", Grounds: "Invented.", Priority: ct.PriorityRoutine,
			Issued: ct.MillisOf(now), Expires: ct.MillisOf(now.Add(time.Minute)), Person: notification(ct.TopicTravel).Person, ReleaseUntil: ct.MillisOf(now.Add(day)),
		}
		if change != nil {
			change(r)
		}
		b, err := wire.EncodeMatchRequest(r)
		if err != nil {
			panic(name + ": " + err.Error())
		}
		sig, _ := key("UTO 1").Sign(keys.ContextMatchRequest, net, b)
		raw := wire.EncodeSignedMatch(wire.SignedMatch{Body: b, Alg: keys.AlgEd25519, Sig: sig})
		add("match-request", name, raw)
		return raw
	}
	asked := request("request", nil)
	request("request without purpose, basis, case, operator and grounds", func(r *wire.MatchRequest) {
		r.Purpose, r.Basis, r.Case, r.Operator, r.Grounds = "", "", "", "", ""
	})
	request("request of a mode that is not known, which wants no release", func(r *wire.MatchRequest) { r.Mode, r.ReleaseUntil = 9, 0 })
	request("request of 2,048 bytes and more", func(r *wire.MatchRequest) { r.Grounds = strings.Repeat("x", wire.MaxMatchGrounds) })
	add("match-request", "request with a byte more", append(bytes.Clone(asked), 0))
	add("match-request", "request with padding that is not zero", changed(asked, len(asked)-68, 1))
	add("match-request", "request with a text that is not printable", bytes.Replace(asked, []byte("Invented."), []byte("Invented\n"), 1))
	add("match-request", "request without priority", bytes.Replace(asked, []byte{0x58, 1, 0x60}, []byte{0x58, 0, 0x60}, 1))
	add("match-request", "request with a priority of 4", bytes.Replace(asked, []byte{0x58, 1, 0x60}, []byte{0x58, 4, 0x60}, 1))
	add("match-request", "request of algorithm 2", bytes.Replace(asked, []byte{0x10, 1, 0x1a, 64}, []byte{0x10, 2, 0x1a, 64}, 1))

	hash := wire.MatchRequestHash(asked)
	answer := func(name string, verdict wire.MatchVerdict, reason string, hits ...wire.MatchHit) []byte {
		b, err := wire.EncodeMatchAnswer(&wire.MatchAnswer{
			Network: net.Prefix(), Responder: key("NOR 1").Public(), Request: hash, Verdict: verdict, Reason: reason, Hits: hits, Issued: ct.MillisOf(now),
		})
		if err != nil {
			panic(name + ": " + err.Error())
		}
		sig, _ := key("NOR 1").Sign(keys.ContextMatchAnswer, net, b)
		raw := wire.EncodeSignedMatch(wire.SignedMatch{Body: b, Alg: keys.AlgEd25519, Sig: sig})
		add("match-answer", name, raw)
		return raw
	}
	no := answer("NO_HIT", wire.MatchNoHit, "")
	answer("POSSIBLE", wire.MatchPossible, "")
	answer("POSSIBLE of another State's record", wire.MatchPossible, "ask:bra")
	answer("POSSIBLE with a hit", wire.MatchPossible, "", wire.MatchHit{Ref: "list:x/1", Score: 9000, Tier: wire.MatchTierStrong, Why: []string{"name:agree"}})
	for _, code := range []string{
		"malformed", "other-network", "other-asker", "bad-signature", "other-responder", "muted", "unknown-mode", "window-too-long", "expired",
		"issued-in-future", "no-basis", "no-case", "no-grounds", "no-operator", "purpose", "person", "person-fields", "replayed", "unavailable",
	} {
		answer("REFUSED "+code, wire.MatchRefused, code)
	}
	for _, code := range []string{"cooling", "burst", "hour", "day", "nonces"} {
		answer("RATE_LIMITED "+code, wire.MatchRateLimited, code)
	}
	answer("REFUSED for a reason of a later version", wire.MatchRefused, "later:1")
	add("match-answer", "answer of 4,095 bytes", no[:len(no)-1])
	add("match-answer", "answer with padding that is not zero", changed(no, len(no)-68, 1))
	refused := answer("REFUSED day", wire.MatchRefused, "day")
	add("match-answer", "a refusal without a verdict of one", bytes.Replace(refused, []byte{0x20, 3, 0x2a}, []byte{0x20, 1, 0x2a}, 1))
	add("match-answer", "POSSIBLE with a reason that names no State", bytes.Replace(refused, []byte{0x20, 3, 0x2a}, []byte{0x20, 2, 0x2a}, 1))
	add("match-answer", "a verdict of 5", bytes.Replace(refused, []byte{0x20, 3, 0x2a}, []byte{0x20, 5, 0x2a}, 1))
	return out
}

func unhexed(s string) []byte {
	b, _ := hex.DecodeString(s)
	return b
}

func changed(b []byte, at int, v byte) []byte {
	b = bytes.Clone(b)
	b[at] ^= v
	return b
}

func TestMessageVectors(t *testing.T) {
	w := newWorld(t)
	checkFile(t, "messages.json", encodeVectors(t, messages(w)))
	sound, refused := map[string]int{}, map[string]int{}
	reasons := map[verify.Reason]bool{}
	for _, x := range readVectors[[]messageVector](t, "messages.json") {
		got := judgeMessage(w, messageVector{Name: x.Name, Type: x.Type, Bytes: x.Bytes}, unhex(t, x.Bytes))
		if got != x {
			t.Errorf("%s: got %v %q, want %v %q", x.Name, got.Sound, got.Reason, x.Sound, x.Reason)
		}
		reasons[x.Reason] = true
		if x.Sound {
			sound[x.Type]++
		} else {
			refused[x.Type]++
		}
	}
	for _, typ := range []string{"beacon", "sync", "match-request", "match-answer"} {
		if sound[typ] < 2 || refused[typ] < 4 {
			t.Errorf("%s: %d sound, %d refused", typ, sound[typ], refused[typ])
		}
	}
	for _, want := range []verify.Reason{verify.TooLarge, verify.UnknownVersion, verify.NotABeacon, verify.OtherNetwork, verify.BadAlgorithm, verify.Stranger, verify.BadSignature} {
		if !reasons[want] {
			t.Errorf("no beacon is %s", want)
		}
	}
}
