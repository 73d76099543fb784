package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// Runs that made no release and did not fail are known from what people were told of them: superseded ones and held ones. A stream begins with
// them, and goes on with what comes.
func TestRunsThatPeopleWereTold(t *testing.T) {
	hash := func(digit string) string { return strings.Repeat(digit, 40) }
	asked := 0
	fail := true
	w := newWorld(t, func(o *api.Options) {
		o.History = api.History{
			Config: api.Branch{Reader: o.Access.Config, Head: o.Access.Head},
			Told: func(_ context.Context, head string) ([]reconciler.Recalled, error) {
				if asked++; fail || head != "head" {
					return nil, errors.New("the notes cannot be fetched")
				}
				say := func(commit, source, project string, minute int, state reconciler.State, stage reconciler.Stage, text string) reconciler.Recalled {
					at := time.Date(2026, 11, 27, 10, minute, 0, 0, time.UTC)
					return reconciler.Recalled{Commit: hash(commit), Statement: reconciler.Statement{
						Context: reconciler.ContextOf(manifest.Key{Workspace: "ws-1", Project: project}), Source: source, State: state, Stage: stage, Description: text, At: at,
					}}
				}
				return []reconciler.Recalled{
					say("1", "", "shop", 0, "pending", "queued", "waits"),
					say("1", "", "shop", 1, "success", "held", "held: rolled back"),
					say("2", hash("c"), "shop", 2, "pending", "building", "builds"),
					say("2", hash("c"), "shop", 3, "success", "superseded", "superseded by dddd"),
					say("2", hash("c"), "shop", 4, "failure", "failed", "nobody heeds what comes after the end"),
					say("3", "", "blog", 5, "success", "held", "of another project"),
					say("4", "", "shop", 6, "pending", "building", "has not ended"),
					say("5", "", "shop", 7, "success", "deployed", "of a release, for which nobody waits"),
				}, nil
			},
		}
	})
	w.commits = map[string]manifest.Commit{
		hash("1"): {Author: manifest.Signature{Name: "Bob"}, Message: "Again\n\nPlateform-Retry: ws-1/shop\n"},
		hash("4"): {Author: manifest.Signature{Name: "Bob"}}, hash("5"): {Author: reconciler.Author(w.clock())},
	}
	list := func() (ids, texts []string) {
		t.Helper()
		var answer struct{ Runs []api.Run }
		if _, body := w.get(runsPath, "token-of-bob"); json.Unmarshal([]byte(body), &answer) != nil {
			t.Fatal(body)
		}
		for _, run := range answer.Runs {
			ids, texts = append(ids, run.ID), append(texts, fmt.Sprint(run.Text, " ", run.Cause.Kind, " ", run.Cause.By))
		}
		return ids, texts
	}
	if ids, _ := list(); len(ids) != 0 {
		t.Errorf("while nobody says what people were told there is %v", ids)
	}
	fail = false
	if list(); asked != 1 {
		t.Errorf("it was asked %d times within a moment of an error", asked)
	}
	w.change(func() { w.now = w.now.Add(time.Hour) })
	ids, texts := list()
	if want := []string{"superseded by dddd source ", "held: rolled back retry Bob"}; !slices.Equal(texts, want) {
		t.Errorf("the runs are %q, want %q", texts, want)
	}
	superseded := reconciler.RunID(shop, manifest.Cause{Kind: manifest.CauseSource, Commit: hash("c"), Config: hash("2")})
	if len(ids) != 2 || ids[0] != superseded {
		t.Errorf("the IDs are %v, want %s first", ids, superseded)
	}
	r := w.follow(runsPath+"/"+superseded+"/log", "token-of-bob")
	r.rest()
	r.want("<building> <superseded> <end>")

	all := w.follow(runsPath+"?follow=1", "token-of-bob")
	next := w.begin()
	all.until("the run that has begun", func(f api.Frame) bool { return f.Run != nil && f.Run.ID == next.ID })
	var streamed []string
	for _, f := range all.frames {
		streamed = append(streamed, f.Run.ID)
	}
	if want := []string{ids[1], ids[0], next.ID}; !slices.Equal(streamed, want) {
		t.Errorf("the stream tells of %v, want %v", streamed, want)
	}
	if asked != 2 {
		t.Errorf("it was asked %d times, want once after the error", asked)
	}
}

func header(kind, name string) manifest.Header {
	return manifest.Header{APIVersion: manifest.APIVersion, Kind: kind, Metadata: manifest.Metadata{Name: name}}
}
