package detect

import (
	"io/fs"
	"regexp"
	"strings"
)

// lockfiles say by which tool packages are installed.
func lockfiles() []lockfile {
	return []lockfile{
		{"pnpm-lock.yaml", "pnpm"}, {"bun.lock", "bun"}, {"bun.lockb", "bun"}, {"yarn.lock", "yarn"},
		{"package-lock.json", "npm"}, {"npm-shrinkwrap.json", "npm"},
	}
}

type lockfile struct{ name, tool string }

// managed is what packageManager says.
var managed = regexp.MustCompile(`^(npm|pnpm|yarn|bun)@(\d+\.\d+\.\d+)(?:[+-].*)?$`)

// The versions of tools that nothing in the source names.
const (
	pnpmVersion        = "9.15.9"
	pnpmNewest         = "10.13.1"
	pnpmOld            = "8.15.9"
	yarnVersion        = "1.22.22"
	yarnNewest         = "4.9.2"
	bunVersion         = "1.2.19"
	mostManifests      = 200
	deepestManifest    = 4
	mostFoldersOfFiles = 2000
)

// install says by which tool packages are installed, and what decides over it.
func (r nodeRecipe) install(app *App, p *packageJSON) {
	app.Language = "node"
	r.version(app, nodeVersions(), r.nodeVersion(p)...)
	root, lock := r.lockfile(app)
	top := p
	if root.dir != r.t.dir {
		if above := parsePackage(root.text("package.json")); above != nil {
			top = above
		}
	}
	where := lock
	if lock == "" {
		app.Tool, where = "npm", "there is no lockfile"
	}
	if m := managed.FindStringSubmatch(top.PackageManager); m != nil {
		if app.Tool == m[1] || lock == "" {
			app.Tool, app.ToolVersion, where = m[1], m[2], "packageManager in "+root.at("package.json")
		}
	}
	if app.ToolVersion == "" {
		app.ToolVersion = toolVersion(app.Tool, lock, root)
	}
	r.because("packages", strings.TrimSpace(app.Tool+" "+app.ToolVersion), where)
	app.Manifests = r.nodeManifests(root, lock, p, top)
}

// nodeVersion are the places that name a version of Node.
func (r nodeRecipe) nodeVersion(p *packageJSON) []from {
	var places []from
	for _, t := range r.t.upward(r.context) {
		for _, file := range []string{".nvmrc", ".node-version"} {
			places = append(places, from{line.FindStringSubmatch(t.text(file)), t.at(file)})
		}
		places = append(places, from{toolVersions("nodejs").FindStringSubmatch(t.text(".tool-versions")), t.at(".tool-versions")})
	}
	return append(places, from{[]string{p.Volta["node"]}, "volta.node in package.json"}, from{[]string{p.Engines["node"]}, "engines.node in package.json"})
}

// line is the first line of a file that says nothing but a version.
var line = regexp.MustCompile(`\A\s*([^\s#]+)`)

// toolVersions is the line of a .tool-versions about a tool.
func toolVersions(tool string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(tool) + `[ \t]+(\S+)`)
}

// lockfile is the closest folder with a lockfile, up to the context, and its name; the tool is set by it.
func (r nodeRecipe) lockfile(app *App) (root tree, name string) {
	for _, t := range r.t.upward(r.context) {
		for _, l := range lockfiles() {
			if t.exists(l.name) {
				app.Tool = l.tool
				return t, l.name
			}
		}
	}
	return r.t, ""
}

var (
	pnpmLock     = regexp.MustCompile(`(?m)^lockfileVersion:\s*['"]?(\d+)`)
	pnpmPackages = regexp.MustCompile(`(?m)^packages\s*:`)
)

// toolVersion is the version of a tool that fits a lockfile.
func toolVersion(tool, lock string, root tree) string {
	switch tool {
	case "pnpm":
		if m := pnpmLock.FindStringSubmatch(root.text(lock)); m != nil && (m[1] == "5" || m[1] == "6") {
			return pnpmOld
		}
		if workspace := root.text("pnpm-workspace.yaml"); workspace != "" && !pnpmPackages.MatchString(workspace) {
			return pnpmNewest // settings alone are in there since 10
		}
		return pnpmVersion
	case "yarn":
		if root.exists(".yarnrc.yml") || strings.Contains(beginning(root, lock), "__metadata:") {
			return yarnNewest
		}
		return yarnVersion
	case "bun":
		return bunVersion
	}
	return ""
}

// beginning is how a file begins that may be large.
func beginning(t tree, name string) string {
	f, err := t.files.Open(t.at(name))
	if err != nil {
		return ""
	}
	defer f.Close()
	text := make([]byte, 512)
	n, err := f.Read(text)
	if err != nil {
		return ""
	}
	return string(text[:n])
}

// nodeManifests are the files that decide what is installed; none when scripts that run then may read anything.
func (r nodeRecipe) nodeManifests(root tree, lock string, own, top *packageJSON) []string {
	for _, p := range []*packageJSON{own, top} {
		for _, script := range []string{"preinstall", "install", "postinstall", "prepare"} {
			if text := p.Scripts[script]; text != "" && !strings.HasPrefix(text, "husky") {
				r.because("install", "everything is copied first", "the script "+script+" runs then, and may read it")
				return nil
			}
		}
	}
	if root.dir != r.context || own.namesFolders() || top.namesFolders() {
		return nil // its folder has to be there, and what it depends on
	}
	files := r.present("package.json", lock, ".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml", ".pnpmfile.cjs", "bunfig.toml")
	context := tree{r.t.files, r.context}
	for _, folder := range []string{".yarn", "patches"} {
		if context.isFolder(folder) {
			files = append(files, folder+"/")
		}
	}
	if r.context == r.t.dir && !top.Workspaces && !root.exists("pnpm-workspace.yaml") {
		return files
	}
	members, all := membersOf(context)
	if !all {
		r.because("install", "everything is copied first", "there are many packages in the workspace, or with names that a Dockerfile cannot hold")
		return nil
	}
	return append(files, members...)
}

// membersOf are the package.json of the packages below a folder; false when they cannot be named.
func membersOf(root tree) (files []string, all bool) {
	all = true
	seen := 0
	err := fs.WalkDir(root.files, root.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be read is no package
		}
		local := relative(root.dir, name)
		switch {
		case seen > mostFoldersOfFiles:
			all = false
			return fs.SkipAll
		case e.IsDir() && local != "." && (skipped(e.Name()) || strings.Count(local, "/") >= deepestManifest):
			return fs.SkipDir
		case e.IsDir():
			seen++
		case e.Name() == "package.json" && local != "package.json" && e.Type().IsRegular():
			if files = append(files, local); !isPlain(local) || len(files) > mostManifests {
				all = false
				return fs.SkipAll
			}
		}
		return nil
	})
	return files, all && err == nil
}
