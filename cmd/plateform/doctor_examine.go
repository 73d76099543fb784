package main

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
)

// doctor examines an installation.
type doctor struct {
	file     string
	settings *installation.Settings
	// timeout of one check.
	timeout time.Duration
	// dir is for copies of repositories and for what tools write.
	dir string
	now func() time.Time
	// config and gitops are opened when the settings are known, closers close them.
	config, gitops *gitstore.Store
	closers        []func() error
	// head of the config repository, and what it says there, once it has been read; platform is nil when it is unusable.
	head     string
	platform *manifest.Platform
	projects map[manifest.Key]*manifest.Project
}

func (d *doctor) close() error {
	var err error
	for _, closer := range d.closers {
		err = errors.Join(err, closer())
	}
	return err
}

// check looks at one thing until its context ends.
type check func(context.Context) []diagnosis

// examine makes all checks, those that do not need each other at the same time, and hands out what they find in a
// fixed order, as soon as it is known.
func (d *doctor) examine(ctx context.Context) iter.Seq[diagnosis] {
	return func(yield func(diagnosis) bool) {
		first := []check{d.checkGit, d.checkSettings}
		if !d.round(ctx, first, yield) || d.settings == nil {
			return
		}
		second := []check{d.checkConfig, d.checkGitOps, d.checkSecrets, d.checkGo, d.checkContainerTool, d.checkData, d.checkListen}
		third := []check{d.checkSigningKey, d.checkRegistry, d.checkSources}
		_ = d.round(ctx, second, yield) && d.round(ctx, third, yield)
	}
}

// round makes some checks at the same time. It returns when all have ended, false when nobody listens any more.
func (d *doctor) round(ctx context.Context, checks []check, yield func(diagnosis) bool) bool {
	found := make([]chan []diagnosis, len(checks))
	for i, look := range checks {
		found[i] = make(chan []diagnosis, 1)
		go func() {
			bounded, cancel := context.WithTimeout(ctx, d.timeout)
			defer cancel()
			found[i] <- look(bounded)
		}()
	}
	listening := true
	for _, c := range found {
		for _, diagnosis := range <-c {
			listening = listening && yield(diagnosis)
		}
	}
	return listening
}

// checkSettings reads serve.yaml and opens what it names, talking to nobody.
func (d *doctor) checkSettings(context.Context) []diagnosis {
	s, err := installation.Load(d.file)
	if err != nil {
		return settingsDiagnoses(d.file, err)
	}
	if d.config, err = d.open(s.Config, "config"); err != nil {
		return []diagnosis{broken("settings", err, "")}
	}
	if d.gitops, err = d.open(s.GitOps, "gitops"); err != nil {
		return []diagnosis{broken("settings", err, "")}
	}
	d.settings = s
	return []diagnosis{ok("settings", "%s: forge %s, builder %s, engine %s", d.file, s.Forge.Kind, s.Builder.Kind, s.Engine.Kind)}
}

// open prepares one of the two repositories, with the access that serve would have.
func (d *doctor) open(r installation.RemoteSettings, name string) (*gitstore.Store, error) {
	access, err := r.Access()
	if err != nil {
		return nil, err
	}
	store, err := gitstore.Open(gitstore.Options{Access: access, URL: r.URL, Branch: r.Branch, Dir: d.dir})
	if err != nil {
		return nil, exit.Usage("%s: %w", name, err)
	}
	d.closers = append(d.closers, store.Close)
	return store, nil
}
