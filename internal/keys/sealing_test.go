package keys_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/keys"
)

func TestSealing(t *testing.T) {
	k, err := keys.NewSealing()
	if err != nil {
		t.Fatal(err)
	}
	other, err := keys.NewSealing()
	if err != nil {
		t.Fatal(err)
	}
	context, plain := []byte("of entry 7"), []byte("a person")
	sealed, err := k.Public().Seal(context, plain)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Open(context, sealed); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("open: %q, %v", got, err)
	}
	again, err := k.Public().Seal(context, plain)
	if err != nil || bytes.Equal(again, sealed) {
		t.Error("sealing twice gives the same bytes: who guesses the plaintext can check it")
	}
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another key":     func() ([]byte, error) { return other.Open(context, sealed) },
		"another context": func() ([]byte, error) { return k.Open([]byte("of entry 8"), sealed) },
		"changed":         func() ([]byte, error) { return k.Open(context, flipped) },
		"cut":             func() ([]byte, error) { return k.Open(context, sealed[:40]) },
		"empty":           func() ([]byte, error) { return k.Open(context, nil) },
	} {
		if got, err := open(); !errors.Is(err, keys.ErrNotSealedToKey) || got != nil {
			t.Errorf("%s: %q, %v; want ErrNotSealedToKey", name, got, err)
		}
	}
}

func TestAuditorFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "auditor.key")
	k, err := keys.NewSealing()
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.SaveAuditor(path, k); err != nil {
		t.Fatal(err)
	}
	if err := keys.SaveAuditor(path, k); !errors.Is(err, fs.ErrExist) {
		t.Errorf("saving over a key: %v", err)
	}
	got, err := keys.LoadAuditor(path)
	if err != nil || got.Public().ID() != k.Public().ID() {
		t.Fatalf("load: %v", err)
	}
	public, err := keys.LoadAuditorPublic(path + ".pub")
	if err != nil || public.ID() != k.Public().ID() {
		t.Fatalf("load the public half: %v", err)
	}
	// The two halves are not mistaken for each other, nor for other keys.
	if _, err := keys.LoadAuditorPublic(path); err == nil || strings.Contains(err.Error(), "secret ") {
		t.Errorf("the secret half as the public one: %v", err)
	}
	if _, err := keys.LoadAuditor(path + ".pub"); err == nil {
		t.Error("the public half was taken for the secret one")
	}
	storage := filepath.Join(dir, "storage.key")
	if err := keys.SaveStorage(storage, keys.Storage{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.LoadAuditor(storage); err == nil || !strings.Contains(err.Error(), "this is a storage key") {
		t.Errorf("a storage key as an auditor's: %v", err)
	}
	if _, err := keys.Load(path); err == nil || !strings.Contains(err.Error(), "this is a auditor key") {
		t.Errorf("an auditor's key as a node's: %v", err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.Fields(strings.Split(string(raw), "\n")[1])[1]
	if s := fmt.Sprintf("%v %+v %#v %s %x", got, got, got, got, got); strings.Contains(s, secret) {
		t.Error("a key shows its secret when it is printed")
	}
	raw[len(raw)-2] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.LoadAuditor(path); err == nil {
		t.Error("a damaged key file was read")
	}
}
