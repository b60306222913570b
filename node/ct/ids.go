package ct

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// ID is the content address of a record:
// SHA-256("herald/record/v1" ‖ network id ‖ header bytes).
type ID [32]byte

// LogID names a log by the Ed25519 public key that signs it.
type LogID [32]byte

// NetworkID is SHA-256 of the genesis body.
type NetworkID [32]byte

// State is a member State: ISO 3166-1 alpha-3, or one of the ICAO 9303-3
// codes (UTO is the specimen State).
type State string

func (id ID) String() string        { return hex.EncodeToString(id[:]) }
func (l LogID) String() string      { return hex.EncodeToString(l[:]) }
func (n NetworkID) String() string  { return hex.EncodeToString(n[:]) }
func (id ID) IsZero() bool          { return id == ID{} }
func (l LogID) IsZero() bool        { return l == LogID{} }
func (n NetworkID) IsZero() bool    { return n == NetworkID{} }
func (n NetworkID) Prefix() [8]byte { return [8]byte(n[:8]) }

// Short is the first eight hex digits, for tables and logs.
func (id ID) Short() string   { return id.String()[:8] }
func (l LogID) Short() string { return l.String()[:8] }

// ParseID reads 64 hex digits.
func ParseID(s string) (ID, error) { return parse32[ID]("record id", s) }

// ParseLogID reads 64 hex digits.
func ParseLogID(s string) (LogID, error) { return parse32[LogID]("log", s) }

// ParseNetworkID reads 64 hex digits.
func ParseNetworkID(s string) (NetworkID, error) { return parse32[NetworkID]("network id", s) }

func parse32[T ~[32]byte](what, s string) (T, error) {
	var out T
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		return out, fmt.Errorf("%s: want 64 hex digits, got %d characters", what, len(s))
	}
	copy(out[:], b)
	return out, nil
}

// MarshalText and UnmarshalText give the hex form in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}
func (l LogID) MarshalText() ([]byte, error) { return []byte(l.String()), nil }
func (l *LogID) UnmarshalText(b []byte) (err error) {
	*l, err = ParseLogID(string(b))
	return err
}
func (n NetworkID) MarshalText() ([]byte, error) { return []byte(n.String()), nil }
func (n *NetworkID) UnmarshalText(b []byte) (err error) {
	*n, err = ParseNetworkID(string(b))
	return err
}

// Ref points at one record of one log.
type Ref struct {
	Log LogID  `json:"log"`
	Seq uint64 `json:"seq"`
	ID  ID     `json:"id"`
}

// Millis is a time on the wire: milliseconds since 1970-01-01T00:00:00Z.
type Millis int64

// MillisOf truncates t to milliseconds UTC.
func MillisOf(t time.Time) Millis { return Millis(t.UnixMilli()) }

// Time is the same instant, in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

func (m Millis) String() string { return m.Time().Format("2006-01-02T15:04:05.000Z") }

// MarshalText and UnmarshalText give RFC 3339 in JSON.
func (m Millis) MarshalText() ([]byte, error) { return []byte(m.String()), nil }
func (m *Millis) UnmarshalText(b []byte) error {
	t, ok := parseInstant(string(b))
	if !ok {
		return errors.New("time: want RFC 3339 with an offset")
	}
	*m = MillisOf(t)
	return nil
}
