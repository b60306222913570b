package desk

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"golang.org/x/sync/errgroup"
)

// Why a node is in Silent.
const (
	silentNoAnswer = "no-answer"
	silentBad      = "bad-answer"
	silentNoNode   = "no-node"
	silentMuted    = "muted"
	silentAway     = "away"

	silentIndexing   = "indexing"                             // the own node alone
	silentUnreadable = "name is in a script that is not read" // likewise, when nothing is equal to it
	silentUnsettled  = "waiting for sync after restore"       // the own node alone
)

// unnamedOperator stands where a caller names nobody: a node without accounts.
const unnamedOperator = "operator"

// requestGrace is how much longer than its timeout a request is valid: the
// responder's clock may differ.
const requestGrace = time.Minute

// Match asks the nodes of the chosen States, all nodes of each, since each has
// holdings of its own, and searches the own node when its State is among them.
// each gets every answer as it comes, never two at
// once; an error of each ends the match. Nothing is sent before the journal
// holds the query, and what is missing in the query is refused here with
// ct.Faults that name each field.
//
// A node that does not answer in time, or whose answer does not verify, is in
// Silent: that is no "no". For one that is known to be away nobody waits.
func (d *Desk) Match(ctx context.Context, q MatchQuery, each func(MatchAnswer) error) (MatchSummary, error) {
	now, v := time.Now(), d.cfg.View()
	if q.Priority == ct.PriorityUnknown {
		q.Priority = ct.PriorityRoutine
	}
	if q.Timeout == 0 {
		q.Timeout = defaultTimeout
	}
	if q.Operator == "" {
		q.Operator = unnamedOperator
	}
	if faults := q.check(now); len(faults) > 0 {
		return MatchSummary{}, fmt.Errorf("match: %w", faults)
	}
	if _, err := d.right(v, now); err != nil {
		return MatchSummary{}, fmt.Errorf("match: %w", err)
	}
	if faults := tooMany(&q.Person, v); len(faults) > 0 {
		return MatchSummary{}, fmt.Errorf("match: %w", faults)
	}
	targets, withheld, err := d.targets(v, &q, now)
	if err != nil {
		return MatchSummary{}, fmt.Errorf("match: %w", err)
	}
	req, entry, err := d.openCase(&q, v, targets, now)
	if err != nil {
		return MatchSummary{}, fmt.Errorf("match: %w", err)
	}

	known, err := d.warn(&req, v, ct.MillisOf(now))
	if err != nil {
		return MatchSummary{}, fmt.Errorf("match: %w", err)
	}

	c := collector{each: each, metrics: d.metrics}
	c.summary.Withheld, c.summary.Unread = withheld, match.Unread(&q.Person)
	waited, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	group, asking := errgroup.WithContext(waited)
	group.SetLimit(maxParallel)
	for _, t := range targets {
		group.Go(func() error {
			answer, hash, why := d.askOne(asking, req, t, v)
			if answer.Asked = len(targets); why == "" {
				if err := d.told(&req, entry.Seq, t, &answer, hash); err != nil {
					return err
				}
			}
			return c.add(t, answer, why)
		})
	}
	err = group.Wait()
	if c.summary.Possible > 0 {
		known()
	}
	if jerr := d.closeCase(&q, entry, &c); err == nil {
		err = jerr
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return c.summary, fmt.Errorf("match: %w", err)
	}
	return c.summary, nil
}

// openCase makes the request, still without a responder, and journals the
// query. The nonce salts the commitment, here and at the responders.
func (d *Desk) openCase(q *MatchQuery, v *roster.View, targets []target, now time.Time) (wire.MatchRequest, journal.Entry, error) {
	req := wire.MatchRequest{
		Network: v.Network().Prefix(), Mode: wire.MatchPlain, Asker: d.cfg.Signer.Public(),
		Purpose: q.Purpose, Basis: q.Basis, Case: q.Case, Operator: q.Operator, Grounds: q.Grounds, Priority: q.Priority,
		Issued: ct.MillisOf(now), Expires: ct.MillisOf(now.Add(q.Timeout + requestGrace)), Person: match.Minimal(&q.Person),
	}
	if topics := d.cfg.Store.Topics(); topics.Has(ct.TopicReceipt) { // else none would be readable here
		req.ReleaseUntil = ct.MillisOf(now.Add(cmp.Or(q.ReleaseWithin, releaseWithin(q.Priority))))
	}
	if _, err := rand.Read(req.Nonce[:]); err != nil {
		return req, journal.Entry{}, fmt.Errorf("draw nonce: %w", err)
	}
	if _, err := wire.EncodeMatchRequest(&req); err != nil { // too large, before anybody is told
		return req, journal.Entry{}, err
	}
	about, err := subjectOf(&req.Person, q.Grounds)
	if err != nil {
		return req, journal.Entry{}, err
	}
	var nodes []string
	for _, t := range targets {
		nodes = append(nodes, t.String())
	}
	entry, err := d.cfg.Journal.Append(journal.Entry{
		Time: ct.MillisOf(now), Act: journal.ActMatchAsk, Actor: q.actor(), Purpose: q.Purpose, Basis: q.Basis, Case: q.Case,
		Outcome: "asking " + strings.Join(nodes, " "), Subject: about, Salt: req.Nonce[:],
	})
	return req, entry, err
}

// closeCase journals what came of a query.
func (d *Desk) closeCase(q *MatchQuery, asked journal.Entry, c *collector) error {
	s := &c.summary
	_, err := d.cfg.Journal.Append(journal.Entry{
		Act: journal.ActMatchResult, Actor: q.actor(), Purpose: q.Purpose, Basis: q.Basis, Case: q.Case, Of: asked.Seq,
		Outcome: fmt.Sprintf("asked=%d answered=%d possible=%d refused=%d no-hit=%d %s",
			s.Asked, s.Answered, s.Possible, s.Refused, s.NoHit, strings.Join(c.lines, " ")),
	})
	return err
}

// String is what the journal calls a node: State/first digits of its key.
func (t target) String() string {
	if t.node.IsZero() {
		return string(t.state) + "/-"
	}
	return string(t.state) + "/" + t.node.Short()
}

// askOne gets one node's answer, with the hash of the request that it answers,
// or says why there is none.
func (d *Desk) askOne(ctx context.Context, req wire.MatchRequest, t target, v *roster.View) (answer MatchAnswer, hash ct.ID, why string) {
	answer = MatchAnswer{State: t.state, Node: t.node}
	switch {
	case t.node == d.cfg.Signer.Public():
		answer.Own = true
		if d.unsettled() {
			return answer, hash, silentUnsettled
		}
		hits, err := d.search(&req.Person, time.Now())
		if errors.Is(err, index.ErrBehind) {
			return answer, hash, silentIndexing
		}
		if err != nil {
			d.log.Warn("own search failed", "error", err)
			return answer, hash, silentNoAnswer
		}
		if len(hits) == 0 && !match.Prepare(req.Person).Readable() {
			return answer, hash, silentUnreadable
		}
		answer.Answer, answer.Hits = AnswerNoHit, hits
		if len(hits) > 0 {
			answer.Answer = AnswerPossible
		}
		return answer, hash, ""
	case t.node.IsZero():
		return answer, hash, silentNoNode
	case d.cfg.Muted(t.state):
		return answer, hash, silentMuted
	}
	silent := silentNoAnswer
	if since, away := d.cfg.Away(t.node); away {
		if silent, answer.since = silentAway, since; !d.lanes.try(t.node, time.Now()) {
			return answer, hash, silent
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, awayTry)
		defer cancel()
	}
	leave, err := d.lanes.enter(ctx, t.node)
	if err != nil {
		return answer, hash, silent
	}
	defer leave()
	req.Responder = t.node
	body, err := wire.EncodeMatchRequest(&req)
	if err != nil {
		return answer, hash, silentNoAnswer
	}
	sig, err := d.cfg.Signer.Sign(keys.ContextMatchRequest, v.Network(), body)
	if err != nil {
		d.log.Warn("match request not signed", "error", err)
		return answer, hash, silentNoAnswer
	}
	raw := wire.EncodeSignedMatch(wire.SignedMatch{Body: body, Alg: keys.AlgEd25519, Sig: sig})
	hash = ct.ID(wire.MatchRequestHash(raw))
	reply, err := d.cfg.Ask(ctx, t.node, raw)
	if err != nil {
		d.log.Debug("match request not answered", "node", t.node.Short(), "state", t.state, "error", err)
		return answer, hash, silent
	}
	if err := readAnswer(reply, hash, t.node, v, &answer); err != nil {
		d.log.Warn("match answer refused", "node", t.node.Short(), "state", t.state, "error", err)
		return answer, hash, silentBad
	}
	return answer, hash, ""
}

// readAnswer verifies an answer: signed by the node that was asked, for this
// network, to this very request.
func readAnswer(raw []byte, request [32]byte, node ct.LogID, v *roster.View, out *MatchAnswer) error {
	a, s, err := wire.DecodeMatchAnswer(raw)
	switch {
	case err != nil:
		return err
	case !keys.Verify(node, keys.ContextMatchAnswer, v.Network(), s.Body, s.Sig):
		return errors.New("the signature is not the asked node's")
	case a.Network != v.Network().Prefix():
		return errors.New("for another network")
	case a.Responder != node:
		return errors.New("in the name of another node")
	case a.Request != request:
		return errors.New("to another request")
	}
	out.Reason = a.Reason
	out.Answer = verdictNames[a.Verdict]
	for _, h := range a.Hits {
		tier := "possible"
		if h.Tier == wire.MatchTierStrong {
			tier = "strong"
		}
		out.Hits = append(out.Hits, MatchHit{Ref: h.Ref, Score: float64(h.Score) / wire.MaxMatchScore, Tier: tier, Why: h.Why})
	}
	return nil
}

// collector counts answers and hands them on, one at a time.
type collector struct {
	each    func(MatchAnswer) error
	metrics *metrics

	mu      sync.Mutex
	summary MatchSummary // guarded by mu
	lines   []string     // guarded by mu: node=answer, for the journal
}

func (c *collector) add(t target, a MatchAnswer, silent string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.summary
	s.Asked++
	if silent != "" {
		s.Silent = append(s.Silent, Silence{State: t.state, Node: t.node, Why: silent, Since: a.since})
		c.lines = append(c.lines, t.String()+"="+silent)
		c.metrics.match.WithLabelValues("asker", silent).Inc()
		return nil
	}
	s.Answered++
	switch a.Answer {
	case AnswerPossible:
		s.Possible++
	case AnswerNoHit:
		s.NoHit++
	default:
		s.Refused++
	}
	c.lines = append(c.lines, t.String()+"="+a.Answer)
	c.metrics.match.WithLabelValues("asker", a.Answer).Inc()
	return c.each(a)
}
