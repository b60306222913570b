package testnet

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
)

// release shows the second step of a match: a person at the State that
// published the record looks at the request, lets out what may go, and the
// asker sees it; then the record is retracted, and the asker sees that too.
func (s *stage) release(ctx context.Context, asker Instance, record string) error {
	author := s.at(1)
	if author.Name == asker.Name {
		author = s.at(0)
	}
	if author.Name == asker.Name {
		s.say("   With one node there is nobody to release details.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, arriveTimeout)
	defer cancel()
	request, err := author.inboxItem(ctx, "request", asker, "rec:"+record)
	if err != nil {
		return err
	}
	s.say("   %s has more to say, and asks a person first. Its inbox: %s asks, case %s, tier %s, until %s",
		author.State, asker.State, request.Case, request.Tier, request.Deadline)
	answer, err := asker.inboxItem(ctx, "answer", author, "")
	if err != nil {
		return err
	}
	if answer.Id != request.Id || answer.Status != "waiting" {
		return fmt.Errorf("%s waits for %s (%s), %s has %s in its inbox", asker.Name, short(answer.Id), answer.Status, author.Name, short(request.Id))
	}
	res, err := author.api.Release(ctx, connect.NewRequest(&apiv1.ReleaseRequest{Id: request.Id, Operator: "testnet"}))
	if err != nil {
		return fmt.Errorf("%s: release: %w", author.Name, err)
	}
	s.say("   %s releases what the record's handling lets go: %s", author.State, short(res.Msg.Receipt.GetId()))
	shown, err := s.becomes(ctx, asker, answer.Id, "released")
	if err != nil {
		return err
	}
	hits := shown.Release.GetFields()["hits"].GetListValue().GetValues()
	if len(hits) == 0 || hits[0].GetStructValue().GetFields()["ref"].GetStringValue() != "rec:"+record {
		return fmt.Errorf("%s sees a release without the record %s", asker.Name, short(record))
	}
	s.say("   %s sees the details, tied to its own request.", asker.State)

	at := s.owner(record)
	if at == nil {
		return fmt.Errorf("nobody published %s", short(record))
	}
	if _, err := s.retract(ctx, *at, record); err != nil {
		return err
	}
	if shown, err = s.becomes(ctx, asker, answer.Id, "withdrawn"); err != nil {
		return err
	}
	if shown.Release != nil {
		return fmt.Errorf("%s still shows what was withdrawn", asker.Name)
	}
	s.say("   %s is told: the answer is withdrawn (%s).", asker.State, shown.Item.Reason)
	return nil
}

// owner is the node that published a record in this play.
func (s *stage) owner(record string) *Instance { return s.published[record] }

// inboxItem waits for the newest item of a type from another node; with a ref,
// for one that has it among its hits.
func (i Instance) inboxItem(ctx context.Context, typ string, other Instance, ref string) (found *apiv1.InboxItem, err error) {
	err = until(ctx, 20*time.Millisecond, func(ctx context.Context) (bool, error) {
		res, err := i.api.Inbox(ctx, connect.NewRequest(&apiv1.InboxRequest{}))
		if err != nil {
			return false, err
		}
		for _, item := range res.Msg.Items {
			has := ref == ""
			for _, h := range item.Hits {
				has = has || h.Ref == ref
			}
			if item.Type == typ && item.Node == other.Node.String() && has && (found == nil || item.Received > found.Received) {
				found = item
			}
		}
		return found != nil, nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: no %s of %s in the inbox: %w", i.Name, typ, other.Name, err)
	}
	return found, nil
}

// becomes waits until an answer has a status, and shows it.
func (s *stage) becomes(ctx context.Context, at Instance, id, status string) (*apiv1.InboxShowResponse, error) {
	start, last := time.Now(), ""
	var shown *apiv1.InboxShowResponse
	err := until(ctx, 20*time.Millisecond, func(ctx context.Context) (bool, error) {
		res, err := at.api.Inbox(ctx, connect.NewRequest(&apiv1.InboxRequest{}))
		if err != nil {
			return false, err
		}
		for _, item := range res.Msg.Items {
			if item.Type == "answer" && item.Id == id {
				last = item.Status
			}
		}
		return last == status, nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: the answer %s is %s, not %s: %w", at.Name, short(id), last, status, err)
	}
	res, err := at.api.InboxShow(ctx, connect.NewRequest(&apiv1.InboxShowRequest{Id: id, Operator: "testnet"}))
	if err == nil {
		shown = res.Msg
		s.say("   %s at %s after %s", status, at.Name, since(start))
	}
	return shown, err
}
