package detect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler/blame"
)

// servers are packages of Node that answer requests themselves, and what they make an app.
func servers() []known {
	return []known{
		{"next", frameworks.Next}, {"nuxt", frameworks.Nuxt}, {"nuxt3", frameworks.Nuxt},
		{"@nestjs/core", frameworks.Nest}, {"express", frameworks.Express},
	}
}

// known is the name of a package, and the framework that a source is which depends on it.
type known struct{ name, framework string }

// renderers are packages that build with Vite what then answers requests.
func renderers() []string {
	return []string{"@sveltejs/kit", "@remix-run/dev", "@react-router/dev", "@solidjs/start", "@tanstack/react-start", "@builder.io/qwik-city"}
}

// server recognizes an app of Node that answers requests itself.
func (t tree) server() (framework, reason string) {
	p := parsePackage(t.text("package.json"))
	for _, known := range servers() {
		if p.depends(known.name, false) {
			return known.framework, "package.json depends on " + known.name
		}
	}
	return "", ""
}

func (t tree) node() (framework, reason string) {
	if framework, reason = t.server(); framework != "" {
		return framework, reason
	}
	p := parsePackage(t.text("package.json"))
	for _, name := range renderers() {
		if p.depends(name, true) {
			return frameworks.Node, "package.json depends on " + name
		}
	}
	for _, known := range []known{
		{"next", frameworks.Next}, {"nuxt", frameworks.Nuxt}, {"react-scripts", frameworks.React},
		{"vite", frameworks.Vite}, {"express", frameworks.Express},
	} {
		if p.depends(known.name, true) {
			return known.framework, "package.json depends on " + known.name
		}
	}
	if t.exists("package.json") {
		return frameworks.Node, "there is a package.json"
	}
	return "", ""
}

// nodeRecipe is the search for how an app of Node is built.
type nodeRecipe struct{ *recipe }

// node says how a Dockerfile installs, builds and starts an app of Node.
func (r nodeRecipe) node(framework string) *blame.Fault {
	text := r.t.text("package.json")
	p := parsePackage(text)
	if p == nil {
		return noPackage(text)
	}
	app := &App{}
	r.install(app, p)
	if _, found := p.Scripts["build"]; found {
		app.Build = "build"
		if root := (tree{r.t.files, r.context}); r.folder != "." && root.exists("turbo.json") && parsePackage(root.text("package.json")).depends("turbo", true) {
			app.Build = "turbo run build"
		}
		r.because("build", "the script build", "package.json")
	}
	var missing *blame.Fault
	switch framework {
	case frameworks.Next:
		missing = r.next(app, p)
	case frameworks.Nuxt:
		missing = r.nuxt(app, p)
	case frameworks.Vite:
		missing = r.site(app, p, "dist", outDir, "vite.config.ts", "vite.config.js", "vite.config.mjs", "vite.config.mts", "vite.config.cjs")
	case frameworks.React:
		missing = r.site(app, p, "build", nil)
	case frameworks.Nest:
		if r.started(app, p, "start:prod") {
			break
		}
		app.Start = []string{"node", "dist/main.js"}
		r.because("start", "node dist/main.js", "as nest build makes it")
	default:
		missing = r.plainNode(app, p)
	}
	if missing != nil {
		return missing
	}
	return r.take(app)
}

// noPackage is why a package.json is none.
func noPackage(text string) *blame.Fault {
	if text == "" {
		return &blame.Fault{What: "there is no package.json that can be read", Fix: "add one, or " + addDockerfile}
	}
	var value any
	err := json.Unmarshal([]byte(text), &value)
	if err == nil {
		err = errors.New("it is no object of JSON")
	}
	return &blame.Fault{What: fmt.Sprintf("package.json cannot be understood: %v", err), Fix: "mend it and push"}
}

var (
	nextOutput = regexp.MustCompile("\\boutput\\s*:\\s*[\"'`](standalone|export)[\"'`]")
	nextDist   = regexp.MustCompile("\\bdistDir\\s*:\\s*[\"'`]([^\"'`]+)[\"'`]")
	outDir     = regexp.MustCompile("\\boutDir\\s*:\\s*[\"'`]([^\"'`]+)[\"'`]")
	jsComment  = regexp.MustCompile(`(?s:/\*.*?\*/)|(?m:(?:^|\s)//.*$)`)
)

// config is what the first of some files of JavaScript says, without its comments.
func (r nodeRecipe) config(names ...string) (text, name string) {
	name = r.t.first(names...)
	if name == "" {
		return "", ""
	}
	return jsComment.ReplaceAllString(r.t.text(name), ""), name
}

// next is a server by itself (standalone), a site (export), or one that needs what is installed.
func (r nodeRecipe) next(app *App, p *packageJSON) *blame.Fault {
	if app.Build == "" {
		app.Build = "next build"
	}
	text, name := r.config("next.config.js", "next.config.mjs", "next.config.ts", "next.config.cjs", "next.config.mts")
	dist, output := "", ""
	if m := nextDist.FindStringSubmatch(text); m != nil && isOutput(m[1]) {
		dist = path.Clean(m[1])
	}
	if m := nextOutput.FindStringSubmatch(text); m != nil {
		output = m[1]
	}
	switch {
	case output == "export" || strings.Contains(p.Scripts["build"], "next export"):
		app.Output = cmp.Or(dist, "out")
		r.because("output", "export: files in "+app.Output, cmp.Or(name, "package.json"))
	case output == "standalone":
		app.Output = cmp.Or(dist, ".next")
		app.Start = []string{"node", path.Join(r.folder, "server.js")}
		r.because("output", "standalone: a server in "+app.Output+"/standalone", name)
	case !r.started(app, p, "start"):
		app.Start = []string{"npx", "next", "start"}
		r.because("start", "next start", noScript)
	}
	return nil
}

func (r nodeRecipe) nuxt(app *App, p *packageJSON) *blame.Fault {
	if app.Build == "" {
		app.Build = "nuxt build"
	}
	app.Output = ".output"
	if strings.Contains(p.Scripts["build"], "nuxt generate") || strings.Contains(p.Scripts["build"], "nuxi generate") {
		app.Output = ".output/public"
		r.because("output", "generated: files in .output/public", "the script build in package.json")
		return nil
	}
	app.Start = []string{"node", "server/index.mjs"}
	r.because("output", "a server in .output", "as nuxt build makes it")
	return nil
}

// site is one of files that are built.
func (r nodeRecipe) site(app *App, p *packageJSON, output string, setting *regexp.Regexp, configs ...string) *blame.Fault {
	if app.Build == "" {
		if !p.depends("vite", true) {
			return unknown("how the site is built: package.json has no script build")
		}
		app.Build = "vite build"
	}
	app.Output = output
	reason := "usual for " + r.d.Framework
	if text, name := r.config(configs...); setting != nil && name != "" {
		if m := setting.FindStringSubmatch(text); m != nil && isOutput(m[1]) {
			app.Output, reason = path.Clean(m[1]), name
		}
	}
	r.because("output", "files in "+app.Output, reason)
	return nil
}

// isOutput says that a folder is one that can be copied out of an app.
func isOutput(name string) bool {
	clean := path.Clean(name)
	return isPlain(name) && fs.ValidPath(clean) && clean != "."
}

// noScript is why something else starts an app.
const noScript = "package.json has no script start"

// plainNode is started by its script, or by its main file.
func (r nodeRecipe) plainNode(app *App, p *packageJSON) *blame.Fault {
	if app.Start = r.web(); app.Start != nil {
		return nil
	}
	scripts := []string{"start"}
	if strings.Contains(p.Scripts["start"], "nodemon") || strings.Contains(p.Scripts["start"], "ts-node-dev") {
		scripts = []string{"start:prod", "start:production", "serve", "start"}
	}
	for _, script := range scripts {
		if r.started(app, p, script) {
			return nil
		}
	}
	main := path.Clean(p.Main)
	if p.Main == "" || !isPlain(main) || !fs.ValidPath(main) || !r.t.exists(main) && app.Build == "" {
		main = r.t.first("server.js", "app.js", "index.js", "main.js", "src/index.js", "src/server.js", "src/main.js")
	}
	if main == "" && (p.Workspaces || r.t.exists("pnpm-workspace.yaml")) {
		return &blame.Fault{What: "package.json is of a workspace and nothing in it says how an app is started", Fix: "point source.path at the package to run"}
	}
	if main == "" {
		return &blame.Fault{What: "nothing says how the app is started: package.json has no script start",
			Fix: `write scripts.start into package.json, such as "node server.js", or ` + addDockerfile}
	}
	app.Start = []string{"node", main}
	r.because("start", "node "+main, noScript)
	return nil
}

// started has the app started by a script, if there is such a script.
func (r nodeRecipe) started(app *App, p *packageJSON, script string) bool {
	text := p.Scripts[script]
	if text == "" {
		return false
	}
	runs := []string{"node"}
	if app.Tool == "bun" {
		runs = append(runs, "bun")
	}
	if app.Start = p.program(script, runs...); app.Start == nil {
		app.Start = []string{"npm", "run", script}
		if app.Tool == "bun" {
			app.Start[0] = "bun"
		}
	}
	r.because("start", short(text), fmt.Sprintf("the script %s in package.json", script))
	return true
}

// static is files as they are.
func (r *recipe) static() *blame.Fault {
	if !r.t.exists("index.html") {
		for _, folder := range []string{"public", "dist", "site", "www", "html", "build"} {
			if r.t.exists(folder + "/index.html") {
				r.because("output", "files in "+folder, "there is a "+folder+"/index.html")
				return r.take(&App{Language: "static", Output: folder})
			}
		}
		return unknown("where the site is: there is no index.html")
	}
	return r.take(&App{Language: "static"})
}

// skipped are folders that hold no app: what was installed, built or tested with.
func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || slices.Contains([]string{"node_modules", "vendor", "bower_components", "testdata", "target", "dist", "build",
		"out", "venv", "__pycache__", "Pods", "third_party"}, name)
}
