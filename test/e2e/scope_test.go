package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// monorepo is a module of two programs and a package that one of them is compiled with.
func monorepo(text string) files {
	return files{
		"go.mod": "module example.com/mono\n\ngo 1.24\n", "main.go": "",
		"cmd/api/main.go":     "package main\n\nimport (\n\t\"os\"\n\n\t\"example.com/mono/internal/text\"\n)\n\nfunc main() { os.Stdout.WriteString(text.Hello + \"\\n\") }\n",
		"cmd/worker/main.go":  program("worker"),
		"internal/text/it.go": textFile(text),
	}
}

func textFile(text string) string {
	return "package text\n\nconst Hello = \"" + text + "\"\n"
}

// module is a project of the program in cmd/api of a module; more is what its source says beside the repository and the path.
func (w *world) module(name, more string) *project {
	w.t.Helper()
	p := w.goProject("ws-1", name)
	p.app.commit("Make it a module of two", monorepo("one"))
	p.spec = []string{"type: monolithic", "source: {repository: " + p.app.bare + ", path: cmd/api" + more + "}"}
	return p
}

// addModule adds a project whose source is written in its spec, and returns the repository of its app.
func (w *world) addModule(p *project) *repo {
	w.t.Helper()
	app := p.app
	p.app = nil
	w.add(p)
	return app
}

// unchanged checks that a push was told that its build came to the image of a release.
func (p *project) unchanged(source, version string) {
	p.w.t.Helper()
	want := "nothing new to release: the build came to the image that runs, " + version
	if verdict := p.sourceVerdict(source); verdict.State != "success" || verdict.Description != want {
		p.w.t.Errorf("the push of %s ended with %+v", source, verdict)
	}
}

// A push beside the path is built when the program is compiled with it, and released when that makes another program. What
// makes the same one is not released, says so, and is not built again after a restart or with the GitOps repository lost.
func TestPushBesideThePathOfAModule(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	api := w.module("api", "")
	mono := w.addModule(api)
	api.runs("v1.0.0")

	fix := mono.commit("Mend the package", files{"internal/text/it.go": textFile("two")})
	two := api.runs("v1.0.1")
	api.wantSays("two")
	if file := w.config.read(api.releaseFile("v1.0.1")); !strings.Contains(file, "scope: .\n") || strings.Count(file, "commit: "+fix) != 2 {
		t.Errorf("v1.0.1 is of %s, and is\n%s", fix, file)
	}

	docs := mono.commit("Write docs", files{"README.md": "Read me.\n", "internal/text/it_test.go": "package text\n"})
	api.unchanged(docs, "v1.0.1")
	worker := mono.commit("Change the other program", files{"cmd/worker/main.go": program("more")})
	api.unchanged(worker, "v1.0.1")
	api.still(two)
	api.wantReleases("v1.0.0", "v1.0.1")

	said := func() string { return fmt.Sprint(api.sourceNotes(fix), api.sourceNotes(docs), api.sourceNotes(worker)) }
	reports := said()
	w.restart()
	api.still(two)
	w.crash()
	api.still(two)
	if got := said(); got != reports {
		t.Errorf("after a restart it is told again:\n%s\nbefore\n%s", got, reports)
	}
	for _, l := range losses() {
		logs := api.attempts()
		l.lose(w)
		same(t, api.runs("v1.0.1"), two)
		api.still(two)
		if again := api.attempts(); again > logs {
			t.Errorf("with GitOps lost (%s) it was built again", l.name)
		}
		if got := said(); got != reports {
			t.Errorf("with GitOps lost (%s) it is told again:\n%s\nbefore\n%s", l.name, got, reports)
		}
	}

	api.edit("replicas: 2")
	if v := api.runs("v1.0.2"); v.Image != two.Image || v.Replicas != 2 {
		t.Errorf("v1.0.2 is\n%s", v.text)
	}
	if file := w.config.read(api.releaseFile("v1.0.2")); !strings.Contains(file, "commit: "+worker) || !strings.Contains(file, "built: false") {
		t.Errorf("v1.0.2 is\n%s", file)
	}
}

// A push to what a link in the path leads to is built.
func TestPushBehindALink(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	api := w.module("api", "")
	api.app.commit("Make it a module of its own", files{
		"go.mod": "", "cmd/api/go.mod": "module example.com/api\n\ngo 1.24\n", "shared/text/it.go": textFile("one"),
		"cmd/api/main.go": "package main\n\nimport (\n\t\"os\"\n\n\t\"example.com/api/text\"\n)\n\nfunc main() { os.Stdout.WriteString(text.Hello + \"\\n\") }\n",
	})
	api.app.symlink("cmd/api/text", "../../shared/text")
	api.app.recordAndPush("Link it")
	mono := w.addModule(api)
	api.runs("v1.0.0")
	mono.commit("Mend what is behind the link", files{"shared/text/it.go": textFile("two")})
	api.runs("v1.0.1")
	api.wantSays("two")
}

// What came to the image of a release is rolled back with it, whatever is lost meanwhile.
func TestRollbackOfWhatCameToTheSameImage(t *testing.T) {
	for _, l := range append(losses(), loss{"nothing is lost", func(*world) {}}) {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).open()
			api := w.module("api", "")
			mono := w.addModule(api)
			one := api.runs("v1.0.0")
			mono.commit("Break the package", files{"internal/text/it.go": textFile("broken")})
			api.runs("v1.0.1")
			api.unchanged(mono.commit("Write docs", files{"README.md": "Read me.\n"}), "v1.0.1")
			w.settle()

			api.revert("v1.0.1")
			same(t, api.runs("v1.0.0"), one)
			l.lose(w)
			same(t, api.runs("v1.0.0"), one)
			api.still(one)
			mono.commit("Mend the package", files{"internal/text/it.go": textFile("three")})
			api.runs("v1.0.2")
			api.wantSays("three")
		})
	}
}

// Content that comes back takes the image that it had; the release is of the push of now. Content that comes back in the folder
// only, while what is beside it has moved on, has no image.
func TestContentThatComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	api := w.module("api", "")
	mono := w.addModule(api)
	one := api.runs("v1.0.0")
	main := mono.read("cmd/api/main.go")

	mono.commit("Change both", files{"internal/text/it.go": textFile("two"), "cmd/api/main.go": main + "// A comment.\n"})
	api.runs("v1.0.1")
	half := mono.commit("Take the comment away", files{"cmd/api/main.go": main})
	if v := api.runs("v1.0.2"); v.Image.Digest == one.Image.Digest || api.says() != "two" {
		t.Errorf("v1.0.2 says %q", api.says())
	}
	back := mono.commit("Take all back", files{"internal/text/it.go": textFile("one")})
	if v := api.runs("v1.0.3"); v.Image.Digest != one.Image.Digest || api.says() != "one" {
		t.Errorf("v1.0.3 says %q", api.says())
	}
	for version, c := range map[string]struct{ commit, built string }{"v1.0.2": {half, "built: true"}, "v1.0.3": {back, "built: false"}} {
		file := w.config.read(api.releaseFile(version))
		if strings.Count(file, "commit: "+c.commit) != 2 || !strings.Contains(file, c.built) {
			t.Errorf("%s is of the push %s, %s, and is\n%s", version, c.commit, c.built, file)
		}
		if verdict := api.sourceVerdict(c.commit); verdict.State != "success" || !strings.Contains(verdict.Description, version) {
			t.Errorf("the push %s ended with %+v", c.commit, verdict)
		}
	}
}

// source.watch takes away from what a push has to touch, and adds to it.
func TestWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	less := w.module("less", `, watch: ["!docs", "!**/*.md"]`)
	lessApp := w.addModule(less)
	more := w.goProject("ws-1", "more")
	more.app.commit("Move it", files{"app/go.mod": "module example.com/more\n\ngo 1.24\n", "app/main.go": program("one")})
	more.spec = []string{"type: monolithic", "source: {repository: " + more.app.bare + ", path: app, watch: ['proto/**', '!proto/*.md']}"}
	moreApp := w.addModule(more)
	one, first := less.runs("v1.0.0"), more.runs("v1.0.0")

	lessApp.commit("Write docs", files{"docs/a.txt": "a", "README.md": "Read me.\n", "internal/text/README.md": "Read me.\n"})
	moreApp.commit("Write docs", files{"proto/README.md": "Read me.\n", "main.go": program("else")})
	less.still(one)
	more.still(first)
	if less.attempts() != 1 || more.attempts() != 1 {
		t.Errorf("%d and %d builds for what is not watched", less.attempts(), more.attempts())
	}

	lessApp.commit("Change the package", files{"internal/text/it.go": textFile("two")})
	less.runs("v1.0.1")
	more.unchanged(moreApp.commit("Change what is generated from", files{"proto/a/b.proto": "x"}), "v1.0.0")
	moreApp.commit("Change the app", files{"app/main.go": program("two")})
	more.runs("v1.0.1")
	if less.says() != "two" || more.says() != "two" {
		t.Errorf("they say %q and %q", less.says(), more.says())
	}

	less.spec[1] = strings.Replace(less.spec[1], `"!docs"`, `"!internal"`, 1)
	edit := less.edit()
	want := "nothing new to release: the build came to the image that runs, v1.0.1"
	if verdict := less.verdict(edit); verdict.State != "success" || verdict.Description != want {
		t.Errorf("the edit of what is watched ended with %+v", verdict)
	}
	now := less.values()
	lessApp.commit("Change the package", files{"internal/text/it.go": textFile("three")})
	less.still(now)
	less.wantReleases("v1.0.0", "v1.0.1")
}

// Services that are compiled with one module are built when what they share changes; each is released if it is another one.
func TestServicesOfOneModule(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	change := monorepo("one")
	change["services/orders/main.go"], change["services/billing/main.go"] = change["cmd/api/main.go"], program("billing")
	shop.app.commit("Two services of one module", change)
	shop.spec = []string{"type: spring-microservice", "source: {repository: " + shop.app.bare + ", path: services}", "build: {framework: go}",
		"services: [{name: orders, public: true}, {name: billing}]"}
	mono := w.addModule(shop)
	one := shop.runs("v1.0.0")

	push := mono.commit("Change what one of them uses", files{"internal/text/it.go": textFile("two")})
	two := shop.runs("v1.0.1")
	if w.says(two.Services[0].Image) != "two" || two.Services[1].Image != one.Services[1].Image {
		t.Errorf("v1.0.1 is\n%s", two.text)
	}
	if verdict := shop.sourceVerdict(push); verdict.State != "success" || !strings.Contains(verdict.Description, "v1.0.1") {
		t.Errorf("the push ended with %+v", verdict)
	}
	docs := mono.commit("Write docs", files{"README.md": "Read me.\n"})
	shop.unchanged(docs, "v1.0.1")
	shop.still(two)
	w.restart()
	shop.still(two)
}

// A module that is replaced by another folder, and the workspace of another repository, count.
func TestModulesOfWorkspaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	for _, c := range []struct {
		name  string
		extra files
	}{
		{"replaced", files{"api/go.mod": "module example.com/api\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ../lib\n"}},
		{"workspace", files{
			"api/go.mod": "module example.com/api\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n", "go.work": "go 1.24\n\nuse (\n\t./api\n\t./lib\n)\n",
		}},
	} {
		p := w.goProject("ws-1", c.name)
		change := files{
			"main.go": "", "go.mod": "", "lib/go.mod": "module example.com/lib\n\ngo 1.24\n", "lib/it.go": strings.Replace(textFile("one"), "text", "lib", 1),
			"api/main.go": "package main\n\nimport (\n\t\"os\"\n\n\t\"example.com/lib\"\n)\n\nfunc main() { os.Stdout.WriteString(lib.Hello + \"\\n\") }\n",
		}
		for name, content := range c.extra {
			change[name] = content
		}
		p.app.commit("Two modules", change)
		p.spec = []string{"type: monolithic", "source: {repository: " + p.app.bare + ", path: api}"}
		app := w.addModule(p)
		one := p.runs("v1.0.0")
		app.commit("Change the library", files{"lib/it.go": strings.Replace(textFile("two"), "text", "lib", 1)})
		p.runs("v1.0.1")
		if got := p.says(); got != "two" || p.values().Image == one.Image {
			t.Errorf("%s says %q", c.name, got)
		}
	}
}

// What is watched is in the plan.
func TestPlanSaysWhatIsWatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	api := w.module("api", "")
	w.addModule(api)
	api.runs("v1.0.0")
	api.spec[1] = strings.Replace(api.spec[1], "path: cmd/api", `path: cmd/api, watch: ["proto/**", "!docs"]`, 1)
	w.config.pull()
	base := w.config.head()
	api.edit()
	out, err := w.plateform("plan", "--base", base)
	if err != nil || !strings.Contains(out, "., then proto/**, !docs") || !strings.Contains(out, "the Go module of go.mod") {
		t.Errorf("%v\n%s", err, out)
	}
}
