package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Note is one line of the notes: what people were told on a commit of the config repository. Fields that are not known here
// are left alone.
type Note struct {
	// Commit of the config repository it is on.
	Commit string `json:"commit"`
	// Context: plateform/<ws>/<project>, or plateform/config.
	Context string    `json:"context"`
	State   NoteState `json:"state"`
	// Stage is how far it was.
	Stage reconciler.Stage `json:"stage"`
	// Description in a line or a few, never lines of a log.
	Description string `json:"description"`
	// URL to look at.
	URL string `json:"url,omitempty"`
	// Source is the commit of the app that it is about.
	Source string `json:"source,omitempty"`
	// Build is the ID of the build that failed.
	Build string `json:"build,omitempty"`
	// Fails is a release that GitOps shows and that is not healthy.
	Fails string `json:"fails,omitempty"`
	// At is when it was so.
	At time.Time `json:"at"`
}

// NoteState says how something stands, as commit statuses know it.
type NoteState string

// The states that make a difference here.
const (
	NotePending NoteState = "pending"
	NoteFailure NoteState = "failure"
	NoteSuccess NoteState = "success"
)

// Summary is the first line of a description: what follows are the last lines of a log.
func (n Note) Summary() string {
	line, _, _ := strings.Cut(n.Description, "\n")
	return manifest.Plain(line)
}

// advice is what a note that is not the last says to do about what keeps it up; empty when it says nothing.
func (n Note) advice() string {
	if n.ended() {
		return ""
	}
	return n.next()
}

// next is the second line of a description, where reports say what to do.
func (n Note) next() string {
	_, rest, _ := strings.Cut(n.Description, "\n")
	line, _, _ := strings.Cut(rest, "\n")
	return manifest.Plain(line)
}

// Subject is what the note is about: WORKSPACE/PROJECT, or config.
func (n Note) Subject() string { return strings.TrimPrefix(n.Context, contextPrefix) }

// contextPrefix begins the context of every note.
const contextPrefix = "plateform/"

// about says that a note is about a project.
func (n Note) about(key manifest.Key) bool { return n.Context == reconciler.ContextOf(key) }

// project is what a note is about; false when it is about the whole commit.
func (n Note) project() (manifest.Key, bool) {
	if !strings.HasPrefix(n.Context, contextPrefix) {
		return manifest.Key{}, false
	}
	return parseKey(n.Subject())
}

// ended says that nothing more is to come.
func (n Note) ended() bool { return n.State != NotePending }

// notes are what the config repository holds of what people were told.
type notes struct {
	reader reconciler.Reader
	// at is the commit that holds them; empty when there are none.
	at     string
	config *line
	// files that hold them by the commit they are on; nil before somebody asked.
	files map[string]noteFile
	// recent are those on the newest commits, the newest first; see read.
	recent []Note
	ready  bool
}

type noteFile struct{ path, hash string }

// noteDepth is how many config commits are searched for news of a project.
const noteDepth = 50

// list finds the files. Git spreads notes over folders when there are many.
func (n *notes) list() error {
	if n.files != nil {
		return nil
	}
	n.files = map[string]noteFile{}
	if n.at == "" {
		return nil
	}
	var below func(dir, begun string) error
	below = func(dir, begun string) error {
		entries, err := n.reader.List(n.at, dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			path, name := strings.TrimPrefix(dir+"/"+e.Name, "/"), begun+e.Name
			switch {
			case fullHash.MatchString(name) && !e.Dir:
				n.files[name] = noteFile{path, e.Hash}
			case e.Dir && len(e.Name) == 2 && len(name) <= 4:
				if err := below(path, name); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return below("", "")
}

// on reads the notes on one commit, the newest first.
func (n *notes) on(commit string) ([]Note, error) {
	data, err := n.text(commit)
	if err != nil {
		return nil, err
	}
	var found []Note
	for line := range strings.Lines(string(data)) {
		var note Note
		// Notes are open to everybody: a line that is none of ours says nothing.
		if json.Unmarshal([]byte(line), &note) == nil && note.Context != "" {
			note.Commit = commit
			found = append(found, note)
		}
	}
	slices.Reverse(found)
	return found, nil
}

// text is all that is noted on a commit.
func (n *notes) text(commit string) ([]byte, error) {
	if err := n.list(); err != nil {
		return nil, err
	}
	file, there := n.files[commit]
	if !there {
		return nil, nil
	}
	data, err := reconciler.ReadFile(n.reader, n.at, file.path, file.hash)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// read reads what is on the newest commits.
func (n *notes) read(ctx context.Context) error {
	if n.ready || n.at == "" {
		return nil
	}
	looked := 0
	for s, err := range n.config.all(ctx) {
		if err != nil {
			return err
		}
		if looked++; looked > noteDepth {
			break
		}
		found, err := n.on(s.Hash)
		if err != nil {
			return err
		}
		n.recent = append(n.recent, found...)
	}
	n.ready = true
	return nil
}

// aboutSource finds all notes that name a commit of an app, the newest first: those on the commits that are looked at, and
// as many others, which a rewritten history left behind.
func (n *notes) aboutSource(ctx context.Context, prefix string) ([]Note, error) {
	if err := n.list(); err != nil {
		return nil, err
	}
	var commits []string
	on := map[string]bool{}
	for s, err := range n.config.all(ctx) {
		if err != nil {
			return nil, err
		}
		if _, noted := n.files[s.Hash]; noted {
			commits, on[s.Hash] = append(commits, s.Hash), true
		}
	}
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(n.files)), func(hash string) bool { return on[hash] })
	var found []Note
	for _, commit := range append(commits, others[:min(len(others), n.config.max)]...) {
		text, err := n.text(commit)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(text, []byte(`"`+prefix)) {
			continue
		}
		all, err := n.on(commit)
		if err != nil {
			return nil, err
		}
		for _, note := range all {
			if strings.HasPrefix(note.Source, prefix) {
				found = append(found, note)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Note) int { return b.At.Compare(a.At) })
	return found, nil
}

// newest is the newest note about a project; false when the newest commits have none.
func (n *notes) newest(key manifest.Key) (Note, bool) {
	for _, note := range n.recent {
		if note.about(key) {
			return note, true
		}
	}
	return Note{}, false
}

// failing is the newest note that says that a release is not healthy; false when none does, or it was told since that it is.
func (n *notes) failing(key manifest.Key, release string) (fails Note, found bool) {
	var well time.Time
	for _, note := range n.recent {
		switch {
		case !note.about(key) || release == "":
		case note.Fails == release && (!found || note.At.After(fails.At)):
			fails, found = note, true
		case note.State == NoteSuccess && note.Stage == reconciler.StageDeployed && note.At.After(well):
			well = note.At
		}
	}
	return fails, found && fails.At.After(well)
}

// failure says in a line why a commit of an app did not build; empty when no note says so any more.
func (n *notes) failure(key manifest.Key, source string) string {
	if source == "" {
		return ""
	}
	for _, note := range n.recent {
		if note.about(key) && note.Source == source && note.State == NoteFailure {
			return strings.TrimPrefix(note.Summary(), "build failed: ")
		}
	}
	return ""
}

// newestNotes keeps the newest of each context and source. They come newest first.
func newestNotes(all []Note) []Note {
	type subject struct{ context, source string }
	seen := map[subject]bool{}
	var newest []Note
	for _, n := range all {
		if s := (subject{n.Context, n.Source}); !seen[s] {
			seen[s] = true
			newest = append(newest, n)
		}
	}
	return newest
}
