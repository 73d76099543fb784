package localbuild

import (
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// framework recognizes what is neither Go nor a Dockerfile, and says why; empty when nothing tells. Frameworks stand
// before languages, and package.json comes late: many apps of other languages have one for their assets.
func (t tree) framework() (framework, reason string) {
	for _, look := range []func() (string, string){
		t.php, t.ruby, t.django, t.java, t.dotnet, t.rust, t.python, t.node, t.static,
	} {
		if framework, reason = look(); framework != "" {
			return framework, reason
		}
	}
	return "", ""
}

func (t tree) php() (framework, reason string) {
	switch composer := t.text("composer.json"); {
	case depends(composer, "laravel/framework"):
		return manifest.FrameworkLaravel, "composer.json requires laravel/framework"
	case t.exists("artisan"):
		return manifest.FrameworkLaravel, "there is an artisan"
	case composer != "":
		return manifest.FrameworkPHP, "there is a composer.json"
	case t.exists("index.php"):
		return manifest.FrameworkPHP, "there is an index.php"
	}
	return "", ""
}

// depends says that a composer.json or package.json names a package among what it needs, in the sections given.
func depends(text, name string, sections ...string) bool {
	if len(sections) == 0 {
		sections = []string{"require"}
	}
	var file map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &file) != nil {
		return false
	}
	return slices.ContainsFunc(sections, func(section string) bool {
		var needed map[string]any
		return json.Unmarshal(file[section], &needed) == nil && needed[name] != nil
	})
}

func (t tree) ruby() (framework, reason string) {
	gems := t.text("Gemfile")
	switch {
	case regexp.MustCompile(`(?m)^\s*gem\s*\(?\s*["']rails["']`).MatchString(gems):
		return manifest.FrameworkRails, "Gemfile names rails"
	case t.exists("bin/rails"):
		return manifest.FrameworkRails, "there is a bin/rails"
	case t.exists("Gemfile"):
		return manifest.FrameworkRuby, "there is a Gemfile"
	}
	return "", ""
}

// pythonFiles say what a Python app needs.
func pythonFiles() []string {
	return []string{"requirements.txt", "pyproject.toml", "Pipfile", "setup.py", "setup.cfg", "requirements/base.txt", "requirements/production.txt"}
}

func (t tree) django() (framework, reason string) {
	if t.exists("manage.py") && strings.Contains(strings.ToLower(t.text("manage.py")), "django") {
		return manifest.FrameworkDjango, "manage.py is django's"
	}
	return "", ""
}

func (t tree) python() (framework, reason string) {
	for _, known := range []struct{ name, framework string }{
		{"django", manifest.FrameworkDjango}, {"fastapi", manifest.FrameworkFastAPI}, {"flask", manifest.FrameworkFlask},
	} {
		for _, file := range pythonFiles() {
			if requires(t.text(file), known.name) {
				if framework, reason := t.server(); framework != "" {
					return framework, reason
				}
				return known.framework, file + " names " + known.name
			}
		}
	}
	if t.exists("package.json") {
		return "", "" // a few scripts beside an app of Node
	}
	for _, file := range append(pythonFiles(), "app.py", "main.py") {
		if t.exists(file) {
			return manifest.FrameworkPython, "there is a " + file
		}
	}
	return "", ""
}

// requires says that one of the files of Python names a package: at the beginning of a line, or in quotes. Comments and
// packages that only begin alike do not count.
func requires(text, name string) bool {
	pattern := regexp.MustCompile(`(?im)^[^#\n]*?(?:^\s*|["'])` + regexp.QuoteMeta(name) + `\s*(?:[\["'<>=~!;,@#\s]|$)`)
	return pattern.MatchString(text)
}

// java looks at the build files of the source, and those of its parents for a module that leaves it to them.
func (t tree) java() (framework, reason string) {
	own := []string{"pom.xml", "build.gradle", "build.gradle.kts"}
	at := slices.IndexFunc(own, t.exists)
	if at < 0 {
		return "", ""
	}
	marks := []struct{ mark, framework string }{
		{"io.quarkus", manifest.FrameworkQuarkus}, {"io.micronaut", manifest.FrameworkMicronaut},
		{"org.springframework.boot", manifest.FrameworkSpringBoot},
	}
	for _, above := range t.upward() {
		for _, file := range append(own, "gradle/libs.versions.toml") {
			text := withoutComments(above.text(file))
			for _, m := range marks {
				if strings.Contains(text, m.mark) {
					return m.framework, above.at(file) + " names " + m.mark
				}
			}
		}
	}
	return manifest.FrameworkJava, "there is a " + own[at]
}

// withoutComments leaves out those of XML, and of Gradle at the beginning of a line: a URL has slashes too.
func withoutComments(text string) string {
	return regexp.MustCompile(`(?s)<!--.*?-->|/\*.*?\*/|(?m:^\s*(?://|#).*$)`).ReplaceAllString(text, "")
}

func (t tree) dotnet() (framework, reason string) {
	entries, err := t.list(".")
	if err != nil {
		return "", ""
	}
	for _, e := range entries {
		if slices.Contains([]string{".csproj", ".fsproj", ".vbproj", ".sln", ".slnx"}, path.Ext(e.Name())) && t.exists(e.Name()) {
			return manifest.FrameworkDotnet, "there is a " + e.Name()
		}
	}
	return "", ""
}

func (t tree) rust() (framework, reason string) {
	if t.exists("Cargo.toml") {
		return manifest.FrameworkRust, "there is a Cargo.toml"
	}
	return "", ""
}

// server recognizes an app of Node that answers requests itself.
func (t tree) server() (framework, reason string) {
	text := t.text("package.json")
	for _, known := range []struct{ name, framework string }{
		{"next", manifest.FrameworkNext}, {"express", manifest.FrameworkExpress},
	} {
		if depends(text, known.name, "dependencies") {
			return known.framework, "package.json depends on " + known.name
		}
	}
	return "", ""
}

func (t tree) node() (framework, reason string) {
	if framework, reason = t.server(); framework != "" {
		return framework, reason
	}
	text := t.text("package.json")
	for _, known := range []struct{ name, framework string }{
		{"next", manifest.FrameworkNext}, {"vite", manifest.FrameworkVite}, {"express", manifest.FrameworkExpress},
	} {
		if depends(text, known.name, "dependencies", "devDependencies") {
			return known.framework, "package.json depends on " + known.name
		}
	}
	if t.exists("package.json") {
		return manifest.FrameworkNode, "there is a package.json"
	}
	return "", ""
}

func (t tree) static() (framework, reason string) {
	if t.exists("index.html") {
		return manifest.FrameworkStatic, "there is an index.html"
	}
	return "", ""
}
