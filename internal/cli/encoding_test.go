package cli_test

import (
	"context"
	"testing"
	"unicode/utf16"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/node/ct"
)

// A notification is read as people save it: with a byte order mark, and in UTF-16.
func TestPublishReadsAnyEncoding(t *testing.T) {
	doc := herald(t, "", "example").out
	wide := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(doc)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	got := 0
	dir := backend(t, api.Backend{Publish: func(_ context.Context, n *ct.Notification, o desk.PublishOptions) (desk.Receipt, error) {
		if got++; len(n.Person.Names) == 0 || !o.DryRun {
			t.Errorf("the node got another notification")
		}
		return desk.Receipt{}, nil
	}})
	for name, file := range map[string]string{"plain": doc, "a mark": "\ufeff" + doc, "two marks": "\ufeff\ufeff" + doc, "utf-16": string(wide)} {
		if r := herald(t, file, "publish", "-f", "-", "--dry-run", "--data", dir); r.code != 0 {
			t.Errorf("%s: exit code %d: %s", name, r.code, r.err)
		}
	}
	if got != 4 {
		t.Errorf("%d documents reached the node, want 4", got)
	}
	herald(t, "\x1f\x8b\x08", "publish", "-f", "-", "--dry-run", "--data", dir).check(t, 2, "", "unpack it first")
}
