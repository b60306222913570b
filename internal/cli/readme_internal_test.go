package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

var inDocuments = regexp.MustCompile("(?m)(?:^|[|`\\s(])(?:bin/)?herald ([a-z][^\n`|#]*)")

// Every command line of the documents names a command and flags that there are.
func TestCommandsOfDocuments(t *testing.T) {
	for doc, least := range map[string]int{"README.md": 24, "SECURITY.md": 0, "ARCHITECTURE.md": 0, "RELIABILITY.md": 0, "PROTOCOL.md": 0} {
		raw, err := os.ReadFile("../../" + doc)
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, m := range inDocuments.FindAllStringSubmatch(strings.ReplaceAll(string(raw), "\\\n", " "), -1) {
			words := strings.Fields(strings.Split(m[1], "  ")[0])
			cmd, rest, err := newRoot(Env{Getenv: os.Getenv}).Find(words)
			if err != nil || !cmd.HasParent() {
				if strings.Contains(m[0], "`") || strings.HasPrefix(strings.TrimLeft(m[0], "\n"), "herald ") && strings.Contains(m[1], "--") {
					t.Errorf("%s: herald %s: %v", doc, m[1], err)
				}
				continue // prose
			}
			seen++
			if cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") && !strings.Contains(cmd.Use, rest[0]) {
				t.Errorf("%s: herald %s: %s has no command %s", doc, m[1], cmd.CommandPath(), rest[0])
			}
			for _, w := range rest {
				name, _, _ := strings.Cut(strings.TrimRight(strings.TrimLeft(w, "["), "],.;:)"), "=")
				if !strings.HasPrefix(name, "--") || name == "--" {
					continue
				}
				for one := range strings.SplitSeq(name, "|") {
					if one = strings.TrimLeft(one, "-"); lookup(cmd.Flags(), one) || lookup(cmd.InheritedFlags(), one) || one == "help" {
						continue
					}
					t.Errorf("%s: herald %s: %s has no flag --%s", doc, m[1], cmd.CommandPath(), one)
				}
			}
		}
		if seen < least {
			t.Errorf("%s: %d command lines found", doc, seen)
		}
	}
}

func lookup(f *pflag.FlagSet, name string) bool { return f.Lookup(name) != nil }
