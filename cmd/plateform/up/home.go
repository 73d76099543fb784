package up

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

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

// openHome opens the installation in a folder, and makes it where it is not there.
func openHome(ctx context.Context, home, listen string) (*installation.Settings, error) {
	file := filepath.Join(home, "serve.yaml")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		made, err := scaffold.Claim(home)
		if err != nil {
			return nil, fmt.Errorf("the installation cannot be made in %s (name a folder that can be written with --dir): %w", home, err)
		}
		if err := makeHome(ctx, home, listen); err != nil {
			return nil, errors.Join(stopped(ctx, err), scaffold.Unclaim(home, made))
		}
	}
	settings, err := installation.Load(file)
	if err != nil {
		return nil, err
	}
	settings.Listen = "127.0.0.1:0"                                  // nobody asks it how it is
	settings.API.Listen = cmp.Or(settings.API.Listen, "127.0.0.1:0") // plateform logs --run finds it
	return settings, nil
}

// makeHome writes an installation whose addresses are free now.
func makeHome(ctx context.Context, home, listen string) error {
	apps, err := freeAddress(ctx, cmp.Or(listen, scaffold.DefaultApps), listen == "")
	if err != nil {
		return err
	}
	images, err := freeAddress(ctx, scaffold.DefaultImages, true)
	if err != nil {
		return err
	}
	return scaffold.New(home, scaffold.Options{Name: "home", NoSample: true, Apps: apps, Images: images}).Write(ctx)
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
