#!/bin/sh
# Runs every fuzz target of the module for FUZZFOR, one after the other. Left at
# its default, minimising one interesting input takes the whole of a short run.
set -eu
: "${FUZZFOR:=10s}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# At the end of its time a busy machine's go test may report "context deadline
# exceeded" instead of stopping, with no input that fails (golang/go#75804):
# then, and only then, the target has another go, four at most: one run in
# twenty-five ends so on a machine with ten times as much to do as it can.
fuzz() {
	for last in '' '' '' '' yes; do
		code=0
		"${GO:-go}" test "$1" -run '^$' -fuzz "^$2\$" -fuzztime "$FUZZFOR" -fuzzminimizetime 20x >"$log" 2>&1 || code=$?
		cat "$log"
		[ "$code" -ne 0 ] || return 0
		grep -q '^    context deadline exceeded$' "$log" && ! grep -q 'Failing input' "$log" && [ -z "$last" ] || return "$code"
	done
}

found=0
for file in $(grep -rl --include='*_test.go' '^func Fuzz' node internal testnet proto 2>/dev/null | sort); do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		found=$((found + 1))
		echo "fuzz ./$(dirname "$file") $target"
		fuzz "./$(dirname "$file")" "$target"
	done
done
test "$found" -gt 0 || { echo "no fuzz target found: run this from the repository's root" >&2; exit 1; }
echo "fuzz: $found targets, no failure"
