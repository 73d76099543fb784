package review

import (
	"context"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
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

// past is what happened up to a head, the newest first, and which keys sign what is Plateform's there.
type past struct {
	history []manifest.Commit
	keys    []manifest.PublicKey
}

// trace finds the newest release of each project that came of commits, as of a head.
func (o *outcomes) trace(ctx context.Context, head string, commits []string) (map[manifest.Key]made, error) {
	history, err := o.since(ctx, head, commits)
	if err != nil {
		return nil, err
	}
	keys, known := config.KeysAt(o.Config, head)
	if !known { // nothing can be told from what somebody pretends
		return nil, nil
	}
	found := map[manifest.Key]made{}
	for _, commit := range slices.Backward(history) { // the oldest first
		key, version, ok, err := o.releaseBy(commit, commits, keys)
		if err != nil {
			return nil, err
		}
		if ok {
			found[key] = made{version: version}
		}
	}
	gone := map[string]manifest.Key{}
	for key, m := range found {
		there, err := o.isThere(key, &m, head)
		if err != nil {
			return nil, err
		}
		if !there {
			gone[manifest.ReleaseFile(key, m.version)] = key
		}
		found[key] = m
	}
	removed, err := o.removed(ctx, gone, past{history, keys})
	for key, by := range removed {
		m := found[key]
		m.removedBy = by
		found[key] = m
	}
	return found, err
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

// releaseBy is the release that a commit of Plateform brings, if it was made of one of some commits. Where there are keys, its file says
// so, which one of them signed: whoever may push can write what they like into a commit.
func (o *outcomes) releaseBy(c manifest.Commit, commits []string, keys []manifest.PublicKey) (key manifest.Key, version manifest.Version, ok bool, err error) {
	if !reconciler.ByPlateform(c) {
		return key, version, false, nil
	}
	trailers := map[string]string{}
	for _, t := range manifest.Trailers(c.Message) {
		trailers[t.Key] = t.Value
	}
	_, causedBy, _ := strings.Cut(trailers[manifest.TrailerCausedBy], " ")
	causedBy, _, _ = strings.Cut(causedBy, " ")
	key = manifest.Key{Workspace: trailers[manifest.TrailerWorkspace], Project: trailers[manifest.TrailerProject]}
	version, noVersion := manifest.ParseVersion(trailers[manifest.TrailerRelease])
	if noVersion != nil || !slices.Contains(commits, causedBy) || len(keys) == 0 {
		return key, version, noVersion == nil && slices.Contains(commits, causedBy), nil
	}
	release, err := config.Honoured(o.Config, c.Hash, key, version, keys)
	if err != nil || release == nil {
		return key, version, false, err
	}
	return key, version, slices.Contains(commits, release.Spec.Cause.Commit), nil
}

// isThere finds out whether a release is still there, and whether it is the newest.
func (o *outcomes) isThere(key manifest.Key, m *made, head string) (there bool, err error) {
	entries, err := o.Config.List(head, manifest.ReleasesDir(key))
	if err != nil {
		return false, err
	}
	newest, before := true, false
	for _, entry := range entries {
		version, ok := manifest.ReleaseVersion(entry.Name)
		there = there || ok && version == m.version
		newest = newest && (!ok || version.Compare(m.version) <= 0)
		before = before || ok && version.Compare(m.version) < 0
	}
	m.newest = there && newest && before
	return there, nil
}

// removed finds out who took release files away, each of a project, in one walk however many there are.
func (o *outcomes) removed(ctx context.Context, gone map[string]manifest.Key, in past) (map[manifest.Key]string, error) {
	removed := map[manifest.Key]string{}
	for _, commit := range in.history { // the newest first: what is not there was taken away last by the first that is found
		if len(gone) == 0 {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if reconciler.SignedByPlateform(commit, in.keys) && !reconciler.ForPeople(commit) || len(commit.Parents) == 0 || len(commit.Cut) > 0 {
			continue
		}
		changes, err := o.Config.Diff(commit.Parents[0], commit.Hash)
		if err != nil {
			return nil, err
		}
		for _, change := range changes {
			if key, wanted := gone[change.Path]; wanted && change.After == "" {
				removed[key] = commit.Hash
				delete(gone, change.Path)
			}
		}
	}
	return removed, nil
}
