package match_test

import (
	"testing"

	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/node/ct"
)

// BenchmarkScore compares a query with candidates as an index gives them: the
// person, relatives, strangers, another script.
func BenchmarkScore(b *testing.B) {
	query := match.Prepare(person("Abdulrahman Tarek al-Belkazi", births("1971-03-05"), "UTO"))
	var cands []*match.Subject
	for _, n := range []string{
		"Abd ar-Rahman Tariq Belkazi", "Munir Belkazi", "Tarek Shufani", "عبد الرحمن بلكازي", "Ingrid Solheim",
		"Aboubakar Tarek Munir Walid Harithi", "Tarekov Ruslan Antonovich", "Rahman Jan", "Belkasem Rahimi", "Kim Jong Ho",
	} {
		p := person(n, births("1975-11-23"), "UTO")
		p.Names = append(p.Names, ct.Name{Full: "Abu Walid al-Harithi"})
		cands = append(cands, match.Prepare(p))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		match.Score(query, cands[i%len(cands)])
		i++
	}
}
