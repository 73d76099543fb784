package api_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
	"github.com/plateform/plateform/reconciler/decision"
)

// Of runs that ended before this process began Git knows: those that made a release, with the builds that it says were made for it, and
// the last one that failed. Their logs are with the builder still.
func TestRunsOfEarlierProcesses(t *testing.T) {
	cause := manifest.Cause{Kind: manifest.CauseSource, Commit: strings.Repeat("c", 40), Config: strings.Repeat("a", 40), By: "bob"}
	broken := manifest.Cause{Kind: manifest.CauseSource, Commit: strings.Repeat("d", 40), Config: strings.Repeat("a", 40), By: "bob"}
	w := newWorld(t, func(o *api.Options) {
		branch := api.Branch{Reader: o.Access.Config, Head: o.Access.Head}
		o.History = api.History{Config: branch, GitOps: branch}
	})
	made := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	release := manifest.Release{Header: header(manifest.KindRelease, "v1.0.0")}
	release.Spec.Cause, release.Spec.CreatedAt = cause, made
	release.Spec.Values = manifest.Document("port: 8080\n")
	release.Spec.Parts = map[string]string{"source": "sha256:1", "project": "sha256:2"}
	release.Spec.Images = []manifest.Image{{Name: "app", Repository: "registry.example.com/ws-1/shop", Digest: "sha256:" + strings.Repeat("1", 64), Commit: cause.Commit, Built: true}}
	failed := manifest.Run{Header: header(manifest.KindRun, "shop")}
	failed.Spec.Last = &manifest.LastRun{
		ID: reconciler.RunID(shop, broken), Result: manifest.ResultFailed, Cause: broken, BuildID: "b9", Error: "it does not compile", StartedAt: made, EndedAt: made.Add(time.Minute),
	}
	for file, value := range map[string]any{manifest.ReleasesDir(shop) + "/v1.0.0.yaml": release, manifest.RunFile(shop): failed} {
		data, err := manifest.Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		w.files[file] = string(data)
		if _, problems := manifest.ParseRelease(file, data); file != manifest.RunFile(shop) && len(problems) > 0 {
			t.Fatal(problems)
		}
	}
	w.logs[decision.BuildID(shop, "source", "sha256:1")] = &log{try: "1", text: "made the image\n", ended: true}
	w.logs["b9"] = &log{try: "1", text: "main.go:1: syntax error\n", ended: true}

	var answer struct{ Runs []api.Run }
	_, body := w.get(runsPath, "token-of-bob")
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	states := map[string]reconciler.State{}
	for _, run := range answer.Runs {
		states[run.ID] = run.State
	}
	if states[reconciler.RunID(shop, cause)] != reconciler.StateSuccess || states[reconciler.RunID(shop, broken)] != reconciler.StateFailure || len(states) != 2 {
		t.Errorf("the runs are %s", body)
	}
	for cause, want := range map[manifest.Cause]string{cause: "made the image", broken: "main.go:1: syntax error"} {
		r := w.follow(runsPath+"/"+reconciler.RunID(shop, cause)+"/log", "token-of-bob")
		r.rest()
		if !slices.Contains(told(r.frames), want) {
			t.Errorf("the log of %s tells %s", cause.Commit, show(r.frames))
		}
	}
	// The forge is told again of the newest run after a start; its builds are those of the release.
	run := &reconciler.Run{ID: reconciler.RunID(shop, cause), Project: shop, Cause: cause, StartedAt: w.clock()}
	w.observe(reconciler.Event{Kind: reconciler.EventStarted, Project: shop, Runs: []*reconciler.Run{run}, Recalled: true})
	w.deployed(run)
	r := w.follow(logPath(run), "token-of-bob")
	r.rest()
	r.want("<queued> made the image <deployed> <end>")
}

func header(kind, name string) manifest.Header {
	return manifest.Header{APIVersion: manifest.APIVersion, Kind: kind, Metadata: manifest.Metadata{Name: name}}
}
