package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/backup"
	"github.com/herald-net/herald/internal/datadir"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

// generationKept is how long after the end of its month the key of a
// generation is kept: the time in which erased bodies must be gone everywhere.
const generationKept = 31 * 24 * time.Hour

func newBackupCmd() *cobra.Command {
	var keyFile, out string
	cmd := &cobra.Command{
		Use:   "backup --key FILE --out FILE",
		Short: "Write an encrypted backup, while the node runs or not, and verify it",
		Long: `Write the node's records, local data, keys and configuration to one encrypted
file, then read it again and examine every record in it. The root key is not in
it. A running node goes on meanwhile.

--key names the backup key, which is made when it is not there: keep it, and
what follows, away from this machine. Beside it stands a key for each month,
KEY.2026-11, without which no body in that month's backups can be read: it is
removed 31 days after the month has ended, and with it all that was erased
since. Copies of these month keys must be removed likewise.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			if _, err := os.Lstat(out); err == nil {
				return withCode(exitConflict, fmt.Errorf("%s is there already and is not overwritten", out))
			}
			now := time.Now()
			k, made, err := backupKeys(keyFile, now)
			if err != nil {
				return err
			}
			for _, path := range made {
				fmt.Fprintf(cmd.ErrOrStderr(), "made the key %s: keep a copy elsewhere, nothing opens the backup without it\n", path)
			}
			partial := out + ".partial"
			if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			defer os.Remove(partial) // gone after the rename
			if err := writeBackup(cmd, dir, partial, keyFile, k, now); err != nil {
				return err
			}
			r, err := verifyBackup(cmd, partial, k)
			if err != nil {
				return err
			}
			if err := backup.Install(partial, out); err != nil {
				return err
			}
			removed, err := expireGenerations(keyFile, now)
			if err != nil {
				return err
			}
			for _, path := range removed {
				fmt.Fprintf(cmd.ErrOrStderr(), "removed the key %s: its generation is over\n", path)
			}
			return printBackup(cmd, "backup", out, r)
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "the backup key; made when it is not there")
	cmd.Flags().StringVar(&out, "out", "", "the file to write")
	markRequired(cmd, "key", "out")
	return cmd
}

func markRequired(cmd *cobra.Command, flags ...string) {
	for _, f := range flags {
		_ = cmd.MarkFlagRequired(f) // fails only for a flag that is not defined
	}
}

func generationFile(keyFile, generation string) string { return keyFile + "." + generation }

// backupKeys reads the backup key and the key of now's generation, and makes
// those that are missing.
func backupKeys(keyFile string, now time.Time) (k backup.Keys, made []string, err error) {
	k.Name = backup.Generation(now)
	for _, f := range []struct {
		path string
		key  *keys.Storage
	}{{keyFile, &k.Backup}, {generationFile(keyFile, k.Name), &k.Generation}} {
		*f.key, err = keys.LoadBackup(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			if *f.key, err = keys.NewStorage(); err == nil {
				err = keys.SaveBackup(f.path, *f.key)
			}
			made = append(made, f.path)
		}
		if err != nil {
			return k, made, err
		}
	}
	return k, made, nil
}

// expireGenerations removes the keys of generations that are over.
func expireGenerations(keyFile string, now time.Time) (removed []string, err error) {
	entries, err := os.ReadDir(filepath.Dir(keyFile))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		month, ok := strings.CutPrefix(e.Name(), filepath.Base(keyFile)+".")
		start, err := time.Parse("2006-01", month)
		if !ok || err != nil || now.Before(start.AddDate(0, 1, 0).Add(generationKept)) {
			continue
		}
		path := filepath.Join(filepath.Dir(keyFile), e.Name())
		if err := os.Remove(path); err != nil {
			return removed, err
		}
		removed = append(removed, path)
	}
	return removed, nil
}

// writeBackup has the running node write it, or writes it when none runs.
func writeBackup(cmd *cobra.Command, dir, out, keyFile string, k backup.Keys, now time.Time) error {
	c, err := newClient(cmd)
	if err != nil {
		return err
	}
	req := &apiv1.BackupRequest{Generation: k.Name}
	for _, p := range []struct {
		to   *string
		path string
	}{{&req.Out, out}, {&req.KeyFile, keyFile}, {&req.GenerationFile, generationFile(keyFile, k.Name)}} {
		if *p.to, err = filepath.Abs(p.path); err != nil {
			return err
		}
	}
	bar := newAbsoluteProgress(cmd, "writing")
	defer bar.done()
	stream, err := c.Backup(cmd.Context(), connect.NewRequest(req))
	if err == nil {
		whole := false
		for stream.Receive() {
			whole = whole || stream.Msg().Done
			bar.set(int64(stream.Msg().Written), int64(stream.Msg().Total))
		}
		err = errors.Join(stream.Err(), stream.Close())
		if err == nil && whole {
			return nil
		} else if err == nil {
			return fmt.Errorf("the node on %s broke the backup off", dir)
		}
	}
	if err = c.explain(err); exitCode(err) != exitUnreachable {
		return err
	}
	return writeOffline(cmd, dir, out, k, now, bar)
}

func writeOffline(cmd *cobra.Command, dir, out string, k backup.Keys, now time.Time, bar *absoluteProgress) (err error) {
	sc, err := storeConfig(cmd)
	if err != nil {
		return err
	}
	cfg, _, err := datadir.Load(dir, datadir.Source{})
	if err != nil {
		return err
	}
	src := backup.Source{Network: sc.Network}
	if src.Files, err = node.BackupFiles(cfg.Node(dir)); err != nil {
		return err
	}
	nodeKey, err := keys.Load(filepath.Join(dir, node.FileNodeKey))
	if err != nil {
		return err
	}
	src.Node = nodeKey.Public()
	src.State = ct.State(cfg.State)
	if src.Store, err = store.Open(sc); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Store.Close()) }()
	_, err = backup.Create(cmd.Context(), out, src, k, now, bar.set)
	return err
}

func verifyBackup(cmd *cobra.Command, path string, k backup.Keys) (backup.Restored, error) {
	bar := newAbsoluteProgress(cmd, "verifying")
	defer bar.done()
	return backup.Verify(cmd.Context(), path, k, bar.set)
}

func newRestoreCmd() *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use:   "restore --key FILE BACKUP",
		Short: "Make a new data directory of a backup",
		Long: `Make the directory of --data, which must be empty or not there, of a backup.
Every record is examined first; what has been retracted or has expired by now
is erased. The restored node signs nothing before two thirds of the States have
told how far they know its log, and it holds as much.

The key of the backup's month is looked for beside --key. When it has been
removed, the time to read the backup's bodies is over.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			head, err := backup.ReadHead(args[0])
			if err != nil {
				return err
			}
			k := backup.Keys{Name: head.Generation}
			if k.Backup, err = keys.LoadBackup(keyFile); err != nil {
				return err
			}
			k.Generation, err = keys.LoadBackup(generationFile(keyFile, head.Generation))
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s is not there: the backup's generation %s is over, or its key is kept elsewhere", generationFile(keyFile, head.Generation), head.Generation)
			} else if err != nil {
				return err
			}
			r, err := restore(cmd.Context(), cmd, args[0], dir, k)
			if errors.Is(err, backup.ErrNotEmpty) {
				return withCode(exitConflict, err)
			} else if err != nil {
				return err
			}
			return printBackup(cmd, "restore", dir, r)
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "the backup key")
	markRequired(cmd, "key")
	return cmd
}

func restore(ctx context.Context, cmd *cobra.Command, path, dir string, k backup.Keys) (backup.Restored, error) {
	bar := newAbsoluteProgress(cmd, "restoring")
	defer bar.done()
	return backup.Restore(ctx, path, dir, k, time.Now(), bar.set)
}

func printBackup(cmd *cobra.Command, act, path string, r backup.Restored) error {
	if wantJSON(cmd) {
		return printJSON(cmd, struct {
			Path       string `json:"path"`
			State      string `json:"state"`
			Node       string `json:"node"`
			Created    string `json:"created"`
			Generation string `json:"generation"`
			Records    int    `json:"records"`
			Bodies     int    `json:"bodies"`
			Retracted  int    `json:"retracted"`
			Expired    int    `json:"expired"`
		}{path, string(r.Head.State), r.Head.Node.String(), r.Head.Created.String(), r.Head.Generation, r.Report.Records, r.Report.Bodies, r.Retracted, r.Expired})
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%s: node %s of %s as of %s, generation %s: %d records, %d bodies, all examined\n",
		safe(path), r.Head.Node.Short(), r.Head.State, r.Head.Created, r.Head.Generation, r.Report.Records, r.Report.Bodies)
	if act == "restore" {
		fmt.Fprintf(w, "%d bodies erased as retracted, %d as expired\n", r.Retracted, r.Expired)
		fmt.Fprintf(w, "next: make sure that the old node does not run, then `herald run --data %s`\n", safe(path))
	}
	return nil
}

func newCompactCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Rewrite a stopped node's files without their free pages",
		Long: `Rewrite every file of a node that does not run, so that nothing erased is left in
free pages and what they took is given back. A running node does so with erased
bodies by itself, once a day. Room for a second copy of the largest file is
needed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return offlineStore(cmd, func(s *store.Store, _ keys.Storage) error {
				files, err := s.Compact()
				if err != nil {
					return err
				}
				return printCompacted(cmd, files)
			})
		},
	}
}

func printCompacted(cmd *cobra.Command, files []store.Compacted) error {
	if wantJSON(cmd) {
		for _, f := range files {
			line := struct {
				File   string `json:"file"`
				Before int64  `json:"before"`
				After  int64  `json:"after"`
			}{f.File, f.Before, f.After}
			if err := printJSON(cmd, line); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable(cmd.OutOrStdout(), "FILE", "BYTES BEFORE", "AFTER")
	for _, f := range files {
		t.row(f.File, fmt.Sprint(f.Before), fmt.Sprint(f.After))
	}
	return t.flush()
}
