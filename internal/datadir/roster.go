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
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// Roster is a roster file, verified from its genesis on.
type Roster struct {
	Genesis *roster.Genesis
	View    *roster.View
	Records [][]byte // of root logs, those of the founding first
	Unread  int      // further records of the file, which this version cannot judge

	later [][]byte // all that the file holds after the founding
}

// ParseRoster verifies the content of a roster file, or of a genesis file.
func ParseRoster(raw []byte, now time.Time) (*Roster, error) {
	_, view, recs, err := node.OpenRoster(raw, now)
	if err != nil {
		return nil, err
	}
	r := &Roster{View: view}
	if r.Genesis, r.later, err = roster.ParseFile(raw); err != nil {
		return nil, err
	}
	for _, rec := range recs {
		r.Records = append(r.Records, rec.Raw())
	}
	r.Unread = len(r.Genesis.Records()) + len(r.later) - len(r.Records)
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

// SignRoster signs what ops ask for with a State's root key and gives the
// roster file with the records added. It needs no network. Beside the key file
// it notes how far the key has signed, so that a file exported too early, or
// used twice, does not make the key fork its own log.
func SignRoster(r *Roster, rootKey string, now time.Time, ops ...roster.Operation) ([]byte, error) {
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
	later, view := slices.Clone(r.later), r.View
	if err := followed(r, key.Public()); err != nil {
		return nil, err
	}
	for _, op := range ops {
		var rec []byte
		if rec, _, view, err = view.SignOperation(key, op, now); err != nil {
			return nil, err
		}
		later = append(later, rec)
	}
	// Read again as everyone will: a device may have answered with anything.
	out := roster.EncodeFile(r.Genesis, later)
	again, err := ParseRoster(out, now)
	if err != nil {
		return nil, fmt.Errorf("the record signed does not verify: %w", err)
	}
	want, _, _, _ := view.RootHead(key.Public())
	if seq, id, _, _ = again.View.RootHead(key.Public()); seq != want || again.View.Version() != r.View.Version()+uint64(len(ops)) {
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

// followed refuses a root log of which the file holds more than this version
// can judge: the next record signed would fork it.
func followed(r *Roster, root ct.LogID) error {
	seq, _, _, _ := r.View.RootHead(root)
	for _, raw := range r.later {
		if e, err := wire.Decode(raw); err == nil && e.Header.Log == root && e.Header.Seq > seq {
			return fmt.Errorf("record %d of this root log cannot be judged by this version: use the version that signed it", e.Header.Seq)
		}
	}
	return nil
}
