package review

import (
	"context"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// wentAlong are the commits that releases of projects brought along without naming them as their cause: what people did to a project
// between two of its releases. A release that was not made within the newest maxTraced commits up to a tip has none.
func (o *outcomes) wentAlong(ctx context.Context, tip string, files []string) (commits []string, err error) {
	sought, open := map[string]bool{}, map[manifest.Key]bool{}
	for _, file := range files {
		sought[file] = true
	}
	for range maxTraced {
		if len(sought) == 0 && len(open) == 0 {
			return commits, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		commit, err := o.Config.Commit(tip)
		if err != nil {
			return nil, err
		}
		if m, ok := releaseOf(commit); ok {
			delete(open, m.key)
			if file := manifest.ReleaseFile(m.key, m.version); sought[file] {
				delete(sought, file)
				open[m.key] = true
			}
		}
		if len(commit.Parents) == 0 || len(commit.Cut) > 0 {
			return commits, nil
		}
		if len(open) > 0 && (!reconciler.ByPlateform(commit) || reconciler.ForPeople(commit)) {
			touches, err := o.touches(commit, open)
			if err != nil {
				return nil, err
			}
			if touches {
				commits = append(commits, tip)
			}
		}
		tip = commit.Parents[0]
	}
	return commits, nil
}

// touches says that a commit changed what one of some projects is made of.
func (o *outcomes) touches(commit manifest.Commit, projects map[manifest.Key]bool) (bool, error) {
	changes, err := o.Config.Diff(commit.Parents[0], commit.Hash)
	if err != nil {
		return false, err
	}
	for _, change := range changes {
		file, ok := manifest.FileOf(change.Path)
		switch {
		case !ok || file.Kind == manifest.KindRelease:
		case file.Kind == manifest.KindProject:
			if projects[file.Key] {
				return true, nil
			}
		default: // the platform, or a workspace
			for key := range projects {
				if file.Key.Workspace == "" || file.Key.Workspace == key.Workspace {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

// ranLast says that no newer release of a project is there at a commit: whoever took this one away rolled back.
func (o *outcomes) ranLast(commit string, key manifest.Key, version manifest.Version) (bool, error) {
	entries, err := o.Config.List(commit, manifest.ReleasesDir(key))
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		if other, ok := manifest.ReleaseVersion(entry.Name); ok && other.Compare(version) > 0 {
			return false, nil
		}
	}
	return true, nil
}
