package api

import (
	"context"
	"path/filepath"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
)

// backupEvery is how many bytes are written between two messages of progress.
const backupEvery = 4 << 20

func (s *service) Backup(ctx context.Context, req *connect.Request[apiv1.BackupRequest], out *connect.ServerStream[apiv1.BackupResponse]) error {
	m := req.Msg
	var faults ct.Faults
	for _, f := range []struct{ field, path string }{
		{"out", m.Out}, {"key_file", m.KeyFile}, {"generation_file", m.GenerationFile},
	} {
		if !filepath.IsAbs(f.path) {
			faults = append(faults, ct.Fault{Field: f.field, Fault: ct.FaultForm + ": want an absolute path"})
		}
	}
	if len(faults) > 0 {
		return refuse(faults)
	}
	if err := s.note(ctx, journal.ActBackup, "generation %s", m.Generation); err != nil {
		return refuse(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	told := int64(0)
	o := BackupOptions{Out: m.Out, KeyFile: m.KeyFile, GenerationFile: m.GenerationFile, Generation: m.Generation}
	records, err := s.b.Backup(ctx, o, func(done, total int64) {
		if done-told < backupEvery {
			return
		}
		told = done
		if out.Send(&apiv1.BackupResponse{Written: uint64(done), Total: uint64(total)}) != nil {
			cancel() // nobody waits for it any more
		}
	})
	if err != nil {
		return refuse(err)
	}
	if err := out.Send(&apiv1.BackupResponse{Done: true, Records: records}); err != nil {
		return refuse(err)
	}
	return nil
}
