package installation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/gitforge"
	"github.com/plateform/plateform/reconciler/localbuild"
	"github.com/plateform/plateform/reconciler/loop"
	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/reconciler/scope"
)

// branch is a Store that remembers where it was last seen, and tells when its history is cut.
type branch struct {
	*gitstore.Store
	name string // of the repository, for messages
	log  *slog.Logger
	head atomic.Pointer[string]
	// end is where its history ended at the last fetch.
	end atomic.Pointer[string]
	// named says what is to be known of the registry that platform.yaml names, from now on; other is that, as of the last
	// fetch.
	named func(host string) string
	other atomic.Pointer[string]
	// leads says what is to be known of the URLs of platform.yaml; elsewhere is that, as of the last fetch.
	leads     func(manifest.IngressSpec) (said, fix string)
	elsewhere atomic.Pointer[string]
}

// Fetch implements reconciler.Repository.
func (b *branch) Fetch(ctx context.Context) (string, error) {
	head, err := b.Store.Fetch(ctx)
	if err != nil {
		return head, err
	}
	if before := b.head.Swap(&head); before == nil || *before != head {
		b.tellRegistry()
		b.tellPort()
	}
	end := b.HistoryEnd()
	if before := b.end.Swap(&end); before == nil && end == "" || before != nil && *before == end {
		return head, nil
	}
	if end == "" {
		b.log.Info("the history of the repository is whole again", "repository", b.name)
	} else {
		b.log.Warn("the repository on the server is shallow", "repository", b.name, "oldest", manifest.Short(end), "fix", UnshallowFix)
	}
	return head, nil
}

// tellRegistry tells when platform.yaml comes to name another registry than is expected.
func (b *branch) tellRegistry() {
	if b.named == nil {
		return
	}
	said := b.named(b.registryHost())
	if before := b.other.Swap(&said); said != "" && (before == nil || *before != said) {
		b.log.Warn("the embedded registry is not the one that images go to", "why", said)
	}
}

// tellPort tells when the URLs of platform.yaml come to lead elsewhere than where apps answer.
func (b *branch) tellPort() {
	if b.leads == nil {
		return
	}
	line := ""
	platform := b.platform()
	if platform != nil {
		if said, fix := b.leads(platform.Spec.Ingress); said != "" {
			line = said + " (" + fix + ")"
		}
	}
	if before := b.elsewhere.Swap(&line); line != "" && (before == nil || *before != line) {
		b.log.Warn("apps do not answer where their URLs lead", "why", line)
	}
}

// notes are what is to be known of the repository, in a line each, besides whether it can be used.
func (b *branch) notes() (lines []string) {
	if said := b.shallow(); said != "" {
		lines = append(lines, said)
	}
	for _, known := range []*atomic.Pointer[string]{&b.other, &b.elsewhere} {
		if said := known.Load(); said != nil && *said != "" {
			lines = append(lines, *said)
		}
	}
	return lines
}

// What is said of a repository whose history is cut, and what mends it.
const (
	ShallowHistory = "the repository on the server is shallow: its history was cut off, and what was before is not known"
	UnshallowFix   = "run git fetch --unshallow in it on the server, or push the whole history there"
)

// shallow says in one line that the history was cut; empty when it is whole.
func (b *branch) shallow() string {
	if end := b.end.Load(); end != nil && *end != "" {
		return fmt.Sprintf("%s: %s; the oldest commit is %s (%s)", b.name, ShallowHistory, manifest.Short(*end), UnshallowFix)
	}
	return ""
}

// store opens one of the two repositories.
func (i *Installation) store(name string, r RemoteSettings) (*branch, error) {
	access, err := r.Access()
	if err != nil {
		return nil, err
	}
	store, err := gitstore.Open(gitstore.Options{
		Access: i.github.Platform(access), URL: r.URL, Branch: r.Branch, Dir: i.gitDir(name), Fence: i.standby,
	})
	if err != nil {
		return nil, exit.Usage("%s: %w", name, err)
	}
	i.later(store.Close)
	b := &branch{Store: store, name: name, log: i.log}
	i.branches = append(i.branches, b)
	return b, nil
}

// platform is platform.yaml; nil before it was read, and while it cannot be.
func (b *branch) platform() *manifest.Platform {
	head := b.head.Load()
	if head == nil || *head == "" {
		return nil
	}
	data, err := b.Read(*head, manifest.PlatformFile)
	if err != nil {
		return nil
	}
	platform, _ := manifest.ParsePlatform(manifest.PlatformFile, data)
	return platform
}

// registryURL is registry.url of platform.yaml; empty before it was read.
func (b *branch) registryURL() string {
	platform := b.platform()
	if platform == nil {
		return ""
	}
	return platform.Spec.Registry.URL
}

// registryHost is the host of the registry that platform.yaml names; empty before it was read.
func (b *branch) registryHost() string {
	host, _, _ := strings.Cut(b.registryURL(), "/")
	return host
}

// registry opens the image registry.
func (i *Installation) registry(config *branch) (*registry.Client, error) {
	options, err := i.settings.Registry.Options()
	if err != nil {
		return nil, err
	}
	options.Host, options.Root, options.Platforms = config.registryHost, config.registryURL, i.settings.Engine.Platforms
	options.Transport = i.standby.Fenced
	client, err := registry.New(options)
	if err != nil {
		return nil, err
	}
	i.later(func() error { client.Close(); return nil })
	return client, nil
}

// forge opens the place reports go to, and the record of what was reported.
func (i *Installation) forge(config *branch) (reconciler.Forge, *gitforge.Forge, error) {
	access, err := i.settings.Config.Access()
	if err != nil {
		return nil, nil, err
	}
	notes, err := gitstore.OpenNotes(gitstore.NotesOptions{
		Options: gitstore.Options{Access: i.github.Platform(access), URL: i.settings.Config.URL, Dir: i.gitDir("notes"), Fence: i.standby},
		Author:  manifest.Signature{Name: "Plateform", Email: "plateform@users.noreply.github.com"},
		Now:     i.now,
	})
	if err != nil {
		return nil, nil, exit.Usage("config: %w", err)
	}
	i.later(notes.Close)
	record := gitforge.New(notes, config)
	if i.settings.Forge.Kind == forgeGitHub {
		forge, err := i.github.forge(i.settings.Config.URL, record, i.log)
		return forge, record, err
	}
	return record, record, nil
}

// gitDir is where copies of a repository are kept while this process runs.
func (i *Installation) gitDir(name string) string {
	return filepath.Join(i.settings.DataDir, "git", name)
}

// sources reach the repositories of the apps, with the credentials that serve.yaml has for their hosts. Those of the
// platform's own repositories are never sent there.
type sources struct{ *gitstore.Remote }

// Tips implements reconciler.Sources.
func (s sources) Tips(ctx context.Context, repository string, places []reconciler.Place) ([]reconciler.Found, error) {
	asked := make([]gitstore.Place, len(places))
	for i, place := range places {
		asked[i] = gitstore.Place(place)
	}
	answers, err := s.Remote.Tips(ctx, repository, asked)
	if err != nil {
		return nil, sourceError(err)
	}
	found := make([]reconciler.Found, len(answers))
	for i, answer := range answers {
		found[i] = reconciler.Found{Tip: reconciler.Tip(answer.Tip), Err: sourceError(answer.Err)}
	}
	return found, nil
}

// scopes has what a build reads found out by the same code that the builder goes by.
type scopes struct{}

// Candidates implements gitstore.Scopes.
func (scopes) Candidates(p gitstore.Place) []string { return scope.Candidates(settingsOf(p)) }

// Find implements gitstore.Scopes.
func (scopes) Find(files fs.FS, p gitstore.Place) ([]string, string, error) {
	found, err := scope.Find(files, settingsOf(p))
	return found.Paths, found.Reason, err
}

func settingsOf(p gitstore.Place) scope.Settings {
	return scope.Settings{Path: p.Path, Framework: p.Framework, Dockerfile: p.Dockerfile}
}

// Checkout writes the files of a commit into a folder. What only a push can mend is a Fault.
func (s sources) Checkout(ctx context.Context, repository, commit, dir string) error {
	err := s.Remote.Checkout(ctx, repository, commit, dir)
	fix := ""
	switch {
	case errors.Is(err, gitstore.ErrNoCommit):
		fix = "push it to a branch, or name another one in source.revision"
	case errors.Is(err, gitstore.ErrTooLarge):
		fix = "remove what the build does not need, and push"
	case errors.Is(err, gitstore.ErrBadTree):
		fix = "rename or remove it, and push"
	default:
		return err
	}
	return &localbuild.Fault{What: "the source cannot be built from", Err: err, Fix: fix}
}

// sourceError says why a source is not there, if that is what an error says.
func sourceError(err error) error {
	var denied *gitstore.DeniedError
	var format *gitstore.FormatError
	reason := manifest.LostReason("")
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gitstore.ErrTag):
		reason = manifest.LostTag
	case errors.Is(err, gitstore.ErrEmpty):
		reason = manifest.LostEmpty
	case errors.Is(err, gitstore.ErrNoBranch):
		reason = manifest.LostBranch
	case errors.Is(err, gitstore.ErrNoPath):
		reason = manifest.LostFolder
	case errors.Is(err, gitstore.ErrNotFolder):
		reason = manifest.LostNotFolder
	case errors.Is(err, gitstore.ErrNoCommit):
		reason = manifest.LostCommit
	case errors.As(err, &format): // git on this machine complains of us then, which looks like a denial
		reason = manifest.LostFormat
	case errors.As(err, &denied):
		reason = manifest.LostRepository
	default:
		return err
	}
	return &reconciler.SourceError{Reason: reason, Err: err}
}

func (i *Installation) sources() (sources, error) {
	dir := i.gitDir("sources")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return sources{}, fmt.Errorf("making the data folder: %w", err)
	}
	remote := gitstore.NewRemote(gitstore.RemoteOptions{Access: i.github.Sources(i.settings.SourceAccess()), Dir: dir, Scopes: scopes{}})
	i.later(func() error { remote.Close(); return nil })
	return sources{remote}, nil
}

// builder opens what makes images of sources: this machine, or a Jenkins; nil for an installation that builds nothing.
func (i *Installation) builder(images *registry.Client, sources sources) (reconciler.Builder, error) {
	switch i.settings.Builder.Kind {
	case "none":
		return nil, nil
	case builderJenkins:
		return i.jenkins(images)
	}
	local, err := localbuild.New(localbuild.Options{
		Checkout: sources.Checkout, Registry: images, Dir: i.settings.DataDir, Parallel: i.settings.Builder.Local.Parallel, Mirrors: i.settings.Builder.Local.Mirrors,
		Notify: func(string) { i.reconciler.Hint(loop.Hint{Builds: true}) }, Clock: i.now, Log: i.log,
	})
	if err != nil {
		return nil, err
	}
	i.later(local.Close)
	return local, nil
}
