package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// Status is how projects are. Keys are added, never renamed or removed.
type Status struct {
	// ConfigCommit and GitOpsCommit are what was looked at; GitOpsCommit is empty when no GitOps repository is known.
	ConfigCommit string    `json:"configCommit"`
	GitOpsCommit string    `json:"gitopsCommit"`
	Projects     []Project `json:"projects"`
}

// State is the one word for how a project is.
type State string

// The states of projects.
const (
	StateRunning  State = "running"  // what the newest release says is in GitOps
	StatePending  State = "pending"  // something is on its way
	StateFailed   State = "failed"   // the newest attempt failed and what ran before still runs, or what runs fails
	StateHeld     State = "held"     // rolled back: something at HEAD is kept from being released
	StateFrozen   State = "frozen"   // history was rewritten: nothing moves until a retry
	StateRefused  State = "refused"  // a release file is not honoured
	StateNew      State = "new"      // nothing was released yet
	StateReleased State = "released" // there is a release; whether it runs is not known without the GitOps repository
)

// Underway is how far the run of a project is that is under way; empty when there is none.
type Underway struct {
	Stage    string `json:"stage,omitempty"`
	Progress string `json:"progress,omitempty"` // what was last reported of it, in a line
}

// Project is how one project is.
type Project struct {
	manifest.Key
	Type    manifest.ProjectType `json:"type"`
	State   State                `json:"state"`
	Release *NewestRelease       `json:"release,omitempty"` // the newest that is honoured
	Standing
	Underway
	Highest string            `json:"highest,omitempty"`
	Holds   []manifest.Hold   `json:"holds,omitempty"` // those that keep something back
	Last    *manifest.LastRun `json:"last,omitempty"`
	Why     []string          `json:"why,omitempty"`  // reasons for the state, in sentences
	Next    []string          `json:"next,omitempty"` // what to do about it
	Paused  bool              `json:"paused,omitempty"`
	// Reasons are the same as Why and Next, each reason with what to do about it.
	Reasons []Reason `json:"-"`
}

// Reason is one for the state of a project, in a sentence, with what to do about it.
type Reason struct {
	Why  string
	Next []string
}

// Standing is what runs of a project, as far as GitOps says.
type Standing struct {
	Runs string `json:"runs,omitempty"` // the release that GitOps says runs
	// Since is when that was written; without GitOps, when it was released.
	Since string `json:"since,omitempty"`
	// SinceBefore is set instead when that is older than all commits that are looked at: it is when the oldest was made.
	SinceBefore string `json:"sinceBefore,omitempty"`
	URL         string `json:"url,omitempty"`
	// RolloutFailed says that Runs was not brought to run: what was healthy before goes on.
	RolloutFailed bool `json:"rolloutFailed,omitempty"`
}

// NewestRelease is the newest release of a project that is honoured.
type NewestRelease struct {
	Version   string           `json:"version"`
	CreatedAt string           `json:"createdAt"`
	Cause     manifest.Cause   `json:"cause"`
	Images    []manifest.Image `json:"images,omitempty"`
}

// Status says how some projects are; all of them when none is named. A project that is not there is refused.
func (l *Ledger) Status(ctx context.Context, keys ...manifest.Key) (*Status, error) {
	if len(keys) == 0 {
		all, err := config.ProjectsAt(l.config.Reader, l.config.Head)
		if err != nil {
			return nil, err
		}
		keys = all
	}
	found := &Status{ConfigCommit: l.config.Head, GitOpsCommit: l.gitopsHead(), Projects: []Project{}}
	for _, key := range keys {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := l.project(ctx, key)
		if err != nil {
			return nil, err
		}
		found.Projects = append(found.Projects, p)
	}
	return found, l.addSince(ctx, found.Projects)
}

// project looks at one project.
func (l *Ledger) project(ctx context.Context, key manifest.Key) (Project, error) {
	p := Project{Key: key}
	if err := l.notes.read(ctx); err != nil {
		return p, err
	}
	releases, err := l.trust.Releases(key)
	if err != nil {
		return p, err
	}
	release, refused := releases.Newest()
	if release != nil {
		p.Release = &NewestRelease{
			Version: release.Metadata.Name, CreatedAt: rfc3339(release.Spec.CreatedAt),
			Cause: release.Spec.Cause, Images: release.Spec.Images,
		}
		if l.gitops == nil {
			p.Since = p.Release.CreatedAt
		}
	}
	owner, err := l.trust.Owner(key.Workspace)
	if err != nil {
		return p, err
	}
	if owner.Doubt != "" {
		p.say(owner.Doubt)
	}
	if err := l.readProject(&p); err != nil {
		return p, err
	}
	run, err := l.readGitOps(&p)
	if err != nil {
		return p, err
	}
	if p.Holds, err = l.heldBack(key, run, release, releases.Versions); err != nil {
		return p, err
	}
	j := judgement{run: run, refused: refused, gitopsKnown: l.gitops != nil, failure: l.notes.failure}
	if j.blocking, err = l.blocking(key); err != nil {
		return p, err
	}
	if release != nil {
		j.silent = l.now.Sub(release.Spec.CreatedAt)
	}
	if note, ok := l.notes.newest(key); ok && !note.ended() {
		p.Stage, p.Progress, j.silent, j.advice = string(note.Stage), note.Summary(), l.now.Sub(note.At), note.advice()
	}
	p.judge(j)
	p.addAside(l.notes.newest(key))
	if err := l.addRefusal(&p); err != nil {
		return p, err
	}
	if note, fails := l.notes.failing(key, p.Runs); fails && !slices.Contains(p.Why, note.Summary()) {
		_, advice, _ := strings.Cut(note.Description, "\n")
		p.set(StateFailed, note.Summary(), manifest.Plain(advice))
	}
	return p, nil
}

// addAside adds what people were told beside the verdict: why a release that is there is not what runs, and what does not keep
// it from running.
func (p *Project) addAside(note Note, found bool) {
	switch {
	case !found || !note.ended():
	case note.State == NoteFailure && p.Release != nil && p.Runs != "" && p.Release.Version != p.Runs:
		p.set(StateFailed, p.Release.Version+" does not run: "+note.Summary(), "do what it says there; what runs stays meanwhile")
	case p.rolloutFailed(note):
		next := note.next()
		if next == "" {
			next = "mend it and push"
		}
		p.RolloutFailed = true
		p.set(StateFailed, note.Summary(), fmt.Sprintf("%s; what it printed: plateform logs %s; to try it again as it is: plateform retry %s", next, p.Key, p.Key))
	case note.State == NoteSuccess && p.Release != nil && p.Release.Version == p.Runs:
		if _, more, _ := strings.Cut(note.Description, "\n"); strings.HasPrefix(more, "the tag ") {
			p.say(manifest.Plain(more))
		}
	}
}

// addRefusal adds why nothing new is released where only serve can tell, as of a secret that its key does not open: as long as
// project.yaml is as it was when that was said.
func (l *Ledger) addRefusal(p *Project) error {
	note, found := l.notes.newest(p.Key)
	if !found || note.State != NoteFailure || !strings.HasPrefix(note.Description, reconciler.NothingNew) || p.State == StateFailed {
		return nil
	}
	file := manifest.ProjectFile(p.Key)
	then, err := readIfThere(l.config.Reader, note.Commit, file)
	if err != nil {
		return err
	}
	now, err := readIfThere(l.config.Reader, l.config.Head, file)
	if err == nil && now != nil && bytes.Equal(then, now) {
		p.set(StateFailed, note.Summary(), "mend it and push; to try it again as it is: plateform retry "+p.Key.String())
	}
	return err
}

// rolloutFailed says that a note tells of the failed rollout of what GitOps says has to run, and nothing graver is known. On a
// commit that asked for something else it is no failure, and says the same.
func (p *Project) rolloutFailed(note Note) bool {
	judged := slices.Contains([]State{StateRunning, StateHeld, StateFailed}, p.State)
	return judged && p.Runs != "" && strings.HasPrefix(note.Description, reconciler.RolloutFailed(p.Runs))
}

// readProject takes what is worth showing from project.yaml, and what keeps anything new from being released.
func (l *Ledger) readProject(p *Project) error {
	file := manifest.ProjectFile(p.Key)
	data, err := l.config.Reader.Read(l.config.Head, file)
	if errors.Is(err, fs.ErrNotExist) {
		p.say(file + " is not there: the project is deleted")
		return nil
	}
	if err != nil {
		return err
	}
	if project, _ := manifest.ParseProject(file, data); project != nil {
		p.Type, p.Paused = project.Spec.Type, project.Spec.Paused
	}
	return nil
}

// blocking are the problems at the head that keep anything new of a project from being released. None are known while
// nothing at all is taken from the head, as when platform.yaml cannot be read: why that is, the owner's doubt says.
func (l *Ledger) blocking(key manifest.Key) (manifest.Problems, error) {
	if l.catalog == nil {
		c := config.NewCatalog(l.config.Reader, l.at.Charts)
		if _, err := c.Advance(l.config.Head); err != nil && !errors.Is(err, config.ErrUnusable) {
			return nil, err
		}
		l.catalog = c
	}
	v := l.catalog.View(key)
	if v == nil || !v.Present {
		return nil, nil
	}
	return v.Problems, nil
}

// readGitOps takes from the GitOps repository what runs there and what is remembered of the project.
func (l *Ledger) readGitOps(p *Project) (manifest.RunSpec, error) {
	if l.gitops == nil {
		return manifest.RunSpec{}, nil
	}
	data, err := readIfThere(l.gitops.Reader, l.gitops.Head, manifest.ValuesFile(p.Key))
	if err != nil {
		return manifest.RunSpec{}, err
	}
	values, err := ParseValues(data)
	if err != nil {
		return manifest.RunSpec{}, err
	}
	p.Runs, p.URL = values.Release, values.URL()
	file := manifest.RunFile(p.Key)
	if data, err = readIfThere(l.gitops.Reader, l.gitops.Head, file); err != nil || data == nil {
		return manifest.RunSpec{}, err
	}
	run, problems := manifest.ParseRun(file, data)
	if err := problems.Err(); err != nil {
		return manifest.RunSpec{}, fmt.Errorf("the GitOps repository: %w", err)
	}
	p.Highest, p.Last = run.Spec.Highest, run.Spec.Last
	return run.Spec, nil
}

// readIfThere reads a file; nothing when it is not there.
func readIfThere(reader reconciler.Reader, commit, file string) ([]byte, error) {
	data, err := reader.Read(commit, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// addSince finds out since when projects run what they run. It looks no further than it has to.
func (l *Ledger) addSince(ctx context.Context, projects []Project) error {
	wanted := map[manifest.Key]*Project{}
	for i := range projects {
		if projects[i].Runs != "" {
			wanted[projects[i].Key] = &projects[i]
		}
	}
	if l.gitops == nil || len(wanted) == 0 {
		return nil
	}
	oldest := time.Time{}
	for s, err := range l.gitops.all(ctx) {
		if err != nil {
			return err
		}
		changes, err := l.gitops.changesOf(ctx, s)
		if err != nil {
			return err
		}
		oldest = s.Author.When
		for _, change := range changes {
			key, ok := valuesOf(change.Path)
			if p := wanted[key]; ok && p != nil {
				p.Since = rfc3339(s.Author.When)
				delete(wanted, key)
			}
		}
		if len(wanted) == 0 {
			return nil
		}
	}
	for _, p := range wanted {
		p.SinceBefore = rfc3339(oldest)
	}
	return nil
}

// valuesOf is the project that a values.yaml of the GitOps repository is for.
func valuesOf(path string) (manifest.Key, bool) {
	parts := strings.Split(path, "/")
	if len(parts) != 4 {
		return manifest.Key{}, false
	}
	key := manifest.Key{Workspace: parts[1], Project: parts[2]}
	return key, path == manifest.ValuesFile(key)
}

// sortedKeys are the projects of a map.
func sortedKeys[V any](m map[manifest.Key]V) []manifest.Key {
	return slices.SortedFunc(maps.Keys(m), manifest.Key.Compare)
}
