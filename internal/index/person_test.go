package index_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/node/ct"
)

var testKey = [32]byte{1, 2, 3}

func openIndex(t testing.TB, path string) *index.Index {
	t.Helper()
	x, err := index.Open(index.Config{Path: path, Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func update(t testing.TB, x *index.Index, c index.Cursors, changes ...index.Change) {
	t.Helper()
	if err := x.Update(c, changes); err != nil {
		t.Fatal(err)
	}
}

func named(name, birth string, documents ...string) *ct.Person {
	p := &ct.Person{Names: []ct.Name{{Full: name}}}
	if birth != "" {
		p.Births = []ct.Birth{{Date: birth}}
	}
	for _, d := range documents {
		p.Documents = append(p.Documents, ct.Document{Number: d})
	}
	return p
}

// found lists the refs of the hits, in order.
func found(t testing.TB, x *index.Index, p *ct.Person) string {
	t.Helper()
	hits, err := x.Find(match.Prepare(*p), 10)
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, h := range hits {
		refs = append(refs, h.Ref)
	}
	return strings.Join(refs, " ")
}

func TestFind(t *testing.T) {
	x := openIndex(t, filepath.Join(t.TempDir(), "index.db"))
	update(t, x, index.Cursors{Store: 7},
		index.Change{Ref: "a", Origin: "list one", Person: named("Tarek Munir Belkazi", "1971-03-05", "UT1234567")},
		index.Change{Ref: "b", Person: named("Ingrid Solheim", "1971-03-05")},
		index.Change{Ref: "c", Person: named("Han Mi-so", "1980")},
		index.Change{Ref: "d", Person: named("Abd al-Rahman Shufani", "1968/1972")},
	)
	for _, c := range []struct {
		name  string
		query *ct.Person
		want  string
	}{
		{"as written", named("Tarek Munir Belkazi", "1971-03-05"), "a b"}, // b was born on the same day
		{"typing error in the rarest token", named("Tarek Belkzai", "1971-03-05"), "a b"},
		{"order", named("BELKAZI Tarek", ""), "a"},
		{"another script", named("طارق منير بلكازي", ""), "a"},
		{"document alone", &ct.Person{Documents: []ct.Document{{Number: "ut 1234567"}}}, "a"},
		{"joined syllables", named("Han Miso", ""), "c"},
		{"joined compound", named("Abdurrahman Shufani", "1970"), "d"},
		{"unknown", named("Oluwaseun Adeyemi", "1971-03-06"), ""},
		{"another name, the same day", named("Oluwaseun Adeyemi", "1971-03-05"), "a b"},
		{"birth alone", &ct.Person{Births: []ct.Birth{{Date: "1971-03-05"}}}, ""},
		{"nothing", &ct.Person{}, ""},
	} {
		if got := found(t, x, c.query); got != c.want {
			t.Errorf("%s: found %q, want %q", c.name, got, c.want)
		}
	}
	hits, err := x.Find(match.Prepare(*named("Tarek Munir Belkazi", "1971-03-05")), 1)
	if err != nil || len(hits) != 1 || hits[0].Origin != "list one" || hits[0].Tier != match.Strong || len(hits[0].Why) == 0 {
		t.Errorf("hits %v, error %v", hits, err)
	}
	if hits, _ := x.Find(match.Prepare(*named("Tarek Belkazi", "")), 0); len(hits) != 0 {
		t.Error("a limit of 0 gives hits")
	}
}

func TestUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := openIndex(t, path)
	if c := x.Cursors(); c != (index.Cursors{}) || x.Persons() != 0 {
		t.Fatalf("a new index has cursors %v and %d persons", c, x.Persons())
	}
	tarek, ingrid := named("Tarek Belkazi", "1971-03-05"), named("Ingrid Solheim", "1980")
	steps := []struct {
		name    string
		changes []index.Change
		persons int
		tarek   string // refs found for each
		ingrid  string
	}{
		{"add", []index.Change{{Ref: "1", Person: tarek}}, 1, "1", ""},
		{"the same again", []index.Change{{Ref: "1", Person: tarek}}, 1, "1", ""},
		{"replace", []index.Change{{Ref: "1", Person: ingrid}}, 1, "", "1"},
		{"remove what is not there", []index.Change{{Ref: "9"}}, 1, "", "1"},
		{"add and remove in one update", []index.Change{{Ref: "2", Person: tarek}, {Ref: "2"}}, 1, "", "1"},
		{"remove and add in one update", []index.Change{{Ref: "1"}, {Ref: "1", Person: tarek}}, 1, "1", ""},
		{"two of one name", []index.Change{{Ref: "2", Person: tarek}}, 2, "1 2", ""},
		{"remove", []index.Change{{Ref: "1"}}, 1, "2", ""},
		{"the number is used again", []index.Change{{Ref: "3", Person: ingrid}}, 2, "2", "3"},
		{"remove all", []index.Change{{Ref: "2"}, {Ref: "3"}}, 0, "", ""},
		{"add after all", []index.Change{{Ref: "4", Person: tarek}}, 1, "4", ""},
	}
	for i, s := range steps {
		want := index.Cursors{Store: uint64(i + 1), Lists: uint64(2 * i)}
		update(t, x, want, s.changes...)
		check := func(when string) {
			t.Helper()
			if x.Persons() != s.persons || x.Cursors() != want {
				t.Fatalf("%s%s: %d persons at %v, want %d at %v", s.name, when, x.Persons(), x.Cursors(), s.persons, want)
			}
			if a, b := found(t, x, tarek), found(t, x, ingrid); a != s.tarek || b != s.ingrid {
				t.Fatalf("%s%s: found %q and %q, want %q and %q", s.name, when, a, b, s.tarek, s.ingrid)
			}
		}
		check("")
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		x = openIndex(t, path)
		check(", after reopening")
	}
	update(t, x, index.Cursors{}, index.Change{Ref: "4"})
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if n := entries(t, path, "postings", "keys", "persons", "refs"); n != 0 {
		t.Errorf("an index without persons has %d entries", n)
	}
}

// entries counts the keys of buckets.
func entries(t testing.TB, path string, buckets ...string) (n int) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		for _, b := range buckets {
			n += tx.Bucket([]byte(b)).Stats().KeyN
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A query and persons at every limit, as a hostile member may send them, are
// answered from a bounded number of comparisons, the best candidate first.
func TestFindHostile(t *testing.T) {
	x := openIndex(t, filepath.Join(t.TempDir(), "index.db"))
	crowd := func(n int) *ct.Person {
		p := named(fmt.Sprintf("Zorblax%c Quentaris", 'a'+n), "1971-03-05")
		for i := range match.MaxNames {
			var words []string
			for j := range 16 {
				words = append(words, strings.Repeat(string(rune('b'+(i+j)%20))+"aeiou"[j%5:j%5+1]+string(rune('c'+(i*j)%18)), 9))
			}
			p.Names = append(p.Names, ct.Name{Full: strings.Join(words, " ")})
		}
		return p
	}
	var changes []index.Change
	for i := range 20 {
		changes = append(changes, index.Change{Ref: fmt.Sprint(i), Person: crowd(i)})
	}
	update(t, x, index.Cursors{}, changes...)
	hits, err := x.Find(match.Prepare(*crowd(7)), 5)
	if err != nil || len(hits) == 0 || hits[0].Tier != match.Strong {
		t.Fatalf("%d hits, error %v", len(hits), err)
	}
	if got := found(t, x, named("Zorblaxh Quentaris", "1971-03-05")); !strings.HasPrefix(got, "7") {
		t.Errorf("found %q, want 7 first", got)
	}
}

func TestUpdateRefuses(t *testing.T) {
	x := openIndex(t, filepath.Join(t.TempDir(), "index.db"))
	for _, c := range []struct {
		name    string
		changes []index.Change
	}{
		{"no ref", []index.Change{{Person: named("Tarek Belkazi", "")}}},
		{"long ref", []index.Change{{Ref: strings.Repeat("x", 256), Person: named("Tarek Belkazi", "")}}},
		{"long origin", []index.Change{{Ref: "1", Origin: strings.Repeat("x", 256), Person: named("Tarek Belkazi", "")}}},
		{"too many", make([]index.Change, index.MaxChanges+1)},
	} {
		err := x.Update(index.Cursors{Store: 1}, c.changes)
		if err == nil || strings.Contains(err.Error(), "Belkazi") {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
	if x.Cursors() != (index.Cursors{}) || x.Persons() != 0 {
		t.Error("a refused update left a trace")
	}
}

// What is on the disk shows no name, birth, document or ref, in any case.
func TestDiskShowsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := openIndex(t, path)
	p := named("Xanthippe Quorlington", "1971-03-05", "UT7654321")
	p.Names = append(p.Names, ct.Name{Full: "Abdulrahman Vrzhnek"}, ct.Name{Full: "طارق بلكازي"})
	update(t, x, index.Cursors{Store: 1}, index.Change{Ref: "canary-reference", Origin: "canary-origin", Person: p})
	if got := found(t, x, p); got != "canary-reference" {
		t.Fatalf("found %q", got)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw = bytes.ToLower(raw)
	for _, canary := range []string{"xanthippe", "xantip", "quorlington", "quorl", "vrzhnek", "rahman", "blkazi", "بلكازي", "7654321", "1971-03-05", "canary"} {
		if bytes.Contains(raw, []byte(canary)) {
			t.Errorf("the file holds %q", canary)
		}
	}
}

func TestOtherKeyOrVersion(t *testing.T) {
	fill := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "index.db")
		x := openIndex(t, path)
		update(t, x, index.Cursors{Store: 5, Lists: 6}, index.Change{Ref: "1", Person: named("Tarek Belkazi", "")})
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	edit := func(t *testing.T, path string, fn func(*bbolt.Tx) error) {
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(fn); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		key   [32]byte
	}{
		{"another key", func(*testing.T, string) {}, [32]byte{9}},
		{"another version", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("version"), []byte{0, 0, 0, 1}) })
		}, testKey},
		{"a bucket is missing", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("keys")) })
		}, testKey},
		{"no bbolt file", func(t *testing.T, path string) {
			noise := make([]byte, 1<<16)
			rand.Read(noise)
			if err := os.WriteFile(path, noise, 0o600); err != nil {
				t.Fatal(err)
			}
		}, testKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := fill(t)
			c.spoil(t, path)
			x, err := index.Open(index.Config{Path: path, Key: c.key})
			if err != nil {
				t.Fatal(err)
			}
			defer x.Close()
			if x.Cursors() != (index.Cursors{}) || x.Persons() != 0 {
				t.Errorf("%d persons at %v, want an empty index", x.Persons(), x.Cursors())
			}
			update(t, x, index.Cursors{Store: 1}, index.Change{Ref: "2", Person: named("Tarek Belkazi", "")})
			if got := found(t, x, named("Tarek Belkazi", "")); got != "2" {
				t.Errorf("found %q, want 2", got)
			}
		})
	}
}

func TestOpenTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := openIndex(t, path)
	if _, err := index.Open(index.Config{Path: path, Key: testKey}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("error %v", err)
	}
	update(t, x, index.Cursors{}, index.Change{Ref: "1", Person: named("Tarek Belkazi", "")})
}

// A value moved to another key, or changed by a bit, is an error and never
// another person.
func TestDamagedEntry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := openIndex(t, path)
	update(t, x, index.Cursors{},
		index.Change{Ref: "1", Person: named("Tarek Belkazi", "")}, index.Change{Ref: "2", Person: named("Ingrid Solheim", "")})
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("persons"))
		k1, v1 := b.Cursor().First()
		_, v2 := b.Cursor().Last()
		if bytes.Equal(v1, v2) {
			return fmt.Errorf("one person")
		}
		return b.Put(bytes.Clone(k1), bytes.Clone(v2))
	})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	x = openIndex(t, path)
	if hits, err := x.Find(match.Prepare(*named("Tarek Belkazi", "")), 5); err == nil {
		t.Errorf("a moved entry gives %d hits", len(hits))
	} else if strings.Contains(err.Error(), "Belkazi") {
		t.Errorf("the error shows a name: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = openIndex(t, path)
	if x.Persons() != 0 || x.Cursors() != (index.Cursors{}) {
		t.Errorf("%d persons after a damaged one was met: the index is not built again", x.Persons())
	}
}

// Find beside Update sees whole updates: in each, the person bears one name or
// the other.
func TestFindDuringUpdate(t *testing.T) {
	x := openIndex(t, filepath.Join(t.TempDir(), "index.db"))
	one, two := named("Tarek Belkazi", "1971-03-05"), named("Ingrid Solheim", "1980-01-02")
	update(t, x, index.Cursors{}, index.Change{Ref: "1", Person: one})
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if a := found(t, x, one); a != "" && a != "1" {
					t.Errorf("found %q", a)
					return
				}
				x.Persons()
				x.Cursors()
			}
		})
	}
	for i := range 60 {
		p := one
		if i%2 == 0 {
			p = two
		}
		update(t, x, index.Cursors{Store: uint64(i)}, index.Change{Ref: "1", Person: p},
			index.Change{Ref: fmt.Sprint("more", i), Person: named(fmt.Sprintf("Person Nummer%c%c Extra", 'a'+i%26, 'a'+i/26), "")})
		want := map[bool]string{true: "", false: "1"}[i%2 == 0]
		if got := found(t, x, one); got != want {
			t.Fatalf("update %d: found %q, want %q", i, got, want)
		}
	}
	close(done)
	wg.Wait()
}

func TestThrowaway(t *testing.T) {
	x, err := index.Open(index.Config{Path: filepath.Join(t.TempDir(), "screen.db"), Key: testKey, Throwaway: true})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	update(t, x, index.Cursors{}, index.Change{Ref: "1", Person: named("Tarek Belkazi", "")})
	if got := found(t, x, named("Tarek Belkazi", "")); got != "1" {
		t.Errorf("found %q", got)
	}
}

// The log says what happened and shows no person.
func TestLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	path := filepath.Join(t.TempDir(), "index.db")
	for _, key := range [][32]byte{{1}, {2}} {
		x, err := index.Open(index.Config{Path: path, Key: key, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		update(t, x, index.Cursors{}, index.Change{Ref: "1", Person: named("Xanthippe Quorlington", "")})
		found(t, x, named("Xanthippe Quorlington", ""))
		x.Close()
	}
	if s := strings.ToLower(out.String()); !strings.Contains(s, "built again") || strings.Contains(s, "quorl") {
		t.Errorf("log: %s", s)
	}
}

// A rotten word does not keep a node from starting: the index is built again.
func TestRottenWord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := openIndex(t, path)
	update(t, x, index.Cursors{Store: 7}, index.Change{Ref: "a", Person: named("Tarek Munir Belkazi", "1971-03-05")})
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("postings"))
		k, v := b.Cursor().First()
		v = bytes.Clone(v)
		v[len(v)/2] ^= 4
		return b.Put(bytes.Clone(k), v)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	x = openIndex(t, path)
	if c := x.Cursors(); c != (index.Cursors{}) || x.Persons() != 0 {
		t.Errorf("cursors %+v, %d persons: it is not built again", c, x.Persons())
	}
	update(t, x, index.Cursors{Store: 7}, index.Change{Ref: "a", Person: named("Tarek Munir Belkazi", "1971-03-05")})
	if got := found(t, x, named("Tarek Belkazi", "")); got != "a" {
		t.Errorf("found %q", got)
	}
}
