// Package arch holds the import law: which package may import which of ours
// and which heavy library. The law is a table in law_test.go; the test reads
// every file with go/parser, so it sees what is there and not what a build
// cache remembers. A package that the table does not name fails. The package
// has no code of its own.
package arch
