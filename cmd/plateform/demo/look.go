package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/ledger"
)

// releaseCommit is the commit that made a release.
func (d *story) releaseCommit(ctx context.Context, version string) (string, error) {
	return d.config.Bare.Run(ctx, "log", "-1", "--diff-filter=A", "--format=%H", "main", "--", manifest.ReleasesDir(helloKey())+"/"+version+".yaml")
}

// valuesOf is the blob of values.yaml as it was when a release went to the GitOps repository.
func (d *story) valuesOf(ctx context.Context, version string) (string, error) {
	file := manifest.ValuesFile(helloKey())
	log, err := d.gitops.Bare.Run(ctx, "log", "--format=%H", "main", "--", file)
	if err != nil {
		return "", err
	}
	for _, commit := range strings.Fields(log) {
		text, err := d.gitops.Bare.Run(ctx, "cat-file", "blob", commit+":"+file)
		if err == nil && strings.Contains(text, "release: "+version+"\n") {
			return d.gitops.Bare.Run(ctx, "rev-parse", commit+":"+file)
		}
	}
	return "", fmt.Errorf("%s never was in plateform-gitops", version)
}

// values are those of hello in the GitOps repository.
func (d *story) values(ctx context.Context) (ledger.Values, error) {
	return ledger.ParseValues([]byte(d.gitops.Read(ctx, manifest.ValuesFile(helloKey()))))
}

// helloKey names the project of the demo.
func helloKey() manifest.Key { return manifest.Key{Workspace: "ws-1", Project: "hello"} }

// reports are those on one config commit about hello, the oldest first.
func (d *story) reports(ctx context.Context, commit string) []reconciler.Statement {
	var found []reconciler.Statement
	text, err := d.config.Bare.Run(ctx, "notes", "--ref="+gitstore.NotesRef, "show", commit)
	if err != nil {
		return nil // no note yet
	}
	for line := range strings.Lines(text) {
		var r reconciler.Statement
		if json.Unmarshal([]byte(line), &r) == nil && strings.HasSuffix(r.Context, helloKey().String()) {
			found = append(found, r)
		}
	}
	return found
}

const (
	// glance is how often the demo looks at Git, hubGlance at GitHub, which takes 900 questions a minute, and patience how long it waits
	// for one thing.
	glance    = 50 * time.Millisecond
	hubGlance = 250 * time.Millisecond
	patience  = 2 * time.Minute
)

// await looks at Git until a condition holds, or cannot come to hold.
func (d *story) await(ctx context.Context, what string, condition func() (bool, error)) error {
	return awaitEvery(ctx, d, glance, what, condition)
}

// awaitEvery is await with another pace.
func awaitEvery(ctx context.Context, d *story, pace time.Duration, what string, condition func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience,
		fmt.Errorf("waited %s for %s (plateform demo --keep leaves the log of the reconciler to look at)", patience, what))
	defer cancel()
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		done, err := condition()
		if err != nil || done {
			return err
		}
		if err := d.trouble.err(d.Now()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// builds counts the builds there were, by their logs.
func (d *story) builds() (int, error) {
	logs, err := filepath.Glob(filepath.Join(d.dir, "acme", "plateform-data", "builds", "*", "*", "*.log"))
	if err != nil {
		return 0, fmt.Errorf("counting builds: %w", err)
	}
	return len(logs), nil
}

// printKept says where to look.
func (d *story) printKept() {
	d.say("\nKept: %s", d.dir)
	d.say("  acme/platform-config, acme/plateform-gitops, acme/hello   checkouts (git pull first)")
	d.say("  acme/plateform-data/builds                                the logs of the builds")
	d.say("  serve.log                                                 the log of the reconciler")
	if d.cluster != nil {
		d.say("  namespace %s in the cluster, until kubectl delete namespace %s", d.cluster.namespace, d.cluster.namespace)
	}
	d.say("  plateform status works in acme/platform-config; git log --notes=plateform in acme/remotes/platform-config.git shows the reports")
}

// copyTree copies a folder with all its files.
func copyTree(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return fmt.Errorf("copying %s: %w", filepath.Base(from), err)
	}
	return nil
}
