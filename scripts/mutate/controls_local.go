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
	{
		name: "unknown-field", rule: "the API refuses fields that it does not know", pkg: "./internal/api", tests: "TestUnknownFieldsAreRefused",
		edits: []edit{{"internal/api/codec.go", "return known(m.ProtoReflect())", "return nil"}},
	},
	{
		name: "tail-stops", rule: "a tail that ends with its node says so", pkg: "./internal/api", tests: "TestTailEndsInOrder",
		edits: []edit{{"internal/api/stopping.go", "server.Err() == nil", "server.Err() == nil || true"}},
	},
	{
		name: "shared-tail", rule: "what a tail has opened is not shown to others once it is hidden", pkg: "./internal/feed", tests: "TestTailsShareNothingHidden",
		edits: []edit{{"internal/feed/feed.go", "	e.Unreadable = unreadable(r, now)\n", "	if e.Unreadable = unreadable(r, now); c != nil || f.opened.get(r.ID) != nil {\n\t\te.Unreadable = \"\"\n\t}\n"},
			{"internal/feed/opened.go", "			f.opened.forget(r.ID)\n			kept[i] = nil\n", ""},
			{"internal/feed/opened.go", "			f.opened.forget(ref.ID)\n", "			_ = ref\n"}},
	},
	{
		name: "twin-record", rule: "a record of one's own key that another process signed stops the pen", pkg: "./node", tests: "TestCopiedDirectory",
		edits: []edit{{"node/control.go", "n.pen.look(&row)", "false && n.pen.look(&row)"}},
	},
	{
		name: "twin-own", rule: "what this process or an earlier one signed is no other's", pkg: "./node", tests: "TestCopiedDirectory",
		edits: []edit{{"node/twin.go", "if p.ids[r.ID] || ", "if "}},
	},
	{
		name: "twin-beacon", rule: "a beacon of one's own key that another process sent is heard", pkg: "./internal/gossip", tests: "TestTwin",
		edits: []edit{{"internal/gossip/guard.go", " && !g.twin.other(b.Time)", ""}},
	},
	{
		name: "forked-not-ready", rule: "a node whose own log has forked is not ready", pkg: "./node", tests: "TestForkedNodeIsNotReady",
		edits: []edit{{"node/window.go", "	if h.Contested == 0 {", "	if h.Contested == 0 || true {"}},
	},
}
