package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/api"
)

// listed are the runs of a project, by what asked for them and how they ended, the newest first. It waits until one that began with a commit
// has ended.
func (r *readers) listed(p *project, token, commit string) []string {
	r.w.t.Helper()
	var all []string
	r.w.await("the runs to be listed", func() error {
		status, body, err := r.get(api.RunsPath(manifest.Key{Workspace: p.workspace, Project: p.name}), token)
		var answer struct{ Runs []api.Run }
		if err == nil && status == http.StatusOK {
			err = json.Unmarshal([]byte(body), &answer)
		}
		if err != nil || !slices.ContainsFunc(answer.Runs, func(r api.Run) bool { return r.Cause.Commit == commit && r.Ended() }) {
			return fmt.Errorf("%d %s %v", status, body, err)
		}
		all = nil
		for _, run := range answer.Runs {
			all = append(all, fmt.Sprintf("%s %s %s %s %s", run.ID, run.Cause.Commit, run.State, run.Stage(), run.LiveURL))
		}
		return nil
	})
	return all
}

// streamed is how so many runs of a project are streamed to somebody who begins to listen.
func (r *readers) streamed(p *project, token string, runs int) []string {
	r.w.t.Helper()
	base, err := r.address()
	if err != nil {
		r.w.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(r.w.t.Context(), http.MethodGet, base+api.RunsPath(manifest.Key{Workspace: p.workspace, Project: p.name})+"?follow=1", nil)
	if err != nil {
		r.w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.w.t.Fatal(err)
	}
	defer response.Body.Close()
	var all []string
	in := bufio.NewScanner(response.Body)
	in.Buffer(nil, 1<<20)
	for len(all) < runs && in.Scan() {
		var f api.Frame
		if err := json.Unmarshal(in.Bytes(), &f); err != nil {
			r.w.t.Fatalf("%v in %s", err, in.Text())
		}
		if f.Run != nil {
			all = append(all, f.Run.ID)
		}
	}
	if err := in.Err(); err != nil {
		r.w.t.Fatal(err)
	}
	return all
}

// Runs that ended before serve was killed and lost its disk are listed and streamed by the next one, those among them that made no release: a
// source that was held, and one that was superseded.
func TestRunsBeforeARestartAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	people := w.withReaders()
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	shop.runs("v1.0.0")
	shop.push("two")
	shop.runs("v1.0.1")
	finish := w.registry.hold(shop.repository())
	older := shop.push("three")
	shop.reaches(older, "building")
	late := shop.push("four")
	shop.reaches(late, "queued")
	shop.revert("v1.0.1")
	shop.runs("v1.0.0")
	finish()
	shop.sourceVerdict(late)
	w.settle()

	token := people.token(1001)
	before := people.listed(shop, token, late)
	without := func(stage string) bool {
		return !slices.ContainsFunc(before, func(run string) bool { return strings.Contains(run, " "+stage+" ") })
	}
	if len(before) < 5 || without("superseded") && without("held") {
		t.Fatalf("before it was killed there are\n%s", strings.Join(before, "\n"))
	}
	w.server.kill()
	w.loseData()
	w.start()
	after := people.listed(shop, token, late)
	sorted := func(runs []string) []string { return slices.Sorted(slices.Values(runs)) } // those of one second have no order
	if !slices.Equal(sorted(after), sorted(before)) {
		t.Errorf("it lists\n%s\nwant\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	streamed := people.streamed(shop, token, len(after))
	for _, run := range after {
		if id, _, _ := strings.Cut(run, " "); !slices.Contains(streamed, id) {
			t.Errorf("the stream does not tell of %s", run)
		}
	}
}
