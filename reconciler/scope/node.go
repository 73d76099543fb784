package scope

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
)

const (
	packageJSON   = "package.json"
	pnpmWorkspace = "pnpm-workspace.yaml"
)

// lockfiles are what package managers write at the root of what they install.
func lockfiles() []string {
	return []string{"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"}
}

// packageFile is what a package.json says about others.
type packageFile struct {
	Workspaces           any               `json:"workspaces"`
	Dependencies         map[string]string `json:"dependencies"`
	DevDependencies      map[string]string `json:"devDependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
	// What takes the place of dependencies, wherever they are named: of npm, which nests it, of yarn and of pnpm.
	Overrides   any `json:"overrides"`
	Resolutions any `json:"resolutions"`
	PNPM        struct {
		Overrides any `json:"overrides"`
	} `json:"pnpm"`
}

// versions are those that it names, sorted.
func (p packageFile) versions() []string {
	var versions []string
	for _, dependencies := range []map[string]string{p.Dependencies, p.DevDependencies, p.OptionalDependencies} {
		versions = slices.AppendSeq(versions, maps.Values(dependencies))
	}
	for _, nested := range []any{p.Overrides, p.Resolutions, p.PNPM.Overrides} {
		versions = append(versions, textsOf(nested)...)
	}
	slices.Sort(versions)
	return versions
}

// textsOf are the texts in a value of JSON that may be nested.
func textsOf(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case map[string]any:
		var texts []string
		for _, value := range v {
			texts = append(texts, textsOf(value)...)
		}
		return texts
	}
	return nil
}

// node adds the workspace that a package is in, what holds its lockfile, and what it depends on by a path.
func (l *look) node() error {
	if err := l.dependencies(l.dir, map[string]bool{}); err != nil {
		return err
	}
	for dir := l.dir; dir != "."; {
		dir = path.Dir(dir)
		member, file, err := l.isMember(dir)
		if err != nil {
			return err
		}
		if member {
			l.add(dir, "the workspace of "+file)
			return nil
		}
	}
	return l.lockfile()
}

// dependencies adds the packages that a package names by their folder, and those that they do: they are linked, and installed with
// what they name.
func (l *look) dependencies(dir string, seen map[string]bool) error {
	if seen[dir] {
		return nil
	}
	seen[dir] = true
	own, err := l.packageFile(dir)
	if err != nil {
		return err
	}
	for _, version := range own.versions() {
		named, found := folderOf(version)
		p, ok := inside(dir, named)
		if !found || !ok {
			continue
		}
		l.add(p, path.Join(dir, packageJSON)+" depends on "+p)
		if err := l.dependencies(p, seen); err != nil {
			return err
		}
	}
	return nil
}

// folderOf is the folder that a version of a dependency names, if it does.
func folderOf(version string) (string, bool) {
	for _, kind := range []string{"file:", "link:", "portal:"} {
		if named, found := strings.CutPrefix(version, kind); found {
			return named, true
		}
	}
	return version, strings.HasPrefix(version, "./") || strings.HasPrefix(version, "../") || version == ".."
}

// lockfile adds the folder above that has a lockfile, for a package that has none.
func (l *look) lockfile() error {
	for dir := l.dir; ; dir = path.Dir(dir) {
		for _, name := range lockfiles() {
			if l.exists(path.Join(dir, name)) {
				l.add(dir, "installed by "+path.Join(dir, name))
				return nil
			}
		}
		if dir == "." {
			return nil
		}
	}
}

func (l *look) packageFile(dir string) (packageFile, error) {
	file := path.Join(dir, packageJSON)
	var p packageFile
	text, err := l.text(file)
	if err != nil || text == "" {
		return p, err
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, &UnclearError{file, err}
	}
	return p, nil
}

// isMember says that a folder is the root of a workspace that the package which is built is in.
func (l *look) isMember(dir string) (member bool, file string, err error) {
	p, err := l.packageFile(dir)
	if err != nil {
		return false, "", err
	}
	patterns, file := workspacesOf(p.Workspaces), path.Join(dir, packageJSON)
	text, err := l.text(path.Join(dir, pnpmWorkspace))
	if err != nil {
		return false, "", err
	}
	if text != "" {
		var w struct {
			Packages []string `yaml:"packages"`
		}
		file = path.Join(dir, pnpmWorkspace)
		if err := yaml.Unmarshal([]byte(text), &w); err != nil {
			return false, "", &UnclearError{file, err}
		}
		patterns = w.Packages
	}
	for i, pattern := range patterns {
		not := strings.HasPrefix(pattern, "!")
		pattern = strings.TrimPrefix(strings.TrimPrefix(pattern, "!"), "./")
		if patterns[i] = strings.TrimSuffix(pattern, "/"); not {
			patterns[i] = "!" + patterns[i]
		}
	}
	list, err := manifest.ParseWatch(patterns)
	if err != nil {
		return false, "", &UnclearError{file, err}
	}
	relative := strings.TrimPrefix(l.dir, dir+"/")
	return list.Covers(relative, false), file, nil
}

// workspacesOf are the patterns of a package.json: a list, or an object with one.
func workspacesOf(v any) []string {
	if m, ok := v.(map[string]any); ok {
		v = m["packages"]
	}
	list, _ := v.([]any)
	var patterns []string
	for _, entry := range list {
		if s, ok := entry.(string); ok {
			patterns = append(patterns, s)
		}
	}
	return patterns
}
