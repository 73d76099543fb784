package card

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMask(t *testing.T) {
	tests := []struct{ name, diff, want string }{
		{"a value behind its name", "+    value: \"x\"", "+    value: \"***\""},
		{"a value that comes first", "-  - value: \"x\"", "-  - value: \"***\""},
		{"an encrypted value", "     secret: age:abc", "     secret: \"***\""},
		{"what is no value", "+replicas: 2\n+  values: 3\n+    valueFrom:", "+replicas: 2\n+  values: 3\n+    valueFrom:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, mask(tt.diff)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLink(t *testing.T) {
	for to, want := range map[string]string{
		"https://shop.example.com/a?b=c":     "[open](<https://shop.example.com/a?b=c>)",
		"http://shop.localhost:8480":         "[open](<http://shop.localhost:8480>)",
		"javascript:alert(1)":                "",
		"":                                   "",
		"/only/a/path":                       "",
		"https://shop.example.com/>)[x](<y|": "[open](<https://shop.example.com/%3E%29%5Bx%5D%28%3Cy%7C>)",
	} {
		if got := link("open", to); got != want {
			t.Errorf("link(%q) = %q, want %q", to, got, want)
		}
	}
}

func TestText(t *testing.T) {
	for hostile, want := range map[string]string{
		"a|b":                 `a\|b`,
		"@alice":              "@<!-- -->alice",
		"see #12":             "see #<!-- -->12",
		"https://evil.test":   "https:<!-- -->//evil.test",
		"a\u202eb\u200bc\x00": "abc",
		"a\nb":                "a b",
		"&lt;":                "&amp;lt;",
		"\xff":                "\uFFFD",
	} {
		if got := text(hostile); got != want {
			t.Errorf("text(%q) = %q, want %q", hostile, got, want)
		}
	}
}
