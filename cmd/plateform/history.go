package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// history is the release files of one project at one commit of the config repository.
type history struct {
	reader reconciler.Reader
	commit string
	key    manifest.Key
	// versions that have a file, the newest first.
	versions []manifest.Version
	// owner id and keys that a release has to be signed for and by.
	owner int64
	keys  []manifest.PublicKey
}

// readHistory finds the release files of a project. A project that is not there is an error.
func readHistory(reader reconciler.Reader, commit string, key manifest.Key) (*history, error) {
	h := &history{reader: reader, commit: commit, key: key}
	if err := mustHave(reader, commit, key); err != nil {
		return nil, err
	}
	entries, err := reader.List(commit, manifest.ReleasesDir(key))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if v, ok := manifest.ReleaseVersion(e.Name); ok && !e.Dir {
			h.versions = append(h.versions, v)
		}
	}
	slices.SortFunc(h.versions, func(a, b manifest.Version) int { return b.Compare(a) })
	return h, h.readTrust()
}

// readTrust finds out what a release file has to be signed for, and by whom.
func (h *history) readTrust() error {
	data, err := h.reader.Read(h.commit, manifest.PlatformFile)
	if err != nil {
		return notConfig(h.commit, err)
	}
	platform, problems := manifest.ParsePlatform(manifest.PlatformFile, data)
	if err := problems.Err(); err != nil {
		return err
	}
	for _, text := range platform.Spec.Releases.PublicKeys {
		key, err := manifest.ParsePublicKey(text)
		if err != nil {
			return finding("%s: spec.releases.publicKeys: %w", manifest.PlatformFile, err)
		}
		h.keys = append(h.keys, key)
	}
	file := manifest.WorkspaceFile(h.key.Workspace)
	if data, err = h.reader.Read(h.commit, file); err != nil {
		return err
	}
	workspace, problems := manifest.ParseWorkspace(file, data)
	if err := problems.Err(); err != nil {
		return err
	}
	h.owner = workspace.Spec.Owner.ID
	return nil
}

// read returns a release and checks its signature.
func (h *history) read(v manifest.Version) (*manifest.Release, error) {
	file := manifest.ReleaseFile(h.key, v)
	data, err := h.reader.Read(h.commit, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, finding("%s has no release %s (there are: %s)", h.key, v, h.list())
	}
	if err != nil {
		return nil, err
	}
	release, problems := manifest.ParseRelease(file, data)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	if err := manifest.VerifyRelease(data, release, h.key, h.owner, h.keys); err != nil {
		return nil, finding("%s: %w", file, err)
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

// list names the newest versions for a message.
func (h *history) list() string {
	const most = 5
	if len(h.versions) == 0 {
		return "none"
	}
	var names []string
	for _, v := range h.versions[:min(most, len(h.versions))] {
		names = append(names, v.String())
	}
	if len(h.versions) > most {
		names = append(names, fmt.Sprintf("and %d older", len(h.versions)-most))
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
		return finding("there is no project %s: the workspace %s is not there or empty at %s (plateform status lists all projects)",
			key, key.Workspace, short(commit))
	}
	var names []string
	for _, e := range projects {
		names = append(names, e.Name)
	}
	return finding("there is no project %s at %s (the workspace has: %s)", key, short(commit), strings.Join(names, ", "))
}

// notConfig says that a repository is not a config repository.
func notConfig(commit string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return usageError("there is no %s at %s: this is not a config repository (go to its checkout, or name it with --config-repo)",
			manifest.PlatformFile, short(commit))
	}
	return err
}
