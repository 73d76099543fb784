package gitstore

import (
	"os"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/gitserver"
)

// Git keeps the names of authors in whatever bytes they came; they reach files and screens as text.
func TestNamesOfAuthors(t *testing.T) {
	r := gitserver.CreateBare(t, t.TempDir())
	tree := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	content := "tree " + r.Git("rev-parse", tree+"^{tree}") + "\nparent " + tree +
		"\nauthor Ren\xe9 \x1b[31m <rene@example.com> 1700000000 +0000\ncommitter x <x@example.com> 1700000000 +0000\n\n2\n"
	file := t.TempDir() + "/commit"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	hash := strings.TrimSpace(r.Git("hash-object", "-t", "commit", "-w", "--literally", file))
	r.Git("update-ref", "refs/heads/main", hash)
	s := openStore(t, Options{URL: r.Dir})
	fetch(t, s)
	c, err := s.Commit(hash)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Ren\uFFFD [31m"; strings.TrimSpace(c.Author.Name) != want {
		t.Errorf("the author is %q, want %q", c.Author.Name, want)
	}
}
