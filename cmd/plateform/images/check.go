package images

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/registry"
)

// Report is what `images check --output json` prints. Keys are added, never renamed or removed.
type Report struct {
	Projects int `json:"projects"`
	Releases int `json:"releases"`
	// Images are counted once, however many releases name them.
	Images  int       `json:"images"`
	Missing []Missing `json:"missing"`
	Unknown []Unknown `json:"unknown"`
	// Unreadable are release files that nobody can read, and so run.
	Unreadable []string `json:"unreadable,omitempty"`
}

// Missing is an image of a release that its registry does not have.
type Missing struct {
	// Project as ws-1/shop.
	Project string `json:"project"`
	Release string `json:"release"`
	// Newest says that it is the newest release file of the project.
	Newest     bool   `json:"newest"`
	Image      string `json:"image"`
	Repository string `json:"repository"`
	Digest     string `json:"digest"`
}

// Unknown are images that a registry says nothing about.
type Unknown struct {
	Registry string `json:"registry"`
	Images   int    `json:"images"`
	Why      string `json:"why"`
}

// registries is what is asked.
type registries interface {
	Has(ctx context.Context, repository, digest string) (bool, error)
}

// Files reads what is in all release files at a commit. A release file that cannot be read is named in Unreadable.
func Files(reader reconciler.Reader, commit string) (Report, []Missing, error) {
	report := Report{Missing: []Missing{}, Unknown: []Unknown{}}
	projects, err := folders(reader, commit)
	if err != nil {
		return report, nil, fmt.Errorf("reading the release files: %w", err)
	}
	var mu sync.Mutex
	var all []Missing
	var workers errgroup.Group
	workers.SetLimit(runtime.GOMAXPROCS(0))
	for _, key := range projects {
		workers.Go(func() error {
			releases, named, unreadable, err := ofProject(reader, commit, key)
			mu.Lock()
			defer mu.Unlock()
			if releases > 0 {
				report.Projects++
			}
			report.Releases += releases
			report.Unreadable = append(report.Unreadable, unreadable...)
			all = append(all, named...)
			return err
		})
	}
	if err := workers.Wait(); err != nil {
		return report, nil, fmt.Errorf("reading the release files: %w", err)
	}
	slices.Sort(report.Unreadable)
	return report, all, nil
}

// folders are all projects that have a folder, with a project.yaml or without: what was deleted can come back.
func folders(reader reconciler.Reader, commit string) (keys []manifest.Key, err error) {
	workspaces, err := reader.List(commit, manifest.WorkspacesDir)
	if err != nil {
		return nil, err
	}
	for _, ws := range workspaces {
		if !ws.Dir {
			continue
		}
		projects, err := reader.List(commit, path.Dir(path.Dir(manifest.ProjectFile(manifest.Key{Workspace: ws.Name, Project: "x"}))))
		if err != nil {
			return nil, err
		}
		for _, p := range projects {
			if p.Dir {
				keys = append(keys, manifest.Key{Workspace: ws.Name, Project: p.Name})
			}
		}
	}
	return keys, nil
}

// ofProject are the images that the release files of one project name.
func ofProject(reader reconciler.Reader, commit string, key manifest.Key) (releases int, named []Missing, unreadable []string, err error) {
	entries, err := reader.List(commit, manifest.ReleasesDir(key))
	if err != nil {
		return 0, nil, nil, err
	}
	var newest manifest.Version
	for _, e := range entries {
		if v, ok := manifest.ReleaseVersion(e.Name); ok && v.Compare(newest) > 0 {
			newest = v
		}
	}
	for _, e := range entries {
		v, ok := manifest.ReleaseVersion(e.Name)
		if !ok {
			continue
		}
		file := manifest.ReleaseFile(key, v)
		content, err := reconciler.ReadFile(reader, commit, file, e.Hash)
		if err != nil {
			return 0, nil, nil, err
		}
		releases++
		release, problems := manifest.ParseRelease(file, content)
		if release == nil || len(problems) > 0 {
			unreadable = append(unreadable, file)
			continue
		}
		for _, image := range release.Spec.Images {
			named = append(named, Missing{key.String(), v.String(), v == newest, image.Name, image.Repository, image.Digest})
		}
	}
	return releases, named, unreadable, nil
}

// How registries are asked: so many repositories at a time, one image of each after the other, as the access to a repository is
// granted once; and how many repositories of a registry may get no answer before no more are asked there.
const (
	atOnce   = 16
	mostMute = 3
)

// ask fills in what registries say of the images that releases name.
func (r *Report) ask(ctx context.Context, in registries, named []Missing) error {
	a := &asking{in: in, missing: map[string]bool{}, mute: map[string]int{}, unknown: map[Unknown]int{}}
	repositories := map[string][]string{}
	seen := map[string]bool{}
	for _, image := range named {
		if at := image.at(); !seen[at] {
			seen[at] = true
			repositories[image.Repository] = append(repositories[image.Repository], image.Digest)
		}
	}
	r.Images = len(seen)
	var workers errgroup.Group
	workers.SetLimit(atOnce)
	for repository, digests := range repositories {
		if ctx.Err() != nil {
			break
		}
		workers.Go(func() error { a.repository(ctx, repository, digests); return nil })
	}
	_ = workers.Wait() // they return no errors
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, image := range named {
		if a.missing[image.at()] {
			r.Missing = append(r.Missing, image)
		}
	}
	slices.SortFunc(r.Missing, func(a, b Missing) int {
		return cmp.Or(strings.Compare(a.Project, b.Project), version(a).Compare(version(b)), strings.Compare(a.Image, b.Image))
	})
	for what, images := range a.unknown {
		what.Images = images
		r.Unknown = append(r.Unknown, what)
	}
	slices.SortFunc(r.Unknown, func(a, b Unknown) int {
		return cmp.Or(strings.Compare(a.Registry, b.Registry), b.Images-a.Images, strings.Compare(a.Why, b.Why))
	})
	return nil
}

// at is where an image is, whoever names it.
func (m Missing) at() string { return m.Repository + "@" + m.Digest }

func version(m Missing) manifest.Version {
	v, err := manifest.ParseVersion(m.Release)
	if err != nil {
		return manifest.Version{} // it was one
	}
	return v
}

// asking is one time through registries.
type asking struct {
	in registries

	mu      sync.Mutex
	missing map[string]bool // by at
	// mute is how many repositories of a registry have got no answer.
	mute    map[string]int
	unknown map[Unknown]int
}

// repository asks for the images of one repository, one after the other, until there is no answer.
func (a *asking) repository(ctx context.Context, repository string, digests []string) {
	host, _, _ := strings.Cut(repository, "/")
	for i, digest := range digests {
		a.mu.Lock()
		mute := a.mute[host] >= mostMute
		a.mu.Unlock()
		if mute {
			a.pass(Unknown{Registry: host, Why: "it was not asked any more, as it does not answer"}, len(digests)-i)
			return
		}
		there, err := a.in.Has(ctx, repository, digest)
		if err == nil {
			a.mu.Lock()
			a.missing[repository+"@"+digest] = !there
			a.mu.Unlock()
			continue
		}
		var said *registry.Error
		if !errors.As(err, &said) {
			a.pass(Unknown{Registry: host, Why: terminal.Plain(err.Error())}, 1)
			continue
		}
		if said.Temporary() {
			a.mu.Lock()
			a.mute[host]++
			a.mu.Unlock()
		}
		a.pass(Unknown{Registry: host, Why: terminal.Plain(said.What + " (" + said.Fix + ")")}, len(digests)-i)
		return
	}
}

// pass notes images that nothing is known of.
func (a *asking) pass(why Unknown, images int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unknown[why] += images
}
