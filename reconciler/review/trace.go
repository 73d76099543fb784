package review

import (
	"context"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// maxTraced bounds how far back it is looked for what became of a proposal.
const maxTraced = 2000

// made is a release that came of a proposal.
type made struct {
	version manifest.Version
	// newest says that it is the project's newest release and not its only one, so that taking it away rolls back.
	newest bool
	// removedBy is the commit of people that took it away; empty while it is there.
	removedBy string
}

// trace finds the newest release of each project that came of commits, as of a head.
func (o *outcomes) trace(ctx context.Context, head string, commits []string) (map[manifest.Key]made, error) {
	history, err := o.since(ctx, head, commits)
	if err != nil {
		return nil, err
	}
	found := map[manifest.Key]made{}
	for _, commit := range slices.Backward(history) { // the oldest first
		if key, version, ok := releaseBy(commit, commits); ok {
			found[key] = made{version: version}
		}
	}
	for key, m := range found {
		if err := o.whereIs(key, &m, head, history); err != nil {
			return nil, err
		}
		found[key] = m
	}
	return found, nil
}

// since are the commits along the first parents of a head, the newest first, down to the oldest of some commits; none when that is too
// far away.
func (o *outcomes) since(ctx context.Context, head string, commits []string) ([]manifest.Commit, error) {
	var history []manifest.Commit
	reached := 0
	for range maxTraced {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		commit, err := o.Config.Commit(head)
		if err != nil {
			return nil, err
		}
		history = append(history, commit)
		if slices.Contains(commits, head) {
			if reached++; reached == len(commits) {
				return history, nil
			}
		}
		if len(commit.Parents) == 0 || len(commit.Cut) > 0 {
			break
		}
		head = commit.Parents[0]
	}
	if reached == 0 {
		return nil, nil
	}
	return history, nil
}

// releaseBy is the release that a commit of Plateform brings, if it was made of one of some commits.
func releaseBy(c manifest.Commit, commits []string) (key manifest.Key, version manifest.Version, ok bool) {
	if !reconciler.ByPlateform(c) {
		return key, version, false
	}
	trailers := map[string]string{}
	for _, t := range manifest.Trailers(c.Message) {
		trailers[t.Key] = t.Value
	}
	_, causedBy, _ := strings.Cut(trailers[manifest.TrailerCausedBy], " ")
	causedBy, _, _ = strings.Cut(causedBy, " ")
	if !slices.Contains(commits, causedBy) {
		return key, version, false
	}
	version, err := manifest.ParseVersion(trailers[manifest.TrailerRelease])
	return manifest.Key{Workspace: trailers[manifest.TrailerWorkspace], Project: trailers[manifest.TrailerProject]}, version, err == nil
}

// whereIs finds out whether a release is still there, and who took it away.
func (o *outcomes) whereIs(key manifest.Key, m *made, head string, history []manifest.Commit) error {
	entries, err := o.Config.List(head, manifest.ReleasesDir(key))
	if err != nil {
		return err
	}
	there, before := false, false
	m.newest = true
	for _, entry := range entries {
		version, ok := manifest.ReleaseVersion(entry.Name)
		there = there || ok && version == m.version
		m.newest = m.newest && (!ok || version.Compare(m.version) <= 0)
		before = before || ok && version.Compare(m.version) < 0
	}
	m.newest = m.newest && before
	if there {
		return nil
	}
	m.newest = false
	file := manifest.ReleaseFile(key, m.version)
	for _, commit := range history { // the newest first: what is not there was taken away last by the first that is found
		if reconciler.ByPlateform(commit) && !reconciler.ForPeople(commit) || len(commit.Parents) == 0 || len(commit.Cut) > 0 {
			continue
		}
		changes, err := o.Config.Diff(commit.Parents[0], commit.Hash)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(changes, func(change manifest.Change) bool { return change.Path == file && change.After == "" }) {
			m.removedBy = commit.Hash
			return nil
		}
	}
	return nil
}
