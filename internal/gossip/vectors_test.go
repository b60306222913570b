package gossip_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/herald-net/herald/internal/gossip"
	"github.com/herald-net/herald/node/ct"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
)

var update = flag.Bool("update", false, "write proto/vectors/gossip.json anew")

// gossipVector is a message on a topic with the id under which the mesh knows it.
type gossipVector struct {
	Network string `json:"network"`
	Topic   string `json:"topic"`
	Name    string `json:"name"` // of the topic in the mesh
	Data    string `json:"data"`
	ID      string `json:"id"`
}

// Every topic has its name, and an id covers the name and all bytes.
func TestGossipVectors(t *testing.T) {
	var built []gossipVector
	ids := map[string]bool{}
	for _, network := range []ct.NetworkID{{7}, {1, 2, 3, 4, 5, 6, 7, 8, 9}} {
		for topic := ct.TopicControl; topic <= ct.TopicReceipt; topic++ {
			for _, data := range [][]byte{nil, {0x0a, 1}, bytes.Repeat([]byte{0xab}, 300)} {
				name := gossip.TopicName(network, topic)
				id := gossip.MessageID(&pb.Message{Topic: &name, Data: data})
				built = append(built, gossipVector{network.String(), topic.String(), name, hex.EncodeToString(data), hex.EncodeToString([]byte(id))})
				ids[id] = true
			}
		}
	}
	if len(ids) != len(built) {
		t.Errorf("%d ids of %d messages", len(ids), len(built))
	}
	want, err := json.MarshalIndent(built, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "..", "proto", "vectors", "gossip.json")
	if *update {
		if err := os.WriteFile(path, append(want, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(bytes.TrimSpace(got), want) {
		t.Errorf("gossip.json is not what this test builds: go test ./internal/gossip -run TestGossipVectors -update (%v)", err)
	}
}
