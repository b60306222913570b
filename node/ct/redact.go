package ct

import (
	"fmt"
	"io"
	"log/slog"
)

// Every type that holds personal data or free text implements fmt.Formatter,
// which goes before every other way in which fmt would look at it, and
// slog.LogValuer. Fact is embedded in most: a type that forgot to be in this
// list would still print as Fact does.

func redact(f fmt.State, s string) { io.WriteString(f, s) }

const (
	redactedNotification = "notification(redacted)"
	redactedPerson       = "person(redacted)"
	redactedValue        = "redacted"
)

func (Notification) String() string              { return redactedNotification }
func (Notification) Format(f fmt.State, _ rune)  { redact(f, redactedNotification) }
func (n Notification) LogValue() slog.Value      { return slog.StringValue(redactedNotification) }
func (Person) String() string                    { return redactedPerson }
func (Person) Format(f fmt.State, _ rune)        { redact(f, redactedPerson) }
func (Person) LogValue() slog.Value              { return slog.StringValue(redactedPerson) }
func (ListPerson) String() string                { return redactedPerson }
func (ListPerson) Format(f fmt.State, _ rune)    { redact(f, redactedPerson) }
func (ListPerson) LogValue() slog.Value          { return slog.StringValue(redactedPerson) }
func (Event) String() string                     { return redactedValue }
func (Event) Format(f fmt.State, _ rune)         { redact(f, redactedValue) }
func (Event) LogValue() slog.Value               { return slog.StringValue(redactedValue) }
func (Leg) String() string                       { return redactedValue }
func (Leg) Format(f fmt.State, _ rune)           { redact(f, redactedValue) }
func (Leg) LogValue() slog.Value                 { return slog.StringValue(redactedValue) }
func (Place) String() string                     { return redactedValue }
func (Place) Format(f fmt.State, _ rune)         { redact(f, redactedValue) }
func (Place) LogValue() slog.Value               { return slog.StringValue(redactedValue) }
func (Detention) String() string                 { return redactedValue }
func (Detention) Format(f fmt.State, _ rune)     { redact(f, redactedValue) }
func (Detention) LogValue() slog.Value           { return slog.StringValue(redactedValue) }
func (Companion) String() string                 { return redactedValue }
func (Companion) Format(f fmt.State, _ rune)     { redact(f, redactedValue) }
func (Companion) LogValue() slog.Value           { return slog.StringValue(redactedValue) }
func (Fact) String() string                      { return redactedValue }
func (Fact) Format(f fmt.State, _ rune)          { redact(f, redactedValue) }
func (Fact) LogValue() slog.Value                { return slog.StringValue(redactedValue) }
func (Name) String() string                      { return redactedValue }
func (Name) Format(f fmt.State, _ rune)          { redact(f, redactedValue) }
func (Name) LogValue() slog.Value                { return slog.StringValue(redactedValue) }
func (Birth) String() string                     { return redactedValue }
func (Birth) Format(f fmt.State, _ rune)         { redact(f, redactedValue) }
func (Birth) LogValue() slog.Value               { return slog.StringValue(redactedValue) }
func (PlaceOfLife) String() string               { return redactedValue }
func (PlaceOfLife) Format(f fmt.State, _ rune)   { redact(f, redactedValue) }
func (PlaceOfLife) LogValue() slog.Value         { return slog.StringValue(redactedValue) }
func (Document) String() string                  { return redactedValue }
func (Document) Format(f fmt.State, _ rune)      { redact(f, redactedValue) }
func (Document) LogValue() slog.Value            { return slog.StringValue(redactedValue) }
func (NationalID) String() string                { return redactedValue }
func (NationalID) Format(f fmt.State, _ rune)    { redact(f, redactedValue) }
func (NationalID) LogValue() slog.Value          { return slog.StringValue(redactedValue) }
func (PersonContact) String() string             { return redactedValue }
func (PersonContact) Format(f fmt.State, _ rune) { redact(f, redactedValue) }
func (PersonContact) LogValue() slog.Value       { return slog.StringValue(redactedValue) }
func (Physical) String() string                  { return redactedValue }
func (Physical) Format(f fmt.State, _ rune)      { redact(f, redactedValue) }
func (Physical) LogValue() slog.Value            { return slog.StringValue(redactedValue) }
func (Biometrics) String() string                { return redactedValue }
func (Biometrics) Format(f fmt.State, _ rune)    { redact(f, redactedValue) }
func (Biometrics) LogValue() slog.Value          { return slog.StringValue(redactedValue) }
func (ExternalRef) String() string               { return redactedValue }
func (ExternalRef) Format(f fmt.State, _ rune)   { redact(f, redactedValue) }
func (ExternalRef) LogValue() slog.Value         { return slog.StringValue(redactedValue) }
func (Misused) String() string                   { return redactedValue }
func (Misused) Format(f fmt.State, _ rune)       { redact(f, redactedValue) }
func (Misused) LogValue() slog.Value             { return slog.StringValue(redactedValue) }
func (Assessment) String() string                { return redactedValue }
func (Assessment) Format(f fmt.State, _ rune)    { redact(f, redactedValue) }
func (Assessment) LogValue() slog.Value          { return slog.StringValue(redactedValue) }
func (LegalBasis) String() string                { return redactedValue }
func (LegalBasis) Format(f fmt.State, _ rune)    { redact(f, redactedValue) }
func (LegalBasis) LogValue() slog.Value          { return slog.StringValue(redactedValue) }
func (Handling) String() string                  { return redactedValue }
func (Handling) Format(f fmt.State, _ rune)      { redact(f, redactedValue) }
func (Handling) LogValue() slog.Value            { return slog.StringValue(redactedValue) }
func (Retention) String() string                 { return redactedValue }
func (Retention) Format(f fmt.State, _ rune)     { redact(f, redactedValue) }
func (Retention) LogValue() slog.Value           { return slog.StringValue(redactedValue) }
func (Contact) String() string                   { return redactedValue }
func (Contact) Format(f fmt.State, _ rune)       { redact(f, redactedValue) }
func (Contact) LogValue() slog.Value             { return slog.StringValue(redactedValue) }
func (Retraction) String() string                { return redactedValue }
func (Retraction) Format(f fmt.State, _ rune)    { redact(f, redactedValue) }
func (Retraction) LogValue() slog.Value          { return slog.StringValue(redactedValue) }
func (MatchRelease) String() string              { return redactedValue }
func (MatchRelease) Format(f fmt.State, _ rune)  { redact(f, redactedValue) }
func (MatchRelease) LogValue() slog.Value        { return slog.StringValue(redactedValue) }
func (ReleasedHit) String() string               { return redactedValue }
func (ReleasedHit) Format(f fmt.State, _ rune)   { redact(f, redactedValue) }
func (ReleasedHit) LogValue() slog.Value         { return slog.StringValue(redactedValue) }
func (d Date) LogValue() slog.Value              { return slog.StringValue(d.String()) }
