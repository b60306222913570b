package unlist

import (
	"regexp"
	"slices"
	"strings"

	"github.com/herald-net/herald/internal/format/value"
	"github.com/herald-net/herald/internal/name"
)

var (
	lettered  = regexp.MustCompile(`(?:^|\s)[a-z]\)\s*`)
	bracketed = regexp.MustCompile(`^(.*?)\(([^()]*)\)?(.*)$`)
	otherName = regexp.MustCompile(`(?i)^(?:(?:previously|formerly|also|better) (?:listed|known) as|aliase?s?|a\.?k\.?a\.?|f\.?k\.?a\.?)[:\s]+`)
	remark    = regexp.MustCompile(`(?i)\d|nom de guerre|\b(?:in|of|with|variant|variants|listed|known|passport|name)\b`)
)

// aliasNames takes apart a field that holds several names or spellings: divided
// by semicolons, or by commas when each is a whole name; behind letters; or with
// another one in brackets.
func aliasNames(text string) (out []string) {
	add := func(s string) {
		if s = strings.Trim(value.Line(s), ",; "); !value.Nothing(s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for part := range strings.SplitSeq(value.Line(text), ";") {
		for _, part := range lettered.Split(part, -1) {
			for _, part := range wholeNames(part) {
				head, inner, ok := bracket(part)
				if !ok {
					add(part)
					continue
				}
				rest := otherName.ReplaceAllString(inner, "")
				script := name.Script(inner)
				switch {
				case rest != inner:
					add(head)
					for _, n := range wholeNames(rest) {
						add(n)
					}
				case script != "" && script != name.Script(head):
					add(inner)
					add(head)
				default:
					if add(head); !remark.MatchString(inner) { // a spelling or a part
						add(part)
					}
				}
			}
		}
	}
	return out
}

// bracket gives what stands beside the first brackets and in them.
func bracket(s string) (head, inner string, ok bool) {
	m := bracketed.FindStringSubmatch(s)
	if m == nil {
		return s, "", false
	}
	head, inner = value.Line(m[1]+" "+m[3]), value.Line(m[2])
	return head, inner, head != "" && inner != ""
}

// wholeNames divides by commas and by "or" when each of the parts is a name of
// two words or more: "Surname, Given" is one name.
func wholeNames(s string) []string {
	parts := strings.Split(strings.ReplaceAll(strings.ReplaceAll(s, " or ", ","), " / ", ","), ",")
	for _, p := range parts {
		if len(strings.Fields(p)) < 2 {
			return []string{s}
		}
	}
	if len(parts) == 2 && strings.Contains(s, ",") {
		return append(parts, s) // it may be a surname of two words and what is given
	}
	return parts
}

var (
	afterWord  = regexp.MustCompile(`(?i:\b(?:number|numbers|no|nos|nr)\b[.:°º]*:?\s*)((?:[A-Z]{1,3}[-/]?\s?)?[A-Z0-9°]*\d[A-Z0-9/.-]*(?:\s\d[A-Z0-9/-]*)*)`)
	byItself   = regexp.MustCompile(`\b[A-Z]{0,3}[-/]?\s?\d[\dA-Z/-]{4,}\b`)
	words      = regexp.MustCompile(`[a-z]{2,}`)
	fourDigits = regexp.MustCompile(`\d.*\d.*\d.*\d`)
)

// documentNumbers finds the numbers in a field that may hold several, or words
// around one: who issued it and when. A date is no number.
func documentNumbers(text string) (out []string) {
	text = value.Line(text)
	if value.Nothing(text) {
		return nil
	}
	add := func(s string) {
		if n, note := value.Number(strings.Trim(s, ".,;:/ ")); note == "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	if !words.MatchString(text) {
		parts := lettered.Split(text, -1)
		for _, p := range parts {
			several := strings.FieldsFunc(p, func(r rune) bool { return r == ',' || r == ';' })
			if slices.ContainsFunc(several, func(s string) bool { return !fourDigits.MatchString(s) }) {
				several = []string{p}
			}
			for _, s := range several {
				add(s)
			}
		}
		return out
	}
	for _, m := range afterWord.FindAllStringSubmatch(text, -1) {
		add(m[1])
	}
	if len(out) == 0 {
		for _, m := range byItself.FindAllString(text, -1) {
			add(m)
		}
	}
	return out
}
