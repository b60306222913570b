package verify_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// rulesDigests are the digests of what each version of the rules understands: the
// tables of rules, States and kinds, the bodies, and the reasons. A line is added with
// each version and never changed: nodes judge again what they hold by the number.
var rulesDigests = map[int]string{
	1: "983b1c7e0e5e04f73c97b90a4a2309303d0b6146e85425fc9bb07575c2d6754d",
}

var comment = regexp.MustCompile(`(?m)\s*//.*$`)

func TestRulesVersion(t *testing.T) {
	sum := sha256.New()
	for _, file := range []string{"rules.json", "states.json", filepath.Join("herald", "v1", "body.proto"), filepath.Join("herald", "v1", "record.proto")} {
		raw, err := os.ReadFile(filepath.Join("..", "..", "proto", file))
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(file) == ".proto" {
			raw = comment.ReplaceAll(raw, nil) // words about a field change nothing that is understood
		}
		fmt.Fprintf(sum, "%d\n%s", len(raw), raw)
	}
	for _, k := range ct.Kinds() {
		fmt.Fprintf(sum, "%+v\n", k)
	}
	for _, m := range verify.Reasons() {
		fmt.Fprintf(sum, "%s %s\n", m.Reason, m.Verdict)
	}
	if got, want := hex.EncodeToString(sum.Sum(nil)), rulesDigests[ct.RulesVersion]; got != want {
		t.Errorf("what is understood of content has changed: raise ct.RulesVersion, so that nodes judge again what they hold, and add the line\n\t%d: %q,\n(version %d is %q)",
			ct.RulesVersion+1, got, ct.RulesVersion, want)
	}
}

// What a later version may understand is not yet understood; what no version would is
// inadmissible. Nothing that is refused is either.
func TestNotYet(t *testing.T) {
	want := map[verify.Reason]bool{
		verify.UnknownKind: true, verify.UnsupportedKind: true, verify.UnknownTopic: true, verify.UnknownPriority: true, verify.UnknownTLP: true,
		verify.UnknownAudience: true, verify.SealedAudience: true,
		verify.BodyNotDecodable: true, verify.TopicOfEvent: true, verify.BodyInvalid: true,
	}
	for _, m := range verify.Reasons() {
		if m.Reason.NotYet() != want[m.Reason] || m.Reason.NotYet() && m.Verdict != verify.Accept {
			t.Errorf("%s: not yet understood %v, verdict %s", m.Reason, m.Reason.NotYet(), m.Verdict)
		}
	}
}
