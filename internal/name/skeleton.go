package name

// Skeleton is the consonants of a romanised token in classes that survive
// transliteration: muhammad, mohamed, mehmet and the Arabic m-h-m-d all give
// mhmt. It is a key for finding, never a measure of likeness.
func Skeleton(text string) string {
	var buf [maxSkeleton]byte
	return string(appendSkeleton(buf[:0], text, false))
}

// maxSkeleton is the room that a skeleton takes: x is two letters.
const maxSkeleton = 2 * MaxToken

// Skeletons gives the one or two skeletons of a token: some digraphs are read
// in two ways (th is the t of Haitham and the s of Othman, gh is one sound with
// q in Persian, x the ks of Alexei and the h of Somali).
func Skeletons(text string) (first, second string) {
	first = Skeleton(text)
	for i := 0; i < len(text); i++ {
		if text[i] == 'x' || text[i] == 'h' && i > 0 && (text[i-1] == 't' || text[i-1] == 'd' || text[i-1] == 'g') {
			var buf [maxSkeleton]byte
			if second = string(appendSkeleton(buf[:0], text, true)); second != first {
				return first, second
			}
			break
		}
	}
	return first, ""
}

// appendSkeleton walks the text once. other chooses the second reading of th, dh, gh and x.
func appendSkeleton(out []byte, text string, other bool) []byte {
	put := func(c byte) {
		if len(out) == 0 || out[len(out)-1] != c {
			out = append(out, c)
		}
	}
	at := func(i int) byte {
		if i < len(text) {
			return text[i]
		}
		return 0
	}
	if len(text) > MaxToken {
		text = text[:MaxToken]
	}
	for i := 0; i < len(text); i++ {
		c, next := text[i], at(i+1)
		switch c {
		case 'a', 'e', 'i', 'o', 'u':
			if i == 0 {
				put('a')
			}
		case 'y', 'w':
			if i == 0 {
				put(c)
			}
		case 'b', 'p':
			if c == 'p' && next == 'h' {
				put('f')
				i++
			} else {
				put('b')
			}
		case 'f', 'v':
			put('f')
		case 'k', 'q':
			if next == 'h' {
				put('h')
				i++
			} else {
				put('k')
			}
		case 'g':
			if next == 'h' {
				i++
			}
			if next == 'h' && other {
				put('k')
			} else {
				put('g')
			}
		case 'c':
			switch next {
			case 'h':
				put('s')
				i++
			case 'e', 'i', 'y':
				put('s')
			default:
				put('k')
			}
		case 's', 'z':
			switch {
			case c == 'z' && next == 'h':
				put('j')
				i++
			case next == 'h' || next == 'c' && at(i+2) == 'h':
				put('s')
				i++
				if next == 'c' {
					i++
				}
			default:
				put('s')
			}
		case 'd', 't':
			switch {
			case next == 'h':
				i++
				if other {
					put('s')
				} else {
					put('t')
				}
			case c == 'd' && (next == 'j' || next == 'z'):
				put('j')
				i++
				if next == 'z' && at(i+1) == 'h' {
					i++
				}
			case c == 't' && (next == 's' || next == 'z'):
				put('s')
				i++
				if at(i+1) == 'c' || at(i+1) == 'h' {
					for at(i+1) == 'c' || at(i+1) == 'h' {
						i++
					}
				}
			default:
				put('t')
			}
		case 'x':
			if other {
				put('h')
			} else {
				put('k')
				put('s')
			}
		case 'h':
			if i+1 < len(text) { // a final h is silent
				put('h')
			}
		default:
			put(c)
		}
	}
	return out
}

func vowel(c byte) bool {
	switch c {
	case 'a', 'e', 'i', 'o', 'u', 'y':
		return true
	}
	return false
}
