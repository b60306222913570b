// Package torture holds the tests that take power, processes, disks, clocks
// and networks away from real nodes and look at what is left. It has no other
// code: nothing imports it.
//
// Their short forms are part of `go test ./...`; `make torture` runs the long
// ones and prints the figures of RELIABILITY.md. Every test prints its seed;
// HERALD_SEED=N runs that one again.
package torture
