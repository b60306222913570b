package ct

import (
	"fmt"
	"io"
	"log/slog"
)

// Entry is one record as readers get it from list, feed and get: what its
// header says, whether its content can be shown, and the content if so.
// Exactly one content field is set when Readable is true and the kind has
// content.
type Entry struct {
	ID       ID       `json:"id"`
	Log      LogID    `json:"log"`
	Seq      uint64   `json:"seq"`
	Cursor   uint64   `json:"cursor"` // place in this node's feed, from 1; means nothing elsewhere
	State    State    `json:"state"`  // of the author, from the roster
	Kind     Kind     `json:"kind"`
	Topic    Topic    `json:"topic"`
	Issued   Millis   `json:"issued"`
	Expires  Millis   `json:"expires"`
	Priority Priority `json:"priority,omitzero"`
	TLP      TLP      `json:"tlp,omitzero"`
	Audience Audience `json:"audience,omitzero"`
	Refs     []Ref    `json:"refs,omitempty"`
	BodySize uint32   `json:"body_size"` // bytes, as carried
	Exercise bool     `json:"exercise,omitempty"`

	Readable   bool   `json:"readable"`
	Unreadable string `json:"unreadable,omitempty"` // why not: one of the Unreadable reasons
	Hidden     bool   `json:"hidden,omitempty"`     // by its thread: retracted, superseded or disowned
	Contested  bool   `json:"contested,omitempty"`  // its log has forked: two histories are signed

	Notification *Notification `json:"notification,omitempty"`
	Retraction   *Retraction   `json:"retraction,omitempty"`
	Release      *MatchRelease `json:"match_release,omitempty"`
	Addresses    *Addresses    `json:"addresses,omitempty"`
	Delegation   *Delegation   `json:"delegation,omitempty"`
	Renewal      *Renewal      `json:"renewal,omitempty"`
	Closing      *Closing      `json:"closing,omitempty"`
}

// Why an entry is not readable. UnreadableInadmissible, UnreadableNotYet and
// UnreadableHandling are followed by ": " and a reason.
const (
	UnreadableInadmissible = "inadmissible"
	UnreadableNotYet       = "not yet understood" // by this version of the program; a later one judges again
	UnreadableSealed       = "sealed to others"
	UnreadableRetracted    = "retracted"
	UnreadableExpired      = "expired"
	UnreadableErased       = "erased"
	UnreadableDisowned     = "disowned" // its State has closed the log before it
	UnreadableMissing      = "body missing"
	UnreadableElsewhere    = "of a topic that this node does not keep"
	UnreadableFuture       = "issued in the future"
	UnreadableHandling     = "not at this outlet by its handling" // herald get shows it alone
	UnreadableUnsettled    = "waiting for sync after restore"     // it may have been retracted since
)

// Inadmissible is the Unreadable text for a reason.
func Inadmissible(reason string) string { return UnreadableInadmissible + ": " + reason }

// NotYet is the Unreadable text for a reason that a later version may not find.
func NotYet(reason string) string { return UnreadableNotYet + ": " + reason }

// Unhandled is the Unreadable text for a reason of handling.
func Unhandled(reason string) string { return UnreadableHandling + ": " + reason }

// String, Format and LogValue give the header's side only.
func (e Entry) String() string {
	return fmt.Sprintf("%s %s %s/%d", e.Kind, e.ID.Short(), e.Log.Short(), e.Seq)
}
func (e Entry) Format(f fmt.State, _ rune) { io.WriteString(f, e.String()) }
func (e Entry) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", e.Kind.String()), slog.String("id", e.ID.Short()),
		slog.String("log", e.Log.Short()), slog.Uint64("seq", e.Seq))
}
