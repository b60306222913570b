package main

// findControls hold what a search finds, and that it never says "no" without
// knowing.
var findControls = []control{
	{
		name: "lists-own-file", rule: "writing a list holds up nobody who journals", pkg: "./internal/desk", tests: "TestAnswersWhileAListIsWritten",
		edits: []edit{{"internal/desk/staging.go", "err := s.d.cfg.Store.Lists().Update(func(tx *store.LocalTx) error {\n\t\tfor i, e := range batch {", "err := s.d.cfg.Store.Local().Update(func(tx *store.LocalTx) error {\n\t\tfor i, e := range batch {"}},
	},
	{
		name: "index-behind", rule: "an index that is behind says that it does not know", pkg: "./internal/index", tests: "TestBehindIsSaid",
		edits: []edit{{"internal/index/fresh.go", "if len(changes) > MaxTail {", "if false {"}},
	},
	{
		name: "index-behind-records", rule: "so does one that is behind the records", pkg: "./internal/index", tests: "TestBehindIsSaid",
		edits: []edit{{"internal/index/fresh.go", "if len(heads) > MaxTail {", "if len(heads) > 1<<30 {"}},
	},
	{
		name: "index-behind-refused", rule: "who is behind refuses", pkg: "./internal/desk", tests: "TestBehindIsNoNo",
		edits: []edit{{"internal/desk/match_answer.go", "case errors.Is(err, index.ErrBehind): // status says so\n\t\t\ta = refuse(refusedUnavailable)", "case errors.Is(err, index.ErrBehind):\n\t\t\ta = verdict{code: wire.MatchNoHit}"}},
	},
	{
		name: "index-behind-own", rule: "and tells its own people", pkg: "./internal/desk", tests: "TestBehindIsNoNo",
		edits: []edit{{"internal/desk/match_ask.go", "if errors.Is(err, index.ErrBehind) {\n\t\t\treturn answer, hash, silentIndexing\n\t\t}\n\t\tif err != nil {", "if err != nil && !errors.Is(err, index.ErrBehind) {"}},
	},
	{
		name: "index-tail-lists", rule: "what a list says now counts before it is indexed", pkg: "./internal/index", tests: "TestFindFreshReadsLists",
		edits: []edit{{"internal/index/fresh.go", "ok := !newer(h.Ref)", "ok := true"}},
	},
	{
		name: "import-waits", rule: "an import ends when its persons can be found", pkg: "./cmd/herald", tests: "TestNeverAFalseNo",
		edits: []edit{{"node/index.go", "if err = n.indexed(ctx); err != nil {", "if false {"}},
	},
	{
		name: "hidden-takes-no-place", rule: "who may not be told of hides nobody else", pkg: "./internal/index", tests: "TestHiddenHitsTakeNoPlace",
		edits: []edit{{"internal/index/person_find.go", "if len(hits) >= w.Limit {", "if true {"}},
	},
	{
		name: "hidden-crowd", rule: "too many who may not be told of are no 'no'", pkg: "./internal/index", tests: "TestHiddenHitsTakeNoPlace",
		edits: []edit{{"internal/index/person_find.go", "all > maxDropped {", "false {"}},
	},
	{
		name: "documents-letters", rule: "a number of letters is compared like any other", pkg: "./internal/match", tests: "TestDocumentNumbers",
		edits: []edit{{"internal/match/document.go", "digits(number) > 0 && !oneSign(number)", "digits(number) >= 4 && !oneSign(number)"}},
	},
	{
		name: "births-tail", rule: "a time behind a day does not take the day away", pkg: "./internal/match", tests: "TestParseBirth",
		edits: []edit{{"internal/match/birth.go", "unknownDay(withoutTime(bare))", "unknownDay(bare)"}},
	},
	{
		name: "names-opaque", rule: "equal text agrees in a script that is not read", pkg: "./internal/name", tests: "TestOpaque",
		edits: []edit{{"internal/name/parse.go", "== before && !abjad {", "== before && abjad {"}},
	},
	{
		name: "names-both", rule: "a name is read whole and by its parts", pkg: "./internal/desk", tests: "TestNamesInNames",
		edits: []edit{{"internal/match/subject.go", "!sameWords(parts, n.Full)", "n.Full == \"\""}},
	},
	{
		name: "unreadable-refused", rule: "of a name that nobody reads there is no 'no'", pkg: "./internal/desk", tests: "TestUnreadableNameIsNoNo",
		edits: []edit{{"internal/desk/match_answer.go", "case !match.Prepare(req.Person).Readable():", "case false && !match.Prepare(req.Person).Readable():"}},
	},
	{
		name: "unreadable-own", rule: "nor for its own people", pkg: "./internal/desk", tests: "TestUnreadableNameIsNoNo",
		edits: []edit{{"internal/desk/match_ask.go", "if len(hits) == 0 && !match.Prepare(req.Person).Readable() {", "if false && !match.Prepare(req.Person).Readable() {"}},
	},
	{
		name: "author-to-ask", rule: "nothing waits for a person where nothing can be released", pkg: "./internal/desk", tests: "TestAuthorIsTheOneToAsk",
		edits: []edit{{"internal/desk/holdings.go", "if row == nil || row.State == d.cfg.State {", "if true {"}},
	},
	{
		name: "screen-unread", rule: "screening says what it could not read", pkg: "./internal/cli", tests: "TestScreenUnreadValues",
		edits: []edit{{"internal/cli/screenrun.go", "if len(found) == 0 && !subject.Readable() {", "if false && !subject.Readable() {"}},
	},
	{
		name: "fled-likes-hide", rule: "who falls away with one who fled hides nobody else", pkg: "./internal/desk", tests: "TestNobodyHidesBehindLikesOfFled",
		edits: []edit{{"internal/desk/holdings.go", "if l.silent || len(found) < l.depth() ||", "if true || len(found) < l.depth() ||"}},
	},
	{
		name: "not-compared-asked", rule: "who asks is told what nobody compares", pkg: "./internal/desk", tests: "TestNotComparedIsTold",
		edits: []edit{{"internal/desk/match_ask.go", "= withheld, match.Unread(&q.Person)", "= withheld, nil"}},
	},
	{
		name: "not-compared-listed", rule: "so is who imports or screens a list", pkg: "./internal/desk", tests: "TestNotComparedIsTold",
		edits: []edit{{"internal/format/people/people.go", "range match.Unread(&e.Person)", "range match.Unread(&ct.Person{})"}},
	},
	{
		name: "index-full-disk", rule: "a full disk does not end who follows", pkg: "./internal/index", tests: "TestFollowWaitsForRoom",
		edits: []edit{{"internal/index/follower.go", "if err != nil && store.DiskFull(err) && x.untouched() {", "if false && store.DiskFull(err) && x.untouched() {"}},
	},
	{
		name: "index-unchanged", rule: "a list that is imported again is soon followed", pkg: "./internal/index", tests: "TestUnchangedIsNotWritten",
		edits: []edit{{"internal/index/person_update.go", "p.same = p.known && bytes.Equal(plain, r.plain)", "p.same = false && bytes.Equal(plain, r.plain)"}},
	},
	{
		name: "backup-lists-month", rule: "imported lists in a backup end with the month's key", pkg: "./internal/backup", tests: "TestMonthlyPartsNeedTheMonthsKey",
		edits: []edit{{"internal/backup/backup.go", `"lists.db": "backup/lists", "local.db": "backup/local"}`, `"local.db": "backup/local"}`}},
	},
}
