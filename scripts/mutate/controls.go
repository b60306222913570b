package main

// controls are the safeguards that a test must hold, one edit each. An edit
// takes out the rule and nothing beside it, and is as short as can be: it must
// stand exactly once in its file.
var controls = []control{
	// Who signed what.
	{
		name: "signature", rule: "a record is signed by the key of its log", pkg: "./internal/verify",
		edits: []edit{{"internal/verify/verify.go", "return keys.Verify(r.env.Header.Log,", "return true || keys.Verify(r.env.Header.Log,"}},
	},
	{
		name: "network-context", rule: "a signature counts in one network", pkg: "./internal/keys",
		edits: []edit{{"internal/keys/keys.go", "{AlgEd25519}, network[:], msg}", "{AlgEd25519}, msg}"}},
	},
	{
		name: "domain-context", rule: "a signature counts for one purpose", pkg: "./internal/keys",
		edits: []edit{{"internal/keys/keys.go", "[][]byte{[]byte(c), ", "[][]byte{"}},
	},
	{
		name: "network-prefix", rule: "a record names its network", pkg: "./internal/verify",
		edits: []edit{{"internal/verify/open.go", "if h.Network != network.Prefix() {", "if false {"}},
	},
	{
		name: "small-order-keys", rule: "a key under which anything verifies is no key", pkg: "./internal/keys",
		edits: []edit{{"internal/keys/keys.go", "\t\treturn false\n\t}\n\t// The prime", "\t\treturn true\n\t}\n\t// The prime"}},
	},
	{
		name: "stranger", rule: "only a log of the roster may speak", pkg: "./internal/verify",
		edits: []edit{{"internal/verify/open.go", "if !ok {\n\t\treturn Record{}, &Error{Stranger", "if false && !ok {\n\t\treturn Record{}, &Error{Stranger"}},
	},
	{
		name: "delegation-window", rule: "outside its delegation a log is held", pkg: "./internal/verify",
		edits: []edit{{"internal/verify/open.go", "case h.Issued < r.NotBefore || h.Issued >= r.NotAfter:", "case false:"}},
	},
	{
		name: "delegation-end", rule: "after its delegation nothing new of a log is taken", pkg: "./internal/verify",
		edits: []edit{{"internal/verify/open.go", "case ct.MillisOf(now) >= r.NotAfter:", "case false:"}},
	},
	{
		name: "closing-end", rule: "after the end of a closed log nothing counts", pkg: "./internal/verify", tests: "TestRootVectors",
		edits: []edit{{"internal/verify/open.go", "if h.Seq > c.Seq || ", "if "}},
	},
	{
		name: "closing-id", rule: "at the end of a closed log one record counts", pkg: "./internal/verify", tests: "TestRootVectors",
		edits: []edit{{"internal/verify/open.go", " || h.Seq == c.Seq && id != c.ID {", " {"}},
	},
	{
		name: "closing-final", rule: "the first closing of a log is final", pkg: "./internal/roster", tests: "TestClosing",
		edits: []edit{{"internal/roster/apply.go", "case n.Closing != nil:\n\t\treturn errors.New(\"closing: ", "case false:\n\t\treturn errors.New(\"closing: "}},
	},
	{
		name: "closing-ends-right", rule: "the node of a closed log does not connect", pkg: "./internal/roster", tests: "TestClosing",
		edits: []edit{{"internal/roster/roster.go", "ok && n.Closing == nil && ", "ok && "}},
	},
	{
		name: "closed-log-writer", rule: "into a closed log comes what is proved to lead to its end", pkg: "./internal/ingest", tests: "TestClosedLog",
		edits: []edit{{"internal/ingest/close.go", "case it.job.proved && !hd.Contested", "case !hd.Contested"}},
	},
	{
		name: "rewind-unhides", rule: "a disowned retraction has hidden nothing", pkg: "./internal/store", tests: "TestRewindUndoesRetractions",
		edits: []edit{{"internal/store/rewind.go", "if g.header == nil || ct.Kind(g.header.Kind) != ct.KindRetract || ", "if true || "}},
	},
	{
		name: "rewind-erases", rule: "the salt of a disowned body goes", pkg: "./internal/store", tests: "TestCloseLog",
		edits: []edit{{"internal/store/rewind.go", "\tif !s.remains {\n", "\tif true {\n"}},
	},
	{
		name: "possession", rule: "a delegation carries the node key's agreement", pkg: "./internal/roster",
		edits: []edit{{"internal/roster/policy.go", "case !keys.Verify(d.Node, keys.ContextPossession", "case false && !keys.Verify(d.Node, keys.ContextPossession"}},
	},
	{
		name: "genesis-signature", rule: "a founder has signed the genesis", pkg: "./internal/roster",
		edits: []edit{{"internal/roster/genesis.go", "if !keys.Verify(f.Root, keys.ContextGenesis", "if false && !keys.Verify(f.Root, keys.ContextGenesis"}},
	},

	// What a record is.
	{
		name: "commitment", rule: "a body is the one that its header commits to", pkg: "./internal/verify",
		edits: []edit{{"internal/verify/open.go", "if wire.Commit(e.Salt, e.Body) != e.Header.Commit {", "if false {"}},
	},
	{
		name: "body-present", rule: "gossip carries the body", pkg: "./internal/verify",
		edits: []edit{{"internal/verify/open.go", "if topic != nil && !e.HasBody() {", "if false {"}},
	},
	{
		name: "topic", rule: "a record is gossiped on its own topic", pkg: "./internal/verify",
		edits: []edit{{"internal/verify/open.go", "if topic != nil && h.Topic != uint32(*topic) {", "if false {"}},
	},
	{
		name: "one-encoding-varint", rule: "a number has its shortest form", pkg: "./internal/wire",
		edits: []edit{{"internal/wire/decoder.go", "if n < 0 || n != protowire.SizeVarint(v) {", "if n < 0 {"}},
	},
	{
		name: "one-encoding-order", rule: "fields ascend", pkg: "./internal/wire",
		edits: []edit{{"internal/wire/decoder.go", "if num < 1 || int(num) < d.last {", "if num < 1 {"}},
	},
	{
		name: "one-encoding-default", rule: "a default value is not written", pkg: "./internal/wire",
		edits: []edit{{"internal/wire/decoder.go", "if v == 0 { // a default", "if false { // a default"}},
	},
	{
		name: "one-encoding-repeat", rule: "a field stands once", pkg: "./internal/wire",
		edits: []edit{{"internal/wire/decoder.go", "\tif d.rep {\n", "\tif false {\n"}},
	},
	{
		name: "record-size", rule: "a record has at most 64 KiB", pkg: "./internal/wire",
		edits: []edit{{"internal/wire/record_codec.go", "if len(raw) > MaxRecord {", "if false {"}},
	},
	{
		name: "body-size", rule: "a record fits 64 KiB with its body too", pkg: "./internal/wire",
		edits: []edit{{"internal/wire/record_codec.go", "if n := fullSize(e); n > MaxRecord {", "if n := fullSize(e); n < 0 {"}},
	},
	{
		name: "frame-size", rule: "a frame of a stream has a limit", pkg: "./internal/wire",
		edits: []edit{{"internal/wire/sync_frame.go", "if size > uint64(limit) {", "if false {"}},
	},
	{
		name: "message-id", rule: "the gossip id covers all bytes of the message", pkg: "./internal/gossip", tests: "TestMessageIDCoversAll",
		edits: []edit{{"internal/gossip/settings.go", "h.Write(m.GetData())", "h.Write(m.GetData()[:min(1, len(m.GetData()))])"}},
	},
	{
		name: "message-id-in-use", rule: "gossip uses that id", pkg: "./internal/gossip", tests: "TestPublishesOnlyNewOwnRecords",
		edits: []edit{{"internal/gossip/settings.go", "pubsub.WithMessageIdFn(messageID),", ""}},
	},
	{
		name: "strict-json", rule: "a document has no unknown field", pkg: "./node/ct",
		edits: []edit{{"node/ct/strict.go", "if !known {\n", "if !known {\n\t\t\tfield = &schema{want: \"string\"}\n\t\t}\n\t\tif false {\n"}},
	},
	{
		name: "repeated-json", rule: "a document gives a field once", pkg: "./node/ct",
		edits: []edit{{"node/ct/strict.go", "if seen[key] {", "if false {"}},
	},

	// The order of a log.
	{
		name: "seq", rule: "the writer takes the next seq only", pkg: "./internal/ingest", tests: "TestOutcomes|TestAnyOrder|TestForks",
		edits: []edit{{"internal/ingest/batch.go", "case h.Seq == hd.Size+1:", "case h.Seq > hd.Size:"}},
	},
	{
		name: "prev", rule: "the writer takes a record that names its predecessor", pkg: "./internal/ingest", tests: "TestOutcomes|TestAnyOrder|TestForks",
		edits: []edit{{"internal/ingest/batch.go", "case hd.Size > 0 && h.Prev != hd.ID:", "case false:"}},
	},
	{
		name: "first-prev", rule: "the first record of a log names its delegation", pkg: "./internal/ingest", tests: "TestOutcomes|TestAnyOrder|TestForks",
		edits: []edit{{"internal/ingest/batch.go", "case hd.Size == 0 && h.Prev != it.rec.First():", "case false:"}},
	},
	{
		name: "seq-in-store", rule: "the store holds the seq itself", pkg: "./internal/store", tests: "TestAppendRefusesTheWholeBatch",
		edits: []edit{{"internal/store/append.go", "case h.Seq != l.head.Size+1:", "case false:"}},
	},
	{
		name: "prev-in-store", rule: "the store holds the chain itself", pkg: "./internal/store", tests: "TestAppendRefusesTheWholeBatch",
		edits: []edit{{"internal/store/append.go", "case h.Prev != prev:", "case false && h.Prev != prev:"}},
	},
	{
		name: "contested", rule: "a forked log is not extended", pkg: "./internal/ingest", tests: "TestForks",
		edits: []edit{{"internal/ingest/batch.go", "case hd.Contested:\n\t\tb.set(it, Forked)", "case false:\n\t\tb.set(it, Forked)"}},
	},
	{
		name: "fork-proof", rule: "a second history of a log is found out", pkg: "./internal/ingest", tests: "TestForks",
		edits: []edit{{"internal/ingest/batch.go", "case id != it.rec.ID():", "case false && id != it.rec.ID():"}},
	},
	{
		name: "writer-asks-roster", rule: "who lost the right to speak is not stored", pkg: "./internal/ingest", tests: "TestRefusedByTheRoster",
		edits: []edit{{"internal/ingest/batch.go", "case !b.mayspeak(h.Log):", "case false:"}},
	},

	// Signing own records.
	{
		name: "own-head", rule: "nothing is signed while peers know more of the own log", pkg: "./node", tests: "TestGate|TestGateClosesAgain",
		edits: []edit{{"node/gate.go", "if held < known {", "if false {"}},
	},
	{
		name: "own-head-answers", rule: "nothing is signed before peers have told", pkg: "./node", tests: "TestGate|TestGateClosesAgain",
		edits: []edit{{"node/gate.go", "case answers >= need, ", "case true, "}},
	},
	{
		name: "own-head-alone", rule: "silence of the peers is no answer", pkg: "./node", tests: "TestGate|TestGateClosesAgain",
		edits: []edit{{"node/gate.go", "waited >= ownHeadWait && answers >= 1:", "waited >= ownHeadWait:"}},
	},
	{
		name: "outbox-gate", rule: "the outbox asks the gate", pkg: "./internal/desk", tests: "TestOutboxWaitsForTheGate",
		edits: []edit{
			{"internal/desk/outbox.go", "if ready, _ := d.cfg.Gate(); !ready {", "if false {"},
			{"internal/desk/desk.go", "if ready, _ := d.cfg.Gate(); !ready {", "if false {"},
		},
	},
	{
		name: "publish-gate", rule: "publishing asks the gate", pkg: "./internal/desk", tests: "TestCancelLeavesTheDraft|TestSignNow",
		edits: []edit{{"internal/desk/publish.go", "if ready, _ := d.cfg.Gate(); ready && !noWait", "if !noWait"}},
	},
	{
		name: "own-gap", rule: "the writer signs nothing over a gap in the own log", pkg: "./internal/ingest", tests: "TestAuthor|TestAuthorRefuses",
		edits: []edit{{"internal/ingest/batch.go", "case hd.seen > hd.Size:", "case false:"}},
	},

	// What is durable, and what is gone.
	{
		name: "fsync", rule: "a commit is on the disk before it is acknowledged", pkg: "./internal/store", tests: "TestEveryCommitIsSynced",
		edits: []edit{{"internal/store/file.go", "NoStatistics: true,", "NoStatistics: true,\n\t\tNoSync: true,"}},
	},
	{
		name: "fsync-new-file", rule: "a new file is on the disk before it has its name", pkg: "./internal/store", tests: "TestNewFilesAreSynced",
		edits: []edit{{"internal/store/file.go", "return errors.Join(f.Sync(), f.Close())", "return f.Close()"}},
	},
	{
		name: "fsync-directory", rule: "a new data directory is on the disk before anything in it counts", pkg: "./internal/store", tests: "TestNewDirectoriesAreSynced",
		edits: []edit{{"internal/store/file.go", "if err := syncPath(filepath.Dir(p)); err != nil &&", "if err := syncPath(filepath.Dir(p)); false && err != nil &&"}},
	},
	{
		name: "erase-clock", rule: "a clock that is far off erases nothing", pkg: "./node", tests: "TestClockJumps",
		edits: []edit{{"node/upkeep.go", `doubt != "" {`, `false && doubt != "" {`}},
	},
	{
		name: "fsync-failed", rule: "after a failed sync nothing is written", pkg: "./internal/store", tests: "TestEveryCommitIsSynced",
		edits: []edit{{"internal/store/file.go", "case f.stopped != nil:\n\t\treturn f.stopped\n\t}\n\tvar id int", "case false:\n\t}\n\tvar id int"}},
	},
	{
		name: "commit-order", rule: "bodies are on the disk before the header that acknowledges", pkg: "./internal/store", tests: "TestEveryCommitIsSynced",
		edits: []edit{{"internal/store/append.go", "bodies.Go(func() error { return s.putBodies(entries) })",
			"defer func() {\n\t\tif err == nil {\n\t\t\terr = s.putBodies(entries)\n\t\t}\n\t}()"}},
	},
	{
		name: "prune", rule: "what a crash left of a commit is removed", pkg: "./internal/store", tests: "TestCrashBetweenCommits",
		edits: []edit{{"internal/store/store.go", "err := s.prune()", "var err error"}},
	},
	{
		name: "retract-hides", rule: "a retraction hides in the commit that brings it", pkg: "./internal/store", tests: "TestRetractHidesInAnyOrder",
		edits: []edit{{"internal/store/append.go", "return s.applyRetractions(tx, entries, logs)", "return nil"}},
	},
	{
		name: "retract-own-state", rule: "a State retracts what it said itself", pkg: "./internal/store", tests: "TestRetractHidesInAnyOrder|TestInadmissibleRetractDoesNotHide|TestRetractOfALogNotYetKnown|TestRetractWithALyingRef",
		edits: []edit{{"internal/store/retract.go", "if target != nil && target.state != e.log.state {", "if false {"}},
	},
	{
		name: "erase-salt", rule: "erasing a body deletes its salt", pkg: "./internal/store", tests: "TestErase|TestCrashInErase",
		edits: []edit{{"internal/store/erase.go", "if err == nil && salted {", "if false {"}},
	},
	{
		name: "erase-trace", rule: "a deleted salt is in no free page", pkg: "./internal/store", tests: "TestErase|TestCrashInErase",
		edits: []edit{{"internal/store/erase.go", "err = s.keysDB.rewriteOnline()\n\ts.keysDB.noRoom(err)", "s.keysDB.untrack()"}},
	},
	{
		name: "erase-trace-later", rule: "what a start deletes of salts is remembered until it is in no free page", pkg: "./internal/store", tests: "TestCrashBetweenCommits|TestCrashInErase",
		edits: []edit{{"internal/store/erase.go", "return tx.Bucket([]byte(bktMeta)).Put(tracesKey, one)", "return nil"}},
	},
	{
		name: "erase-trace-janitor", rule: "the node erases what its start left of salts", pkg: "./node", tests: "TestTracesAreErased",
		edits: []edit{{"node/upkeep.go", "done, err := n.store.EraseTraces()", "done, err := false, error(nil)"}},
	},
	{
		name: "erase-while-rewritten", rule: "a salt deleted while keys.db is rewritten is remembered in the new file", pkg: "./internal/store", tests: "TestEraseWhileKeysAreRewritten",
		edits: []edit{{"internal/store/erase.go", "s.keysDB.touch(bktMeta, tracesKey)", ""}},
	},
	{
		name: "tombstone-final", rule: "an erased body does not come back", pkg: "./internal/store", tests: "TestErase|TestEraseReasons",
		edits: []edit{{"internal/store/fill.go", "wanted := h.state == BodyMissing ||", "wanted := h.state != BodyHeld ||"}},
	},
	{
		name: "entry-sum", rule: "an entry of log.db that has rotted is not believed", pkg: "./internal/store", tests: "TestRottenRecordIsMended",
		edits: []edit{{"internal/store/layout.go", "if crc32.Checksum(b[:n], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(b[n:]) {", "if false {"}},
	},
	{
		name: "entry-place", rule: "an entry of log.db counts at its own place alone", pkg: "./internal/store", tests: "TestRottenRecordIsMended",
		edits: []edit{{"internal/store/rot.go", "bad != nil || log != l.id || seq != at.seq() && !at.disowned() {", "bad != nil || log != l.id && seq != at.seq() {"}},
	},
	{
		name: "mend-by-chain", rule: "a copy takes a rotten record's place only under the id that the chain names", pkg: "./internal/store", tests: "TestRottenRange",
		edits: []edit{{"internal/store/rot.go", "if rec.ID() != id || again {", "if rec.ID() != id && again {"}},
	},
	{
		name: "sweep", rule: "what has rotted beside the records does not stay", pkg: "./internal/store", tests: "TestSweep",
		edits: []edit{{"internal/store/sweep.go", "if l.stray(bucket, k, v) && len(out) < MaxBatch {", "if l.stray(bucket, k, v) && len(out) < 0 {"}},
	},
	{
		name: "erased-in-two-files", rule: "the loss of log.db brings no erased body back", pkg: "./internal/store", tests: "TestRebuild",
		edits: []edit{{"internal/store/append.go", "if s.reborn != 0 {", "if false {"}},
	},
	{
		name: "full-refuses", rule: "on a full disk the ballast's room is not for new records", pkg: "./internal/store", tests: "TestBallast",
		edits: []edit{{"internal/store/ballast.go", "if !Essential(r.Header().Kind) {", "if false && !Essential(r.Header().Kind) {"}},
	},
	{
		name: "free-in-use", rule: "a large file with a page in use in its list of free ones is not opened", pkg: "./internal/store", tests: "TestLargePages",
		edits: []edit{{"internal/store/pages.go", "if !c.unread.has(head) {", "if true {"}},
	},
	{
		name: "leaf-twice", rule: "a large file with a page reached twice is not opened", pkg: "./internal/store", tests: "TestLargePages",
		edits: []edit{{"internal/store/pages.go", "if c.seen.has(id) {", "if false {"}},
	},
	{
		name: "suspect", rule: "a file with a page that was found damaged is read whole before it is opened", pkg: "./internal/store", tests: "TestRottenLargePages",
		edits: []edit{{"internal/store/pages.go", "suspect := isSuspect(path)", "suspect := false"}},
	},
	{
		name: "log-key", rule: "a log's entry under another key is not believed", pkg: "./internal/store", tests: "TestRottenLogKey",
		edits: []edit{{"internal/store/heads.go", "err == nil && header.Log != e.id {", "err == nil && false {"}},
	},
	{
		name: "index-sealed", rule: "the index shows no token of a name on the disk", pkg: "./internal/index", tests: "TestDiskShowsNothing",
		edits: []edit{{"internal/index/person_update.go", "b.x.seal.seal(t[:], []byte(text))", "[]byte(text)"}},
	},
	{
		name: "restored-hides", rule: "a restored node shows nothing that may have been retracted", pkg: "./node", tests: "TestRestoredNodeHidesContent",
		edits: []edit{{"node/gate.go", "return g.restored() && g.show == \"\"", "return false"}},
	},
	{
		name: "feed-hides", rule: "a retracted record's content is not shown", pkg: "./internal/feed",
		edits: []edit{{"internal/feed/feed.go", "case !r.HiddenBy.IsZero(), r.BodyState == store.BodyRetracted:", "case false:"}},
	},
	{
		name: "feed-expiry", rule: "an expired record's content is not shown", pkg: "./internal/feed",
		edits: []edit{{"internal/feed/feed.go", "case r.BodyState == store.BodyExpired, r.Header.Expires.Time().Before(now):", "case false:"}},
	},
	{
		name: "index-hides", rule: "a retracted person is found no more", pkg: "./internal/index", tests: "TestFollow|TestFindFresh",
		edits: []edit{{"internal/index/follower.go", "return Change{Ref: recordRef(ref.ID)}, true, nil", "return Change{}, false, nil"}},
	},

	{
		name: "index-fresh-hides", rule: "a retracted person is not indexed", pkg: "./internal/index", tests: "TestFollow|TestFindFresh",
		edits: []edit{{"internal/index/follower.go", "if _, ok := hidden(r.ID); ok {", "if false {"}},
	},

	// What is a lead.
	{
		name: "namesake", rule: "a name with another birth is no lead", pkg: "./internal/match", tests: "TestScore",
		edits: []edit{{"internal/match/score.go", "case b.verdict == Conflict || b.verdict == YearNear || b.verdict == YearDigit:", "case false:"},
			{"internal/match/birth.go", "birthConflict  = birthEvidence{value: 0.00,", "birthConflict  = birthEvidence{value: 0.85,"}},
	},
	{
		name: "low-alias", rule: "an alias of low quality needs a birth", pkg: "./internal/match", tests: "TestScore",
		edits: []edit{{"internal/match/score.go", "case n.low && b.value < birthOneField.value &&", "case false &&"}},
	},
	{
		name: "part-more", rule: "a name with one part more is no lead by itself", pkg: "./internal/match", tests: "TestScore",
		edits: []edit{{"internal/match/score.go", "return n.OnlyA <= spare && n.Parts >= 3", "return true"}},
	},

	// Who gets in, and how much.
	{
		name: "gater", rule: "only a live member connects", pkg: "./internal/p2p", tests: "TestStranger|TestMuteAndExpiry|TestRosterChangeCuts",
		edits: []edit{{"internal/p2p/gater.go", "\t_, ok := g.member(id)\n\treturn ok", "\t_, ok := g.member(id)\n\treturn ok || true"}},
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
		edits: []edit{{"internal/p2p/dial.go", "surplus := len(all) - wantHigh", "surplus := len(all) - 1000*wantHigh"}},
	},
	{
		name: "mute", rule: "a muted State does not connect", pkg: "./internal/p2p", tests: "TestMuteAndExpiry",
		edits: []edit{{"internal/p2p/gater.go", " || g.muted(node.State)", ""}},
	},
	{
		name: "sync-quota", rule: "a peer gets no more bytes than its quota", pkg: "./internal/exchange", tests: "TestGreedyPeer",
		edits: []edit{{"internal/exchange/quota.go", "if wait <= 0 {", "if true {"}},
	},
	{
		name: "topics-kept", rule: "a body of a topic that the node does not keep is dropped", pkg: "./internal/exchange", tests: "TestPartialTopics",
		edits: []edit{{"internal/store/append.go", "if rec.HasBody() && s.keeps(rec.Header().Topic) {", "if rec.HasBody() {"}},
	},
	{
		name: "frontier-sum", rule: "changes of a frontier are held against its digest", pkg: "./internal/exchange", tests: "TestWrongChanges",
		edits: []edit{{"internal/exchange/known.go", "sound = len(theirs) <= wire.MaxSyncLogs && wire.FrontierDigest(theirs) == digest", "sound = true"}},
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
		edits: []edit{{"internal/gossip/validate.go", "g.budget.author(log).AllowN(now, 1)\n", ""}},
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
		edits: []edit{{"internal/gossip/guard.go", "case a.repeats.more(m.GetTopic(), m.Data, now):", "case false:"}},
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
		edits: []edit{{"internal/gossip/guard.go", "case head.Contested:", "case false:"}},
	},
	{
		name: "reject-is-a-fault", rule: "who passes on forgeries is put out", pkg: "./internal/gossip", tests: "TestFaultsLeadToQuarantine",
		edits: []edit{{"internal/gossip/validate.go", "g.fault(from, reason)\n\t\t\treturn pubsub.ValidationReject", "return pubsub.ValidationReject"}},
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

	// Match requests.
	{
		name: "match-signature", rule: "a request is signed by who asks", pkg: "./internal/desk", tests: "TestAnswerRefusals",
		edits: []edit{{"internal/desk/match_answer.go", "case !keys.Verify(asker.Key,", "case false && !keys.Verify(asker.Key,"}},
	},
	{
		name: "match-answer-signature", rule: "an answer is signed by who was asked", pkg: "./internal/desk", tests: "TestMatchSilence|TestForgedAnswer",
		edits: []edit{{"internal/desk/match_ask.go", "case !keys.Verify(node,", "case false && !keys.Verify(node,"}},
	},
	{
		name: "match-budget", rule: "a State asks no more than its budget", pkg: "./internal/desk", tests: "TestBudgetPerState|TestBudgetWindows",
		edits: []edit{{"internal/desk/budget.go", ">= int(w.most) {", "< 0 {"}},
	},
	{
		name: "match-budget-restart", rule: "a restart forgives no request", pkg: "./internal/desk", tests: "TestBudgetPerState|TestWindowsSurviveRestarts",
		edits: []edit{{"internal/desk/budget.go", "b.of(e.Peer).add(e.Time)", "_ = e"}},
	},
	{
		name: "match-timing", rule: "no answer leaves before its time, refusals neither", pkg: "./internal/desk", tests: "TestRefusalsTellNothing",
		edits: []edit{{"internal/desk/match_answer.go", "pause := answerStep - work%answerStep", "pause := work - work"}},
	},
	{
		name: "fishing-numbers", rule: "document numbers in rows are found", pkg: "./internal/fishing", tests: "TestNumbersInCompany",
		edits: []edit{{"internal/fishing/judge.go", "own && (row >= l.Run ||", "own && (false ||"}},
	},
	{
		name: "fishing-regular", rule: "document numbers at regular distances are found", pkg: "./internal/fishing", tests: "TestNumbersInCompany",
		edits: []edit{{"internal/fishing/judge.go", "square/float64(n) < regular*mean*mean", "false && square < regular"}},
	},
	{
		name: "fishing-short-rows", rule: "many short rows of document numbers are found", pkg: "./internal/fishing", tests: "TestNumbersInCompany",
		edits: []edit{{"internal/fishing/judge.go", "case len(points) >= l.Neighbours &&", "case false &&"}},
	},
	{
		name: "fishing-again", rule: "one person asked again and again is found", pkg: "./internal/fishing", tests: "TestFishersAreFound",
		edits: []edit{{"internal/fishing/judge.go", "if most >= limit {", "if false && most >= limit {"}},
	},
	{
		name: "fishing-births", rule: "one name with dates of birth that are tried is found", pkg: "./internal/fishing", tests: "TestNearDatesOfBirth",
		edits: []edit{{"internal/fishing/judge.go", " || follow >= l.NearBirths", ""}},
	},
	{
		name: "fishing-names", rule: "an alphabet of bare names is found", pkg: "./internal/fishing", tests: "TestAlphabetIsFoundByOrder",
		edits: []edit{{"internal/fishing/judge.go", "n*8 >= len(up)*3", "false && n > 0"}},
	},
	{
		name: "fishing-misses", rule: "bare requests without a hit are found", pkg: "./internal/fishing", tests: "TestFishersAreFound",
		edits: []edit{{"internal/fishing/judge.go", "bare >= l.Misses &&", "false && bare >= l.Misses &&"}},
	},
	{
		name: "fishing-key", rule: "a sketch is one key's", pkg: "./internal/fishing", tests: "TestSketchIsKeyed",
		edits: []edit{{"internal/fishing/fishing.go", "hmac.New(sha256.New, w.key)", "hmac.New(sha256.New, nil)"}},
	},
	{
		name: "fishing-offset", rule: "of a number only its distance to others is kept", pkg: "./internal/fishing", tests: "TestSketchIsKeyed",
		edits: []edit{{"internal/fishing/sketch.go", `at: at + w.hash("offset", series)`, "at: at"}},
	},
	{
		name: "fishing-beyond-budget", rule: "a State that asks too fast to be answered is watched too", pkg: "./internal/desk", tests: "TestFishingForNumbers",
		edits: []edit{{"internal/desk/fishing.go", "look := x.looks < looksPerHour", "look := x.looks < 0"}},
	},
	{
		name: "fishing-own-word", rule: "a request blames a State that signed it itself", pkg: "./internal/desk", tests: "TestOthersWordsBlameNobody",
		edits: []edit{{"internal/desk/fishing.go", "r.Asker != a.Key || r.Responder != d.cfg.Signer.Public() ||\n\t\t!keys", "r.Responder != d.cfg.Signer.Public() ||\n\t\tfalse && !keys"}},
	},
	{
		name: "fishing-cooling", rule: "who was found fishing waits", pkg: "./internal/desk", tests: "TestFishingForNumbers|TestCoolingGrows",
		edits: []edit{{"internal/desk/fishing.go", "if x.cooling(stamp) {\n\t\tg.mu.Unlock()\n\t\treturn limitCooling", "if false {\n\t\tg.mu.Unlock()\n\t\treturn limitCooling"}},
	},
	{
		name: "fishing-flag-kept", rule: "a restart ends no cooling", pkg: "./internal/desk", tests: "TestCoolingGrows",
		edits: []edit{{"internal/desk/fishing.go", "return tx.Put(bucketFlag, []byte(s), b)", "_ = b; return nil"}},
	},
	{
		name: "match-replay", rule: "a request is answered once", pkg: "./internal/desk", tests: "TestAnswerRefusals|TestNoncesAreBounded",
		edits: []edit{{"internal/desk/match_answer.go", "case !fresh:", "case false && !fresh:"}},
	},
	{
		name: "match-muted", rule: "a muted State is not answered", pkg: "./internal/desk", tests: "TestAnswerRefusals",
		edits: []edit{{"internal/desk/match_answer.go", "case d.cfg.Muted(asker.State):", "case false:"}},
	},
	{
		name: "match-hidden", rule: "a hidden record is no hit, whatever the index says", pkg: "./internal/desk", tests: "TestHiddenRecordsDoNotMatch",
		edits: []edit{{"internal/desk/holdings.go", "if !live {", "if false && !live {"}},
	},
	{
		name: "journal-before-answer", rule: "no answer leaves before the journal holds the request", pkg: "./internal/desk", tests: "TestNothingHappensUnjournalled",
		edits: []edit{{"internal/desk/match_answer.go", "not journalled\", \"error\", err)\n\t\treturn refuse(refusedUnavailable)", "not journalled\", \"error\", err)"}},
	},
	{
		name: "match-replay-restart", rule: "a request is answered once, across a restart", pkg: "./internal/desk", tests: "TestReplayAfterRestart",
		edits: []edit{{"internal/desk/match_answer.go", "case seen:", "case false && seen:"}},
	},
	{
		name: "match-asylum", rule: "a State is told nothing of who fled it", pkg: "./internal/desk", tests: "TestAsylumIsNotAnswered",
		edits: []edit{{"internal/desk/holdings.go", "if s == nil || s.fled(asker) {", "if s == nil {"}},
	},
	{
		name: "release-in-earnest", rule: "nothing is released unsealed in earnest", pkg: "./internal/desk", tests: "TestNoReleaseInEarnest",
		edits: []edit{{"internal/desk/release.go", "case !v.Exercise():", "case false:"}},
	},
	{
		name: "release-handling", rule: "what is RED stays", pkg: "./internal/match", tests: "TestDisclose",
		edits: []edit{{"internal/match/disclose.go", "h.TLP < ct.TLPRed && ", ""}},
	},
	{
		name: "release-minor", rule: "a minor's details go for protection alone", pkg: "./internal/match", tests: "TestDisclose",
		edits: []edit{{"internal/match/disclose.go", "(!s.Minor || to.Purpose == \"protection\")", "true"}},
	},
	{
		name: "release-of-whom", rule: "a release counts from the node that was asked", pkg: "./internal/desk", tests: "TestForeignReleases",
		edits: []edit{{"internal/desk/answers.go", "if l.Node != a.log {", "if false {"}},
	},
	{
		name: "release-to-whom", rule: "a release counts for the State that asked", pkg: "./internal/desk", tests: "TestForeignReleases",
		edits: []edit{{"internal/desk/answers.go", "if err != nil || m.To != d.cfg.State {", "if err != nil {"}},
	},
	{
		name: "release-withdrawn", rule: "a release is withdrawn with its source", pkg: "./internal/desk", tests: "TestRequestReleaseWithdrawal|TestListEntriesAreFollowed",
		edits: []edit{{"internal/desk/given.go", "if changed {", "if false && changed {"}},
	},
	{
		name: "inbox-share", rule: "no State takes the last places of another", pkg: "./internal/desk", tests: "TestNobodyIsCrowdedOut",
		edits: []edit{{"internal/desk/waiting.go", "minInboxPerState = 10", "minInboxPerState = 0"}},
	},
	{
		name: "inbox-reasons", rule: "a request for other reasons is another decision", pkg: "./internal/desk", tests: "TestOtherReasonsAreAnotherDecision",
		edits: []edit{{"internal/desk/waiting.go", "[]byte(w.Basis), []byte(w.Case), []byte(w.Grounds), p}", "p}"}},
	},
	{
		name: "release-closed-key", rule: "nothing is released to a key that was closed", pkg: "./internal/desk", tests: "TestNoReleaseToAClosedKey",
		edits: []edit{{"internal/desk/release.go", "asker.State != w.State || !v.Live(w.Node, now)", "asker.State != w.State"}},
	},
	{
		name: "inbox-bound", rule: "the inbox is bounded", pkg: "./internal/desk", tests: "TestInboxIsBounded",
		edits: []edit{{"internal/desk/waiting.go", "case !room:", "case false:"}},
	},
	{
		name: "journal-before-ask", rule: "nobody is asked before the journal holds the query", pkg: "./internal/desk", tests: "TestNothingHappensUnjournalled",
		edits: []edit{{"internal/desk/match_ask.go", "d.openCase(&q, v, targets, now)\n\tif err != nil {", "d.openCase(&q, v, targets, now)\n\tif false {"}},
	},
	{
		name: "journal-chain", rule: "an altered journal is found out", pkg: "./internal/journal",
		edits: []edit{{"internal/journal/verify.go", "case e.Prev != w.hash:", "case false:"}},
	},
	{
		name: "journal-sealed", rule: "the sealed subject is the one that the chain names", pkg: "./internal/journal", tests: "TestTampering",
		edits: []edit{{"internal/journal/entry.go", "if sha256.Sum256(sealed) != e.SealedHash {", "if false {"}},
	},
	{
		name: "journal-told", rule: "the journal leads to what others were told of it", pkg: "./internal/journal", tests: "TestVerifyAgainstWhatOthersWereTold",
		edits: []edit{{"internal/journal/verify.go", "if t.Head != e.Hash {", "if false {"}},
	},
	{
		name: "journal-auditor", rule: "the node cannot open what it sealed to its auditor", pkg: "./internal/journal", tests: "TestAuditor",
		edits: []edit{{"internal/journal/journal.go", "\t\tj.auditor = auditor\n", ""}},
	},
	{
		name: "journal-shrinks", rule: "a journal that a beacon shows cut is an alarm", pkg: "./internal/reconcile", tests: "TestJournals",
		edits: []edit{{"internal/reconcile/journals.go", "now.Entries < k.Last.Entries || ", "false || "}},
	},
	{
		name: "journal-replay", rule: "an old beacon says nothing of a journal", pkg: "./internal/reconcile", tests: "TestJournals",
		edits: []edit{{"internal/reconcile/journals.go", ", known && b.Time <= k.Last.Said:", ":"}},
	},
	{
		name: "forget-no-hit", rule: "without a hit the responder keeps no subject", pkg: "./internal/desk", tests: "TestNoHitLeavesNothing",
		edits: []edit{{"internal/desk/match_answer.go", "r.Nonce[:], a.code != wire.MatchPossible", "r.Nonce[:], false"}},
	},
}
