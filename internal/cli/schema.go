package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/herald-net/herald/node/ct"
	"github.com/spf13/cobra"
)

func newSchemaCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a notification",
		Long: `Print the JSON Schema (draft 2020-12) of what publish -f reads. What needs the
clock, the network's policy or check digits is not in it: publish --dry-run
checks all. herald help notification says the same in words.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			return enc.Encode(ct.JSONSchema())
		},
	}
}

func newNotificationTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "notification",
		Short: "What a notification may hold, field by field",
		Long:  notificationReference(),
	}
}

// notificationReference writes the table of rules for people.
func notificationReference() string {
	var b strings.Builder
	b.WriteString("What publish -f reads, field by field: * must be there. herald example prints one,\nherald schema the JSON Schema, publish --dry-run checks a file.\n")
	last := ""
	for _, r := range ct.Rules() {
		typ, name, _ := strings.Cut(r.Field, ".")
		if typ != last {
			fmt.Fprintf(&b, "\n%s\n", typ)
			last = typ
		}
		mark := " "
		if r.Required {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s\n", strings.TrimRight(fmt.Sprintf("  %s %-22s %s", mark, name, ruleText(r)), " "))
	}
	b.WriteString("\nEvent types: the topic each belongs to, its phases, and what it needs\n")
	for _, e := range ct.EventRules() {
		needs := ""
		if e.Timed {
			needs += " time"
		}
		if e.Detention {
			needs += " detention"
		}
		fmt.Fprintf(&b, "    %-20s %-12s %s;%s\n", e.Type, e.Topic, strings.Join(e.Phases, ", "), needs)
	}
	b.WriteString("\nBetween fields\n")
	for _, line := range ct.BetweenFields {
		b.WriteString("  - " + line + "\n")
	}
	return b.String()
}

func ruleText(r ct.Rule) string {
	var out []string
	switch {
	case r.Codes != nil:
		out = append(out, strings.Join(r.Codes, ", "))
	case r.Form == ct.FormDate:
		out = append(out, "EDTF date: 1965, 1965-07, 1965-07-04, 1965~, 1960/1965")
	case r.Form == ct.FormTime:
		out = append(out, "RFC 3339 time with offset")
	case r.Form == ct.FormState:
		out = append(out, "State code (ISO 3166-1 alpha-3 or ICAO 9303)")
	case r.Pattern != "":
		out = append(out, r.Pattern)
	case r.MaxChars > 0 && r.Lines:
		out = append(out, fmt.Sprintf("text of at most %d characters, line breaks allowed", r.MaxChars))
	case r.MaxChars > 0:
		out = append(out, fmt.Sprintf("line of at most %d characters", r.MaxChars))
	case r.Max > 0:
		out = append(out, fmt.Sprintf("number from %d to %d", r.Min, r.Max))
	}
	if r.MaxItems > 0 {
		out = append(out, fmt.Sprintf("list of at most %d", r.MaxItems))
	}
	if r.Unique {
		out = append(out, "none twice")
	}
	return strings.Join(out, "; ")
}
