package keys_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/node/ct"
)

func TestSignaturesAreDomainSeparated(t *testing.T) {
	k := keys.FromSeed([32]byte{1})
	network, msg := ct.NetworkID{2}, []byte("message")
	sig, err := k.Sign(keys.ContextRecord, network, msg)
	if err != nil {
		t.Fatal(err)
	}
	if !keys.Verify(k.Public(), keys.ContextRecord, network, msg, sig) {
		t.Error("the signature does not verify")
	}
	flipped := bytes.Clone(sig)
	flipped[0] ^= 1
	for name, ok := range map[string]bool{
		"other context":   keys.Verify(k.Public(), keys.ContextBeacon, network, msg, sig),
		"other network":   keys.Verify(k.Public(), keys.ContextRecord, ct.NetworkID{3}, msg, sig),
		"other key":       keys.Verify(keys.FromSeed([32]byte{2}).Public(), keys.ContextRecord, network, msg, sig),
		"other message":   keys.Verify(k.Public(), keys.ContextRecord, network, []byte("massage"), sig),
		"other signature": keys.Verify(k.Public(), keys.ContextRecord, network, msg, flipped),
		"short signature": keys.Verify(k.Public(), keys.ContextRecord, network, msg, sig[:63]),
		"long signature":  keys.Verify(k.Public(), keys.ContextRecord, network, msg, append(sig, 0)),
		"no signature":    keys.Verify(k.Public(), keys.ContextRecord, network, msg, nil),
	} {
		if ok {
			t.Errorf("%s: verified", name)
		}
	}
}

func TestKeyFilesRoundTrip(t *testing.T) {
	dir := t.TempDir()
	k, err := keys.Generate()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []keys.Kind{keys.KindNode, keys.KindRoot} {
		path := filepath.Join(dir, string(kind)+".key")
		if err := keys.Save(path, kind, k); err != nil {
			t.Fatal(err)
		}
		got, err := keys.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.Seed() != k.Seed() || got.Public() != k.Public() {
			t.Errorf("%s: read another key", kind)
		}
		if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, want 0600", kind, info.Mode())
		}
	}
	s, err := keys.NewStorage()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "storage.key")
	if err := keys.SaveStorage(path, s); err != nil {
		t.Fatal(err)
	}
	if got, err := keys.LoadStorage(path); err != nil || got != s {
		t.Errorf("storage key: %v, the same key: %v", err, got == s)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".key-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files left: %v, %v", left, err)
	}
}

func TestSaveNeverOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.key")
	first := keys.FromSeed([32]byte{1})
	if err := keys.Save(path, keys.KindNode, first); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	for name, err := range map[string]error{
		"signing key": keys.Save(path, keys.KindNode, keys.FromSeed([32]byte{2})),
		"storage key": keys.SaveStorage(path, keys.Storage{3}),
	} {
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: got %v, want fs.ErrExist", name, err)
		}
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
	if err := keys.Save(filepath.Join(t.TempDir(), "none", "x.key"), keys.KindNode, first); err == nil {
		t.Error("saved into a directory that is not there")
	}
	if err := keys.Save(filepath.Join(t.TempDir(), "x.key"), keys.KindStorage, first); err == nil {
		t.Error("saved a signing key as a storage key")
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(content string, mode os.FileMode) string {
		t.Helper()
		f, err := os.CreateTemp(dir, "*.key")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(content); err != nil {
			t.Fatal(err)
		}
		if err := f.Chmod(mode); err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}
	k := keys.FromSeed([32]byte{7})
	seed, public := k.Seed(), k.Public()
	good := fmt.Sprintf("herald key 1 node\nsecret %x\npublic %x\n", seed[:], public[:])
	secret := fmt.Sprintf("%x", seed[:])
	for _, x := range []struct {
		name, content string
		mode          os.FileMode
		want          string
	}{
		{"readable by the group", good, 0o640, "chmod 600"},
		{"writable by others", good, 0o602, "chmod 600"},
		{"empty", "", 0o600, "empty key file"},
		{"another kind of file", "-----BEGIN PRIVATE KEY-----\n", 0o600, "not a herald key file"},
		{"later version", strings.Replace(good, "key 1", "key 2", 1), 0o600, "not a herald key file"},
		{"unknown kind", strings.Replace(good, "node", "admin", 1), 0o600, "of this version"},
		{"storage key", strings.Replace(good, "node", "storage", 1), 0o600, "do not belong together"},
		{"no public line", good[:strings.Index(good, "public")], 0o600, "damaged"},
		{"secret changed", strings.Replace(good, "secret 07", "secret 08", 1), 0o600, "do not belong together"},
		{"upper case", strings.ToUpper(good[:len(good)-1]), 0o600, "not a herald key file"},
		{"upper-case digits", strings.Replace(good, fmt.Sprintf("%x", public[:]), strings.ToUpper(fmt.Sprintf("%x", public[:])), 1), 0o600, "damaged"},
		{"short secret", strings.Replace(good, "secret 07", "secret 0", 1), 0o600, "damaged"},
		{"something after it", good + "\n", 0o600, "damaged"},
		{"no last newline", good[:len(good)-1], 0o600, "damaged"},
		{"CR LF", strings.ReplaceAll(good, "\n", "\r\n"), 0o600, "of this version"},
		{"large", strings.Repeat(good, 20), 0o600, "not a herald key file"},
	} {
		_, err := keys.Load(write(x.content, x.mode))
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want %q in it", x.name, err, x.want)
		}
		if err != nil && strings.Contains(err.Error(), secret[2:]) {
			t.Errorf("%s: the error shows the secret", x.name)
		}
	}
	if _, err := keys.Load(write(good, 0o600)); err != nil {
		t.Errorf("the good one: %v", err)
	}
	if _, err := keys.Load(write(good, 0o400)); err != nil {
		t.Errorf("read-only: %v", err)
	}
	if _, err := keys.Load(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v, want fs.ErrNotExist", err)
	}
	if _, err := keys.Load(dir); err == nil {
		t.Error("read a directory")
	}
	storage := filepath.Join(dir, "s")
	if err := keys.SaveStorage(storage, keys.Storage{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Load(storage); err == nil || !strings.Contains(err.Error(), "this is a storage key") {
		t.Errorf("storage key as a signing key: got %v", err)
	}
	if _, err := keys.LoadStorage(write(good, 0o600)); err == nil || !strings.Contains(err.Error(), "this is a node key") {
		t.Errorf("node key as a storage key: got %v", err)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	k, s := keys.FromSeed([32]byte{0xab, 0xcd}), keys.Storage{0xab, 0xcd}
	check := func(how string, x any, text string) {
		t.Helper()
		for _, secret := range []string{"abcd", "171 205", "171,205", "0xab"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s of %T shows the secret: %s", how, x, text)
			}
		}
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, x := range []any{k, *k, &s, s, struct{ K *keys.Key }{k}, struct{ S keys.Storage }{s}} {
			check(format, x, fmt.Sprintf(format, x))
			b, err := json.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			check("JSON", x, string(b))
		}
	}
}

func TestDeriveSeparatesPurposes(t *testing.T) {
	s := keys.Storage{1}
	seen := map[[32]byte]string{}
	for _, x := range []struct{ purpose, salt string }{{"body", "a"}, {"body", "b"}, {"index", "a"}, {"index", ""}} {
		k, err := s.Derive(x.purpose, []byte(x.salt))
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[k]; ok {
			t.Errorf("%v gives the key of %s", x, other)
		}
		seen[k] = x.purpose + x.salt
	}
}
