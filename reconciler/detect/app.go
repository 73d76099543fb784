package detect

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler/blame"
)

// App is what a Dockerfile for a source is made of that has none. All names in it are plain: they mean nothing to a shell or a
// Dockerfile. Commands are words of our own, but for Start.
type App struct {
	// Language whose images it is built with: go, node, python, java, php, ruby, dotnet, rust, or static for files alone.
	Language string `json:"language"`
	// Version of the language, as tags of images have it; empty for static.
	Version string `json:"version,omitempty"`
	// Context is the folder of the source that the image is made from, "." for the root, and Folder the app in it, "." for all of it.
	Context string `json:"context"`
	Folder  string `json:"folder"`
	// Tool that installs and builds, such as pnpm or maven; ToolVersion is empty for the one that comes with the image.
	Tool        string `json:"tool,omitempty"`
	ToolVersion string `json:"toolVersion,omitempty"`
	// Manifests are the files of the context that say what to install: as long as they do not change, it is not installed again.
	// Empty when everything may decide over that.
	Manifests []string `json:"manifests,omitempty"`
	// Needs are packages of the system or of the tool that the app has to have beside what it names itself.
	Needs []string `json:"needs,omitempty"`
	// Build is what is built, in words of the Tool: the name of a script, a package, a project; empty when nothing is.
	Build string `json:"build,omitempty"`
	// Output is the folder, from Folder on, that has what was built; empty when that is in no folder of its own.
	Output string `json:"output,omitempty"`
	// Start is the command that starts it, word by word; empty where the Framework says it all.
	Start []string `json:"start,omitempty"`
	// Assets is how what browsers get is built, for an app of another language.
	Assets *App `json:"assets,omitempty"`
	// Ignores says that the source has a .dockerignore.
	Ignores bool `json:"ignores,omitempty"`
}

// IsSite says that an app is files for a web server.
func (a App) IsSite() bool {
	return a.Language == "static" || a.Language == "node" && a.Output != "" && len(a.Start) == 0
}

// sitePort is where the web server of a site or of PHP listens in an image that runs without rights.
const sitePort = 8080

// port is where the app listens in an image that is made by a generated Dockerfile, which sets PORT.
func (a App) port(framework string) (int, string) {
	usual := frameworks.Port(framework)
	if a.IsSite() || a.Language == "php" || usual == 0 {
		return sitePort, "the generated Dockerfile has it listen there"
	}
	return usual, "usual for " + framework
}

// recipe is one search for how an app is built.
type recipe struct {
	d *Detection
	// t is the folder of the app, context the one above it that the image is made from, and folder the way from there to t.
	t       tree
	context string
	folder  string
}

// plain are names that mean nothing to a shell or a Dockerfile.
var plain = regexp.MustCompile(`^[A-Za-z0-9_@+./-]+$`)

// isPlain says that a name of the source can be written into a Dockerfile.
func isPlain(name string) bool {
	return len(name) < 200 && plain.MatchString(name) && !strings.HasPrefix(name, "-")
}

// findApp finds out how an app without a Dockerfile is built. What is missing for that is kept for who wants to build it.
func (d *Detection) findApp(t tree, scope []string) {
	r := &recipe{d: d, t: t, context: above(t.dir, scope)}
	r.folder = relative(r.context, t.dir)
	for _, name := range []string{r.folder, path.Join(".", d.Package)} {
		if !isPlain(name) {
			d.missing = &blame.Fault{What: fmt.Sprintf("no Dockerfile can be written for the folder %q", name),
				Fix: "give it a name of letters, digits, dots, - and _, or " + addDockerfile}
			return
		}
	}
	if d.missing = r.find(); d.missing != nil {
		d.App = nil
		return
	}
	if port, reason := d.App.port(d.Framework); port != d.Port {
		d.Reasons = slices.DeleteFunc(d.Reasons, func(i manifest.Inference) bool { return i.Field == "port" })
		d.setPort(port, reason)
	}
}

// find goes by the framework.
func (r *recipe) find() *blame.Fault {
	switch d := r.d; d.Framework {
	case frameworks.Go:
		return r.golang(d)
	case frameworks.Next, frameworks.Nuxt, frameworks.Nest, frameworks.Express, frameworks.Node,
		frameworks.Vite, frameworks.React:
		return nodeRecipe{r}.node(d.Framework)
	case frameworks.Static:
		return r.static()
	case frameworks.Django, frameworks.FastAPI, frameworks.Flask, frameworks.Python:
		return pythonRecipe{r}.python(d.Framework)
	case frameworks.SpringBoot, frameworks.Quarkus, frameworks.Micronaut, frameworks.Java:
		return javaRecipe{r}.java(d.Framework)
	case frameworks.Laravel, frameworks.PHP:
		return r.php(d.Framework)
	case frameworks.Rails, frameworks.Ruby:
		return r.ruby(d.Framework)
	case frameworks.Dotnet:
		return r.dotnet()
	case frameworks.Rust:
		return r.rust()
	}
	return unknown("how it is built")
}

// take takes an app, and says what its Dockerfile is written from.
func (r *recipe) take(app *App) *blame.Fault {
	app.Context, app.Folder = r.context, r.folder
	app.Ignores = tree{r.t.files, r.context}.first(".dockerignore", ".containerignore") != ""
	r.d.App = app
	return nil
}

// unknown is what is missing to build an app.
func unknown(what string) *blame.Fault {
	return &blame.Fault{What: "nothing in the source says " + what, Fix: addDockerfile}
}

// because says what was found for the Dockerfile, and where.
func (r *recipe) because(field, value, reason string) { r.d.because(field, value, reason) }

// version chooses the version of the language.
func (r *recipe) version(app *App, v versions, places ...from) {
	version, reason := v.choose(places)
	app.Version = version
	r.because("runtime", app.Language+" "+version, reason)
}

// present are those of some files of the context that are there, seen from the context. A name may be a pattern of files.
func (r *recipe) present(names ...string) []string {
	root := tree{r.t.files, r.context}
	var found []string
	for _, name := range names {
		if isPlain(name) && root.exists(name) && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	return found
}

// web is the command that a Procfile names for what answers requests; nil without one. A shell reads it, as everywhere.
func (r *recipe) web() []string {
	for line := range strings.Lines(r.t.text("Procfile")) {
		if command, found := strings.CutPrefix(strings.TrimSpace(line), "web:"); found && strings.TrimSpace(command) != "" {
			command = strings.TrimSpace(command)
			r.because("start", short(command), "web in Procfile")
			return shell(command)
		}
	}
	return nil
}

// compound are commands that are more than one program with its arguments.
var compound = regexp.MustCompile("[&|;()<>`\n]|\\$\\(|^\\s*[A-Za-z_][A-Za-z0-9_]*=")

// shell has a shell run a command: in its own place where it is one program, so that signals reach that.
func shell(command string) []string {
	if !compound.MatchString(command) {
		command = "exec " + command
	}
	return []string{"sh", "-c", command}
}

// short is a text for a line of reasons.
func short(text string) string {
	const longest = 80
	clean := strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
	if runes := []rune(clean); len(runes) > longest {
		return string(runes[:longest]) + "..."
	}
	return clean
}

// above is the closest folder that has a folder and all of some paths in it.
func above(dir string, paths []string) string {
	covers := func(p string) bool { return dir == "." || p == dir || strings.HasPrefix(p, dir+"/") }
	for dir != "." && !allOf(paths, covers) {
		dir = path.Dir(dir)
	}
	return dir
}

func allOf(paths []string, fits func(string) bool) bool {
	return !slices.ContainsFunc(paths, func(p string) bool { return !fits(p) })
}

// relative is the way from a folder to one in it.
func relative(from, to string) string {
	if from == to {
		return "."
	}
	if from == "." {
		return to
	}
	return strings.TrimPrefix(to, from+"/")
}
