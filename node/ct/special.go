package ct

import (
	"slices"
	"strings"
	"unicode"
)

// FaultSpecial begins what SpecialCategories says of a field.
const FaultSpecial = "may tell of"

// SpecialCategories names the fields of free text that may tell of the person's
// religion, ethnicity, health, political opinion, union membership or sexual
// life, in any of the six languages of the United Nations. There is no field
// for them, and they have no place in another one. It finds words, not
// meanings: whoever signs decides, and much passes it.
func (n *Notification) SpecialCategories() Faults {
	e, p := &n.Event, &n.Person
	c := checker{}
	c.special("assessment.grounds_text", -1, n.Assessment.GroundsText)
	c.special("handling.text", -1, n.Handling.Text)
	c.special("retention.extension_reason", -1, n.Retention.ExtensionReason)
	for i := range e.Accompanying {
		c.special("event.accompanying", i, e.Accompanying[i].Note)
	}
	if d := e.Detention; d != nil {
		c.special("event.detention", -1, d.Authority+" "+d.Region+" "+d.LegalGround)
	}
	for i := range e.Legs {
		c.special("event.legs", i, e.Legs[i].From.Text+" "+e.Legs[i].To.Text)
	}
	for i := range p.BirthPlaces {
		c.special("person.birth_places", i, p.BirthPlaces[i].Text)
	}
	for i := range p.Residence {
		c.special("person.residence", i, p.Residence[i].Text)
	}
	if p.Physical != nil {
		for i, m := range p.Physical.Marks {
			c.special("person.physical.marks", i, m)
		}
	}
	if p.MisusedIdentity != nil {
		c.special("person.misused_identity.note", -1, p.MisusedIdentity.Note)
	}
	return c.faults
}

// SpecialCategories does the same for the remark of a retraction.
func (r *Retraction) SpecialCategories() Faults {
	c := checker{}
	c.special("text", -1, r.Text)
	return c.faults
}

// special faults a text once for each category that it may tell of.
func (c *checker) special(field string, i int, text string) {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) })
	for _, cat := range specialWords {
		if slices.ContainsFunc(words, func(w string) bool {
			return slices.ContainsFunc(cat.stems, func(s string) bool { return hasStem(w, s) })
		}) {
			c.faultAt(field, i, FaultSpecial+" "+cat.name)
		}
	}
}

// hasStem tells whether a word is a stem with or without an ending, an Arabic
// one behind its article and prefixes too. A stem that ends in "$" is a whole
// word. Chinese is written without blanks: there a stem stands anywhere.
func hasStem(word, stem string) bool {
	first := []rune(stem)[0]
	switch whole, isWhole := strings.CutSuffix(stem, "$"); {
	case isWhole:
		return word == whole
	case unicode.Is(unicode.Han, first):
		return strings.Contains(word, stem)
	case unicode.Is(unicode.Arabic, first):
		for _, prefix := range []string{"", "ال", "وال", "بال", "كال", "لل", "و", "ب", "ل"} {
			if rest, ok := strings.CutPrefix(word, prefix); ok && strings.HasPrefix(rest, stem) {
				return true
			}
		}
		return false
	}
	return strings.HasPrefix(word, stem)
}

// specialWords are stems in lower case: English, French, Spanish, Russian,
// Chinese, Arabic.
var specialWords = []struct {
	name  string
	stems []string
}{
	{"religion", []string{
		"religio", "muslim", "musulm", "islam", "sunni", "suní", "sunit", "shia", "shii", "chiite", "chií", "salafi", "salafí", "wahhab", "christian", "chrétien", "chretien", "cristian",
		"catholi", "católic", "catolic", "orthodox", "ortodox", "protestant", "evangeli", "évangéli", "jew$", "jews$", "jewish", "juif", "juive", "judío", "judio", "hindu", "buddh", "bouddh",
		"budis", "sikh", "bahai", "yazid", "yézid", "ahmadi", "atheis", "athée", "ateo", "ateís", "mosque", "mosqué", "mezquita", "converted", "converti", "convers", "imam",
		"религ", "мусульман", "ислам", "суннит", "шиит", "салафит", "христиан", "православ", "католик", "католич", "иуде", "еврей", "буддис", "индуис", "атеис", "мечет",
		"宗教", "穆斯林", "伊斯兰", "基督", "天主教", "佛教", "犹太", "信仰", "清真寺",
		"دين", "ديان", "مسلم", "إسلام", "اسلام", "سني", "شيع", "سلفي", "مسيحي", "يهود", "كاثوليك", "ملحد", "مسجد", "هندوس", "بوذي",
	}},
	{"ethnicity", []string{
		"ethnic", "ethni", "étni", "racial", "race$", "races$", "raza", "racia", "tribe", "tribal", "tribu", "caste", "casta$", "gypsy", "gitan", "romani$", "kurd", "uyghur", "uighur", "ouïghour",
		"ouigour", "uigur", "rohingya", "hazara", "pashtun", "arab$", "arabs$", "arabe", "árabe", "black man", "negro", "berber", "bereber", "tuareg", "touareg", "indigen", "indígen", "indigèn",
		"этнич", "национальности", "расов", "раса$", "племя", "племен", "цыган", "курд", "уйгур", "чечен", "араб$", "арабск",
		"民族", "种族", "部落", "维吾尔", "库尔德", "吉普赛", "罗兴亚",
		"عرقي", "عرق", "إثني", "اثني", "قبيل", "قبائل", "كردي", "أكراد", "غجر", "أمازيغ", "روهينغ",
	}},
	{"health", []string{
		"health", "medical", "médic", "medic", "disease", "illness", "sick$", "hospital", "hôpital", "hiv", "aids$", "sida$", "vih$", "cancer", "cáncer", "diabet", "epilep", "épilep", "psychi", "psiqui",
		"mental", "depress", "dépress", "depres", "pregnan", "enceinte", "embaraz", "disab", "handicap", "discapac", "addict", "toxicoman", "adicto", "adicc", "malad", "santé", "salud", "enferm", "suicid",
		"здоров", "болезн", "болен", "больн", "медицин", "вич$", "спид$", "рак$", "диабет", "психи", "депресс", "беремен", "инвалид", "нарком",
		"健康", "疾病", "患病", "艾滋", "癌症", "糖尿病", "精神病", "抑郁", "怀孕", "残疾", "吸毒",
		"صح", "مرض", "مريض", "طبي", "مستشف", "سرطان", "سكري", "إيدز", "نفسي", "اكتئاب", "حامل", "معاق", "إعاق", "مدمن",
	}},
	{"political opinion", []string{
		"political", "politique", "polític", "politic", "opposition", "oposici", "opositor", "dissident", "disident", "activist", "activista", "militant", "communis", "comunis", "socialis", "anarchis", "anarquis",
		"separatis", "séparatis", "protest$", "protests$", "protester", "manifestant", "demonstrat", "election", "élection", "elecci", "journalis", "periodist", "party member",
		"политич", "оппозици", "диссидент", "активист", "коммунист", "социалист", "анархист", "сепаратист", "протест", "митинг", "журналист",
		"政治", "反对派", "异见", "活动家", "共产", "分裂主义", "抗议", "示威", "记者",
		"سياس", "معارض", "منشق", "ناشط", "شيوعي", "اشتراكي", "انفصالي", "احتجاج", "متظاهر", "صحفي", "حزب",
	}},
	{"a union", []string{
		"trade union", "union member", "unionis", "syndica", "syndiqu", "sindica", "cgt$", "strike$", "striker", "grévist", "grève", "huelg",
		"профсоюз", "забастов",
		"工会", "罢工",
		"نقاب", "إضراب",
	}},
	{"sexual life", []string{
		"sexual", "sexuel", "sexuell", "homosex", "bisex", "transsex", "transgender", "transgenre", "transgén", "gay$", "gays$", "lesb", "lgbt", "prostitu",
		"сексуал", "гомосек", "бисекс", "трансгендер", "лесби", "гей$", "проститу",
		"同性恋", "双性恋", "跨性别", "性取向", "卖淫", "性生活",
		"جنسي", "مثلي", "شاذ", "سحاق", "متحول", "دعار",
	}},
}
