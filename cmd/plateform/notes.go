package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// note is one report on a commit of the config repository.
type note struct {
	// Commit of the config repository it is on.
	Commit string `json:"commit"`
	reconciler.Report
}

// about says that a report is about a project.
func (n note) about(key manifest.Key) bool { return n.Context == contextOf(key) }

// contextOf is the context of reports about a project.
func contextOf(key manifest.Key) string { return contextPrefix + key.String() }

// contextPrefix begins the context of every report.
const contextPrefix = "plateform/"

// summary is the first line of a description: what follows are the last lines of a log.
func (n note) summary() string {
	line, _, _ := strings.Cut(n.Description, "\n")
	return terminal.Plain(line)
}

// notes are the reports that the config repository holds.
type notes struct {
	config *checkout
	// at is the commit that the notes are in; empty when the remote has none.
	at string
	// recent are the reports on the newest commits, the newest first.
	recent []note
}

// reportDepth is how many config commits are searched for reports.
const reportDepth = "50"

// readNotes brings in the notes and reads those of the newest commits.
func readNotes(ctx context.Context, config *checkout, head string) (*notes, error) {
	n := &notes{config: config}
	listed, err := config.git.Run(ctx, "ls-remote", config.name, gitstore.NotesRef)
	if err != nil || listed == "" {
		return n, err
	}
	if n.at, err = config.fetchRef(ctx, gitstore.NotesRef); err != nil {
		return nil, err
	}
	log, err := config.git.Run(ctx, "rev-list", "--first-parent", "--max-count="+reportDepth, head)
	if err != nil {
		return nil, err
	}
	for _, commit := range strings.Fields(log) {
		n.recent = append(n.recent, n.on(commit)...)
	}
	return n, nil
}

// on reads the reports on one commit, the newest first. Git spreads notes over folders when there are many.
func (n *notes) on(commit string) []note {
	if n.at == "" {
		return nil
	}
	var data []byte
	for _, name := range []string{commit, commit[:2] + "/" + commit[2:], commit[:2] + "/" + commit[2:4] + "/" + commit[4:]} {
		var err error
		if data, err = n.config.objects.Read(n.at, name); err == nil {
			break
		}
	}
	var found []note
	for line := range strings.Lines(string(data)) {
		report := note{Commit: commit}
		// Notes are open to everybody: a line that is no report is not ours.
		if json.Unmarshal([]byte(line), &report.Report) == nil {
			found = append([]note{report}, found...)
		}
	}
	return found
}

// aboutSource finds all reports that name a commit of an app, on whatever commit of the config repository, the newest
// first.
func (n *notes) aboutSource(ctx context.Context, prefix string) ([]note, error) {
	if n.at == "" {
		return nil, nil
	}
	listed, err := n.config.git.Search(ctx, "-l", "-F", "-e", `"source":"`+prefix, n.at)
	if err != nil {
		return nil, err
	}
	var found []note
	for _, place := range listed {
		_, file, _ := strings.Cut(place, ":")
		for _, report := range n.on(strings.ReplaceAll(file, "/", "")) {
			if strings.HasPrefix(report.Source, prefix) {
				found = append(found, report)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b note) int { return b.At.Compare(a.At) })
	return found, nil
}

// newest is the newest report about a project; false when the newest commits have none.
func (n *notes) newest(key manifest.Key) (note, bool) {
	for _, report := range n.recent {
		if report.about(key) {
			return report, true
		}
	}
	return note{}, false
}

// failure says in a line why a commit of an app did not build; empty when no report says so any more.
func (n *notes) failure(key manifest.Key, source string) string {
	if source == "" {
		return ""
	}
	for _, report := range n.recent {
		if report.about(key) && report.Source == source && report.State == reconciler.StateFailure {
			return strings.TrimPrefix(report.summary(), "build failed: ")
		}
	}
	return ""
}

// project is what a report is about; false when it is about the whole commit.
func (n note) project() (manifest.Key, bool) {
	name, ok := strings.CutPrefix(n.Context, contextPrefix)
	key, err := parseKey(name)
	return key, ok && err == nil
}

// newestNotes keeps the newest of each context and source. They come newest first.
func newestNotes(all []note) []note {
	type subject struct{ context, source string }
	told := map[subject]bool{}
	var newest []note
	for _, n := range all {
		if s := (subject{n.Context, n.Source}); !told[s] {
			told[s] = true
			newest = append(newest, n)
		}
	}
	return newest
}
