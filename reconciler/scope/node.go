package scope

import (
	"encoding/json"
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
	Workspaces      any               `json:"workspaces"`
	Dependencies    map[string]string `json:"dependencies"`
	DevDependencies map[string]string `json:"devDependencies"`
}

// node adds the workspace that a package is in, what holds its lockfile, and what it depends on by a path.
func (l *look) node() error {
	own, err := l.packageFile(l.dir)
	if err != nil {
		return err
	}
	for _, dependencies := range []map[string]string{own.Dependencies, own.DevDependencies} {
		for _, version := range dependencies {
			l.dependency(version)
		}
	}
	slices.Sort(l.reasons) // dependencies come in any order
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

// dependency adds a package that is named by its folder.
func (l *look) dependency(version string) {
	for _, kind := range []string{"file:", "link:", "portal:"} {
		if named, found := strings.CutPrefix(version, kind); found {
			if p, ok := inside(l.dir, named); ok {
				l.add(p, path.Join(l.dir, packageJSON)+" depends on "+p)
			}
		}
	}
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
