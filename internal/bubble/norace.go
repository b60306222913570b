//go:build !race

package bubble

// Race says that the race detector is on.
const Race = false
