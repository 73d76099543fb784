package detect

import (
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler/blame"
)

func (t tree) php() (framework, reason string) {
	switch composer := t.text("composer.json"); {
	case requiredByComposer(composer)["laravel/framework"] != "":
		return frameworks.Laravel, "composer.json requires laravel/framework"
	case t.exists("artisan"):
		return frameworks.Laravel, "there is an artisan"
	case composer != "":
		return frameworks.PHP, "there is a composer.json"
	case t.exists("index.php"):
		return frameworks.PHP, "there is an index.php"
	}
	return "", ""
}

// requiredByComposer are the packages and extensions that a composer.json requires, with their versions.
func requiredByComposer(text string) map[string]string {
	var sections map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &sections) != nil {
		return nil
	}
	return words(sections["require"])
}

var phpExtension = regexp.MustCompile(`^ext-([a-z0-9_]{1,30})$`)

// php says how a Dockerfile installs an app of PHP, and which folder is for browsers.
func (r *recipe) php(framework string) *blame.Fault {
	app := &App{Language: "php", Tool: "composer"}
	required := requiredByComposer(r.t.text("composer.json"))
	r.version(app, phpVersions(),
		from{line.FindStringSubmatch(r.t.text(".php-version")), ".php-version"},
		from{toolVersions("php").FindStringSubmatch(r.t.text(".tool-versions")), ".tool-versions"},
		from{[]string{required["php"]}, "require.php in composer.json"})
	app.Manifests = r.present("composer.json", "composer.lock")
	if regexp.MustCompile(`"type"\s*:\s*"(?:path|artifact)"`).MatchString(r.t.text("composer.json")) {
		app.Manifests = nil
		r.because("install", "everything is copied first", "composer.json names folders of the source")
	}
	if !r.t.exists("composer.json") {
		app.Tool, app.Manifests = "", nil
	}
	if framework == frameworks.Laravel {
		app.Needs = []string{"bcmath", "intl", "opcache", "pdo_mysql", "pdo_pgsql", "zip"}
	}
	for name := range required {
		if m := phpExtension.FindStringSubmatch(name); m != nil && !slices.Contains(app.Needs, m[1]) && !slices.Contains(builtIn(), m[1]) {
			app.Needs = append(app.Needs, m[1])
		}
	}
	if slices.Sort(app.Needs); len(app.Needs) > 0 {
		r.because("needs", "extensions "+strings.Join(app.Needs, ", "), "composer.json, and what is usual for "+framework)
	}
	app.Output = "."
	for _, folder := range []string{"public", "web", "htdocs", "www"} {
		if r.t.exists(folder + "/index.php") {
			app.Output = folder
			break
		}
	}
	r.because("output", "served from "+app.Output, "index.php is there")
	if !r.t.exists(path.Join(app.Output, "index.php")) {
		return unknown("where the site begins: there is no index.php, at the root or in public")
	}
	if p := parsePackage(r.t.text("package.json")); p != nil && p.Scripts["build"] != "" {
		app.Assets = &App{Context: r.context, Folder: r.folder, Build: "build"}
		nodeRecipe{r}.install(app.Assets, p)
		app.Assets.Manifests = nil
	}
	return r.take(app)
}

// builtIn are extensions that every image of PHP has.
func builtIn() []string {
	return []string{"ctype", "curl", "date", "dom", "fileinfo", "filter", "hash", "iconv", "json", "libxml", "mbstring", "openssl", "pcre", "pdo", "pdo_sqlite",
		"phar", "posix", "random", "reflection", "session", "simplexml", "sodium", "spl", "sqlite3", "standard", "tokenizer", "xml", "xmlreader", "xmlwriter", "zlib"}
}

func (t tree) ruby() (framework, reason string) {
	switch {
	case gem("rails").MatchString(t.text("Gemfile")):
		return frameworks.Rails, "Gemfile names rails"
	case t.exists("bin/rails"):
		return frameworks.Rails, "there is a bin/rails"
	case t.exists("Gemfile"):
		return frameworks.Ruby, "there is a Gemfile"
	}
	return "", ""
}

// gem is the line of a Gemfile that names a gem.
func gem(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^\s*gem\s*\(?\s*["']` + name + `["']`)
}

var rubyLine = regexp.MustCompile(`(?m)^\s*ruby\s*\(?\s*["']([^"']+)["']`)

// ruby says how a Dockerfile installs and starts an app of Ruby.
func (r *recipe) ruby(framework string) *blame.Fault {
	gems := r.t.text("Gemfile")
	if gems == "" {
		return &blame.Fault{What: "there is no Gemfile", Fix: "add one, or " + addDockerfile}
	}
	app := &App{Language: "ruby", Tool: "bundler", Manifests: r.present("Gemfile", "Gemfile.lock", ".ruby-version", ".tool-versions")}
	r.version(app, rubyVersions(),
		from{line.FindStringSubmatch(r.t.text(".ruby-version")), ".ruby-version"},
		from{rubyLine.FindStringSubmatch(gems), "ruby in Gemfile"},
		from{toolVersions("ruby").FindStringSubmatch(r.t.text(".tool-versions")), ".tool-versions"})
	if regexp.MustCompile(`(?m)^\s*gem\b.*\bpath:|^\s*(?:gemspec|eval_gemfile|path)\b`).MatchString(gems) {
		app.Manifests = nil
		r.because("install", "everything is copied first", "Gemfile names files of the source")
	}
	for _, l := range []systemLibrary{{"pg", "libpq5"}, {"mysql2", "libmariadb3"}} {
		if gem(l.needs).MatchString(gems) {
			app.Needs = append(app.Needs, l.library)
			r.because("needs", l.library, "Gemfile names "+l.needs)
		}
	}
	app.Start = r.web()
	switch {
	case app.Start != nil && framework != frameworks.Rails:
	case framework == frameworks.Rails:
		if app.Start == nil {
			app.Start = shell("bundle exec rails server -b 0.0.0.0 -p $PORT")
		}
		if r.t.isFolder("app/assets") || r.t.exists("config/initializers/assets.rb") {
			app.Build = "assets:precompile"
			r.because("build", "rails assets:precompile", "there are assets")
		}
		if r.t.exists("package.json") {
			app.Assets = &App{Language: "node", Version: nodeVersions().known[0], Context: r.context, Folder: r.folder}
			r.because("needs", "node", "there is a package.json")
		}
	case r.t.exists("config.ru") && gem("puma").MatchString(gems):
		app.Start = shell("bundle exec puma -b tcp://0.0.0.0:$PORT")
		r.because("start", "puma", "there is a config.ru")
	case r.t.exists("config.ru"):
		app.Start = shell("bundle exec rackup -o 0.0.0.0 -p $PORT")
		r.because("start", "rackup", "there is a config.ru")
	default:
		return &blame.Fault{What: "nothing says how the app is started: there is no config.ru and no Procfile",
			Fix: "write web: and the command into a Procfile, or " + addDockerfile}
	}
	return r.take(app)
}

func (t tree) dotnet() (framework, reason string) {
	for _, pattern := range []string{"*.csproj", "*.fsproj", "*.vbproj", "*.sln", "*.slnx"} {
		if names := t.named(pattern); len(names) > 0 {
			return frameworks.Dotnet, "there is a " + names[0]
		}
	}
	return "", ""
}

var (
	targetFramework  = regexp.MustCompile(`<TargetFrameworks?>\s*(?:[^<;]*;)*?net(\d+\.\d+)`)
	assemblyName     = regexp.MustCompile(`<AssemblyName>\s*([^<\s]+)\s*</AssemblyName>`)
	projectReference = regexp.MustCompile(`<(?:ProjectReference|Import)\s+(?:Include|Project)\s*=\s*"([^"$]+)"`)
	isProgram        = regexp.MustCompile(`Sdk\s*=\s*"Microsoft\.NET\.Sdk\.(?:Web|Worker)"|<OutputType>\s*(?i:exe)\s*<`)
)

// dotnet says how a Dockerfile publishes an app of .NET.
func (r *recipe) dotnet() *blame.Fault {
	project, missing := r.dotnetProject()
	if missing != nil {
		return missing
	}
	text := r.t.text(project)
	app := &App{Language: "dotnet", Tool: "dotnet", Build: project}
	r.version(app, dotnetVersions(),
		from{targetFramework.FindStringSubmatch(text), "TargetFramework in " + project},
		from{targetFramework.FindStringSubmatch(r.t.text("Directory.Build.props")), "TargetFramework in Directory.Build.props"},
		from{regexp.MustCompile(`"version"\s*:\s*"(\d+\.\d+)\.\d+[^"]*"`).FindStringSubmatch(r.t.text("global.json")), "global.json"})
	name := strings.TrimSuffix(path.Base(project), path.Ext(project))
	if m := assemblyName.FindStringSubmatch(text); m != nil && isPlain(m[1]) && !strings.Contains(m[1], "/") {
		name = m[1]
	}
	references := projectReference.FindAllStringSubmatch(text, -1)
	for _, m := range references {
		target := path.Join(r.t.dir, path.Dir(project), strings.ReplaceAll(m[1], `\`, "/"))
		if target == ".." || strings.HasPrefix(target, "../") || r.t.dir != "." && !strings.HasPrefix(target, r.t.dir+"/") {
			return &blame.Fault{What: project + " refers to " + short(m[1]) + ", which is not in the folder that is built",
				Fix: "point source.path at the folder that holds both, or " + addDockerfile}
		}
	}
	if len(references) == 0 && path.Dir(project) == "." {
		app.Manifests = r.present(project, "global.json", "nuget.config", "NuGet.Config", "Directory.Build.props", "Directory.Packages.props", "packages.lock.json")
	}
	app.Start = []string{"dotnet", name + ".dll"}
	r.because("build", "dotnet publish "+project, "it is a program")
	return r.take(app)
}

// dotnetProject is the project that is a program: the only one in the folder, or the only one of a solution.
func (r *recipe) dotnetProject() (string, *blame.Fault) {
	var all, programs []string
	look := func(t tree, prefix string) {
		for _, pattern := range []string{"*.csproj", "*.fsproj", "*.vbproj"} {
			for _, name := range t.named(pattern) {
				if name = path.Join(prefix, name); !isPlain(name) {
					continue
				}
				if all = append(all, name); isProgram.MatchString(r.t.text(name)) {
					programs = append(programs, name)
				}
			}
		}
	}
	if look(r.t, ""); len(all) == 0 {
		for _, folder := range r.t.folders(mostPackages) {
			look(r.t.in(folder), folder)
			for _, inner := range r.t.in(folder).folders(mostPackages) {
				look(r.t.in(folder).in(inner), path.Join(folder, inner))
			}
		}
	}
	switch {
	case len(programs) == 1:
		return programs[0], nil
	case len(programs) > 1:
		return "", &blame.Fault{What: "there are several programs: " + strings.Join(programs[:min(len(programs), 5)], ", "),
			Fix: "point source.path at the folder of the one to run, or " + addDockerfile}
	case len(all) == 1:
		return all[0], nil
	}
	return "", unknown("which project is the program")
}

func (t tree) rust() (framework, reason string) {
	if t.exists("Cargo.toml") {
		return frameworks.Rust, "there is a Cargo.toml"
	}
	return "", ""
}

var (
	cargoSection = regexp.MustCompile(`(?m)^\s*(\[\[?[A-Za-z0-9_.-]+\]\]?)`)
	cargoName    = regexp.MustCompile(`(?m)^\s*name\s*=\s*["']([A-Za-z0-9_-]{1,64})["']`)
	defaultRun   = regexp.MustCompile(`(?m)^\s*default-run\s*=\s*["']([A-Za-z0-9_-]{1,64})["']`)
	cargoFiles   = regexp.MustCompile(`(?m)^\s*(?:\[\[|\[lib\]|\[workspace|build\s*=)|\bpath\s*=\s*["']`) // what Cargo looks for files by
	rustChannel  = regexp.MustCompile(`(?m)^\s*channel\s*=\s*["']([0-9][^"']*)["']`)
	rustNumber   = regexp.MustCompile(`\A\s*([0-9]+\.[0-9]+[0-9.]*)\s*\z`)
)

// rust says how a Dockerfile compiles a program of Rust.
func (r *recipe) rust() *blame.Fault {
	text := r.t.text("Cargo.toml")
	sections := cargoSections(text)
	if len(sections["[package]"]) == 0 {
		return &blame.Fault{What: "Cargo.toml has no package of its own", Fix: "point source.path at the package to run"}
	}
	name := cargoName.FindStringSubmatch(sections["[package]"][0])
	var programs []string
	for _, section := range sections["[[bin]]"] {
		if m := cargoName.FindStringSubmatch(section); m != nil {
			programs = append(programs, m[1])
		}
	}
	if name != nil && len(programs) == 0 {
		programs = []string{name[1]}
	}
	if m := defaultRun.FindStringSubmatch(sections["[package]"][0]); m != nil {
		programs = []string{m[1]}
	}
	if len(programs) != 1 {
		return &blame.Fault{What: "Cargo.toml does not say which program is run: " + strings.Join(programs[:min(len(programs), 5)], ", "),
			Fix: "write default-run into its package, or " + addDockerfile}
	}
	app := &App{Language: "rust", Tool: "cargo", Build: programs[0]}
	r.version(app, rustVersions(),
		from{rustChannel.FindStringSubmatch(r.t.text("rust-toolchain.toml")), "rust-toolchain.toml"},
		from{rustNumber.FindStringSubmatch(r.t.text("rust-toolchain")), "rust-toolchain"})
	if !cargoFiles.MatchString(text) && r.t.exists("src/main.rs") {
		app.Manifests = r.present("Cargo.toml", "Cargo.lock")
	}
	r.because("build", "cargo build --bin "+programs[0], "Cargo.toml")
	return r.take(app)
}

// cargoSections are the texts of the sections of a Cargo.toml by their headings.
func cargoSections(text string) map[string][]string {
	sections := map[string][]string{}
	found := cargoSection.FindAllStringSubmatchIndex(text, -1)
	for i, at := range found {
		end := len(text)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		name := text[at[2]:at[3]]
		sections[name] = append(sections[name], text[at[1]:end]+"\n")
	}
	return sections
}
