package detect

import (
	"cmp"
	"encoding/xml"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler/blame"
)

// java looks at the build files of the source, and those of its parents for a module that leaves it to them.
func (t tree) java() (framework, reason string) {
	own := []string{"pom.xml", "build.gradle", "build.gradle.kts"}
	at := slices.IndexFunc(own, t.exists)
	if at < 0 {
		return "", ""
	}
	marks := []struct{ mark, framework string }{
		{"io.quarkus", frameworks.Quarkus}, {"io.micronaut", frameworks.Micronaut},
		{"org.springframework.boot", frameworks.SpringBoot},
	}
	for _, above := range t.upward(".") {
		for _, file := range append(own, "gradle/libs.versions.toml") {
			text := withoutComments(above.text(file))
			for _, m := range marks {
				if strings.Contains(text, m.mark) {
					return m.framework, above.at(file) + " names " + m.mark
				}
			}
		}
	}
	return frameworks.Java, "there is a " + own[at]
}

// withoutComments leaves out those of XML, and of Gradle at the beginning of a line: a URL has slashes too.
func withoutComments(text string) string {
	return regexp.MustCompile(`(?s:<!--.*?-->|/\*.*?\*/)|(?m:^\s*(?://|#).*$)`).ReplaceAllString(text, "")
}

var (
	gradleToolchain = regexp.MustCompile(`JavaLanguageVersion\.of\(\s*["']?(\d+)|jvmToolchain\(\s*(\d+)`)
	gradleSource    = regexp.MustCompile(`sourceCompatibility\s*(?:=|\.set\()?\s*(?:JavaVersion\.VERSION_|["'])?(?:1[._])?(\d+)`)
	javaOne         = regexp.MustCompile(`^1\.(\d+)$`)
	gradlePlugins   = regexp.MustCompile(`\bapplication\b|mainClass|Main-Class|bootJar|shadow`)
)

// javaRecipe is the search for how an app of Java is built.
type javaRecipe struct{ *recipe }

// java says how a Dockerfile builds and starts an app of Java.
func (r javaRecipe) java(framework string) *blame.Fault {
	app := &App{Language: "java", Build: "."}
	if r.t.exists("pom.xml") {
		if missing := r.maven(app, framework); missing != nil {
			return missing
		}
		return r.take(app)
	}
	if r.t.first("build.gradle", "build.gradle.kts") == "" {
		return &blame.Fault{What: "there is no pom.xml and no build.gradle", Fix: "add one, or " + addDockerfile}
	}
	if missing := r.gradle(app, framework); missing != nil {
		return missing
	}
	return r.take(app)
}

// javaFiles are the places besides a build file that name a version of Java.
func (r javaRecipe) javaFiles() []from {
	var places []from
	for _, t := range r.t.upward(r.context) {
		places = append(places,
			from{line.FindStringSubmatch(t.text(".java-version")), t.at(".java-version")},
			from{regexp.MustCompile(`(?m)^java=(\d+)`).FindStringSubmatch(t.text(".sdkmanrc")), t.at(".sdkmanrc")},
			from{regexp.MustCompile(`(?m)^java\.runtime\.version\s*=\s*(\S+)`).FindStringSubmatch(t.text("system.properties")), t.at("system.properties")},
			from{regexp.MustCompile(`(?m)^java[ \t]+(?:[a-z]+-)?(\d+)`).FindStringSubmatch(t.text(".tool-versions")), t.at(".tool-versions")})
	}
	return places
}

// pom is what a pom.xml says about how it is built.
type pom struct {
	packaging string
	modules   int
	// properties by their names, and release of the compiler's plugin.
	properties map[string]string
	mainClass  bool
}

// deepestElement and mostElements bound what is read of XML.
const (
	deepestElement = 50
	mostElements   = 20000
)

// parsePom reads a pom.xml as far as it can be understood.
func parsePom(text string) pom {
	p := pom{packaging: "jar", properties: map[string]string{}}
	decoder := xml.NewDecoder(strings.NewReader(text))
	var open []string
	for range mostElements {
		token, err := decoder.Token()
		if err != nil {
			break
		}
		switch token := token.(type) {
		case xml.StartElement:
			if open = append(open, token.Name.Local); len(open) > deepestElement {
				return p
			}
		case xml.EndElement:
			open = open[:max(0, len(open)-1)]
		case xml.CharData:
			p.note(open, strings.TrimSpace(string(token)))
		}
	}
	return p
}

func (p *pom) note(open []string, text string) {
	if text == "" || len(open) < 2 {
		return
	}
	name := open[len(open)-1]
	switch {
	case len(open) == 2 && name == "packaging":
		p.packaging = text
	case len(open) == 3 && open[1] == "modules":
		p.modules++
	case len(open) == 3 && open[1] == "properties":
		p.properties[name] = text
	case slices.Contains(open, "plugin") && slices.Contains([]string{"release", "source"}, name):
		p.properties["plugin."+name] = text
	}
	if name == "mainClass" {
		p.mainClass = true
	}
}

// javaVersion is what a pom says of the version of Java. A property may name another one.
func (p pom) javaVersion() (said []string, where string) {
	for _, name := range []string{"java.version", "maven.compiler.release", "plugin.release", "maven.compiler.source", "plugin.source", "maven.compiler.target", "jdk.version"} {
		value := p.properties[name]
		if inner, found := strings.CutPrefix(value, "${"); found {
			value = p.properties[strings.TrimSuffix(inner, "}")]
		}
		if m := javaOne.FindStringSubmatch(value); m != nil {
			value = m[1]
		}
		if value != "" && !strings.Contains(value, "$") {
			return []string{value}, strings.TrimPrefix(name, "plugin.")
		}
	}
	return nil, ""
}

func (r javaRecipe) maven(app *App, framework string) *blame.Fault {
	own := parsePom(r.t.text("pom.xml"))
	if own.packaging == "pom" && own.modules > 0 {
		return &blame.Fault{What: "pom.xml builds other modules and is no app itself", Fix: "point source.path at the module to run"}
	}
	if framework == frameworks.Java && !own.mainClass {
		return unknown("which class is started: pom.xml names no mainClass")
	}
	var places []from
	for _, t := range r.t.upward(r.context) {
		said, where := parsePom(t.text("pom.xml")).javaVersion()
		places = append(places, from{said, where + " in " + t.at("pom.xml")})
	}
	r.version(app, javaVersions(), append(places, r.javaFiles()...)...)
	app.Tool = "maven"
	reason := "pom.xml"
	if r.wrapped("mvnw", ".mvn/wrapper/maven-wrapper.properties") {
		app.Tool, reason = "mvnw", "the wrapper is there"
	}
	r.because("build", app.Tool+" package", reason)
	app.Output = "target"
	if framework == frameworks.Quarkus {
		app.Output = "target/quarkus-app"
	}
	if r.context == r.t.dir && own.modules == 0 {
		app.Manifests = r.present("pom.xml", "mvnw")
		if r.t.isFolder(".mvn") {
			app.Manifests = append(app.Manifests, ".mvn/")
		}
	}
	return nil
}

// wrapped says that a wrapper at the root of what is built brings its tool along.
func (r javaRecipe) wrapped(files ...string) bool {
	root := tree{r.t.files, r.context}
	return !slices.ContainsFunc(files, func(name string) bool { return !root.exists(name) })
}

func (r javaRecipe) gradle(app *App, framework string) *blame.Fault {
	var places []from
	text := ""
	for _, t := range r.t.upward(r.context) {
		script := t.first("build.gradle.kts", "build.gradle")
		said := withoutComments(t.text(script))
		text += said
		toolchain := slices.DeleteFunc(gradleToolchain.FindStringSubmatch(said), func(group string) bool { return group == "" })
		places = append(places, from{toolchain, "the toolchain in " + t.at(cmp.Or(script, "build.gradle"))},
			from{gradleSource.FindStringSubmatch(said), "sourceCompatibility in " + t.at(cmp.Or(script, "build.gradle"))})
	}
	if framework == frameworks.Java && !gradlePlugins.MatchString(text) {
		return unknown("which class is started: the Gradle build has no plugin application")
	}
	r.version(app, javaVersions(), append(places, r.javaFiles()...)...)
	app.Tool = "gradle"
	reason := "there is no wrapper"
	if r.wrapped("gradlew", "gradle/wrapper/gradle-wrapper.jar", "gradle/wrapper/gradle-wrapper.properties") {
		app.Tool, reason = "gradlew", "the wrapper is there"
	}
	task := "assemble"
	switch {
	case framework == frameworks.SpringBoot:
		task = "bootJar"
	case framework == frameworks.Java && strings.Contains(text, "shadow"), framework == frameworks.Micronaut && strings.Contains(text, "shadow"):
		task = "shadowJar"
	case framework == frameworks.Java, framework == frameworks.Micronaut:
		task = "installDist"
	}
	app.Build = r.gradleTask(task)
	r.because("build", app.Tool+" "+app.Build, reason)
	app.Output = "build/libs"
	switch {
	case framework == frameworks.Quarkus:
		app.Output = "build/quarkus-app"
	case task == "installDist":
		app.Output = "build/install"
	}
	if r.context == r.t.dir {
		app.Manifests = r.present("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts", "gradle.properties", "gradlew")
		if r.t.isFolder("gradle") {
			app.Manifests = append(app.Manifests, "gradle/")
		}
	}
	return nil
}

// gradleTask is a task of the project in the folder, seen from the closest settings file.
func (r javaRecipe) gradleTask(task string) string {
	for _, t := range r.t.upward(r.context) {
		if t.first("settings.gradle", "settings.gradle.kts") == "" || t.dir != r.context {
			continue
		}
		if folder := relative(t.dir, r.t.dir); folder != "." {
			return ":" + strings.ReplaceAll(path.Clean(folder), "/", ":") + ":" + task
		}
	}
	return task
}
