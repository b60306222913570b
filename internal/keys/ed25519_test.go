package keys_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"slices"
	"testing"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/node/ct"
)

var update = flag.Bool("update", false, "write proto/vectors/ed25519.json anew")

const edgeFile = "../../proto/vectors/ed25519.json"

// edge is one case on which implementations of Ed25519 differ. Verifies is the
// answer of herald, which is crypto/ed25519's: no cofactor, R compared as bytes,
// S below the group order, the public key in any encoding of a point. Possible
// tells whether the roster admits the key at all.
type edge struct {
	Name      string `json:"name"`
	Public    string `json:"public"`
	Message   string `json:"message"`
	Signature string `json:"signature"`
	Verifies  bool   `json:"verifies"`
	Possible  bool   `json:"possible"`
}

// The curve, by the formulas of RFC 8032 section 5.1, slowly and in the open:
// nothing here shares code with what it tests.
var (
	p     = num("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed")
	order = num("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed")
	d     = mod(new(big.Int).Mul(big.NewInt(-121665), inv(big.NewInt(121666))))
	base  = point{
		num("216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51a"),
		num("6666666666666666666666666666666666666666666666666666666666666658"),
	}
	// A point of order 8.
	torsion = point{
		num("602a465ff9c6b5d716cc66cdc721b544a3e6c38fec1a1dc7215eb9b93aba2ea3"),
		num("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"),
	}
	identity = point{big.NewInt(0), big.NewInt(1)}
)

type point struct{ x, y *big.Int }

func num(s string) *big.Int   { n, _ := new(big.Int).SetString(s, 16); return n }
func mod(n *big.Int) *big.Int { return n.Mod(n, p) }
func inv(n *big.Int) *big.Int { return new(big.Int).ModInverse(n, p) }
func mul(a ...*big.Int) *big.Int {
	out := big.NewInt(1)
	for _, x := range a {
		mod(out.Mul(out, x))
	}
	return out
}

func (a point) add(b point) point {
	one := big.NewInt(1)
	dxy := mul(d, a.x, b.x, a.y, b.y)
	x := new(big.Int).Add(mul(a.x, b.y), mul(b.x, a.y))
	y := new(big.Int).Add(mul(a.y, b.y), mul(a.x, b.x))
	return point{
		mul(x, inv(new(big.Int).Add(one, dxy))),
		mul(y, inv(mod(new(big.Int).Sub(one, dxy)))),
	}
}

func (a point) times(n *big.Int) point {
	out := identity
	for i := n.BitLen() - 1; i >= 0; i-- {
		out = out.add(out)
		if n.Bit(i) == 1 {
			out = out.add(a)
		}
	}
	return out
}

func (a point) bytes() []byte {
	b := little(a.y)
	b[31] |= byte(a.x.Bit(0)) << 7
	return b
}

func little(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

// challenge is SHA-512(R ‖ A ‖ message) modulo the order.
func challenge(r, a, msg []byte) *big.Int {
	h := sha512.Sum512(slices.Concat(r, a, msg))
	slices.Reverse(h[:])
	return new(big.Int).Mod(new(big.Int).SetBytes(h[:]), order)
}

// edges builds the cases. Their expected answers are reasoned, not computed.
func edges(t *testing.T) []edge {
	secret, nonce := big.NewInt(0x1234567), big.NewInt(0x7654321)
	plus := func(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) }
	var out []edge
	add := func(name string, a, r []byte, s *big.Int, msg string, verifies, possible bool) {
		out = append(out, edge{
			name, hex.EncodeToString(a), hex.EncodeToString([]byte(msg)),
			hex.EncodeToString(slices.Concat(r, little(s))), verifies, possible,
		})
	}
	// response is S for a key with this secret part.
	response := func(r, a []byte, msg string) *big.Int {
		k := challenge(r, a, []byte(msg))
		return new(big.Int).Mod(plus(nonce, k.Mul(k, secret)), order)
	}
	// message finds one whose challenge is, or is not, a multiple of 8.
	message := func(r, a []byte, multiple bool) string {
		for i := range 1000 {
			msg := string(rune('a'+i%26)) + string(rune('a'+i/26))
			if (new(big.Int).And(challenge(r, a, []byte(msg)), big.NewInt(7)).Sign() == 0) == multiple {
				return msg
			}
		}
		t.Fatal("no message found")
		return ""
	}
	A, R := base.times(secret).bytes(), base.times(nonce).bytes()
	I, T := identity.bytes(), torsion.bytes()
	S := response(R, A, "herald")
	add("ordinary", A, R, S, "herald", true, true)
	add("ordinary, empty message", A, R, response(R, A, ""), "", true, true)
	add("S plus the group order", A, R, plus(S, order), "herald", false, true)
	add("S of 2^253", A, R, new(big.Int).Lsh(big.NewInt(1), 253), "herald", false, true)
	add("S zero and R the identity", A, I, new(big.Int), "herald", false, true)

	add("key is the identity: verifies for every message", I, I, new(big.Int), "anything", true, false)
	add("key is the identity, R of order 8", I, T, new(big.Int), "anything", false, false)
	add("key of order 8, challenge a multiple of 8", T, I, new(big.Int), message(I, T, true), true, false)
	add("key of order 8, challenge no multiple of 8 (verifies with cofactor)", T, I, new(big.Int), message(I, T, false), false, false)

	M := base.times(secret).add(torsion).bytes()
	yes, no := message(R, M, true), message(R, M, false)
	add("key of mixed order, challenge a multiple of 8", M, R, response(R, M, yes), yes, true, true)
	add("key of mixed order, challenge no multiple of 8 (verifies with cofactor)", M, R, response(R, M, no), no, false, true)
	Rm := base.times(nonce).add(torsion).bytes()
	add("R of mixed order (verifies with cofactor)", A, Rm, response(Rm, A, "herald"), "herald", false, true)

	again := little(plus(p, big.NewInt(1))) // the identity, y = p + 1
	minus := bytes.Clone(I)
	minus[31] |= 0x80 // the identity, with the sign of x = 0 set
	add("R encoded with y above p", I, again, new(big.Int), "anything", false, false)
	add("R encoded as minus zero", I, minus, new(big.Int), "anything", false, false)
	add("key encoded with y above p", again, I, new(big.Int), "anything", true, false)
	add("key encoded as minus zero", minus, I, new(big.Int), "anything", true, false)
	off := little(big.NewInt(2))
	add("key not on the curve", off, R, response(R, off, "herald"), "herald", false, true)
	return out
}

func TestEdgesOfEd25519(t *testing.T) {
	if got := torsion.times(big.NewInt(8)).bytes(); !bytes.Equal(got, identity.bytes()) ||
		bytes.Equal(torsion.times(big.NewInt(4)).bytes(), identity.bytes()) {
		t.Fatal("the torsion point is not of order 8")
	}
	want, err := json.MarshalIndent(edges(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(edgeFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(edgeFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("ed25519.json is not what this test builds; run go test ./internal/keys -update")
	}
	var cases []edge
	if err := json.Unmarshal(got, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		public, _ := hex.DecodeString(c.Public)
		msg, _ := hex.DecodeString(c.Message)
		sig, _ := hex.DecodeString(c.Signature)
		if got := ed25519.Verify(public, msg, sig); got != c.Verifies {
			t.Errorf("%s: verifies is %v, want %v", c.Name, got, c.Verifies)
		}
		if got := keys.Possible(ct.LogID(public)); got != c.Possible {
			t.Errorf("%s: possible is %v, want %v", c.Name, got, c.Possible)
		}
	}
}

// TestEverySmallOrderKeyIsRefused walks the eight points themselves, in both
// encodings that a lenient decoder takes.
func TestEverySmallOrderKeyIsRefused(t *testing.T) {
	at := identity
	for range 8 {
		at = at.add(torsion)
		b := at.bytes()
		if keys.Possible(ct.LogID(b)) {
			t.Errorf("%x is of small order and possible", b)
		}
		b[31] ^= 0x80
		if keys.Possible(ct.LogID(b)) {
			t.Errorf("%x is of small order and possible", b)
		}
		if y := new(big.Int).Add(at.y, p); y.BitLen() <= 255 {
			if b := little(y); keys.Possible(ct.LogID(b)) {
				t.Errorf("%x is not canonical and possible", b)
			}
		}
	}
	if !bytes.Equal(at.bytes(), identity.bytes()) {
		t.Fatal("not the whole small-order group")
	}
	for i := range 50 {
		if k := keys.FromSeed([32]byte{byte(i)}); !keys.Possible(k.Public()) {
			t.Errorf("an ordinary key is not possible: %s", k.Public())
		}
	}
}
