package node

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/herald-net/herald/internal/backup"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
)

// openStore opens the store. A damaged file is made anew and filled by peers,
// where there are any: see store.Rebuild. When log.db was, the node is treated
// like one that was restored from a backup.
func openStore(cfg Config, sc store.Config, view *roster.View) (*store.Store, error) {
	for range len(store.Parts()) {
		s, err := store.Open(sc)
		name := store.Damaged(err)
		if err == nil {
			if err = afterRebirth(cfg, s); err != nil {
				err = errors.Join(err, s.Close())
			}
			return s, err
		}
		if name == "" {
			return nil, err
		}
		if len(view.Nodes()) < 2 {
			return nil, fmt.Errorf("node: no other node has what it held: restore a backup: %w", err)
		}
		cfg.Log.Error("a file of the store is damaged and is made anew from peers", "file", name, "error", err)
		if errRebuild := store.Rebuild(sc, name, time.Now()); errRebuild != nil {
			return nil, fmt.Errorf("node: %w: %w", errRebuild, err)
		}
	}
	return nil, errors.New("node: the store is damaged again as soon as it is made anew: the disk does not keep what is written")
}

// afterRebirth marks a store whose log.db was made anew, once: the node asks the
// others for the end of its own log before it signs, and shows no content that
// may have been retracted. The index names places of the old file.
func afterRebirth(cfg Config, s *store.Store) error {
	if s.Reborn() == 0 {
		return nil
	}
	fresh, err := backup.MarkReborn(s.Local(), s.Reborn(), time.Now())
	if err != nil || !fresh {
		return err
	}
	if err := os.Remove(cfg.path("index.db")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("node: %w", err)
	}
	return nil
}
