package node

import "github.com/herald-net/herald/node/ct"

// Told is the newest statement of addresses that the node knows of itself.
func (n *Node) Told() ct.Addresses { return n.directory.of(n.own) }
