package store

import "github.com/herald-net/herald/node/ct"

// retractable tells the kinds that are content about a person, or may be, since this
// version does not know them: nothing else is ever hidden.
func retractable(k ct.Kind) bool {
	rule, _ := k.Rule()
	return rule.Retractable
}

// ofNodes tells the kinds that have their place in node logs alone.
func ofNodes(k ct.Kind) bool {
	rule, known := k.Rule()
	return known && !rule.Root
}
