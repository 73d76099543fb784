package up_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/plateform/plateform/cmd/plateform/up"
)

// The installation of plateform up is meant everywhere but in a checkout of another config repository.
func TestTheInstallationIsFound(t *testing.T) {
	home := t.TempDir()
	settings := "config: {url: /srv/platform-config.git}\ngitops: {url: /srv/plateform-gitops.git}\n"
	if err := os.WriteFile(filepath.Join(home, "serve.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	checkout := func(file string) string {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=al", "-c", "user.email=al@example.com", "commit", "-qm", "One"}} {
			command := exec.Command("git", args...)
			command.Dir = dir
			if said, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
		}
		return dir
	}
	for what, tt := range map[string]struct {
		dir, home string
		found     bool
	}{
		"in no repository":          {t.TempDir(), home, true},
		"in an app":                 {checkout("main.go"), home, true},
		"in another config":         {checkout("platform.yaml"), home, false},
		"where nothing was started": {t.TempDir(), t.TempDir(), false},
	} {
		t.Chdir(tt.dir)
		config, gitops, found := up.Find(t.Context(), tt.home)
		if found != tt.found || found && (config.URL != "/srv/platform-config.git" || gitops.URL != "/srv/plateform-gitops.git") {
			t.Errorf("%s: it is found %v, at %+v and %+v", what, found, config, gitops)
		}
	}
}
