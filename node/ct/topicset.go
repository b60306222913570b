package ct

import "fmt"

// TopicSet is the topics whose bodies a node keeps: bit t stands for topic t.
// The zero value holds all, those of later versions included. On the wire it is
// a field of a want (PROTOCOL.md section 9).
type TopicSet uint32

// TopicsOf is the set of a node that was told these topics: control, without
// which no node knows who may speak, is always among them. None given: all.
func TopicsOf(topics ...Topic) (TopicSet, error) {
	if len(topics) == 0 {
		return 0, nil
	}
	s := TopicSet(1) << TopicControl
	for _, t := range topics {
		if t < TopicControl || t > TopicReceipt {
			return 0, fmt.Errorf("topic %s carries no records", t)
		}
		s |= 1 << t
	}
	return s, nil
}

// Has tells whether bodies of a topic are kept.
func (s TopicSet) Has(t Topic) bool { return s == 0 || t < 32 && s&(1<<t) != 0 }

// List is the topics of the set; nil for all.
func (s TopicSet) List() (out []Topic) {
	for _, t := range Topics() {
		if s != 0 && s.Has(t) {
			out = append(out, t)
		}
	}
	return out
}
