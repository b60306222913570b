package synth

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// Perturb makes the query of somebody who knows the person badly: the primary
// name in Latin letters with a typing error, its parts swapped or a middle one
// missing; the year of birth off by one in one case of four; at times a
// document. p is left as it is.
func (g *Gen) Perturb(p ct.Person) ct.Person {
	out := ct.Person{Nationalities: slices.Clone(p.Nationalities), Sex: p.Sex}
	if len(p.Names) > 0 {
		n := ct.Name{Kind: ct.NamePrimary, Parts: slices.Clone(p.Names[0].Parts), Full: p.Names[0].Full, Script: p.Names[0].Script}
		switch m := g.r.IntN(100); {
		case m < 55:
			n = g.typo(n)
		case m < 75 && len(n.Parts) > 1:
			n.Parts[0], n.Parts[len(n.Parts)-1] = n.Parts[len(n.Parts)-1], n.Parts[0]
			n.Full = strings.Join(n.Parts, " ")
		case m < 90 && len(n.Parts) > 2:
			n.Parts = slices.Delete(n.Parts, 1, 2)
			n.Full = strings.Join(n.Parts, " ")
		}
		out.Names = []ct.Name{n}
	}
	if len(p.Births) > 0 {
		out.Births = []ct.Birth{p.Births[0]}
		if g.chance(25) {
			out.Births[0] = g.otherYear(p.Births[0])
		}
	}
	if len(p.Documents) > 0 && g.chance(40) {
		out.Documents = []ct.Document{p.Documents[0]}
		out.Documents[0].MRZ = ""
	}
	return out
}

// typo replaces, drops, doubles or swaps one Latin letter of one part.
func (g *Gen) typo(n ct.Name) ct.Name {
	n.Parts = slices.Clone(n.Parts)
	if len(n.Parts) == 0 {
		return n
	}
	k := g.r.IntN(len(n.Parts))
	b := []byte(n.Parts[k])
	if len(b) < 2 || !latin(b) {
		return n
	}
	i := g.between(1, len(b)-1)
	switch g.r.IntN(4) {
	case 0:
		b[i] = "abcdefghijklmnopqrstuvwxyz"[g.r.IntN(26)]
	case 1:
		b = slices.Delete(b, i, i+1)
	case 2:
		b = slices.Insert(b, i, b[i])
	case 3:
		if i+1 < len(b) {
			b[i], b[i+1] = b[i+1], b[i]
		}
	}
	n.Parts[k] = strings.TrimSpace(string(b))
	n.Full = strings.Join(n.Parts, " ")
	return n
}

func latin(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// otherYear moves a birth by one year. A 29 February becomes its year alone.
func (g *Gen) otherYear(b ct.Birth) ct.Birth {
	d, err := ct.ParseEDTF(b.Date)
	if err != nil {
		return b
	}
	year := d.Earliest.Year() + 2*g.r.IntN(2) - 1
	if d.Precision == ct.PrecisionDay && !(d.Earliest.Month() == time.February && d.Earliest.Day() == 29) {
		return ct.Birth{Date: fmt.Sprintf("%d-%02d-%02d", year, d.Earliest.Month(), d.Earliest.Day())}
	}
	return ct.Birth{Date: fmt.Sprint(year)}
}
