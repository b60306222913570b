package match

import (
	"fmt"
	"io"
	"log/slog"
)

// A prepared subject is a person: it shows nothing of itself in logs and errors.

func (Subject) Format(f fmt.State, _ rune) { io.WriteString(f, "subject(redacted)") }
func (Subject) LogValue() slog.Value       { return slog.StringValue("subject(redacted)") }
func (Name) Format(f fmt.State, _ rune)    { io.WriteString(f, "name(redacted)") }
func (Name) LogValue() slog.Value          { return slog.StringValue("name(redacted)") }
func (Birth) Format(f fmt.State, _ rune)   { io.WriteString(f, "birth(redacted)") }
func (Birth) LogValue() slog.Value         { return slog.StringValue("birth(redacted)") }
func (Probe) Format(f fmt.State, _ rune)   { io.WriteString(f, "probe(redacted)") }
func (Probe) LogValue() slog.Value         { return slog.StringValue("probe(redacted)") }
