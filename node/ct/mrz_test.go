package ct_test

import (
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// The specimens are those of ICAO Doc 9303 parts 4 to 7.
var specimens = map[string]string{
	"TD3":                  "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
	"TD1":                  "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<",
	"TD1 with long number": "I<UTOD23145890<7349<<<<<<<<<<<\n3407127M9507122UTO<<<<<<<<<<<2\nSTEVENSON<<PETER<JOHN<<<<<<<<<",
	"TD2":                  "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6",
	"TD2 with long number": "I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<\nD23145890<UTO3407127M95071227349<<<8",
	"MRV-A":                "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL8988901C4XXX4009078F96121096ZE184226B<<<<<<",
	"MRV-B":                "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nL8988901C4XXX4009078F9612109<<<<<<<<",
}

func validateMRZ(mrz string) ct.Faults {
	p := ct.Person{Names: []ct.Name{{Full: "Norel Havistan"}}, Documents: []ct.Document{{Number: "1", MRZ: mrz}}}
	return p.Validate(time.Time{})
}

func TestMRZ(t *testing.T) {
	for name, mrz := range specimens {
		t.Run(name, func(t *testing.T) {
			if f := validateMRZ(mrz); f != nil {
				t.Fatalf("the specimen: %v", f)
			}
			line := 1
			from := strings.IndexByte(mrz, '\n') + 1
			if strings.HasPrefix(name, "TD1") {
				line, from = 0, 0
			}
			// Each digit of the line with the number is covered by a check digit.
			at := from + strings.IndexAny(mrz[from:], "0123456789")
			bad := []byte(mrz)
			bad[at] = '0' + (bad[at]-'0'+1)%10
			if f := validateMRZ(string(bad)); !f.Has("person.documents[0].mrz", ct.FaultMRZCheck) && !f.Has("documents[0].mrz", ct.FaultMRZCheck) {
				t.Errorf("one digit of line %d changed: got %v, want %s", line, f, ct.FaultMRZCheck)
			}
		})
	}
	td3 := specimens["TD3"]
	for name, tt := range map[string]struct{ mrz, want string }{
		"one line":                          {td3[:44], ct.FaultMRZForm},
		"three lines":                       {td3 + "\n" + td3[:44], ct.FaultMRZForm},
		"short line":                        {td3[:len(td3)-1], ct.FaultMRZForm},
		"lower case":                        {strings.ToLower(td3), ct.FaultMRZForm},
		"blank":                             {strings.Replace(td3, "<", " ", 1), ct.FaultMRZForm},
		"birth":                             {strings.Replace(td3, "7408122", "7408123", 1), ct.FaultMRZCheck},
		"expiry":                            {strings.Replace(td3, "1204159", "1204158", 1), ct.FaultMRZCheck},
		"personal number":                   {strings.Replace(td3, "ZE184226B", "ZE184226C", 1), ct.FaultMRZCheck},
		"composite":                         {td3[:len(td3)-1] + "1", ct.FaultMRZCheck},
		"filler as check digit of a number": {strings.Replace(td3, "L898902C36", "L898902C3<", 1), ct.FaultMRZCheck},
	} {
		t.Run(name, func(t *testing.T) {
			if f := validateMRZ(tt.mrz); len(f) != 1 || !f.Has("documents[0].mrz", tt.want) {
				t.Errorf("got %v, want %s", f, tt.want)
			}
		})
	}
}

func TestCheckDigit(t *testing.T) {
	for field, want := range map[string]byte{"L898902C3": '6', "740812": '2', "120415": '9', "ZE184226B<<<<<": '1', "": '0'} {
		if got, ok := ct.CheckDigit(field); !ok || got != want {
			t.Errorf("%s: got %c, want %c", field, got, want)
		}
	}
	if _, ok := ct.CheckDigit("L89a"); ok {
		t.Error("a lower-case letter has a check digit")
	}
}

// FuzzMRZ: the check stands any bytes.
func FuzzMRZ(f *testing.F) {
	for _, mrz := range specimens {
		f.Add(mrz)
	}
	f.Fuzz(func(t *testing.T, mrz string) {
		if len(validateMRZ(mrz)) == 0 && mrz != "" && len(strings.Trim(mrz, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<\n")) > 0 {
			t.Fatal("a zone with other characters is accepted")
		}
	})
}
