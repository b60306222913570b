package cli

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// progress shows how far long work has come, on stderr and only to a person
// at a terminal. It never mixes with what a program reads.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress counts to total things, or without an end when total is -1.
func newProgress(cmd *cobra.Command, total int64, what string) *progress {
	return makeProgress(cmd, total, what, false)
}

// newByteProgress counts bytes.
func newByteProgress(cmd *cobra.Command, total int64, what string) *progress {
	return makeProgress(cmd, total, what, true)
}

func makeProgress(cmd *cobra.Command, total int64, what string, bytes bool) *progress {
	w := cmd.ErrOrStderr()
	if !isTerminal(w) {
		return &progress{}
	}
	return &progress{progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(bytes), progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionEnableColorCodes(false), progressbar.OptionUseANSICodes(false),
	)}
}

func (p *progress) add(n int) {
	if p.bar != nil {
		_ = p.bar.Add(n)
	}
}

// done takes the bar off the screen.
func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Clear()
		_ = p.bar.Exit()
	}
}

// counted passes reads on and counts their bytes.
type counted struct {
	io.Reader
	p *progress
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.p.add(n)
	return n, err
}

// absoluteProgress counts bytes of work that tells how far it has come and how
// far it will at most go.
type absoluteProgress struct {
	cmd  *cobra.Command
	what string
	*progress
}

func newAbsoluteProgress(cmd *cobra.Command, what string) *absoluteProgress {
	return &absoluteProgress{cmd, what, &progress{}}
}

func (p *absoluteProgress) set(done, total int64) {
	if p.bar == nil {
		p.progress = newByteProgress(p.cmd, total, p.what)
	}
	if p.bar != nil {
		_ = p.bar.Set64(min(done, total))
	}
}
