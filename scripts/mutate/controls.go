package main

import "slices"

// controls are the safeguards that a test must hold, one edit each. An edit
// takes out the rule and nothing beside it, and is as short as can be: it must
// stand exactly once in its file.
var controls = slices.Concat(recordControls, storeControls, networkControls, matchControls, personControls, findControls, localControls, listControls)
