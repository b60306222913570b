package ct_test

import (
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/herald-net/herald/node/ct"
)

func TestStateTable(t *testing.T) {
	all := ct.Countries()
	byStatus, alpha2 := map[ct.StateStatus]int{}, map[string]bool{}
	for i, c := range all {
		if i > 0 && all[i-1].State >= c.State {
			t.Errorf("%s is out of order: lookup is binary", c.State)
		}
		if got, ok := ct.LookupState(c.State); !ok || got != c {
			t.Errorf("%s is not found", c.State)
		}
		byStatus[c.Status]++
		if c.Name == "" || len(c.State) != 3 {
			t.Errorf("%s: incomplete", c.State)
		}
		if c.Status == ct.StatusICAO {
			if c.Alpha2 != "" || c.Region != "" {
				t.Errorf("%s: a code of ICAO alone has no alpha-2 code and no region", c.State)
			}
			continue
		}
		if len(c.Alpha2) != 2 || alpha2[c.Alpha2] {
			t.Errorf("%s: alpha-2 %q is missing or used twice", c.State, c.Alpha2)
		}
		alpha2[c.Alpha2] = true
		if s, ok := ct.StateByAlpha2(c.Alpha2); !ok || s != c.State {
			t.Errorf("alpha-2 %s gives %s, want %s", c.Alpha2, s, c.State)
		}
		if c.Region == "" && c.State != "ATA" || c.Region != "" && !ct.InRegion(c.State, "001") {
			t.Errorf("%s: region %q does not lead to the world", c.State, c.Region)
		}
	}
	if got := byStatus[ct.StatusMember] + byStatus[ct.StatusObserver] + byStatus[ct.StatusOther]; got != 249 {
		t.Errorf("%d codes of ISO 3166-1, want 249", got)
	}
	if got := byStatus[ct.StatusMember]; got != 193 {
		t.Errorf("%d Member States, want 193", got)
	}
	if got := byStatus[ct.StatusObserver]; got != 2 {
		t.Errorf("%d observers, want 2", got)
	}
	for _, s := range []ct.State{"XXA", "XXB", "XXC", "XXX", "UNO", "UNA", "UNK", "RKS", "EUE", "XPO", "UTO"} {
		if c, ok := ct.LookupState(s); !ok || c.Status != ct.StatusICAO {
			t.Errorf("%s is missing", s)
		}
	}
}

func TestStateNamesAndForms(t *testing.T) {
	for in, want := range map[string]ct.State{"D": "DEU", "D<<": "DEU", "uto": "UTO", " ken ": "KEN", "ZZZ": "ZZZ"} {
		if got := ct.CanonicalState(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	for s, want := range map[ct.State]bool{"DEU": true, "UTO": true, "D": false, "deu": false, "": false, "DE": false, "ZZZ": false} {
		if got := ct.ValidState(s); got != want {
			t.Errorf("ValidState(%q) = %v, want %v", s, got, want)
		}
	}
	if got := ct.StateName("UZB"); got != "Uzbekistan" {
		t.Errorf("got %q", got)
	}
	if got := ct.StateName("ZZZ"); got != "ZZZ" {
		t.Errorf("unknown code: got %q", got)
	}
}

func TestInRegion(t *testing.T) {
	tests := []struct {
		state ct.State
		m49   string
		want  bool
	}{
		{"UZB", "143", true}, {"UZB", "142", true}, {"UZB", "001", true}, {"UZB", "034", false},
		{"KEN", "014", true}, {"KEN", "202", true}, {"KEN", "002", true}, {"KEN", "015", false},
		{"ATA", "001", false}, {"UTO", "001", false}, {"UZB", "", false}, {"ZZZ", "001", false},
	}
	for _, tt := range tests {
		if got := ct.InRegion(tt.state, tt.m49); got != tt.want {
			t.Errorf("InRegion(%s, %s) = %v, want %v", tt.state, tt.m49, got, tt.want)
		}
	}
	if !ct.ValidRegion("143") || !ct.ValidRegion("001") || ct.ValidRegion("999") || ct.ValidRegion("") {
		t.Error("ValidRegion knows the regions of M49 and no others")
	}
}

// TestStateTableAgainstSource compares with the public table of codes that
// lies beside the repository, where it is present.
func TestStateTableAgainstSource(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "data", "codes", "country-codes.csv")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the table of codes is not beside the repository; TestStateTable checks the counts")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	col := func(name string) int { return slices.Index(rows[0], name) }
	a3, a2, sub, mid := col("ISO3166-1-Alpha-3"), col("ISO3166-1-Alpha-2"), col("Sub-region Code"), col("Intermediate Region Code")
	seen := 0
	for _, r := range rows[1:] {
		if strings.TrimSpace(r[a3]) == "" {
			continue
		}
		seen++
		c, ok := ct.LookupState(ct.State(r[a3]))
		if !ok || c.Alpha2 != r[a2] {
			t.Errorf("%s: alpha-2 %q, want %q", r[a3], c.Alpha2, r[a2])
			continue
		}
		want := strings.TrimSpace(r[mid])
		if want == "" {
			want = strings.TrimSpace(r[sub])
		}
		if want == "" || c.State == "GGY" || c.State == "JEY" { // the source keeps the Channel Islands region that M49 gave up
			continue
		}
		if want = strings.Repeat("0", 3-len(want)) + want; c.Region != want {
			t.Errorf("%s: region %s, want %s", r[a3], c.Region, want)
		}
	}
	if seen != 249 {
		t.Errorf("compared %d codes, want 249", seen)
	}
}
