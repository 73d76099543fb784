package scope

import (
	"encoding/xml"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	pom                  = "pom.xml"
	settingsGradle       = "settings.gradle"
	settingsGradleKotlin = "settings.gradle.kts"
)

// jvm adds what a build with Maven or Gradle reads beyond the folder.
func (l *look) jvm() error {
	if l.exists(path.Join(l.dir, pom)) {
		return l.maven()
	}
	return l.gradle()
}

// project is what a pom says about others.
type project struct {
	Parent *struct {
		RelativePath *string `xml:"relativePath"`
	} `xml:"parent"`
	Modules  []string `xml:"modules>module"`
	Profiles []struct {
		Modules []string `xml:"modules>module"`
	} `xml:"profiles>profile"`
}

// maven adds the parents of a pom that are in the repository, and the modules that are built together with it.
func (l *look) maven() error {
	file := path.Join(l.dir, pom)
	for seen := map[string]bool{}; file != "" && !seen[file]; {
		seen[file] = true
		parent, err := l.parentOf(file)
		if err != nil {
			return err
		}
		if parent != "" {
			l.add(parent, "the parent pom "+parent)
		}
		aggregator, err := l.reactor(file, parent)
		if err != nil {
			return err
		}
		if parent == "" {
			parent = aggregator
		}
		file = parent
	}
	if at := l.folderAbove(".mvn"); at != "" {
		l.add(at, "the settings of Maven in "+at)
	}
	return nil
}

// folderAbove is the closest folder of a name beside the one that is built or beside one above it; empty without one.
func (l *look) folderAbove(name string) string {
	for dir := l.dir; ; dir = path.Dir(dir) {
		if e := l.entry(path.Join(dir, name)); e != nil && e.IsDir() {
			return path.Join(dir, name)
		}
		if dir == "." {
			return ""
		}
	}
}

func (l *look) parsePom(file string) (project, error) {
	var p project
	text, err := l.text(file)
	if err != nil || text == "" {
		return p, err
	}
	if err := xml.Unmarshal([]byte(text), &p); err != nil {
		return p, &UnclearError{file, err}
	}
	return p, nil
}

// parentOf is the parent pom of a pom; empty when it has none in the repository.
func (l *look) parentOf(file string) (string, error) {
	p, err := l.parsePom(file)
	if err != nil || p.Parent == nil {
		return "", err
	}
	named := "../" + pom
	if r := p.Parent.RelativePath; r != nil {
		named = strings.TrimSpace(*r)
	}
	if named == "" { // it comes from a repository of Maven
		return "", nil
	}
	parent, ok := inside(path.Dir(file), named)
	if ok && !l.exists(parent) {
		parent = path.Join(parent, pom)
	}
	if !ok || !l.exists(parent) {
		return "", nil
	}
	return parent, nil
}

// reactor adds all modules of the pom that builds another one together with others, which is its parent or in the folder
// above, and returns it; empty when there is none.
func (l *look) reactor(file, parent string) (string, error) {
	for _, candidate := range []string{parent, path.Join(path.Dir(path.Dir(file)), pom)} {
		if candidate == "" || candidate == file || !l.exists(candidate) {
			continue
		}
		p, err := l.parsePom(candidate)
		if err != nil {
			return "", err
		}
		modules := slices.Clone(p.Modules)
		for _, profile := range p.Profiles {
			modules = append(modules, profile.Modules...)
		}
		var dirs []string
		for _, module := range modules {
			if dir, ok := inside(path.Dir(candidate), strings.TrimSpace(module)); ok {
				dirs = append(dirs, strings.TrimSuffix(dir, "/"+pom))
			}
		}
		if !slices.Contains(dirs, path.Dir(file)) {
			continue
		}
		reason := "built together with the modules of " + candidate
		l.add(path.Dir(candidate), reason)
		for _, dir := range dirs {
			l.add(dir, reason)
		}
		return candidate, nil
	}
	return "", nil
}

// What a settings file of Gradle names outside of its folder.
var (
	includedBuild = regexp.MustCompile(`includeBuild\s*\(?\s*["']([^"']+)["']`)
	projectDir    = regexp.MustCompile(`projectDir\s*=\s*(?:new\s+)?[fF]ile\s*\(\s*(?:[\w.]+\s*,\s*)?["']([^"']+)["']`)
	gradleFile    = regexp.MustCompile(`["'](?:\$\{?(?:rootDir|rootProject\.projectDir|projectDir|settingsDir)\}?/)?(\.\./[^"'$]+)["']`)
	gradleComment = regexp.MustCompile(`(?m)//.*$`)
)

// gradle adds the build that a folder is a project of.
func (l *look) gradle() error {
	for _, name := range []string{settingsGradle, settingsGradleKotlin} {
		root := l.above(l.dir, name)
		if root == "" {
			continue
		}
		file := path.Join(root, name)
		if !l.isGradle() && root != l.dir {
			return nil // it belongs to something else
		}
		l.add(root, "the Gradle build of "+file)
		text, err := l.text(file)
		if err != nil {
			return err
		}
		text = gradleComment.ReplaceAllString(text, "")
		for _, pattern := range []*regexp.Regexp{includedBuild, projectDir} {
			for _, match := range pattern.FindAllStringSubmatch(text, -1) {
				if p, ok := inside(root, match[1]); ok {
					l.add(p, file+" includes "+p)
				}
			}
		}
		return l.gradleFiles(root)
	}
	return l.gradleFiles(l.dir)
}

// gradleFiles adds the files above that the scripts of a build name: scripts to apply, a catalog of versions.
func (l *look) gradleFiles(root string) error {
	for _, dir := range slices.Compact([]string{l.dir, root}) {
		for _, script := range []string{"build.gradle", "build.gradle.kts", settingsGradle, settingsGradleKotlin} {
			file := path.Join(dir, script)
			text, err := l.text(file)
			if err != nil {
				return err
			}
			for _, match := range gradleFile.FindAllStringSubmatch(gradleComment.ReplaceAllString(text, ""), -1) {
				if p, ok := inside(dir, match[1]); ok && l.entry(p) != nil {
					l.add(p, file+" names "+p)
				}
			}
		}
	}
	return nil
}

func (l *look) isGradle() bool {
	return l.exists(path.Join(l.dir, "build.gradle")) || l.exists(path.Join(l.dir, "build.gradle.kts"))
}
