package keys

import (
	"bytes"
	"testing"
)

func FuzzKeyFile(f *testing.F) {
	for _, kind := range []Kind{KindNode, KindRoot} {
		k := FromSeed([32]byte{1})
		f.Add(encodeFile(kind, k.Seed(), k.Public()))
	}
	s := Storage{2}
	f.Add(encodeFile(KindStorage, s, storageCheck(s)))
	auditor, err := SealingFromSeed([32]byte{3})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encodeFile(KindAuditor, [32]byte{3}, auditorCheck(auditor.Public())))
	f.Add([]byte("herald key 1 node\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, secret, err := decodeFile(b)
		if err != nil {
			if secret != [32]byte{} {
				t.Fatal("a secret beside an error")
			}
			return
		}
		public := storageCheck(secret)
		switch {
		case kind.signing():
			public = FromSeed(secret).Public()
		case kind == KindAuditor:
			k, err := SealingFromSeed(secret)
			if err != nil {
				t.Fatal(err)
			}
			public = auditorCheck(k.Public())
		}
		if again := encodeFile(kind, secret, public); !bytes.Equal(again, b) {
			t.Fatalf("read %q, wrote %q", b, again)
		}
	})
}

func FuzzAuditorPublic(f *testing.F) {
	k, err := SealingFromSeed([32]byte{3})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encodePublic(k.Public()))
	f.Add([]byte(publicFormat + "00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePublic(b)
		if err != nil {
			return
		}
		again, err := decodePublic(encodePublic(p))
		if err != nil || again.ID() != p.ID() {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := p.Seal(nil, []byte("x")); err != nil {
			t.Fatalf("a public key that was read does not seal: %v", err)
		}
	})
}
