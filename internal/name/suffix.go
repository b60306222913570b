package name

import "strings"

// Likeness of two names of which one, or each in its own way, is made of a
// father's or ancestor's name.
const (
	likeGender = 0.96 // Ivanov and Ivanova
	likeSuffix = 0.82 // Rahmonov and Rahmon, Rahmonov and Rahmonzoda
)

// stem takes off the ending that makes a family name or a patronymic, in the
// languages of the former Soviet Union and in Turkish, Persian and Tajik; what
// is left has at least four letters. gender is the ending's form for a man.
func stem(text string) (rest, gender string) {
	if !descentEnds[text[len(text)-1]&31] {
		return text, ""
	}
	for _, e := range descents {
		if rest, ok := strings.CutSuffix(text, e.written); ok && len(rest) >= 4 {
			return rest, e.male
		}
	}
	return text, ""
}

// descents, folded, the longest first.
var descents = [...]struct{ written, male string }{
	{"ovich", "ovich"}, {"evich", "evich"}, {"skaya", "ski"}, {"zadeh", "zade"},
	{"ovna", "ovich"}, {"evna", "evich"}, {"skiy", "ski"}, {"zoda", "zade"}, {"zada", "zade"}, {"zade", "zade"}, {"oglu", "oglu"}, {"ogli", "oglu"},
	{"ova", "ov"}, {"eva", "ev"}, {"off", "ov"}, {"ski", "ski"}, {"sky", "ski"}, {"uli", "uli"}, {"ov", "ov"}, {"ev", "ev"}, {"of", "ov"}, {"ef", "ev"},
}

// descentEnds are the last letters of descents, by their low five bits: most
// names have another.
var descentEnds = func() (ends [32]bool) {
	for _, e := range descents {
		ends[e.written[len(e.written)-1]&31] = true
	}
	return ends
}()

// descended compares two names less their endings of descent; 0 when neither
// has one or the rest differs.
func descended(a, b string) float64 {
	restA, genderA := stem(a)
	restB, genderB := stem(b)
	if genderA == "" && genderB == "" || restA[0] != restB[0] {
		return 0
	}
	const slip = 60 // one vowel
	if abs(len(restA)-len(restB)) > 1 || distance(restA, restB, false, false, slip) > slip {
		return 0
	}
	if genderA == genderB && restA == restB {
		return likeGender
	}
	return likeSuffix
}
