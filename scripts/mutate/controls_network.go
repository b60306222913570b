package main

// networkControls hold who gets in, and how much.
var networkControls = []control{
	// Who gets in, and how much.
	{
		name: "gater", rule: "only a live member connects", pkg: "./internal/p2p", tests: "TestStranger|TestMuteAndExpiry|TestRosterChangeCuts",
		edits: []edit{{"internal/p2p/gater.go", "return ok && (!ended || g.seat(id, node.State))", "_, _ = ended, ok\n\treturn true || g.seat(id, node.State)"}},
	},
	{
		name: "outage", rule: "failed dials never make the library refuse further ones", pkg: "./internal/p2p", tests: "TestRedialAfterOutage",
		edits: []edit{{"internal/p2p/host.go", "libp2p.UDPBlackHoleSuccessCounter(nil),", ""}},
	},
	{
		name: "hope", rule: "a peer that is back after a long wait has all others tried", pkg: "./internal/p2p", tests: "TestRedialAfterOutage",
		edits: []edit{{"internal/p2p/tries.go", "a.wait < longWait", "a.wait < 100*longWait"}},
	},
	{
		name: "thin", rule: "a large network's node keeps at most 32 connections", pkg: "./internal/p2p", tests: "TestLargeNetworkKeepsSome",
		edits: []edit{{"internal/p2p/dial.go", "surplus := all - wantHigh", "surplus := all - 1000*wantHigh"}},
	},
	{
		name: "mute", rule: "a muted State does not connect", pkg: "./internal/p2p", tests: "TestMuteAndExpiry",
		edits: []edit{{"internal/p2p/gater.go", " || g.muted(node.State)", ""}},
	},
	{
		name: "ended-window", rule: "a key whose window has ended connects, until it is renewed", pkg: "./internal/p2p", tests: "TestWindowEnds",
		edits: []edit{{"internal/p2p/gater.go", " && !v.Ended(key, now)", ""}},
	},
	{
		name: "ended-is-no-member", rule: "it is no member meanwhile", pkg: "./internal/p2p", tests: "TestWindowEnds",
		edits: []edit{{"internal/p2p/gater.go", "if !ok || ended {", "if !ok || ended && false {"}},
	},
	{
		name: "ended-seats", rule: "such keys have few seats", pkg: "./internal/p2p", tests: "TestSeatsOfEnded",
		edits: []edit{{"internal/p2p/gater.go", "return all < endedSeats && ", "return "}},
	},
	{
		name: "ended-seats-of-one", rule: "and fewer of one State", pkg: "./internal/p2p", tests: "TestSeatsOfOneState",
		edits: []edit{{"internal/p2p/gater.go", " && one < endedSeatsOne", " && one >= 0"}},
	},
	{
		name: "ended-anew", rule: "one that is renewed connects anew", pkg: "./internal/p2p", tests: "TestWindowEnds",
		edits: []edit{{"internal/p2p/host.go", "case ok && !isEnded && !p.wasEnded(id):", "case ok && !isEnded:"}},
	},
	{
		name: "ended-served", rule: "such a key is served root logs only", pkg: "./internal/exchange", tests: "TestEndedSyncsRootLogs",
		edits: []edit{{"internal/exchange/holdings.go", "range x.allowedHeads(all.Since(0), node)", "range all.Since(0)"}, {"internal/exchange/serve.go", "m.Want = x.allowedWant(m.Want, node.Key)", ""}},
	},
	{
		name: "ended-asks", rule: "such a key asks nobody for matches", pkg: "./internal/exchange", tests: "TestEndedSyncsRootLogs",
		edits: []edit{{"internal/exchange/serve.go", "ok = ok && service == p2p.ServiceSync", ""}},
	},
	{
		name: "door-members", rule: "strangers who say nothing take no member's place", pkg: "./internal/p2p", tests: "TestDoor|TestSilentStrangersIsolateNobody",
		edits: []edit{{"internal/p2p/door.go", "if owners := d.known[address]; len(owners) > 0 {", "if owners := d.known[address]; false {"}},
	},
	{
		name: "door-states", rule: "one State takes no other's place", pkg: "./internal/p2p", tests: "TestDoor",
		edits: []edit{{"internal/p2p/door.go", "if best == nil || p.count < best.count {", "if best == nil {"}},
	},
	{
		name: "door-strangers", rule: "those who have proved no identity are few", pkg: "./internal/p2p", tests: "TestDoor",
		edits: []edit{{"internal/p2p/door.go", "if w.strangers >= doorStrangers || ", "if "}},
	},
	{
		name: "door-address", rule: "and fewer from one address", pkg: "./internal/p2p", tests: "TestDoor",
		edits: []edit{{"internal/p2p/door.go", "w.places[address] >= doorAddress || ", ""}},
	},
	{
		name: "door-rate", rule: "and not too many a second", pkg: "./internal/p2p", tests: "TestDoor",
		edits: []edit{{"internal/p2p/door.go", " || !w.rate.AllowN(now, 1) {", " {"}},
	},
	{
		name: "door-verify", rule: "when many call over QUIC, each must show its address", pkg: "./internal/p2p", tests: "TestDoor",
		edits: []edit{{"internal/p2p/door.go", "return n >= doorVerify", "return false"}},
	},
	{
		name: "handshake", rule: "who says nothing is waited for five seconds", pkg: "./internal/p2p", tests: "TestSilentStrangerIsClosed",
		edits: []edit{{"internal/p2p/known.go", ", upgrader.WithAcceptTimeout(handshakeFor)", ""}},
	},
	{
		name: "places-back-off", rule: "where no node has answered is tried ever more seldom", pkg: "./internal/p2p", tests: "TestStatesHaveFewTries",
		edits: []edit{{"internal/p2p/places.go", "case now.Before(x.due):", "case false:"}},
	},
	{
		name: "places-of-a-node", rule: "a node is sought at few places", pkg: "./internal/p2p", tests: "TestStatesHaveFewTries",
		edits: []edit{{"internal/p2p/places.go", "\t\tif len(all) >= placesNode {\n\t\t\treturn nil\n\t\t}\n", ""}},
	},
	{
		name: "private-addresses", rule: "nobody dials a private address because another State says so", pkg: "./internal/p2p", tests: "TestNameable|TestPrivateAddressesInEarnest",
		edits: []edit{{"internal/p2p/places.go", "return a.IsGlobalUnicast() && !a.IsPrivate()", "return true"}},
	},
	{
		name: "late-body", rule: "a body that comes after its log's window has ended is taken", pkg: "./internal/exchange", tests: "TestMoreLogsThanAPage",
		edits: []edit{{"internal/exchange/open.go", "o.now = time.Time{}", ""}},
	},
	{
		name: "runs-pass-on", rule: "a run of any length is passed on as far as its good signatures", pkg: "./internal/exchange", tests: "TestLongRunsOfBadSignatures",
		edits: []edit{{"internal/store/chained.go", "for n := len(parts); n > 0; n-- {", "for n := len(parts); n > max(0, len(parts)-64); n-- {"}},
	},
	{
		name: "short-blames-nobody", rule: "who cannot prove what it holds keeps nothing else back and is not blamed", pkg: "./internal/exchange", tests: "TestForkBehindABadSignature",
		edits: []edit{{"internal/exchange/fetch.go", "for i, r := range short {", "if len(short) > 0 {\n\t\t\t\treturn errPeer\n\t\t\t}\n\t\t\tfor i, r := range short {"}},
	},
	{
		name: "sync-quota", rule: "a peer gets no more bytes than its quota", pkg: "./internal/exchange", tests: "TestGreedyPeer",
		edits: []edit{{"internal/exchange/quota.go", "if wait <= 0 {", "if true {"}},
	},
	{
		name: "topics-kept", rule: "a body of a topic that the node does not keep is dropped", pkg: "./internal/exchange", tests: "TestPartialTopics",
		edits: []edit{{"internal/store/append.go", "case rec.HasBody() && (rec.Root() || s.keeps(header.Topic)):", "case rec.HasBody():"}},
	},
	{
		name: "frontier-sum", rule: "changes of a frontier are held against its digest", pkg: "./internal/exchange", tests: "TestWrongChanges",
		edits: []edit{{"internal/exchange/known.go", "sound = len(theirs) <= wire.MaxFrontier && wire.FrontierDigest(theirs) == digest", "sound = true"}},
	},
	{
		name: "frontier-page", rule: "the pages of a frontier are one frontier, in order and bounded", pkg: "./internal/exchange", tests: "TestFrontierPages",
		edits: []edit{{"internal/exchange/known.go", "case len(heads)+len(m.Frontier.Heads) > wire.MaxFrontier:", "case false:"}},
	},
	{
		name: "closed-compared", rule: "a closed log is in no frontier", pkg: "./internal/exchange", tests: "TestMarks",
		edits: []edit{{"internal/exchange/holdings.go", "right.Closing != nil || head.Size == 0", "right.Closing != nil && false || head.Size == 0"}},
	},
	{
		name: "held-probe", rule: "a log that does not get in is asked for seldomer each time, one header at a time", pkg: "./internal/exchange", tests: "TestRefusedLogIsNotFetchedAgain",
		edits: []edit{{"internal/exchange/pull.go", "\t\t\t\theld.add(r.Log, \"\")\n", ""}},
	},
	{
		name: "held-clock", rule: "a log that a wrong clock held is fetched again", pkg: "./internal/exchange", tests: "TestHeldByAWrongClock",
		edits: []edit{{"internal/exchange/state.go", "case u.version == version && now.Before(u.until):", "case u.version == version:"}},
	},
	{
		name: "held-version", rule: "a record of another version ends what is taken of its log and blames nobody", pkg: "./internal/exchange", tests: "TestUnknownVersion",
		edits: []edit{{"internal/exchange/fetch.go", "if wire.OtherVersion(raw) {\n\t\treturn f.GotUnknown()", "if false {\n\t\treturn f.GotUnknown()"}},
	},
	{
		name: "held-end", rule: "what comes before a record that is held is taken, whoever replaced signatures there", pkg: "./internal/exchange", tests: "TestHeldEndOfARun",
		edits: []edit{{"internal/exchange/open.go", "\t\t\to.beforeHeld(r)\n", ""}},
	},
	{
		name: "vain", rule: "a peer of which too little gets in is left alone", pkg: "./internal/exchange", tests: "TestVainPeer",
		edits: []edit{{"internal/exchange/pull.go", "if records <= 0 || x.vain", "if true || x.vain"}},
	},
	{
		name: "match-fault", rule: "malformed match requests put a node out", pkg: "./internal/exchange", tests: "TestMalformedMatch",
		edits: []edit{{"internal/exchange/match.go", "if _, _, err := wire.DecodeMatchRequest(req); err != nil {", "if false {"}},
	},
	{
		name: "match-frame-fault", rule: "what is no match frame puts a node out", pkg: "./internal/exchange", tests: "TestMalformedMatch",
		edits: []edit{{"internal/exchange/match.go", "\t\tif errors.Is(err, errPeer) {\n", "\t\tif false {\n"}},
	},
	{
		name: "lowest-fork", rule: "the lowest fork of two branches is searched for", pkg: "./internal/exchange", tests: "TestLowestFork",
		edits: []edit{{"internal/exchange/forks.go", "range suspects[:min(len(suspects), maxDisputes)] {", "range suspects[:0] {"}},
	},
	{
		name: "stream-member", rule: "a stream is checked against the roster again", pkg: "./internal/exchange", tests: "TestStreamsAreCheckedAgain",
		edits: []edit{{"internal/exchange/serve.go", "\tif ok {\n\t\tok = s.Scope()", "\t{\n\t\tok = s.Scope()"}},
	},
	{
		name: "gossip-member", rule: "gossip of who is no member is not read", pkg: "./internal/gossip", tests: "TestVerdicts",
		edits: []edit{{"internal/gossip/validate.go", "if !g.member(from) {", "if false {"}},
	},
	{
		name: "subscription-filter", rule: "a peer subscribes to the topics of the network only", pkg: "./internal/gossip", tests: "TestSubscriptionFloodIsRefused|TestUnknownTopicsAreNotKept",
		edits: []edit{{"internal/gossip/settings.go", "pubsub.WithSubscriptionFilter(pubsub.WrapLimitSubscriptionFilter(\n\t\t\tpubsub.NewAllowlistSubscriptionFilter(names...), maxSubscriptions)),", ""}},
	},
	{
		name: "subscription-limit", rule: "one message subscribes to few topics", pkg: "./internal/gossip", tests: "TestSubscriptionFloodIsRefused|TestFaultsLeadToQuarantine",
		edits: []edit{{"internal/gossip/guard.go", "case len(rpc.GetSubscriptions()) > maxSubscriptions:", "case false:"}},
	},
	{
		name: "token-bucket", rule: "an author has a rate", pkg: "./internal/gossip", tests: "TestVerdicts",
		edits: []edit{{"internal/gossip/validate.go", "\ta.records.AllowN(now, 1)\n", ""}},
	},
	{
		name: "author-bytes", rule: "an author has a rate in bytes", pkg: "./internal/gossip", tests: "TestAuthorHasBytes",
		edits: []edit{{"internal/gossip/validate.go", "\ta.bytes.AllowN(now, size)\n", ""}},
	},
	{
		name: "taken", rule: "of one record two messages are taken", pkg: "./internal/gossip", tests: "TestOneRecordInManyWays",
		edits: []edit{{"internal/gossip/guard.go", "case g.taken.full(log, seq):", "case false:"}},
	},
	{
		name: "copies", rule: "who signs one record again and again is put out", pkg: "./internal/gossip", tests: "TestOneRecordInManyWays",
		edits: []edit{{"internal/gossip/guard.go", " || a.copied(m.Data, now):", ":"}},
	},
	{
		name: "later-versions", rule: "who passes on a record of a later version is blamed for nothing", pkg: "./internal/gossip", tests: "TestLaterVersionsBlameNobody",
		edits: []edit{{"internal/verify/reason.go", "{UnknownVersion, Ignore,", "{UnknownVersion, Reject,"}},
	},
	{
		name: "promises", rule: "a promise that is not kept blames nobody", pkg: "./internal/gossip", tests: "TestBrokenPromisesBlameNobody",
		edits: []edit{{"internal/gossip/settings.go", "BehaviourPenaltyWeight:      0,", "BehaviourPenaltyWeight: -10, BehaviourPenaltyThreshold: 6, BehaviourPenaltyDecay: pubsub.ScoreParameterDecay(time.Hour),"}},
	},
	{
		name: "forwarder-bucket", rule: "a forwarder has a rate of signature checks", pkg: "./internal/gossip", tests: "TestVerdicts",
		edits: []edit{{"internal/gossip/validate.go", "if !g.budget.forwarder(from).AllowN(now, 1) {", "if false {"}},
	},
	{
		name: "window-ahead", rule: "what is far ahead of its log is not passed on", pkg: "./internal/gossip", tests: "TestVerdicts",
		edits: []edit{{"internal/gossip/guard.go", "case seq > head.Size+aheadMax:", "case false:"}},
	},
	{
		name: "cut-early", rule: "what would be ignored is cut before pubsub remembers it", pkg: "./internal/gossip", tests: "TestUselessIsCutWithoutBlame|TestBeaconFloodIsCut",
		edits: []edit{{"internal/gossip/guard.go", "reason = g.useless(topic, m.Data, now)", "_ = topic"}},
	},
	{
		name: "peer-rate", rule: "a peer has a share of the queue", pkg: "./internal/gossip", tests: "TestPeerHasAShare",
		edits: []edit{{"internal/gossip/guard.go", "case !a.messages.AllowN(now, 1) || ", "case "}},
	},
	{
		name: "peer-bytes", rule: "a peer has a share of the memory", pkg: "./internal/gossip", tests: "TestPeerHasAShare",
		edits: []edit{{"internal/gossip/guard.go", " || !a.bytes.AllowN(now, min(len(m.Data), peerBytes)):", ":"}},
	},
	{
		name: "repeats", rule: "who sends the same message again and again is put out", pkg: "./internal/gossip", tests: "TestRepeatsAreQuarantined",
		edits: []edit{{"internal/gossip/guard.go", "case a.repeats.more(m.GetTopic(), m.Data, repeatsMax, now) || ", "case "}},
	},
	{
		name: "flood", rule: "who sends more than all members author is put out", pkg: "./internal/gossip", tests: "TestFloodIsQuarantined",
		edits: []edit{{"internal/gossip/guard.go", "if !a.flood.AllowN(now, units(rpc)) {", "if false {"}},
	},
	{
		name: "control-ids", rule: "message ids in control messages have a rate", pkg: "./internal/gossip", tests: "TestControlIsBounded",
		edits: []edit{{"internal/gossip/guard.go", "case !a.control.AllowN(now, ids(c)):", "case false:"}},
	},
	{
		name: "control-id-size", rule: "a message id has twenty bytes", pkg: "./internal/gossip", tests: "TestControlIsBounded",
		edits: []edit{{"internal/gossip/guard.go", "if len(id) != messageIDSize {", "if len(id) < 0 {"}},
	},
	{
		name: "mesh-rate", rule: "grafts and prunes have a rate", pkg: "./internal/gossip", tests: "TestControlIsBounded",
		edits: []edit{{"internal/gossip/guard.go", "case !a.mesh.AllowN(now, mesh):", "case false:"}},
	},
	{
		name: "contested-gossip", rule: "a contested log is not gossiped on", pkg: "./internal/gossip", tests: "TestUselessIsCutWithoutBlame",
		edits: []edit{{"internal/gossip/guard.go", "case head.Ends(seq):", "case false:"}},
	},
	{
		name: "reject-is-a-fault", rule: "who passes on forgeries is put out", pkg: "./internal/gossip", tests: "TestFaultsLeadToQuarantine",
		edits: []edit{{"internal/gossip/validate.go", "g.cfg.Host.Fault(from, reason) // no honest", "// no honest"}},
	},
	{
		name: "quarantine", rule: "who is put out is not admitted", pkg: "./internal/gossip", tests: "TestControlIsBounded",
		edits: []edit{{"internal/p2p/gater.go", " || g.quarantine.holds(key, now) {", " {"}},
	},

	{
		name: "seat-yields", rule: "who keeps a stream waiting gives way", pkg: "./internal/exchange", tests: "TestSeatsGoToWhoUsesThem|TestMatchSeats",
		edits: []edit{{"internal/exchange/state.go", "g.open[all] >= total && !yield() {", "g.open[all] >= total {"}},
	},
	{
		name: "one-pull-a-node", rule: "who makes itself be asked again and again takes one slot", pkg: "./internal/exchange", tests: "TestSlowPeersHoldUpNoSync",
		edits: []edit{{"internal/exchange/queue.go", "if q.busy[node] {", "if false {"}},
	},
	{
		name: "pull-turn", rule: "who drips records holds a slot for a turn", pkg: "./internal/exchange", tests: "TestSlowPeersHoldUpNoSync",
		edits: []edit{{"internal/exchange/run.go", "x.turns.end(time.Now())", "_ = 0"}},
	},
	{
		name: "stream-fault", rule: "who breaks the sync protocol again and again is put out", pkg: "./internal/exchange", tests: "TestStreamFaultsLeadToQuarantine",
		edits: []edit{{"internal/exchange/serve.go", "x.cfg.Host.Fault(s.Conn().RemotePeer(), \"sync stream against the protocol\")\n", ""}},
	},
}
