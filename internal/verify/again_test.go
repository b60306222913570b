package verify_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// rulesDigests are the digests of what each version of the rules understands: the
// tables of rules, States and kinds, the bodies, and the reasons. A line is added with
// each version and never changed: nodes judge again what they hold by the number.
var rulesDigests = map[int]string{
	1: "9e8de815c5eeba8613d8437ecbc1f42bb8c3592a0a2e8e400d3650b2fd3ce3ff",
	2: "b98f237d66a415cc9f5146d90c8791d2997ec651cdf10d78adddf3c942c97f83",
}

func TestRulesVersion(t *testing.T) {
	sum := sha256.New()
	for _, file := range []string{"rules.json", "states.json", filepath.Join("herald", "v1", "body.proto"), filepath.Join("herald", "v1", "record.proto")} {
		raw, err := os.ReadFile(filepath.Join("..", "..", "proto", file))
		if err != nil {
			t.Fatal(err)
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
