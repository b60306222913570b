package ct_test

import (
	"testing"

	"github.com/herald-net/herald/node/ct"
)

// What special categories look like in six languages, and what only sounds so.
func TestSpecialCategories(t *testing.T) {
	for text, want := range map[string]string{
		"He was seen at the mosque with two others.": "religion",
		"Sa famille est chiite.":                     "religion",
		"Es católico practicante":                    "religion",
		"Исповедует ислам":                           "religion",
		"他是穆斯林":                                      "religion",
		"يصلي في المسجد":                             "religion",
		"of Kurdish origin":                          "ethnicity",
		"d'origine ethnique inconnue":                "ethnicity",
		"pertenece a una tribu del norte":            "ethnicity",
		"цыганская семья":                            "ethnicity",
		"少数民族":                                       "ethnicity",
		"من قبيلة كبيرة":                             "ethnicity",
		"treated for diabetes":                       "health",
		"suivi en psychiatrie":                       "health",
		"está embarazada":                            "health",
		"имеет инвалидность":                         "health",
		"患有艾滋病":                                      "health",
		"مصاب بالسرطان":                              "health",
		"member of the opposition":                   "political opinion",
		"opposant, militant connu":                   "political opinion",
		"opositor conocido":                          "political opinion",
		"оппозиционный активист":                     "political opinion",
		"参加抗议活动":                                     "political opinion",
		"ناشط معارض":                                 "political opinion",
		"a unionist of the dockers":                  "a union",
		"syndicaliste":                               "a union",
		"dirigente sindical":                         "a union",
		"член профсоюза":                             "a union",
		"工会成员":                                       "a union",
		"عضو في النقابة":                             "a union",
		"known to be gay":                            "sexual life",
		"homosexuel":                                 "sexual life",
		"es lesbiana":                                "sexual life",
		"гомосексуал":                                "sexual life",
		"同性恋者":                                       "sexual life",
		"علاقة مثلية":                                "sexual life",

		"Travelled with a false passport and two companions.": "",
		"Convicted in 2024; warrant of the court of Norrvik.": "",
		"Un passeport volé a été présenté au guichet.":        "",
		"Viajó con documentos falsos el martes.":              "",
		"Прибыл рейсом из порта, предъявил чужой паспорт.":    "",
		"使用伪造护照入境":                                            "",
		"وصل بجواز سفر مزور":                                  "",
		"European Union citizen, eats racecourse hotdogs":     "",
		"": "",
	} {
		n := &ct.Notification{Assessment: ct.Assessment{GroundsText: text}}
		got := n.SpecialCategories()
		if want == "" && len(got) != 0 || want != "" && !got.Has("assessment.grounds_text", ct.FaultSpecial+" "+want) {
			t.Errorf("%q: %v, want %q", text, []ct.Fault(got), want)
		}
	}
	// Every field of free text.
	word := "a mosque"
	n := &ct.Notification{
		Event: ct.Event{
			Accompanying: []ct.Companion{{Note: word}}, Detention: &ct.Detention{LegalGround: word},
			Legs: []ct.Leg{{To: ct.Place{Text: word}}},
		},
		Person: ct.Person{
			BirthPlaces: []ct.PlaceOfLife{{Text: word}}, Residence: []ct.PlaceOfLife{{Text: word}},
			Physical: &ct.Physical{Marks: []string{word}}, MisusedIdentity: &ct.Misused{Note: word},
		},
		Assessment: ct.Assessment{GroundsText: word}, Handling: ct.Handling{Text: word}, Retention: ct.Retention{ExtensionReason: word},
	}
	if got := n.SpecialCategories(); len(got) != 10 {
		t.Errorf("found in %d fields: %v", len(got), []ct.Fault(got))
	}
	if got := (&ct.Retraction{Text: word}).SpecialCategories(); len(got) != 1 {
		t.Errorf("a retraction: %v", []ct.Fault(got))
	}
}
