package manifest

import (
	"path"
	"strings"
)

// PlatformFile is where the Platform is.
const PlatformFile = "platform.yaml"

// WorkspacesDir holds all workspaces, in both repositories.
const WorkspacesDir = "workspaces"

// WorkspaceFile is where a workspace is in the config repository.
func WorkspaceFile(workspace string) string {
	return path.Join(WorkspacesDir, workspace, "workspace.yaml")
}

// ProjectsDir holds the projects of a workspace in the config repository.
func ProjectsDir(workspace string) string {
	return path.Join(WorkspacesDir, workspace, "projects")
}

// ProjectDir is the folder of a project in the config repository.
func ProjectDir(k Key) string { return path.Join(ProjectsDir(k.Workspace), k.Project) }

// ProjectFile is where a project is in the config repository.
func ProjectFile(k Key) string { return path.Join(ProjectDir(k), "project.yaml") }

// ReleasesDir holds the release files of a project.
func ReleasesDir(k Key) string { return path.Join(ProjectDir(k), "releases") }

// ReleaseFile is where one release of a project is.
func ReleaseFile(k Key, v Version) string { return path.Join(ReleasesDir(k), v.String()+".yaml") }

// WorkspaceOf is the workspace whose folder a path of either repository lies in, or is; ok is false for all other paths.
func WorkspaceOf(p string) (workspace string, ok bool) {
	rest, below := strings.CutPrefix(p, WorkspacesDir+"/")
	workspace, _, _ = strings.Cut(rest, "/")
	return workspace, below && workspace != ""
}

// File is what a path of the config repository stands for.
type File struct {
	// Kind of the object: Platform, Workspace, Project or Release.
	Kind string
	// Key of the project; only Workspace is set for a workspace.
	Key Key
	// Version of a release.
	Version Version
}

// FileOf says what a path of the config repository stands for; ok is false for all other files.
func FileOf(p string) (f File, ok bool) {
	if p == PlatformFile {
		return File{Kind: KindPlatform}, true
	}
	parts := strings.Split(p, "/")
	if len(parts) < 3 || parts[0] != WorkspacesDir {
		return File{}, false
	}
	k := Key{Workspace: parts[1]}
	switch {
	case len(parts) == 3 && parts[2] == "workspace.yaml":
		return File{Kind: KindWorkspace, Key: k}, true
	case len(parts) == 5 && parts[2] == "projects" && parts[4] == "project.yaml":
		k.Project = parts[3]
		return File{Kind: KindProject, Key: k}, true
	case len(parts) == 6 && parts[2] == "projects" && parts[4] == "releases":
		v, ok := ReleaseVersion(parts[5])
		k.Project = parts[3]
		return File{Kind: KindRelease, Key: k, Version: v}, ok
	}
	return File{}, false
}

// ReleaseVersion reads the version out of the name of a release file; ok is false when it is not one.
func ReleaseVersion(name string) (v Version, ok bool) {
	base, found := strings.CutSuffix(name, ".yaml")
	if !found {
		return Version{}, false
	}
	v, err := ParseVersion(base)
	return v, err == nil
}

// The files of plateform-gitops.

// ChartDir is where a chart version is in the GitOps repository.
func ChartDir(c Chart) string { return path.Join("charts", c.Name, c.Version) }

// NamespaceFile holds the namespace of a workspace and what belongs to it.
func NamespaceFile(workspace string) string {
	return path.Join(WorkspacesDir, workspace, "namespace.yaml")
}

// runDir is the folder of a project in the GitOps repository.
func runDir(k Key) string { return path.Join(WorkspacesDir, k.Workspace, k.Project) }

// ValuesFile holds the values that run.
func ValuesFile(k Key) string { return path.Join(runDir(k), "values.yaml") }

// ApplicationFile holds the Application of a project, where Argo CD deploys.
func ApplicationFile(k Key) string { return path.Join(runDir(k), "application.yaml") }

// ApplicationName is the name of that Application: no two projects have the same, as no name has a dot.
func ApplicationName(k Key) string { return k.Workspace + "." + k.Project }

// RootFile holds the root application, where Argo CD deploys.
const RootFile = "root.yaml"

// RunFile holds the Run of a project.
func RunFile(k Key) string { return path.Join(runDir(k), "run.yaml") }
