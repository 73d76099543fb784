package ledger

import "testing"

func TestPasswordsAreNotTold(t *testing.T) {
	for url, want := range map[string]string{
		"https://github.com/acme/shop":            "https://github.com/acme/shop",
		"https://bob:secret@github.com/acme/shop": "https://bob:***@github.com/acme/shop",
		"https://token@github.com/acme/shop@v1":   "https://***@github.com/acme/shop@v1",
		"ssh://git@github.com/acme/shop":          "ssh://git@github.com/acme/shop",
		"git@github.com:acme/shop":                "git@github.com:acme/shop",
		"https://bob:p@ss@github.com":             "https://bob:***@github.com",
		"file:///srv/git/shop.git":                "file:///srv/git/shop.git",
	} {
		if got := withoutPassword(url); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}
