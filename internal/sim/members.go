package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Members is a founded exercise network: one State and one node each.
type Members struct {
	Roots   []*keys.Key
	Nodes   []*keys.Key
	States  []ct.State
	Genesis *roster.Genesis
	View    *roster.View
}

// NewMembers founds a network of n States, at most MaxMembers, with keys that follow from seed.
// created must be now or earlier on the clock that will judge the records.
func NewMembers(n int, seed uint64, created time.Time) (*Members, error) {
	policy := roster.DefaultPolicy()
	policy.LogBurst = 1 << 50 // a test writes within a second what takes a member days
	return NewMembersUnder(policy, n, seed, created)
}

// NewMembersUnder founds it under a policy.
func NewMembersUnder(policy roster.Policy, n int, seed uint64, created time.Time) (*Members, error) {
	m := &Members{}
	var reqs []roster.Request
	for i, state := range states(n) {
		root, node := key(seed, "root", i), key(seed, "node", i)
		req, err := roster.NewRequest(state, root, node, nil)
		if err != nil {
			return nil, fmt.Errorf("found network: %w", err)
		}
		reqs = append(reqs, req)
		m.Roots, m.Nodes, m.States = append(m.Roots, root), append(m.Nodes, node), append(m.States, state)
	}
	g, err := roster.NewGenesis("simulated", true, created, policy, reqs)
	if err != nil {
		return nil, fmt.Errorf("found network: %w", err)
	}
	for _, root := range m.Roots {
		if err := g.Sign(root, created); err != nil {
			return nil, fmt.Errorf("found network: %w", err)
		}
	}
	m.Genesis = g
	if m.View, err = roster.New(g); err != nil {
		return nil, fmt.Errorf("found network: %w", err)
	}
	return m, nil
}

func key(seed uint64, role string, i int) *keys.Key {
	b := binary.BigEndian.AppendUint64([]byte("herald/sim/"+role+"/"), seed)
	return keys.FromSeed(sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(i))))
}

// Founding gives the records of the founders' root logs, State by State.
func (m *Members) Founding(now time.Time) ([]verify.Record, error) {
	var out []verify.Record
	for _, raw := range m.Genesis.Records() {
		r, err := verify.Open(raw, m.View, now)
		if err != nil {
			return nil, fmt.Errorf("founding record: %w", err)
		}
		out = append(out, r)
	}
	return out, nil
}

// Delegate has State i name a node once more, a second one or its first anew:
// the record, second of its root log, and the roster that follows from v.
func (m *Members) Delegate(v *roster.View, i int, node *keys.Key, now time.Time) (verify.Record, *roster.View, error) {
	proof, err := roster.Agree(node, m.States[i], m.Roots[i].Public())
	if err != nil {
		return verify.Record{}, nil, err
	}
	d := &ct.Delegation{
		State: m.States[i], Serial: 2, Node: node.Public(), Proof: proof,
		NotBefore: ct.MillisOf(now), NotAfter: ct.MillisOf(now.Add(300 * 24 * time.Hour)),
	}
	body, err := wire.EncodeDelegation(d)
	if err != nil {
		return verify.Record{}, nil, err
	}
	h := Header(m.View.Network(), m.Roots[i].Public(), ct.TopicControl, now)
	at, _ := v.RootNext(h.Log)
	at.Put(&h, v.Line(h.Log))
	h.Kind = uint32(ct.KindDelegation)
	rec, err := Sign(m.Roots[i], m.View, h, body)
	if err != nil {
		return rec, nil, err
	}
	v, err = v.Apply(rec.Header(), rec.ID(), roster.Operation{Delegation: d})
	return rec, v, err
}

// Key is a key that the founding named nobody's; the same for the same seed and i.
func Key(seed uint64, i int) *keys.Key { return key(seed, "later", i) }

// Stranger is the key of a node that is in nobody's roster.
func Stranger(seed uint64) *keys.Key { return key(seed, "stranger", 0) }

// MaxMembers is how many States there can be: the 193 Member States, the
// specimen State and, to fill up, territories of the State table.
const MaxMembers = 200

// states are n codes of the State table, UTO (the specimen State) first.
func states(n int) []ct.State {
	out := []ct.State{"UTO"}
	for _, status := range []ct.StateStatus{ct.StatusMember, ct.StatusObserver, ct.StatusOther} {
		for _, c := range ct.Countries() {
			if c.Status == status {
				out = append(out, c.State)
			}
		}
	}
	return out[:min(n, MaxMembers)]
}

// Header is a record's header for tests, whole but for seq, prev and body.
func Header(network ct.NetworkID, log ct.LogID, topic ct.Topic, now time.Time) wire.Header {
	return wire.Header{
		Version: wire.Version, Network: network.Prefix(), Log: log, Kind: uint32(ct.KindNotification),
		Topic: uint32(topic), Issued: ct.MillisOf(now), Expires: ct.MillisOf(now.Add(24 * time.Hour)),
		Priority: uint32(ct.PriorityRoutine), TLP: uint32(ct.TLPAmber), Audience: uint32(ct.AudienceAll),
	}
}

// Sign makes a record of a header and a body and proves it as any node would.
func Sign(k *keys.Key, v *roster.View, h wire.Header, body []byte) (verify.Record, error) {
	salt := sha256.Sum256(binary.BigEndian.AppendUint64(h.Log[:], h.Seq))
	h.Commit, h.BodySize = wire.Commit(salt[:], body), uint32(len(body))
	raw := wire.EncodeHeader(&h)
	sig, err := k.Sign(keys.ContextRecord, v.Network(), raw)
	if err != nil {
		return verify.Record{}, err
	}
	e := wire.Envelope{HeaderBytes: raw, Alg: keys.AlgEd25519, Sig: sig, Salt: salt[:], Body: body}
	return verify.Open(wire.Encode(&e), v, h.Issued.Time())
}
