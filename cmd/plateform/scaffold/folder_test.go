package scaffold_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/plateform/plateform/cmd/plateform/scaffold"
)

// What was made for a folder goes with it; what others have put beside it meanwhile, and what was there, stays.
func TestUnclaimLeavesTheFoldersOfOthers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, beside string
		stays        string
	}{
		{"nobody else was there", "", "."},
		{"somebody has written beside it", "a/theirs", "a/theirs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			dir := filepath.Join(root, "a", "b", "c")
			made, err := scaffold.Claim(dir)
			if err != nil {
				t.Fatal(err)
			}
			if want := filepath.Join(root, "a"); made != want {
				t.Errorf("made is %s, want %s", made, want)
			}
			write(t, filepath.Join(dir, "ours"))
			if test.beside != "" {
				write(t, filepath.Join(root, test.beside))
			}
			if err := scaffold.Unclaim(dir, made); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(root, "a", "b")); err == nil {
				t.Error("the folder above is still there")
			}
			if _, err := os.Stat(filepath.Join(root, test.stays)); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(root, "a")); (err == nil) != (test.beside != "") {
				t.Errorf("the topmost folder: %v", err)
			}
		})
	}
}

func write(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
