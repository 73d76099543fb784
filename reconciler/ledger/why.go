package ledger

import (
	"context"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// Why says why something runs, or does not. Keys are added, never renamed or removed.
type Why struct {
	Asked string `json:"asked"`
	Kind  Kind   `json:"kind"`
	// ConfigCommit and GitOpsCommit are what was looked at; GitOpsCommit is empty when no GitOps repository is known.
	ConfigCommit string `json:"configCommit"`
	GitOpsCommit string `json:"gitopsCommit"`
	// Commit that was asked for, when it is one of the two repositories.
	Commit  *AskedCommit `json:"commit,omitempty"`
	Answers []Answer     `json:"answers"`
}

// AskedCommit is a commit of one of the two repositories.
type AskedCommit struct {
	Commit
	// MergedBy is the commit on the branch that brought it in, when it is not on the branch itself.
	MergedBy *Commit `json:"mergedBy,omitempty"`
	// Does says what it did, in sentences.
	Does []string `json:"does,omitempty"`
	// Reports that are on it.
	Reports []Note `json:"reports,omitempty"`
}

// Answer is about one release, or about one project for which no release was made.
type Answer struct {
	manifest.Key
	State Fate `json:"state"`
	// Since when it is so, in RFC 3339; empty when that is not known.
	Since   string         `json:"since,omitempty"`
	Release *TracedRelease `json:"release,omitempty"`
	History []Event        `json:"history,omitempty"`
	Why     []string       `json:"why,omitempty"`
	Next    []string       `json:"next,omitempty"`
}

// Fate is the one word for what became of a release, or of the wish for one.
type Fate string

// The fates of releases. Where no release was made, it can be the State of the project too.
const (
	FateRunning    Fate = "running"
	FateReleased   Fate = "released"   // the newest; whether it runs is not known without the GitOps repository
	FatePending    Fate = "pending"    // on its way
	FateSuperseded Fate = "superseded" // a newer one runs
	FateRolledBack Fate = "rolled back"
	FateRetired    Fate = "retired" // old, and its file removed
	FateRemoved    Fate = "removed" // with its project
	FateRefused    Fate = "refused" // not honoured
	FateFailed     Fate = "failed"
	FateHeld       Fate = "held"
	FateNone       Fate = "no release"
)

// TracedRelease is a release with where it comes from.
type TracedRelease struct {
	Version   string                `json:"version"`
	CreatedAt string                `json:"createdAt"`
	URL       string                `json:"url,omitempty"`
	Plan      string                `json:"plan"`
	Images    []manifest.Image      `json:"images,omitempty"`
	Sources   []Source              `json:"sources,omitempty"`
	Build     *manifest.BuildRecord `json:"build,omitempty"`
	Cause     manifest.Cause        `json:"cause"`
	// CausedBy is the commit of the config repository that caused it; absent when a push to the app did, or when it is
	// no longer there.
	CausedBy *Commit `json:"causedBy,omitempty"`
	// Commit of the config repository that added the release file; absent when it is older than all that is looked at.
	Commit *Commit `json:"commit,omitempty"`
	// GitOps is the newest commit of the GitOps repository that wrote its values.
	GitOps *Commit `json:"gitops,omitempty"`
}

// Source is where an image was built from.
type Source struct {
	Image      string `json:"image"`
	Repository string `json:"repository"`
	Commit     string `json:"commit"`
}

// Why answers a question. What is not there is refused.
func (l *Ledger) Why(ctx context.Context, q Question) (*Why, error) {
	t := &tracer{Ledger: l, projects: map[manifest.Key]*tracedProject{}}
	w := &Why{Asked: q.Asked, Kind: q.Kind, ConfigCommit: l.config.Head, GitOpsCommit: l.gitopsHead(), Answers: []Answer{}}
	var err error
	switch q.Kind {
	case AskProject:
		w.Answers, err = t.aboutProject(ctx, q)
	case AskHost:
		w.Answers, err = t.aboutHost(ctx, q.Host)
	case AskImage:
		w.Answers, err = t.aboutImage(ctx, q.Hash)
	default:
		err = t.aboutCommit(ctx, q.Hash, w)
	}
	return w, err
}

func (t *tracer) aboutProject(ctx context.Context, q Question) ([]Answer, error) {
	h, err := t.History(ctx, q.Key)
	if err != nil {
		return nil, err
	}
	if len(h.Events) == 0 {
		if err := config.MustHave(t.config.Reader, t.config.Head, q.Key); err != nil {
			return nil, err
		}
	}
	var a Answer
	if q.Version.IsZero() {
		a, err = t.running(ctx, q.Key)
	} else {
		a, err = t.trace(ctx, q.Key, q.Version)
	}
	return []Answer{a}, err
}

// aboutHost answers with what runs at a host: what GitOps says, else what project.yaml wants.
func (t *tracer) aboutHost(ctx context.Context, host string) ([]Answer, error) {
	keys, err := t.servedAt(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		if keys, err = t.claiming(ctx, host); err != nil {
			return nil, err
		}
	}
	if len(keys) == 0 {
		return nil, config.Refuse("no project is at %s (plateform status lists all projects with their URLs)", host)
	}
	var answers []Answer
	for _, key := range keys {
		a, err := t.running(ctx, key)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

// claiming finds the projects whose project.yaml wants a host, sorted. What does not parse claims nothing.
func (t *tracer) claiming(ctx context.Context, host string) ([]manifest.Key, error) {
	data, err := t.config.Reader.Read(t.config.Head, manifest.PlatformFile)
	if err != nil {
		return nil, err
	}
	platform, _ := manifest.ParsePlatform(manifest.PlatformFile, data)
	if platform == nil {
		return nil, nil
	}
	all, err := config.ProjectsAt(t.config.Reader, t.config.Head)
	if err != nil {
		return nil, err
	}
	var keys []manifest.Key
	for _, key := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		project := t.projectAt(t.config.Head, key)
		if project != nil && slices.Contains(manifest.HostsOf(key, project.Spec, platform.Spec.Domain), host) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// aboutImage answers with the releases that run an image, the newest first.
func (t *tracer) aboutImage(ctx context.Context, digest string) ([]Answer, error) {
	needle := "sha256:" + digest
	files, err := t.filesWith(ctx, needle)
	if err != nil {
		return nil, err
	}
	answers, err := t.traceFiles(ctx, files, func(r *TracedRelease) bool {
		return slices.ContainsFunc(r.Images, func(i manifest.Image) bool { return strings.HasPrefix(i.Digest, needle) })
	})
	if err == nil && len(answers) == 0 {
		err = config.Refuse("no release runs an image with the digest %s (is it one that Plateform released? plateform status WS/PROJECT shows those)%s",
			needle, t.gaveUp())
	}
	return answers, err
}

// filesWith finds the release files with a text in them: of those that the commits that are looked at added, and of those
// that run.
func (t *tracer) filesWith(ctx context.Context, text string) ([]string, error) {
	if err := t.readDeeds(ctx); err != nil {
		return nil, err
	}
	var files []string
	for _, touches := range t.touches {
		for _, touched := range touches {
			file, _ := manifest.FileOf(touched.Path)
			if file.Kind != manifest.KindRelease || !touched.added() || touched.Special {
				continue
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			data, err := reconciler.ReadFile(t.config.Reader, touched.commit.Hash, touched.Path, touched.After)
			if err != nil {
				return nil, err
			}
			if strings.Contains(string(data), text) {
				files = append(files, touched.Path)
			}
		}
	}
	if !t.config.cut() {
		return files, nil
	}
	running, err := t.runningWith(ctx, text, func(Values) bool { return true })
	for key, values := range running {
		v, notVersion := manifest.ParseVersion(values.Release)
		file := manifest.ReleaseFile(key, v)
		if data, unread := readIfThere(t.config.Reader, t.config.Head, file); notVersion == nil && unread == nil && data != nil {
			files = append(files, file)
		}
	}
	return files, err
}

// gaveUp says behind a message that something was not found, how far was looked; empty when there is nothing more.
func (t *tracer) gaveUp() string {
	if !t.config.cut() {
		return ""
	}
	return "; it was not found in " + t.config.newest() + " of the config repository"
}
