package verify

import (
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
)

// Again judges the content of a record that is chained already, by the rules of
// this program: what an earlier one did not know may be understood now. A body that
// is not held is nil: then the header alone is judged, as when a record comes
// without its body. It fails for a log that the roster does not name.
func Again(h *wire.Header, body []byte, v *roster.View) (Reason, bool) {
	right, ok := v.Right(h.Log)
	if !ok {
		return "", false
	}
	e := wire.Envelope{Header: *h}
	if body != nil {
		e.Salt, e.Body = make([]byte, wire.SaltSize), body // the commitment was checked when it came
	}
	why, _ := judge(&e, &right, v, new(wire.NotificationReader))
	return why, true
}
