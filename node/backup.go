package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/backup"
	"github.com/herald-net/herald/internal/keys"
)

// Backup writes a backup of the running node to a new file. It does not
// examine what it wrote: whoever asked does, apart from the node.
func (n *Node) Backup(ctx context.Context, o api.BackupOptions, progress func(done, total int64)) (uint64, error) {
	k := backup.Keys{Name: o.Generation}
	var err error
	if k.Backup, err = keys.LoadBackup(o.KeyFile); err != nil {
		return 0, fmt.Errorf("%w: %w", api.ErrInvalid, err)
	}
	if k.Generation, err = keys.LoadBackup(o.GenerationFile); err != nil {
		return 0, fmt.Errorf("%w: %w", api.ErrInvalid, err)
	}
	src := backup.Source{Store: n.store, Network: n.view.Load().Network(), State: n.state, Node: n.own}
	if src.Files, err = BackupFiles(n.cfg); err != nil {
		return 0, err
	}
	head, err := backup.Create(ctx, o.Out, src, k, time.Now(), progress)
	if err != nil {
		return 0, err
	}
	n.cfg.Log.InfoContext(ctx, "backup written", "records", head.Records, "generation", head.Generation)
	return head.Records, nil
}

// BackupFiles reads the small files of a data directory that a backup holds.
// An embedder's directory has no herald.toml.
func BackupFiles(cfg Config) (map[string][]byte, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name, path := range map[string]string{
		FileConfig: cfg.path(FileConfig), FileGenesis: cfg.path(FileGenesis),
		FileNodeKey: cfg.path(FileNodeKey), FileStorageKey: cfg.StorageKeyFile,
	} {
		raw, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) && name == FileConfig {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("backup: %w", err)
		}
		files[name] = raw
	}
	return files, nil
}
