package strict

import (
	"strings"

	"github.com/texttheater/golang-levenshtein/levenshtein"
)

// Nearest returns the known word that is most similar to word, or "" when none is similar enough.
func Nearest(word string, known []string) string {
	const longest = 40
	if len(word) > longest {
		return ""
	}
	best, least := "", 1+max(1, len(word)/3)
	for _, k := range known {
		distance := levenshtein.DistanceForStrings([]rune(strings.ToLower(word)), []rune(strings.ToLower(k)), levenshtein.DefaultOptionsWithSub)
		if distance < least {
			best, least = k, distance
		}
	}
	return best
}
