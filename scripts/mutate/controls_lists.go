package main

// listControls hold what a State's own lists may lose.
var listControls = []control{
	{
		name: "list-value", rule: "a value that cannot be read costs no person", pkg: "./internal/format/people", tests: "TestCases",
		edits: []edit{{"internal/format/people/decode.go", "return mend(tree, now)", "_ = tree\n\treturn Entry{Fault: \"a value cannot be read\"}"}},
	},
	{
		name: "list-told", rule: "a value that is left out is told", pkg: "./internal/desk", tests: "TestImportOfRewrittenDates",
		edits: []edit{{"internal/desk/staging.go", "s.result.LeftOut++", "s.result.LeftOut += 0"}},
	},
	{
		name: "list-kept", rule: "who is rejected now stays on the list", pkg: "./internal/desk", tests: "TestRejectedStayOnTheList",
		edits: []edit{{"internal/desk/staging.go", "spared || s.blind {", "false && spared {"}},
	},
	{
		name: "list-blind", rule: "when it is not known who was rejected, nobody leaves the list", pkg: "./internal/desk", tests: "TestRejectedStayOnTheList",
		edits: []edit{{"internal/desk/staging.go", "spared || s.blind {", "spared {"}},
	},
	{
		name: "list-shrink", rule: "a list loses more than a tenth only on purpose", pkg: "./internal/desk", tests: "TestListsShrinkOnPurpose",
		edits: []edit{{"internal/desk/staging.go", "lost*10 > s.result.Before &&", "false && lost > 0 &&"}},
	},
	{
		name: "list-rows", rule: "rows of one id are one person", pkg: "./internal/desk", tests: "TestRowsOfOnePerson",
		edits: []edit{{"internal/desk/staging.go", "whole.Join(s.apart[id])", "_ = whole"}},
	},
	{
		name: "list-removed", rule: "a list that is removed leaves no id", pkg: "./internal/desk", tests: "TestRemoveList",
		edits: []edit{{"internal/desk/lists.go", "return a.Current && !(a.Removed && a.Last <= followed)", "return a.Current && followed >= 0"}},
	},
	{
		name: "list-either", rule: "a date that can be read in two ways is not read", pkg: "./internal/format/value", tests: "TestBirths",
		edits: []edit{{"internal/format/value/date.go", "case a > 12 || a == b ||", "case true || a == b ||"}},
	},
	{
		name: "list-cut-number", rule: "a number that a spreadsheet has cut is not compared", pkg: "./internal/format/value", tests: "TestNumber",
		edits: []edit{{"internal/format/value/value.go", "case scientific.MatchString(s):", "case false:"}},
	},
}
