package main

// recordControls hold what a record is and who may sign it.
var recordControls = []control{
	// Who signed what.
	{
		name: "signature", rule: "a record is signed by the key of its log", pkg: "./internal/verify", tests: "TestRefusedVectors",
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
		name: "network-prefix", rule: "a record names its network", pkg: "./internal/verify", tests: "TestRefusedVectors",
		edits: []edit{{"internal/verify/open.go", "if h.Network != network.Prefix() {", "if false {"}},
	},
	{
		name: "small-order-keys", rule: "a key under which anything verifies is no key", pkg: "./internal/keys",
		edits: []edit{{"internal/keys/keys.go", "\t\treturn false\n\t}\n\t// The prime", "\t\treturn true\n\t}\n\t// The prime"}},
	},
	{
		name: "stranger", rule: "only a log of the roster may speak", pkg: "./internal/verify", tests: "TestRefusedVectors",
		edits: []edit{{"internal/verify/open.go", "if !ok {\n\t\treturn Record{}, &Error{Stranger", "if false && !ok {\n\t\treturn Record{}, &Error{Stranger"}},
	},
	{
		name: "delegation-window", rule: "outside its delegation a log is held", pkg: "./internal/verify", tests: "TestDelegationWindow",
		edits: []edit{{"internal/verify/open.go", "case h.Issued < r.NotBefore || h.Issued >= r.NotAfter:", "case false:"}},
	},
	{
		name: "delegation-end", rule: "after its delegation nothing new of a log is taken", pkg: "./internal/verify", tests: "TestDelegationWindow",
		edits: []edit{{"internal/verify/open.go", "case ct.MillisOf(now) >= r.NotAfter:", "case false:"}},
	},
	{
		name: "closing-end", rule: "after the end of a closed log nothing counts", pkg: "./internal/verify", tests: "TestRootVectors",
		edits: []edit{{"internal/verify/open.go", "case h.Seq > c.Seq || ", "case "}},
	},
	{
		name: "closing-id", rule: "at the end of a closed log one record counts", pkg: "./internal/verify", tests: "TestRootVectors",
		edits: []edit{{"internal/verify/open.go", " || h.Seq == c.Seq && r.id != c.ID:", ":"}},
	},
	{
		name: "closing-lower", rule: "a later closing counts when it ends the log earlier, and no other", pkg: "./internal/roster", tests: "TestClosing",
		edits: []edit{{"internal/roster/apply.go", "case n.Closing != nil && c.Seq >= n.Closing.Seq:", "case false:"}},
	},
	{
		name: "closing-shortens", rule: "a lower closing stands instead of the first", pkg: "./internal/roster", tests: "TestClosing",
		edits: []edit{{"internal/roster/apply.go", "n.Closing != nil && c.Seq >= n.Closing.Seq", "n.Closing != nil"}},
	},
	{
		name: "root-log-stops", rule: "after what this version does not understand a root log has no effect", pkg: "./internal/roster", tests: "TestApplyFailsStatic",
		edits: []edit{{"internal/roster/apply.go", "case last.stopped != 0:", "case false:"}},
	},
	{
		name: "root-turns", rule: "a long root log takes its turn with the others", pkg: "./node", tests: "TestRootLogsTakeTurns",
		edits: []edit{{"node/control.go", "for range rootStep {", "for range 1 << 30 {"}},
	},
	{
		name: "root-waits", rule: "a root log that waits for content is an alarm", pkg: "./node", tests: "TestWithheldRootRecord",
		edits: []edit{{"node/roster.go", "case n.waits(m.Root, applied):", "case false:"}},
	},
	{
		name: "closing-alarm-ends", rule: "what only another State can put right is an alarm for thirty days", pkg: "./node", tests: "TestBogusClosingIsNotForEver",
		edits: []edit{{"node/roster.go", "node.State != n.state && now.Sub(node.Closing.Issued.Time()) > missedFor", "false"}},
	},
	{
		name: "root-records-once", rule: "a record of a root log is given to the roster once", pkg: "./node", tests: "TestFloodOfARootLog",
		edits: []edit{{"node/control.go", "seq, _, _, _ := n.view.Load().RootHead(log)", "seq := uint64(0)"}},
	},
	{
		name: "roster-file-order", rule: "a roster file has no gap", pkg: "./internal/datadir", tests: "TestRosterFileKeepsWhatIsNotUnderstood",
		edits: []edit{{"node/join.go", "case left && errors.Is", "case (left || true) && errors.Is"}},
	},
	{
		name: "closing-unseen", rule: "a closing at a record that the node does not hold is not signed by mistake", pkg: "./internal/cli", tests: "TestRosterCommands",
		edits: []edit{{"internal/cli/rostersign.go", "if !unseen {", "if false {"}},
	},
	{
		name: "windows-overlap", rule: "the windows of a State's nodes lie over one another max_nodes times at most", pkg: "./internal/roster",
		tests: "TestWindowsOfAHostileRoot|TestNodesOfAStateAreBounded",
		edits: []edit{{"internal/roster/apply.go", "case open >= int(v.policy.MaxNodes):", "case false:"}},
	},
	{
		name: "windows-replaced", rule: "replaced keys of a State are bounded too", pkg: "./internal/roster", tests: "TestReplacedKeysAreBounded",
		edits: []edit{{"internal/roster/apply.go", "case open+closed >= int(v.policy.MaxNodes)+maxReplaced:", "case false:"}},
	},
	{
		name: "windows-back", rule: "no window begins long before its record", pkg: "./internal/roster", tests: "TestWindowsOfAHostileRoot|TestApplyWithoutEffect",
		edits: []edit{{"internal/roster/apply.go", "case d.NotBefore < at-millis(early):", "case false:"}},
	},
	{
		name: "root-moment", rule: "no root key goes back in time", pkg: "./internal/verify", tests: "TestRootVectors",
		edits: []edit{{"internal/roster/apply.go", "max(last.at, header.Issued)", "header.Issued"}},
	},
	{
		name: "renewal-bound", rule: "a renewal is bound to the old end", pkg: "./internal/roster", tests: "TestRenewalsAreBounded",
		edits: []edit{{"internal/roster/apply.go", "min(n.NotAfter+millis(afterEnd), at) + millis", "at + millis"}},
	},
	{
		name: "founding-spread", rule: "founding delegations end on different days", pkg: "./internal/roster", tests: "TestFoundingEndsAreSpread",
		edits: []edit{{"internal/roster/sign.go", "from + longest - ct.Millis(earlier)", "from + longest - ct.Millis(earlier-earlier)"}},
	},
	{
		name: "closing-ends-right", rule: "the node of a closed log does not connect", pkg: "./internal/roster", tests: "TestClosing",
		edits: []edit{{"internal/roster/roster.go", "n.Closing == nil && n.NotBefore <= m", "n.NotBefore <= m"}},
	},
	{
		name: "ended-is-not-closed", rule: "a closed key is not one whose window has ended", pkg: "./internal/roster", tests: "TestEnded",
		edits: []edit{{"internal/roster/roster.go", "n.Closing == nil && n.NotAfter <= m", "n.NotAfter <= m"}},
	},
	{
		name: "closed-log-writer", rule: "into a closed log comes what is proved to lead to its end", pkg: "./internal/ingest", tests: "TestClosedLog",
		edits: []edit{{"internal/ingest/close.go", "case it.job.proved && !hd.Ends(h.Seq)", "case !hd.Ends(h.Seq)"}},
	},
	{
		name: "rewind-unhides", rule: "a disowned retraction has hidden nothing", pkg: "./internal/store", tests: "TestRewindUndoesRetractions",
		edits: []edit{{"internal/store/rewind.go", "refs = g.header.Refs", "refs = nil"}},
	},
	{
		name: "rewind-erases", rule: "the salt of a disowned body goes", pkg: "./internal/store", tests: "TestCloseLog",
		edits: []edit{{"internal/store/rewind.go", "\tif !s.remains {\n", "\tif true {\n"}},
	},
	{
		name: "possession", rule: "a delegation carries the node key's agreement", pkg: "./internal/roster", tests: "TestDelegationNeedsTheKeysAgreement",
		edits: []edit{{"internal/roster/policy.go", "case !keys.Verify(d.Node, keys.ContextPossession", "case false && !keys.Verify(d.Node, keys.ContextPossession"}},
	},
	{
		name: "genesis-signature", rule: "a founder has signed the genesis", pkg: "./internal/roster", tests: "TestParseGenesisRefuses",
		edits: []edit{{"internal/roster/genesis.go", "if !keys.Verify(f.Root, keys.ContextGenesis", "if false && !keys.Verify(f.Root, keys.ContextGenesis"}},
	},

	// What a record is.
	{
		name: "commitment", rule: "a body is the one that its header commits to", pkg: "./internal/verify", tests: "TestRefusedVectors",
		edits: []edit{{"internal/verify/open.go", "if wire.Commit(e.Salt, e.Body) != e.Header.Commit {", "if false {"}},
	},
	{
		name: "body-present", rule: "gossip carries the body", pkg: "./internal/verify", tests: "TestRefusedVectors",
		edits: []edit{{"internal/verify/open.go", "if topic != nil && !e.HasBody() {", "if false {"}},
	},
	{
		name: "topic", rule: "a record is gossiped on its own topic", pkg: "./internal/verify", tests: "TestRefusedVectors",
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
		name: "one-encoding-empty-part", rule: "an optional part of a body that is empty is not written", pkg: "./internal/wire", tests: "TestOneEncoding|TestReleaseOneEncoding",
		edits: []edit{{"internal/wire/body_read.go", "{ d.bad = d.bad || len(d.b) > 0 && d.b[0] == 0 }", "{}"}},
	},
	{
		name: "one-encoding-empty-element", rule: "an element of a list of texts is not empty", pkg: "./internal/verify", tests: "TestEncodingVectors",
		edits: []edit{{"internal/wire/body_read.go", "v := d.bytes() // no element", "v := d.blob() // no element"}},
	},
	{
		name: "one-encoding-written", rule: "no body is written that no reader takes", pkg: "./internal/wire", tests: "TestNothingEmptyIsWritten",
		edits: []edit{{"internal/wire/body_shape.go", "if f.IsList() && typ == protowire.BytesType && len(b) > 0 && b[0] == 0 {", "if false {"}},
	},
	{
		name: "match-padding", rule: "a match request always has padding", pkg: "./internal/wire", tests: "TestMatchRequestSizes",
		edits: []edit{{"internal/wire/match.go", "	if n < 1 || n >= 16<<10 {", "	if size == 0 {\n		return b, true\n	}\n	if n < 1 || n >= 16<<10 {"}},
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
		edits: []edit{{"internal/ingest/batch.go", "case h.Prev != due.Prev:", "case false:"}},
	},
	{
		name: "first-prev", rule: "the first record of a log names its delegation", pkg: "./internal/ingest", tests: "TestOutcomes|TestAnyOrder|TestForks",
		edits: []edit{{"internal/ingest/batch.go", "case hd.Size == 0 && h.Prev != due.Prev:", "case false:"}},
	},
	{
		name: "seq-in-store", rule: "the store holds the seq itself", pkg: "./internal/store", tests: "TestAppendRefusesTheWholeBatch",
		edits: []edit{{"internal/store/append.go", "case h.Seq != next.Seq:", "case false:"}},
	},
	{
		name: "prev-in-store", rule: "the store holds the chain itself", pkg: "./internal/store", tests: "TestAppendRefusesTheWholeBatch",
		edits: []edit{{"internal/store/append.go", "case h.Prev != next.Prev:", "case false:"}},
	},
	{
		name: "growth", rule: "no log grows faster than the policy lets it", pkg: "./internal/verify", tests: "TestRefusedVectors|TestGrowthFollowsTheHeader",
		edits: []edit{{"internal/verify/open.go", "h.Offset > room {", "false && h.Offset > room {"}},
	},
	{
		name: "growth-burst", rule: "above the line a log has its burst, and no more", pkg: "./internal/verify", tests: "TestRefusedVectors|TestGrowthFollowsTheHeader",
		edits: []edit{{"internal/verify/open.go", "r.line + r.right.Growth.Burst", "r.line + 2*r.right.Growth.Burst"}},
	},
	{
		name: "growth-line", rule: "what a log leaves unused is gone", pkg: "./internal/ingest", tests: "TestOffsetIsDue",
		edits: []edit{{"internal/verify/verify.go", "return max(end, r.line)", "return end"}},
	},
	{
		name: "growth-root", rule: "a root log grows by numbers of its own", pkg: "./internal/verify", tests: "TestRefusedVectors",
		edits: []edit{{"internal/roster/growth.go", "if root {", "if false {"}},
	},
	{
		name: "growth-size", rule: "a record counts for its refs too", pkg: "./internal/wire", tests: "TestOffsets",
		edits: []edit{{"internal/wire/record.go", " + sizeRef*uint64(len(h.Refs))", ""}},
	},
	{
		name: "future", rule: "what is dated ahead of the clock waits for it", pkg: "./internal/verify", tests: "TestRefusedVectors|TestFutureIsHeld",
		edits: []edit{{"internal/verify/open.go", "h.Issued > late {", "false {"}},
	},
	{
		name: "root-body", rule: "no large body in a root log", pkg: "./internal/verify", tests: "TestRefusedVectors",
		edits: []edit{{"internal/verify/open.go", "if right.Root && h.BodySize > maxRootBody {", "if false {"}},
	},
	{
		name: "sig-length", rule: "a signature of another length is not kept, inside ranges neither", pkg: "./internal/verify", tests: "TestOpenRange",
		edits: []edit{{"internal/verify/open.go", "if len(e.Sig) != wire.SigSize {", "if false {"}},
	},
	{
		name: "later-version", rule: "nobody is blamed for a later version or algorithm", pkg: "./internal/verify", tests: "TestRefusedVectors",
		edits: []edit{
			{"internal/verify/reason.go", "{UnknownVersion, Ignore,", "{UnknownVersion, Reject,"},
			{"internal/verify/reason.go", "{BadAlgorithm, Ignore,", "{BadAlgorithm, Reject,"},
		},
	},
	{
		name: "growth-waits", rule: "a node does not sign what others would hold", pkg: "./internal/desk", tests: "TestGrowthWaitsInTheOutbox",
		edits: []edit{{"internal/desk/growth.go", "if g.Used > g.Burst {", "if false {"}},
	},
	{
		name: "refs-of-kind", rule: "refs stand only in kinds that have any", pkg: "./internal/verify", tests: "TestRecordVectors",
		edits: []edit{{"internal/verify/judge.go", "case len(h.Refs) < rule.MinRefs || len(h.Refs) > rule.MaxRefs:", "case false:"}},
	},
	{
		name: "root-target", rule: "a RETRACT that names a record of a root log is inadmissible", pkg: "./internal/verify", tests: "TestRecordVectors",
		edits: []edit{{"internal/verify/judge.go", "case ok && target.Root:", "case false:"}},
	},
	{
		name: "offset", rule: "the writer takes a record that says how long its log is", pkg: "./internal/ingest", tests: "TestOffsetIsDue",
		edits: []edit{{"internal/ingest/batch.go", "; h.Offset != end {", "; false && h.Offset != end {"}},
	},
	{
		name: "offset-in-store", rule: "the store holds the offset itself", pkg: "./internal/store", tests: "TestAppendRefusesTheWholeBatch",
		edits: []edit{{"internal/store/append.go", "case h.Offset != rec.Due(next.End):", "case false:"}},
	},
	{
		name: "offset-in-range", rule: "a range that proves itself counts its bytes", pkg: "./internal/verify", tests: "TestOpenRange",
		edits: []edit{{"internal/verify/range.go", " && y.Offset == b.Due(due.End)", ""}},
	},
	{
		name: "contested", rule: "a forked log is not extended", pkg: "./internal/ingest", tests: "TestForks",
		edits: []edit{{"internal/ingest/batch.go", "case hd.Ends(h.Seq):\n\t\tb.set(it, Forked)", "case false:\n\t\tb.set(it, Forked)"}},
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
			{"internal/desk/outbox.go", "if ready, _ := d.gate(); !ready {", "if false {"},
			{"internal/desk/desk.go", "if ready, _ := d.gate(); !ready {", "if false {"},
		},
	},
	{
		name: "publish-gate", rule: "publishing asks the gate", pkg: "./internal/desk", tests: "TestCancelLeavesTheDraft|TestSignNow",
		edits: []edit{{"internal/desk/publish.go", "if ready, _ := d.gate(); ready && !noWait", "if !noWait"}},
	},
	{
		name: "idempotency-key", rule: "a key stands for one publication", pkg: "./internal/desk", tests: "TestKeyGivesTheSameReceipt|TestKeyWhileTheDraftWaits",
		edits: []edit{{"internal/desk/imprint.go", "if old != nil {", "if false {"}},
	},
	{
		name: "key-other-content", rule: "a key that stands for other content is a conflict", pkg: "./internal/desk", tests: "TestKeyGivesTheSameReceipt|TestKeyWhileTheDraftWaits",
		edits: []edit{{"internal/desk/imprint.go", "made && old.Content != n.Content {", "made && false {"}},
	},
	{
		name: "equal-content", rule: "equal content in force is a conflict", pkg: "./internal/desk", tests: "TestEqualContentIsAConflict|TestWhatIsEqual",
		edits: []edit{{"internal/desk/imprint.go", "case at.force:", "case false:"}},
	},
	{
		name: "equal-header", rule: "another priority, TLP or expiry is other content", pkg: "./internal/desk", tests: "TestWhatIsEqual",
		edits: []edit{{"internal/desk/imprint.go", `return d.imprint("content", fields, body)`, `return d.imprint("content", body)`}},
	},
	{
		name: "publish-claim", rule: "of equal publications at once one goes out", pkg: "./internal/desk", tests: "TestManyAtOnce|TestRetractedOnce",
		edits: []edit{{"internal/desk/imprint.go", "if held == nil {", "if true {"}},
	},
	{
		name: "outbox-twice", rule: "a draft is not signed when its content came back meanwhile", pkg: "./internal/desk", tests: "TestRestoredPublishesNothingTwice",
		edits: []edit{{"internal/desk/imprint.go", "if dr.Kind != ct.KindNotification || dr.Twice {", "if true {"}},
	},
	{
		name: "own-noted", rule: "own records that come back are compared with", pkg: "./internal/desk", tests: "TestRestoredPublishesNothingTwice",
		edits: []edit{{"internal/desk/answers.go", "if err := d.noteOwn(rows); err != nil {", "if err := error(nil); err != nil {"}},
	},
	{
		name: "key-bound", rule: "keys have a bound, and none is forgotten for another", pkg: "./internal/desk", tests: "TestImprintsEnd",
		edits: []edit{{"internal/desk/imprint.go", "count >= maxKeys {", "false {"}},
	},
	{
		name: "imprint-clock", rule: "no clock in doubt forgets what was published", pkg: "./internal/desk", tests: "TestImprintsEnd",
		edits: []edit{{"internal/desk/imprint_sweep.go", `doubt != "" {`, `doubt != "" && false {`}},
	},
	{
		name: "imprint-erased", rule: "the imprint of erased content goes", pkg: "./internal/desk", tests: "TestImprintsEnd",
		edits: []edit{{"internal/desk/imprint_sweep.go", "if d.isErased(x) {", "if false {"}},
	},
	{
		name: "imprint-secret", rule: "an imprint has a secret of its node", pkg: "./internal/desk", tests: "TestImprintsTellNothing",
		edits: []edit{{"internal/desk/imprint.go", "hmac.New(sha256.New, d.imprints.secret)", "hmac.New(sha256.New, nil)"}},
	},
	{
		name: "pen-barred", rule: "no override signs beside a copy of the directory", pkg: "./node", tests: "TestCopiedDirectory",
		edits: []edit{{"node/twin.go", `if why := p.barred(); why != "" {`, `if why := p.barred(); why != "" && false {`}},
	},
	{
		name: "retract-once", rule: "a record whose retraction waits is not retracted again", pkg: "./internal/desk", tests: "TestRetractedOnce",
		edits: []edit{{"internal/desk/publish.go", "if err == nil && d.Retracting(target) {", "if false {"}},
	},
	{
		name: "own-gap", rule: "the writer signs nothing over a gap in the own log", pkg: "./internal/ingest", tests: "TestAuthor|TestAuthorRefuses",
		edits: []edit{{"internal/ingest/batch.go", "case hd.seen > hd.Size:", "case false:"}},
	},
}
