package feed_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// What tails share is judged for each of them: after a retraction, or the end
// of its life, nobody is shown the content that another has opened before.
func TestTailsShareNothingHidden(t *testing.T) {
	w := newWorld(t, 1)
	stays, goes := w.plain(0, ct.TopicTravel), w.plain(0, ct.TopicTravel)
	w.append(stays, goes)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	errStop := errors.New("stop")
	read := func(n int) (out []ct.Entry) {
		t.Helper()
		err := w.feed.Tail(ctx, feed.Filter{}, 0, func(e ct.Entry) error {
			if out = append(out, e); len(out) == n {
				return errStop
			}
			return nil
		})
		if !errors.Is(err, errStop) {
			t.Fatal(err)
		}
		return out
	}
	// One tail stays for the whole test, so that what is opened is kept.
	held := make(chan struct{})
	first := true
	go func() {
		_ = w.feed.Tail(ctx, feed.Filter{}, 0, func(ct.Entry) error {
			if first {
				first = false
				close(held)
			}
			return nil
		})
	}()
	<-held
	for _, e := range read(2) {
		if !e.Readable || e.Notification == nil || e.Notification.Topic != ct.TopicTravel {
			t.Fatalf("record %s: %q", e.ID.Short(), e.Unreadable)
		}
	}
	w.append(w.retract(0, goes))
	for _, e := range read(3) {
		switch e.ID {
		case goes.ID():
			if e.Readable || !e.Hidden || e.Notification != nil {
				t.Errorf("the retracted record is shown: readable %v, content %v", e.Readable, e.Notification != nil)
			}
		default:
			if !e.Readable || e.Notification == nil && e.Retraction == nil {
				t.Errorf("record %s is not shown: %q", e.ID.Short(), e.Unreadable)
			}
		}
	}
}

// BenchmarkTails is the cost of one record for a thousand tails of which one in
// ten wants it.
func BenchmarkTails(b *testing.B) {
	const tails = 1000
	w := newWorld(b, 1)
	w.append(w.plain(0, ct.TopicTravel))
	ctx, cancel := context.WithCancel(b.Context())
	var got, running sync.WaitGroup
	got.Add(tails / 10)
	for i := range tails {
		filter := feed.Filter{States: w.m.States[:1]}
		if i%10 != 0 {
			filter.Topics = []ct.Topic{ct.TopicDetention}
		}
		running.Go(func() {
			err := w.feed.Tail(ctx, filter, 0, func(e ct.Entry) error {
				if !e.Readable {
					return fmt.Errorf("record %s: %s", e.ID.Short(), e.Unreadable)
				}
				got.Done()
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				b.Error(err)
			}
		})
	}
	got.Wait()
	recs := make([]verify.Record, b.N)
	for i := range recs {
		recs[i] = w.plain(0, ct.TopicTravel)
	}
	b.ResetTimer()
	for _, rec := range recs {
		got.Add(tails / 10)
		w.append(rec)
		got.Wait()
	}
	b.StopTimer()
	cancel()
	running.Wait()
}
