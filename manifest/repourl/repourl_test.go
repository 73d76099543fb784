package repourl

import "testing"

// repositories are repositories, each with its id and its host first and then other ways to write it.
func repositories() [][]string {
	return [][]string{
		{"https://github.com/acme/shop", "github.com",
			"https://github.com/acme/shop.git", "https://github.com/acme/shop/", "https://github.com/acme/shop.git//", "HTTPS://GitHub.COM/acme/shop",
			"http://github.com/acme/shop", "https://github.com:443/acme/shop", "http://github.com:80/acme/shop", "ssh://git@github.com:22/acme/shop.git",
			"https://alice@github.com/acme/shop", "https://alice:secret@github.com/acme/shop", "ssh://git@github.com/acme/shop.git",
			"ssh://github.com/acme/shop", "git@github.com:acme/shop.git", "git@github.com:/acme/shop", "github.com:acme/shop", "bob@GITHUB.com:acme/shop/"},
		{"https://github.com/Acme/shop", "github.com", "git@github.com:Acme/shop.git"},
		{"https://github.com/acme/Shop", "github.com"},
		{"https://github.com/acme/shop.wiki", "github.com", "https://github.com/acme/shop.wiki.git"},
		{"https://github.com/acme/shop.git.git", "github.com", "git@github.com:acme/shop.git.git"},
		{"https://github.com/acme", "github.com", "https://github.com/acme/"},
		{"https://github.com", "github.com", "https://github.com/"},
		{"https://github.com/acme/.git", "github.com"},
		{"https://github.com/acme//shop", "github.com"},
		{"https://github.com/acme/shop%2E", "github.com"},
		{"https://gitlab.com/acme/shop", "gitlab.com"},
		{"https://gitlab.com/acme/group/shop", "gitlab.com", "git@gitlab.com:acme/group/shop.git"},
		{"https://git.example.com:8443/acme/shop", "git.example.com:8443", "https://bot@Git.example.com:8443/acme/shop.git", "ssh://git@git.example.com:8443/acme/shop"},
		{"https://git.example.com:2222/acme/shop", "git.example.com:2222", "ssh://git@git.example.com:2222/acme/shop.git"},
		{"https://git.example.com/acme/shop", "git.example.com", "https://git.example.com:/acme/shop"},
		{"https://127.0.0.1:3000/acme/shop", "127.0.0.1:3000"},
		{"https://[::1]/acme/shop", "[::1]", "https://[::1]:443/acme/shop.git"},
		{"https://[::1]:3000/acme/shop", "[::1]:3000", "ssh://git@[::1]:3000/acme/shop.git"},
		{"/srv/git/shop.git", "", "file:///srv/git/shop.git", "FILE:///srv/git/shop.git/", "/srv/git//shop.git/", "/srv/x/../git/./shop.git", "//srv/git/shop.git"},
		{"/srv/git/shop", "", "file:///srv/git/shop"},
		{"/srv/git/Shop", ""},
		{"/srv/git/a b", "", "file:///srv/git/a%20b"},
		{"/srv/git/a%20b", "", "file:///srv/git/a%2520b"},
		{"github.com/acme/shop", "", "./github.com/acme/shop/"},
		{"./git@github.com:acme/shop", "", "x/../git@github.com:acme/shop"},
		{"../shop", "", "a/../../shop"},
		{"", ""},
		{"git://github.com/acme/shop", "github.com"},
	}
}

func TestID(t *testing.T) {
	ids := map[string]bool{}
	for _, r := range repositories() {
		id, host, others := r[0], r[1], r[2:]
		if ids[id] {
			t.Errorf("%s is there twice", id)
		}
		ids[id] = true
		for _, url := range append(others, id) {
			if got := ID(url); got != id {
				t.Errorf("the id of %q is %q, want %q", url, got, id)
			}
			if got := Host(url); got != host {
				t.Errorf("the host of %q is %q, want %q", url, got, host)
			}
		}
	}
}

// FuzzID holds that an id is its own id, and has the host that its URL has.
func TestIsHere(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:80": true, "127.0.0.1": true, "127.9.9.9:5000": true, "::1": true, "[::1]": true, "[::1]:5000": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example.com": false, "127.0.0.1.example.com": false, "10.0.0.1": false, "0.0.0.0": false, "[2001:db8::1]:80": false,
	} {
		if got := IsHere(host); got != want {
			t.Errorf("%q is this machine: %v", host, got)
		}
	}
}

func FuzzID(f *testing.F) {
	for _, r := range repositories() {
		for _, url := range append(r[2:], r[0]) {
			f.Add(url)
		}
	}
	for _, url := range []string{"https://h:80:80/x", "https:///x", "h:", ":", "a@b@c:d", "ext::sh -c x", "git@[::1]:x", "file://h", "file://%zz", "./https://x", "://", "https://a@:22//.git"} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		id := ID(url)
		if again := ID(id); again != id {
			t.Errorf("the id of %q is %q, whose id is %q", url, id, again)
		}
		if a, b := Host(url), Host(id); a != b {
			t.Errorf("the host of %q is %q, of its id %q it is %q", url, a, id, b)
		}
	})
}

func TestNews(t *testing.T) {
	for _, url := range []string{
		"https://github.com/acme/shop", "https://github.com/Acme/Shop.git", "git@github.com:ACME/shop", "ssh://git@ssh.github.com:443/acme/shop.git",
		"https://GITHUB.com/acme/shop/", "https://alice@github.com/acme/shop",
	} {
		if got := News(url); got != "https://github.com/acme/shop" {
			t.Errorf("news of %q are looked for under %q", url, got)
		}
	}
	for _, url := range []string{"https://github.com/acme/shop2", "https://gitlab.com/acme/shop", "https://ssh.github.com.example.com/acme/shop", "/acme/shop"} {
		if got := News(url); got == "https://github.com/acme/shop" {
			t.Errorf("news of %q are taken for those of another repository", url)
		}
	}
}
