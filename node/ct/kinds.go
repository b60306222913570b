package ct

// RulesVersion counts the changes of what this program understands of content: the
// kinds, their bodies, the closed lists and the rules between fields. A node that
// opens a store judged by another version judges what it holds again. Raise it with
// every such change; a test of package verify remembers.
const RulesVersion = 1

// KindRule is what the protocol says of one kind, whoever meets a record of it:
// one row of the table of kinds (PROTOCOL.md section 6).
type KindRule struct {
	Kind    Kind
	Root    bool     // its place is in root logs; else in node logs
	Acted   bool     // this version reads its body
	Topics  TopicSet // on which it has business
	MinRefs int
	MaxRefs int
	// Personal: about a person, so that in earnest it is for its addressees and
	// never for all.
	Personal bool
	// Retractable: content about a person, which a RETRACT of its State hides.
	// Nothing else is ever hidden.
	Retractable bool
	// Essential: it takes something away, and comes in whole while the disk is
	// full. So does all of a root log, which says who may speak.
	Essential bool
}

// MaxRefs is the most refs that a record of any kind has.
const MaxRefs = 64

const (
	onControl = TopicSet(1) << TopicControl
	onReceipt = TopicSet(1) << TopicReceipt
	onEvents  = TopicSet(1)<<TopicTravel | 1<<TopicArrival | 1<<TopicDeportation | 1<<TopicDetention
	anywhere  = TopicSet(0)
)

// kindRules by number. What this version does not act on says only where its
// place is, what it may refer to, and whether it can be taken back. A kind that it
// does not know may be about a person, so its State can take it back.
var kindRules = [...]KindRule{
	{Kind: KindUnknown, Retractable: true},
	{Kind: KindNotification, Acted: true, Topics: onEvents, Personal: true, Retractable: true},
	{Kind: KindUpdate, Personal: true, Retractable: true},
	{Kind: KindCorrect, MinRefs: 1, MaxRefs: 1, Personal: true, Retractable: true},
	{Kind: KindRenew, Personal: true, Retractable: true},
	{Kind: KindRetract, Acted: true, Topics: anywhere, MinRefs: 1, MaxRefs: MaxRefs, Essential: true},
	{Kind: KindAck},
	{Kind: KindResponse, Personal: true, Retractable: true},
	{Kind: KindSighting, Personal: true, Retractable: true},
	{Kind: KindProposal, Personal: true, Retractable: true},
	{Kind: KindObjection, Personal: true, Retractable: true},
	{Kind: KindErasureReceipt},
	{Kind: KindMatchRelease, Acted: true, Topics: onReceipt, Personal: true, Retractable: true},
	{Kind: KindKey},
	{Kind: KindEpoch},
	{Kind: KindAddress, Acted: true, Topics: onControl},
	{Kind: KindDelegation, Root: true, Acted: true, Topics: onControl},
	{Kind: KindRenewal, Root: true, Acted: true, Topics: onControl},
	{Kind: KindClosing, Root: true, Acted: true, Topics: onControl},
	{Kind: KindRootRotation, Root: true},
	{Kind: KindAmendment, Root: true},
	{Kind: KindVote, Root: true},
	{Kind: KindForkProof, Essential: true},
	{Kind: KindCheckpoint},
}

// Rule finds the row of a kind; false: a kind that version 1 does not define, and the
// row of all such.
func (k Kind) Rule() (*KindRule, bool) {
	if k == KindUnknown || int64(k) >= int64(len(kindRules)) {
		return &kindRules[KindUnknown], false
	}
	return &kindRules[k], true
}

// Kinds lists every defined kind.
func Kinds() []KindRule { return append([]KindRule(nil), kindRules[1:]...) }
