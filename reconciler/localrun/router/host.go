package router

import "strings"

// normalizeHost is what a host is found by: without port, brackets and the dot that ends a full name, in lower case. Only
// ASCII changes its case, as names of hosts have no other letters: two different hosts never become the same.
func normalizeHost(host string) string {
	if inside, isIPv6 := strings.CutPrefix(host, "["); isIPv6 {
		host, _, _ = strings.Cut(inside, "]")
	} else if name, port, found := strings.Cut(host, ":"); found && !strings.Contains(port, ":") {
		host = name
	}
	return strings.Map(lower, strings.TrimSuffix(host, "."))
}

func lower(letter rune) rune {
	if 'A' <= letter && letter <= 'Z' {
		return letter + 'a' - 'A'
	}
	return letter
}
