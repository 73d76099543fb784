package gitforge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
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

func report(commit, context string, stage reconciler.Stage) reconciler.Report {
	return reconciler.Report{
		Commit: commit, Context: context, State: reconciler.StatePending, Stage: stage,
		At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	}
}

func TestLinesAreAsDocumented(t *testing.T) {
	notes, history := &noteMap{}, line{length: 1}
	f := New(notes, history)
	deployed := report(history.at(0), "plateform/ws-1/shop", reconciler.StageUpdatingGitOps)
	deployed.State = reconciler.StateSuccess
	deployed.Description, deployed.URL, deployed.Source = "v1.0.0 <shop> & more", "https://shop.example.com", strings.Repeat("9", 40)
	deployed.At = deployed.At.In(time.FixedZone("", 3600))
	if err := f.Report(t.Context(), []reconciler.Report{report(history.at(0), "plateform/config", reconciler.StageQueued), deployed}); err != nil {
		t.Fatal(err)
	}
	want := `{"context":"plateform/config","state":"pending","stage":"queued","description":"","at":"2026-11-22T12:00:00Z"}
{"context":"plateform/ws-1/shop","state":"success","stage":"updating GitOps","description":"v1.0.0 <shop> & more",` +
		`"url":"https://shop.example.com","source":"9999999999999999999999999999999999999999","at":"2026-11-22T12:00:00Z"}
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
	queued := report(history.at(0), "plateform/ws-1/shop", reconciler.StageQueued)
	for range 2 {
		if err := f.Report(t.Context(), []reconciler.Report{queued}); err != nil {
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
	success, failure := report(history.at(0), "plateform/ws-1/shop", reconciler.StageDeployed), report(history.at(0), "plateform/ws-1/shop", reconciler.StageFailed)
	success.State, failure.State = reconciler.StateSuccess, reconciler.StateFailure
	notes := &noteMap{notes: map[string]string{}}
	notes.before = func(_ context.Context, n *noteMap) error {
		n.notes[history.at(0)] = string(appendLines(nil, []reconciler.Report{failure}))
		return nil
	}
	if err := New(notes, history).Report(t.Context(), []reconciler.Report{success}); err != nil {
		t.Fatal(err)
	}
	if notes.pushes != 0 || strings.Contains(notes.notes[history.at(0)], "success") {
		t.Errorf("a second verdict was given: %s", notes.notes[history.at(0)])
	}
}

func TestReportsGoOutTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const projects = 100
		history := line{length: 1}
		notes := &noteMap{notes: map[string]string{}}
		notes.before = func(context.Context, *noteMap) error {
			<-time.After(time.Second) // a slow remote; all others arrive meanwhile
			return nil
		}
		f := New(notes, history)
		var reporting sync.WaitGroup
		for i := range projects {
			reporting.Go(func() {
				queued := report(history.at(0), fmt.Sprintf("plateform/ws-1/p%d", i), reconciler.StageQueued)
				if err := f.Report(t.Context(), []reconciler.Report{queued}); err != nil {
					t.Error(err)
				}
			})
		}
		reporting.Wait()
		if lines := strings.Count(notes.notes[history.at(0)], "\n"); lines != projects {
			t.Errorf("%d lines, want %d", lines, projects)
		}
		if notes.pushes > 2 {
			t.Errorf("%d pushes, want at most 2", notes.pushes)
		}
	})
}

func TestOneWhoGivesUpTakesNobodyAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		history := line{length: 1}
		notes := &noteMap{notes: map[string]string{}}
		attempts := 0
		notes.before = func(ctx context.Context, _ *noteMap) error {
			attempts++
			if attempts > 2 {
				return nil
			}
			<-ctx.Done() // a remote that does not answer the first two
			return ctx.Err()
		}
		f := New(notes, history)
		var reporting sync.WaitGroup
		answers := make([]error, 4)
		for i, patience := range []time.Duration{time.Second, 10 * time.Second, 2 * time.Second, time.Hour} {
			reporting.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				queued := report(history.at(0), fmt.Sprintf("plateform/ws-1/p%d", i), reconciler.StageQueued)
				answers[i] = f.Report(ctx, []reconciler.Report{queued})
			})
			synctest.Wait() // each queues behind the one before
		}
		reporting.Wait()
		for i, wanted := range []error{context.DeadlineExceeded, context.DeadlineExceeded, context.DeadlineExceeded, nil} {
			if !errors.Is(answers[i], wanted) {
				t.Errorf("caller %d got %v, want %v", i, answers[i], wanted)
			}
		}
		if !strings.Contains(notes.notes[history.at(0)], "plateform/ws-1/p3") {
			t.Errorf("the report of the patient caller is not there: %s", notes.notes[history.at(0)])
		}
	})
}

func TestFailuresReachEverybodyWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		history, refused := line{length: 1}, errors.New("the server refused the push")
		notes := &noteMap{}
		notes.before = func(context.Context, *noteMap) error {
			<-time.After(time.Second)
			return refused
		}
		f := New(notes, history)
		var reporting sync.WaitGroup
		for range 3 {
			reporting.Go(func() {
				err := f.Report(t.Context(), []reconciler.Report{report(history.at(0), "plateform/ws-1/shop", reconciler.StageQueued)})
				if !errors.Is(err, refused) {
					t.Errorf("Report: %v, want %v", err, refused)
				}
			})
		}
		reporting.Wait()
	})
}

func TestReportRefusesWhatIsNoCommit(t *testing.T) {
	f := New(&noteMap{}, line{})
	for _, hash := range []string{"", "HEAD", "4b825dc", strings.Repeat("A", 40), "../../refs/heads/main"} {
		if err := f.Report(t.Context(), []reconciler.Report{report(hash, "plateform/config", reconciler.StageQueued)}); err == nil {
			t.Errorf("a report on %q was taken", hash)
		}
	}
}

func TestOpenLooksAtTheNewestCommits(t *testing.T) {
	history := line{length: openWindow + 50}
	notes := &noteMap{}
	f := New(notes, history)
	var all []reconciler.Report
	for i := range history.length {
		all = append(all, report(history.at(i), "plateform/ws-1/shop", reconciler.StageQueued))
	}
	if err := f.Report(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	open, err := f.Open(t.Context(), history.at(history.length-1))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all[50:], open); diff != "" {
		t.Errorf("open reports, oldest first (-want +got):\n%s", diff)
	}
	if _, err := f.Open(t.Context(), strings.Repeat("f", 40)); err == nil {
		t.Error("Open of a commit that is not there returned no error")
	}
}

func TestLongDescriptionsLoseTheirMiddle(t *testing.T) {
	history, notes := line{length: 1}, &noteMap{}
	f := New(notes, history)
	failed := report(history.at(0), "plateform/ws-1/shop", reconciler.StageFailed)
	failed.State = reconciler.StatePending // so that only what it says keeps it from being written again
	failed.Description = "the build failed\n" + strings.Repeat("öäü\xff", 9000) + "\nmain.go:3:1: expected declaration"
	for range 2 {
		if err := f.Report(t.Context(), []reconciler.Report{failed}); err != nil {
			t.Fatal(err)
		}
	}
	said := decode([]byte(notes.notes[history.at(0)]))
	if len(said) != 1 {
		t.Fatalf("%d reports, want one", len(said))
	}
	text := said[0].Description
	if len(text) > maxDescription || !strings.HasPrefix(text, "the build failed\n") || !strings.HasSuffix(text, "main.go:3:1: expected declaration") {
		t.Errorf("description has %d bytes, begins %.20q and ends %q", len(text), text, text[max(0, len(text)-20):])
	}
}

func FuzzNote(f *testing.F) {
	queued := report(strings.Repeat("1", 40), "plateform/ws-1/shop", reconciler.StageQueued)
	f.Add([]byte(""), "")
	f.Add(appendLines([]byte("by hand"), []reconciler.Report{queued, queued}), "again")
	f.Add([]byte("{\"context\":\"a\",\"state\":\"success\",\"at\":\"9999-12-31T23:59:59-10:00\"}\r\n\x00{}"), "\xff\u2028")
	f.Fuzz(func(t *testing.T, note []byte, description string) {
		before := decode(note)
		r := tidy(reconciler.Report{Context: "plateform/config", State: reconciler.StateFailure, Description: description, At: queued.At})
		after := appendLines(note, []reconciler.Report{r})
		if !strings.HasPrefix(string(after), string(note)) {
			t.Fatalf("the old note is not the beginning of %q", after)
		}
		if diff := cmp.Diff(append(before, r), decode(after)); diff != "" {
			t.Fatalf("reports (-want +got):\n%s", diff)
		}
	})
}
