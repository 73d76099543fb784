package installation

import (
	"context"
	"errors"
	"fmt"
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
)

// branch is a Store that remembers where it was last seen.
type branch struct {
	*gitstore.Store
	head atomic.Pointer[string]
}

// Fetch implements reconciler.Repository.
func (b *branch) Fetch(ctx context.Context) (string, error) {
	head, err := b.Store.Fetch(ctx)
	if err == nil {
		b.head.Store(&head)
	}
	return head, err
}

// store opens one of the two repositories.
func (i *Installation) store(name string, r RemoteSettings) (*branch, error) {
	access, err := r.Access()
	if err != nil {
		return nil, err
	}
	store, err := gitstore.Open(gitstore.Options{
		Access: access, URL: r.URL, Branch: r.Branch, Dir: i.gitDir(name),
	})
	if err != nil {
		return nil, exit.Usage("%s: %w", name, err)
	}
	i.later(store.Close)
	return &branch{Store: store}, nil
}

// registryHost is the host of the registry that platform.yaml names; empty before it was read.
func (b *branch) registryHost() string {
	head := b.head.Load()
	if head == nil || *head == "" {
		return ""
	}
	data, err := b.Read(*head, manifest.PlatformFile)
	if err != nil {
		return ""
	}
	platform, _ := manifest.ParsePlatform(manifest.PlatformFile, data)
	if platform == nil {
		return ""
	}
	host, _, _ := strings.Cut(platform.Spec.Registry.URL, "/")
	return host
}

// registry opens the image registry.
func (i *Installation) registry(config *branch) (*registry.Client, error) {
	options, err := i.settings.Registry.Options()
	if err != nil {
		return nil, err
	}
	options.Host, options.Platforms = config.registryHost, i.settings.Engine.Platforms
	client, err := registry.New(options)
	if err != nil {
		return nil, err
	}
	i.later(func() error { client.Close(); return nil })
	return client, nil
}

// forge opens the place reports go to.
func (i *Installation) forge(config *branch) (*gitforge.Forge, error) {
	access, err := i.settings.Config.Access()
	if err != nil {
		return nil, err
	}
	notes, err := gitstore.OpenNotes(gitstore.NotesOptions{
		Options: gitstore.Options{Access: access, URL: i.settings.Config.URL, Dir: i.gitDir("notes")},
		Author:  manifest.Signature{Name: "Plateform", Email: "plateform@users.noreply.github.com"},
		Now:     i.now,
	})
	if err != nil {
		return nil, exit.Usage("config: %w", err)
	}
	i.later(notes.Close)
	return gitforge.New(notes, config), nil
}

// gitDir is where copies of a repository are kept while this process runs.
func (i *Installation) gitDir(name string) string {
	return filepath.Join(i.settings.DataDir, "git", name)
}

// sources reach the repositories of the apps. The credentials of the platform's own repositories are never sent there.
type sources struct{ *gitstore.Remote }

// Tips implements reconciler.Sources.
func (s sources) Tips(ctx context.Context, repository string, places []reconciler.Place) ([]reconciler.Found, error) {
	asked := make([]gitstore.Place, len(places))
	for i, place := range places {
		asked[i] = gitstore.Place(place)
	}
	answers, err := s.Remote.Tips(ctx, repository, asked)
	if err != nil {
		return nil, err
	}
	found := make([]reconciler.Found, len(answers))
	for i, answer := range answers {
		found[i] = reconciler.Found{Tip: reconciler.Tip(answer.Tip), Err: answer.Err}
	}
	return found, nil
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

func (i *Installation) sources() (sources, error) {
	dir := i.gitDir("sources")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return sources{}, fmt.Errorf("making the data folder: %w", err)
	}
	remote := gitstore.NewRemote(gitstore.RemoteOptions{Dir: dir})
	i.later(func() error { remote.Close(); return nil })
	return sources{remote}, nil
}

// builder opens what makes images of sources: this machine; nil for an installation that builds nothing.
func (i *Installation) builder(images *registry.Client, sources sources) (reconciler.Builder, error) {
	if i.settings.Builder.Kind == "none" {
		return nil, nil
	}
	local, err := localbuild.New(localbuild.Options{
		Checkout: sources.Checkout, Registry: images, Dir: i.settings.DataDir, Parallel: i.settings.Builder.Local.Parallel,
		Notify: func(string) { i.reconciler.Hint(loop.Hint{Builds: true}) }, Clock: i.now, Log: i.log,
	})
	if err != nil {
		return nil, err
	}
	i.later(local.Close)
	return local, nil
}
