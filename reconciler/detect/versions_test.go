package detect

import "testing"

func TestVersionsThatSourcesAskFor(t *testing.T) {
	tests := []struct {
		of         versions
		said, want string
	}{
		{nodeVersions(), "22", "22"},
		{nodeVersions(), "v22.11.0", "22"},
		{nodeVersions(), ">=18", "24"},
		{nodeVersions(), ">= 18.17.0 < 21", "20"},
		{nodeVersions(), "^20.9.0 || >=22.0.0", "24"},
		{nodeVersions(), "18.x", "18"},
		{nodeVersions(), "~20.9", "20"}, // no image of so small a range: the version that it names
		{nodeVersions(), "16.x", "16"},
		{nodeVersions(), "lts/*", ""},
		{nodeVersions(), "lts/iron", ""},
		{nodeVersions(), "*", "24"},
		{pythonVersions(), "3.12.4", "3.12"},
		{pythonVersions(), "python-3.11.9", "3.11"},
		{pythonVersions(), "3", "3.13"},
		{pythonVersions(), ">=3.10,<3.13", "3.12"},
		{pythonVersions(), "~=3.11", "3.13"},
		{pythonVersions(), "~=3.11.2", "3.11"},
		{pythonVersions(), "==3.10.*", "3.10"},
		{pythonVersions(), "^3.12", "3.13"},
		{phpVersions(), "~8.1.0 || ~8.2.0", "8.2"},
		{phpVersions(), "^8.1|^8.2", "8.4"},
		{phpVersions(), ">=7.4", "8.4"},
		{rubyVersions(), "ruby-3.3.6", "3.3"},
		{rubyVersions(), "~> 3.2.0", "3.2"},
		{javaVersions(), "17", "17"},
		{javaVersions(), "temurin-21.0.2+13", "21"},
		{goVersions(), "1.25", "1.25"},
		{goVersions(), "1.13", "1.26"}, // compiled by any newer one
		{rustVersions(), "1.85.0", "1.85"},
		{dotnetVersions(), "9.0", "9.0"},
		{nodeVersions(), "", ""},
		{nodeVersions(), "0", ""},
		{nodeVersions(), "v0.12.18", ""},
		{nodeVersions(), "<0.1", ""},
		{nodeVersions(), "\x000 {\xff", ""},
		{nodeVersions(), "<html>404 not found</html>", ""},
		{pythonVersions(), "0.1", ""},
		{rustVersions(), "0.9", "1.90"},
		{nodeVersions(), "no number", ""},
		{nodeVersions(), "9999999999999999999999", ""},
	}
	for _, tt := range tests {
		if got := tt.of.fit(tt.said); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.said, got, tt.want)
		}
	}
}

func TestTheFirstPlaceThatSaysAVersionCounts(t *testing.T) {
	version, where := nodeVersions().choose([]from{{nil, "a"}, {[]string{"", "lts/*"}, "b"}, {[]string{"", "22"}, "c"}, {[]string{"20"}, "d"}})
	if version != "22" || where != "c" {
		t.Errorf("got %s of %s", version, where)
	}
	version, where = nodeVersions().choose([]from{{nil, "a"}, {[]string{"<0>"}, "b/.nvmrc"}, {[]string{"lts/*"}, "c"}})
	if version != "24" || where != "no image is known for what b/.nvmrc says" {
		t.Errorf("got %s of %s", version, where)
	}
	version, where = nodeVersions().choose(nil)
	if version != "24" || where != "the source does not say which" {
		t.Errorf("got %s of %s", version, where)
	}
}
