package strict

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// ParseQuantity parses a quantity that somebody wrote. Kubernetes' own parser works for minutes on a number like
// 1e999999999, so exponents of more than two digits never reach it.
func ParseQuantity(text string) (resource.Quantity, error) {
	const longest, longestExponent = 30, 2
	exponent := ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		exponent = strings.TrimLeft(text[i+1:], "+-")
	}
	if len(text) > longest || len(exponent) > longestExponent {
		return resource.Quantity{}, resource.ErrFormatWrong
	}
	return resource.ParseQuantity(text)
}
