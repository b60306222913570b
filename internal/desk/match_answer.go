package desk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/herald-net/herald/internal/fishing"
	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Reasons of REFUSED.
const (
	refusedMalformed   = "malformed"
	refusedNetwork     = "other-network"
	refusedResponder   = "other-responder"
	refusedAsker       = "other-asker"
	refusedSignature   = "bad-signature"
	refusedMode        = "unknown-mode"
	refusedWindow      = "window-too-long"
	refusedExpired     = "expired"
	refusedFuture      = "issued-in-future"
	refusedReplayed    = "replayed"
	refusedPurpose     = "purpose"
	refusedBasis       = "no-basis"
	refusedCase        = "no-case"
	refusedGrounds     = "no-grounds"
	refusedOperator    = "no-operator"
	refusedPerson      = "person"
	refusedFields      = "person-fields" // more of a person than is compared
	refusedMuted       = "muted"
	refusedUnavailable = "unavailable"
)

// The window of a request, and how far two clocks may differ.
const (
	maxWindow      = 10 * time.Minute
	clockTolerance = 2 * time.Minute
)

// answerStep quantises the time to an answer, whatever it says, so that it tells
// little of what was found, searched or refused. A step is longer than search
// and journal take, and with them not longer than the 20 ms that a responder
// has.
const answerStep = 10 * time.Millisecond

var verdictNames = [...]string{
	wire.MatchNoHit: AnswerNoHit, wire.MatchPossible: AnswerPossible,
	wire.MatchRefused: AnswerRefused, wire.MatchRateLimited: AnswerRateLimited,
}

// verdict is what the responder found, before it is signed.
type verdict struct {
	code   wire.MatchVerdict
	reason string
	hits   []MatchHit // what was found, disclosed or not
}

func refuse(reason string) verdict { return verdict{code: wire.MatchRefused, reason: reason} }

// Answer is the responder's side: it judges one request that came over a
// stream of the node from, and returns the signed answer, always of one size.
// nil means that there is nothing to say and the stream is to be closed: to a
// node that is no member's, and when the answer could not be signed.
//
// A counted request is journalled before its answer exists. What was not found
// leaves no plaintext here: the journal keeps the salted commitment alone.
func (d *Desk) Answer(ctx context.Context, from ct.LogID, raw []byte) []byte {
	now, v := time.Now(), d.cfg.View()
	asker, ok := v.Node(from)
	if !ok || !v.Live(from, now) {
		return nil
	}
	a := d.judge(asker, v, raw, now)
	d.metrics.match.WithLabelValues("responder", verdictNames[a.code]).Inc()
	work := time.Since(now)
	d.metrics.work.Observe(work.Seconds())
	pause := answerStep - work%answerStep
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(pause):
	}
	signed, err := d.signAnswer(a, v, raw, time.Now())
	if err != nil {
		d.log.Error("match answer not signed", "error", err)
		return nil
	}
	return signed
}

// judge counts, checks, searches and journals one request of a member's node.
func (d *Desk) judge(asker roster.Node, v *roster.View, raw []byte, now time.Time) verdict {
	stamp := ct.MillisOf(now)
	if _, wrong := d.cfg.Clock(); wrong { // it would forgive budgets and let be replayed
		return refuse(refusedUnavailable)
	}
	if err := d.refill(stamp); err != nil {
		d.log.Error("match budgets not read from the journal", "error", err)
		return refuse(refusedUnavailable)
	}
	if limit, ok := d.allow(asker, v, raw, stamp); !ok {
		return d.limited(asker, limit, stamp)
	}
	req, sig, err := wire.DecodeMatchRequest(raw)
	a, hash := verdict{}, ct.ID(wire.MatchRequestHash(raw))
	if err == nil {
		if more := fishing.Cost(match.Prepare(req.Person)) - 1; more > 0 {
			if limit, ok := d.allowMore(asker, v, req, sig, more, stamp); !ok {
				return d.limited(asker, limit, stamp)
			}
		}
	}
	switch seen, serr := d.seen.before(d.cfg.Journal, hash, stamp); {
	case err != nil:
		a, req = refuse(refusedMalformed), nil
	case serr != nil:
		d.log.Error("answered requests not read from the journal", "error", serr)
		a = refuse(refusedUnavailable)
	case seen:
		a = refuse(refusedReplayed)
	default:
		a = d.admit(asker, v, req, sig, now)
	}
	var sight uint64
	if a.code == 0 {
		sight, a = d.sight(asker, v, req, stamp)
	}
	if a.code == 0 {
		hits, err := d.searchFor(&req.Person, asker.State, now)
		switch {
		case errors.Is(err, index.ErrBehind): // status says so
			a = refuse(refusedUnavailable)
		case err != nil:
			d.log.Error("match search failed", "error", err)
			a = refuse(refusedUnavailable)
		case len(hits) > 0:
			d.known(asker.State, sight)
			a = verdict{code: wire.MatchPossible, hits: hits}
			if a.reason, err = d.askInstead(hits, now); err != nil {
				d.log.Error("the author of a record was not found", "error", err)
				a = refuse(refusedUnavailable)
			}
		case !match.Prepare(req.Person).Readable(): // nothing is equal to it, and more nobody can say
			a = refuse(refusedPerson)
		default:
			a = verdict{code: wire.MatchNoHit}
		}
	}
	if err := d.journalAnswer(asker, req, hash, a, stamp); err != nil {
		d.log.Error("match answer not journalled", "error", err)
		return refuse(refusedUnavailable)
	}
	return a
}

// admit holds a decoded request against every rule; a zero code lets it pass.
// Who the asker is comes before anything the request says of itself.
func (d *Desk) admit(asker roster.Node, v *roster.View, r *wire.MatchRequest, s wire.SignedMatch, now time.Time) verdict {
	window := r.Expires.Time().Sub(r.Issued.Time())
	switch {
	case r.Network != v.Network().Prefix():
		return refuse(refusedNetwork)
	case r.Asker != asker.Key:
		return refuse(refusedAsker)
	case !keys.Verify(asker.Key, keys.ContextMatchRequest, v.Network(), s.Body, s.Sig):
		return refuse(refusedSignature)
	case r.Responder != d.cfg.Signer.Public():
		return refuse(refusedResponder)
	case d.cfg.Muted(asker.State):
		return refuse(refusedMuted)
	case r.Mode != wire.MatchPlain:
		return refuse(refusedMode)
	case window <= 0 || window > maxWindow || r.ReleaseUntil.Time().Sub(r.Issued.Time()) > maxReleaseWithin:
		return refuse(refusedWindow)
	case now.After(r.Expires.Time().Add(clockTolerance)):
		return refuse(refusedExpired)
	case r.Issued.Time().After(now.Add(clockTolerance)):
		return refuse(refusedFuture)
	case blank(r.Basis):
		return refuse(refusedBasis)
	case blank(r.Case):
		return refuse(refusedCase)
	case blank(r.Grounds):
		return refuse(refusedGrounds)
	case blank(r.Operator):
		return refuse(refusedOperator)
	}
	if _, ok := purposeFault(r.Purpose); !ok {
		return refuse(refusedPurpose)
	}
	if len(personFaults(&r.Person, now)) > 0 {
		return refuse(refusedPerson)
	}
	if !match.IsMinimal(&r.Person) {
		return refuse(refusedFields)
	}
	until := ct.MillisOf(r.Expires.Time().Add(clockTolerance))
	switch fresh, room := d.budgets.once(asker.State, r.Nonce, ct.MillisOf(now), until); {
	case !fresh:
		return refuse(refusedReplayed)
	case !room:
		return verdict{code: wire.MatchRateLimited, reason: limitNonces}
	}
	return verdict{}
}

// limited answers a State that has asked too much. The first time in an hour
// is journalled.
func (d *Desk) limited(asker roster.Node, limit string, stamp ct.Millis) verdict {
	a := verdict{code: wire.MatchRateLimited, reason: limit}
	if d.budgets.tell(asker.State, stamp) {
		if err := d.journalAnswer(asker, nil, ct.ID{}, a, stamp); err != nil {
			d.log.Error("match answer not journalled", "error", err)
		}
		d.log.Warn("a State asks more than its budget", "state", asker.State, "limit", limit)
	}
	return a
}

// journalAnswer notes a request and what is about to be answered. The person
// is kept, sealed, only when there is a hit; else nothing but the commitment.
// What is possible is queued for a person here in the same transaction.
func (d *Desk) journalAnswer(asker roster.Node, r *wire.MatchRequest, hash ct.ID, a verdict, stamp ct.Millis) error {
	e := journal.Entry{
		Time: stamp, Act: journal.ActMatchAnswer, Peer: asker.State,
		Outcome: verdictNames[a.code] + " node=" + asker.Key.Short(),
	}
	if a.reason != "" {
		e.Outcome += " reason=" + a.reason
	}
	if r != nil {
		about, err := subjectOf(&r.Person, r.Grounds)
		if err != nil {
			return err
		}
		e.Actor, e.Purpose, e.Basis, e.Case = r.Operator, r.Purpose, r.Basis, r.Case
		e.Subject, e.Salt, e.Forget = about, r.Nonce[:], a.code != wire.MatchPossible
	}
	var put func(*store.LocalTx) error
	settled := func() {}
	if r != nil {
		e.Outcome += outcomeRequest + requestName(hash)
		if cost := fishing.Cost(match.Prepare(r.Person)); cost > 1 {
			e.Outcome += outcomeCost + strconv.Itoa(cost)
		}
	}
	if a.code == wire.MatchPossible && a.reason == "" {
		var queued string
		if queued, put, settled = d.queued(asker, r, hash, a.hits, stamp); queued != "" {
			e.Outcome += " (" + queued + ")"
		}
	}
	e.Outcome += refsOf(a.hits)
	entries := []journal.Entry{e}
	if ids := listRefs(a.hits); ids != nil { // the subject is the asker's to commit to, too
		entries = append(entries, journal.Entry{Time: stamp, Act: journal.ActMatchFound, Of: journal.Previous, Subject: ids})
	}
	_, err := d.cfg.Journal.AppendMany(entries, put)
	if err == nil {
		settled()
	}
	return err
}

// signAnswer writes the answer. Details of a hit are disclosed by release;
// until then only the standing rule of an exercise network discloses them.
func (d *Desk) signAnswer(a verdict, v *roster.View, raw []byte, now time.Time) ([]byte, error) {
	answer := wire.MatchAnswer{
		Network: v.Network().Prefix(), Responder: d.cfg.Signer.Public(), Request: wire.MatchRequestHash(raw),
		Verdict: a.code, Reason: a.reason, Issued: ct.MillisOf(now),
	}
	if v.Exercise() {
		for _, h := range a.hits {
			answer.Hits = append(answer.Hits, wireHit(h))
		}
	}
	body, err := wire.EncodeMatchAnswer(&answer)
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	sig, err := d.cfg.Signer.Sign(keys.ContextMatchAnswer, v.Network(), body)
	if err != nil {
		return nil, fmt.Errorf("sign answer: %w", err)
	}
	out := wire.EncodeSignedMatch(wire.SignedMatch{Body: body, Alg: keys.AlgEd25519, Sig: sig})
	if len(out) != wire.MatchAnswerSize {
		return nil, errors.New("encode answer: not of the one size")
	}
	return out, nil
}

func wireHit(h MatchHit) wire.MatchHit {
	tier := wire.MatchTierPossible
	if h.Tier == "strong" {
		tier = wire.MatchTierStrong
	}
	score := uint32(math.Round(min(max(h.Score, 0), 1) * wire.MaxMatchScore))
	return wire.MatchHit{Ref: h.Ref, Score: max(score, 1), Tier: tier, Why: h.Why}
}
