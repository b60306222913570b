package main

// storeControls hold what is durable and what is gone.
var storeControls = []control{
	{
		name: "fill-signature", rule: "a body that comes with a good signature brings it", pkg: "./internal/store", tests: "TestFillBringsASignature",
		edits: []edit{{"internal/store/fill.go", "if e.rec.Chained() || !isUnsound(tx, e.at) {", "if true {"}},
	},
	{
		name: "rotten-retract", rule: "a RETRACT that has rotted is undone with its log", pkg: "./internal/store", tests: "TestRottenRetractIsDisowned",
		edits: []edit{{"internal/store/rewind.go", "if err != nil || h.by != by {", "if err != nil || h.by != by || true {"}},
	},
	{
		name: "redate", rule: "a clock that was ahead puts no erasure off", pkg: "./internal/store", tests: "TestHiddenUnderAClockAhead",
		edits: []edit{{"internal/store/recent.go", "if err != nil || !ahead {", "if err != nil || !ahead || true {"}},
	},
	{
		name: "catching-up", rule: "retractions without a body are no flood", pkg: "./internal/store", tests: "TestCatchingUpIsNoFlood",
		edits: []edit{{"internal/store/recent.go", "if err == nil && target.state == BodyHeld {", "if err == nil && (target.state == BodyHeld || true) {"}},
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
		name: "retract-own-state", rule: "a State retracts what it said itself", pkg: "./internal/store", tests: "TestRetractHidesInAnyOrder|TestRetractionsInAnyOrder",
		edits: []edit{{"internal/store/retract.go", "return !l.root && l.state == by", "return !l.root"}},
	},
	{
		name: "retract-root", rule: "no record of a root log is hidden", pkg: "./internal/store", tests: "TestRootLogsAreNeverHidden",
		edits: []edit{
			{"internal/store/retract.go", "return !l.root && l.state == by", "return l.state == by"},
			{"internal/store/kind.go", "return rule.Retractable", "return rule.Retractable || rule.Root"},
			{"internal/verify/judge.go", "case ok && target.Root:", "case false:"},
		},
	},
	{
		name: "judge-again", rule: "other rules judge again what is held", pkg: "./internal/store", tests: "TestJudgedAgain",
		edits: []edit{{"internal/store/judge.go", "s.judging = Judging{Rules: s.cfg.Rules, Until: s.last}", "s.judging = Judging{Rules: s.cfg.Rules}"}},
	},
	{
		name: "judge-hidden", rule: "what is hidden is judged by its body too", pkg: "./internal/store", tests: "TestJudgedAgain",
		edits: []edit{{"internal/store/judge.go", "if row.BodyState == BodyHeld {", "if row.BodyState == BodyHeld && row.HiddenBy.IsZero() {"}},
	},
	{
		name: "judge-arrival", rule: "what is understood now arrives as if it came now", pkg: "./internal/store", tests: "TestJudgedAgain",
		edits: []edit{{"internal/store/judge.go", "	r.cursor++\n	h.cursor, h.reason = r.cursor, a.reason\n	err = errors.Join(hdr.Put(a.at[:], h.encode()), r.tx.Bucket([]byte(bktArr)).Put(u64(r.cursor), a.at[:]))\n", "	h.reason = a.reason\n	err = hdr.Put(a.at[:], h.encode())\n"}},
	},
	{
		name: "judge-retracts", rule: "a RETRACT that is none any more hides nothing", pkg: "./internal/store", tests: "TestJudgedAgainRetracts",
		edits: []edit{{"internal/store/judge.go", "case acted && !acts:", "case false:"}},
	},
	{
		name: "retract-unknown-kind", rule: "a State takes back what this version does not know", pkg: "./internal/store", tests: "TestJudgedAgainRetracts",
		edits: []edit{{"node/ct/kinds.go", "{Kind: KindUnknown, Retractable: true}", "{Kind: KindUnknown}"}},
	},
	{
		name: "judge-rules-version", rule: "nobody changes a rule and forgets its version", pkg: "./internal/verify", tests: "TestRulesVersion",
		edits: []edit{{"node/ct/kinds.go", "{Kind: KindAck},", "{Kind: KindAck, MaxRefs: 1},"}},
	},
	{
		name: "judge-index", rule: "a person of what is no longer understood is not found", pkg: "./internal/index", tests: "TestNotYetIsCounted",
		edits: []edit{{"internal/index/follower.go", "return Change{Ref: recordRef(r.ID)}, true\n	}\n	if ct.Kind(r", "return Change{}, false\n	}\n	if ct.Kind(r"}},
	},
	{
		name: "not-yet-counted", rule: "what was taken back is no longer counted as not understood", pkg: "./internal/index", tests: "TestNotYetIsCounted",
		edits: []edit{{"internal/index/notyet.go", "for _, id := range p.hides {", "for _, id := range p.hides[:0] {"}},
	},
	{
		name: "judge-node", rule: "a node that was upgraded judges again", pkg: "./node", tests: "TestUpgradeJudgesAgain",
		edits: []edit{{"node/node.go", "Rules: ct.RulesVersion,", ""}},
	},
	{
		name: "erase-root", rule: "no body of a root log is erased", pkg: "./internal/store", tests: "TestRootLogsAreNeverHidden",
		edits: []edit{{"internal/store/erase.go", "(l.root || l.head.Closed", "(l.head.Closed"}},
	},
	{
		name: "body-of-root-log", rule: "a record that has no business in a root log has no body here", pkg: "./internal/store", tests: "TestRootLogsAreNeverHidden",
		edits: []edit{{"internal/store/append.go", "case rec.Root() && ofNodes(ct.Kind(header.Kind)):", "case false:"}},
	},
	{
		name: "retract-exact", rule: "a ref that is wrong in any part hides nothing", pkg: "./internal/store", tests: "TestRetractionsInAnyOrder",
		edits: []edit{{"internal/store/retract.go", "if target.hidden || s.idOf(&target) != ref.ID {", "if ref.ID = s.idOf(&target); target.hidden {"}},
	},
	{
		name: "retract-kinds", rule: "only what is content is hidden", pkg: "./internal/store", tests: "TestRetractionsInAnyOrder",
		edits: []edit{{"internal/store/retract.go", "err != nil || !retractable(ct.Kind(header.Kind))", "err != nil || header == nil"}},
	},
	{
		name: "retract-by-header", rule: "a RETRACT acts by its header, whatever its body is", pkg: "./internal/store", tests: "TestRetractActsByItsHeader",
		edits: []edit{{"internal/store/retract.go", "reason == \"\" || reason.OfBody() ||", "reason == \"\" ||"}},
	},
	{
		name: "contested-lowest", rule: "of two proofs of a fork the lower one counts", pkg: "./internal/store", tests: "TestContestedFromTheLowestFork",
		edits: []edit{{"internal/store/fork.go", "if l.head.Ends(a.Seq) {", "if l.head.Contested != 0 {"}},
	},
	{
		name: "contested-below", rule: "what comes before a fork goes on", pkg: "./internal/store", tests: "TestContestedFromTheLowestFork",
		edits: []edit{{"internal/store/heads.go", "h.Contested != 0 && seq >= h.Contested", "h.Contested != 0"}},
	},
	{
		name: "erase-salt", rule: "erasing a body deletes its salt", pkg: "./internal/store", tests: "TestErase|TestCrashInErase",
		edits: []edit{{"internal/store/erase.go", "if err == nil && salted {", "if false {"}},
	},
	{
		name: "erase-trace", rule: "a deleted salt is in no free page", pkg: "./internal/store", tests: "TestErase|TestCrashInErase",
		edits: []edit{{"internal/store/traces.go", "err = f.rewriteOnline()\n\tf.noRoom(err, false)", "f.untrack()"}},
	},
	{
		name: "erase-trace-later", rule: "what a start deletes of salts is remembered until it is in no free page", pkg: "./internal/store", tests: "TestCrashBetweenCommits|TestCrashInErase",
		edits: []edit{{"internal/store/erase.go", "return s.keysDB.leaveTraces(tx)", "return nil"}},
	},
	{
		name: "erase-trace-janitor", rule: "the node erases what its start left of salts", pkg: "./node", tests: "TestTracesAreErased",
		edits: []edit{{"node/upkeep.go", "done, err = n.store.EraseTraces()", "done, err = false, error(nil)"}},
	},
	{
		name: "erase-while-rewritten", rule: "a salt deleted while keys.db is rewritten is remembered in the new file", pkg: "./internal/store", tests: "TestEraseWhileKeysAreRewritten",
		edits: []edit{{"internal/store/traces.go", "f.touch(bktMeta, tracesKey)", ""}},
	},
	{
		name: "erase-beside-rot", rule: "what cannot be erased keeps no other's body", pkg: "./internal/store", tests: "TestEraseBesideRot|TestEraseReasons",
		edits: []edit{{"internal/store/erase.go", "it is not erased\", \"log\", ref.Log.Short(), \"seq\", ref.Seq)\n\t\t\tcontinue", "it is not erased\", \"log\", ref.Log.Short(), \"seq\", ref.Seq)\n\t\t\treturn ErrNotFound"}},
	},
	{
		name: "erase-in-steps", rule: "erasing many lets writers in", pkg: "./internal/store", tests: "TestEraseLetsWritersIn",
		edits: []edit{{"internal/store/erase.go", "const eraseStep = 128", "const eraseStep = 1 << 20"}},
	},
	{
		name: "erase-drafts", rule: "a draft that was signed is in no free page of local.db", pkg: "./internal/store", tests: "TestDraftsAreErased",
		edits: []edit{{"internal/store/local.go", "errors.Join(b.Delete(key), t.file.leaveTraces(t.root.Tx()))", "b.Delete(key)"}},
	},
	{
		name: "erase-pace", rule: "a day of upkeep writes a bounded number of bytes", pkg: "./node", tests: "TestPaceOfRewriting",
		edits: []edit{{"node/pace.go", "p.turns--", ""}},
	},
	{
		name: "expiry-bound", rule: "no record says itself how long its body stays beyond the policy", pkg: "./internal/store", tests: "TestBodiesEnd",
		edits: []edit{{"internal/store/read.go", "return min(r.Header.Expires, last)", "return r.Header.Expires"}},
	},
	{
		name: "expiry-bound-index", rule: "the index expires what is inadmissible too", pkg: "./internal/index", tests: "TestInadmissibleExpires",
		edits: []edit{{"internal/index/place.go", "expires: r.Ends(retention)", "expires: r.Header.Expires"}},
	},
	{
		name: "retract-late", rule: "the grace is longer for what a key retracts beyond the measure of a day", pkg: "./internal/store", tests: "TestTooManyRetractions|TestLateRetractionsEnd",
		edits: []edit{{"internal/store/retract.go", "h.late = target.state == BodyHeld && s.recent.hides(s, ref.Log, h.since)", "h.late = false"}},
	},
	{
		name: "retract-late-restart", rule: "a start forgets nothing of what was retracted within a day", pkg: "./internal/store", tests: "TestTooManyRetractions",
		edits: []edit{{"internal/store/recent.go", "s.recent.add(&s.recent.done, l.state, int64(h.since)/hourMillis, 1)", ""}},
	},
	{
		name: "full-headers", rule: "on a full disk a RETRACT is not stuck behind a record", pkg: "./internal/ingest", tests: "TestFullDiskCutsOff",
		edits: []edit{{"internal/ingest/batch.go", "(it.job.author != nil || !b.in.cfg.Store.HeadersFit())", "true"}},
	},
	{
		name: "full-own-body", rule: "a full disk takes no body from what this node signs itself", pkg: "./internal/ingest", tests: "TestFullDiskCutsOff",
		edits: []edit{{"internal/ingest/batch.go", "(it.job.author != nil || !b.in", "(!b.in"}},
	},
	{
		name: "full-last", rule: "the last of the ballast is for what is essential", pkg: "./internal/store", tests: "TestFullDiskStepByStep",
		edits: []edit{{"internal/store/ballast.go", "headers := s.HeadersFit()", "headers := true"}},
	},
	{
		name: "full-restart", rule: "a start on a full disk does not forget that it is full", pkg: "./internal/store", tests: "TestFullDiskStepByStep",
		edits: []edit{{"internal/store/ballast.go", "\td.full = now\n\td.log.Error(\"the disk is full: there is", "\td.log.Error(\"the disk is full: there is"}},
	},
	{
		name: "full-index", rule: "an index without room says so", pkg: "./internal/index", tests: "TestFollowWaitsForRoom",
		edits: []edit{{"internal/index/follower.go", "if !x.full.Swap(true) {", "if !x.full.Load() {"}},
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
		edits: []edit{{"internal/store/ballast.go", "if !Essential(r) && (r.HasBody()", "if false && (r.HasBody()"}},
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
		name: "feed-hides", rule: "a retracted record's content is not shown", pkg: "./internal/feed", tests: "TestUnreadable|TestGetHistory",
		edits: []edit{{"internal/feed/feed.go", "case !r.HiddenBy.IsZero(), r.BodyState == store.BodyRetracted:", "case false:"}},
	},
	{
		name: "feed-expiry", rule: "an expired record's content is not shown", pkg: "./internal/feed", tests: "TestUnreadable|TestGetHistory",
		edits: []edit{{"internal/feed/feed.go", "case r.BodyState == store.BodyExpired, r.Header.Expires.Time().Before(now):", "case false:"}},
	},
	{
		name: "index-hides", rule: "a retracted person is found no more", pkg: "./internal/index", tests: "TestFollow|TestFindFresh",
		edits: []edit{{"internal/index/follower.go", "if _, hidden := src.Hidden(ref.ID); hidden {", "if false {"}},
	},

	{
		name: "index-fresh-hides", rule: "a retracted person is not indexed", pkg: "./internal/index", tests: "TestFollow|TestFindFresh",
		edits: []edit{{"internal/index/follower.go", "if _, ok := hidden(r.ID); ok {", "if false {"}},
	},
	{
		name: "backup-local-month", rule: "drafts, requests and the journal in a backup end with the month's key", pkg: "./internal/backup", tests: "TestMonthlyPartsNeedTheMonthsKey",
		edits: []edit{{"internal/backup/backup.go", `, "local.db": "backup/local"}`, `}`}},
	},
}
