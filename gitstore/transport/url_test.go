package transport

import "testing"

func TestURLs(t *testing.T) {
	t.Parallel()
	cases := []struct {
		url string
		ok  bool
	}{
		{"https://github.com/acme/shop", true},
		{"https://github.com/acme/shop.git", true},
		{"http://127.0.0.1:8080/x.git", true},
		{"git@github.com:acme/shop.git", true},
		{"ssh://git@example.com:2222/x", true},
		{"file:///srv/git/x.git", true},
		{"/srv/git/x.git", true},
		{"relative/path", true},
		{"", false},
		{"ext::sh -c touch% /tmp/x", false},
		{"fd::17/foo", false},
		{"transport::https://x/y", false},
		{"git://example.com/x", false},
		{"ftp://example.com/x", false},
		{"javascript:alert(1)", true}, // a host called javascript, which there is none
		{"https://example.com/x\nHost: evil", false},
		{"https:///path", false},
		{"ssh://-oProxyCommand=id/x", false},
	}
	for _, c := range cases {
		if err := CheckURL(c.url); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.url, err)
		}
	}
	for in, want := range map[string]string{
		"https://bob:secret@example.com/x": "https://bob:***@example.com/x",
		"https://token@example.com/x":      "https://***@example.com/x",
		"https://example.com/x":            "https://example.com/x",
		"ssh://git@example.com/x":          "ssh://git@example.com/x",
		"git@example.com:x":                "git@example.com:x",
	} {
		if got := Redact(in); got != want {
			t.Errorf("%s is shown as %s", in, got)
		}
	}
}
