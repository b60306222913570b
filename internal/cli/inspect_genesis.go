package cli

import (
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	"github.com/spf13/cobra"
)

// genesisReport is what inspect shows of a genesis file.
type genesisReport struct {
	Network  ct.NetworkID         `json:"network"`
	Name     string               `json:"name"`
	Exercise bool                 `json:"exercise"`
	Created  string               `json:"created"`
	Policy   roster.PolicySummary `json:"policy"`
	Members  []memberReport       `json:"members"`
	Missing  []ct.State           `json:"missing"` // signatures
	Problem  string               `json:"problem,omitempty"`
}

type memberReport struct {
	State ct.State   `json:"state"`
	Root  ct.LogID   `json:"root"`
	Nodes []ct.LogID `json:"nodes"`
}

// inspectGenesis checks all that can be checked from the one file: the body's
// encoding and id, every signature and every founder's delegation.
func inspectGenesis(cmd *cobra.Command, name string, file []byte) error {
	g, err := roster.ParseGenesis(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r := genesisReport{
		Network: g.Network(), Name: g.Name(), Exercise: g.Exercise(), Created: ct.MillisOf(g.Created()).String(),
		Policy:  g.Policy().Summary(),
		Members: []memberReport{}, Missing: append([]ct.State{}, g.Missing()...),
	}
	for _, m := range g.Members() {
		mr := memberReport{State: m.State, Root: m.Root, Nodes: []ct.LogID{}}
		for _, n := range m.Nodes {
			mr.Nodes = append(mr.Nodes, n.Key)
		}
		r.Members = append(r.Members, mr)
	}
	if _, _, err := node.OpenGenesis(file, time.Now()); err != nil {
		r.Problem = err.Error()
	}
	if err := printGenesis(cmd, &r); err != nil {
		return err
	}
	if r.Problem != "" {
		return withCode(exitFailure, fmt.Errorf("%s: %s", name, r.Problem))
	}
	return nil
}

func printGenesis(cmd *cobra.Command, r *genesisReport) error {
	if wantJSON(cmd) {
		return printJSON(cmd, r)
	}
	w := cmd.OutOrStdout()
	t := newTable(w, "FIELD", "VALUE")
	t.row("network", r.Network.String())
	t.row("name", r.Name)
	t.row("exercise", fmt.Sprint(r.Exercise))
	t.row("created", r.Created)
	t.row("retention at most", r.Policy.MaxRetention)
	t.row("retraction grace", r.Policy.RetractGrace)
	t.row("match requests", fmt.Sprintf("%d an hour, %d a day, %d at once", r.Policy.MatchPerHour, r.Policy.MatchPerDay, r.Policy.MatchBurst))
	t.row("nodes a State", fmt.Sprint(r.Policy.MaxNodes))
	t.row("delegations at most", r.Policy.MaxDelegation)
	t.row("a log grows", fmt.Sprintf("%d bytes at once, %d a day", r.Policy.LogBurst, r.Policy.LogRate))
	for _, s := range r.Missing {
		t.row("not signed by", string(s))
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	m := newTable(w, "STATE", "ROOT KEY", "NODE KEYS")
	for _, x := range r.Members {
		nodes := ""
		for i, n := range x.Nodes {
			if i > 0 {
				nodes += ", "
			}
			nodes += short(n.String())
		}
		m.row(string(x.State), short(x.Root.String()), nodes)
	}
	return m.flush()
}
