package exchange

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
