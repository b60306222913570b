package main

// matchControls hold what a match request may do and what it leaves.
var matchControls = []control{
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
		edits: []edit{{"internal/desk/budget.go", "+n > int(w.most) {", "< 0 {"}},
	},
	{
		name: "match-budget-restart", rule: "a restart forgives no request", pkg: "./internal/desk", tests: "TestBudgetPerState|TestWindowsSurviveRestarts",
		edits: []edit{{"internal/desk/budget.go", "b.of(e.Peer).add(e.Time, int(e.Of))", "_ = e"}},
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
		edits: []edit{{"internal/desk/fishing.go", "if g.state(a.State).cooling(stamp) {", "if g.state(a.State) == nil {"}},
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
		edits: []edit{{"internal/desk/tell.go", "return live, err", "return live || true, err"}},
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
		edits: []edit{{"internal/desk/tell.go", "case s.Person.HasFled(l.state):", "case false:"}},
	},
	{
		name: "release-in-earnest", rule: "nothing is released unsealed in earnest", pkg: "./internal/desk", tests: "TestNoReleaseInEarnest",
		edits: []edit{{"internal/desk/release.go", "case !v.Exercise():", "case false:"}},
	},
	{
		name: "release-handling", rule: "what is RED stays", pkg: "./internal/match", tests: "TestDisclose",
		edits: []edit{{"internal/handling/handling.go", "case m.TLP == ct.TLPRed:\n\t\td.Reason", "case false:\n\t\td.Reason"}},
	},
	{
		name: "release-minor", rule: "a minor's details go for protection alone", pkg: "./internal/match", tests: "TestDisclose",
		edits: []edit{{"internal/match/disclose.go", "s.Minor && to.Purpose != \"protection\"", "false"}},
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
		name: "journal-checkpoint", rule: "a journal begins where an entry of its chain says", pkg: "./internal/journal", tests: "TestCut",
		edits: []edit{{"internal/journal/verify.go", "if w.begin > 0 && !w.named {", "if false {"}},
	},
	{
		name: "journal-checkpoint-key", rule: "nobody moves a journal's checkpoint without the audit key", pkg: "./internal/journal", tests: "TestCut",
		edits: []edit{{"internal/journal/cut.go", "if !hmac.Equal(stored, j.encodeCheckpoint(seq, hash)) {", "if false {"}},
	},
	{
		name: "journal-sealed", rule: "the sealed subject is the one that the chain names", pkg: "./internal/journal", tests: "TestTampering",
		edits: []edit{{"internal/journal/entry.go", "if sha256.Sum256(sealed) != e.SealedHash {", "if false {"}},
	},
	{
		name: "journal-told", rule: "the journal leads to what others were told of it", pkg: "./internal/journal", tests: "TestVerifyAgainstWhatOthersWereTold",
		edits: []edit{{"internal/journal/verify.go", "if seq > 0 && t.Head != hash {", "if false {"}},
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
	{
		name: "away-not-waited", rule: "for a node that is away nobody waits", pkg: "./node", tests: "TestAwayNodes",
		edits: []edit{{"node/node.go", "Away: n.away, ", ""}},
	},
	{
		name: "away-now-and-then", rule: "a batch does not try a node that is away again and again", pkg: "./node", tests: "TestAwayNodes",
		edits: []edit{{"internal/desk/away.go", "if !x.tried.IsZero() && now.Sub(x.tried).Abs() < awayEvery {", "if false {"}},
	},
	{
		name: "away-lanes", rule: "a batch asks a node no more at once than it answers", pkg: "./node", tests: "TestAwayNodes",
		edits: []edit{{"internal/desk/away.go", "const perNode = 3", "const perNode = 64"}},
	},
	{
		name: "batch-refused", rule: "a person of a batch who was not asked for costs the exit code", pkg: "./internal/cli", tests: "TestMatchBatch",
		edits: []edit{{"internal/cli/match.go", "	if refused != nil {\n\t\treturn refused\n\t}\n", "	_ = refused\n"}},
	},
}
