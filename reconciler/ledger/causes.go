package ledger

import (
	"context"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// aboutConfig answers with the releases that a commit of the config repository made, took back, or caused.
func (t *tracer) aboutConfig(ctx context.Context, hash string, w *Why) error {
	asked, err := t.asked(ctx, hash)
	if err != nil {
		return err
	}
	on := hash
	if asked.MergedBy != nil {
		on = asked.MergedBy.Hash
	}
	did, err := t.did(on)
	if err != nil {
		return err
	}
	asked.Does = did.sentences()
	noted, err := t.notes.on(on)
	if err != nil {
		return err
	}
	// What pushes to an app came to while this was the newest commit is not its doing.
	own := slices.DeleteFunc(noted, func(n Note) bool { return n.Source != "" })
	asked.Reports = newestNotes(own)
	w.Commit = asked

	files := slices.Concat(did.released, did.withdrawn)
	caused, err := t.causedBy(ctx, on, did)
	if err != nil {
		return err
	}
	if w.Answers, err = t.traceFiles(ctx, append(files, caused...), func(*TracedRelease) bool { return true }); err != nil {
		return err
	}
	w.Answers, err = t.withNotes(ctx, w.Answers, own)
	if w.Answers == nil {
		w.Answers = []Answer{}
	}
	return err
}

// asked looks at a commit of the config repository, and which one brought it in.
func (t *tracer) asked(ctx context.Context, hash string) (*AskedCommit, error) {
	commit, err := t.config.Reader.Commit(hash)
	if err != nil {
		return nil, err
	}
	commit.Hash = hash
	asked := &AskedCommit{Commit: shown(commit)}
	brought, err := t.config.origins(ctx)
	if err != nil {
		return nil, err
	}
	if by := brought[hash]; by != hash {
		asked.MergedBy, err = t.config.shown(by)
	}
	return asked, err
}

// effects are what one commit did to the config repository.
type effects struct {
	// released and withdrawn are release files; edited are projects.
	released, withdrawn []string
	edited              []manifest.Key
	removed             []manifest.Key
	// shared are other files of the platform: platform.yaml, workspace.yaml.
	shared  []string
	retried []string
}

// did looks at what a commit did.
func (t *tracer) did(hash string) (effects, error) {
	var d effects
	commit, err := t.config.Reader.Commit(hash)
	if err != nil {
		return d, err
	}
	parent := ""
	if len(commit.Parents) > 0 {
		parent = commit.Parents[0]
	}
	if len(commit.Cut) == 0 { // else what was there before is not known
		changes, err := t.config.Reader.Diff(parent, hash)
		if err != nil {
			return d, err
		}
		for _, change := range changes {
			d.add(change)
		}
	}
	for _, trailer := range manifest.Trailers(commit.Message) {
		if trailer.Key == manifest.TrailerRetry {
			d.retried = append(d.retried, manifest.Plain(trailer.Value))
		}
	}
	return d, nil
}

// add takes in one file that differs.
func (d *effects) add(change manifest.Change) {
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

// sentences say what was done.
func (d effects) sentences() []string {
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
func (t *tracer) causedBy(ctx context.Context, hash string, did effects) ([]string, error) {
	touches, err := t.releasedAfter(ctx, hash)
	if err != nil {
		return nil, err
	}
	var files []string
	listed := map[manifest.Key]bool{}
	for _, added := range touches {
		_, cause, _ := strings.Cut(trailer(added.commit.Message, manifest.TrailerCausedBy), " ")
		if named, _, _ := strings.Cut(cause, " "); named != hash {
			continue
		}
		if file, ok := manifest.FileOf(added.Path); ok && releaseOf(added.commit.Message) == added.Path {
			files = append(files, added.Path)
			listed[file.Key] = true
		}
	}
	for _, key := range did.edited {
		if listed[key] {
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

// releasedAfter lists the release files that were added since a commit of the line, the oldest first.
func (t *tracer) releasedAfter(ctx context.Context, hash string) ([]touch, error) {
	var found []touch
	for s, err := range t.config.all(ctx) {
		if err != nil {
			return nil, err
		}
		if s.Hash == hash {
			break
		}
		changes, err := t.config.changesOf(ctx, s)
		if err != nil {
			return nil, err
		}
		for _, change := range slices.Backward(changes) {
			if file, ok := manifest.FileOf(change.Path); ok && file.Kind == manifest.KindRelease && change.Before == "" {
				found = append(found, touch{s.Commit, change})
			}
		}
	}
	slices.Reverse(found)
	return found, nil
}

// madeOf finds the first release that was made of a project as it was at a commit.
func (t *tracer) madeOf(hash string, key manifest.Key, touches []touch) ([]string, error) {
	project := t.projectAt(hash, key)
	if project == nil {
		return nil, nil
	}
	wanted := manifest.ProjectKey(project.Spec)
	for _, added := range touches {
		file, ok := manifest.FileOf(added.Path)
		if !ok || file.Key != key {
			continue
		}
		data, err := readIfThere(t.config.Reader, added.commit.Hash, added.Path) // a link is there, but no file
		if err != nil {
			return nil, err
		}
		if release, _ := manifest.ParseRelease(added.Path, data); release != nil && release.Spec.Parts[manifest.PartProject] == wanted {
			return []string{added.Path}, nil
		}
	}
	return nil, nil
}
