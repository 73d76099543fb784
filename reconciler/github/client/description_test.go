package client

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDescription(t *testing.T) {
	for text, want := range map[string]string{
		"v1.0.1 runs": "v1.0.1 runs",
		"build failed: it does not compile\nmend it\n":     "build failed: it does not compile; mend it",
		"broken:\na.yaml:1:1: no\nb.yaml:2:1: no\n":        "broken: a.yaml:1:1: no; b.yaml:2:1: no",
		"  two\t words \n\n":                               "two words",
		"":                                                 "",
		"rocket \U0001F680":                                "rocket \uFFFD",
		strings.Repeat("é", 140):                           strings.Repeat("é", 140),
		strings.Repeat("é", 141):                           strings.Repeat("é", 139) + "…",
		strings.Repeat("word ", 27) + "words":              strings.Repeat("word ", 27) + "words",
		strings.Repeat("word ", 28) + "more":               strings.TrimSpace(strings.Repeat("word ", 27)) + "…",
		"held: " + strings.Repeat("part, ", 22) + "others": "held: " + strings.TrimSuffix(strings.Repeat("part, ", 22), ", ") + "…",
		"build failed: " + strings.Repeat("word ", 40) + "\nits log: `plateform logs ws-1/shop --build`":                       "build failed: " + strings.Repeat("word ", 15) + "word…; its log: `plateform logs ws-1/shop --build`",
		"build failed: " + strings.Repeat("word ", 40) + "\nits log: `plateform logs " + strings.Repeat("w", 80) + " --build`": "build failed: " + strings.TrimSpace(strings.Repeat("word ", 25)) + "…",
		strings.Repeat("word ", 40) + "\n`one` or `two`":                                                                       strings.TrimSpace(strings.Repeat("word ", 27)) + "…",
	} {
		if got := Description(text); got != want {
			t.Errorf("%q is cut to %q, want %q", text, got, want)
		}
	}
}

func FuzzDescription(f *testing.F) {
	f.Add("a b\nc")
	f.Add(strings.Repeat("ö ", 200))
	f.Fuzz(func(t *testing.T, text string) {
		got := Description(text)
		if n := utf8.RuneCountInString(got); n > maxDescription || strings.ContainsAny(got, "\n\r\t") {
			t.Errorf("%d characters: %q", n, got)
		}
		for _, r := range got {
			if r > 0xFFFF {
				t.Errorf("GitHub does not take %q", r)
			}
		}
	})
}
