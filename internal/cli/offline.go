package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/herald-net/herald/internal/datadir"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node"
	"github.com/spf13/cobra"
)

func newStoreCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "store", Short: "Look after a node's database: check, back up, restore, compact"}
	cmd.AddCommand(newBackupCmd(), newRestoreCmd(), newCompactCmd())
	cmd.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Check every file, chain and commitment of a stopped node",
		Long: `Check the database of a node that does not run: the structure of each file, the
hash chain of every log, and that each body held is the one that was signed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := storeConfig(cmd)
			if err != nil {
				return err
			}
			r, err := store.Check(cfg)
			if err != nil {
				return err
			}
			return printCheck(cmd, r)
		},
	})
	return cmd
}

// offlineStore calls do with the store of a node that does not run, and the key
// that it is sealed under.
func offlineStore(cmd *cobra.Command, do func(*store.Store, keys.Storage) error) (err error) {
	cfg, err := storeConfig(cmd)
	if err != nil {
		return err
	}
	s, err := store.Open(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return do(s, cfg.Key)
}

// storeConfig reads from a data directory what opening its store needs.
func storeConfig(cmd *cobra.Command) (store.Config, error) {
	dir, err := dataDir(cmd)
	if err != nil {
		return store.Config{}, err
	}
	cfg, _, err := datadir.Load(dir, datadir.Source{})
	if err != nil {
		return store.Config{}, err
	}
	genesis, err := datadir.ReadGenesis(filepath.Join(dir, node.FileGenesis))
	if errors.Is(err, os.ErrNotExist) {
		return store.Config{}, fmt.Errorf("%s: %w", dir, node.ErrNotJoined)
	} else if err != nil {
		return store.Config{}, err
	}
	key, err := keys.LoadStorage(cfg.Node(dir).StorageKeyFile)
	if err != nil {
		return store.Config{}, err
	}
	return store.Config{Dir: dir, Key: key, Network: genesis.Network(), Log: slog.New(slog.DiscardHandler), MaxSize: cfg.MaxSize}, nil
}

func printCheck(cmd *cobra.Command, r store.Report) error {
	w := cmd.OutOrStdout()
	if wantJSON(cmd) {
		for _, p := range r.Problems {
			line := struct {
				File    string `json:"file"`
				Problem string `json:"problem"`
			}{p.File, p.What}
			if err := printJSON(cmd, line); err != nil {
				return err
			}
		}
		err := printJSON(cmd, struct {
			Logs     int `json:"logs"`
			Records  int `json:"records"`
			Bodies   int `json:"bodies"`
			Missing  int `json:"missing"`
			Erased   int `json:"erased"`
			Forks    int `json:"forks"`
			Problems int `json:"problems"`
		}{r.Logs, r.Records, r.Bodies, r.Missing, r.Erased, r.Forks, len(r.Problems) + r.More})
		if err != nil {
			return err
		}
	} else {
		for _, p := range r.Problems {
			fmt.Fprintf(w, "%s: %s\n", safe(p.File), safe(p.What))
		}
		fmt.Fprintf(w, "%d logs, %d records, %d bodies held, %d missing, %d erased, %d forks\n",
			r.Logs, r.Records, r.Bodies, r.Missing, r.Erased, r.Forks)
	}
	if n := len(r.Problems) + r.More; n > 0 {
		return fmt.Errorf("store check: %d problems", n)
	}
	return nil
}
