package bench

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// network is an exercise network of one node per State, with real keys.
type network struct {
	view    *roster.View
	genesis *roster.Genesis
	nodes   []*author

	seed    uint64
	founded time.Time
	content []form // made when first asked for
}

// forms are the contents that its records carry.
func (net *network) forms() (_ []form, err error) {
	if net.content == nil {
		net.content, err = newForms(net.seed)
	}
	return net.content, err
}

// author is one node's log being written.
type author struct {
	key    *keys.Key
	state  ct.State
	at     wire.Next
	issued ct.Millis
	bare   bool // the next records carry no good signature: a later one proves them
}

// newNetwork founds a network of n States.
func newNetwork(n int, seed uint64) (*network, error) { return foundNetwork(n, seed, time.Now()) }

// foundNetwork makes the same network in every process.
func foundNetwork(n int, seed uint64, now time.Time) (*network, error) {
	policy := roster.DefaultPolicy()
	policy.LogBurst = 1 << 50 // a day's records of a network are made within a minute
	return foundUnder(policy, n, seed, now)
}

func foundUnder(policy roster.Policy, n int, seed uint64, now time.Time) (*network, error) {
	states := memberStates(n)
	if len(states) < n {
		return nil, fmt.Errorf("found a network: %d States wanted, %d known", n, len(states))
	}
	var reqs []roster.Request
	var roots []*keys.Key
	net := &network{seed: seed, founded: now}
	for i := range n {
		root, node := keyOf(seed, "root", i), keyOf(seed, "node", i)
		req, err := roster.NewRequest(states[i], root, node, nil)
		if err != nil {
			return nil, err
		}
		reqs, roots = append(reqs, req), append(roots, root)
		net.nodes = append(net.nodes, &author{key: node, state: states[i], issued: ct.MillisOf(now)})
	}
	g, err := roster.NewGenesis("bench", true, now, policy, reqs)
	if err != nil {
		return nil, err
	}
	for _, r := range roots {
		if err := g.Sign(r, now); err != nil {
			return nil, err
		}
	}
	if net.view, err = roster.New(g); err != nil {
		return nil, err
	}
	net.genesis = g
	for _, a := range net.nodes {
		me, ok := net.view.Node(a.key.Public())
		if !ok {
			return nil, fmt.Errorf("found a network: the genesis does not delegate to %s", a.state)
		}
		a.at = wire.First(me.Delegation)
	}
	return net, nil
}

func memberStates(n int) []ct.State {
	var out []ct.State
	for _, c := range ct.Countries() {
		if len(out) < n && c.Status != ct.StatusICAO {
			out = append(out, c.State)
		}
	}
	return out
}

func keyOf(seed uint64, what string, i int) *keys.Key {
	h := sha256.New()
	fmt.Fprintf(h, "herald bench %s %d %d", what, seed, i)
	return keys.FromSeed([32]byte(h.Sum(nil)))
}

// next signs the author's next notification.
func (a *author) next(net *network, body []byte, topic ct.Topic, rng *rand.Rand) ([]byte, error) {
	return a.sign(net, &form{body: body, topic: topic, kind: ct.KindNotification}, rng)
}

// sign signs the author's next record.
func (a *author) sign(net *network, f *form, rng *rand.Rand) ([]byte, error) {
	var salt [wire.SaltSize]byte
	for i := 0; i < len(salt); i += 8 {
		binary.LittleEndian.PutUint64(salt[i:], rng.Uint64())
	}
	network := net.view.Network()
	h := wire.Header{
		Version: wire.Version, Network: network.Prefix(), Log: a.key.Public(),
		Kind: uint32(f.kind), Topic: uint32(f.topic), Refs: f.refs,
		Commit: wire.Commit(salt[:], f.body), BodySize: uint32(len(f.body)),
		// 340 days: after every review date of package synth, else the content would be inadmissible.
		Issued: a.issued, Expires: a.issued + ct.Millis((340 * 24 * time.Hour).Milliseconds()),
		Priority: uint32(ct.PriorityRoutine), TLP: uint32(ct.TLPAmber), Audience: uint32(ct.AudienceAll),
	}
	a.at.Put(&h, net.view.Line(h.Log))
	raw := wire.EncodeHeader(&h)
	sig := make([]byte, wire.SigSize)
	if !a.bare {
		var err error
		if sig, err = a.key.Sign(keys.ContextRecord, network, raw); err != nil {
			return nil, err
		}
	}
	a.at = h.After(wire.ID(network, raw), len(raw))
	e := &wire.Envelope{HeaderBytes: raw, Alg: wire.AlgEd25519, Sig: sig, Salt: salt[:], Body: f.body}
	if f.bare {
		e.Salt, e.Body = nil, nil
	}
	return wire.Encode(e), nil
}

// form is content to sign. It is signed again and again under other salts: it
// is not what is measured.
type form struct {
	body  []byte
	topic ct.Topic
	kind  ct.Kind
	refs  []ct.Ref
	bare  bool // it goes without its body
}

// bodyMean is the size of body, on average, for which the targets are set.
const bodyMean = 600

// newForms takes from what package synth makes, which is larger on average,
// whatever keeps the mean at bodyMean.
func newForms(seed uint64) ([]form, error) {
	gen := synth.New(seed)
	topics := []ct.Topic{ct.TopicTravel, ct.TopicArrival, ct.TopicDeportation, ct.TopicDetention}
	forms, size := make([]form, 0, 1000), 0
	for i := 0; len(forms) < cap(forms); i++ {
		c := gen.Notification(topics[i%len(topics)], time.Now())
		body, err := wire.EncodeNotification(c)
		if err != nil {
			return nil, err
		}
		if size+len(body) <= bodyMean*(len(forms)+1) {
			forms, size = append(forms, form{body: body, topic: c.Topic, kind: ct.KindNotification}), size+len(body)
		}
	}
	return forms, nil
}

// records signs n notifications, the authors in turn.
func (net *network) records(n int, o Options, authors []*author) ([][]byte, error) {
	rng := rand.New(rand.NewPCG(o.Seed, 2))
	forms, err := net.forms()
	if err != nil {
		return nil, err
	}
	out := make([][]byte, 0, n)
	for i := range n {
		f := forms[rng.IntN(len(forms))]
		raw, err := authors[i%len(authors)].next(net, f.body, f.topic, rng)
		if err != nil {
			return nil, err
		}
		out = append(out, raw)
		if i%1000 == 0 {
			o.Progress("sign records", i, n)
		}
	}
	o.Progress("sign records", n, n)
	return out, nil
}

// delegations are the founders' root-log records.
func (net *network) delegations() ([]verify.Record, error) {
	var out []verify.Record
	for _, raw := range net.genesis.Records() {
		r, err := verify.Open(raw, net.view, time.Now())
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
