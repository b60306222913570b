//go:build race

package node_test

// raceEnabled: the race detector makes the simulated network ten times slower.
const raceEnabled = true
