package cli

import (
	"fmt"
	"strings"

	"connectrpc.com/connect"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

// freeText is a text of a person's own words that may name somebody. It comes
// from a file or the standard input; on the command line, where it stays in the
// shell's history and every user of the machine can see it, it is for exercise
// networks alone.
type freeText struct {
	flag, file string
	value      *string
}

// addFreeText gives a command the flags --NAME TEXT and --NAME-file FILE.
func addFreeText(cmd *cobra.Command, value *string, name, usage string) *freeText {
	f := &freeText{flag: name, value: value}
	cmd.Flags().StringVar(value, name, "", usage+"; in exercise networks only")
	cmd.Flags().StringVar(&f.file, name+"-file", "", "a file with the --"+name+", - for stdin")
	return f
}

// read takes the text from its file, when one is named. typed tells that it was
// on the command line.
func (f *freeText) read(cmd *cobra.Command) (typed bool, err error) {
	switch {
	case f.file == "":
		return *f.value != "", nil
	case *f.value != "":
		return false, usagef("either --%s or --%s-file, not both", f.flag, f.flag)
	}
	data, _, err := readInput(cmd, f.file)
	if err != nil {
		return false, err
	}
	*f.value = strings.Join(strings.Fields(string(data)), " ")
	return false, nil
}

// must is read for a text that a command cannot do without, before it acts.
func (f *freeText) must(cmd *cobra.Command, c *client) error {
	if err := f.may(cmd, c); err != nil {
		return err
	}
	if strings.TrimSpace(*f.value) == "" {
		return usagef("no --%s-file: it goes to the journal (--%s in an exercise)", f.flag, f.flag)
	}
	return nil
}

// may is read, and refuses what was typed in a network that is no exercise.
func (f *freeText) may(cmd *cobra.Command, c *client) error {
	typed, err := f.read(cmd)
	if err != nil || !typed {
		return err
	}
	st, err := c.Status(cmd.Context(), connect.NewRequest(&apiv1.StatusRequest{}))
	if err != nil {
		return c.explain(err)
	}
	if !st.Msg.Exercise {
		return withCode(exitNotAllowed, fmt.Errorf("--%s stays in the shell's history and is for exercise networks only: use --%s-file FILE, or - for stdin", f.flag, f.flag))
	}
	return nil
}
