package wire

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/herald-net/herald/node/ct"
)

// checkMatchRequest holds a request against the limits. The mode, the length
// of the window and a mandatory text that is missing are the responder's to
// judge: it answers with the reason.
func checkMatchRequest(r *MatchRequest) error {
	texts := []struct {
		field string
		value string
		most  int
	}{
		{"purpose", r.Purpose, MaxMatchPurpose},
		{"legal basis", r.Basis, MaxMatchBasis},
		{"case reference", r.Case, MaxMatchCase},
		{"operator", r.Operator, MaxMatchOperator},
		{"grounds", r.Grounds, MaxMatchGrounds},
	}
	for _, t := range texts {
		if err := matchText(t.field, t.value, t.most); t.value != "" && err != nil {
			return err
		}
	}
	switch {
	case r.Mode == 0:
		return fmt.Errorf("%w: no mode", ErrMatch)
	case r.Priority < ct.PriorityRoutine || r.Priority > ct.PriorityFlash:
		return fmt.Errorf("%w: priority", ErrMatch)
	case r.Issued <= 0 || r.Expires <= 0 || r.ReleaseUntil < 0:
		return fmt.Errorf("%w: a time before 1970", ErrMatch)
	}
	return nil
}

func checkMatchAnswer(a *MatchAnswer) error {
	switch {
	case a.Verdict < MatchNoHit || a.Verdict > MatchRateLimited:
		return fmt.Errorf("%w: verdict", ErrMatch)
	case a.Issued <= 0:
		return fmt.Errorf("%w: a time before 1970", ErrMatch)
	case len(a.Hits) > MaxMatchHits:
		return fmt.Errorf("%w: %d hits, at most %d", ErrMatch, len(a.Hits), MaxMatchHits)
	case len(a.Hits) > 0 && a.Verdict != MatchPossible:
		return fmt.Errorf("%w: hits without a possible match", ErrMatch)
	}
	refusal := a.Verdict == MatchRefused || a.Verdict == MatchRateLimited
	if refusal && a.Reason == "" || a.Verdict == MatchNoHit && a.Reason != "" {
		return fmt.Errorf("%w: a refusal has a reason, and NO_HIT has none", ErrMatch)
	}
	if _, ok := AskInstead(a); a.Verdict == MatchPossible && a.Reason != "" && !ok {
		return fmt.Errorf("%w: the reason of POSSIBLE names the State to ask", ErrMatch)
	}
	if a.Reason != "" && !matchCode(a.Reason, MaxMatchReason) {
		return fmt.Errorf("%w: reason", ErrMatch)
	}
	for i := range a.Hits {
		if err := checkMatchHit(&a.Hits[i]); err != nil {
			return err
		}
	}
	return nil
}

func checkMatchHit(h *MatchHit) error {
	if err := matchText("hit reference", h.Ref, MaxMatchRef); err != nil {
		return err
	}
	switch {
	case h.Score == 0 || h.Score > MaxMatchScore:
		return fmt.Errorf("%w: hit score", ErrMatch)
	case h.Tier < MatchTierPossible || h.Tier > MatchTierStrong:
		return fmt.Errorf("%w: hit tier", ErrMatch)
	case len(h.Why) > MaxMatchWhy:
		return fmt.Errorf("%w: %d reasons, at most %d", ErrMatch, len(h.Why), MaxMatchWhy)
	}
	for _, w := range h.Why {
		if !matchCode(w, MaxMatchCode) {
			return fmt.Errorf("%w: hit reason", ErrMatch)
		}
	}
	return nil
}

// matchText accepts text that a terminal and a journal can show as it is:
// another State wrote it.
func matchText(field, s string, most int) error {
	switch {
	case s == "":
		return fmt.Errorf("%w: %s is missing", ErrMatch, field)
	case len(s) > most:
		return fmt.Errorf("%w: %s of %d bytes, at most %d", ErrMatch, field, len(s), most)
	case !utf8.ValidString(s):
		return fmt.Errorf("%w: %s is not UTF-8", ErrMatch, field)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%w: %s holds a character that cannot be printed", ErrMatch, field)
		}
	}
	return nil
}

func matchCode(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != ':' && c != '_' {
			return false
		}
	}
	return true
}

// askReason is how the reason of a POSSIBLE begins when all that was found are
// records of another State, which every member holds: that State is the one to
// ask, and the responder has nothing to release.
const askReason = "ask:"

// AskReason names the State to ask.
func AskReason(author ct.State) string { return askReason + strings.ToLower(string(author)) }

// AskInstead gives the State that a POSSIBLE names to be asked.
func AskInstead(a *MatchAnswer) (ct.State, bool) {
	s, ok := strings.CutPrefix(a.Reason, askReason)
	author := ct.State(strings.ToUpper(s))
	return author, ok && a.Verdict == MatchPossible && ct.ValidState(author)
}
