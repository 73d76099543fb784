package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// touch is what one commit did to one file.
type touch struct {
	commit manifest.Commit
	manifest.Change
}

func (t touch) added() bool   { return t.Before == "" }
func (t touch) deleted() bool { return t.After == "" }

// EventKind is what happened to a release.
type EventKind string

// The kinds of events.
const (
	EventReleased   EventKind = "released"
	EventSuperseded EventKind = "superseded"
	EventRolledBack EventKind = "rolled back"
	EventRunsAgain  EventKind = "runs again"
	EventBack       EventKind = "brought back"
	EventRetired    EventKind = "retired" // its file was removed, but a newer release ran
	EventRemoved    EventKind = "removed" // with the project
)

// Event is one thing that happened to a release.
type Event struct {
	Kind EventKind `json:"kind"`
	// Release that it has to do with: the one that superseded it, that runs instead, or that was rolled back.
	Release string `json:"release,omitempty"`
	// Commit of the config repository that did it.
	Commit Commit `json:"commit"`
}

// History is what happened to the releases of one project, as far back as is looked at.
type History struct {
	// Events of each version, the oldest first.
	Events map[manifest.Version][]Event
	// Removed is the commit that deleted project.yaml; nil while the project is there.
	Removed *Commit
	// Older are the releases that were there before the oldest commit that is looked at, the newest first: how they came to
	// be is not known.
	Older []manifest.Version
}

// History reads what happened to the releases of a project. A project that never was has none.
func (l *Ledger) History(ctx context.Context, key manifest.Key) (*History, error) {
	if err := l.readDeeds(ctx); err != nil {
		return nil, err
	}
	var older []manifest.Version
	if l.config.cut() {
		var err error
		if older, err = config.VersionsAt(l.config.Reader, l.config.floor, key); err != nil {
			return nil, err
		}
	}
	return makeHistory(older, l.touches[key]), nil
}

// readDeeds sorts what all commits did by project.
func (l *Ledger) readDeeds(ctx context.Context) error {
	if l.touches != nil {
		return nil
	}
	if err := l.config.walk(ctx); err != nil {
		return err
	}
	touches := map[manifest.Key][]touch{}
	for _, s := range slices.Backward(l.config.steps) {
		changes, err := l.config.changesOf(ctx, s)
		if err != nil {
			return err
		}
		for _, change := range changes {
			file, ok := manifest.FileOf(change.Path)
			if ok && (file.Kind == manifest.KindProject || file.Kind == manifest.KindRelease) {
				touches[file.Key] = append(touches[file.Key], touch{s.Commit, change})
			}
		}
	}
	l.touches = touches
	return nil
}

// makeHistory replays what was done to project.yaml and the release files of one project: the newest file is what runs.
func makeHistory(older []manifest.Version, touches []touch) *History {
	h := &History{Events: map[manifest.Version][]Event{}, Older: older}
	present := slices.Clone(older)
	for len(touches) > 0 {
		n := 1
		for n < len(touches) && touches[n].commit.Hash == touches[0].commit.Hash {
			n++
		}
		present = h.replay(present, touches[:n])
		touches = touches[n:]
	}
	return h
}

// replay takes in one commit and returns the releases that are there then.
func (h *History) replay(present []manifest.Version, touches []touch) []manifest.Version {
	commit := shown(touches[0].commit)
	added, gone, removed := h.sort(touches, commit)
	before := newestOf(present)
	present = slices.DeleteFunc(append(present, added...), func(v manifest.Version) bool { return slices.Contains(gone, v) })
	after := newestOf(present)
	say := func(v manifest.Version, what EventKind, other manifest.Version) {
		said := Event{Kind: what, Commit: commit}
		if !other.IsZero() {
			said.Release = other.String()
		}
		h.Events[v] = append(h.Events[v], said)
	}
	for _, v := range gone {
		switch {
		case removed:
			say(v, EventRemoved, manifest.Version{})
		case v.Compare(after) > 0:
			say(v, EventRolledBack, after)
		default:
			say(v, EventRetired, after)
		}
	}
	for _, v := range added {
		if len(h.Events[v]) == 0 {
			say(v, EventReleased, manifest.Version{})
		} else {
			say(v, EventBack, manifest.Version{})
		}
	}
	switch {
	case before.IsZero() || after.IsZero() || slices.Contains(added, before):
	case after.Compare(before) > 0 && slices.Contains(present, before):
		say(before, EventSuperseded, after)
	case after.Compare(before) < 0 && !slices.Contains(added, after):
		say(after, EventRunsAgain, before)
	}
	return present
}

// sort says which releases one commit added and deleted, and whether it deleted their project.
func (h *History) sort(touches []touch, commit Commit) (added, gone []manifest.Version, removed bool) {
	for _, t := range touches {
		file, ok := manifest.FileOf(t.Path)
		switch {
		case !ok:
		case file.Kind == manifest.KindProject && t.deleted():
			h.Removed, removed = &commit, true
		case file.Kind == manifest.KindProject:
			h.Removed, removed = nil, false
		case file.Kind == manifest.KindRelease && t.added():
			added = append(added, file.Version)
		case file.Kind == manifest.KindRelease && t.deleted():
			gone = append(gone, file.Version)
		}
	}
	return added, gone, removed
}

// newestOf is the highest version; zero when there is none.
func newestOf(versions []manifest.Version) manifest.Version {
	if len(versions) == 0 {
		return manifest.Version{}
	}
	return slices.MaxFunc(versions, manifest.Version.Compare)
}

// Versions that ever were, the newest first.
func (h *History) Versions() []manifest.Version {
	all := slices.Clone(h.Older)
	for v := range h.Events {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b manifest.Version) int { return b.Compare(a) })
	return slices.Compact(all)
}

// added is the commit that last added the file of a release; nil when that is not known.
func (h *History) added(v manifest.Version) *Commit {
	for _, said := range slices.Backward(h.Events[v]) {
		if said.Kind == EventReleased || said.Kind == EventBack {
			return &said.Commit
		}
	}
	return nil
}

// release reads a release as it was when its file was last added, wherever that is by now.
func (l *Ledger) release(h *History, key manifest.Key, v manifest.Version) (*manifest.Release, error) {
	commit := l.config.floor
	if added := h.added(v); added != nil {
		commit = added.Hash
	} else if !slices.Contains(h.Older, v) {
		return nil, l.neverHad(h, key, v)
	}
	file := manifest.ReleaseFile(key, v)
	data, err := l.config.Reader.Read(commit, file)
	if err != nil {
		return nil, fmt.Errorf("reading %s at %.10s: %w", file, commit, err)
	}
	release, problems := manifest.ParseRelease(file, data)
	if release == nil {
		return nil, fmt.Errorf("reading %s at %.10s: %w", file, commit, problems.Err())
	}
	return release, nil
}

// neverHad says that a project has no such release, as far as is known.
func (l *Ledger) neverHad(h *History, key manifest.Key, v manifest.Version) error {
	if l.config.cut() {
		return config.Refuse("%s has no release %s, and had none in %s (it had: %s)", key, v, l.config.newest(), config.ListVersions(h.Versions()))
	}
	return config.Refuse("%s never had a release %s (it had: %s)", key, v, config.ListVersions(h.Versions()))
}
