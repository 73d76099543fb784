package ledger

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler"
)

// withNotes adds a commit with notes, apart from the branch, and returns it.
func (r *repository) withNotes(text files) string {
	head := r.head
	r.head = ""
	commit := r.commit("Notes", text)
	r.head = head
	return commit
}

// TestNotesOfOtherVersions: lines that others wrote, fields that are new, and folders as Git makes them.
func TestNotesOfOtherVersions(t *testing.T) {
	r := newConfig()
	first := r.head
	second := r.commit("More", files{"README.md": "more"})
	third := r.commit("And more", files{"README.md": "and more"})
	l := open(t, r, nil, 0)
	l.notes.at = r.withNotes(files{
		first: `nobody's line
{"context":"plateform/ws-1/shop","state":"pending","stage":"building","description":"building","at":"2026-11-22T12:00:00Z","fact":{"new":[1]},"commit":"of another"}
{"context":3}
{"state":"success"}
"text"
`,
		second[:2] + "/" + second[2:]:                  `{"context":"plateform/ws-1/shop","state":"failure","stage":"failed","description":"build failed: no\nlog","source":"` + app("d") + `","build":"b1"}`,
		third[:2] + "/" + third[2:4] + "/" + third[4:]: `{"context":"plateform/config","state":"invented","stage":"unheard of","description":"x"}`,
		"README.md": "nobody's file",
		"not/a/note/0000000000000000000000000000000000000000": "nobody's",
	})
	if err := l.notes.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []Note{
		{Commit: third, Context: "plateform/config", State: "invented", Stage: "unheard of", Description: "x"},
		{Commit: second, Context: "plateform/ws-1/shop", State: NoteFailure, Stage: reconciler.StageFailed, Description: "build failed: no\nlog", Source: app("d"), Build: "b1"},
		{Commit: first, Context: "plateform/ws-1/shop", State: NotePending, Stage: reconciler.StageBuilding, Description: "building",
			At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
	}
	if diff := cmp.Diff(want, l.notes.recent); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := l.notes.failure(shop, app("d")); got != "no" {
		t.Errorf("it failed because of %q", got)
	}
	w, err := why(t, l, "ddddddd")
	if err != nil || w.Kind != AskSource || w.Answers[0].State != FateFailed {
		t.Errorf("got %+v, %v", w, err)
	}
}

// TestNotesThatARewrittenHistoryLeftBehind say still why a commit of an app did not build.
func TestNotesThatARewrittenHistoryLeftBehind(t *testing.T) {
	r := newConfig()
	l := open(t, r, nil, 0)
	l.notes.at = r.withNotes(files{app("e"): `{"context":"plateform/ws-1/shop","state":"failure","stage":"failed","description":"no","source":"` + app("d") + `"}`})
	w, err := why(t, l, app("d"))
	if err != nil || len(w.Answers) != 1 || w.Answers[0].State != FateFailed {
		t.Errorf("got %+v, %v", w, err)
	}
}
