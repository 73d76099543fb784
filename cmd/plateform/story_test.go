package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	"go.uber.org/goleak"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/scaffold"
	"github.com/plateform/plateform/manifest"
)

// served is a serve in this process with everything around it, and Alice in front of her repositories.
type served struct {
	t                     *testing.T
	app                   *app
	config, gitops, hello *scaffold.Repository
	public, api           string
	stdout, stderr        *buffer
}

// newServed starts serve on a new installation. What it logs is JSON.
func newServed(t *testing.T) *served {
	t.Helper()
	useGoCaches(t)
	images := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(images.Close)
	dir := filepath.Join(t.TempDir(), "acme")
	s := scaffold.New(dir, scaffold.Options{Name: "acme", Domain: "apps.example.com", Registry: strings.TrimPrefix(images.URL, "http://")})
	if err := s.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	const who = "alice"
	a, stdout, stderr := testApp()
	w := &served{
		t: t, app: a, stdout: stdout, stderr: stderr,
		config: s.Repository(scaffold.ConfigDir, who), gitops: s.Repository(scaffold.GitOpsDir, who), hello: s.Repository(scaffold.HelloDir, who),
	}
	file := filepath.Join(dir, "serve.yaml")
	text := atAnyPort(readText(t, file))
	if err := writeFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(file)
	w.public, w.api = awaitLine(t, stdout, "Listening on "), awaitLine(t, stdout, "Metrics on ")
	return w
}

// run runs serve until the end of the test.
func (w *served) run(file string) {
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan int, 1)
	go func() { ended <- w.app.run(ctx, []string{"serve", "--config", file, "--log", "json"}) }()
	w.t.Cleanup(func() {
		stop()
		if code := <-ended; code != exit.OK {
			w.t.Errorf("serve: exit code %d, want 0", code)
		}
		if w.t.Failed() {
			w.t.Logf("serve's log:\n%s", w.stderr)
		}
	})
}

// useGoCaches keeps Alice's identity and the caches of the Go installation, and nothing else of this machine.
func useGoCaches(t *testing.T) {
	t.Helper()
	caches, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, dir := range strings.Fields(string(caches)) {
		t.Setenv([]string{"GOCACHE", "GOMODCACHE"}[i], dir)
	}
}

// addHello commits the sample project and returns the commit.
func (w *served) addHello() string {
	w.t.Helper()
	samples := os.DirFS(filepath.Join(w.config.Work.Dir, "samples", "ws-1"))
	if err := os.CopyFS(filepath.Join(w.config.Work.Dir, "workspaces", "ws-1"), samples); err != nil {
		w.t.Fatal(err)
	}
	return w.must(w.config.Push(w.t.Context(), "Add ws-1 with hello"))
}

// breakHello pushes code that does not compile and returns the app's commit.
func (w *served) breakHello() string {
	w.t.Helper()
	if err := w.hello.Write("main.go", "package main\n\nfunc main() { nothing() }\n"); err != nil {
		w.t.Fatal(err)
	}
	return w.must(w.hello.Push(w.t.Context(), "Break it"))
}

func (w *served) must(commit string, err error) string {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return commit
}

// line is one line of the log.
type line map[string]any

func (l line) text(key string) string {
	text, _ := l[key].(string)
	return text
}

// logged is what serve has logged so far.
func (w *served) logged() []line {
	w.t.Helper()
	var all []line
	for text := range strings.Lines(w.stderr.String()) {
		l := line{}
		if strings.HasSuffix(text, "\n") { // else it is being written
			if err := json.Unmarshal([]byte(text), &l); err != nil {
				w.t.Fatalf("a log line is no JSON: %v\n%s", err, text)
			}
			all = append(all, l)
		}
	}
	return all
}

// story waits for the end of the run that a commit asked for, and returns the lines with its id.
func (w *served) story(key, commit string) []line {
	w.t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(2 * time.Minute)
	for {
		all := w.logged()
		asked := slices.IndexFunc(all, func(l line) bool { return l["msg"] == "asked" && l[key] == commit[:10] })
		if asked >= 0 {
			id := all[asked]["run"]
			story := slices.DeleteFunc(all, func(l line) bool { return l["run"] != id })
			if story[len(story)-1]["msg"] == "ended" {
				return story
			}
		}
		select {
		case <-deadline:
			w.t.Fatalf("waited for the end of the run that %s asked for", commit)
		case <-ticker.C:
		}
	}
}

// steps are the messages of a story, with the values of the keys that name things.
func steps(story []line) []string {
	var all []string
	for _, l := range story {
		words := []string{l.text("level"), l.text("msg")}
		for _, key := range []string{"cause", "release", "state", "stage"} {
			if l[key] != nil {
				words = append(words, l.text(key))
			}
		}
		all = append(all, strings.Join(words, " "))
	}
	return all
}

// The lines with one run id tell its story from the commit to GitOps, the build's own lines are found by the build's id,
// and the figures say the same.
func TestARunIsToldUnderOneID(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("served", func(t *testing.T) {
		w := newServed(t)
		story := w.story("commit", w.addHello())
		want := []string{
			"INFO asked config", "INFO build asked for", "INFO build done", "INFO released v1.0.0", "INFO written v1.0.0",
			"INFO ended success deployed",
		}
		if diff := cmp.Diff(want, steps(story)); diff != "" {
			t.Errorf("the story of the first run (-want +got):\n%s", diff)
		}
		w.wantSameProject(story)
		if run := w.gitops.Read(t.Context(), manifest.RunFile(manifest.Key{Workspace: "ws-1", Project: "hello"})); !strings.Contains(run, "id: "+story[0].text("run")+"\n") {
			t.Errorf("run.yaml does not have the id of the run, %s:\n%s", story[0].text("run"), run)
		}
		w.wantBuilderLines(story[1]["build"], []string{"build: building", "build: pushing", "build: done"})

		story = w.story("source", w.breakHello())
		want = []string{
			"INFO asked source", "INFO build asked for", "WARN build failed", "INFO ended failure failed",
		}
		if diff := cmp.Diff(want, steps(story)); diff != "" {
			t.Errorf("the story of a build that fails (-want +got):\n%s", diff)
		}
		w.wantBuilderLines(story[1]["build"], []string{"build: building", "build: failed"})
		w.wantFigures()
	})
}

func (w *served) wantSameProject(story []line) {
	w.t.Helper()
	for _, l := range story {
		if l["project"] != "ws-1/hello" {
			w.t.Errorf("%q is about project %v", l["msg"], l["project"])
		}
	}
}

// wantBuilderLines: what the builder says of a build carries the id that the run names.
func (w *served) wantBuilderLines(id any, want []string) {
	w.t.Helper()
	var got []string
	for _, l := range w.logged() {
		if l["build"] == id && l["run"] == nil {
			got = append(got, l.text("msg"))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("the lines of build %v (-want +got):\n%s", id, diff)
	}
}

// wantFigures: after a run that went well and one that failed.
func (w *served) wantFigures() {
	w.t.Helper()
	w.get(w.public+"/metrics", http.StatusNotFound)
	want := map[string]string{
		"plateform_ready":                                                "1",
		"plateform_builds_running":                                       "0",
		"plateform_oldest_change_age_seconds":                            "0",
		`plateform_builds_started_total{kind="source"}`:                  "2",
		`plateform_builds_ended_total{kind="source",result="succeeded"}`: "1",
		`plateform_builds_ended_total{kind="source",result="failed"}`:    "1",
		`plateform_builds_ended_total{kind="image",result="succeeded"}`:  "0",
		`plateform_pushes_total{repository="config",result="landed"}`:    "1",
		`plateform_pushes_total{repository="config",result="refused"}`:   "0",
		`plateform_pushes_total{repository="gitops",result="refused"}`:   "0",
		`plateform_runs_ended_total{cause="config",stage="deployed"}`:    "1",
		`plateform_runs_ended_total{cause="source",stage="failed"}`:      "1",
		`plateform_commit_to_gitops_seconds_count{cause="config"}`:       "1",
		`plateform_commit_to_gitops_seconds_count{cause="source"}`:       "0",
		`plateform_pass_seconds_bucket{result="failed",le="+Inf"}`:       "0",
		`plateform_queue_projects`:                                       "0",
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(30 * time.Second)
	for { // the turn of the loop that ended the run may not have ended itself
		have := figures(w.get(w.api, http.StatusOK))
		got := map[string]string{}
		for name := range want {
			got[name] = have[name]
		}
		diff := cmp.Diff(want, got)
		if diff == "" && have["plateform_reports_sent_total"] != "0" {
			return
		}
		select {
		case <-deadline:
			w.t.Fatalf("the figures (-want +got):\n%s", diff)
		case <-ticker.C:
		}
	}
}

func (w *served) get(url string, status int) string {
	w.t.Helper()
	return get(w.t, url, status)
}

// figures are the samples of a scrape by name and labels.
func figures(text string) map[string]string {
	samples := map[string]string{}
	for sample := range strings.Lines(text) {
		if i := strings.LastIndex(sample, " "); i > 0 && !strings.HasPrefix(sample, "#") {
			samples[sample[:i]] = strings.TrimSpace(sample[i:])
		}
	}
	return samples
}
