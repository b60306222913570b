package verify

import (
	"errors"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
)

// ErrRange: the records are not successive ones of one log.
var ErrRange = errors.New("not a range of one log")

// OpenRange judges successive records of one log, in order, with one signature
// check: each header names the id of the one before it and its own offset in the log,
// so the last signature
// is the author's word for all of them. The records before the last are marked
// Chained. The id does not cover the signature, so theirs may be anything.
//
// Everything else is judged of each record as Open does. The error is ErrRange
// or the *Error of one of the records; it says no more than that the range does
// not prove itself: whoever wants to know which record is at fault opens each.
// Whether the first record follows what is held is for the caller to see.
func OpenRange(raws [][]byte, v *roster.View, now time.Time) ([]Record, error) {
	if len(raws) == 0 {
		return nil, nil
	}
	recs := make([]Record, len(raws))
	for i, raw := range raws {
		r, err := prepare(raw, v, nil, now)
		if err != nil {
			return nil, err
		}
		if i > 0 && !follows(recs[i-1], r) {
			return nil, ErrRange
		}
		r.chained = i < len(raws)-1
		recs[i] = r
	}
	if !recs[len(recs)-1].signed() {
		return nil, &Error{Reason: BadSignature, Detail: "the last of a range"}
	}
	var content wire.NotificationReader
	for _, r := range recs {
		r.inadmissible, _ = judge(&r.env, &r.right, v, &content)
	}
	return recs, nil
}

func follows(a, b Record) bool {
	x, y, due := a.Header(), b.Header(), a.Next()
	return x.Log == y.Log && y.Seq == due.Seq && y.Prev == due.Prev && y.Offset == b.Due(due.End)
}
