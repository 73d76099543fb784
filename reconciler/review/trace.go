package review

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// maxTraced bounds how far back it is looked for what became of a proposal.
const maxTraced = 2000

// made is a release that came of a proposal.
type made struct {
	key     manifest.Key
	version manifest.Version
	// commit brought it, and causedBy is the commit that caused it.
	commit, causedBy string
	// newest says that it is the project's newest release and not its only one, so that taking it away rolls back.
	newest bool
	// removedBy is the commit of people that took it away; empty while it is there.
	removedBy string
}

// past is what happened up to a head, the newest first, and which keys sign what is Plateform's there.
type past struct {
	history []manifest.Commit
	keys    []signing.PublicKey
}

// trace finds the release of each project that came of commits, as of a head: the newest that one of them caused. For a project that
// is well without one it is the first that was made once all of them were there, as a release that does for several proposals names one
// of them. When a release was taken back, the next one that brings the same takes its place.
func (o *outcomes) trace(ctx context.Context, head string, commits []string, well map[manifest.Key]bool) (map[manifest.Key]made, error) {
	history, err := o.since(ctx, head, commits)
	if err != nil {
		return nil, err
	}
	keys, known := config.KeysAt(o.Config, head)
	if !known { // nothing can be told from what somebody pretends
		return nil, nil
	}
	in := past{history, keys}
	found, err := o.firstOf(in, commits, well)
	if err != nil {
		return nil, err
	}
	for open := found; len(open) > 0; { // each round goes on from later commits
		if err := o.follow(ctx, in, open, head); err != nil {
			return nil, err
		}
		maps.Copy(found, open)
		if open, err = o.again(in, open); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// firstOf finds the releases that came of commits, whatever became of them.
func (o *outcomes) firstOf(in past, commits []string, well map[manifest.Key]bool) (map[manifest.Key]made, error) {
	caused, with := map[manifest.Key]made{}, map[manifest.Key]made{}
	after := slices.IndexFunc(in.history, func(c manifest.Commit) bool { return slices.Contains(commits, c.Hash) })
	for i, commit := range slices.Backward(in.history) { // the oldest first
		m, ok := releaseOf(commit)
		_, known := with[m.key]
		first := well[m.key] && !known && i < after // whatever was on the branch before it was looked at when it was made
		if !ok || !first && !slices.Contains(commits, m.causedBy) {
			continue
		}
		proven, err := o.proven(&m, in.keys)
		if err != nil {
			return nil, err
		}
		if proven && first {
			with[m.key] = m
		}
		if proven && slices.Contains(commits, m.causedBy) {
			caused[m.key] = m
		}
	}
	maps.Copy(with, caused)
	return with, nil
}

// follow finds out which releases are still there, and who took the others away.
func (o *outcomes) follow(ctx context.Context, in past, found map[manifest.Key]made, head string) error {
	gone := map[string]manifest.Key{}
	for key, m := range found {
		there, err := o.isThere(key, &m, head)
		if err != nil {
			return err
		}
		if !there {
			gone[manifest.ReleaseFile(key, m.version)] = key
		}
		found[key] = m
	}
	removed, err := o.removed(ctx, gone, in)
	for key, by := range removed {
		m := found[key]
		m.removedBy = by
		found[key] = m
	}
	return err
}

// again finds the releases that bring what others brought that were taken back before, as after a retry.
func (o *outcomes) again(in past, found map[manifest.Key]made) (map[manifest.Key]made, error) {
	wanted, back := map[manifest.Key]manifest.Parts{}, map[string][]manifest.Key{}
	for key, m := range found {
		if m.removedBy == "" {
			continue
		}
		parts, err := o.changedBy(m, in.keys)
		if err != nil {
			return nil, err
		}
		if len(parts) > 0 {
			wanted[key], back[m.removedBy] = parts, append(back[m.removedBy], key)
		}
	}
	next, open := map[manifest.Key]made{}, map[manifest.Key]bool{}
	for _, commit := range slices.Backward(in.history) {
		for _, key := range back[commit.Hash] {
			open[key] = true
		}
		m, ok := releaseOf(commit)
		if !ok || !open[m.key] {
			continue
		}
		release, err := config.Honoured(o.Config, m.commit, m.key, m.version, in.keys)
		if err != nil {
			return nil, err
		}
		if release != nil && has(release.Spec.Parts, wanted[m.key]) {
			next[m.key], open[m.key] = m, false
		}
	}
	return next, nil
}

// changedBy are the parts of a release that differ from the one before it.
func (o *outcomes) changedBy(m made, keys []signing.PublicKey) (manifest.Parts, error) {
	release, err := config.Honoured(o.Config, m.commit, m.key, m.version, keys)
	if err != nil || release == nil {
		return nil, err
	}
	entries, err := o.Config.List(m.commit, manifest.ReleasesDir(m.key))
	if err != nil {
		return nil, err
	}
	var before manifest.Version
	for _, entry := range entries {
		if version, ok := manifest.ReleaseVersion(entry.Name); ok && version.Compare(m.version) < 0 && version.Compare(before) > 0 {
			before = version
		}
	}
	older, err := config.Honoured(o.Config, m.commit, m.key, before, keys)
	if err != nil || older == nil {
		return release.Spec.Parts, err
	}
	parts := maps.Clone(release.Spec.Parts)
	maps.DeleteFunc(parts, func(part, key string) bool { return older.Spec.Parts[part] == key })
	return parts, nil
}

// has says that parts have all of some others.
func has(parts, others manifest.Parts) bool {
	for part, key := range others {
		if parts[part] != key {
			return false
		}
	}
	return true
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

// releaseOf is the release that a commit of Plateform brings, as its message says.
func releaseOf(c manifest.Commit) (m made, ok bool) {
	if !reconciler.ByPlateform(c) {
		return m, false
	}
	trailers := map[string]string{}
	for _, t := range manifest.Trailers(c.Message) {
		trailers[t.Key] = t.Value
	}
	_, causedBy, _ := strings.Cut(trailers[manifest.TrailerCausedBy], " ")
	m.causedBy, _, _ = strings.Cut(causedBy, " ")
	m.commit = c.Hash
	m.key = manifest.Key{Workspace: trailers[manifest.TrailerWorkspace], Project: trailers[manifest.TrailerProject]}
	version, err := manifest.ParseVersion(trailers[manifest.TrailerRelease])
	m.version = version
	return m, err == nil
}

// proven takes what it says of a release from its file, where there are keys: one of them signed that, and whoever may push can write
// what they like into a commit.
func (o *outcomes) proven(m *made, keys []signing.PublicKey) (bool, error) {
	if len(keys) == 0 {
		return true, nil
	}
	release, err := config.Honoured(o.Config, m.commit, m.key, m.version, keys)
	if err != nil || release == nil {
		return false, err
	}
	m.causedBy = release.Spec.Cause.Commit
	return true, nil
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
