package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What cannot be read is an error of its row and never an empty list of hits;
// equal text is found whatever the script, and a number in any form.
func TestScreenUnreadValues(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const latin = `{"id":"latin","names":[{"full":"Tarvo Quillendahl Mirovec"}],"documents":["12 AB 34 567"]}` + "\n"
	plain := write("plain.jsonl", latin)
	list := write("list.jsonl", latin+`{"id":"adlam","names":[{"full":"𞤃𞤢𞥄𞤥𞤢𞤣𞤵 𞤁𞤭𞤢𞤤𞤮"}]}
`)
	queries := write("one.csv", "name,document\nTarvo Quillendahl Mirovec,\n")
	herald(t, "", "screen", "--list", list, "--queries", queries, "--json").check(t, 0, "", "list.jsonl:2: not compared: names[0]: in a script that is not read")
	herald(t, "", "screen", "--list", list, "--queries", queries, "--json").check(t, 0, "", "2 accepted, 0 rejected, values left out 0, not compared 1")
	herald(t, "", "screen", "--list", list, "--queries", queries, "--json", "--strict").check(t, 2, "", "list.jsonl:2: not compared: names[0]")
	for _, c := range []struct{ row, out, strict string }{
		{"𞤃𞤢𞥄𞤥𞤢𞤣𞤵 𞤁𞤭𞤢𞤤𞤮,", `"id":"adlam"`, "in a script that is not read"},
		{"𞤀𞤤𞤭𞥄 𞤅𞤮𞤱,", `"error":`, "whether the person is listed is not known"},
		{"???? ????,", `"error":`, "nothing in it can be read"},
		{"M?ller-Gro?schmidt,", `"notes":`, "a letter was lost"},
		{"Tarvo Quillendahl Mirovec,12", `"notes":`, "no number that can be compared"},
		{",12AB34567", `"id":"latin"`, ""},
	} {
		queries := write("q.csv", "name,document\n"+c.row+"\n")
		args := []string{"screen", "--list", list, "--queries", queries, "--json"}
		herald(t, "", args...).check(t, 0, c.out, c.strict)
		if args[2] = plain; c.strict != "" {
			herald(t, "", append(args, "--strict")...).check(t, 2, "", strings.Replace(c.strict, "whether the person is listed is not known", "in a script that is not read", 1))
		}
	}
}
