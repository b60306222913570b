package ct

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind says what a record is. The numbers are the wire's, of its width too, so
// that no unknown one is cut to a known one.
type Kind uint32

// All kinds of DESIGN section 4. A kind that this version does not act on is
// still chained; its record is shown as inadmissible.
const (
	KindUnknown Kind = iota
	KindNotification
	KindUpdate
	KindCorrect
	KindRenew
	KindRetract
	KindAck
	KindResponse
	KindSighting
	KindProposal
	KindObjection
	KindErasureReceipt
	KindMatchRelease
	KindKey
	KindEpoch
	KindAddress
	KindDelegation
	KindRenewal
	KindClosing
	KindRootRotation
	KindAmendment
	KindVote
	KindForkProof
	KindCheckpoint
)

var kindNames = [...]string{
	"unknown", "notification", "update", "correct", "renew", "retract", "ack", "response", "sighting",
	"proposal", "objection", "erasure-receipt", "match-release", "key", "epoch", "address", "delegation",
	"renewal", "closing", "root-rotation", "amendment", "vote", "fork-proof", "checkpoint",
}

func (k Kind) String() string { return enumName(kindNames[:], int(k)) }

// Topic is where a record is gossiped.
type Topic uint32

// The topics of DESIGN section 6.
const (
	TopicUnknown Topic = iota
	TopicControl
	TopicTravel
	TopicArrival
	TopicDeportation
	TopicDetention
	TopicReceipt
)

var topicNames = [...]string{"unknown", "control", "travel", "arrival", "deportation", "detention", "receipt"}

func (t Topic) String() string { return enumName(topicNames[:], int(t)) }

// ParseTopic reads a topic's name.
func ParseTopic(s string) (Topic, error) { return enumParse[Topic]("topic", topicNames[:], s) }

// Topics lists every topic that carries records.
func Topics() []Topic {
	return []Topic{TopicControl, TopicTravel, TopicArrival, TopicDeportation, TopicDetention, TopicReceipt}
}

// Priority sets the deadline for an answer: routine 72 h, urgent 12 h, flash 1 h.
type Priority uint32

const (
	PriorityUnknown Priority = iota
	PriorityRoutine
	PriorityUrgent
	PriorityFlash
)

var priorityNames = [...]string{"unknown", "routine", "urgent", "flash"}

func (p Priority) String() string { return enumName(priorityNames[:], int(p)) }

// TLP is the Traffic Light Protocol 2.0 marking.
type TLP uint32

const (
	TLPUnknown TLP = iota
	TLPClear
	TLPGreen
	TLPAmber
	TLPAmberStrict
	TLPRed
)

var tlpNames = [...]string{"unknown", "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"}

func (t TLP) String() string { return enumName(tlpNames[:], int(t)) }

// Audience says who may read a record's body.
type Audience uint32

const (
	AudienceUnknown Audience = iota
	AudienceAll
	AudienceSealed
	AudienceGroup
)

var audienceNames = [...]string{"unknown", "ALL", "SEALED", "GROUP"}

func (a Audience) String() string { return enumName(audienceNames[:], int(a)) }

func enumName(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("unknown(%d)", i)
}

// enumParse reads what enumName writes, "unknown" alone excepted: a number
// that this version has no name for survives JSON.
func enumParse[T ~uint32](what string, names []string, s string) (T, error) {
	if i := slices.Index(names, s); i > 0 {
		return T(i), nil
	}
	if n, ok := strings.CutPrefix(s, "unknown("); ok {
		if v, err := strconv.ParseUint(strings.TrimSuffix(n, ")"), 10, 32); err == nil && v >= uint64(len(names)) {
			return T(v), nil
		}
	}
	return 0, fmt.Errorf("%s is not one of %s", what, strings.Join(names[1:], ", "))
}

// MarshalText and UnmarshalText give the names in JSON.

func (k Kind) MarshalText() ([]byte, error)     { return []byte(k.String()), nil }
func (t Topic) MarshalText() ([]byte, error)    { return []byte(t.String()), nil }
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
func (t TLP) MarshalText() ([]byte, error)      { return []byte(t.String()), nil }
func (a Audience) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

func (k *Kind) UnmarshalText(b []byte) (err error) {
	*k, err = enumParse[Kind]("kind", kindNames[:], string(b))
	return err
}
func (t *Topic) UnmarshalText(b []byte) (err error) { *t, err = ParseTopic(string(b)); return err }
func (p *Priority) UnmarshalText(b []byte) (err error) {
	*p, err = enumParse[Priority]("priority", priorityNames[:], string(b))
	return err
}
func (t *TLP) UnmarshalText(b []byte) (err error) {
	*t, err = enumParse[TLP]("tlp", tlpNames[:], string(b))
	return err
}
func (a *Audience) UnmarshalText(b []byte) (err error) {
	*a, err = enumParse[Audience]("audience", audienceNames[:], string(b))
	return err
}
