package node

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Membership is what a node became by joining a network.
type Membership struct {
	Network  ct.NetworkID
	Name     string
	Exercise bool
	State    ct.State
	Node     ct.LogID
}

// ErrOtherNetwork tells that a data directory belongs to another network already.
var ErrOtherNetwork = errors.New("the data directory belongs to another network")

// ErrNoMember tells that a genesis does not name this node's key.
var ErrNoMember = errors.New("the genesis does not name this node's key")

// Join makes the prepared directory cfg.Dir a member of the network that
// genesis describes: a genesis file, or a roster file for a node that a member
// has named since the founding. It works offline: every signature and delegation is
// checked from the file alone. Joining the same network again changes nothing.
//
// The genesis file is written last, and New asks for it first: a join that was
// interrupted is simply done again.
func Join(cfg Config, genesis []byte, now time.Time) (Membership, error) {
	if err := cfg.validate(); err != nil {
		return Membership{}, err
	}
	key, err := keys.Load(cfg.path(FileNodeKey))
	if err != nil {
		return Membership{}, fmt.Errorf("join: %w", err)
	}
	storage, err := keys.LoadStorage(cfg.StorageKeyFile)
	if err != nil {
		return Membership{}, fmt.Errorf("join: %w", err)
	}
	g, view, recs, err := OpenRoster(genesis, now)
	if err != nil {
		return Membership{}, fmt.Errorf("join: %w", err)
	}
	me, ok := view.Node(key.Public())
	if !ok {
		return Membership{}, fmt.Errorf("join: network %q, node %s: %w", view.Name(), key.Public().Short(), ErrNoMember)
	}
	joined := Membership{view.Network(), view.Name(), view.Exercise(), me.State, me.Key}
	held, err := os.ReadFile(cfg.path(FileGenesis))
	switch {
	case err == nil:
		old, err := roster.ParseGenesis(held)
		if err != nil {
			return Membership{}, fmt.Errorf("join: %s: %w", cfg.path(FileGenesis), err)
		}
		if old.Network() != view.Network() {
			return Membership{}, fmt.Errorf("join: %s holds network %s: %w", cfg.Dir, old.Network().String()[:16], ErrOtherNetwork)
		}
		return joined, nil
	case !errors.Is(err, os.ErrNotExist):
		return Membership{}, fmt.Errorf("join: %w", err)
	}
	if err := found(cfg, storage, view, recs); err != nil {
		return Membership{}, fmt.Errorf("join: %w", err)
	}
	if err := writeGenesis(cfg, g.Encode()); err != nil {
		return Membership{}, fmt.Errorf("join: %w", err)
	}
	return joined, nil
}

// OpenGenesis checks a genesis file wholly and gives the roster with all
// founders' nodes, and their delegations as records in order.
func OpenGenesis(file []byte, now time.Time) (*roster.View, []verify.Record, error) {
	g, err := roster.ParseGenesis(file)
	if err != nil {
		return nil, nil, err
	}
	return openRoster(g, nil, now)
}

// OpenRoster is OpenGenesis for a roster file, which has further records of
// root logs. One that has no effect is no fault of the file; one that is not
// signed, or does not follow the one before it, is. What this version cannot
// judge, and what follows it in its log, is left out of the records.
func OpenRoster(file []byte, now time.Time) (*roster.Genesis, *roster.View, []verify.Record, error) {
	g, more, err := roster.ParseFile(file)
	if err != nil {
		return nil, nil, nil, err
	}
	view, recs, err := openRoster(g, more, now)
	return g, view, recs, err
}

func openRoster(g *roster.Genesis, more [][]byte, now time.Time) (*roster.View, []verify.Record, error) {
	view, err := roster.New(g)
	if err != nil {
		return nil, nil, err
	}
	var recs []verify.Record
	left := false // some record was left out: the ones that follow it have no place
	for i, raw := range append(g.Records(), more...) {
		rec, op, err := openRootRecord(raw, view, dated(raw, now))
		if err == nil {
			if view, err = view.Apply(rec.Header(), rec.ID(), op); !errors.Is(err, roster.ErrOrder) {
				recs = append(recs, rec)
				continue
			}
		}
		var why *verify.Error
		switch {
		case errors.Is(err, errWaits), errors.As(err, &why) && why.Verdict() == verify.Ignore:
			left = true
		case left && errors.Is(err, roster.ErrOrder):
		default:
			return nil, nil, fmt.Errorf("roster: record %d: %w", i+1, err)
		}
	}
	return view, recs, nil
}

// dated is now, or when a record of a roster file was issued if that is later:
// the machine that reads the file may have no network and a wrong clock.
func dated(raw []byte, now time.Time) time.Time {
	if e, err := wire.Decode(raw); err == nil && e.Header.Issued > ct.MillisOf(now) {
		return e.Header.Issued.Time()
	}
	return now
}

// openRootRecord judges a record of a root log, and reads what it asks for.
func openRootRecord(raw []byte, view *roster.View, now time.Time) (rec verify.Record, op roster.Operation, err error) {
	if rec, err = verify.Open(raw, view, now); err != nil {
		return rec, op, err
	}
	switch {
	case !rec.Root():
		err = errors.New("not a record of a root log")
	case rec.Inadmissible() != "" || !roster.HasOperation(rec.Header().Kind):
	case !rec.HasBody():
		err = errWaits
	default:
		op, err = roster.ReadOperation(rec.Header().Kind, rec.Body())
	}
	return rec, op, err
}

// found creates the store, or opens the one that an interrupted join left,
// and puts in what it lacks of the founders' delegations.
func found(cfg Config, storage keys.Storage, view *roster.View, recs []verify.Record) (err error) {
	sc := store.Config{Dir: cfg.Dir, Key: storage, Network: view.Network(), Log: cfg.Log, MaxSize: cfg.MaxSize}
	s, err := store.Open(sc)
	if errors.Is(err, os.ErrNotExist) {
		if err = store.Create(sc); err == nil {
			s, err = store.Open(sc)
		}
	}
	if errors.Is(err, store.ErrNetwork) {
		return fmt.Errorf("%w: %w", ErrOtherNetwork, err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	lacking := recs[:0:0]
	for _, rec := range recs {
		head, _ := s.Head(rec.Header().Log)
		if rec.Header().Seq > head.Size {
			lacking = append(lacking, rec)
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	_, err = s.Append(lacking)
	return err
}

func writeGenesis(cfg Config, genesis []byte) error {
	f, err := os.CreateTemp(cfg.Dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.ReadFrom(bytes.NewReader(genesis)); err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), cfg.path(FileGenesis)); err != nil {
		return err
	}
	d, err := os.Open(cfg.Dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
