package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What a project.yaml and a repository say reaches no shell on its way through a builder, in Jenkins and on this machine: branches, folders, the
// path of a Dockerfile and names of variables are refused at their line, and values are what they are. A neighbour goes out all the while.
func TestHostileProjectsReachNoShell(t *testing.T) {
	t.Parallel()
	for _, builder := range []string{"jenkins", "local"} {
		t.Run(builder, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if builder == "jenkins" {
				w, _ = buildWithJenkins(t)
			}
			w.open()
			canary := filepath.Join(w.dir, "pwned")
			touch := "touch${IFS}" + canary
			source := func(app *repo, settings string) string { return "source: {repository: " + app.url + settings + "}" }
			cases := []struct {
				name string
				spec func(app *repo) []string
				// refused says why it is; empty when it is released.
				refused string
			}{
				{"branch", func(app *repo) []string {
					branch := "$(" + touch + ")`" + touch + "`;" + touch + ";'\"&&" + touch
					app.git("push", "--quiet", app.bare, "HEAD:refs/heads/"+branch) // Git takes it
					return []string{source(app, ", branch: "+strconv.Quote(branch))}
				}, "the branch"},
				{"option", func(app *repo) []string { return []string{source(app, `, branch: "--upload-pack=`+touch+`"`)} }, "branch"},
				{"revision", func(app *repo) []string { return []string{source(app, `, revision: "--upload-pack=`+touch+`"`)} }, "commit id"},
				{"folder", func(app *repo) []string { return []string{source(app, `, path: "a $(`+touch+`)"`)} }, "path"},
				{"dockerfile", func(app *repo) []string {
					return []string{source(app, ""), `build: {dockerfile: "x/$(` + touch + `)"}`}
				}, "path"},
				{"variable", func(app *repo) []string {
					return []string{source(app, ""), `build: {env: [{name: A, value: "$(` + touch + ")`" + touch + "`; " + touch + ` #'"}]}`}
				}, ""},
				{"name", func(app *repo) []string {
					return []string{source(app, ""), `build: {env: [{name: "A;` + touch + `", value: b}]}`}
				}, "name"},
				{"repository", func(*repo) []string { return []string{`source: {repository: "ext::sh -c ` + touch + `"}`} }, "repository"},
			}
			for _, tt := range cases {
				app := newRepo(t, w.dir, "app-"+tt.name)
				app.commit("Begin", files{"go.mod": "module example.com/app\n\ngo 1.24\n", "main.go": program("one")})
				p := &project{w: w, workspace: "ws-1", name: tt.name, spec: append([]string{"type: monolithic"}, tt.spec(app)...)}
				verdict := p.verdict(w.add(p))
				switch {
				case tt.refused == "" && verdict.State != "success":
					t.Errorf("%s ended with %+v", tt.name, verdict)
				case tt.refused != "" && (verdict.State != "failure" || !strings.Contains(verdict.Description, tt.refused)):
					t.Errorf("%s ended with %+v, want it refused for its %s", tt.name, verdict, tt.refused)
				}
				if _, err := os.Stat(canary); err == nil {
					t.Fatalf("what %s says is run", tt.name)
				}
			}
			shop := w.goProject("ws-2", "shop")
			w.add(shop)
			shop.runs("v1.0.0")
		})
	}
}
