package runlog

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// What is tried again is logged when its reason changes, not each time; and for an authored image nobody is said to build.
func TestLogSaysWhatIsTriedAgainAndWhatIsLookedUp(t *testing.T) {
	var written bytes.Buffer
	l := New(slog.New(slog.NewTextHandler(&written, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})))
	key := manifest.Key{Workspace: "ws-1", Project: "shop"}
	run := []*reconciler.Run{{ID: "abc", Project: key}}
	report := func(r reconciler.Report) {
		l.Observe(reconciler.Event{Kind: reconciler.EventReported, Project: key, Runs: run, Report: &r})
	}
	retry := func(detail string) {
		report(reconciler.Report{
			State: reconciler.StatePending, Stage: reconciler.StageQueued, Outcome: reconciler.OutcomeRetrying, Detail: detail,
		})
	}
	image := &reconciler.BuildRequest{ID: "123", Key: key, Image: manifest.AppImage, Reference: "birds/wren:1"}
	code := &reconciler.BuildRequest{ID: "456", Key: key, Image: manifest.AppImage, Commit: strings.Repeat("1", 40)}
	found := &reconciler.BuildStatus{Done: true, Image: &manifest.Image{Digest: "sha256:aa"}}

	l.Observe(reconciler.Event{Kind: reconciler.EventBuildStarted, Project: key, Runs: run, Build: image})
	retry("no route")
	retry("no route")
	retry("no name")
	report(reconciler.Report{State: reconciler.StatePending, Stage: reconciler.StageQueued, Outcome: reconciler.OutcomeWaiting})
	retry("no name")
	l.Observe(reconciler.Event{Kind: reconciler.EventBuildEnded, Project: key, Runs: run, Build: image, Status: found})
	l.Observe(reconciler.Event{Kind: reconciler.EventBuildStarted, Project: key, Runs: run, Build: code})
	l.Observe(reconciler.Event{Kind: reconciler.EventBuildEnded, Project: key, Runs: run, Build: code, Status: found})
	want := []string{
		`level=INFO msg="image asked for" run=abc project=ws-1/shop build=123 what=birds/wren:1`,
		`level=WARN msg="it is tried again" run=abc project=ws-1/shop stage=queued error="no route"`,
		`level=WARN msg="it is tried again" run=abc project=ws-1/shop stage=queued error="no name"`,
		`level=WARN msg="it is tried again" run=abc project=ws-1/shop stage=queued error="no name"`,
		`level=INFO msg="image found" run=abc project=ws-1/shop build=123 digest=sha256:aa`,
		`level=INFO msg="build asked for" run=abc project=ws-1/shop build=456 what=1111111111`,
		`level=INFO msg="build done" run=abc project=ws-1/shop build=456 digest=sha256:aa seconds=0`,
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(written.String()), "\n")); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
}
