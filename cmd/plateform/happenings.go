package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// commitFact is what is worth showing of a commit.
type commitFact struct {
	Hash   string `json:"hash"`
	Author string `json:"author"`
	// At is when it was made, in RFC 3339 and UTC.
	At      string `json:"at"`
	Subject string `json:"subject"`
}

// fact looks at a commit.
func (c *checkout) fact(hash string) (commitFact, error) {
	commit, err := c.objects.Commit(hash)
	if err != nil {
		return commitFact{}, err
	}
	subject, _, _ := strings.Cut(strings.TrimSpace(commit.Message), "\n")
	return commitFact{
		Hash: hash, Author: plain(commit.Author.Name), Subject: plain(subject),
		At: commit.Author.When.UTC().Format(time.RFC3339),
	}, nil
}

// touch is what one commit did to one file.
type touch struct {
	commit string
	// deed as git names it: A added, D deleted, M changed.
	deed byte
	path string
}

// touches lists what commits did to files, the oldest first, along the first parents: a merge counts as one commit that
// did all it brought. args are a range, options of git log, and patterns of paths behind a "--".
func (c *checkout) touches(ctx context.Context, args ...string) ([]touch, error) {
	log := []string{"log", "--first-parent", "-m", "--reverse", "--no-renames", "--no-follow", "--no-show-signature",
		"--name-status", "-z", "--format=%H"}
	said, err := c.git.run(ctx, append(log, args...)...)
	if err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", c.remote, err)
	}
	return parseTouches(said), nil
}

// fullHash is the hash of a commit.
var fullHash = regexp.MustCompile(`^[0-9a-f]{40}$`)

// parseTouches reads what git log -z --name-status says. A path, which may be anything, always stands behind a deed.
func parseTouches(said string) []touch {
	var found []touch
	commit := ""
	tokens := strings.Split(said, "\x00")
	for i := 0; i < len(tokens); i++ {
		switch token := strings.TrimSpace(tokens[i]); {
		case fullHash.MatchString(token):
			commit = token
		case token != "" && i+1 < len(tokens):
			i++
			found = append(found, touch{commit: commit, deed: token[0], path: tokens[i]})
		}
	}
	return found
}

// deed is what happened to a release.
type deed string

const (
	deedReleased   deed = "released"
	deedSuperseded deed = "superseded"
	deedRolledBack deed = "rolled back"
	deedRunsAgain  deed = "runs again"
	deedBack       deed = "brought back"
	deedRetired    deed = "retired" // its file was removed, but a newer release ran
	deedRemoved    deed = "removed" // with the project
)

// happening is one thing that happened to a release.
type happening struct {
	Deed deed `json:"deed"`
	// Release that it has to do with: the one that superseded it, that runs instead, or that was rolled back.
	Release string `json:"release,omitempty"`
	// Commit of the config repository that did it.
	Commit commitFact `json:"commit"`
}

// chronicle is what happened to the releases of one project.
type chronicle struct {
	// happenings of each version, the oldest first.
	happenings map[manifest.Version][]happening
	// removed is the commit that deleted project.yaml; empty while the project is there.
	removed string
}

// chronicle reads the history of a project.
func (l *look) chronicle(ctx context.Context, key manifest.Key) (*chronicle, error) {
	touches, err := l.config.touches(ctx, l.head, "--", manifest.ProjectFile(key), manifest.ReleasesDir(key))
	if err != nil {
		return nil, err
	}
	c := makeChronicle(touches)
	for version := range c.happenings {
		for i := range c.happenings[version] {
			h := &c.happenings[version][i]
			if h.Commit, err = l.config.fact(h.Commit.Hash); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// makeChronicle replays what was done to project.yaml and the release files of one project: the newest file is what runs.
func makeChronicle(touches []touch) *chronicle {
	c := &chronicle{happenings: map[manifest.Version][]happening{}}
	var present []manifest.Version
	for len(touches) > 0 {
		n := 1
		for n < len(touches) && touches[n].commit == touches[0].commit {
			n++
		}
		present = c.replay(present, touches[:n])
		touches = touches[n:]
	}
	return c
}

// replay takes in one commit and returns the releases that are there then.
func (c *chronicle) replay(present []manifest.Version, touches []touch) []manifest.Version {
	commit := touches[0].commit
	var added, gone []manifest.Version
	for _, t := range touches {
		file, ok := manifest.FileOf(t.path)
		switch {
		case !ok:
		case file.Kind == manifest.KindProject && t.deed == 'D':
			c.removed = commit
		case file.Kind == manifest.KindProject:
			c.removed = ""
		case file.Kind == manifest.KindRelease && t.deed == 'A':
			added = append(added, file.Version)
		case file.Kind == manifest.KindRelease && t.deed == 'D':
			gone = append(gone, file.Version)
		}
	}
	before := newestOf(present)
	present = slices.DeleteFunc(append(present, added...), func(v manifest.Version) bool { return slices.Contains(gone, v) })
	after := newestOf(present)
	say := func(v manifest.Version, what deed, other manifest.Version) {
		h := happening{Deed: what, Commit: commitFact{Hash: commit}}
		if !other.IsZero() {
			h.Release = other.String()
		}
		c.happenings[v] = append(c.happenings[v], h)
	}
	for _, v := range gone {
		switch {
		case c.removed == commit:
			say(v, deedRemoved, manifest.Version{})
		case v.Compare(after) > 0:
			say(v, deedRolledBack, after)
		default:
			say(v, deedRetired, after)
		}
	}
	for _, v := range added {
		if len(c.happenings[v]) == 0 {
			say(v, deedReleased, manifest.Version{})
		} else {
			say(v, deedBack, manifest.Version{})
		}
	}
	switch {
	case before.IsZero() || after.IsZero() || slices.Contains(added, before):
	case after.Compare(before) > 0 && slices.Contains(present, before):
		say(before, deedSuperseded, after)
	case after.Compare(before) < 0 && !slices.Contains(added, after):
		say(after, deedRunsAgain, before)
	}
	return present
}

// newestOf is the highest version; zero when there is none.
func newestOf(versions []manifest.Version) manifest.Version {
	if len(versions) == 0 {
		return manifest.Version{}
	}
	return slices.MaxFunc(versions, manifest.Version.Compare)
}

// versions that ever were, the newest first.
func (c *chronicle) versions() []manifest.Version {
	var all []manifest.Version
	for v := range c.happenings {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b manifest.Version) int { return b.Compare(a) })
	return all
}

// last is the newest happening of a release of one of some kinds; false when there was none.
func (c *chronicle) last(v manifest.Version, deeds ...deed) (happening, bool) {
	for _, h := range slices.Backward(c.happenings[v]) {
		if slices.Contains(deeds, h.Deed) {
			return h, true
		}
	}
	return happening{}, false
}

// release reads a release as it was when its file was last added, wherever that is by now.
func (l *look) release(c *chronicle, key manifest.Key, v manifest.Version) (*manifest.Release, error) {
	added, ok := c.last(v, deedReleased, deedBack)
	if !ok {
		return nil, finding("%s never had a release %s (it had: %s)", key, v, config.ListVersions(c.versions()))
	}
	file := manifest.ReleaseFile(key, v)
	data, err := l.config.objects.Read(added.Commit.Hash, file)
	if err != nil {
		return nil, fmt.Errorf("reading %s at %s: %w", file, short(added.Commit.Hash), err)
	}
	release, problems := manifest.ParseRelease(file, data)
	if release == nil {
		return nil, fmt.Errorf("reading %s at %s: %w", file, short(added.Commit.Hash), problems.Err())
	}
	return release, nil
}
