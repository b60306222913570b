package main

// localControls hold the node up against those beside it on its machine.
var localControls = []control{
	{
		name: "hang-up", rule: "a terminal that closes ends no node", pkg: "./cmd/herald", tests: "TestNodeOutlivesItsTerminal",
		edits: []edit{{"internal/cli/run.go", "signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)", "signal.Reset(syscall.SIGHUP, syscall.SIGPIPE)"}},
	},
	{
		name: "urgent-seats", rule: "readers and publishers leave seats for retractions", pkg: "./internal/api", tests: "TestUnfinishedBodies",
		edits: []edit{{"internal/api/seats.go", "}{{maxUrgent, urgent}, ", "}{"}},
	},
	{
		name: "stream-seats", rule: "tails take no seats of other calls", pkg: "./internal/api", tests: "TestTailsLeaveSeats",
		edits: []edit{{"internal/api/seats.go", "{maxStreams, streams}, ", ""}},
	},
	{
		name: "still-body", rule: "a request whose body stands still gives its seat back", pkg: "./internal/api", tests: "TestBodyStandsStill",
		edits: []edit{{"internal/api/seats.go", "time.Now().Add(bodyTimeout)", "time.Time{}"}},
	},
}
