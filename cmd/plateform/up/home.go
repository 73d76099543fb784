package up

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/scaffold"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/change"
)

// homeWorkspace is the workspace of the apps that are brought up on this machine.
const homeWorkspace = "local"

// openHome opens the installation in its folder, and makes it where it is not there.
func (o Options) openHome(ctx context.Context) (*installation.Settings, error) {
	home := o.Home
	file := filepath.Join(home, "serve.yaml")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		made, err := scaffold.Claim(home)
		if err != nil {
			return nil, fmt.Errorf("the installation cannot be made in %s (name a folder that can be written with --dir): %w", home, err)
		}
		if err := o.makeHome(ctx); err != nil {
			return nil, errors.Join(stopped(ctx, err), scaffold.Unclaim(home, made))
		}
	}
	settings, err := installation.Load(file)
	if err != nil {
		return nil, err
	}
	if o.Cluster != nil && settings.Engine.Kind != installation.EngineDirect {
		return nil, exit.Usage("the installation in %s runs apps with engine %s (have another one for the cluster: --dir FOLDER)", home, settings.Engine.Kind)
	}
	settings.Listen = "127.0.0.1:0"                                  // nobody asks it how it is
	settings.API.Listen = cmp.Or(settings.API.Listen, "127.0.0.1:0") // plateform logs --run finds it
	return settings, nil
}

// makeHome writes an installation whose addresses are free now.
func (o Options) makeHome(ctx context.Context) error {
	made := scaffold.Options{Name: "home", NoSample: true, Cluster: o.Cluster, Registry: o.Registry, Domain: o.Domain}
	if o.Cluster != nil {
		return scaffold.New(o.Home, made).Write(ctx)
	}
	var err error
	made.Apps, err = freeAddress(ctx, cmp.Or(o.Listen, scaffold.DefaultApps), o.Listen == "")
	if err != nil {
		return err
	}
	if made.Images, err = freeAddress(ctx, scaffold.DefaultImages, true); err != nil {
		return err
	}
	return scaffold.New(o.Home, made).Write(ctx)
}

// freeAddress is an address that nobody listens on: the one that is wanted, or else any, if that will do.
func freeAddress(ctx context.Context, wanted string, anyWillDo bool) (string, error) {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", wanted)
	if err != nil && anyWillDo {
		listener, err = listening.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", fmt.Errorf("taking the address %s for apps (choose another with --listen): %w", wanted, err)
	}
	address := listener.Addr().String()
	return address, listener.Close()
}

// addToHome adds the project of a folder to an installation, unless it is there.
func addToHome(ctx context.Context, s *installation.Settings, key manifest.Key, m *Mirror) (err error) {
	repository, err := checkout.Open(ctx, checkout.Place{URL: s.Config.URL, Branch: s.Config.Branch})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, repository.Close()) }()
	repository.Git.Env = append(repository.Git.Env, m.Identity(ctx)...)
	added := change.NewProject{Key: key, Repository: m.URL(), Path: m.folder.Path, Owner: manifest.User{GitHub: "you", ID: 1}}
	if s.Engine.Kind == installation.EngineDirect { // somebody else's local apps may be in the same cluster
		added.Namespace = "local-" + strings.ToLower(rand.Text()[:8])
	}
	_, err = repository.Change(ctx, func(head string) (manifest.Edit, error) { return added.Add(repository.Objects, head) })
	if errors.Is(err, change.ErrThere) {
		return nil
	}
	return exit.WhereConfigIs(err)
}

// Down takes the app of a folder out of the installation, and says which project it was; empty when there was none.
func (o Options) Down(ctx context.Context) (key string, err error) {
	file := filepath.Join(o.Home, "serve.yaml")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	settings, err := installation.Load(file)
	if err != nil {
		return "", err
	}
	folder, err := find(ctx, o.Dir)
	if err != nil {
		return "", err
	}
	dir, name, err := MirrorDir(ctx, filepath.Join(o.Home, scaffold.RemotesDir), folder)
	if err != nil {
		return "", err
	}
	m := &Mirror{folder: folder, bare: git.Command{Dir: dir}}
	repository, err := checkout.Open(ctx, checkout.Place{URL: settings.Config.URL, Branch: settings.Config.Branch})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, repository.Close()) }()
	repository.Git.Env = append(repository.Git.Env, m.Identity(ctx)...)
	k := manifest.Key{Workspace: homeWorkspace, Project: cmp.Or(o.Name, name)}
	_, err = repository.Change(ctx, func(head string) (manifest.Edit, error) { return change.Remove(repository.Objects, head, k) })
	if errors.Is(err, change.ErrNotThere) {
		return "", nil
	}
	return k.String(), exit.WhereConfigIs(err)
}
