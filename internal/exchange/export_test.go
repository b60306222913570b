package exchange

// What the tests of the package look into.
var (
	SyncProtocol  = syncProtocol
	MatchProtocol = matchProtocol
)

const (
	SyncsPerPeer  = syncsPerPeer
	MaxRange      = maxRange
	MaxMatchFrame = maxMatchFrame
)
