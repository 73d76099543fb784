package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/gitforge"
	"github.com/plateform/plateform/reconciler/localbuild"
	"github.com/plateform/plateform/reconciler/loop"
	"github.com/plateform/plateform/reconciler/registry"
)

// access says how to log in at a repository.
func (i *installation) access(r remoteSettings) (gitstore.Access, error) {
	access := gitstore.Access{SSH: gitstore.SSH{KeyFile: r.SSHKeyFile, KnownHostsFile: r.KnownHostsFile}}
	if r.PasswordFile == "" {
		return access, nil
	}
	if _, err := readSecret(r.PasswordFile); err != nil {
		return access, err
	}
	access.Credentials = func(context.Context, string) (gitstore.Credential, error) {
		// Read for each operation, so that a token can be renewed under a running process.
		password, err := readSecret(r.PasswordFile)
		return gitstore.Credential{Username: r.Username, Password: password}, err
	}
	return access, nil
}

// readSecret reads a file that holds one secret in one line.
func readSecret(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", usageError("reading a secret named in serve.yaml: %w", err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

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
func (i *installation) store(name string, r remoteSettings) (*branch, error) {
	access, err := i.access(r)
	if err != nil {
		return nil, err
	}
	store, err := gitstore.Open(gitstore.Options{
		Access: access, URL: r.URL, Branch: r.Branch, Dir: i.gitDir(name),
	})
	if err != nil {
		return nil, usageError("%s: %w", name, err)
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
func (i *installation) registry(config *branch) (*registry.Client, error) {
	options, err := registryOptions(i.settings.Registry)
	if err != nil {
		return nil, err
	}
	options.Host = config.registryHost
	client, err := registry.New(options)
	if err != nil {
		return nil, err
	}
	i.later(func() error { client.Close(); return nil })
	return client, nil
}

// registryOptions are how the registry is reached.
func registryOptions(s registrySettings) (registry.Options, error) {
	options := registry.Options{Insecure: s.Insecure}
	if s.UsernameFile == "" {
		return options, nil
	}
	username, err := readSecret(s.UsernameFile)
	if err != nil {
		return options, err
	}
	password, err := readSecret(s.PasswordFile)
	if err != nil {
		return options, err
	}
	options.Username, options.Password = username, registry.Password(password)
	return options, nil
}

// forge opens the place reports go to.
func (i *installation) forge(config *branch) (*gitforge.Forge, error) {
	access, err := i.access(i.settings.Config)
	if err != nil {
		return nil, err
	}
	notes, err := gitstore.OpenNotes(gitstore.NotesOptions{
		Options: gitstore.Options{Access: access, URL: i.settings.Config.URL, Dir: i.gitDir("notes")},
		Author:  manifest.Signature{Name: "Plateform", Email: "plateform@users.noreply.github.com"},
		Now:     i.now,
	})
	if err != nil {
		return nil, usageError("config: %w", err)
	}
	i.later(notes.Close)
	return gitforge.New(notes, config), nil
}

// gitDir is where copies of a repository are kept while this process runs.
func (i *installation) gitDir(name string) string {
	return filepath.Join(i.settings.DataDir, "git", name)
}

// sources reach the repositories of the apps. The credentials of the platform's own repositories are never sent there.
type sources struct{ *gitstore.Remote }

// Tip implements reconciler.Sources.
func (s sources) Tip(ctx context.Context, source manifest.Source) (reconciler.Tip, error) {
	tip, err := s.Remote.Tip(ctx, source)
	return reconciler.Tip(tip), err
}

func (i *installation) sources() (sources, error) {
	dir := i.gitDir("sources")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return sources{}, fmt.Errorf("making the data folder: %w", err)
	}
	remote := gitstore.NewRemote(gitstore.RemoteOptions{Dir: dir})
	i.later(func() error { remote.Close(); return nil })
	return sources{remote}, nil
}

// builder opens what makes images: authored ones are looked up in the registry, sources are built on this machine.
func (i *installation) builder(images *registry.Client, sources sources) (reconciler.Builder, error) {
	notify := func(string) { i.reconciler.Hint(loop.Hint{}) }
	if i.settings.Builder.Kind == "none" {
		return registry.NewResolver(images, nil, notify)
	}
	local, err := localbuild.New(localbuild.Options{
		Checkout: sources.Checkout, Registry: images, Dir: i.settings.DataDir, Parallel: i.settings.Builder.Local.Parallel,
		Notify: notify, Clock: i.now, Log: i.log,
	})
	if err != nil {
		return nil, err
	}
	i.later(local.Close)
	return registry.NewResolver(images, local, notify)
}
