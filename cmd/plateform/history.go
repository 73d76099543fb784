package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// trust is whom the release files of a config repository have to be signed by and for, at one commit. A file that does
// not parse is no reason to refuse a rollback, so it only leaves a doubt: signatures are then not checked.
type trust struct {
	reader reconciler.Reader
	commit string
	keys   []manifest.PublicKey
	doubt  string
	owners map[string]owner // by workspace, those that were asked for
}

// owner is the id of the owner of a workspace, or why it is not known.
type owner struct {
	id    int64
	doubt string
}

// readTrust reads platform.yaml.
func readTrust(reader reconciler.Reader, commit string) (*trust, error) {
	t := &trust{reader: reader, commit: commit, owners: map[string]owner{}}
	data, err := reader.Read(commit, manifest.PlatformFile)
	if err != nil {
		return nil, notConfig(commit, err)
	}
	platform, problems := manifest.ParsePlatform(manifest.PlatformFile, data)
	if platform == nil {
		t.doubt = doubtful(problems[0])
	}
	t.keys = installation.PublicKeys(platform)
	return t, nil
}

func doubtful(p manifest.Problem) string {
	return "signatures are not checked, because of " + p.String()
}

// owner finds out who owns a workspace.
func (t *trust) owner(workspace string) (owner, error) {
	if o, known := t.owners[workspace]; known {
		return o, nil
	}
	o := owner{doubt: t.doubt}
	file := manifest.WorkspaceFile(workspace)
	data, err := t.reader.Read(t.commit, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		o.doubt = doubtful(manifest.Problem{File: file, What: "the file is not there", Fix: "bring it back"})
	case err != nil:
		return o, err
	default:
		parsed, problems := manifest.ParseWorkspace(file, data)
		if parsed == nil {
			o.doubt = doubtful(problems[0])
		} else {
			o.id = parsed.Spec.Owner.ID
		}
	}
	t.owners[workspace] = o
	return o, nil
}

// history is the release files of one project at one commit of the config repository.
type history struct {
	trust *trust
	key   manifest.Key
	// versions that have a file, the newest first.
	versions []manifest.Version
}

// history finds the release files of a project. A project that is not there is an error.
func (t *trust) history(key manifest.Key) (*history, error) {
	h := &history{trust: t, key: key}
	if err := mustHave(t.reader, t.commit, key); err != nil {
		return nil, err
	}
	entries, err := t.reader.List(t.commit, manifest.ReleasesDir(key))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if v, ok := manifest.ReleaseVersion(e.Name); ok && !e.Dir {
			h.versions = append(h.versions, v)
		}
	}
	slices.SortFunc(h.versions, func(a, b manifest.Version) int { return b.Compare(a) })
	return h, nil
}

// read returns a release and checks its signature.
func (h *history) read(v manifest.Version) (*manifest.Release, error) {
	file := manifest.ReleaseFile(h.key, v)
	data, err := h.trust.reader.Read(h.trust.commit, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Finding("%s has no release %s (there are: %s)", h.key, v, listVersions(h.versions))
	}
	if err != nil {
		return nil, err
	}
	release, problems := manifest.ParseRelease(file, data)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	owner, err := h.trust.owner(h.key.Workspace)
	if err != nil || owner.doubt != "" {
		return release, err
	}
	if err := manifest.VerifyRelease(data, release, h.key, owner.id, h.trust.keys); err != nil {
		return nil, exit.Finding("%s: %w", file, err)
	}
	return release, nil
}

// newest returns the newest release that is honoured, and why newer ones are not; nil when there is none.
func (h *history) newest() (*manifest.Release, []string) {
	var refused []string
	for _, v := range h.versions {
		release, err := h.read(v)
		if err == nil {
			return release, refused
		}
		refused = append(refused, err.Error())
	}
	return nil, refused
}

// listVersions names the newest of some versions for a message. They are sorted, the newest first.
func listVersions(versions []manifest.Version) string {
	const most = 5
	if len(versions) == 0 {
		return "none"
	}
	var names []string
	for _, v := range versions[:min(most, len(versions))] {
		names = append(names, v.String())
	}
	if len(versions) > most {
		names = append(names, fmt.Sprintf("and %d older", len(versions)-most))
	}
	return strings.Join(names, ", ")
}

// mustHave refuses a project that is not there.
func mustHave(reader reconciler.Reader, commit string, key manifest.Key) error {
	entries, err := reader.List(commit, manifest.ProjectDir(key))
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return nil
	}
	projects, err := reader.List(commit, manifest.ProjectsDir(key.Workspace))
	if err != nil {
		return err
	}
	if len(projects) == 0 {
		if _, err := reader.Read(commit, manifest.PlatformFile); err != nil {
			return notConfig(commit, err)
		}
		return exit.Finding("there is no project %s: the workspace %s is not there or empty at %s (plateform status lists all projects)",
			key, key.Workspace, terminal.Short(commit))
	}
	var names []string
	for _, e := range projects {
		names = append(names, e.Name)
	}
	return exit.Finding("there is no project %s at %s (the workspace has: %s)", key, terminal.Short(commit), strings.Join(names, ", "))
}

// notConfig says that a repository is not a config repository.
func notConfig(commit string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return exit.Usage("there is no %s at %s: this is not a config repository (go to its checkout, or name it with --config-repo)",
			manifest.PlatformFile, terminal.Short(commit))
	}
	return err
}
