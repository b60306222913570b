package main

// findControls hold what a search finds, and that it never says "no" without
// knowing.
var findControls = []control{
	{
		name: "lists-own-file", rule: "writing a list holds up nobody who journals", pkg: "./internal/desk", tests: "TestAnswersWhileAListIsWritten",
		edits: []edit{{"internal/desk/import.go", "err := s.d.cfg.Store.Lists().Update(func(tx *store.LocalTx) error {\n\t\tfor i, e := range batch {", "err := s.d.cfg.Store.Local().Update(func(tx *store.LocalTx) error {\n\t\tfor i, e := range batch {"}},
	},
	{
		name: "backup-lists-month", rule: "imported lists in a backup end with the month's key", pkg: "./internal/backup", tests: "TestMonthlyPartsNeedTheMonthsKey",
		edits: []edit{{"internal/backup/backup.go", `"keys.db": "backup/keys", "lists.db": "backup/lists"}`, `"keys.db": "backup/keys"}`}},
	},
}
