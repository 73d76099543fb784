package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/decision"
)

// Branch is a branch as it was last fetched.
type Branch struct {
	Reader reconciler.Reader
	// Head is the newest commit; "" before there is one.
	Head func() string
}

// History finds runs in Git that ended before this process began.
type History struct {
	// Config has the runs that made a release, and GitOps the last one that failed, however long ago that was.
	Config, GitOps Branch
	// Told is all that people were told on the newest config commits up to one, oldest first; nil when nobody remembers.
	Told func(ctx context.Context, head string) ([]reconciler.Recalled, error)
}

// maxReleases is how many releases are looked at.
const maxReleases = 20

// runs are those of a project that its files tell of.
func (h History) runs(key manifest.Key) ([]Run, error) {
	if h.Config.Reader == nil || h.Config.Head() == "" {
		return nil, nil
	}
	commit := h.Config.Head()
	entries, err := h.Config.Reader.List(commit, manifest.ReleasesDir(key))
	if err != nil {
		return nil, fmt.Errorf("listing the releases of %s: %w", key, err)
	}
	var versions []manifest.Version
	for _, e := range entries {
		if v, err := manifest.ParseVersion(strings.TrimSuffix(e.Name, ".yaml")); err == nil {
			versions = append(versions, v)
		}
	}
	slices.SortFunc(versions, func(v, w manifest.Version) int { return w.Compare(v) })
	runs, err := h.failed(key)
	if err != nil {
		return nil, err
	}
	for _, v := range versions[:min(len(versions), maxReleases)] {
		file := manifest.ReleaseFile(key, v)
		data, err := h.Config.Reader.Read(commit, file)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		if release, problems := manifest.ParseRelease(file, data); len(problems) == 0 {
			runs = append(runs, released(key, release))
		}
	}
	return runs, nil
}

// released is the run that made a release. What became of it after that is not in there.
func released(key manifest.Key, r *manifest.Release) Run {
	run := ended(key, r.Spec.Cause, reconciler.StateSuccess)
	run.Release, run.Text = r.Metadata.Name, "released "+r.Metadata.Name
	run.StartedAt = r.Spec.CreatedAt
	at := r.Spec.CreatedAt
	run.EndedAt = &at
	for _, image := range r.Spec.Images {
		part := manifest.PartSource
		if image.Name != manifest.AppImage {
			part += "/" + image.Name
		}
		if k := r.Spec.Parts[part]; k != "" && image.Built {
			run.Builds = append(run.Builds, Build{ID: decision.BuildID(key, part, k), Image: image.Name, What: manifest.Short(image.Commit)})
		}
	}
	return run
}

// failed is the last run, when it failed and made no release.
func (h History) failed(key manifest.Key) ([]Run, error) {
	if h.GitOps.Reader == nil || h.GitOps.Head() == "" {
		return nil, nil
	}
	data, err := h.GitOps.Reader.Read(h.GitOps.Head(), manifest.RunFile(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what is remembered of %s: %w", key, err)
	}
	remembered, problems := manifest.ParseRun(manifest.RunFile(key), data)
	if len(problems) > 0 || remembered.Spec.Last == nil || remembered.Spec.Last.Result != manifest.ResultFailed {
		return nil, nil
	}
	last := remembered.Spec.Last
	var runs []Run
	for _, cause := range append([]manifest.Cause{last.Cause}, last.Also...) {
		run := ended(key, cause, reconciler.StateFailure)
		at := last.EndedAt
		run.StartedAt, run.EndedAt, run.Text = last.StartedAt, &at, "build failed: "+last.Error
		run.Stages = []Stage{{Stage: reconciler.StageFailed, At: at}}
		if last.BuildID != "" {
			run.Builds = append(run.Builds, Build{ID: last.BuildID, Image: manifest.AppImage})
		}
		runs = append(runs, run)
	}
	return runs, nil
}

func ended(key manifest.Key, cause manifest.Cause, state reconciler.State) Run {
	return Run{
		ID: reconciler.RunID(key, cause), Workspace: key.Workspace, Project: key.Project, Cause: cause, State: state, Stages: []Stage{}, Builds: []Build{},
	}
}
