package argocd

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Verdicts of what Applications say.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/verdicts.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	for name, text := range files {
		if path.Base(name) != "application.yaml" {
			continue
		}
		t.Run(path.Dir(name), func(t *testing.T) {
			t.Parallel()
			o := &unstructured.Unstructured{}
			if err := yaml.UnmarshalStrict([]byte(text), &o.Object); err != nil {
				t.Fatal(err)
			}
			a, err := parse(o)
			if err != nil {
				t.Fatal(err)
			}
			want, waited := strings.TrimSpace(files[path.Dir(name)+"/want"]), time.Second
			if rest, found := strings.CutPrefix(want, "after "); found {
				var after string
				after, want, _ = strings.Cut(rest, " ")
				if waited, err = time.ParseDuration(after); err != nil {
					t.Fatal(err)
				}
			}
			if got := describe(asked(waited).judge(a)); got != want {
				t.Errorf("it is\n%s\nand not\n%s", got, want)
			}
		})
	}
	if got, want := describe(asked(0).judge(nil)), "progressing: waiting for its Application"; got != want {
		t.Errorf("without an Application it is %q, not %q", got, want)
	}
}

// asked is a question about a target that was handed over some time ago.
func asked(waited time.Duration) question {
	now := time.Date(2026, 11, 28, 8, 15, 0, 0, time.UTC)
	q := question{namespace: "argocd", now: now, waits: 30 * time.Second}
	q.Key, q.Release, q.Commit = manifest.Key{Workspace: "ws-1", Project: "shop"}, "v1.0.1", "new"
	q.Chart = manifest.Chart{Name: "monolithic", Version: "1.0.0"}
	q.hand = hand{commit: "new", before: "2026-11-28T08:00:00Z", sent: now.Add(-waited), asked: now.Add(-waited), unheard: now.Add(-waited)}
	q.shows = func(commit string) (bool, error) {
		if commit == "theirs" {
			return false, errors.New("theirs is not known")
		}
		return commit == "new" || commit == "same", nil
	}
	return q
}

func describe(said answer) string {
	words := []string{string(said.Phase)}
	for word, is := range map[string]bool{"look": said.applied, "again": said.again} {
		if is {
			words = append(words, word)
		}
	}
	if said.stuck {
		words = append(words, "stuck")
	}
	if said.command != nil {
		words = append(words, "command "+said.command.Name)
	}
	text := strings.Join(words, ", ")
	if said.Cause != "" {
		text += ": " + said.Cause
	}
	return text
}

// That a namespace is gone or going is told from an operation that has not succeeded, and from what is said of this namespace alone.
func TestLacksNamespace(t *testing.T) {
	t.Parallel()
	const ending, missing = `services "shop" is forbidden: unable to create new content in namespace team because it is being terminated`, `namespaces "team" not found`
	for message, want := range map[string]bool{ending: true, missing: true, `namespaces "team-2" not found`: false, `exceeded quota: team`: false, "": false} {
		for _, phase := range []string{opRunning, opFailed, opError, opSucceeded} {
			if got, want := (&operation{Phase: phase, Message: message}).lacksNamespace("team"), want && phase != opSucceeded; got != want {
				t.Errorf("%s with %q is said to lack it: %v", phase, message, got)
			}
		}
	}
	if (*operation)(nil).lacksNamespace("team") {
		t.Error("what was never tried is said to lack it")
	}
}

// What shows the same is told by its values and its chart, and not by which commit it is.
func TestShows(t *testing.T) {
	t.Parallel()
	w := wanted{Target: reconciler.Target{Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, Chart: manifest.Chart{Name: "monolithic", Version: "1.0.0"}}, Commit: "c3"}
	history := commits{
		"c1": {"workspaces/ws-1/shop/values.yaml": "v1", "charts/monolithic/1.0.0": "chart"},
		"c2": {"workspaces/ws-1/shop/values.yaml": "v2", "charts/monolithic/1.0.0": "chart"},
		"c3": {"workspaces/ws-1/shop/values.yaml": "v1", "charts/monolithic/1.0.0": "chart", "workspaces/ws-1/blog/values.yaml": "v1"},
		"c4": {"workspaces/ws-1/shop/values.yaml": "v1", "charts/monolithic/1.0.0": "another"},
		"c5": {"charts/monolithic/1.0.0": "chart"},
	}
	for commit, want := range map[string]bool{"c1": true, "c2": false, "c3": true, "c4": false, "c5": false, "": false} {
		if got, err := shows(history, w, commit); err != nil || got != want {
			t.Errorf("%q shows the same: %v, %v", commit, got, err)
		}
	}
	if _, err := shows(history, w, "c9"); err == nil || !strings.Contains(err.Error(), "not known here yet") {
		t.Errorf("of a commit that is not known: %v", err)
	}
}

// commits are hashes by path, by commit.
type commits map[string]map[string]string

func (c commits) Commit(string) (manifest.Commit, error)         { return manifest.Commit{}, nil }
func (c commits) Read(string, string) ([]byte, error)            { return nil, nil }
func (c commits) Diff(string, string) ([]manifest.Change, error) { return nil, nil }
func (c commits) List(commit, dir string) (all []manifest.Entry, err error) {
	files, known := c[commit]
	if !known {
		return nil, fmt.Errorf("there is no commit %s", commit)
	}
	for file, hash := range files {
		if path.Dir(file) == dir {
			all = append(all, manifest.Entry{Name: path.Base(file), Hash: hash})
		}
	}
	return all, nil
}
