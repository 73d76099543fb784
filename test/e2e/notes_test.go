package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// report is one line of a note under refs/notes/plateform.
type report struct {
	Context     string    `json:"context"`
	State       string    `json:"state"`
	Stage       string    `json:"stage"`
	Description string    `json:"description"`
	URL         string    `json:"url"`
	Source      string    `json:"source"`
	Waits       bool      `json:"waits"`
	At          time.Time `json:"at"`
}

func (r report) terminal() bool { return r.State != "pending" && !r.Waits }

// notes are all reports, by the config commit they are on, the oldest first.
func (w *world) notes() map[string][]report {
	found := map[string][]report{}
	for _, line := range lines(w.config.look("notes", "--ref=plateform", "list")) {
		blob, commit, _ := strings.Cut(line, " ")
		for _, text := range lines(w.config.look("cat-file", "blob", blob)) {
			var r report
			if err := json.Unmarshal([]byte(text), &r); err != nil {
				w.t.Fatalf("the note on %s has a line that is no report: %v\n%s", commit, err, text)
			}
			found[commit] = append(found[commit], r)
		}
	}
	return found
}

// notesOn are the reports on one config commit with one context.
func (w *world) notesOn(commit, context string) []report {
	var found []report
	for _, r := range w.notes()[commit] {
		if r.Context == context {
			found = append(found, r)
		}
	}
	return found
}

// verdictOn waits for the terminal report of a context on a config commit.
func (w *world) verdictOn(commit, context string) report {
	w.t.Helper()
	var verdict report
	w.await("a verdict of "+context+" on "+commit, func() error {
		for _, r := range w.notesOn(commit, context) {
			if r.terminal() {
				verdict = r
				return nil
			}
		}
		return fmt.Errorf("there is none yet")
	})
	return verdict
}

// unfinished are the newest reports of the runs that are under way.
func unfinished(reports []report) []report {
	newest := map[string]report{}
	for _, r := range reports {
		newest[r.Context+" "+r.Source] = r
	}
	var open []report
	for _, r := range newest {
		if r.State == "pending" {
			open = append(open, r)
		}
	}
	return open
}

// stages are the stages of the reports in order, each once.
func stages(reports []report) []string {
	var found []string
	for _, r := range reports {
		found = append(found, r.Stage)
	}
	return slices.Compact(found)
}

// terminals are the reports that end a run.
func terminals(reports []report) []report {
	return slices.DeleteFunc(slices.Clone(reports), func(r report) bool { return !r.terminal() })
}

// redOn waits for a failure on a config commit, of the project or of the configuration as a whole.
func (w *world) redOn(commit string, p *project) report {
	w.t.Helper()
	var red report
	w.await("a failure on "+commit, func() error {
		for _, r := range append(p.notes(commit), w.notesOn(commit, "plateform/config")...) {
			if r.State == "failure" {
				red = r
				return nil
			}
		}
		return fmt.Errorf("its reports are %+v", w.notes()[commit])
	})
	return red
}
