package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

func newMuteCmd() *cobra.Command {
	var off bool
	cmd := &cobra.Command{
		Use:   "mute [STATE]",
		Short: "Cut this node's connections to a State, or list whom it has cut off",
		Long: `Cut this node's connections to all nodes of a State until --off. This is one
State's own decision: it changes nothing for others, and records of the muted
State still arrive by way of other members. Without a State: list the mutes.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return listMutes(cmd, c)
			}
			if off {
				_, err = c.Unmute(cmd.Context(), connect.NewRequest(&apiv1.UnmuteRequest{State: args[0]}))
			} else {
				_, err = c.Mute(cmd.Context(), connect.NewRequest(&apiv1.MuteRequest{State: args[0]}))
			}
			if err != nil {
				return c.explain(err)
			}
			return muteLine(cmd, args[0], !off)
		},
	}
	cmd.Flags().BoolVar(&off, "off", false, "let the State's nodes connect again")
	return cmd
}

func listMutes(cmd *cobra.Command, c *client) error {
	res, err := c.ListMutes(cmd.Context(), connect.NewRequest(&apiv1.ListMutesRequest{}))
	if err != nil {
		return c.explain(err)
	}
	for _, s := range res.Msg.States {
		if err := muteLine(cmd, s, true); err != nil {
			return err
		}
	}
	if len(res.Msg.States) == 0 && !wantJSON(cmd) {
		fmt.Fprintln(cmd.OutOrStdout(), "no State is muted")
	}
	return nil
}

func muteLine(cmd *cobra.Command, state string, muted bool) error {
	if wantJSON(cmd) {
		return printJSON(cmd, struct {
			State string `json:"state"`
			Muted bool   `json:"muted"`
		}{state, muted})
	}
	word := "is muted"
	if !muted {
		word = "is not muted any more"
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), safe(state), word)
	return err
}

func newPeersCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "peers",
		Short: "List the connected nodes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			res, err := c.Peers(cmd.Context(), connect.NewRequest(&apiv1.PeersRequest{}))
			if err != nil {
				return c.explain(err)
			}
			if wantJSON(cmd) {
				for _, p := range res.Msg.Peers {
					line := struct {
						State   string `json:"state"`
						Node    string `json:"node"`
						Addr    string `json:"addr"`
						Inbound bool   `json:"inbound"`
						Since   string `json:"since"`
					}{p.State, p.Node, p.Addr, p.Inbound, p.Since}
					if err := printJSON(cmd, line); err != nil {
						return err
					}
				}
				return nil
			}
			if len(res.Msg.Peers) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "no node is connected")
				return nil
			}
			t := newTable(cmd.OutOrStdout(), "STATE", "NODE", "DIRECTION", "SINCE", "ADDRESS")
			for _, p := range res.Msg.Peers {
				direction := "out"
				if p.Inbound {
					direction = "in"
				}
				t.row(p.State, short(p.Node), direction, p.Since, p.Addr)
			}
			return t.flush()
		},
	}
}

// pollEvery is how often a waiting status asks again.
const pollEvery = 200 * time.Millisecond

func newStatusCmd() *cobra.Command {
	var wait string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the node is and whether it is ready",
		Long: `Show what the node is, what it holds and whether it is ready to sign and answer.
--wait ready returns when it is, also when the node starts only now, and at once
when no waiting helps: its log is closed or forked, or its key signs elsewhere too.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if wait != "" && wait != "ready" {
				return usagef("--wait %q: the one thing to wait for is ready", wait)
			}
			if timeout <= 0 {
				return usagef("--timeout %s: want more than 0", timeout)
			}
			if wait == "" {
				res, err := c.Status(cmd.Context(), connect.NewRequest(&apiv1.StatusRequest{}))
				if err != nil {
					return c.explain(err)
				}
				return printStatus(cmd, res.Msg)
			}
			return waitReady(cmd, c, timeout)
		},
	}
	cmd.Flags().StringVar(&wait, "wait", "", "ready: return when the node is ready")
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "with --wait: give up after this long")
	return cmd
}

// waitReady asks until the node is ready. A node that is not there yet, or
// does not answer, may come.
func waitReady(cmd *cobra.Command, c *client, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var last *apiv1.StatusResponse
	for {
		res, err := c.Status(ctx, connect.NewRequest(&apiv1.StatusRequest{}))
		switch err = c.explain(err); {
		case err == nil && res.Msg.Ready:
			return printStatus(cmd, res.Msg)
		case err == nil && res.Msg.Stuck:
			return errors.Join(printStatus(cmd, res.Msg), fmt.Errorf("not ready, and no waiting helps: %s", strings.Join(res.Msg.Reasons, "; ")))
		case err == nil:
			last = res.Msg
		case ctx.Err() == nil && exitCode(err) != exitUnreachable:
			return err
		case ctx.Err() == nil:
			last = nil
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		switch {
		case cmd.Context().Err() != nil:
			return cmd.Context().Err()
		case last == nil && err != nil:
			return withCode(exitUnreachable, fmt.Errorf("not ready after %s: %w", timeout, err))
		}
		return errors.Join(printStatus(cmd, last),
			fmt.Errorf("not ready after %s: %s", timeout, strings.Join(last.Reasons, "; ")))
	}
}

func printStatus(cmd *cobra.Command, s *apiv1.StatusResponse) error {
	if wantJSON(cmd) {
		return printJSON(cmd, struct {
			State         string   `json:"state"`
			Node          string   `json:"node"`
			Network       string   `json:"network"`
			NetworkName   string   `json:"network_name"`
			Exercise      bool     `json:"exercise"`
			Ready         bool     `json:"ready"`
			Reasons       []string `json:"reasons"`
			Version       string   `json:"version"`
			Started       string   `json:"started"`
			Records       uint64   `json:"records"`
			Cursor        uint64   `json:"cursor"`
			Peers         uint32   `json:"peers"`
			Members       uint32   `json:"members"`
			Outbox        uint32   `json:"outbox"`
			Inbox         uint32   `json:"inbox"`
			Persons       uint64   `json:"persons"`
			Forks         uint32   `json:"forks"`
			Addrs         []string `json:"addrs"`
			LastSync      string   `json:"last_sync"`
			RosterVersion uint64   `json:"roster_version"`
			MemberStates  uint32   `json:"member_states"`
			HeardStates   uint32   `json:"heard_states"`
			Silent        []string `json:"silent"`
			Alarms        []string `json:"alarms"`
			ClockAheadMS  int64    `json:"clock_ahead_ms"`
			Clocks        uint32   `json:"clocks"`
			Unchecked     uint64   `json:"unchecked_signatures"`
			Topics        []string `json:"topics"`
			From          string   `json:"delegated_from"`
			Until         string   `json:"delegated_until"`
			Stuck         bool     `json:"stuck"`
			GrowthBurst   uint64   `json:"growth_burst"`
			GrowthUsed    uint64   `json:"growth_used"`
			GrowthRate    uint64   `json:"growth_rate"`
			GrowthFree    string   `json:"growth_free"`

			NotUnderstood []notUnderstood `json:"not_understood"`
			JudgingLeft   uint64          `json:"judging_left"`
		}{
			s.State, s.Node, s.Network, s.NetworkName, s.Exercise, s.Ready, append([]string{}, s.Reasons...),
			s.Version, s.Started, s.Records, s.Cursor, s.Peers, s.Members, s.Outbox, s.Inbox, s.Persons, s.Forks,
			append([]string{}, s.Addrs...), s.LastSync, s.RosterVersion,
			s.MemberStates, s.HeardStates, append([]string{}, s.Silent...), append([]string{}, s.Alarms...),
			s.ClockAheadMs, s.Clocks, s.UncheckedSignatures, append([]string{}, s.Topics...), s.DelegatedFrom, s.DelegatedUntil, s.Stuck,
			s.GrowthBurst, s.GrowthUsed, s.GrowthRate, s.GrowthFree,
			notUnderstoodLines(s.NotUnderstood), s.JudgingLeft,
		})
	}
	w := cmd.OutOrStdout()
	if s.Exercise {
		fmt.Fprintln(w, "EXERCISE: nothing in this network is real")
	}
	ready := "yes"
	if !s.Ready {
		ready = "no: " + strings.Join(s.Reasons, "; ")
	}
	t := newTable(w, "FIELD", "VALUE")
	t.row("ready", ready)
	for _, a := range s.Alarms {
		t.row("ALARM", a)
	}
	t.row("state", s.State)
	t.row("node", s.Node)
	t.row("delegated", s.DelegatedFrom+" until "+s.DelegatedUntil)
	t.row("network", fmt.Sprintf("%s (%s), roster version %d", s.NetworkName, short(s.Network), s.RosterVersion))
	t.row("peers", fmt.Sprintf("%d connected of %d other nodes", s.Peers, s.Members))
	heard := fmt.Sprintf("%d of %d member States in ten minutes", s.HeardStates, s.MemberStates)
	switch n := len(s.Silent); {
	case n > 12: // all of them are in --json
		heard += fmt.Sprintf("; silent: %s and %d more", strings.Join(s.Silent[:12], " "), n-12)
	case n > 0:
		heard += "; silent: " + strings.Join(s.Silent, " ")
	}
	t.row("heard", heard)
	if s.Clocks > 0 {
		t.row("clock", fmt.Sprintf("the others' are %+d ms from this one, median of %d", s.ClockAheadMs, s.Clocks))
	}
	t.row("records", fmt.Sprintf("%d, newest cursor %d", s.Records, s.Cursor))
	growth := fmt.Sprintf("%d of %d bytes used, %d become free a day", s.GrowthUsed, s.GrowthBurst, s.GrowthRate)
	if s.GrowthFree != "" {
		growth += "; room for a record at " + s.GrowthFree
	}
	t.row("growth", growth)
	if s.UncheckedSignatures > 0 {
		t.row("signatures", fmt.Sprintf("%d checked by a later record's alone; their own are checked in the background", s.UncheckedSignatures))
	}
	for _, x := range s.NotUnderstood {
		t.row("not understood", fmt.Sprintf("%d %s yet: %s", x.Records, x.Kind, x.Reason))
	}
	if s.JudgingLeft > 0 {
		t.row("judging", fmt.Sprintf("%d records still to be judged by the rules of this version", s.JudgingLeft))
	}
	if len(s.Topics) > 0 {
		t.row("topics", strings.Join(s.Topics, " ")+"; of all others headers without bodies")
	}
	t.row("persons", fmt.Sprintf("%d that match requests are answered from", s.Persons))
	t.row("outbox", fmt.Sprintf("%d waiting", s.Outbox))
	t.row("inbox", fmt.Sprintf("%d match requests wait for a person", s.Inbox))
	if s.Forks > 0 {
		t.row("forks", fmt.Sprintf("%d logs are contested", s.Forks))
	}
	t.row("last sync", s.LastSync)
	for _, a := range s.Addrs {
		t.row("listens on", a)
	}
	t.row("started", s.Started)
	t.row("version", s.Version)
	return t.flush()
}

// notUnderstood is what of the content held the node's version does not understand.
type notUnderstood struct {
	Kind    string `json:"kind"`
	Reason  string `json:"reason"`
	Records uint64 `json:"records"`
}

func notUnderstoodLines(all []*apiv1.NotUnderstood) []notUnderstood {
	out := make([]notUnderstood, len(all))
	for i, x := range all {
		out[i] = notUnderstood{x.Kind, x.Reason, x.Records}
	}
	return out
}
