//go:build race

package bubble

// Race says that the race detector is on: it makes simulated networks ten
// times slower, and tests choose their sizes by it.
const Race = true
