package synth

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/herald-net/herald/node/ct"
)

// syllable is a sound in a script and in Latin letters. In cultures that
// write Latin, both are the same.
type syllable struct{ native, latin string }

// element is how a culture builds one part of a name.
type element struct {
	stems       []syllable
	least, most int        // stems to a part
	ends        []syllable // one of these behind; none when empty
	before      syllable   // in front, e.g. an article
}

// culture is a way of naming. Parts come in the order in which it says them.
type culture struct {
	script string // ISO 15924
	lang   string // BCP 47
	parts  []element
	drop   int // index of a part that may be missing; -1 when none
	joined bool
	family int // index of the part that a document calls the surname; -1 when none
}

func same(words string) []syllable {
	var out []syllable
	for _, w := range strings.Fields(words) {
		out = append(out, syllable{w, w})
	}
	return out
}

// pairs reads "native latin native latin …".
func pairs(words string) []syllable {
	f := strings.Fields(words)
	var out []syllable
	for i := 0; i+1 < len(f); i += 2 {
		out = append(out, syllable{f[i], f[i+1]})
	}
	return out
}

var (
	western  = same("ba bel cor dan dor el fen gar hal is jor kel lan mir nor os pel quin ran sel tam ul var wen yor zel")
	iberian  = same("ar be co du en fa gui her in ju lo me nu or pa qui ro sa ti vi ya zu lde mar ta ne")
	insular  = same("a bu da di gu ha i ja ka lu ma ni pu ra ri sa su ta ti wa ya yu")
	northern = same("ald bjor dag eld fri gunn hild ing jar knu lod mag nord odd rag sig tor ulf yng")
	arabic   = pairs("با ba بي bi دا da دو du فا fa جا ja حا ha كا ka لا la لي li ما ma مو mu نا na ني ni را ra ري ri سا sa شا sha تا ta طو tu وا wa زا za زي zi")
	persian  = pairs("آ a بر bar به beh پا pa پر par چا cha دا da دل del فر far گل gol هو hu جا ja کا ka کی ki مه meh نا na نو no را ra رو ru سا sa شه shah تا ta زر zar")
	cyrillic = pairs("ба ba ве ve ви vi го go да da до do жа zha зо zo ки ki ла la ло lo ма ma ми mi не ne но no ра ra ро ro са sa се se та ta ти ti фе fe ча cha ша sha")
	han      = pairs("林 lin 安 an 柏 bai 川 chuan 岱 dai 恩 en 枫 feng 谷 gu 禾 he 嘉 jia 珂 ke 岚 lan 墨 mo 宁 ning 佩 pei 琪 qi 若 ruo 松 song 棠 tang 雯 wen 砚 yan 舟 zhou 碧 bi 澄 cheng 黛 dai 帆 fan 耿 geng 鹤 he 筠 jun 葵 kui 菱 ling 苗 miao 凝 ning 蓬 peng 芩 qin 荣 rong 穗 sui 桐 tong 蔚 wei 曦 xi 萤 ying 芷 zhi")
	hangul   = pairs("가 ga 나 na 다 da 라 ra 마 ma 보 bo 서 seo 아 a 지 ji 하 ha 은 eun 빈 bin 솔 sol 윤 yun 찬 chan 태 tae 호 ho 린 rin 원 won 결 gyeol 담 dam 채 chae 희 hui 별 byeol 든 deun 새 sae 온 on 람 ram 솜 som 율 yul")
	indic    = pairs("अ a का ka खु khu गी gi चा cha जा ja ता ta दे de ना na पा pa बा ba भू bhu मा ma या ya रा ra ला la वी vi शा sha सु su ही hi")

	given = func(s []syllable) element { return element{stems: s, least: 2, most: 3} }
)

// cultures are the ways of naming that Person draws from.
var cultures = []culture{
	{"Latn", "en", []element{given(western), given(western), {stems: western, least: 1, most: 2, ends: same("ford mont ridge stan well")}}, 1, false, 2},
	{"Latn", "es", []element{given(iberian), given(iberian), {stems: iberian, least: 2, most: 3, ends: same("ndez gas no rra")}, {stems: iberian, least: 2, most: 2, ends: same("ta les do")}}, 1, false, 2},
	{"Latn", "nb", []element{{stems: northern, least: 1, most: 2, ends: same("a e ar")}, {stems: northern, least: 1, most: 2, ends: same("sen vik stad")}}, -1, false, 1},
	{"Latn", "id", []element{{stems: insular, least: 3, most: 4}}, -1, false, -1},
	{"Arab", "ar", []element{
		{stems: arabic, least: 2, most: 2, ends: pairs("ن n م m د d ل l")},
		{stems: arabic, least: 2, most: 2, ends: pairs("ر r ن n س s"), before: syllable{"بن ", "bin "}},
		{stems: arabic, least: 2, most: 3, ends: pairs("ي i"), before: syllable{"ال", "al-"}},
	}, 1, false, 2},
	{"Arab", "fa", []element{given(persian), {stems: persian, least: 2, most: 2, ends: pairs("زاده zadeh پور pur یان ian ی i")}}, -1, false, 1},
	{"Cyrl", "ru", []element{
		{stems: cyrillic, least: 2, most: 2, ends: pairs("н n р r с s й y")},
		{stems: cyrillic, least: 2, most: 2, ends: pairs("рович rovich лович lovich нович novich")},
		{stems: cyrillic, least: 2, most: 3, ends: pairs("ров rov нин nin мов mov лько lko")},
	}, 1, false, 2},
	{"Hani", "zh", []element{{stems: han, least: 1, most: 1}, {stems: han, least: 1, most: 2}}, -1, true, 0},
	{"Hang", "ko", []element{{stems: hangul, least: 1, most: 1}, {stems: hangul, least: 2, most: 2}}, -1, true, 0},
	{"Deva", "hi", []element{given(indic), {stems: indic, least: 2, most: 3, ends: pairs("र r ल l नी ni")}}, -1, false, 1},
}

// spoken is a name as its culture builds it.
type spoken struct {
	culture       *culture
	latin, native []string
	family        int // index of the surname in the parts; -1 when none
}

func (g *Gen) name(c *culture) spoken {
	s := spoken{culture: c, family: c.family}
	skip := -1
	if c.drop >= 0 && g.chance(40) {
		skip = c.drop
	}
	for i := range c.parts {
		if i == skip {
			if i < s.family {
				s.family--
			}
			continue
		}
		native, latin := g.partOf(c, i)
		s.latin = append(s.latin, latin)
		s.native = append(s.native, native)
	}
	return s
}

func (g *Gen) partOf(c *culture, i int) (native, latin string) {
	if g.crowd != nil {
		return g.shared(c, i)
	}
	return g.part(&c.parts[i])
}

func (g *Gen) part(e *element) (native, latin string) {
	for range g.between(e.least, e.most) {
		x := pick(g, e.stems)
		native, latin = native+x.native, latin+x.latin
	}
	if len(e.ends) > 0 {
		x := pick(g, e.ends)
		native, latin = native+x.native, latin+x.latin
	}
	return e.before.native + title(native), e.before.latin + title(latin)
}

// title raises the first letter, in the scripts that have capitals.
func title(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if up := unicode.ToUpper(r); up != r {
		return string(up) + s[size:]
	}
	return s
}

// names gives the primary name in Latin letters and, where the culture writes
// otherwise, in its own script.
func (s *spoken) names() []ct.Name {
	out := []ct.Name{{Kind: ct.NamePrimary, Parts: s.latin, Full: strings.Join(s.latin, " "), Script: "Latn", Quality: "good"}}
	if s.culture.script != "Latn" {
		glue := " "
		if s.culture.joined {
			glue = ""
		}
		out = append(out, ct.Name{
			Kind: ct.NamePrimary, Parts: s.native, Full: strings.Join(s.native, glue),
			Script: s.culture.script, Lang: s.culture.lang, Quality: "good",
		})
	}
	return out
}

// mrz is the name field of a machine-readable zone: surname<<given<names,
// without hyphens, of the given width.
func (s *spoken) mrz(width int) string {
	clean := func(parts []string) string {
		return strings.NewReplacer(" ", "<", "-", "<").Replace(strings.ToUpper(strings.Join(parts, "<")))
	}
	var text string
	if s.family < 0 {
		text = clean(s.latin)
	} else {
		var others []string
		others = append(append(others, s.latin[:s.family]...), s.latin[s.family+1:]...)
		text = clean(s.latin[s.family:s.family+1]) + "<<" + clean(others)
	}
	if len(text) > width {
		return text[:width]
	}
	return text + strings.Repeat("<", width-len(text))
}
