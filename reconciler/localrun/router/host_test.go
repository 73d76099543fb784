package router

import (
	"strings"
	"testing"
)

func TestNormalizeHost(t *testing.T) {
	for host, want := range map[string]string{
		"": "", ".": "", ":": "", "a": "a", "A.B.": "a.b", "a:80": "a", "a.:80": "a", "a..": "a.", "a:": "a", "a:b": "a",
		"[::1]:80": "::1", "[::1]": "::1", "::1": "::1", "[fe80::1%25eth0]:80": "fe80::1%25eth0", "[": "", "127.0.0.1:80": "127.0.0.1",
		"\u212a.localhost": "\u212a.localhost", "xn--bcher-kva.Example": "xn--bcher-kva.example", "b\u00dccher": "b\u00dccher",
	} {
		if got := normalizeHost(host); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}

func FuzzNormalizeHost(f *testing.F) {
	for _, host := range []string{"shop.localhost", "SHOP.localhost.:8480", "[::1]:80", "::1", "a:b:c", "\u212a", "[", "\xff"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		got := normalizeHost(host)
		if strings.ContainsFunc(got, func(letter rune) bool { return 'A' <= letter && letter <= 'Z' }) || len(got) > 3*len(host) {
			t.Errorf("%q: %q", host, got)
		}
		if strings.ContainsAny(host, ":[]") || strings.HasSuffix(host, ".") {
			return
		}
		for _, same := range []string{host + ":80", host + ".", host + ".:80", strings.Map(upper, host), got} {
			if other := normalizeHost(same); other != got {
				t.Errorf("%q: %q, but %q: %q", host, got, same, other)
			}
		}
	})
}

func upper(letter rune) rune {
	if 'a' <= letter && letter <= 'z' {
		return letter - 'a' + 'A'
	}
	return letter
}
