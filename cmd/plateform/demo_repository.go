package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/ledger"
)

// demoRepository is one repository of the demo: the checkout of a person, and the bare repository it pushes to.
type demoRepository struct {
	name string
	work git
	bare git
}

// newDemoRepository is one of the repositories of a scaffold, with Alice in front of it.
func newDemoRepository(s *scaffold, name string) *demoRepository {
	alice := []string{
		"GIT_AUTHOR_NAME=alice", "GIT_AUTHOR_EMAIL=alice@example.com",
		"GIT_COMMITTER_NAME=alice", "GIT_COMMITTER_EMAIL=alice@example.com",
	}
	return &demoRepository{
		name: name,
		work: git{dir: filepath.Join(s.dir, name), env: alice},
		bare: git{dir: s.remote(name)},
	}
}

// write changes a file in the checkout.
func (r *demoRepository) write(name, content string) error {
	return writeFile(filepath.Join(r.work.dir, filepath.FromSlash(name)), []byte(content), 0o644)
}

// pull brings in what others pushed.
func (r *demoRepository) pull(ctx context.Context) error {
	_, err := r.work.run(ctx, "pull", "--quiet", "--rebase")
	return err
}

// push commits everything that was changed, pushes it on top of what others pushed, and returns the commit.
func (r *demoRepository) push(ctx context.Context, message string) (string, error) {
	for _, args := range [][]string{
		{"add", "--all"}, {"commit", "--quiet", "--message=" + message}, {"pull", "--quiet", "--rebase"}, {"push", "--quiet"},
	} {
		if _, err := r.work.run(ctx, args...); err != nil {
			return "", err
		}
	}
	return r.work.run(ctx, "rev-parse", "HEAD")
}

// head is where the branch of the bare repository is.
func (r *demoRepository) head(ctx context.Context) (string, error) {
	return r.bare.run(ctx, "rev-parse", "main")
}

// read returns a file of the branch; empty when it is not there.
func (r *demoRepository) read(ctx context.Context, name string) string {
	text, err := r.bare.run(ctx, "cat-file", "blob", "main:"+name)
	if err != nil {
		return ""
	}
	return text
}

// blob is the hash of a file of the branch: two files with the same hash are the same, byte for byte.
func (r *demoRepository) blob(ctx context.Context, name string) (string, error) {
	return r.bare.run(ctx, "rev-parse", "main:"+name)
}

// values are those of hello in the GitOps repository.
func (d *demo) values(ctx context.Context) (ledger.Values, error) {
	return ledger.ParseValues([]byte(d.gitops.read(ctx, manifest.ValuesFile(helloKey()))))
}

// helloKey names the project of the demo.
func helloKey() manifest.Key { return manifest.Key{Workspace: "ws-1", Project: "hello"} }

// reports are those on one config commit about hello, the oldest first.
func (d *demo) reports(ctx context.Context, commit string) []reconciler.Report {
	var found []reconciler.Report
	text, err := d.config.bare.run(ctx, "notes", "--ref="+gitstore.NotesRef, "show", commit)
	if err != nil {
		return nil // no note yet
	}
	for line := range strings.Lines(text) {
		var r reconciler.Report
		if json.Unmarshal([]byte(line), &r) == nil && strings.HasSuffix(r.Context, helloKey().String()) {
			found = append(found, r)
		}
	}
	return found
}

const (
	// demoGlance is how often the demo looks at Git, and demoPatience how long it waits for one thing.
	demoGlance   = 50 * time.Millisecond
	demoPatience = 2 * time.Minute
)

// await looks at Git until a condition holds.
func (d *demo) await(ctx context.Context, what string, condition func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, demoPatience,
		fmt.Errorf("waited %s for %s (plateform demo --keep leaves the log of the reconciler to look at)", demoPatience, what))
	defer cancel()
	ticker := time.NewTicker(demoGlance)
	defer ticker.Stop()
	for {
		done, err := condition()
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}
