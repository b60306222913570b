package verify

import "slices"

// Reason is at once verdict, metric label, API code and log word.
type Reason string

// Why a record is refused: it is not chained (PROTOCOL.md section 4).
const (
	NotARecord     Reason = "not-a-record"
	TooLarge       Reason = "too-large"
	UnknownVersion Reason = "unknown-version"
	OtherNetwork   Reason = "other-network"
	BadAlgorithm   Reason = "bad-signature-algorithm"
	WrongTopic     Reason = "wrong-topic"
	MissingBody    Reason = "missing-body"
	Stranger       Reason = "stranger"
	HeldDelegation Reason = "held-delegation"
	Disowned       Reason = "disowned"
	Future         Reason = "future"
	Growth         Reason = "growth"
	BodyMismatch   Reason = "body-mismatch"
	BadSignature   Reason = "bad-signature"
)

// Why a record is chained and its content not shown (PROTOCOL.md section 6).
const (
	UnknownKind      Reason = "unknown-kind"
	WrongLog         Reason = "kind-does-not-fit-log"
	UnsupportedKind  Reason = "unsupported-kind"
	UnknownTopic     Reason = "unknown-topic"
	TopicOfKind      Reason = "topic-does-not-fit-kind"
	UnknownPriority  Reason = "unknown-priority"
	UnknownTLP       Reason = "unknown-tlp"
	UnknownAudience  Reason = "unknown-audience"
	SealedAudience   Reason = "sealed-audience-not-supported"
	AudienceAll      Reason = "audience-all-outside-exercise"
	ExpiryFirst      Reason = "expiry-before-issue"
	ExpiryLate       Reason = "expiry-beyond-policy"
	RefsOfKind       Reason = "refs-do-not-fit-kind"
	RootTarget       Reason = "retract-of-root-log"
	OtherState       Reason = "retract-of-other-state"
	BodyNotDecodable Reason = "body-not-decodable"
	TopicOfEvent     Reason = "topic-does-not-fit-event"
	BodyInvalid      Reason = "body-invalid"
)

// OfBody tells the reasons that are found in the body: a header acts all the same
// where it acts by itself.
func (r Reason) OfBody() bool {
	return r == BodyNotDecodable || r == TopicOfEvent || r == BodyInvalid
}

// NotYet tells the reasons that speak of something this version does not know or
// does not read: to a later version the same record may be sound. What a rule
// forbids that has nothing to do with what is known (a kind in the wrong log, an
// end before the beginning) is not among them.
func (r Reason) NotYet() bool {
	switch r {
	case UnknownKind, UnsupportedKind, UnknownTopic, UnknownPriority, UnknownTLP, UnknownAudience, SealedAudience:
		return true
	}
	return r.OfBody()
}

// Verdict is GossipSub's answer to a message.
type Verdict uint8

// The three verdicts of GossipSub.
const (
	Accept Verdict = iota
	Ignore         // depends on local state: no peer is blamed
	Reject         // deterministic: the forwarder is at fault
)

func (v Verdict) String() string {
	switch v {
	case Accept:
		return "accept"
	case Ignore:
		return "ignore"
	}
	return "reject"
}

// Meaning is one row of the table of reasons. An inadmissible record has the
// verdict accept: it is passed on and chained.
type Meaning struct {
	Reason  Reason
	Verdict Verdict
	Text    string
}

// Reasons is the whole table, in the order in which records are judged. It
// feeds metrics and documents; each call returns a copy.
func Reasons() []Meaning { return slices.Clone(reasons[:]) }

// verdict of a reason that is not in the table is reject; a test proves there is none.
func (r Reason) verdict() Verdict {
	for i := range reasons {
		if reasons[i].Reason == r {
			return reasons[i].Verdict
		}
	}
	return Reject
}

var reasons = [...]Meaning{
	{TooLarge, Reject, "a size or count is over its limit"},
	{UnknownVersion, Ignore, "the header's version is not 1: held until this program knows it"},
	{NotARecord, Reject, "the bytes are not a record in its one encoding"},
	{OtherNetwork, Reject, "the header names another network"},
	{BadAlgorithm, Ignore, "the signature's algorithm is not Ed25519 (1): held until this program knows it"},
	{WrongTopic, Reject, "gossiped on another topic than the header's"},
	{MissingBody, Reject, "gossiped without its body"},
	{BodyMismatch, Reject, "salt and body are not what the header commits to"},
	{Stranger, Ignore, "no member of the roster, as this node knows it, has this log"},
	{HeldDelegation, Ignore, "outside the window of the log's delegation: held until a renewal or a closing"},
	{Disowned, Ignore, "after the end that its State has set to the log, or on another branch"},
	{Future, Ignore, "issued more than ten minutes from now: held until then"},
	{Growth, Ignore, "its log has grown faster than the policy lets it: held for good"},
	{BadSignature, Reject, "the signature does not verify"},

	{UnknownKind, Accept, "a kind that version 1 does not define"},
	{WrongLog, Accept, "a kind of root logs in a node log, or the reverse"},
	{UnsupportedKind, Accept, "a kind that is defined and that this version does not act on"},
	{UnknownTopic, Accept, "a topic that version 1 does not define"},
	{TopicOfKind, Accept, "a topic on which this kind has no business"},
	{UnknownPriority, Accept, "a priority that version 1 does not define"},
	{UnknownTLP, Accept, "a TLP marking that version 1 does not define"},
	{UnknownAudience, Accept, "an audience that version 1 does not define"},
	{SealedAudience, Accept, "audience SEALED or GROUP, which this version cannot open"},
	{AudienceAll, Accept, "a notification to ALL in a network that is no exercise"},
	{ExpiryFirst, Accept, "it expires before it is issued"},
	{ExpiryLate, Accept, "it expires later than the policy's longest retention"},
	{RefsOfKind, Accept, "fewer or more refs than its kind has"},
	{RootTarget, Accept, "a retraction that names a record of a root log"},
	{OtherState, Accept, "a retraction of nothing but other States' records"},
	{BodyNotDecodable, Accept, "the body is not in the one encoding of its kind"},
	{TopicOfEvent, Accept, "the event type belongs to another topic"},
	{BodyInvalid, Accept, "the content breaks a rule of PROTOCOL.md section 7"},
}
