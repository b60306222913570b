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
		if kind != KindStorage {
			public = FromSeed(secret).Public()
		}
		if again := encodeFile(kind, secret, public); !bytes.Equal(again, b) {
			t.Fatalf("read %q, wrote %q", b, again)
		}
	})
}
