package verify_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
	"google.golang.org/protobuf/proto"
)

// accepted builds the records that are chained: first those whose content is
// shown, then at least one for each reason why a content is not.
func accepted(w *world) []recordVector {
	var out []recordVector
	var because verify.Reason
	add := func(name string, d *draft) {
		by := "gossip"
		if d.bare || d.h.Topic > uint32(ct.TopicReceipt) || d.h.Topic == 0 {
			by = "sync"
		}
		raw := w.raw(d)
		e, err := wire.Decode(raw)
		if err != nil {
			panic(name + ": " + err.Error())
		}
		out = append(out, recordVector{
			Name: name, Network: d.net, By: by, Key: d.by, ID: wire.ID(w.view[d.net].Network(), e.HeaderBytes).String(),
			Inadmissible: because, Header: hex.EncodeToString(e.HeaderBytes), Signature: hex.EncodeToString(e.Sig), Bytes: hex.EncodeToString(raw),
		})
	}
	// notify is a valid notification, changed.
	notify := func(topic ct.Topic, change func(*draft)) *draft {
		d := w.draft(ct.KindNotification, topic, body(notification(topic)))
		if change != nil {
			change(d)
		}
		return d
	}
	retract := func(change func(*draft)) *draft {
		d := w.draft(ct.KindRetract, ct.TopicTravel, body(&ct.Retraction{Reason: "mistaken-identity"}))
		d.h.Refs = []ct.Ref{{Log: key("UTO 2").Public(), Seq: 3, ID: ct.ID{1, 2, 3}}}
		if change != nil {
			change(d)
		}
		return d
	}
	// delegate is the second record of UTO's root log after the founding.
	delegate := func(change func(*draft, *ct.Delegation)) *draft {
		c := &ct.Delegation{
			State: "UTO", Serial: 3, Node: key("UTO 3").Public(),
			NotBefore: ct.MillisOf(issued), NotAfter: ct.MillisOf(issued.Add(400 * day)),
		}
		d := w.draft(ct.KindDelegation, ct.TopicControl, nil)
		d.by, d.h.Seq, d.h.Expires = "UTO root", 3, c.NotAfter
		d.h.Prev = w.view[exercise].Nodes()[3].Delegation
		c.Proof = make([]byte, 64)
		if change != nil {
			change(d, c)
		}
		for _, name := range []string{"UTO 1", "UTO 2", "UTO 3", "NOR 1"} {
			if k := key(name); k.Public() == c.Node && c.Proof != nil {
				c.Proof = agreed(k, "UTO", key("UTO root").Public())
			}
		}
		d.body = body(c)
		return d
	}
	// rooted is a record of UTO's root log with other content.
	rooted := func(kind ct.Kind, content []byte) *draft {
		return delegate(nil).with(func(d *draft) {
			d.h.Kind, d.h.Expires, d.body = uint32(kind), ct.MillisOf(issued.Add(ct.MaxRetention)), content
		})
	}
	closing := func(change func(*ct.Closing)) *draft {
		c := &ct.Closing{Log: key("UTO 1").Public(), Seq: 7, ID: ct.ID{7}, Reason: "compromised", Text: "A copy of the disk, invented.", Since: ct.MillisOf(issued)}
		if change != nil {
			change(c)
		}
		return rooted(ct.KindClosing, body(c))
	}
	renewal := &ct.Renewal{Node: key("UTO 1").Public(), NotAfter: ct.MillisOf(issued.Add(400 * day))}
	address := func() *draft {
		return w.draft(ct.KindAddress, ct.TopicControl, body(&ct.Addresses{Serial: 1, Addrs: []string{"/dns/node.ct.utopia.example/udp/4001/quic-v1"}}))
	}

	// release answers a request of NOR, with what UTO holds of an invented person.
	release := func(change func(*draft, *ct.MatchRelease)) *draft {
		p := notification(ct.TopicTravel).Person
		r := &ct.MatchRelease{
			Requests: []ct.ID{{1}, {2}}, To: "NOR", By: "human", Contact: ct.Contact{Desk: "CT desk UTO, invented"},
			Hits: []ct.ReleasedHit{{
				Ref: "rec:" + strings.Repeat("ab", 32), Score: 9_123, Tier: "strong", Why: []string{"name:agree", "birth:absent"}, Author: "UTO",
				TLP: ct.TLPAmber, Event: ct.Departure, EventTime: "2026-01-02",
				Person:      &ct.Person{Names: p.Names, Births: p.Births, Nationalities: p.Nationalities},
				Designation: "suspected", Action: ct.ActionContactAuthor,
				Withheld: append([]string{"documents"}, ct.NeverReleased()...),
			}},
		}
		d := w.draft(ct.KindMatchRelease, ct.TopicReceipt, nil)
		d.h.TLP, d.h.Expires = uint32(ct.TLPAmber), ct.MillisOf(issued.Add(30*day))
		if change != nil {
			change(d, r)
		}
		if d.body == nil {
			d.body = body(r)
		}
		return d
	}

	for _, t := range []ct.Topic{ct.TopicTravel, ct.TopicArrival, ct.TopicDeportation, ct.TopicDetention} {
		add("notification on "+t.String(), notify(t, nil))
	}
	add("first record of a log", notify(ct.TopicTravel, func(d *draft) {
		d.h.Seq, d.h.Prev = 1, w.view[exercise].Nodes()[2].Delegation
	}))
	add("shortest retention", notify(ct.TopicTravel, func(d *draft) {
		n := notification(ct.TopicTravel)
		n.Retention = ct.Retention{}
		d.body, d.h.Expires = body(n), d.h.Issued+1
	}))
	add("longest retention", notify(ct.TopicTravel, func(d *draft) { d.h.Expires = ct.MillisOf(issued.Add(ct.MaxRetention)) }))
	add("retraction", retract(nil))
	add("retraction with a text", retract(func(d *draft) {
		d.body = body(&ct.Retraction{Reason: "court-order", Text: "Решение суда, invented."})
	}))
	add("retraction in another node's log of the State", retract(func(d *draft) { d.by = "UTO 2" }))
	add("retraction of two", retract(func(d *draft) { d.h.Refs = append(d.h.Refs, d.h.Refs[0]) }))
	add("retraction of 64", retract(func(d *draft) { d.h.Refs = refs(wire.MaxRefs) }))
	add("retraction of a record of its own State and of another's", retract(func(d *draft) {
		d.h.Refs = append(d.h.Refs, ct.Ref{Log: key("NOR 1").Public(), Seq: 9, ID: ct.ID{9}})
	}))
	add("issued ten minutes from now", notify(ct.TopicTravel, func(d *draft) { d.h.Issued = ct.MillisOf(now) + 10*60*1000 }))
	add("its log has grown as far as it may", notify(ct.TopicTravel, func(d *draft) { d.h.Offset = w.room("UTO 1") }))
	add("its log is at the line", notify(ct.TopicTravel, func(d *draft) { d.h.Offset = w.line("UTO 1").At(d.h.Issued) }))
	add("retraction of a log not known yet", retract(func(d *draft) { d.h.Refs[0].Log = key("stranger").Public() }))
	add("match release", release(nil))
	add("match release that says whom to call", release(func(_ *draft, r *ct.MatchRelease) {
		h := &r.Hits[0]
		h.Person, h.Event, h.EventTime, h.Designation, h.Action, h.Why = nil, "", "", "", "", nil
		h.TLP, h.Contact, h.Withheld = ct.TLPRed, &ct.Contact{Desk: "desk"}, append([]string{"person", "event", "assessment"}, ct.NeverReleased()...)
		r.By = "policy"
	}))
	add("retraction of a match release", retract(func(d *draft) {
		d.h.Topic, d.body = uint32(ct.TopicReceipt), body(&ct.Retraction{Reason: "superseded"})
	}))
	add("addresses", address())
	add("delegation", delegate(nil))
	add("renewal by a second delegation", delegate(func(d *draft, c *ct.Delegation) { c.Node = key("UTO 1").Public() }))
	add("delegation kept beyond the longest retention", delegate(func(d *draft, _ *ct.Delegation) { d.h.Expires = math.MaxInt64 }))
	add("renewal", rooted(ct.KindRenewal, body(renewal)))
	add("closing", closing(nil))
	add("closing that says no more than it must", closing(func(c *ct.Closing) { c.Text, c.Since = "", 0 }))
	add("closing at the beginning", closing(func(c *ct.Closing) { c.Seq = 0 }))
	add("closing of a log of nobody", closing(func(c *ct.Closing) { c.Log = key("stranger").Public() }))
	add("without its body", notify(ct.TopicTravel, func(d *draft) { d.bare = true }))
	add("with ext", notify(ct.TopicTravel, func(d *draft) { d.h.Ext = bytes.Repeat([]byte{0xee}, wire.MaxExt) }))
	add("with the largest seq, an offset and a key epoch", notify(ct.TopicTravel, func(d *draft) {
		d.h.Seq, d.h.Offset, d.h.KeyEpoch = math.MaxUint64, 1<<20, math.MaxUint32
	}))
	add("of the other network", notify(ct.TopicTravel, func(d *draft) {
		d.net, d.by, d.h.Audience = earnest, "NOR 1", uint32(ct.AudienceAll)
		d.h.Kind, d.body = uint32(ct.KindRetract), body(&ct.Retraction{Reason: "error"})
		d.h.Refs = []ct.Ref{{Log: key("NOR 1").Public(), Seq: 1, ID: ct.ID{9}}}
	}))

	because = verify.UnknownKind
	add("kind 24", notify(ct.TopicTravel, func(d *draft) { d.h.Kind = 24 }))
	add("kind 257", notify(ct.TopicTravel, func(d *draft) { d.h.Kind = 257 }))
	add("largest kind", notify(ct.TopicTravel, func(d *draft) { d.h.Kind = math.MaxUint32 }))
	add("smallest record", notify(ct.TopicTravel, func(d *draft) {
		d.bare, d.body = true, nil
		d.h = wire.Header{Version: 1, Seq: 1, Prev: d.h.Prev, Issued: d.h.Issued, Expires: 1}
	}))
	because = verify.WrongLog
	add("notification in a root log", notify(ct.TopicTravel, func(d *draft) { d.by = "UTO root" }))
	add("notification of 4,096 bytes in a root log", notify(ct.TopicTravel, func(d *draft) { d.by, d.body = "UTO root", make([]byte, 4096) }))
	add("closing in a node log", closing(nil).with(func(d *draft) { d.by = "UTO 1" }))
	add("delegation in a node log", delegate(func(d *draft, _ *ct.Delegation) { d.by = "UTO 1" }))
	because = verify.UnsupportedKind
	add("update", notify(ct.TopicTravel, func(d *draft) { d.h.Kind = uint32(ct.KindUpdate) }))
	add("rotation of a root key", delegate(func(d *draft, _ *ct.Delegation) { d.h.Kind = uint32(ct.KindRootRotation) }))
	because = verify.UnknownTopic
	add("no topic", notify(ct.TopicTravel, func(d *draft) { d.h.Topic = 0 }))
	add("topic 7", notify(ct.TopicTravel, func(d *draft) { d.h.Topic = 7 }))
	add("topic 258", notify(ct.TopicTravel, func(d *draft) { d.h.Topic = 258 }))
	because = verify.TopicOfKind
	add("notification on control", notify(ct.TopicTravel, func(d *draft) { d.h.Topic = uint32(ct.TopicControl) }))
	add("notification on receipt", notify(ct.TopicTravel, func(d *draft) { d.h.Topic = uint32(ct.TopicReceipt) }))
	add("match release on travel", release(func(d *draft, _ *ct.MatchRelease) { d.h.Topic = uint32(ct.TopicTravel) }))
	add("closing on travel", closing(nil).with(func(d *draft) { d.h.Topic = uint32(ct.TopicTravel) }))
	add("delegation on travel", delegate(func(d *draft, _ *ct.Delegation) { d.h.Topic = uint32(ct.TopicTravel) }))
	because = verify.UnknownPriority
	add("no priority", notify(ct.TopicTravel, func(d *draft) { d.h.Priority = 0 }))
	add("priority 4", notify(ct.TopicTravel, func(d *draft) { d.h.Priority = 4 }))
	because = verify.UnknownTLP
	add("no TLP", notify(ct.TopicTravel, func(d *draft) { d.h.TLP = 0 }))
	add("TLP 6", notify(ct.TopicTravel, func(d *draft) { d.h.TLP = 6 }))
	because = verify.UnknownAudience
	add("no audience", notify(ct.TopicTravel, func(d *draft) { d.h.Audience = 0 }))
	add("audience 4", notify(ct.TopicTravel, func(d *draft) { d.h.Audience = 4 }))
	because = verify.SealedAudience
	sealed := func(a ct.Audience) *draft {
		return notify(ct.TopicTravel, func(d *draft) {
			d.h.Audience, d.h.KeyEpoch, d.body = uint32(a), 1, bytes.Repeat([]byte{0xa5}, 1024)
		})
	}
	add("sealed", sealed(ct.AudienceSealed))
	add("for a group", sealed(ct.AudienceGroup))
	add("largest record", retract(func(d *draft) {
		d.h.Audience, d.h.Refs = uint32(ct.AudienceSealed), nil
		d.body = bytes.Repeat([]byte{0xa5}, wire.MaxBodyBytes)
		d.h.Ext = make([]byte, wire.MaxExt)
		for len(w.raw(d)) < wire.MaxRecord {
			d.h.Refs = refs(len(d.h.Refs) + 1)
		}
		d.body, d.salt = d.body[:len(d.body)-(len(w.raw(d))-wire.MaxRecord)], nil
	}))
	because = verify.AudienceAll
	add("notification to all in earnest", notify(ct.TopicTravel, func(d *draft) { d.net, d.by = earnest, "NOR 1" }))
	add("match release to all in earnest", release(func(d *draft, r *ct.MatchRelease) { d.net, d.by = earnest, "NOR 1" }))
	because = verify.ExpiryFirst
	add("expires when it is issued", notify(ct.TopicTravel, func(d *draft) { d.h.Expires = d.h.Issued }))
	add("delegation that expires before", delegate(func(d *draft, _ *ct.Delegation) { d.h.Expires = d.h.Issued - 1 }))
	because = verify.ExpiryLate
	add("a millisecond over the longest retention", notify(ct.TopicTravel, func(d *draft) {
		d.h.Expires = ct.MillisOf(issued.Add(ct.MaxRetention)) + 1
	}))
	add("expires at the end of time", notify(ct.TopicTravel, func(d *draft) { d.h.Expires = math.MaxInt64 }))
	because = verify.RefsOfKind
	add("retraction of nothing", retract(func(d *draft) { d.h.Refs = nil }))
	add("notification with a ref", notify(ct.TopicTravel, func(d *draft) { d.h.Refs = refs(1) }))
	add("match release with a ref", release(func(d *draft, _ *ct.MatchRelease) { d.h.Refs = refs(1) }))
	add("addresses with a ref", address().with(func(d *draft) { d.h.Refs = refs(1) }))
	add("closing with a ref", closing(nil).with(func(d *draft) { d.h.Refs = refs(1) }))
	because = verify.RootTarget
	root := ct.Ref{Log: key("UTO root").Public(), Seq: 2, ID: w.view[exercise].Nodes()[3].Delegation}
	add("retraction of a delegation", retract(func(d *draft) { d.h.Refs = []ct.Ref{root} }))
	add("retraction of another State's delegation", retract(func(d *draft) { d.h.Refs[0].Log = key("NOR root").Public() }))
	add("retraction of 64, one of a root log", retract(func(d *draft) { d.h.Refs = append(refs(wire.MaxRefs-1), root) }))
	because = verify.OtherState
	add("retraction of another State's record", retract(func(d *draft) { d.h.Refs[0].Log = key("NOR 1").Public() }))
	add("retraction of two of another State's records", retract(func(d *draft) {
		d.h.Refs[0].Log = key("NOR 1").Public()
		d.h.Refs = append(d.h.Refs, ct.Ref{Log: key("NOR 1").Public(), Seq: 9, ID: ct.ID{9}})
	}))

	because = verify.BodyNotDecodable
	valid := body(notification(ct.TopicTravel))
	add("body of garbage", notify(ct.TopicTravel, func(d *draft) { d.body = []byte("garbage") }))
	add("body cut short", notify(ct.TopicTravel, func(d *draft) { d.body = valid[:len(valid)-1] }))
	add("empty body", notify(ct.TopicTravel, func(d *draft) { d.body = nil }))
	add("body with an unknown field", notify(ct.TopicTravel, func(d *draft) { d.body = append(bytes.Clone(valid), 0x7a, 1, 'x') }))
	add("body with a default value written", retract(func(d *draft) { d.body = append(bytes.Clone(d.body), 0x12, 0) }))
	add("body with a field twice", retract(func(d *draft) { d.body = append(bytes.Clone(d.body), d.body...) }))
	add("body with a length not minimal", retract(func(d *draft) {
		d.body = append([]byte{0x0a, 0x85, 0}, "error"...)
	}))
	add("body with fields out of order", retract(func(d *draft) { d.body = []byte("\x12\x01x\x0a\x05error") }))
	add("body not UTF-8", retract(func(d *draft) { d.body = []byte("\x0a\x05error\x12\x01\xff") }))
	empty := func(name string, change func(*heraldv1.Notification)) {
		add("body with an empty "+name+" written", notify(ct.TopicTravel, func(d *draft) {
			n := &heraldv1.Notification{}
			if err := proto.Unmarshal(valid, n); err != nil {
				panic(err)
			}
			change(n)
			d.body, _ = proto.MarshalOptions{Deterministic: true}.Marshal(n)
		}))
	}
	companion := func(c *heraldv1.Companion) func(*heraldv1.Notification) {
		return func(n *heraldv1.Notification) { n.Event.Accompanying = []*heraldv1.Companion{c} }
	}
	empty("detention", func(n *heraldv1.Notification) { n.Event.Detention = &heraldv1.Detention{} })
	empty("physical", func(n *heraldv1.Notification) { n.Person.Physical = &heraldv1.Physical{} })
	empty("biometrics", func(n *heraldv1.Notification) { n.Person.BiometricsAvailable = &heraldv1.Biometrics{} })
	empty("misused identity", func(n *heraldv1.Notification) { n.Person.MisusedIdentity = &heraldv1.Misused{} })
	empty("name of a companion", companion(&heraldv1.Companion{Role: "other", Name: &heraldv1.Name{}}))
	empty("birth of a companion", companion(&heraldv1.Companion{Role: "other", Birth: &heraldv1.Birth{}}))
	empty("companion", companion(&heraldv1.Companion{}))
	empty("name part", func(n *heraldv1.Notification) { n.Person.Names[0].Parts = []string{"Testa", ""} })
	empty("ground", func(n *heraldv1.Notification) { n.Assessment.Grounds = append(n.Assessment.Grounds, "") })
	empty("nationality", func(n *heraldv1.Notification) { n.Person.Nationalities = []string{""} })
	add("match release without a contact", release(func(d *draft, r *ct.MatchRelease) {
		whole := body(r)
		d.body = whole[:bytes.LastIndex(whole, []byte{0x2a})]
	}))
	add("match release that names a request by 31 bytes", release(func(d *draft, r *ct.MatchRelease) {
		whole := body(r)
		d.body = append([]byte{0x0a, 31}, whole[3:]...)
	}))
	add("body of another kind", retract(func(d *draft) { d.body = body(&ct.Addresses{Serial: 1}) }))
	add("closing without an id", rooted(ct.KindClosing, []byte("\x0a\x20"+strings.Repeat("k", 32)+"\x10\x07\x22\x04lost")))
	add("renewal with the body of a closing", rooted(ct.KindRenewal, closing(nil).body))
	add("body over 24 KiB", notify(ct.TopicTravel, func(d *draft) { d.body = bytes.Repeat([]byte{'x'}, wire.MaxBody+1) }))
	because = verify.TopicOfEvent
	add("arrival on travel", notify(ct.TopicTravel, func(d *draft) { d.body = body(notification(ct.TopicArrival)) }))
	because = verify.BodyInvalid
	invalid := func(name string, change func(*ct.Notification)) {
		add(name, notify(ct.TopicTravel, func(d *draft) {
			n := notification(ct.TopicTravel)
			change(n)
			d.body = body(n)
		}))
	}
	invalid("no legal basis", func(n *ct.Notification) { n.Assessment.LegalBasis = nil })
	invalid("no name", func(n *ct.Notification) { n.Person.Names = nil })
	invalid("impossible date", func(n *ct.Notification) { n.Person.Births[0].Date = "2023-02-30" })
	invalid("suspicion against a child", func(n *ct.Notification) { n.Person.Births = []ct.Birth{{Date: "2015"}} })
	invalid("suspicion of a child without a birth", func(n *ct.Notification) {
		n.Person.Births, n.Assessment.RequestedAction = nil, ct.ActionChildProtection
		n.Assessment.Designation, n.Assessment.Grounds, n.Assessment.WarrantRef = ct.DesignationSuspected, []string{ct.GroundAssociation}, ""
	})
	invalid("intelligence against a child", func(n *ct.Notification) {
		n.Person.Births, n.Assessment.RequestedAction = []ct.Birth{{Date: "2015"}}, ct.ActionChildProtection
		n.Assessment.Designation, n.Assessment.Grounds, n.Assessment.WarrantRef = ct.DesignationFamilyMember, []string{ct.GroundIntelligence}, ""
	})
	invalid("conviction of a family member", func(n *ct.Notification) {
		n.Assessment.Designation, n.Assessment.Grounds = ct.DesignationFamilyMember, []string{ct.GroundConvicted}
		n.Assessment.RequestedAction, n.Assessment.WarrantRef = ct.ActionNotifyOnly, ""
	})
	invalid("an offset of 24 hours", func(n *ct.Notification) { n.Event.Time = "2026-11-14T21:05:00+24:00" })
	invalid("fled from no State", func(n *ct.Notification) { n.Person.FledFrom = []ct.State{"QQQ"} })
	invalid("text over its limit", func(n *ct.Notification) { n.Assessment.GroundsText = strings.Repeat("x", 10_000) })
	add("retraction without a reason", retract(func(d *draft) { d.body = body(&ct.Retraction{Text: "x"}) }))
	add("address that cannot be dialled", w.draft(ct.KindAddress, ct.TopicControl, body(&ct.Addresses{Serial: 1, Addrs: []string{"localhost:4001"}})))
	add("delegation of another State", delegate(func(_ *draft, c *ct.Delegation) { c.State = "NOR" }))
	add("delegation over 400 days", delegate(func(_ *draft, c *ct.Delegation) { c.NotAfter++ }))
	add("delegation without the node key's agreement", delegate(func(_ *draft, c *ct.Delegation) { c.Proof = nil }))
	add("delegation of a key that has not agreed", delegate(func(_ *draft, c *ct.Delegation) { c.Node = key("stranger").Public() }))
	add("delegation of a key of small order", delegate(func(_ *draft, c *ct.Delegation) { c.Node = ct.LogID{1} }))

	releases := func(name string, change func(*ct.MatchRelease)) {
		add(name, release(func(_ *draft, r *ct.MatchRelease) { change(r) }))
	}
	releases("match release of no request", func(r *ct.MatchRelease) { r.Requests = nil })
	releases("match release of one request twice", func(r *ct.MatchRelease) { r.Requests[1] = r.Requests[0] })
	releases("match release to nobody", func(r *ct.MatchRelease) { r.To = "" })
	releases("match release of nothing", func(r *ct.MatchRelease) { r.Hits = nil })
	releases("match release by chance", func(r *ct.MatchRelease) { r.By = "chance" })
	releases("match release with a residence", func(r *ct.MatchRelease) { r.Hits[0].Person.Residence = []ct.PlaceOfLife{{State: "UTO"}} })
	releases("match release that tells of asylum", func(r *ct.MatchRelease) { r.Hits[0].Person.AsylumOrRefugee = true })
	releases("match release that tells who was fled", func(r *ct.MatchRelease) { r.Hits[0].Person.FledFrom = []ct.State{"UTO"} })
	releases("match release of suspicion against a child", func(r *ct.MatchRelease) { r.Hits[0].Person.Births = []ct.Birth{{Date: "2015"}} })
	releases("match release of a weak hit", func(r *ct.MatchRelease) { r.Hits[0].Tier = "weak" })
	releases("match release that withholds a secret", func(r *ct.MatchRelease) { r.Hits[0].Withheld = []string{"secret"} })
	add("closing for a reason that is not in the list", closing(func(c *ct.Closing) { c.Reason = "regret" }))
	add("closing with a text over its limit", closing(func(c *ct.Closing) { c.Text = strings.Repeat("x", 257) }))
	add("closing of the zero key", closing(func(c *ct.Closing) { c.Log = ct.LogID{} }))
	add("renewal without an end", rooted(ct.KindRenewal, body(&ct.Renewal{Node: renewal.Node})))

	// What a clock says is no reason: everybody has another one.
	because = ""
	add("a text that begins and ends with a line feed", retract(func(d *draft) {
		d.body = body(&ct.Retraction{Reason: "error", Text: "\nвыдумано\n"})
	}))
	add("notification of somebody who has fled two States", notify(ct.TopicTravel, func(d *draft) {
		n := notification(ct.TopicTravel)
		n.Person.AsylumOrRefugee, n.Person.FledFrom = true, []ct.State{"KEN", "GBN"}
		d.body = body(n)
	}))
	add("expired", notify(ct.TopicTravel, func(d *draft) {
		n := notification(ct.TopicTravel)
		n.Retention = ct.Retention{}
		d.body, d.h.Expires = body(n), ct.MillisOf(issued.Add(time.Minute))
	}))
	return out
}
