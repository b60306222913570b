package exchange

import "github.com/herald-net/herald/internal/wire"

// What the tests of the package look into.
var (
	SyncProtocol  = syncProtocol
	MatchProtocol = matchProtocol
)

const (
	SyncsPerPeer   = syncsPerPeer
	SyncsTotal     = syncsTotal
	MatchesPerPeer = matchesPerPeer
	MatchesTotal   = matchesTotal
	MaxRange       = maxRange
	MaxMatchFrame  = maxMatchFrame
)

type (
	Ledger   = ledger
	Snapshot = snapshot
)

func (l *ledger) Note(heads []wire.LogHead) Snapshot                  { return l.note(heads) }
func (s *snapshot) After(m wire.Mark) (heads []wire.LogHead, ok bool) { return s.after(m) }
func (s *snapshot) Mark() wire.Mark                                   { return s.mark }
