package gitforge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/words"
)

// noteMap is a notes ref in memory, for what cannot be brought about at will with a real one.
type noteMap struct {
	mu     sync.Mutex
	notes  map[string]string
	pushes int
	// before is called before each look at the notes, so that somebody can be faster or a push can take its time.
	before func(ctx context.Context, n *noteMap) error
}

func (n *noteMap) Update(ctx context.Context, commits []string, change func(string, []byte) []byte) error {
	if n.before != nil {
		if err := n.before(ctx, n); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	after := map[string]string{}
	maps.Copy(after, n.notes)
	for _, commit := range commits {
		if note := string(change(commit, []byte(n.notes[commit]))); note != n.notes[commit] {
			after[commit] = note
		}
	}
	if !maps.Equal(after, n.notes) {
		n.pushes++
		n.notes = after
	}
	return nil
}

func (n *noteMap) Read(_ context.Context, commits []string) (map[string][]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	found := map[string][]byte{}
	for _, commit := range commits {
		if note, ok := n.notes[commit]; ok {
			found[commit] = []byte(note)
		}
	}
	return found, nil
}

// line is a history of commits without merges.
type line struct {
	reconciler.Reader
	length int
}

func (l line) at(i int) string { return fmt.Sprintf("%040x", i+1) }

func (l line) Commit(hash string) (manifest.Commit, error) {
	for i := range l.length {
		if l.at(i) == hash {
			c := manifest.Commit{Hash: hash}
			if i > 0 {
				c.Parents = []string{l.at(i - 1), "a merged branch"}
			}
			return c, nil
		}
	}
	return manifest.Commit{}, errors.New("no such commit")
}

// waiting is a report of a project of ws-1, or of the files of the repository without one.
func waiting(commit, project string) reconciler.Report {
	r := reconciler.Report{
		Subject: reconciler.Subject{Commit: commit}, State: reconciler.StatePending, Stage: reconciler.StageQueued,
		Outcome: reconciler.OutcomeWaiting, At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	}
	if project != "" {
		r.Project = manifest.Key{Workspace: "ws-1", Project: project}
	}
	return r
}

func TestLinesAreAsDocumented(t *testing.T) {
	notes, history := &noteMap{}, line{length: 1}
	f := New(notes, history)
	deployed := waiting(history.at(0), "shop")
	deployed.State, deployed.Stage, deployed.Outcome = reconciler.StateSuccess, reconciler.StageUpdatingGitOps, reconciler.OutcomeRuns
	deployed.Release = reconciler.ReleaseFacts{Version: "v1.0.0 <shop> & more", GitOps: strings.Repeat("8", 40)}
	deployed.LiveURL, deployed.Source = "https://shop.example.com", strings.Repeat("9", 40)
	deployed.At = deployed.At.In(time.FixedZone("", 3600))
	failed := waiting(history.at(0), "api")
	failed.State, failed.Stage, failed.Outcome = reconciler.StateFailure, reconciler.StageFailed, reconciler.OutcomeBuildFailed
	failed.Detail = "it does not compile\nall that the compiler says"
	failed.Build = reconciler.BuildFacts{ID: "4f5e6d", URL: "https://ci.example.com/1", LogTail: "log in as robot"}
	if err := f.Report(t.Context(), []reconciler.Report{waiting(history.at(0), ""), deployed, failed}); err != nil {
		t.Fatal(err)
	}
	want := `{"context":"plateform/config","state":"pending","stage":"queued","description":"queued","at":"2026-11-22T12:00:00Z"}
{"context":"plateform/ws-1/shop","state":"success","stage":"updating GitOps","description":"v1.0.0 <shop> & more is in plateform-gitops at 8888888888",` +
		`"url":"https://shop.example.com","source":"9999999999999999999999999999999999999999","at":"2026-11-22T12:00:00Z"}
{"context":"plateform/ws-1/api","state":"failure","stage":"failed","description":"build failed: it does not compile\nits log: ` + "`plateform logs ws-1/api --build`" + `",` +
		`"url":"https://ci.example.com/1","build":"4f5e6d","at":"2026-11-22T12:00:00Z"}
`
	if diff := cmp.Diff(want, notes.notes[history.at(0)]); diff != "" {
		t.Errorf("note (-want +got):\n%s", diff)
	}
}

func TestNotesOfOthersStay(t *testing.T) {
	history := line{length: 1}
	const theirs = "Looked at by bob\n\n{\"review\":\"fine\"}\n{\"context\":7}\nno newline at the end"
	notes := &noteMap{notes: map[string]string{history.at(0): theirs}}
	f := New(notes, history)
	for range 2 {
		if err := f.Report(t.Context(), []reconciler.Report{waiting(history.at(0), "shop")}); err != nil {
			t.Fatal(err)
		}
	}
	got, found := strings.CutPrefix(notes.notes[history.at(0)], theirs+"\n")
	if !found || strings.Count(got, "\n") != 1 {
		t.Errorf("note is %q, want the old one and one line", notes.notes[history.at(0)])
	}
	if notes.pushes != 1 {
		t.Errorf("%d pushes, want 1", notes.pushes)
	}
}

func TestSomebodyElseIsFaster(t *testing.T) {
	history := line{length: 1}
	success := waiting(history.at(0), "shop")
	success.State, success.Stage, success.Outcome = reconciler.StateSuccess, reconciler.StageDeployed, reconciler.OutcomeRuns
	failure := reconciler.Statement{Context: success.Context(), State: reconciler.StateFailure, Stage: reconciler.StageFailed, At: success.At}
	notes := &noteMap{notes: map[string]string{}}
	notes.before = func(_ context.Context, n *noteMap) error {
		n.notes[history.at(0)] = string(appendLines(nil, []reconciler.Statement{failure}))
		return nil
	}
	if err := New(notes, history).Report(t.Context(), []reconciler.Report{success}); err != nil {
		t.Fatal(err)
	}
	if notes.pushes != 0 || strings.Contains(notes.notes[history.at(0)], "success") {
		t.Errorf("a second verdict was given: %s", notes.notes[history.at(0)])
	}
}

func TestOldLinesCountAndNewFieldsStay(t *testing.T) {
	history := line{length: 1}
	const old = `{"context":"plateform/ws-1/shop","state":"failure","stage":"failed","description":"build failed: it does not compile\nlog","at":"2026-11-22T12:00:00Z"}
{"context":"plateform/ws-1/api","state":"pending","stage":"queued","description":"queued","priority":7,"at":"2026-11-22T12:00:00Z"}
`
	notes := &noteMap{notes: map[string]string{history.at(0): old}}
	f := New(notes, history)
	under := waiting(history.at(0), "api")
	under.Stage, under.Outcome = reconciler.StageBuilding, reconciler.OutcomeBuilding
	reports := []reconciler.Report{waiting(history.at(0), "shop"), waiting(history.at(0), "api"), under}
	if err := f.Report(t.Context(), reports); err != nil {
		t.Fatal(err)
	}
	added, found := strings.CutPrefix(notes.notes[history.at(0)], old)
	if !found || strings.Count(added, "\n") != 1 || !strings.Contains(added, `"stage":"building"`) {
		t.Errorf("note is %q, want the old lines and one about the build", notes.notes[history.at(0)])
	}
	recalled, err := f.Recall(t.Context(), history.at(0))
	if err != nil || len(recalled) != 1 || recalled[0].Context != "plateform/ws-1/api" || recalled[0].Stage != reconciler.StageBuilding {
		t.Errorf("recalled %+v, %v, want the build only: the old failure names none", recalled, err)
	}
}

func TestWhatWentWrongIsTold(t *testing.T) {
	history, refused := line{length: 1}, errors.New("the server refused the push")
	notes := &noteMap{before: func(context.Context, *noteMap) error { return refused }}
	err := New(notes, history).Report(t.Context(), []reconciler.Report{waiting(history.at(0), "shop")})
	if !errors.Is(err, refused) || !strings.Contains(err.Error(), "writing 1 report to the notes") {
		t.Errorf("Report: %v, want %v and what was being done", err, refused)
	}
}

// Nothing is written for what cannot be a commit, and what else there is to tell is not held up by it.
func TestNothingIsWrittenForWhatIsNoCommit(t *testing.T) {
	history := line{length: 1}
	for _, hash := range []string{"", "HEAD", "4b825dc", strings.Repeat("A", 40), "../../refs/heads/main"} {
		notes := &noteMap{}
		if err := New(notes, history).Report(t.Context(), []reconciler.Report{waiting(hash, "shop"), waiting(history.at(0), "shop")}); err != nil {
			t.Errorf("a report on %q: %v", hash, err)
		}
		if len(notes.notes) != 1 || len(notes.notes[history.at(0)]) == 0 {
			t.Errorf("with a report on %q the notes are %v", hash, notes.notes)
		}
	}
}

func TestRecallLooksAtTheNewestCommits(t *testing.T) {
	history := line{length: recallWindow + 50}
	notes := &noteMap{notes: map[string]string{}}
	f := New(notes, history)
	var all []reconciler.Report
	for i := range history.length {
		all = append(all, waiting(history.at(i), "shop"))
	}
	if err := f.Report(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	recalled, err := f.Recall(t.Context(), history.at(history.length-1))
	if err != nil {
		t.Fatal(err)
	}
	var want []reconciler.Recalled
	for _, r := range all[50:] {
		want = append(want, reconciler.Recalled{Commit: r.Commit, Statement: words.Statement(r)})
	}
	if diff := cmp.Diff(want, recalled); diff != "" {
		t.Errorf("recalled, oldest first (-want +got):\n%s", diff)
	}
	if _, err := f.Recall(t.Context(), strings.Repeat("f", 40)); err == nil {
		t.Error("Recall up to a commit that is not there returned no error")
	}
}

// Told is all that is said, also what has come to an end.
func TestToldIsAllThatIsSaid(t *testing.T) {
	history := line{length: 3}
	f := New(&noteMap{notes: map[string]string{}}, history)
	var all []reconciler.Report
	var want []reconciler.Recalled
	for i := range history.length {
		began := waiting(history.at(i), "shop")
		over := began
		over.State, over.Stage, over.Outcome = reconciler.StateSuccess, reconciler.StageHeld, reconciler.OutcomeHeld
		all = append(all, began, over)
		for _, r := range []reconciler.Report{began, over} {
			want = append(want, reconciler.Recalled{Commit: r.Commit, Statement: words.Statement(r)})
		}
	}
	if err := f.Report(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	told, err := f.Told(t.Context(), history.at(history.length-1))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told, oldest first (-want +got):\n%s", diff)
	}
	if _, err := f.Told(t.Context(), strings.Repeat("f", 40)); err == nil {
		t.Error("Told up to a commit that is not there returned no error")
	}
}

func TestLongDescriptionsLoseTheirMiddle(t *testing.T) {
	history, notes := line{length: 1}, &noteMap{}
	f := New(notes, history)
	long := waiting(history.at(0), "shop")
	long.Detail = "the rest\n" + strings.Repeat("öäü\xff", 9000) + "\nmend it"
	for range 2 {
		if err := f.Report(t.Context(), []reconciler.Report{long}); err != nil {
			t.Fatal(err)
		}
	}
	said := decode([]byte(notes.notes[history.at(0)]))
	if len(said) != 1 {
		t.Fatalf("%d statements, want one", len(said))
	}
	text := said[0].Description
	if len(text) > words.MaxDescription || !strings.HasPrefix(text, "waiting for the rest\n") || !strings.HasSuffix(text, "mend it") {
		t.Errorf("description has %d bytes, begins %.20q and ends %q", len(text), text, text[max(0, len(text)-20):])
	}
}

func FuzzNote(f *testing.F) {
	queued := words.Statement(waiting(strings.Repeat("1", 40), "shop"))
	f.Add([]byte(""), "")
	f.Add(appendLines([]byte("by hand"), []reconciler.Statement{queued, queued}), "again")
	f.Add([]byte("{\"context\":\"a\",\"state\":\"success\",\"at\":\"9999-12-31T23:59:59-10:00\"}\r\n\x00{}"), "\xff\u2028")
	f.Fuzz(func(t *testing.T, note []byte, description string) {
		before := decode(note)
		s := words.Tidy(reconciler.Statement{
			Context: "plateform/config", State: reconciler.StateFailure, Description: description, Build: description, At: queued.At,
		})
		after := appendLines(note, []reconciler.Statement{s})
		if !strings.HasPrefix(string(after), string(note)) {
			t.Fatalf("the old note is not the beginning of %q", after)
		}
		if diff := cmp.Diff(append(before, s), decode(after)); diff != "" {
			t.Fatalf("statements (-want +got):\n%s", diff)
		}
	})
}

// What Publish returns is what the notes say then, also what they said before, and what Said reads.
func TestPublishReturnsWhatIsSaid(t *testing.T) {
	history, notes := line{length: 2}, &noteMap{}
	first, second := waiting(history.at(0), "shop"), waiting(history.at(0), "api")
	if _, err := New(notes, history).Publish(t.Context(), []reconciler.Report{first}); err != nil {
		t.Fatal(err)
	}
	f := New(notes, history)
	said, err := f.Publish(t.Context(), []reconciler.Report{first, second})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]reconciler.Statement{history.at(0): {words.Statement(first), words.Statement(second)}}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	read, err := f.Said(t.Context(), []string{history.at(0), history.at(1)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, read); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}
