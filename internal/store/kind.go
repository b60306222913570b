package store

import "github.com/herald-net/herald/node/ct"

// retractable tells the kinds that are content about a person: nothing else is
// ever hidden.
func retractable(k ct.Kind) bool {
	switch k {
	case ct.KindNotification, ct.KindUpdate, ct.KindCorrect, ct.KindRenew, ct.KindSighting, ct.KindMatchRelease:
		return true
	}
	return false
}

// ofNodes tells the kinds that have their place in node logs alone.
func ofNodes(k ct.Kind) bool {
	return k >= ct.KindNotification && k <= ct.KindAddress || k == ct.KindForkProof || k == ct.KindCheckpoint
}
