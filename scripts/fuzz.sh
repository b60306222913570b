#!/bin/sh
# Runs every fuzz target of the module for FUZZFOR, one after the other. Left at
# its default, minimising one interesting input takes the whole of a short run.
set -eu
: "${FUZZFOR:=10s}"
found=0
for file in $(grep -rl --include='*_test.go' '^func Fuzz' node internal testnet proto 2>/dev/null | sort); do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		found=$((found + 1))
		echo "fuzz ./$(dirname "$file") $target"
		"${GO:-go}" test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZFOR" -fuzzminimizetime 20x
	done
done
test "$found" -gt 0 || { echo "no fuzz target found: run this from the repository's root" >&2; exit 1; }
echo "fuzz: $found targets, no failure"
