package main

// personControls are what protects the persons concerned.
var personControls = []control{
	{
		name: "query-minimal", rule: "nothing of a person leaves with a question but what is compared", pkg: "./internal/desk", tests: "TestNothingElseOfThePersonTravels",
		edits: []edit{{"internal/desk/match_ask.go", "Person: match.Minimal(&q.Person)", "Person: q.Person"}},
	},
	{
		name: "query-fields", rule: "a question with more of a person is refused", pkg: "./internal/desk", tests: "TestNothingElseOfThePersonTravels",
		edits: []edit{{"internal/desk/match_answer.go", "if !match.IsMinimal(&r.Person) {", "if false && !match.IsMinimal(&r.Person) {"}},
	},
	{
		name: "budget-persons", rule: "a budget counts persons, not requests", pkg: "./internal/desk", tests: "TestBudgetCountsPersons",
		edits: []edit{{"internal/desk/match_answer.go", "more > 0 {", "more > 1_000 {"}},
	},
	{
		name: "budget-persons-restart", rule: "a restart forgives none of the persons of a request", pkg: "./internal/desk", tests: "TestBudgetCountsPersons",
		edits: []edit{{"internal/desk/budget.go", "min(n, match.MaxNames+match.MaxDocuments)", "min(n, match.MaxNames/match.MaxNames)"}},
	},
	{
		name: "fishing-packed", rule: "many names in one request are many bare names", pkg: "./internal/desk", tests: "TestManyPersonsInOneRequest",
		edits: []edit{{"internal/fishing/sketch.go", "a.bare = asked - 1", "a.bare = 0"}},
	},
	{
		name: "handling-exists", rule: "another State's record that may not go on is not told of", pkg: "./internal/desk", tests: "TestThirdStatesRecordIsNotTold",
		edits: []edit{{"internal/handling/handling.go", "if r == Third {\n\t\t\treturn onward(m)", "if false {\n\t\t\treturn onward(m)"}},
	},
	{
		name: "handling-text", rule: "a third State's free text stays with it", pkg: "./internal/desk", tests: "TestThirdStatesRecordIsNotTold",
		edits: []edit{{"internal/handling/handling.go", "|| r == Third || r == Orcon {", "{"}},
	},
	{
		name: "handling-export", rule: "a release between other States is not copied out", pkg: "./internal/feed", tests: "TestExportObeysHandling",
		edits: []edit{{"internal/handling/handling.go", "case r == Third:\n\t\treturn Decision{Reason: ReasonForeign}", "case false:\n\t\treturn Decision{Reason: ReasonForeign}"}},
	},
	{
		name: "asylum-others", rule: "no other record of who has fled a State answers it", pkg: "./internal/desk", tests: "TestFledSilencesOtherRecords",
		edits: []edit{{"internal/desk/tell.go", "l.fled = append(l.fled, match.Prepare(*s.Person))\n\t\t}\n\t\tl.silent = l.silent || tier >= match.Strong", "}\n\t\t_ = tier"}},
	},
	{
		name: "asylum-publish", rule: "nothing reaches a State that was fled before a person has accepted it", pkg: "./internal/desk", tests: "TestFledBesidesNationality",
		edits: []edit{{"internal/desk/caution.go", "m.State != d.cfg.State && n.Person.HasFled(m.State)", "false"}},
	},
	{
		name: "asylum-unknown", rule: "a flag that names no State protects from every one", pkg: "./node/ct", tests: "TestHasFled",
		edits: []edit{{"node/ct/asylum.go", "return fled || !known", "_ = known; return fled"}},
	},
	{
		name: "asylum-codes", rule: "a nationality code is the State's that answers for it", pkg: "./node/ct", tests: "TestHasFled",
		edits: []edit{{"node/ct/asylum.go", "from = MemberOf(from)\n", "_ = from\n"}},
	},
	{
		name: "special-asked", rule: "special categories in free text are asked about before signing", pkg: "./internal/desk", tests: "TestSpecialCategoriesAreAskedAbout",
		edits: []edit{{"internal/desk/caution.go", "append(out, special(n.SpecialCategories())...)", "out"}},
	},
	{
		name: "child-by-action", rule: "a child of unknown birth carries no suspicion", pkg: "./node/ct", tests: "TestValidateFaults",
		edits: []edit{{"node/ct/validate_person.go", "n.Assessment.RequestedAction == ActionChildProtection && !n.Person.birthKnown()", "false"}},
	},
	{
		name: "family-grounds", rule: "family, witnesses and victims carry no ground of suspicion", pkg: "./node/ct", tests: "TestValidateFaults",
		edits: []edit{{"node/ct/validate.go", "if groundCodes.has(g) && !harmlessGrounds.has(g) {", "if minor && groundCodes.has(g) && !harmlessGrounds.has(g) {"}},
	},
	{
		name: "retraction-waits", rule: "a retraction that waits hides here at once", pkg: "./internal/desk", tests: "TestWaitingRetractionHides",
		edits: []edit{{"internal/desk/holdings.go", "hidden || d.Retracting(id)", "hidden"}},
	},
	{
		name: "clock-jump", rule: "a clock that is not trusted ends nothing that waits", pkg: "./internal/desk", tests: "TestClockJumpForgetsNothing",
		edits: []edit{{"internal/desk/inbox.go", "if doubt, _ := d.cfg.Clock(); doubt != \"\" {", "if false {"}},
	},
	{
		name: "clock-jump-releases", rule: "a clock that is not trusted forgets no release", pkg: "./internal/desk", tests: "TestClockJumpForgetsNothing",
		edits: []edit{{"internal/desk/given.go", "sure := doubt == \"\"", "_, sure := doubt, true"}},
	},
	{
		name: "erase-inbox", rule: "erasing a subject reaches the inbox", pkg: "./internal/desk", tests: "TestErasureReachesTheInbox",
		edits: []edit{{"internal/desk/erase.go", "err = dropWaiting(tx, w)", "_ = w"}},
	},
	{
		name: "journal-list-ids", rule: "ids of list entries are sealed in the journal", pkg: "./internal/desk", tests: "TestErasureReachesTheInbox",
		edits: []edit{{"internal/desk/inbox.go", "b.WriteString(\" \" + clearRef(h.Ref))", "b.WriteString(\" \" + h.Ref)"}},
	},
	{
		name: "journal-reads", rule: "what is read is journalled first, with who", pkg: "./node", tests: "TestEveryActIsJournalled",
		edits: []edit{{"internal/api/actor.go", "return s.b.Journal(journal.Entry{", "_ = journal.ActRead; return nil; return s.b.Journal(journal.Entry{"}},
	},
	{
		name: "no-core-files", rule: "no core file holds a person", pkg: "./cmd/herald", tests: "TestNoCoreDumps",
		edits: []edit{{"cmd/herald/main.go", "return noDumps()", "return nil"}},
	},
}
