package installation

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/gitstore"
)

// Each host of sources gets its own credentials, and no other place does.
func TestSourceAccess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"user": "reader\n", "one": "first\n", "two": "second\r\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source := func(host, password string) SourceSettings {
		return SourceSettings{Host: host, UsernameFile: filepath.Join(dir, "user"), PasswordFile: filepath.Join(dir, password)}
	}
	s := &Settings{Sources: []SourceSettings{source("git.example.com", "one"), source("Git.example.com:8443", "two"), source("127.0.0.1:3000", "two"), source("lost.example.com", "nowhere")}}
	access := s.SourceAccess()
	for repository, want := range map[string]string{
		"https://git.example.com/acme/shop":              "first",
		"https://GIT.EXAMPLE.COM:443/acme/shop":          "first",
		"https://git.example.com:8443/acme/shop":         "second",
		"http://127.0.0.1:3000/acme/shop":                "second", // this machine
		"http://git.example.com/acme/shop":               "",       // not encrypted
		"https://git.example.com.evil.example/acme/shop": "",
		"https://evil.example/git.example.com":           "",
		"https://evil.example/@git.example.com/x":        "",
		"https://sub.git.example.com/acme/shop":          "",
		"https://git.example.com:9000/acme/shop":         "",
		"ssh://git@git.example.com/acme/shop":            "",
		"git@git.example.com:acme/shop":                  "",
		"/srv/git/git.example.com":                       "",
		"https://127.0.0.1/acme/shop":                    "",
		"https://[::1]:3000/acme/shop":                   "",
	} {
		c, err := access.Credentials(t.Context(), repository)
		if err != nil || c.Password != want || (c.Username == "reader") != (want != "") {
			t.Errorf("%s: %q of %q, %v", repository, c.Password, c.Username, err)
		}
		if said := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(said, "first") || strings.Contains(said, "second") {
			t.Errorf("it prints itself as %s", said)
		}
	}
	if _, err := access.Credentials(t.Context(), "https://lost.example.com/x"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a file that is not there: %v", err)
	}
	if access := (&Settings{}).SourceAccess(); access.Credentials != nil {
		c, err := access.Credentials(t.Context(), "https://git.example.com/x")
		t.Errorf("without settings: %v %v", c == gitstore.Credential{}, err)
	}
}
