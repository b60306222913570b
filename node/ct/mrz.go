package ct

import "strings"

// CheckDigit is the ICAO Doc 9303-3 check digit of a field of a
// machine-readable zone: weights 7, 3, 1 over digits, letters (A = 10) and
// the filler. It is false when a character does not belong in one.
func CheckDigit(fields ...string) (digit byte, ok bool) {
	sum, i := 0, 0
	for _, f := range fields {
		for _, c := range []byte(f) {
			v, ok := mrzValue(c)
			if !ok {
				return 0, false
			}
			sum += v * [3]int{7, 3, 1}[i%3]
			i++
		}
	}
	return byte('0' + sum%10), true
}

func mrzValue(c byte) (int, bool) {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0'), true
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10, true
	case c == '<':
		return 0, true
	}
	return 0, false
}

// mrzFault checks a whole machine-readable zone, lines joined by \n: TD1
// (3x30), TD2 and MRV-B (2x36), TD3 and MRV-A (2x44). It checks the length,
// the characters and all check digits, and not what the fields mean.
func mrzFault(mrz string) (reason string, ok bool) {
	lines := strings.Split(mrz, "\n")
	for _, l := range lines {
		if len(l) != len(lines[0]) {
			return FaultMRZForm, false
		}
		if _, ok := CheckDigit(l); !ok {
			return FaultMRZForm, false
		}
	}
	good := false
	switch visa := strings.HasPrefix(mrz, "V"); {
	case len(lines) == 3 && len(lines[0]) == 30:
		a, b := lines[0], lines[1]
		good = numberDigit(a[5:14], a[14], a[15:30]) && digit(b[6], b[0:6]) && digit(b[14], b[8:14]) &&
			digit(b[29], a[5:30], b[0:7], b[8:15], b[18:29])
	case len(lines) == 2 && len(lines[0]) == 36:
		b := lines[1]
		good = numberDigit(b[0:9], b[9], b[28:35]) && digit(b[19], b[13:19]) && digit(b[27], b[21:27]) &&
			(visa || digit(b[35], b[0:10], b[13:20], b[21:35]))
	case len(lines) == 2 && len(lines[0]) == 44:
		b := lines[1]
		good = digit(b[9], b[0:9]) && digit(b[19], b[13:19]) && digit(b[27], b[21:27]) &&
			(visa || digit(b[42], b[28:42]) && digit(b[43], b[0:10], b[13:20], b[21:43]))
	default:
		return FaultMRZForm, false
	}
	if !good {
		return FaultMRZCheck, false
	}
	return "", true
}

// digit compares a check digit. An empty field may carry the filler instead.
func digit(have byte, fields ...string) bool {
	want, ok := CheckDigit(fields...)
	if have == '<' {
		return strings.Trim(strings.Join(fields, ""), "<") == ""
	}
	return ok && have == want
}

// numberDigit checks a document number of TD1 and TD2: one of more than nine
// characters goes on in the optional data, the check digit behind it.
func numberDigit(number string, have byte, optional string) bool {
	if have != '<' {
		return digit(have, number)
	}
	more, _, _ := strings.Cut(optional, "<")
	if more == "" {
		return digit(have, number)
	}
	return digit(more[len(more)-1], number, more[:len(more)-1])
}
