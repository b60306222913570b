package desk_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
)

// BenchmarkPublish is a publication from its journal entry to the durable record,
// one after the other, on a log that has some.
func BenchmarkPublish(b *testing.B) {
	n := newNetwork(b, settings{policy: roster.Policy{LogBurst: 1 << 40}}, "UTO", "FIN").nodes[0]
	gen := synth.New(seed)
	publish := func(i int) time.Duration {
		note := gen.Notification(ct.TopicTravel, time.Now())
		note.Person.Names[0].Full += " " + strconv.Itoa(i)
		start := time.Now()
		if _, err := n.desk.Publish(b.Context(), note, desk.PublishOptions{Accept: []string{desk.AcceptAsylum, desk.AcceptSpecial}}); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	for i := range 2_000 {
		publish(-i)
	}
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		took = append(took, publish(i))
	}
	slices.Sort(took)
	for name, part := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99} {
		b.ReportMetric(float64(took[int(part*float64(len(took)-1))])/1e6, name)
	}
}
