package testnet_test

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
	"github.com/herald-net/herald/testnet"
)

// realFolder writes files of the real data's names and shape with invented
// persons: listed ones, whom the positives ask for, and others.
func realFolder(t *testing.T, listed, others int) string {
	t.Helper()
	dir, gen := t.TempDir(), synth.New(23)
	esc := func(s string) string {
		var b bytes.Buffer
		if err := xml.EscapeText(&b, []byte(s)); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	var list strings.Builder
	rows := func(n int, each func(k int, p ct.Person)) string {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		_ = w.Write([]string{"full_name", "gender", "date_of_birth", "nationality"})
		for k := range n {
			p := gen.Person()
			each(k, p)
			nationality := ""
			if len(p.Nationalities) > 0 {
				nationality = ct.StateName(p.Nationalities[0])
			}
			_ = w.Write([]string{p.Names[0].Full, "", strings.Trim(p.Births[0].Date, "~"), nationality})
		}
		w.Flush()
		return b.String()
	}
	list.WriteString("<CONSOLIDATED_LIST dateGenerated=\"2030-01-02T00:00:09.000Z\"><INDIVIDUALS>")
	positives := rows(listed, func(k int, p ct.Person) {
		date := strings.Trim(p.Births[0].Date, "~")
		fmt.Fprintf(&list, "<INDIVIDUAL><DATAID>%d</DATAID><FIRST_NAME>%s</FIRST_NAME><REFERENCE_NUMBER>XXi.%03d</REFERENCE_NUMBER>"+
			"<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>EXACT</TYPE_OF_DATE><YEAR>%.4s</YEAR></INDIVIDUAL_DATE_OF_BIRTH></INDIVIDUAL>",
			9000000+k, esc(p.Names[0].Full), k, date)
	})
	list.WriteString("</INDIVIDUALS><ENTITIES></ENTITIES></CONSOLIDATED_LIST>")
	files := map[string]string{
		"unlist/un_consolidated.xml":     list.String(),
		"names/positives_un_treated.csv": positives,
		"names/negatives_global.csv":     rows(others, func(int, ct.Person) {}),
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestRealOnInventedPersons proves on invented lists what `make real` measures
// on real ones.
func TestRealOnInventedPersons(t *testing.T) {
	data := realFolder(t, 40, 40)
	var out bytes.Buffer
	dir, last := shortDir(t), 0
	err := testnet.Real(t.Context(), testnet.RealOptions{Data: data, Dir: dir, Out: &out, Progress: func(_ string, done, _ int) { last = done }})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"40 persons read, 40 accepted, 0 rejected", "raises the match budgets", "100.0%", "       320   320"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if last != 40 {
		t.Errorf("progress ended at %d", last)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the testnet was left behind: %v", err)
	}
}

// TestRealMissesTargets asks for persons who are not on the list.
func TestRealMissesTargets(t *testing.T) {
	data := realFolder(t, 10, 10)
	positives := filepath.Join(data, "names/positives_un_treated.csv")
	raw, err := os.ReadFile(filepath.Join(data, "names/negatives_global.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(positives, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := testnet.Real(t.Context(), testnet.RealOptions{Data: data, Dir: shortDir(t), Out: &out}); !errors.Is(err, testnet.ErrMissed) {
		t.Errorf("got %v, want ErrMissed\n%s", err, out.String())
	}
}

func TestRealWithoutData(t *testing.T) {
	err := testnet.Real(t.Context(), testnet.RealOptions{Data: t.TempDir(), Dir: shortDir(t)})
	if !errors.Is(err, testnet.ErrNoData) {
		t.Errorf("got %v, want ErrNoData", err)
	}
}

func TestPossibleDate(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "1965": "1965", "1965-07-04": "1965-07-04", "1965-02-30": "1965-02", "1965-13-01": "1965", "19x5": "",
	} {
		if got := testnet.PossibleDate(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestStateOf(t *testing.T) {
	for in, want := range map[string]string{"fj": "FJI", "FJ": "FJI", "iceland": "ISL", "": "", "Utopia": "", "zz": ""} {
		if got := testnet.StateOf(in); string(got) != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestReadQueries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "q.csv")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("\ufefffull_name,x,date_of_birth,nationality\n\"KORVEN, MIRA\",,1965-02-30,is\nTano Wel,,,Fiji\nOla Brin,,1970,\n")
	if got, err := testnet.ReadQueries(path, 0); err != nil || len(got) != 3 {
		t.Errorf("all: got %d, %v", len(got), err)
	}
	if got, err := testnet.ReadQueries(path, 2); err != nil || len(got) != 2 {
		t.Errorf("two: got %d, %v", len(got), err)
	}
	for _, bad := range []string{"", "full_name\nx\n", "full_name,date_of_birth,nationality\n", "full_name,date_of_birth,nationality\n\"x\n"} {
		write(bad)
		if _, err := testnet.ReadQueries(path, 0); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
