package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/test/harborserver"
)

// A workspace with credentials of its own at the registry is built, released, tagged and run with these, and all others with those of the
// platform; neither is asked for what is the other's.
func TestWorkspacesLogInAtTheRegistry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.logInAtTheRegistry()
	used := map[string]map[string]bool{}
	w.registry.mu.Lock()
	w.registry.lets = func(username, password, path string) bool {
		w.registry.mu.Lock()
		defer w.registry.mu.Unlock()
		workspace, _, _ := strings.Cut(path, "/")
		if used[workspace] == nil {
			used[workspace] = map[string]bool{}
		}
		if username != "" {
			used[workspace][username] = true
		}
		switch workspace {
		case "":
			return username != ""
		case "ws-1":
			return username == "robot-ws-1" && password == "hunter2-ws-1"
		}
		return username == "platform" && password == "hunter2-platform"
	}
	w.registry.mu.Unlock()
	w.open()
	shop, blog := w.goProject("ws-1", "shop"), w.goProject("ws-2", "blog")
	w.add(shop, blog)
	shop.tagged("v1.0.0", shop.runs("v1.0.0").Image)
	blog.tagged("v1.0.0", blog.runs("v1.0.0").Image)
	w.registry.mu.Lock()
	defer w.registry.mu.Unlock()
	delete(used, "")
	got := map[string][]string{}
	for workspace, names := range used {
		got[workspace] = slices.Sorted(maps.Keys(names))
	}
	if diff := cmp.Diff(map[string][]string{"ws-1": {"robot-ws-1"}, "ws-2": {"platform"}}, got); diff != "" {
		t.Errorf("who asked for the images of which workspace (-want +got):\n%s", diff)
	}
	log, err := os.ReadFile(w.serveLog())
	if err != nil || strings.Contains(string(log), "hunter2") {
		t.Errorf("the log has a password, or is not there: %v", err)
	}
}

// The scanner of a Harbor is asked about the images of a workspace with the workspace's own credentials, too.
func TestWorkspacesLogInAtHarbor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry.scanner = harborserver.New(t, w.registry.images)
	w.registry.scanner.Login("robot-ws-1", "hunter2-ws-1")
	w.platform = []string{"policy: {scan: {failOn: high}}"}
	w.logInAtTheRegistry()
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.registry.scanner.Finds(map[string]int{"Medium": 3})
	w.add(shop)
	shop.runs("v1.0.0")
	if release := w.config.read(shop.releaseFile("v1.0.0")); !strings.Contains(release, "medium: 3") {
		t.Errorf("the release file does not say what was found:\n%s", release)
	}
}

// logInAtTheRegistry gives serve credentials for the registry, and ws-1 some of its own.
func (w *world) logInAtTheRegistry() {
	w.t.Helper()
	file := func(name, text string) string {
		at := filepath.Join(w.dir, name)
		if err := os.WriteFile(at, []byte(text+"\n"), 0o600); err != nil {
			w.t.Fatal(err)
		}
		return at
	}
	w.registry.logins = fmt.Sprintf(", usernameFile: %q, passwordFile: %q, workspaces: [{workspace: ws-1, usernameFile: %q, passwordFile: %q}]",
		file("platform-user", "platform"), file("platform-password", "hunter2-platform"), file("ws-1-user", "robot-ws-1"), file("ws-1-password", "hunter2-ws-1"))
}
