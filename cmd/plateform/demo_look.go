package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// releaseCommit is the commit that made a release.
func (d *demo) releaseCommit(ctx context.Context, version string) (string, error) {
	return d.config.bare.Run(ctx, "log", "-1", "--diff-filter=A", "--format=%H", "main", "--", manifest.ReleasesDir(helloKey())+"/"+version+".yaml")
}

// valuesOf is the blob of values.yaml as it was when a release went to the GitOps repository.
func (d *demo) valuesOf(ctx context.Context, version string) (string, error) {
	file := manifest.ValuesFile(helloKey())
	log, err := d.gitops.bare.Run(ctx, "log", "--format=%H", "main", "--", file)
	if err != nil {
		return "", err
	}
	for _, commit := range strings.Fields(log) {
		text, err := d.gitops.bare.Run(ctx, "cat-file", "blob", commit+":"+file)
		if err == nil && strings.Contains(text, "release: "+version+"\n") {
			return d.gitops.bare.Run(ctx, "rev-parse", commit+":"+file)
		}
	}
	return "", fmt.Errorf("%s never was in plateform-gitops", version)
}

// builds counts the builds there were, by their logs.
func (d *demo) builds() (int, error) {
	logs, err := filepath.Glob(filepath.Join(d.dir, "acme", "plateform-data", "builds", "*", "*", "*.log"))
	if err != nil {
		return 0, fmt.Errorf("counting builds: %w", err)
	}
	return len(logs), nil
}

// printKept says where to look.
func (d *demo) printKept() {
	d.say("\nKept: %s", d.dir)
	d.say("  acme/platform-config, acme/plateform-gitops, acme/hello   checkouts (git pull first)")
	d.say("  acme/plateform-data/builds                                the logs of the builds")
	d.say("  serve.log                                                 the log of the reconciler")
	d.say("  plateform status works in acme/platform-config; git log --notes=plateform in acme/remotes/platform-config.git shows the reports")
}

// copyTree copies a folder with all its files.
func copyTree(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return fmt.Errorf("copying %s: %w", filepath.Base(from), err)
	}
	return nil
}
