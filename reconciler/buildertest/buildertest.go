// Package buildertest is the contract of reconciler.Builder as tests. Every implementation runs them.
package buildertest

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler"
)

// patience bounds every wait: nothing here takes nearly as long.
const patience = 2 * time.Minute

// Subject is an implementation under test.
type Subject struct {
	// Open returns a builder, as a process that starts has it; notify is to be called with what changes. Builders of one
	// test share everything that outlives a process.
	Open func(t *testing.T, notify func(id string)) reconciler.Builder
	// Good can be built, Bad cannot. They have different IDs, and name no Attempt.
	Good, Bad reconciler.BuildRequest
	// Mend makes Bad one that can be built.
	Mend func(t *testing.T)
	// Shaken cannot be built for a reason that is none of its source, until Recover.
	Shaken  reconciler.BuildRequest
	Recover func(t *testing.T)
	// Built counts how often the request was really built so far; nil when there is nothing to count.
	Built func(request reconciler.BuildRequest) int
}

// Run runs the contract. open prepares a subject of its own for each test.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	tests := []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"what is unknown is left out", unknown},
		{"a good request ends with an image", good},
		{"many starts of one build are one", once},
		{"a bad request ends with a failure, and stays there", bad},
		{"another attempt of a failure is tried again, the same one is not", retried},
		{"a good build is found whatever the attempt", found},
		{"a canceled build begins again", restarted},
		{"a temporary failure is one until the cause is gone", recovered},
		{"the next process finds the same image", adopted},
		{"one question tells of many builds", many},
		{"what was returned belongs to the caller", own},
		{"a log is read from where the last reader stopped", logged},
		{"a log that is not there is told from one that cannot be read", unlogged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

// watched is a builder and the IDs it gave notice of.
type watched struct {
	reconciler.Builder
	changed chan string
}

func (s Subject) open(t *testing.T) watched {
	t.Helper()
	w := watched{changed: make(chan string, 1000)}
	w.Builder = s.Open(t, func(id string) { w.changed <- id })
	return w
}

// start starts the request and waits for its end, looking again whenever there is notice and only then.
func (w watched) start(t *testing.T, request reconciler.BuildRequest) reconciler.BuildStatus {
	t.Helper()
	if err := w.Start(t.Context(), request); err != nil {
		t.Fatalf("Start(%s): %v", request.ID, err)
	}
	return w.wait(t, request.ID)
}

func (w watched) wait(t *testing.T, id string) reconciler.BuildStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var before reconciler.BuildStatus
	for {
		status, known := w.statuses(ctx, t, id)[id]
		if !known {
			t.Fatalf("%s was started and is not known", id)
		}
		if len(status.Stages) < len(before.Stages) || !slices.Equal(before.Stages, status.Stages[:len(before.Stages)]) {
			t.Fatalf("the stages went from %v to %v", before.Stages, status.Stages)
		}
		if status.Done {
			check(t, status)
			return status
		}
		before = status
		select {
		case <-w.changed:
		case <-ctx.Done():
			t.Fatalf("%s has not ended, and there is no notice: %+v", id, status)
		}
	}
}

func (w watched) statuses(ctx context.Context, t *testing.T, ids ...string) map[string]reconciler.BuildStatus {
	t.Helper()
	statuses, err := w.Statuses(ctx, ids)
	if err != nil {
		t.Fatalf("Statuses(%v): %v", ids, err)
	}
	return statuses
}

// check holds for every status of a build that has ended.
func check(t *testing.T, s reconciler.BuildStatus) {
	t.Helper()
	order := []reconciler.Stage{reconciler.StageBuilding, reconciler.StageScanning, reconciler.StagePushing}
	last := -1
	for _, stage := range s.Stages {
		at := slices.Index(order, stage)
		if at <= last {
			t.Errorf("stages %v are not in the order of %v", s.Stages, order)
		}
		last = at
	}
	if (s.Image == nil) == (s.Failure == nil) {
		t.Errorf("exactly one of image and failure must be there: %+v", s)
	}
	if s.Failure != nil && (s.Failure.Summary == "" || strings.ContainsAny(s.Failure.Summary, "\r\n")) {
		t.Errorf("the summary must be one line: %q", s.Failure.Summary)
	}
}

func unknown(t *testing.T, s Subject) {
	w := s.open(t)
	if statuses := w.statuses(t.Context(), t, s.Good.ID, s.Bad.ID); len(statuses) != 0 {
		t.Errorf("what was never started has statuses: %+v", statuses)
	}
	if err := w.Cancel(t.Context(), s.Good.ID); err != nil {
		t.Errorf("Cancel = %v, want no error", err)
	}
}

func good(t *testing.T, s Subject) {
	w := s.open(t)
	status := w.start(t, s.Good)
	if status.Failure != nil {
		t.Fatalf("it failed: %s\n%s", status.Failure.Summary, status.Failure.Log)
	}
	image := status.Image
	if image.Name != s.Good.Image || image.Repository == "" || !strings.HasPrefix(image.Digest, "sha256:") {
		t.Errorf("got %+v, want an image called %s with a repository and a digest", image, s.Good.Image)
	}
	if image.Repository != s.Good.Destination || image.Commit != s.Good.Commit || image.Tag != "build-"+s.Good.ID {
		t.Errorf("got %+v, want what was asked for: %+v", image, s.Good)
	}
	if err := w.Cancel(t.Context(), s.Good.ID); err != nil {
		t.Errorf("Cancel of what has ended = %v, want no error", err)
	}
	if again := w.start(t, s.Good); again.Image == nil {
		t.Errorf("Cancel of a good build lost it: %+v", again)
	}
}

func once(t *testing.T, s Subject) {
	w := s.open(t)
	var starts sync.WaitGroup
	for range 5 {
		starts.Go(func() {
			if err := w.Start(t.Context(), s.Good); err != nil {
				t.Errorf("Start: %v", err)
			}
		})
	}
	starts.Wait()
	first := w.wait(t, s.Good.ID)
	second := w.start(t, s.Good)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the first and a later look differ (-first +later):\n%s", diff)
	}
	s.count(t, s.Good, 1)
}

func bad(t *testing.T, s Subject) {
	w := s.open(t)
	first := w.start(t, s.Bad)
	if first.Failure == nil || first.Failure.Canceled || first.Failure.Temporary {
		t.Fatalf("got %+v, want a failure of the source", first)
	}
	s.Mend(t)
	if second := w.start(t, s.Bad); second.Failure == nil {
		t.Errorf("it was tried again by itself: %+v", second)
	}
}

func retried(t *testing.T, s Subject) {
	w := s.open(t)
	if first := w.start(t, s.Bad); first.Failure == nil {
		t.Fatalf("got %+v, want a failure", first)
	}
	again := s.Bad
	again.Attempt = "1111111111111111111111111111111111111111"
	if second := w.start(t, again); second.Failure == nil {
		t.Fatalf("got %+v, want a failure once more", second)
	}
	s.Mend(t)
	for _, request := range []reconciler.BuildRequest{again, s.Bad} {
		if status := w.start(t, request); status.Failure == nil {
			t.Errorf("attempt %q had failed and was tried again by itself: %+v", request.Attempt, status)
		}
	}
	again.Attempt = "2222222222222222222222222222222222222222"
	if third := w.start(t, again); third.Image == nil {
		t.Errorf("got %+v, want an image now", third.Failure)
	}
}

func found(t *testing.T, s Subject) {
	w := s.open(t)
	first := w.start(t, s.Good)
	again := s.Good
	again.Attempt = "1111111111111111111111111111111111111111"
	if diff := cmp.Diff(first, w.start(t, again)); diff != "" {
		t.Errorf("the build in another attempt (-first +later):\n%s", diff)
	}
	s.count(t, s.Good, 1)
}

func restarted(t *testing.T, s Subject) {
	w := s.open(t)
	if err := w.Start(t.Context(), s.Good); err != nil {
		t.Fatal(err)
	}
	if err := w.Cancel(t.Context(), s.Good.ID); err != nil {
		t.Fatal(err)
	}
	// The build may have been faster than Cancel.
	if first := w.wait(t, s.Good.ID); first.Failure != nil && !first.Failure.Canceled {
		t.Errorf("got %+v, want a canceled build", first.Failure)
	}
	if second := w.start(t, s.Good); second.Image == nil {
		t.Errorf("got %+v, want an image", second.Failure)
	}
}

func recovered(t *testing.T, s Subject) {
	w := s.open(t)
	first := w.start(t, s.Shaken)
	if first.Failure == nil || !first.Failure.Temporary || first.Failure.Canceled {
		t.Fatalf("got %+v, want a temporary failure", first.Failure)
	}
	second := w.start(t, s.Shaken)
	if second.Failure == nil || second.Failure.Summary != first.Failure.Summary {
		t.Errorf("the same cause is told as %+v, then as %+v", first.Failure, second.Failure)
	}
	s.Recover(t)
	if third := w.start(t, s.Shaken); third.Image == nil {
		t.Errorf("got %+v, want an image", third.Failure)
	}
}

func adopted(t *testing.T, s Subject) {
	first := s.open(t).start(t, s.Good)
	second := s.open(t).start(t, s.Good)
	if diff := cmp.Diff(first.Image, second.Image); diff != "" {
		t.Errorf("the image after a restart (-before +after):\n%s", diff)
	}
	s.count(t, s.Good, 1)
}

func many(t *testing.T, s Subject) {
	w := s.open(t)
	good, bad := w.start(t, s.Good), w.start(t, s.Bad)
	statuses := w.statuses(t.Context(), t, s.Good.ID, "unknown-1", s.Bad.ID, "unknown-2", s.Good.ID)
	if diff := cmp.Diff(map[string]reconciler.BuildStatus{s.Good.ID: good, s.Bad.ID: bad}, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if statuses := w.statuses(t.Context(), t); len(statuses) != 0 {
		t.Errorf("asked about no build, got %v", slices.Collect(maps.Keys(statuses)))
	}
}

func own(t *testing.T, s Subject) {
	w := s.open(t)
	first := w.start(t, s.Good)
	digest := first.Image.Digest
	first.Image.Digest = "changed"
	for i := range first.Stages {
		first.Stages[i] = "changed"
	}
	second := w.start(t, s.Good)
	if second.Image.Digest != digest || slices.Contains(second.Stages, "changed") {
		t.Errorf("changing what was returned changed the build: %+v", second)
	}
}

// logs are those of the builder; the test ends for one that keeps none.
func (w watched) logs(t *testing.T) reconciler.BuildLogs {
	t.Helper()
	logs, ok := w.Builder.(reconciler.BuildLogs)
	if !ok {
		t.Skip("the builder has no logs")
	}
	return logs
}

// read reads a log, and wants no error.
func read(t *testing.T, logs reconciler.BuildLogs, q reconciler.BuildLogQuestion) (string, reconciler.BuildLogEnd) {
	t.Helper()
	var text strings.Builder
	end, err := logs.BuildLog(t.Context(), q, &text)
	if err != nil {
		t.Fatalf("BuildLog(%+v): %v", q, err)
	}
	return text.String(), end
}

func logged(t *testing.T, s Subject) {
	w := s.open(t)
	logs := w.logs(t)
	for _, request := range []reconciler.BuildRequest{s.Good, s.Bad} {
		w.start(t, request)
		ask := reconciler.BuildLogQuestion{Key: request.Key, ID: request.ID}
		whole, end := read(t, logs, ask)
		if strings.TrimSpace(whole) == "" || end.Next == 0 || !end.Ended || end.Try == "" {
			t.Fatalf("the log of %s is %q, and ends as %+v", request.ID, whole, end)
		}
		ask.Try = end.Try
		if again, same := read(t, logs, ask); again != whole || same != end {
			t.Errorf("read again it is %q %+v, before %q %+v", again, same, whole, end)
		}
		refusal := errors.New("no room")
		if cut, err := logs.BuildLog(t.Context(), ask, unwilling{refusal}); cut.Try != end.Try || !errors.Is(err, refusal) {
			t.Errorf("with no room for it, its end is %+v, %v, want the name of the try and the error of the writer", cut, err)
		}
		ask.From = end.Next
		if rest, same := read(t, logs, ask); rest != "" || same != end {
			t.Errorf("behind its end it is %q %+v, want nothing and %+v", rest, same, end)
		}
		ask.From = end.Next + 1000
		if rest, anew := read(t, logs, ask); rest != "" || anew.Next >= ask.From {
			t.Errorf("far behind its end it is %q %+v, want nothing, and to be told to begin anew", rest, anew)
		}
		ask.From, ask.Try = 3, "another try"
		if rest, other := read(t, logs, ask); rest != "" || other.Try != end.Try || other.Next != 0 {
			t.Errorf("of another try it is %q %+v, want nothing, and the name of the try that is there", rest, other)
		}
	}
}

// unwilling takes nothing.
type unwilling struct{ why error }

func (u unwilling) Write([]byte) (int, error) { return 0, u.why }

func unlogged(t *testing.T, s Subject) {
	logs := s.open(t).logs(t)
	for _, id := range []string{s.Good.ID, "unknown-1", "../../" + s.Good.ID, ""} {
		var text strings.Builder
		_, err := logs.BuildLog(t.Context(), reconciler.BuildLogQuestion{Key: s.Good.Key, ID: id}, &text)
		if !errors.Is(err, fs.ErrNotExist) || text.Len() > 0 {
			t.Errorf("the log of %q, which was never built, is %q, %v", id, text.String(), err)
		}
	}
}

// count checks how often a request was built.
func (s Subject) count(t *testing.T, request reconciler.BuildRequest, want int) {
	t.Helper()
	if s.Built == nil {
		return
	}
	if got := s.Built(request); got != want {
		t.Errorf("built %d times, want %d", got, want)
	}
}
