package cli

import (
	"time"

	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
	"github.com/spf13/cobra"
)

const maxExamples = 1_000_000

func newExampleCmd() *cobra.Command {
	var topic string
	var seed uint64
	var count int
	cmd := &cobra.Command{
		Use:   "example",
		Short: "Print a valid notification about an invented person",
		Long: `Print a valid synthetic notification as JSON, ready for ` + "`herald publish -f -`" + `.
The same seed gives the same person and event. With --count, one a line.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := ct.ParseTopic(topic)
			if err != nil || t == ct.TopicControl || t == ct.TopicReceipt {
				return usagef("--topic %q: want travel, arrival, deportation or detention", topic)
			}
			if count < 1 || count > maxExamples {
				return usagef("--count %d: want 1 to %d", count, maxExamples)
			}
			g, now := synth.New(seed), time.Now()
			if count == 1 && !wantJSON(cmd) {
				return ct.EncodeJSON(cmd.OutOrStdout(), g.Notification(t, now))
			}
			for range count {
				if err := cmd.Context().Err(); err != nil {
					return err
				}
				if err := printJSON(cmd, g.Notification(t, now)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&topic, "topic", "arrival", "travel, arrival, deportation or detention")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "what the invention depends on")
	cmd.Flags().IntVar(&count, "count", 1, "how many")
	return cmd
}
