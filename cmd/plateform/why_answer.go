package main

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// releaseFiles matches all release files, for git.
const releaseFiles = ":(glob)" + manifest.WorkspacesDir + "/*/projects/*/releases/*.yaml"

// answer answers a question.
func (t *tracer) answer(ctx context.Context, q question) (*whyReport, error) {
	r := &whyReport{Asked: q.asked, Kind: q.kind, ConfigCommit: t.head, GitOpsCommit: t.gitopsHead, Answers: []answer{}}
	var err error
	switch q.kind {
	case askProject:
		r.Answers, err = t.aboutProject(ctx, q)
	case askHost:
		r.Answers, err = t.aboutHost(ctx, q.host)
	case askImage:
		r.Answers, err = t.aboutImage(ctx, q.hash)
	default:
		err = t.aboutCommit(ctx, q.hash, r)
	}
	return r, err
}

func (t *tracer) aboutProject(ctx context.Context, q question) ([]answer, error) {
	c, err := t.chronicle(ctx, q.key)
	if err != nil {
		return nil, err
	}
	if len(c.happenings) == 0 {
		if err := config.MustHave(t.config.objects, t.head, q.key); err != nil {
			return nil, err
		}
	}
	var a answer
	if q.version.IsZero() {
		a, err = t.running(ctx, q.key)
	} else {
		a, err = t.trace(ctx, q.key, q.version)
	}
	return []answer{a}, err
}

// aboutHost answers with what runs at a host: what GitOps says, else what project.yaml wants.
func (t *tracer) aboutHost(ctx context.Context, host string) ([]answer, error) {
	keys, err := t.servedAt(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		if keys, err = t.claiming(host); err != nil {
			return nil, err
		}
	}
	if len(keys) == 0 {
		return nil, finding("no project is at %s (plateform status lists all projects with their URLs)", host)
	}
	var answers []answer
	for _, key := range keys {
		a, err := t.running(ctx, key)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

// servedAt finds the projects that run at a host.
func (t *tracer) servedAt(ctx context.Context, host string) ([]manifest.Key, error) {
	if t.gitops == nil {
		return nil, nil
	}
	places, err := t.gitops.git.search(ctx, "-l", "-F", "-e", host, t.gitopsHead, "--",
		":(glob)"+manifest.WorkspacesDir+"/*/*/values.yaml")
	if err != nil {
		return nil, err
	}
	var keys []manifest.Key
	for _, place := range places {
		_, file, _ := strings.Cut(place, ":")
		data, err := t.gitops.objects.Read(t.gitopsHead, file)
		if err != nil {
			return nil, err
		}
		values, err := parseRunning(data)
		if err != nil {
			return nil, err
		}
		if parts := strings.Split(file, "/"); slices.Contains(values.hosts(), host) {
			keys = append(keys, manifest.Key{Workspace: parts[1], Project: parts[2]})
		}
	}
	return keys, nil
}

// claiming finds the projects whose project.yaml wants a host.
func (t *tracer) claiming(host string) ([]manifest.Key, error) {
	all, _ := manifest.Load(gitstore.FS(t.config.objects, t.head)) // what does not parse claims nothing
	if all.Platform == nil {
		return nil, nil
	}
	var keys []manifest.Key
	for key, project := range all.Projects {
		if project != nil && slices.Contains(manifest.HostsOf(key, project.Spec, all.Platform.Spec.Domain), host) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b manifest.Key) int { return strings.Compare(a.String(), b.String()) })
	return keys, nil
}

// aboutImage answers with the releases that run an image, the newest first.
func (t *tracer) aboutImage(ctx context.Context, digest string) ([]answer, error) {
	needle := "sha256:" + digest
	places, err := t.config.git.search(ctx, "-l", "-F", "-e", "digest: "+needle, t.head, "--", releaseFiles)
	if err != nil {
		return nil, err
	}
	// Those that are there now say where to look for those that were: reading all that ever was takes long.
	patterns := []string{"-S" + needle, "--diff-filter=A", t.head, "--"}
	for _, place := range places {
		_, name, _ := strings.Cut(place, ":")
		if file, ok := manifest.FileOf(name); ok {
			patterns = append(patterns, manifest.ReleasesDir(file.Key))
		}
	}
	if len(places) == 0 {
		patterns = append(patterns, releaseFiles)
	}
	touches, err := t.config.touches(ctx, patterns...)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, touch := range touches {
		files = append(files, touch.path)
	}
	answers, err := t.traceFiles(ctx, files, func(r *tracedRelease) bool {
		return slices.ContainsFunc(r.Images, func(i manifest.Image) bool { return strings.HasPrefix(i.Digest, needle) })
	})
	if err == nil && len(answers) == 0 {
		err = finding("no release runs an image with the digest %s (is it one that Plateform released? plateform status WS/PROJECT shows those)", needle)
	}
	return answers, err
}

// traceFiles traces the releases of some release files, each once, and takes those that fit; the newest first.
func (t *tracer) traceFiles(ctx context.Context, files []string, fits func(*tracedRelease) bool) ([]answer, error) {
	slices.Sort(files)
	var answers []answer
	for _, name := range slices.Compact(files) {
		file, ok := manifest.FileOf(name)
		if !ok || file.Kind != manifest.KindRelease {
			continue
		}
		a, err := t.trace(ctx, file.Key, file.Version)
		if err != nil {
			return nil, err
		}
		if fits(a.Release) {
			answers = append(answers, a)
		}
	}
	newestFirst(answers)
	return answers, nil
}

// newestFirst sorts by project, and by version downwards.
func newestFirst(answers []answer) {
	slices.SortStableFunc(answers, func(a, b answer) int {
		if order := strings.Compare(a.Key.String(), b.Key.String()); order != 0 || a.Release == nil || b.Release == nil {
			return order
		}
		return compareVersions(b.Release.Version, a.Release.Version)
	})
}

// compareVersions compares by number. What is no version comes first.
func compareVersions(a, b string) int {
	v, _ := manifest.ParseVersion(a)
	w, _ := manifest.ParseVersion(b)
	return v.Compare(w)
}

// projectAt reads project.yaml at a commit; nil when it is not there or does not parse.
func (t *tracer) projectAt(commit string, key manifest.Key) *manifest.Project {
	file := manifest.ProjectFile(key)
	data, err := fs.ReadFile(gitstore.FS(t.config.objects, commit), file)
	if err != nil {
		return nil
	}
	project, problems := manifest.ParseProject(file, data)
	if len(problems) > 0 {
		return nil
	}
	return project
}

// listWords joins words for a sentence.
func listWords(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return fmt.Sprintf("%s and %s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
}
