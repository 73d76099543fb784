package main

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
)

// aboutConfig answers with the releases that a commit of the config repository made, took back, or caused.
func (t *tracer) aboutConfig(ctx context.Context, hash string, r *whyReport) error {
	on, err := t.broughtBy(ctx, hash)
	if err != nil {
		return err
	}
	asked := askedCommit{}
	if asked.commitFact, err = t.config.fact(hash); err != nil {
		return err
	}
	if on != hash {
		merge, err := t.config.fact(on)
		if err != nil {
			return err
		}
		asked.MergedBy = &merge
	}
	did, err := t.did(on)
	if err != nil {
		return err
	}
	asked.Does = did.sentences()
	var own []note
	for _, report := range t.notes.on(on) {
		if report.Source == "" { // what pushes to an app came to while this was the newest commit is not its doing
			own = append(own, report)
		}
	}
	asked.Reports = newestNotes(own)
	r.Commit = &asked

	files := slices.Concat(did.released, did.withdrawn)
	caused, err := t.causedBy(ctx, on, did)
	if err != nil {
		return err
	}
	if r.Answers, err = t.traceFiles(ctx, append(files, caused...), func(*tracedRelease) bool { return true }); err != nil {
		return err
	}
	r.Answers, err = t.withReports(ctx, r.Answers, own)
	if r.Answers == nil {
		r.Answers = []answer{}
	}
	return err
}

// broughtBy is the commit on the branch itself that brought a commit in: itself, or a merge.
func (t *tracer) broughtBy(ctx context.Context, hash string) (string, error) {
	said, err := t.config.git.Run(ctx, "rev-list", "--first-parent", "--reverse", t.head)
	if err != nil {
		return "", fmt.Errorf("reading the history of %s: %w", t.config.remote, err)
	}
	line := strings.Fields(said)
	if slices.Contains(line, hash) {
		return hash, nil
	}
	// From some commit on, all have it.
	var failed error
	at := sort.Search(len(line), func(i int) bool {
		has, err := t.config.comesFrom(ctx, line[i], hash)
		if err != nil {
			failed = err
		}
		return has
	})
	if failed != nil || at == len(line) {
		return hash, failed
	}
	return line[at], nil
}

// deeds are what one commit did to the config repository.
type deeds struct {
	// released and withdrawn are release files; edited are projects.
	released, withdrawn []string
	edited              []manifest.Key
	removed             []manifest.Key
	// shared are other files of the platform: platform.yaml, workspace.yaml.
	shared  []string
	retried []string
}

// did looks at what a commit did.
func (t *tracer) did(hash string) (deeds, error) {
	var d deeds
	commit, err := t.config.objects.Commit(hash)
	if err != nil {
		return d, err
	}
	parent := ""
	if len(commit.Parents) > 0 {
		parent = commit.Parents[0]
	}
	changes, err := t.config.objects.Diff(parent, hash)
	if err != nil {
		return d, err
	}
	for _, change := range changes {
		file, ok := manifest.FileOf(change.Path)
		switch {
		case !ok:
		case file.Kind == manifest.KindRelease && change.Before == "":
			d.released = append(d.released, change.Path)
		case file.Kind == manifest.KindRelease && change.After == "":
			d.withdrawn = append(d.withdrawn, change.Path)
		case file.Kind == manifest.KindProject && change.After == "":
			d.removed = append(d.removed, file.Key)
		case file.Kind == manifest.KindProject:
			d.edited = append(d.edited, file.Key)
		case file.Kind != manifest.KindRelease:
			d.shared = append(d.shared, change.Path)
		}
	}
	for _, trailer := range manifest.Trailers(commit.Message) {
		if trailer.Key == manifest.TrailerRetry {
			d.retried = append(d.retried, terminal.Plain(trailer.Value))
		}
	}
	return d, nil
}

// sentences say what was done.
func (d deeds) sentences() []string {
	var said []string
	add := func(verb string, what []string) {
		if len(what) > 0 {
			said = append(said, verb+" "+few(what))
		}
	}
	add("it released", releaseNames(d.released))
	add("it took away", releaseNames(d.withdrawn))
	add("it changed", keyNames(d.edited))
	add("it deleted", keyNames(d.removed))
	add("it changed", d.shared)
	add("it asked for a retry of", d.retried)
	if len(said) == 0 {
		said = append(said, "it changed nothing that Plateform looks at")
	}
	return said
}

// few lists some words, and says how many more there are.
func few(words []string) string {
	const most = 5
	if len(words) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
	}
	return listWords(words)
}

func releaseNames(files []string) []string {
	var names []string
	for _, name := range files {
		if file, ok := manifest.FileOf(name); ok {
			names = append(names, file.Key.String()+" "+file.Version.String())
		}
	}
	return names
}

func keyNames(keys []manifest.Key) []string {
	var names []string
	for _, key := range keys {
		names = append(names, key.String())
	}
	return names
}

// causedBy finds the release files that a commit caused: those whose commits name it, and for a project it edited the
// first that was made of the project as it then was, for an edit can wait for a build and ship with it.
func (t *tracer) causedBy(ctx context.Context, hash string, did deeds) ([]string, error) {
	touches, err := t.config.touches(ctx, "--diff-filter=A", hash+".."+t.head, "--", releaseFiles)
	if err != nil {
		return nil, err
	}
	var files []string
	told := map[manifest.Key]bool{}
	for _, touch := range touches {
		commit, err := t.config.objects.Commit(touch.commit)
		if err != nil {
			return nil, err
		}
		_, cause, _ := strings.Cut(trailer(commit.Message, manifest.TrailerCausedBy), " ")
		if named, _, _ := strings.Cut(cause, " "); named != hash {
			continue
		}
		if file, ok := manifest.FileOf(touch.path); ok && releaseOf(commit.Message) == touch.path {
			files = append(files, touch.path)
			told[file.Key] = true
		}
	}
	for _, key := range did.edited {
		if told[key] {
			continue
		}
		file, err := t.madeOf(hash, key, touches)
		if err != nil {
			return nil, err
		}
		files = append(files, file...)
	}
	return files, nil
}

// madeOf finds the first release that was made of a project as it was at a commit.
func (t *tracer) madeOf(hash string, key manifest.Key, touches []touch) ([]string, error) {
	project := t.projectAt(hash, key)
	if project == nil {
		return nil, nil
	}
	wanted := manifest.ProjectKey(project.Spec)
	for _, touch := range touches {
		file, ok := manifest.FileOf(touch.path)
		if !ok || file.Key != key {
			continue
		}
		data, err := t.config.objects.Read(touch.commit, touch.path)
		if err != nil {
			return nil, err
		}
		if release, _ := manifest.ParseRelease(touch.path, data); release != nil && release.Spec.Parts[manifest.PartProject] == wanted {
			return []string{touch.path}, nil
		}
	}
	return nil, nil
}
