package node_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
)

// A match is answered by all nodes of a network in one round trip and at most
// 20 ms at each. Packets take 40 ms; the responders' 10 ms grid takes virtual
// time, their processor and disk none: `herald bench match-net` measures those.
func TestMatchTakesOneRoundTrip(t *testing.T) {
	const (
		oneWay  = 40 * time.Millisecond
		most    = 20 * time.Millisecond // of work at each
		matches = 4
	)
	nodes := 20
	if bubble.Race {
		nodes = 8
	}
	var dirs []string
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		dirs = founded(t, nodes, roster.DefaultPolicy())
		net := sim.New(1)
		defer net.Close()
		net.SetLatency(func(int, int) time.Duration { return oneWay })
		running := simulated(t, net, dirs)
		defer func() {
			for _, n := range running {
				n.close()
			}
		}()
		for _, n := range running {
			n.ready(ctx)
		}
		for len(running[0].Peers()) < nodes-1 {
			<-time.After(time.Second)
			must(t, ctx.Err())
		}
		gen := synth.New(1)
		known := ct.Person{Names: []ct.Name{{Full: "Oskvar Tellumini Brandeth"}}, Births: []ct.Birth{{Date: "1987-04-23"}}}
		line := `{"id":"N-1","names":[{"full":"Oskvar Tellumini Brandeth"}],"births":["1987-04-23"]}` + "\n"
		if _, err := running[7].ImportPersons(ctx, "national", strings.NewReader(line), nil); err != nil {
			t.Fatal(err)
		}
		for i := range matches {
			q := desk.MatchQuery{
				Person: gen.Person(), Purpose: "border-screening", Basis: "UNSCR-2396-OP11", Case: fmt.Sprint("C", i), Grounds: "test",
				Operator: "op1", Timeout: 20 * time.Second,
			}
			if i%2 == 1 {
				q.Person = known
			}
			began := time.Now()
			var last time.Duration
			possible := 0
			sum, err := running[0].Match(ctx, q, func(a desk.MatchAnswer) error {
				last = time.Since(began)
				if a.Answer == desk.AnswerPossible {
					possible++
				}
				return nil
			})
			must(t, err)
			if sum.Asked != nodes || sum.Answered != nodes || possible != i%2 {
				t.Fatalf("match %d: %d asked, %d answered, %d possible: %+v", i, sum.Asked, sum.Answered, possible, sum.Silent)
			}
			t.Logf("match %d: the last of %d answers after %v", i, nodes, last)
			if last > 2*oneWay+most {
				t.Errorf("match %d: the last answer after %v, want at most %v", i, last, 2*oneWay+most)
			}
		}
		// Numbers one after the other raise the alarm of both sides.
		for i := range 25 {
			q := desk.MatchQuery{
				Person:  ct.Person{Documents: []ct.Document{{Number: fmt.Sprintf("K%08d", 40_000_000+i)}}},
				Purpose: "border-screening", Basis: "UNSCR-2396-OP11", Case: "C77", Grounds: "test", Operator: "op9", States: states[1:2], Timeout: time.Second,
			}
			_, err := running[0].Match(ctx, q, func(desk.MatchAnswer) error { return nil })
			must(t, err)
		}
		for i, want := range map[int]string{
			0: `fishing: operator "op9" of this node asks for document numbers in rows`,
			1: "fishing: " + string(states[0]) + " asks for document numbers in rows",
		} {
			if alarms := strings.Join(running[i].Status().Alarms, "; "); !strings.Contains(alarms, want) || !strings.Contains(alarms, `"C77"`) || strings.Contains(alarms, "K4000") {
				t.Errorf("node %d: alarms %q, want %q", i, alarms, want)
			}
			if on := running[i].alarm("fishing"); on != 1 {
				t.Errorf("node %d: herald_alarm %v", i, on)
			}
		}
		if alarms := running[2].Status().Alarms; len(alarms) > 0 {
			t.Errorf("another node: alarms %q", alarms)
		}
	})
}

// alarm is the metric of an alarm; -1 when there is none of the name.
func (r *running) alarm(name string) float64 {
	families, err := r.reg.Gather()
	must(r.t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "herald_alarm" && m.GetLabel()[0].GetValue() == name {
				return m.GetGauge().GetValue()
			}
		}
	}
	return -1
}
