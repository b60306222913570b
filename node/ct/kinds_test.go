package ct

import "testing"

func TestKindsAreATable(t *testing.T) {
	for n, row := range kindRules {
		if row.Kind != Kind(n) {
			t.Errorf("row %d is of kind %s", n, row.Kind)
		}
		if rule, ok := Kind(n).Rule(); ok != (n > 0) || rule.Kind != Kind(n) {
			t.Errorf("kind %d: rule of %s, %v", n, rule.Kind, ok)
		}
		if row.MinRefs > row.MaxRefs || row.MaxRefs > MaxRefs {
			t.Errorf("%s: %d to %d refs", row.Kind, row.MinRefs, row.MaxRefs)
		}
		// What says who may speak, or takes back, cannot be taken back itself.
		if n > 0 && row.Retractable && (row.Root || row.Essential || !row.Personal) {
			t.Errorf("%s can be retracted", row.Kind)
		}
		// In a node log the kinds of root logs say nothing: they need no room.
		if row.Root && row.Essential {
			t.Errorf("%s is essential in any log", row.Kind)
		}
	}
	if n := len(Kinds()); n != len(kindNames)-1 {
		t.Errorf("%d rows, %d kinds", n, len(kindNames)-1)
	}
	for _, k := range []Kind{0, Kind(len(kindRules)), 256 + KindClosing, 1<<32 - 1} {
		if rule, ok := k.Rule(); ok || *rule != (KindRule{Retractable: true}) {
			t.Errorf("kind %d has a rule: %+v", k, rule)
		}
	}
}
