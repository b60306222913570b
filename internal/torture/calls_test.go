package torture

import (
	"fmt"
	"path/filepath"
	"strings"
)

// A recording is what a process did to the files below one directory, in the
// order in which it did it. Files and directories have numbers; the root
// directory is number 0.
type recording struct {
	events []*event
	isDir  map[int]bool
}

type kind int

const (
	evWrite    kind = iota // bytes at an offset
	evTruncate             // another length
	evSync                 // fsync or fdatasync of a file or a directory
	evLink                 // a name in a directory: made (created) or given (renamed)
	evUnlink               // a name taken away
	evMark                 // what the process says of itself
)

// event is one call. What it changes may be on the disk from its beginning on,
// and is there for sure after a sync that began when it had ended.
type event struct {
	kind kind
	node int // file or directory written, cut or synced; of a link, what the name means
	dir  int // of a link or unlink
	name string
	from string // of a rename within dir: the name that goes away
	off  int64
	data []byte
	size int64

	ended int // time at which it returned, counted in stops; 0: it did not
	began int // of a sync: time at which it was called
	void  bool
}

// namespace follows names while a process runs: what a path means to it.
type namespace struct {
	recording
	root  string         // absolute, without symbolic links
	nodes map[string]int // by path relative to root; "." is 0
	next  int
	clock int // counts beginnings and ends of calls
}

// now is the time of what happens now: later than all before.
func (n *namespace) now() int {
	n.clock++
	return n.clock
}

func newNamespace(root string) *namespace {
	return &namespace{recording: recording{isDir: map[int]bool{0: true}}, root: root, nodes: map[string]int{".": 0}, next: 1}
}

// below gives the path relative to the root; false: it lies elsewhere.
func (n *namespace) below(path string) (string, bool) {
	rel, err := filepath.Rel(n.root, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return "", false
	}
	return rel, true
}

func (n *namespace) add(e *event) *event {
	n.events = append(n.events, e)
	return e
}

// link notes a new file or directory.
func (n *namespace) link(rel string, dir bool) (int, error) {
	parent, ok := n.nodes[filepath.Dir(rel)]
	if !ok {
		return 0, fmt.Errorf("%s: its directory is not known", rel)
	}
	id := n.next
	n.next++
	n.nodes[rel], n.isDir[id] = id, dir
	e := n.add(&event{kind: evLink, node: id, dir: parent, name: filepath.Base(rel)})
	e.ended = n.now()
	return id, nil
}

func (n *namespace) unlink(rel string) error {
	parent, ok := n.nodes[filepath.Dir(rel)]
	if _, known := n.nodes[rel]; !ok || !known {
		return fmt.Errorf("%s: unlinked, but not known", rel)
	}
	delete(n.nodes, rel)
	e := n.add(&event{kind: evUnlink, dir: parent, name: filepath.Base(rel)})
	e.ended = n.now()
	return nil
}

func (n *namespace) rename(from, to string) error {
	id, known := n.nodes[from]
	parent, ok := n.nodes[filepath.Dir(to)]
	if !known || !ok || filepath.Dir(from) != filepath.Dir(to) {
		return fmt.Errorf("rename of %s to %s: only within one directory that is known", from, to)
	}
	for path, node := range n.nodes {
		if rest, ok := strings.CutPrefix(path, from+"/"); ok {
			delete(n.nodes, path)
			n.nodes[to+"/"+rest] = node
		}
	}
	delete(n.nodes, from)
	n.nodes[to] = id
	e := n.add(&event{kind: evLink, node: id, dir: parent, name: filepath.Base(to), from: filepath.Base(from)})
	e.ended = n.now()
	return nil
}
