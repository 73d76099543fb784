// Package doctor looks at everything an installation needs, and says what is wrong and how to mend it. It changes nothing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
)

// Options say what is looked at, and how.
type Options struct {
	// Settings is the file with the settings of the installation, serve.yaml.
	Settings string
	// Timeout of one check.
	Timeout time.Duration
	// Now is the clock.
	Now func() time.Time
}

// Examine makes all checks. Each diagnosis is told as soon as it is known, in an order that is always the same.
func Examine(ctx context.Context, o Options, tell func(Diagnosis)) (report Report, err error) {
	dir, err := os.MkdirTemp("", "plateform-doctor-")
	if err != nil {
		return Report{}, fmt.Errorf("making room for copies of the repositories: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &examination{file: o.Settings, timeout: o.Timeout, dir: dir, now: o.Now}
	defer func() { err = errors.Join(err, d.close()) }()

	report.Checks = []Diagnosis{}
	d.run(ctx, func(found Diagnosis) {
		report.add(found)
		tell(found)
	})
	return report, context.Cause(ctx)
}

// examination is one look at an installation.
type examination struct {
	file     string
	settings *installation.Settings
	// timeout of one check.
	timeout time.Duration
	// dir is for copies of repositories and for what tools write.
	dir string
	now func() time.Time
	// github is nil when no login at one is named.
	github *installation.GitHub
	// config and gitops are opened when the settings are known, closers close them.
	config, gitops *gitstore.Store
	closers        []func() error
	// What the config repository says at a commit, head, once it has been read; platform is nil when it is unusable.
	head       string
	platform   *manifest.Platform
	projects   map[manifest.Key]*manifest.Project
	workspaces map[string]*manifest.Workspace
}

func (d *examination) close() error {
	var err error
	for _, closer := range d.closers {
		err = errors.Join(err, closer())
	}
	return err
}

// check looks at one thing until its context ends.
type check func(context.Context) []Diagnosis

// run makes all checks, those that do not need each other at the same time, and tells what they find in a fixed order,
// as soon as it is known.
func (d *examination) run(ctx context.Context, tell func(Diagnosis)) {
	d.round(ctx, tell, d.checkGit, d.checkSettings)
	if d.settings == nil {
		return
	}
	d.round(ctx, tell, d.checkConfig, d.checkGitOps, d.checkGitHub, ofPeople{d}.checkSignIn, ofPeople{d}.checkIssuer, d.checkSecrets, d.checkJenkins, d.checkGo, d.checkContainerTool, d.checkApps, d.checkData, d.checkListen)
	d.round(ctx, tell, d.checkSigningKey, ofSecrets{d}.check, d.checkScanner, d.checkRegistry, d.checkHarbor, inCluster{d}.check, d.checkElection, d.checkImages, d.checkPort, d.checkSources)
}

// round makes some checks at the same time. It returns when all have ended.
func (d *examination) round(ctx context.Context, tell func(Diagnosis), checks ...check) {
	found := make([]chan []Diagnosis, len(checks))
	for i, look := range checks {
		found[i] = make(chan []Diagnosis, 1)
		go func() {
			bounded, cancel := context.WithTimeout(ctx, d.timeout)
			defer cancel()
			found[i] <- look(bounded)
		}()
	}
	for _, c := range found {
		for _, diagnosis := range <-c {
			tell(diagnosis)
		}
	}
}

// mendSettings is what helps where the error alone says what is wrong with serve.yaml.
const mendSettings = "mend serve.yaml, or the file that it names, as docs/serve.md says"

// checkSettings reads serve.yaml and opens what it names, talking to nobody.
func (d *examination) checkSettings(context.Context) []Diagnosis {
	found := placeholders(d.file)
	s, err := installation.Load(d.file)
	if err != nil {
		return append(found, settingsDiagnoses(d.file, err)...)
	}
	if d.github, err = s.GitHub.Open(d.now); err != nil {
		return append(found, broken("settings", err, mendSettings))
	}
	if d.config, err = d.open(s.Config, "config"); err != nil {
		return append(found, broken("settings", err, mendSettings))
	}
	if d.gitops, err = d.open(s.GitOps, "gitops"); err != nil {
		return append(found, broken("settings", err, mendSettings))
	}
	d.settings = s
	return append(found, ok("settings", "%s: forge %s, builder %s, engine %s", d.file, s.Forge.Kind, s.Builder.Kind, s.Engine.Kind))
}

// placeholder is what init writes where only people know what belongs there, and what it says of that.
var placeholder = regexp.MustCompile(`\bREPLACE\b(: ?[^\n]*)?`)

// placeholders finds the lines of serve.yaml in which one is left. One in a comment may stand beside what has been filled in.
func placeholders(file string) (found []Diagnosis) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil // whoever reads the settings says so
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		setting, comment, _ := strings.Cut(line, "#")
		switch at := fmt.Sprintf("%s:%d: ", file, number); {
		case placeholder.MatchString(setting):
			found = append(found, fail("settings", at+"what belongs here is still to be written", "write it in the place of "+strings.TrimSpace(placeholder.FindString(setting))))
		case placeholder.MatchString(comment):
			found = append(found, warn("settings", at+"it says "+placeholder.FindString(comment), "write what belongs here, and remove the comment"))
		}
	}
	return found
}

// open prepares one of the two repositories, with the access that serve would have.
func (d *examination) open(r installation.RemoteSettings, name string) (*gitstore.Store, error) {
	access, err := r.Access()
	if err != nil {
		return nil, err
	}
	store, err := gitstore.Open(gitstore.Options{Access: d.github.Platform(access), URL: r.URL, Branch: r.Branch, Dir: d.dir})
	if err != nil {
		return nil, exit.Usage("%s: %w", name, err)
	}
	d.closers = append(d.closers, store.Close)
	return store, nil
}

// settingsDiagnoses says what is wrong with serve.yaml, a line each.
func settingsDiagnoses(file string, err error) []Diagnosis {
	var problems manifest.Problems
	if !errors.As(err, &problems) {
		return []Diagnosis{broken("settings", err, mendSettings)}
	}
	var found []Diagnosis
	for _, p := range problems {
		found = append(found, fail("settings", fmt.Sprintf("%s:%d:%d: %s", file, p.Line, p.Column, p.What), p.Fix))
	}
	return found
}
