package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/herald-net/herald/node/ct"
)

// The schema and the reference come from the one table of rules: every field and
// every word of a closed list is in both.
func TestSchemaAndReference(t *testing.T) {
	r := herald(t, "", "schema")
	r.check(t, 0, "", "")
	var schema map[string]any
	if err := json.Unmarshal([]byte(r.out), &schema); err != nil {
		t.Fatal(err)
	}
	defs := schema["$defs"].(map[string]any)
	help := herald(t, "", "help", "notification").out
	for _, rule := range ct.Rules() {
		typ, name, _ := strings.Cut(rule.Field, ".")
		if !strings.Contains(help, "\n"+typ+"\n") || !strings.Contains(help, " "+name+" ") && !strings.Contains(help, " "+name+"\n") {
			t.Errorf("the reference lacks %s", rule.Field)
		}
		of, ok := defs[typ].(map[string]any)
		if typ == "Notification" {
			of, ok = schema, true
		}
		if ok { // the fields of Fact stand in others
			if _, ok := of["properties"].(map[string]any)[name]; !ok {
				t.Errorf("the schema lacks %s", rule.Field)
			}
		}
		for _, word := range rule.Codes {
			if !strings.Contains(help, word) {
				t.Errorf("the reference lacks %s of %s", word, rule.Field)
			}
		}
	}
}
