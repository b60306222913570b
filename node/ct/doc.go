// Package ct holds the domain nouns and rules of herald: notifications and
// the persons they tell of, what makes one valid, who must be addressed, and
// the strict JSON form in which people write them.
//
// It does no I/O beyond the readers it is given, starts nothing, knows no
// keys, no wire bytes and no store, takes time as an argument and uses the
// standard library only. It does not decide who may read a notification: that
// is policy of the desk and of the feed.
//
// Every type that holds data of a person prints as "name(redacted)" with fmt
// and slog, whatever the verb. Only JSON shows the content, and only for
// those who ask for JSON: do not hand slices of these types to a logger.
package ct
