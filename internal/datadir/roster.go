package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// Roster is a roster file, verified from its genesis on.
type Roster struct {
	Genesis *roster.Genesis
	View    *roster.View
	Records [][]byte // of root logs, those of the founding first
}

// ParseRoster verifies the content of a roster file, or of a genesis file.
func ParseRoster(raw []byte, now time.Time) (*Roster, error) {
	g, view, recs, err := node.OpenRoster(raw, now)
	if err != nil {
		return nil, err
	}
	r := &Roster{Genesis: g, View: view}
	for _, rec := range recs {
		r.Records = append(r.Records, rec.Raw())
	}
	return r, nil
}

// Later are the records after the founding: what a node may not hold yet.
func (r *Roster) Later() [][]byte { return r.Records[len(r.Genesis.Records()):] }

// WriteRoster writes a roster file, in one step.
func WriteRoster(path string, raw []byte) error { return replace(path, raw, 0o644) }

// ReadRoster reads and verifies a roster file.
func ReadRoster(path string, now time.Time) (*Roster, error) {
	raw, err := read(path)
	if err != nil {
		return nil, err
	}
	return ParseRoster(raw, now)
}

// ErrSignedAlready tells that a root key has signed further than a roster
// file shows: one more record from it would fork the root log.
var ErrSignedAlready = errors.New("the root key has signed a later record than this file shows")

// signedNote lies beside a root key file and says how far the key has signed.
type signedNote struct {
	Network ct.NetworkID `json:"network"`
	Seq     uint64       `json:"seq"`
	ID      ct.ID        `json:"id"`
}

// SignRoster signs what op asks for with a State's root key and gives the
// roster file with the record added. It needs no network. Beside the key file
// it notes how far the key has signed, so that a file exported too early, or
// used twice, does not make the key fork its own log.
func SignRoster(r *Roster, rootKey string, op roster.Operation, now time.Time) ([]byte, error) {
	key, err := keys.Load(rootKey)
	if err != nil {
		return nil, err
	}
	notePath := rootKey + ".signed"
	var note signedNote
	raw, err := os.ReadFile(notePath)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(raw, &note); err != nil {
			return nil, fmt.Errorf("%s: not what this program wrote: %w", notePath, err)
		}
	}
	seq, id, _, _ := r.View.RootHead(key.Public())
	if note.Network == r.View.Network() && (note.Seq > seq || note.Seq == seq && note.ID != id) {
		return nil, fmt.Errorf("%w: record %d (%s); submit that first and export anew, or, if it is lost and never left this machine, remove %s",
			ErrSignedAlready, note.Seq, note.ID.Short(), notePath)
	}
	rec, h, _, err := r.View.SignOperation(key, op, now)
	if err != nil {
		return nil, err
	}
	// Read again as everyone will: a device may have answered with anything.
	out := roster.EncodeFile(r.Genesis, append(slices.Clone(r.Later()), rec))
	again, err := ParseRoster(out, now)
	if err != nil {
		return nil, fmt.Errorf("the record signed does not verify: %w", err)
	}
	if seq, id, _, _ = again.View.RootHead(key.Public()); seq != h.Seq || again.View.Version() != r.View.Version()+1 {
		return nil, errors.New("the record signed has no effect")
	}
	note = signedNote{r.View.Network(), seq, id}
	if raw, err = json.Marshal(note); err != nil {
		return nil, err
	}
	if err := replace(notePath, append(raw, '\n'), 0o600); err != nil {
		return nil, err
	}
	return out, nil
}
