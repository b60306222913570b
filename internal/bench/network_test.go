package bench

import (
	"testing"

	"github.com/herald-net/herald/node/ct"
)

// What is measured is of the size for which the targets are set, of all topics,
// and varied.
func TestForms(t *testing.T) {
	forms, err := newForms(7)
	if err != nil {
		t.Fatal(err)
	}
	size, topics, sizes := 0, map[ct.Topic]int{}, map[int]bool{}
	for _, f := range forms {
		size += len(f.body)
		topics[f.topic]++
		sizes[len(f.body)] = true
	}
	if mean := size / len(forms); mean < bodyMean-10 || mean > bodyMean {
		t.Errorf("bodies of %d bytes on average, want %d", mean, bodyMean)
	}
	for topic := ct.TopicTravel; topic <= ct.TopicDetention; topic++ {
		if topics[topic] < len(forms)/100 {
			t.Errorf("%d of %d forms are of topic %v", topics[topic], len(forms), topic)
		}
	}
	if len(sizes) < 50 {
		t.Errorf("only %d sizes", len(sizes))
	}
}
