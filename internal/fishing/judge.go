package fishing

import "slices"

const (
	// near is the largest distance of numbers in a row. It is wider than the
	// steps of a number with its check digit behind it.
	near = 24
	// family is the longest row that says nothing: a large family's, or a group
	// that went to one office on one day.
	family = 16
	// regular is how much the distances of numbers may vary, as the square of
	// deviation by mean. Numbers met by chance have 1, numbers with two check
	// digits 0.16, numbers in a row none.
	regular = 0.25
)

// judgeNumbers looks for rows in the order of the numbers, not of the requests:
// backwards, mixed, with gaps, between others or many at once, a row is a row.
func (w *Watch) judgeNumbers(a *ask, l Limits) Finding {
	worst := Finding{}
	var done []uint64 // a series is looked at once
	for _, n := range a.numbers {
		for i, p := range [2]place{n.digits, n.whole} {
			if slices.Contains(done, p.series) {
				continue
			}
			done = append(done, p.series)
			if seen := w.rows(a, p, i == 1, l); seen > worst.Seen {
				worst = Finding{RuleNumbers, seen}
			}
		}
	}
	return worst
}

// point is a number in its series; own ones are of the request at hand.
type point struct {
	at        uint64
	bare, own bool
}

// rows is how many numbers of a place's series make a pattern with those of a
// request; 0: none.
func (w *Watch) rows(a *ask, p place, whole bool, l Limits) int {
	var points []point
	for i := range w.asks {
		for _, n := range w.asks[i].numbers {
			q := n.digits
			if whole {
				q = n.whole
			}
			if q.series == p.series {
				points = append(points, point{q.at - p.at, w.asks[i].noName, &w.asks[i] == a})
			}
		}
	}
	slices.SortFunc(points, func(a, b point) int { // around one of the numbers, as signed distances
		switch x, y := int64(a.at), int64(b.at); {
		case x < y || x == y && a.own && !b.own:
			return -1
		case x > y || a.own != b.own:
			return 1
		}
		return 0
	})
	points = slices.CompactFunc(points, func(a, b point) bool { return a.at == b.at })
	if n := regularAround(points, l.Regular); n > 0 {
		return n
	}
	inRows, neighbours := 0, 0
	for from := 0; from < len(points); {
		to, bare, own := from+1, 0, false
		for to < len(points) && points[to].at-points[to-1].at <= near {
			to++
		}
		for _, q := range points[from:to] {
			own = own || q.own
			if q.bare {
				bare++
			}
		}
		row := to - from
		if own && (row >= l.Run || bare >= l.BareRun) {
			return row
		}
		if row > family {
			inRows += row
		}
		if row > 1 {
			neighbours += row
		}
		from = to
	}
	switch {
	case inRows >= l.Runs:
		return inRows
	case len(points) >= l.Neighbours && neighbours*100 >= len(points)*85:
		return neighbours
	}
	return 0
}

// regularAround tells whether an own number lies among n successive ones at
// regular distances.
func regularAround(points []point, n int) int {
	for from := 0; from+n < len(points); from++ {
		if !slices.ContainsFunc(points[from:from+n+1], func(q point) bool { return q.own }) {
			continue
		}
		mean := float64(points[from+n].at-points[from].at) / float64(n)
		square := 0.0
		for i := from; i < from+n; i++ {
			d := float64(points[i+1].at-points[i].at) - mean
			square += d * d
		}
		if square/float64(n) < regular*mean*mean {
			return n + 1
		}
	}
	return 0
}

func (w *Watch) judgeAgain(a *ask, l Limits) Finding {
	if !a.answered {
		return Finding{}
	}
	most := 0
	for _, p := range a.persons {
		n := 0
		for i := range w.asks {
			if w.asks[i].answered && slices.Contains(w.asks[i].persons, p) {
				n++
			}
		}
		most = max(most, n)
	}
	limit := l.Again
	if len(a.births) == 0 && len(a.numbers) == 0 {
		limit *= 2 // of a bare name there are several persons
	}
	if most >= limit {
		return Finding{RuleAgain, most}
	}
	return Finding{}
}

// judgeBirths: persons of one name are born anywhere in a century, dates that
// are tried follow one another.
func (w *Watch) judgeBirths(a *ask, l Limits) Finding {
	if len(a.births) == 0 {
		return Finding{}
	}
	for _, n := range a.names {
		var days []birth
		for i := range w.asks {
			if slices.Contains(w.asks[i].names, n) {
				days = append(days, w.asks[i].births...)
			}
		}
		slices.SortFunc(days, func(a, b birth) int { return int(a.day - b.day) })
		days = slices.CompactFunc(days, func(a, b birth) bool { return a.day == b.day })
		follow := 0
		for i := range days {
			if i > 0 && days[i].day-days[i-1].day <= days[i].span || i+1 < len(days) && days[i+1].day-days[i].day <= days[i].span {
				follow++
			}
		}
		if len(days) >= l.Births || follow >= l.NearBirths {
			return Finding{RuleBirths, len(days)}
		}
	}
	return Finding{}
}

// judgeNames: of names in any order a quarter or so are in order, the more the
// fewer they are; of two alphabets that are mixed it is half.
func (w *Watch) judgeNames(a *ask, l Limits) Finding {
	if len(a.places) == 0 {
		return Finding{}
	}
	var up []uint64
	for i := len(w.asks) - 1; i >= 0 && len(up) < l.Names; i-- {
		for _, p := range slices.Backward(w.asks[i].places) {
			up = append(up, p)
		}
	}
	if len(up) < l.Names {
		return Finding{}
	}
	down := slices.Clone(up)
	slices.Reverse(down)
	if n := max(longestRise(up), longestRise(down)); n*8 >= len(up)*3 {
		return Finding{RuleNames, n}
	}
	return Finding{}
}

// longestRise is the length of the longest rising subsequence.
func longestRise(s []uint64) int {
	var ends []uint64 // the least end of a rise of each length
	for _, v := range s {
		i, _ := slices.BinarySearch(ends, v)
		if i == len(ends) {
			ends = append(ends, v)
		} else {
			ends[i] = v
		}
	}
	return len(ends)
}

// judgeMisses counts persons of bare requests alone: a post that asks about every traveller
// with name, date of birth and passport misses nearly always, and rightly so.
func (w *Watch) judgeMisses(a *ask, l Limits) Finding {
	if a.bare == 0 || !a.answered {
		return Finding{}
	}
	bare, hits := 0, 0
	for i := range w.asks {
		if w.asks[i].bare > 0 && w.asks[i].answered {
			bare += w.asks[i].bare
			if w.asks[i].hit {
				hits++
			}
		}
	}
	if bare >= l.Misses && hits*50 < bare {
		return Finding{RuleMisses, bare - hits}
	}
	return Finding{}
}
