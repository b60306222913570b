package verify_test

import (
	"encoding/hex"

	"github.com/herald-net/herald/internal/hostile"
	"github.com/herald-net/herald/node/ct"
)

// laterScenes are scenarios of what a RETRACT takes back besides notifications,
// and of one record under two signatures.
func laterScenes(w *world) (out []scenarioVector) {
	scene := func(name string, build func(*staging)) {
		s := w.scene(name)
		build(s)
		out = append(out, s.v)
	}
	scene("a RETRACT of an ADDRESS has no effect, of a MATCH_RELEASE it has", func(s *staging) {
		const all = "of the release, the address and the notification"
		log, other, foreign := s.node("UTO 1"), s.node("UTO 2"), s.node("NOR 1")
		address := log.add("address", ct.KindAddress, body(&ct.Addresses{Serial: 1, Addrs: []string{"/ip4/192.0.2.9/tcp/4001"}}), nil)
		release := body(&ct.MatchRelease{
			Requests: []ct.ID{{1}}, To: "NOR", By: "human", Contact: ct.Contact{Desk: "CT desk UTO, invented"},
			Hits: []ct.ReleasedHit{{Ref: "list:un/1", Score: 9_000, Tier: "strong", Author: "UTO", TLP: ct.TLPAmber, Withheld: ct.NeverReleased()}},
		})
		given := log.add("release", ct.KindMatchRelease, release, func(d *draft) { d.h.Topic = uint32(ct.TopicReceipt) })
		said := log.notify("notification")
		kept := log.add("second release", ct.KindMatchRelease, release, func(d *draft) {
			d.h.Topic, d.salt = uint32(ct.TopicReceipt), salted("second release")
		})
		other.retract("of the address", address)
		other.retract(all, given, address, said)
		foreign.retract("of the second release by another State", kept)
		s.run([]string{all, "of the address", "of the second release by another State", restart, "notification", "second release", "release", "address"},
			[]string{"address", "release", restart, all, "notification", "second release", "of the second release by another State", "of the address"})
	})
	scene("a record under another signature is the same record", func(s *staging) {
		log := s.node("UTO 1")
		one := log.notify("1")
		again := scenarioRecord{Name: "1 signed again"}
		raw, err := hostile.ResignWith(key("UTO 1"), w.view[exercise], unhexed(s.v.Records[0].Bytes), seed("nonce"))
		if err != nil {
			panic(err)
		}
		again.Bytes = hex.EncodeToString(raw)
		log.notify("2")
		log.retract("of 1", one)
		s.v.Records = append(s.v.Records, again)
		s.run([]string{"1 signed again", restart, "2", "1", "of 1"}, []string{"of 1", "1", restart, "1 signed again", "2"})
	})
	return out
}
