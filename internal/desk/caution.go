package desk

import (
	"fmt"
	"slices"
	"strings"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node/ct"
)

// caution is what a person must have seen before something is signed. The text
// is for his eyes alone: never logged, and in no error.
type caution struct {
	word string // by which it is accepted
	text string
	name string // what may be told of it in an error; empty: nothing
}

// cautions lists them for a notification.
func (d *Desk) cautions(n *ct.Notification, v *roster.View) []caution {
	var out []caution
	for _, m := range v.Members() { // audience ALL, the only one that there is yet
		if m.State != d.cfg.State && n.Person.HasFled(m.State) {
			out = append(out, caution{AcceptAsylum, fmt.Sprintf("%s is told, and the person seeks or has asylum from it: audience ALL reaches it", m.State), ""})
		}
	}
	return append(out, special(n.SpecialCategories())...)
}

func special(faults ct.Faults) (out []caution) {
	for _, f := range faults {
		out = append(out, caution{AcceptSpecial, f.Field + ": " + f.Fault, ""})
	}
	return out
}

// duplicate is the caution of what was published already and is in force.
func duplicate(equal *spot) []caution {
	if equal == nil {
		return nil
	}
	return []caution{{AcceptDuplicate, "equal content is in force: " + equal.name(), equal.name()}}
}

// warnings are cautions as an operator reads them.
func warnings(all []caution) (out []string) {
	for _, c := range all {
		out = append(out, c.word+": "+c.text)
	}
	return out
}

// accepted holds cautions against what a person has said that he accepts.
func accepted(all []caution, words []string) error {
	for i, w := range words {
		if w != AcceptAsylum && w != AcceptSpecial && w != AcceptDuplicate {
			return ct.Faults{{Field: fmt.Sprintf("accept[%d]", i), Fault: ct.FaultCode + ": " + AcceptAsylum + ", " + AcceptSpecial + ", " + AcceptDuplicate}}
		}
	}
	var open []string
	name := ""
	for _, c := range all {
		if !slices.Contains(words, c.word) && !slices.Contains(open, c.word) {
			open = append(open, c.word)
			name += c.name
		}
	}
	if len(open) == 0 {
		return nil
	}
	why := map[string]string{
		AcceptAsylum:  "it would reach a State that the person has fled",
		AcceptSpecial: "its free text may tell of religion, ethnicity, health, political opinion, a union or sexual life",

		AcceptDuplicate: "equal content is in force: " + name,
	}
	var texts []string
	for _, w := range open {
		texts = append(texts, why[w])
	}
	return fmt.Errorf("%w: not signed: %s; see the warnings of --dry-run, and then say --accept %s", ErrConflict, strings.Join(texts, "; "), strings.Join(open, ","))
}
