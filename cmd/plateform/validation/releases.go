package validation

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
)

// checkReleases checks that release files are what Plateform wrote: the newest of each project, or all of them.
func checkReleases(fsys fs.FS, config *manifest.Config, all bool) (manifest.Problems, error) {
	keys := installation.PublicKeys(config.Platform)
	var projects []manifest.Key
	for k := range config.Projects {
		projects = append(projects, k)
	}
	found := make([]manifest.Problems, len(projects))
	var workers errgroup.Group
	workers.SetLimit(runtime.GOMAXPROCS(0))
	for i, key := range projects {
		workspace := config.Workspaces[key.Workspace]
		if workspace == nil {
			continue // told already; without the owner no signature can be checked
		}
		c := releaseCheck{fsys: fsys, key: key, owner: workspace.Spec.Owner.ID, keys: keys}
		workers.Go(func() (err error) {
			found[i], err = c.check(all)
			return err
		})
	}
	if err := workers.Wait(); err != nil {
		return nil, err
	}
	problems := slices.Concat(found...)
	slices.SortFunc(problems, func(a, b manifest.Problem) int { return strings.Compare(a.File, b.File) })
	return problems, nil
}

// releaseCheck checks the release files of one project.
type releaseCheck struct {
	fsys  fs.FS
	key   manifest.Key
	owner int64
	keys  []signing.PublicKey
}

func (c releaseCheck) check(all bool) (manifest.Problems, error) {
	dir := manifest.ReleasesDir(c.key)
	entries, err := fs.ReadDir(c.fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading release files: %w", err)
	}
	var problems manifest.Problems
	var versions []manifest.Version
	for _, e := range entries {
		v, ok := manifest.ReleaseVersion(e.Name())
		if !ok || !e.Type().IsRegular() {
			problems = append(problems, manifest.Problem{File: path.Join(dir, e.Name()), What: "this is no release file",
				Fix: "release files are written by Plateform only: remove it"})
			continue
		}
		versions = append(versions, v)
	}
	slices.SortFunc(versions, func(a, b manifest.Version) int { return b.Compare(a) })
	if !all && len(versions) > 1 {
		versions = versions[:1]
	}
	for _, v := range versions {
		wrong, err := c.verify(v)
		if err != nil {
			return nil, err
		}
		problems = append(problems, wrong...)
	}
	return problems, nil
}

func (c releaseCheck) verify(v manifest.Version) (manifest.Problems, error) {
	file := manifest.ReleaseFile(c.key, v)
	data, err := fs.ReadFile(c.fsys, file)
	if err != nil {
		return nil, fmt.Errorf("reading a release file: %w", err)
	}
	if manifest.Sealed(data, manifest.Expected{Key: c.key, Version: v, Owner: c.owner, Keys: c.keys}) {
		return nil, nil
	}
	release, problems := manifest.ParseRelease(file, data)
	if len(problems) > 0 {
		return problems, nil
	}
	if err := manifest.VerifyRelease(data, release, c.key, c.owner, c.keys); err != nil {
		return manifest.Locate(file, data, manifest.Problems{{File: file, Field: "spec.signature", What: err.Error()}}), nil
	}
	return nil, nil
}
