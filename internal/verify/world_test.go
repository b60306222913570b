package verify_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// The world of the vectors: one exercise network of UTO (two nodes), NOR and
// BRA, and one network in earnest of NOR and BRA. All keys follow from words.
var (
	founded = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	issued  = time.Date(2026, 11, 15, 10, 30, 0, 0, time.UTC)
	now     = time.Date(2026, 11, 15, 11, 0, 0, 0, time.UTC)
)

const day = 24 * time.Hour

type world struct {
	genesis map[string]*roster.Genesis
	view    map[string]*roster.View
}

const (
	exercise = "exercise"
	earnest  = "earnest"
)

// seed is that of the key which words name: SHA-256 of them.
func seed(words string) [32]byte { return sha256.Sum256([]byte("herald vectors: " + words)) }

func key(words string) *keys.Key { return keys.FromSeed(seed(words)) }

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{map[string]*roster.Genesis{}, map[string]*roster.View{}}
	w.found(tb, exercise, "Exercise Vector", "UTO 1", "UTO 2", "NOR 1", "BRA 1")
	w.found(tb, earnest, "Vector", "NOR 1", "BRA 1")
	return w
}

// found founds a network of nodes named "STATE n".
func (w *world) found(tb testing.TB, net, name string, nodes ...string) {
	tb.Helper()
	var reqs []roster.Request
	for i, n := range nodes {
		r, err := roster.NewRequest(ct.State(n[:3]), key(n[:3]+" root"), key(n), []string{fmt.Sprintf("/ip4/192.0.2.%d/tcp/4001", i+1)})
		if err != nil {
			tb.Fatal(err)
		}
		reqs = append(reqs, r)
	}
	g, err := roster.NewGenesis(name, net == exercise, founded, roster.Policy{}, reqs)
	if err != nil {
		tb.Fatal(err)
	}
	for _, s := range g.Missing() {
		if err := g.Sign(key(string(s)+" root"), founded); err != nil {
			tb.Fatal(err)
		}
	}
	v, err := roster.New(g)
	if err != nil {
		tb.Fatal(err)
	}
	w.genesis[net], w.view[net] = g, v
}

// draft is a record in the making; what is zero is filled in by raw.
type draft struct {
	net  string
	by   string // words of the signing key
	h    wire.Header
	salt []byte
	body []byte
	bare bool // without its body
}

// draft of a record of UTO's first node with ordinary values.
func (w *world) draft(kind ct.Kind, topic ct.Topic, body []byte) *draft {
	return &draft{
		net: exercise, by: "UTO 1", body: body,
		h: wire.Header{
			Version: wire.Version, Seq: 7, Prev: ct.ID(sha256.Sum256([]byte("prev"))), Kind: uint32(kind), Topic: uint32(topic),
			Issued: ct.MillisOf(issued), Expires: ct.MillisOf(issued.Add(365 * day)),
			Priority: uint32(ct.PriorityRoutine), TLP: uint32(ct.TLPAmber), Audience: uint32(ct.AudienceAll),
		},
	}
}

// room is how long the log of a key may be at the ordinary time.
func (w *world) room(by string) uint64 {
	right, _ := w.view[exercise].Right(key(by).Public())
	return right.Growth.Room(ct.MillisOf(issued))
}

func (w *world) line(by string) wire.Line { return w.view[exercise].Line(key(by).Public()) }

// with changes d.
func (d *draft) with(change func(*draft)) *draft {
	change(d)
	return d
}

// header fills in what follows from the rest and encodes it.
func (w *world) header(d *draft) []byte {
	d.h.Network = w.view[d.net].Network().Prefix()
	d.h.Log = key(d.by).Public()
	if d.salt == nil {
		s := sha256.Sum256(fmt.Appendf(nil, "salt %s %d %x", d.by, d.h.Seq, d.body))
		d.salt = s[:]
	}
	d.h.Commit, d.h.BodySize = wire.Commit(d.salt, d.body), uint32(len(d.body))
	return wire.EncodeHeader(&d.h)
}

// raw signs and encodes d.
func (w *world) raw(d *draft) []byte { return w.seal(d, w.header(d)) }

// seal signs header bytes that may be anything, and encodes the record.
func (w *world) seal(d *draft, header []byte) []byte {
	e := wire.Envelope{HeaderBytes: header, Alg: keys.AlgEd25519, Sig: w.sign(d, header)}
	if !d.bare {
		e.Salt, e.Body = d.salt, d.body
	}
	return wire.Encode(&e)
}

func (w *world) sign(d *draft, header []byte) []byte {
	sig, _ := key(d.by).Sign(keys.ContextRecord, w.view[d.net].Network(), header)
	return sig
}

// notification is a whole and valid one, of an invented person.
func notification(topic ct.Topic) *ct.Notification {
	n := &ct.Notification{
		Topic: topic, Priority: ct.PriorityRoutine, TLP: ct.TLPAmber, Audience: ct.AudienceAll,
		Person: ct.Person{
			Names: []ct.Name{
				{Kind: ct.NamePrimary, Parts: []string{"Vektora", "Testa"}, Full: "Vektora Testa", Quality: "good"},
				{Kind: ct.NameAlias, Full: "Вектора Теста", Script: "Cyrl", Quality: "low"},
			},
			Births:        []ct.Birth{{Date: "1984-02-29"}, {Date: "1983/1985"}},
			Nationalities: []ct.State{"UTO"},
			Documents:     []ct.Document{{Type: "P", Number: "X1234567", Issuer: "UTO"}},
		},
		Assessment: ct.Assessment{
			Grounds: []string{ct.GroundNational}, GroundsText: "Invented for a test vector.", Designation: ct.DesignationKnown,
			LegalBasis: []ct.LegalBasis{{Instrument: "UNSCR-2396-OP3"}}, Purpose: "border-screening",
			SourceGrade: "B", InfoGrade: "2", RequestedAction: ct.ActionNotifyOnly,
		},
		Handling:  ct.Handling{Codes: []string{"H1"}, PAP: "AMBER", Caveats: []string{"contact-first"}},
		Retention: ct.Retention{PurposeDate: "2027-05-01", ReviewDate: "2027-10-01", Expires: ct.MillisOf(issued.Add(365 * day)).String()},
		Contact:   ct.Contact{Desk: "Utopia CT Centre", Email: "desk@ct.utopia.example", Ref: "V-1"},
	}
	n.Event = ct.Event{Phase: ct.PhaseConfirmed, Time: "2026-11-14T21:05:00+01:00", Precision: "exact", Source: "NOR", Destination: "BRA"}
	switch topic {
	case ct.TopicTravel:
		n.Event.Type = ct.Departure
		n.Event.Legs = []ct.Leg{{
			Mode: "air", Carrier: "UT", ServiceNo: "UT123", From: ct.Place{Code: "OSL", State: "NOR"}, To: ct.Place{Code: "GRU", State: "BRA"},
		}}
	case ct.TopicArrival:
		n.Event.Type = ct.EntryRefused
	case ct.TopicDeportation:
		n.Event.Type = ct.DeportationExecuted
	case ct.TopicDetention:
		n.Event.Type = ct.Detained
		n.Event.Detention = &ct.Detention{Country: "BRA", Region: "BR-SP", Since: "2026-11-14"}
	}
	return n
}

// body encodes content; the tests' own content always encodes.
func body(content any) []byte {
	var b []byte
	var err error
	switch c := content.(type) {
	case *ct.Notification:
		b, err = wire.EncodeNotification(c)
	case *ct.Retraction:
		b, err = wire.EncodeRetraction(c)
	case *ct.Addresses:
		b, err = wire.EncodeAddresses(c)
	case *ct.Delegation:
		b, err = wire.EncodeDelegation(c)
	case *ct.Renewal:
		b, err = wire.EncodeRenewal(c)
	case *ct.Closing:
		b, err = wire.EncodeClosing(c)
	case *ct.MatchRelease:
		b, err = wire.EncodeMatchRelease(c)
	}
	if err != nil || b == nil {
		panic(fmt.Sprintf("content of %T: %v", content, err))
	}
	return b
}

// agreed is a node key's proof that it lets a root key name it.
func agreed(node *keys.Key, state ct.State, root ct.LogID) []byte {
	proof, err := roster.Agree(node, state, root)
	if err != nil {
		panic(err)
	}
	return proof
}
