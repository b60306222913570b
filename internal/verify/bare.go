package verify

import "github.com/herald-net/herald/internal/wire"

// Bare is the record without its body, judged by its header alone: what a node
// takes that has no room for the body.
func (r Record) Bare() Record {
	bare := *r.opened
	bare.env.Salt, bare.env.Body = nil, nil
	bare.raw = wire.Encode(&bare.env)
	if bare.inadmissible.OfBody() {
		bare.inadmissible = ""
	}
	return Record{&bare}
}
