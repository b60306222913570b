package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/format/text"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

func newInspectCmd() *cobra.Command {
	var genesis, network, name string
	cmd := &cobra.Command{
		Use:   "inspect FILE|-|ID",
		Short: "Decode a record or a genesis file and show every check",
		Long: `Decode a record or a genesis file and show every check that can be made, for
people who write a second implementation. Nothing of a body's content is shown.

FILE holds a record as bytes, hexadecimal or base64, a JSON vector (one object
or an array of them, as in proto/vectors; --vector picks one by its name), or a
genesis file. An ID, or a unique prefix of one, asks the running node for the
record. The id and the signature can be checked when the network is known, the
author's right to speak when the genesis is: from --genesis, or the one of the
data directory.

The exit code is 0 when no check failed and 1 otherwise.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			against, err := knownNetwork(cmd, genesis, network)
			if err != nil {
				return err
			}
			return inspect(cmd, args[0], name, against)
		},
	}
	cmd.Flags().StringVar(&name, "vector", "", "of a file of vectors, only the one with this name")
	cmd.Flags().StringVar(&genesis, "genesis", "", "the network's genesis file (default: of the data directory)")
	cmd.Flags().StringVar(&network, "network", "", "the network id, 64 hex digits, when there is no genesis file")
	return cmd
}

// known is what records are checked against; both are nil when nothing is known.
type known struct {
	network *ct.NetworkID
	view    *roster.View
}

func knownNetwork(cmd *cobra.Command, genesis, network string) (known, error) {
	if network != "" {
		id, err := ct.ParseNetworkID(network)
		if err != nil {
			return known{}, usagef("--network: %v", err)
		}
		return known{network: &id}, nil
	}
	path := genesis
	if path == "" {
		dir, err := cmd.Flags().GetString("data")
		if err != nil || dir == "" {
			return known{}, err
		}
		path = filepath.Join(dir, node.FileGenesis)
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return known{}, nil
		}
	}
	raw, name, err := readInput(cmd, path)
	if err != nil {
		return known{}, err
	}
	view, _, err := node.OpenGenesis(raw, time.Now())
	if err != nil {
		return known{}, fmt.Errorf("%s: %w", name, err)
	}
	return known{view: view}, nil
}

func inspect(cmd *cobra.Command, what, only string, against known) error {
	if _, err := os.Stat(what); what != "-" && errors.Is(err, os.ErrNotExist) && regexp.MustCompile(`^[0-9a-fA-F]{4,64}$`).MatchString(what) {
		c, err := newClient(cmd)
		if err != nil {
			return err
		}
		res, err := c.Record(cmd.Context(), connect.NewRequest(&apiv1.RecordRequest{Id: what}))
		if err != nil {
			return c.explain(err)
		}
		return inspectRecords(cmd, []vector{{raw: res.Msg.Record}}, against)
	}
	data, name, err := readInput(cmd, what)
	if err != nil {
		return err
	}
	if utf8, err := text.Bytes(data); err == nil && json.Valid(bytes.TrimSpace(utf8)) {
		data = utf8
	}
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid(trimmed) {
		if isGenesis(trimmed) {
			return inspectGenesis(cmd, name, data)
		}
		vectors, err := readVectors(name, trimmed)
		if err != nil {
			return err
		}
		if only != "" {
			vectors = slices.DeleteFunc(vectors, func(v vector) bool { return v.name != only })
			if len(vectors) == 0 {
				return withCode(exitNotFound, fmt.Errorf("%s: no vector of the name %q", name, only))
			}
		}
		return inspectRecords(cmd, vectors, against)
	}
	return inspectRecords(cmd, []vector{{raw: recordBytes(data)}}, against)
}

// recordBytes undoes hexadecimal or base64; everything else is a record as is.
// A record cannot be taken for either: the hashes in it are no text.
func recordBytes(data []byte) []byte {
	text := bytes.Join(bytes.Fields(data), nil)
	if raw, err := hex.DecodeString(string(text)); err == nil && len(raw) > 0 {
		return raw
	}
	if raw, err := base64.StdEncoding.DecodeString(string(text)); err == nil && len(raw) > 0 {
		return raw
	}
	return data
}

// vector is one record to inspect, with its name when it has one.
type vector struct {
	name string
	raw  []byte
}

func isGenesis(data []byte) bool {
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil {
		return false
	}
	_, body := keys["body"]
	_, signatures := keys["signatures"]
	return body && signatures
}

// readVectors takes the records out of a vector file.
func readVectors(file string, data []byte) ([]vector, error) {
	docs, err := documents(file, data)
	if err != nil {
		return nil, err
	}
	var out []vector
	for _, d := range docs {
		var v struct {
			Name  string  `json:"name"`
			Bytes *string `json:"bytes"`
		}
		if err := json.Unmarshal(d.raw, &v); err != nil || v.Bytes == nil {
			return nil, usagef("%s:%d:%d: not a vector: no \"bytes\" in hexadecimal", file, d.line, d.column)
		}
		raw, err := hex.DecodeString(*v.Bytes)
		if err != nil {
			return nil, usagef("%s:%d:%d: \"bytes\" is not hexadecimal", file, d.line, d.column)
		}
		out = append(out, vector{v.Name, raw})
	}
	return out, nil
}

func inspectRecords(cmd *cobra.Command, vectors []vector, against known) error {
	failed := 0
	for _, v := range vectors {
		if len(v.raw) > 4*wire.MaxRecord { // the checks say "too large"; a file by mistake need not be copied
			v.raw = v.raw[:4*wire.MaxRecord]
		}
		r := verify.Inspect(v.raw, against.network, against.view)
		if !r.OK() {
			failed++
		}
		if err := printReport(cmd, v.name, &r); err != nil {
			return err
		}
	}
	if failed > 0 {
		return withCode(exitFailure, fmt.Errorf("%d of %d records fail a check", failed, len(vectors)))
	}
	return nil
}

func printReport(cmd *cobra.Command, name string, r *verify.Report) error {
	if wantJSON(cmd) {
		return printJSON(cmd, struct {
			Name string `json:"name,omitempty"`
			*verify.Report
		}{name, r})
	}
	w := cmd.OutOrStdout()
	if name != "" {
		fmt.Fprintf(w, "%s\n", safe(name))
	}
	t := newTable(w, "FIELD", "VALUE")
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	all, err := leaves(raw)
	if err != nil {
		return err
	}
	for _, l := range all {
		if !isCheck(l.path) {
			t.row(l.path, l.value)
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	c := newTable(w, "CHECK", "OUTCOME", "REASON", "DETAIL")
	for _, x := range r.Checks {
		c.row(x.Name, x.Outcome, string(x.Reason), x.Detail)
	}
	if err := c.flush(); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// isCheck tells the leaves that the table of checks shows better.
func isCheck(path string) bool { return len(path) > 7 && path[:7] == "checks[" }
