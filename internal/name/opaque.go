package name

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"unicode"
)

// opaque is the text of a token for a word that nobody here reads, as of Adlam
// or of rare Han characters: a hash, so that equal words agree and others do not.
// "" for a word without a letter.
func opaque(word string) string {
	if !strings.ContainsFunc(word, unicode.IsLetter) {
		return ""
	}
	sum := sha256.Sum256([]byte(word))
	return "0" + strings.ToLower(base32.HexEncoding.EncodeToString(sum[:10]))
}

// Readable says whether a name has a word that is compared by its letters: of
// another name nobody can say that it is not the same person's.
func (n Name) Readable() bool {
	for _, t := range n.Tokens {
		if !t.Has(Opaque) {
			return true
		}
	}
	return false
}
