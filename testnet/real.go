package testnet

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
)

// RealOptions say what Real measures.
type RealOptions struct {
	Data     string // folder with unlist/ and names/, outside the repository
	Dir      string // where the testnet goes; removed at the end
	Binary   string
	Out      io.Writer
	Progress func(what string, done, total int) // may be nil
}

// The measurement and its targets.
const (
	realNodes      = 5
	realNegatives  = 2000
	targetRecall   = 0.97
	targetFalse    = 5
	fileList       = "unlist/un_consolidated.xml"
	filePositives  = "names/positives_un_treated.csv"
	fileNegatives  = "names/negatives_global.csv"
	importDeadline = 5 * time.Minute
)

// ErrNoData tells that the folder of real data is not there.
var ErrNoData = errors.New("no real data")

// ErrMissed tells that a measured figure is worse than its target.
var ErrMissed = errors.New("a target was missed")

// Real measures matching on real data between real processes: one node imports
// the UN Consolidated List, another asks all others for listed persons with
// typing errors and for persons on no list. It prints figures and never a name.
func Real(ctx context.Context, o RealOptions) (err error) {
	for _, f := range []string{fileList, filePositives, fileNegatives} {
		if _, err := os.Stat(filepath.Join(o.Data, f)); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s is not in %s: %w", f, o.Data, ErrNoData)
		}
	}
	positives, err := readQueries(filepath.Join(o.Data, filePositives), 0)
	if err != nil {
		return err
	}
	negatives, err := readQueries(filepath.Join(o.Data, fileNegatives), realNegatives)
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(o.Out, format+"\n", args...) }

	m, err := LoadManifest("real")
	if err != nil {
		return err
	}
	say("%d nodes of an exercise network whose genesis raises the match budgets to %d requests an hour", realNodes, m.Policy.MatchPerHour)
	n, _, err := Up(ctx, Options{Dir: o.Dir, Nodes: realNodes, Binary: o.Binary, Manifest: "real"})
	if n != nil {
		defer func() {
			_, downErr := n.Down(context.WithoutCancel(ctx), true)
			err = errors.Join(err, downErr)
		}()
	}
	if err != nil {
		return err
	}
	holder, asker := n.Nodes[0], n.Nodes[1]
	start := time.Now()
	res, err := holder.importList(ctx, "un", filepath.Join(o.Data, fileList))
	if err != nil {
		return err
	}
	say("%s imports the list in %s: %d persons read, %d accepted, %d rejected, %d organisations left out",
		holder.State, since(start), res.Read, res.Accepted, res.Rejected, res.Entities)
	if err := holder.answersFrom(ctx, res.Accepted); err != nil {
		return err
	}
	var states []string
	for _, i := range n.Nodes {
		if i.Name != asker.Name {
			states = append(states, string(i.State))
		}
	}
	say("%s asks %s over the network, one request after the other", asker.State, strings.Join(states, ", "))
	ask := func(what string, queries []query) (measured, error) {
		return asker.measure(ctx, queries, holder, states, func(done int) {
			if o.Progress != nil {
				o.Progress(what, done, len(queries))
			}
		})
	}
	hits, err := ask("listed persons", positives)
	if err != nil {
		return err
	}
	misses, err := ask("persons on no list", negatives)
	if err != nil {
		return err
	}
	return verdict(say, hits, misses)
}

// verdict prints the figures beside their targets.
func verdict(say func(string, ...any), hits, misses measured) error {
	recall := float64(hits.possible) / float64(hits.queries)
	took := slices.Sorted(slices.Values(append(slices.Clone(hits.took), misses.took...)))
	asked, answered := hits.asked+misses.asked, hits.answered+misses.answered
	say("%-34s %10s   %s", "", "measured", "target")
	say("%-34s %9.1f%%   >= %.0f%%", fmt.Sprintf("listed persons found, of %d", hits.queries), 100*recall, 100*targetRecall)
	say("%-34s %10d   <= %d", fmt.Sprintf("others answered POSSIBLE, of %d", misses.queries), misses.possible, targetFalse)
	say("%-34s %10s", "a request, p50", percentile(took, .50))
	say("%-34s %10s", "a request, p99", percentile(took, .99))
	say("%-34s %10d   %d", "answers, of those asked for", answered, asked)
	if recall < targetRecall || misses.possible > targetFalse || answered < asked {
		return ErrMissed
	}
	return nil
}

// measured is what a run of queries gave.
type measured struct {
	queries         int
	possible        int // queries to which the right node (or, for no list, any) said POSSIBLE
	asked, answered int // nodes, over all queries
	took            []time.Duration
}

// query is one row: the person, and whether the holder knows it.
type query struct {
	person map[string]any
	listed bool
}

func (i Instance) measure(ctx context.Context, queries []query, holder Instance, states []string, progress func(int)) (measured, error) {
	m := measured{queries: len(queries)}
	for k, q := range queries {
		possible := false
		start := time.Now()
		sum, err := i.match(ctx, q.person, states, func(a *apiv1.MatchAnswer) {
			if a.Answer == "POSSIBLE" && (!q.listed || a.Node == holder.Node.String()) {
				possible = true
			}
		})
		if err != nil {
			return m, fmt.Errorf("query %d: %w", k+1, err)
		}
		m.took = append(m.took, time.Since(start))
		m.asked += int(sum.Asked)
		m.answered += int(sum.Answered - sum.Refused)
		if possible {
			m.possible++
		}
		progress(k + 1)
	}
	return m, nil
}

// readQueries reads a CSV of persons; with some it takes that many rows at a
// fixed stride.
func readQueries(path string, some int) ([]query, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	rows, err := r.ReadAll() // some 4 MB at most
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("%s: no rows", path)
	}
	col := map[string]int{}
	for k, name := range rows[0] {
		col[strings.TrimPrefix(name, "\ufeff")] = k
	}
	for _, name := range []string{"full_name", "date_of_birth", "nationality"} {
		if _, ok := col[name]; !ok {
			return nil, fmt.Errorf("%s: no column %s", path, name)
		}
	}
	rows = rows[1:]
	stride := 1
	if some > 0 {
		stride = max(1, len(rows)/some)
	}
	var out []query
	for k := 0; k < len(rows) && (some == 0 || len(out) < some); k += stride {
		row := rows[k]
		p := map[string]any{"name": row[col["full_name"]]}
		if d := possibleDate(row[col["date_of_birth"]]); d != "" {
			p["birth"] = d
		}
		if s := stateOf(row[col["nationality"]]); s != "" {
			p["nationality"] = string(s)
		}
		out = append(out, query{person: p, listed: some == 0})
	}
	return out, nil
}

// possibleDate leaves out the parts that make a date impossible (a day or
// month that does not exist, by a typing error), as an operator would whose
// form refuses it.
func possibleDate(s string) string {
	for s != "" {
		if _, err := ct.ParseEDTF(s); err == nil {
			return s
		}
		s = s[:max(0, strings.LastIndexByte(s, '-'))]
	}
	return ""
}

// stateOf reads an alpha-2 code or an English short name; empty: neither.
func stateOf(s string) ct.State {
	if c, ok := ct.StateByAlpha2(strings.ToUpper(s)); ok {
		return c
	}
	for _, c := range ct.Countries() {
		if strings.EqualFold(c.Name, s) {
			return c.State
		}
	}
	return ""
}

// importList sends a file to the instance's node in pieces.
func (i Instance) importList(ctx context.Context, kind, path string) (*apiv1.ImportResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, importDeadline)
	defer cancel()
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stream := i.api.Import(ctx)
	buf := make([]byte, 256<<10)
	first := &apiv1.ImportRequest{Kind: kind, List: kind}
	for {
		k, err := f.Read(buf)
		first.Chunk = buf[:k]
		// A send that fails says only that the node has ended the stream; why is
		// in its answer.
		if sendErr := stream.Send(first); sendErr != nil {
			break
		}
		first = &apiv1.ImportRequest{}
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	res, err := stream.CloseAndReceive()
	if err != nil {
		return nil, fmt.Errorf("%s: import: %w", i.Name, err)
	}
	return res.Msg, nil
}

// answersFrom waits until the instance's index holds count persons.
func (i Instance) answersFrom(ctx context.Context, count uint64) error {
	ctx, cancel := context.WithTimeout(ctx, importDeadline)
	defer cancel()
	err := until(ctx, 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		st, err := i.status(ctx)
		return err == nil && st.Persons >= count, err
	})
	if err != nil {
		return fmt.Errorf("%s: the persons are not indexed: %w", i.Name, err)
	}
	return nil
}

func percentile(sorted []time.Duration, p float64) string {
	if len(sorted) == 0 {
		return "-"
	}
	return sorted[int(p*float64(len(sorted)-1))].Round(10 * time.Microsecond).String()
}
