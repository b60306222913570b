package wire

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

func matchRequest() *MatchRequest {
	return &MatchRequest{
		Network:      [8]byte{1, 2, 3},
		Nonce:        [32]byte{4},
		Mode:         MatchPlain,
		Asker:        ct.LogID{5},
		Responder:    ct.LogID{6},
		Purpose:      "border-screening",
		Basis:        "UNSCR-2396-OP5",
		Case:         "UTO-2026-0001",
		Operator:     "desk-7",
		Grounds:      "same document number as in a warrant",
		Priority:     ct.PriorityUrgent,
		Issued:       1_700_000_000_000,
		ReleaseUntil: 1_700_000_360_000,
		Expires:      1_700_000_060_000,
		Person: ct.Person{
			Names:         []ct.Name{{Full: "Vorn Aldeku Tessimar"}},
			Births:        []ct.Birth{{Date: "1984-02-11"}},
			Nationalities: []ct.State{"UTO"},
			Documents:     []ct.Document{{Type: "P", Number: "L898902C3", Issuer: "UTO"}},
		},
	}
}

func matchAnswer(hits int) *MatchAnswer {
	a := &MatchAnswer{
		Network:   [8]byte{1, 2, 3},
		Responder: ct.LogID{6},
		Request:   [32]byte{7},
		Verdict:   MatchNoHit,
		Issued:    1_700_000_000_500,
	}
	for range hits {
		a.Verdict = MatchPossible
		a.Hits = append(a.Hits, MatchHit{
			Ref: "rec:" + strings.Repeat("ab", 32), Score: 9_120, Tier: MatchTierStrong,
			Why: []string{"name:agree", "birth:year-off-by-one"},
		})
	}
	return a
}

func signedMatch(t testing.TB, body []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return EncodeSignedMatch(SignedMatch{Body: body, Alg: AlgEd25519, Sig: bytes.Repeat([]byte{9}, SigSize)})
}

func signedRequest(t testing.TB, r *MatchRequest) []byte {
	t.Helper()
	body, err := EncodeMatchRequest(r)
	return signedMatch(t, body, err)
}

func signedAnswer(t testing.TB, a *MatchAnswer) []byte {
	t.Helper()
	body, err := EncodeMatchAnswer(a)
	return signedMatch(t, body, err)
}

func TestMatchRequestRoundTrip(t *testing.T) {
	raw := signedRequest(t, matchRequest())
	got, s, err := DecodeMatchRequest(raw)
	if err != nil {
		t.Fatal(err)
	}
	if again := signedRequest(t, got); !bytes.Equal(again, raw) {
		t.Fatal("decode and encode give other bytes")
	}
	if got.Person.Names[0].Full != "Vorn Aldeku Tessimar" || got.Case != "UTO-2026-0001" || got.Priority != ct.PriorityUrgent {
		t.Fatalf("a field was lost: %q %v", got.Case, got.Priority)
	}
	if len(s.Sig) != SigSize || s.Alg != AlgEd25519 {
		t.Fatalf("signature of %d bytes, algorithm %d", len(s.Sig), s.Alg)
	}
}

// Every length of a request must find a padding: a padding field cannot have
// every size (1, 2 and 130 bytes do not exist).
func TestMatchRequestSizes(t *testing.T) {
	r := matchRequest()
	for n := 1; n <= MaxMatchGrounds; n++ {
		r.Grounds = strings.Repeat("g", n)
		raw := signedRequest(t, r)
		if len(raw)%MatchRequestStep != 0 {
			t.Fatalf("grounds of %d bytes: request of %d bytes, want a multiple of %d", n, len(raw), MatchRequestStep)
		}
		_, s, err := DecodeMatchRequest(raw)
		if err != nil {
			t.Fatalf("grounds of %d bytes: %v", n, err)
		}
		if s.Body[len(s.Body)-1] != 0 {
			t.Fatalf("grounds of %d bytes: no padding", n)
		}
	}
}

func TestMatchAnswerHasOneSize(t *testing.T) {
	longest := matchAnswer(MaxMatchHits)
	for i := range longest.Hits {
		longest.Hits[i].Ref = strings.Repeat("r", MaxMatchRef)
		longest.Hits[i].Why = nil
		for range MaxMatchWhy {
			longest.Hits[i].Why = append(longest.Hits[i].Why, strings.Repeat("w", MaxMatchCode))
		}
	}
	refused := matchAnswer(0)
	refused.Verdict, refused.Reason = MatchRefused, "no-case"
	for name, a := range map[string]*MatchAnswer{
		"no hit": matchAnswer(0), "one hit": matchAnswer(1), "five hits": matchAnswer(5),
		"longest": longest, "refused": refused,
	} {
		t.Run(name, func(t *testing.T) {
			raw := signedAnswer(t, a)
			if len(raw) != MatchAnswerSize {
				t.Fatalf("answer of %d bytes, want %d", len(raw), MatchAnswerSize)
			}
			got, _, err := DecodeMatchAnswer(raw)
			if err != nil {
				t.Fatal(err)
			}
			if again := signedAnswer(t, got); !bytes.Equal(again, raw) {
				t.Fatal("decode and encode give other bytes")
			}
		})
	}
}

// The generated code and the hand codec write the same bytes.
func TestMatchAgreesWithProto(t *testing.T) {
	same := func(raw []byte, m proto.Message) {
		t.Helper()
		if err := proto.Unmarshal(raw, m); err != nil {
			t.Fatal(err)
		}
		if len(m.ProtoReflect().GetUnknown()) > 0 {
			t.Fatalf("%T: unknown fields", m)
		}
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again, raw) {
			t.Fatalf("%T: the generated code writes other bytes", m)
		}
	}
	var s heraldv1.SignedMatch
	same(signedRequest(t, matchRequest()), &s)
	var r heraldv1.MatchRequest
	same(s.GetBody(), &r)
	if r.GetPerson().GetNames()[0].GetFull() != "Vorn Aldeku Tessimar" || r.GetGrounds() == "" || r.GetExpires() != 1_700_000_060_000 ||
		r.GetReleaseUntil() != 1_700_000_360_000 {
		t.Fatal("a field has another number")
	}
	same(signedAnswer(t, matchAnswer(3)), &s)
	var a heraldv1.MatchAnswer
	same(s.GetBody(), &a)
	if a.GetVerdict() != heraldv1.MatchVerdict_MATCH_VERDICT_POSSIBLE || a.GetHits()[2].GetTier() != heraldv1.MatchTier_MATCH_TIER_STRONG {
		t.Fatal("a field has another number")
	}
}

func TestMatchRefusesOtherEncodings(t *testing.T) {
	request := signedRequest(t, matchRequest())
	answer := signedAnswer(t, matchAnswer(2))
	reseal := func(raw []byte, change func(body []byte) []byte) []byte {
		s, err := decodeSignedMatch(raw)
		if err != nil {
			t.Fatal(err)
		}
		s.Body = change(bytes.Clone(s.Body))
		return EncodeSignedMatch(s)
	}
	unknown := func(body []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(body, 17, protowire.BytesType), []byte("x"))
	}
	cases := map[string][]byte{
		"empty":                    {},
		"truncated":                request[:len(request)-1],
		"trailing byte":            append(bytes.Clone(request), 0),
		"unknown field":            reseal(request, unknown),
		"padding not zero":         reseal(request, func(b []byte) []byte { b[len(b)-1] = 1; return b }),
		"padding missing":          reseal(request, func(b []byte) []byte { return bytes.TrimRight(b, "\x00") }),
		"one step too long":        reseal(request, func(b []byte) []byte { return append(b, make([]byte, MatchRequestStep)...) }),
		"network of 7 bytes":       reseal(request, func(b []byte) []byte { b[1] = 7; return append(b[:2], b[3:]...) }),
		"no signature":             EncodeSignedMatch(SignedMatch{Body: []byte("x"), Alg: AlgEd25519}),
		"other algorithm":          bytes.Replace(bytes.Clone(request), []byte{2 << 3, AlgEd25519, 3<<3 | 2, SigSize}, []byte{2 << 3, 2, 3<<3 | 2, SigSize}, 1),
		"answer as request":        answer,
		"over the limit":           make([]byte, MaxMatchRequest+1),
		"field twice":              reseal(request, func(b []byte) []byte { return append(b[:10:10], append(bytes.Clone(b[:10]), b[10:]...)...) }),
		"person with bad encoding": reseal(request, func(b []byte) []byte { return bytes.Replace(b, []byte("Vorn"), []byte("V\xffrn"), 1) }),
	}
	for name, raw := range cases {
		t.Run("request/"+name, func(t *testing.T) {
			if _, _, err := DecodeMatchRequest(raw); !errors.Is(err, ErrMatch) {
				t.Fatalf("got %v, want ErrMatch", err)
			}
		})
	}
	bad := func(change func(*MatchAnswer)) *MatchAnswer {
		a := matchAnswer(1)
		change(a)
		return a
	}
	for name, a := range map[string]*MatchAnswer{
		"no verdict":        bad(func(a *MatchAnswer) { a.Verdict = 0 }),
		"unknown verdict":   bad(func(a *MatchAnswer) { a.Verdict = 5 }),
		"hits of a no":      bad(func(a *MatchAnswer) { a.Verdict = MatchNoHit }),
		"reason of a hit":   bad(func(a *MatchAnswer) { a.Reason = "no-case" }),
		"refusal, why not":  bad(func(a *MatchAnswer) { a.Verdict, a.Hits = MatchRefused, nil }),
		"reason in words":   bad(func(a *MatchAnswer) { a.Verdict, a.Hits, a.Reason = MatchRefused, nil, "No case" }),
		"six hits":          bad(func(a *MatchAnswer) { a.Hits = matchAnswer(6).Hits }),
		"score over 1":      bad(func(a *MatchAnswer) { a.Hits[0].Score = MaxMatchScore + 1 }),
		"tier weak":         bad(func(a *MatchAnswer) { a.Hits[0].Tier = 3 }),
		"why with a value":  bad(func(a *MatchAnswer) { a.Hits[0].Why = []string{"name:Vorn Aldeku"} }),
		"terminal escape":   bad(func(a *MatchAnswer) { a.Hits[0].Ref = "list:x/\x1b[2J" }),
		"reference too big": bad(func(a *MatchAnswer) { a.Hits[0].Ref = strings.Repeat("r", MaxMatchRef+1) }),
	} {
		t.Run("answer/"+name, func(t *testing.T) {
			if _, err := EncodeMatchAnswer(a); !errors.Is(err, ErrMatch) {
				t.Fatalf("encode: got %v, want ErrMatch", err)
			}
		})
	}
}

// A flipped bit anywhere makes another message or none, so that the signature
// and the answer's hash of the request cover every byte.
func TestMatchFlippedBits(t *testing.T) {
	raw := signedRequest(t, matchRequest())
	_, whole, err := DecodeMatchRequest(raw)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(2396)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, seed))
	for i := range raw {
		b := bytes.Clone(raw)
		b[i] ^= 1 << rng.IntN(8)
		_, s, err := DecodeMatchRequest(b)
		if err == nil && bytes.Equal(s.Body, whole.Body) && bytes.Equal(s.Sig, whole.Sig) {
			t.Fatalf("byte %d: the flipped bit changed nothing", i)
		}
		if MatchRequestHash(b) == MatchRequestHash(raw) {
			t.Fatalf("byte %d: same hash", i)
		}
	}
}

func TestMatchErrorsNameNoPerson(t *testing.T) {
	r := matchRequest()
	r.Person.Names[0].Full = "Canary\xffname"
	r.Grounds = "canaryname\x00"
	_, err := EncodeMatchRequest(r)
	if err == nil || strings.Contains(strings.ToLower(err.Error()), "canary") {
		t.Fatalf("got %v", err)
	}
	r.Grounds = "fine"
	_, err = EncodeMatchRequest(r)
	if err == nil || strings.Contains(strings.ToLower(err.Error()), "canary") {
		t.Fatalf("got %v", err)
	}
}

func FuzzMatchRequest(f *testing.F) {
	f.Add(signedRequest(f, matchRequest()))
	f.Add(signedAnswer(f, matchAnswer(1)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, s, err := DecodeMatchRequest(raw)
		if err != nil {
			return
		}
		body, err := EncodeMatchRequest(r)
		if err != nil || !bytes.Equal(EncodeSignedMatch(SignedMatch{body, s.Alg, s.Sig}), raw) {
			t.Fatalf("not the one encoding (%v)", err)
		}
	})
}

func FuzzMatchAnswer(f *testing.F) {
	for n := range MaxMatchHits + 1 {
		f.Add(signedAnswer(f, matchAnswer(n)))
	}
	f.Add(make([]byte, MatchAnswerSize))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, s, err := DecodeMatchAnswer(raw)
		if err != nil {
			return
		}
		body, err := EncodeMatchAnswer(a)
		if err != nil || !bytes.Equal(EncodeSignedMatch(SignedMatch{body, s.Alg, s.Sig}), raw) {
			t.Fatalf("not the one encoding (%v)", err)
		}
	})
}

// The reason of a POSSIBLE names the State to ask, and says nothing else.
func TestReasonOfPossible(t *testing.T) {
	for _, c := range []struct {
		reason string
		asks   string
		ok     bool
	}{{"", "", true}, {AskReason("FIN"), "FIN", true}, {"ask:", "", false}, {"ask:nowhere", "", false}, {"no-case", "", false}} {
		a := matchAnswer(1)
		a.Reason = c.reason
		raw, err := EncodeMatchAnswer(a)
		if (err == nil) != c.ok {
			t.Errorf("POSSIBLE with reason %q: %d bytes, %v", c.reason, len(raw), err)
		}
		if s, ok := AskInstead(a); string(s) != c.asks && ok {
			t.Errorf("%q asks %q, want %q", c.reason, s, c.asks)
		}
	}
	none := matchAnswer(0)
	none.Reason = AskReason("FIN")
	if _, err := EncodeMatchAnswer(none); err == nil {
		t.Error("NO_HIT with a reason is encoded")
	}
}
