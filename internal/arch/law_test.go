package arch

// rule is what one package may do.
type rule struct {
	own   string // packages of ours it may import, by path below the module
	heavy string // libraries outside the light part of the standard library, by the names of libraries
	pure  bool   // starts no goroutine, does no I/O, takes time as an argument
}

// law is the whole import law: DESIGN's table with what grew since. Packages
// are named by their path below the module.
var law = map[string]rule{
	"cmd/herald": {own: "internal/cli", heavy: "os"},

	// Public.
	"node": {
		own: "internal/api internal/backup internal/desk internal/exchange internal/feed internal/gossip internal/index internal/ingest " +
			"internal/journal internal/keys internal/p2p internal/reconcile internal/roster internal/store internal/verify internal/wire node/ct",
		heavy: "os prometheus x/sync",
	},
	"node/ct": {pure: true},
	"testnet": {
		own:   "internal/api internal/datadir internal/roster internal/synth internal/verify node node/ct proto/herald/api/v1 proto/herald/api/v1/apiv1connect",
		heavy: "os net connect protobuf toml x/sync",
	},

	// Generated.
	"proto/herald/v1":                  {heavy: "protobuf"},
	"proto/herald/api/v1":              {heavy: "protobuf"},
	"proto/herald/api/v1/apiv1connect": {own: "proto/herald/api/v1", heavy: "connect net/http"},

	// Bytes and trust.
	"internal/wire":   {own: "node/ct proto/herald/v1", heavy: "protobuf", pure: true},
	"internal/keys":   {own: "node/ct", heavy: "os hpke", pure: true}, // key files
	"internal/roster": {own: "internal/keys internal/wire node/ct", pure: true},
	"internal/verify": {own: "internal/keys internal/roster internal/wire node/ct", pure: true},

	// What is held.
	"internal/store":   {own: "internal/keys internal/verify internal/wire node/ct", heavy: "os bbolt x/sync"},
	"internal/ingest":  {own: "internal/roster internal/store internal/verify internal/wire node/ct", heavy: "prometheus"},
	"internal/index":   {own: "internal/match internal/name internal/store internal/verify internal/wire node/ct", heavy: "os bbolt x/sync"},
	"internal/journal": {own: "internal/keys internal/store node/ct"},
	"internal/backup":  {own: "internal/journal internal/keys internal/roster internal/store node/ct", heavy: "os"},
	"internal/feed":    {own: "internal/handling internal/index internal/roster internal/store internal/verify internal/wire node/ct"},

	// Names and persons.
	"internal/name":          {heavy: "x/text unidecode", pure: true},
	"internal/handling":      {own: "node/ct", pure: true},
	"internal/match":         {own: "internal/handling internal/name node/ct", pure: true},
	"internal/fishing":       {own: "internal/match internal/name node/ct", pure: true},
	"internal/format/text":   {heavy: "x/text", pure: true},
	"internal/format/value":  {own: "internal/match internal/name node/ct", pure: true},
	"internal/format/unlist": {own: "internal/format/text internal/format/value internal/name node/ct", pure: true},
	"internal/format/people": {own: "internal/format/text internal/format/unlist internal/format/value internal/match node/ct", pure: true},
	"internal/synth":         {own: "node/ct", pure: true},

	// Between nodes.
	"internal/reconcile": {own: "internal/wire node/ct", pure: true},
	"internal/p2p":       {own: "internal/keys internal/roster node/ct", heavy: "net libp2p multiaddr prometheus fx x/sync x/time"},
	"internal/gossip":    {own: "internal/keys internal/p2p internal/reconcile internal/roster internal/store internal/verify internal/wire node/ct", heavy: "libp2p pubsub prometheus x/sync x/time"},
	"internal/exchange": {
		own:   "internal/ingest internal/p2p internal/reconcile internal/roster internal/store internal/verify internal/wire node/ct",
		heavy: "libp2p prometheus x/sync",
	},
	"internal/bubble": {}, // for tests only: no row names it
	"internal/sim": { // no non-test code may import it: no row names it
		own: "internal/exchange internal/gossip internal/ingest internal/keys internal/p2p internal/roster internal/store internal/verify " +
			"internal/wire node/ct",
		heavy: "net libp2p simnet prometheus x/sync",
	},
	"internal/hostile": {own: "internal/keys internal/p2p internal/roster internal/wire node/ct", heavy: "libp2p pubsub protobuf"}, // tests only, too

	// What people do.
	"internal/desk": {
		own: "internal/fishing internal/format/people internal/format/text internal/handling internal/index internal/ingest internal/journal internal/keys internal/match internal/roster internal/store " +
			"internal/verify internal/wire node/ct",
		heavy: "prometheus x/sync",
	},
	"internal/api": {
		own:   "internal/desk internal/feed internal/journal internal/store node/ct proto/herald/api/v1 proto/herald/api/v1/apiv1connect",
		heavy: "os net net/http connect protobuf prometheus x/sync",
	},
	"internal/datadir": {own: "internal/keys internal/roster internal/store internal/wire node node/ct", heavy: "os net toml multiaddr"},
	"internal/cli": {
		own: "internal/api internal/backup internal/bench internal/datadir internal/format/people internal/format/text internal/format/unlist internal/format/value internal/index internal/journal internal/keys internal/match internal/roster " +
			"internal/store internal/synth internal/verify internal/wire node node/ct proto/herald/api/v1 proto/herald/api/v1/apiv1connect testnet",
		heavy: "os cobra progressbar connect protobuf x/sync",
	},
	"internal/bench": {
		own: "internal/desk internal/exchange internal/fishing internal/gossip internal/index internal/ingest internal/journal internal/keys internal/match internal/p2p internal/roster " +
			"internal/store internal/synth internal/verify internal/wire node/ct",
		heavy: "os prometheus x/sync",
	},
	"internal/arch":    {},
	"internal/torture": {},

	// Checks of the tree itself.
	"scripts/mutate": {heavy: "os x/sync"},
}

// libraries names what is heavy, by import path prefix. An import that is
// neither ours, nor here, nor a light package of the standard library fails.
var libraries = map[string]string{
	"os":                                   "os",
	"net":                                  "net",
	"net/http":                             "net/http",
	"crypto/hpke":                          "hpke",
	"go.etcd.io/bbolt":                     "bbolt",
	"github.com/libp2p/go-libp2p":          "libp2p",
	"github.com/libp2p/go-libp2p-pubsub":   "pubsub",
	"github.com/multiformats/go-multiaddr": "multiaddr",
	"github.com/marcopolo/simnet":          "simnet",
	"go.uber.org/fx":                       "fx",
	"google.golang.org/protobuf":           "protobuf",
	"connectrpc.com/connect":               "connect",
	"github.com/spf13/cobra":               "cobra",
	"github.com/BurntSushi/toml":           "toml",
	"github.com/schollz/progressbar":       "progressbar",
	"github.com/prometheus/client_model":   "prometheus",
	"github.com/prometheus/client_golang":  "prometheus",
	"github.com/mozillazg/go-unidecode":    "unidecode",
	"golang.org/x/sync":                    "x/sync",
	"golang.org/x/text":                    "x/text",
	"golang.org/x/time/rate":               "x/time",
}

// lightBelow are standard packages whose name begins like a heavy one's.
var lightBelow = map[string]bool{"net/netip": true, "net/url": true}
