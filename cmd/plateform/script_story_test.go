package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/plateform/plateform/manifest"
)

// scriptNow is the clock of the plateform that scripts run: $NOW when it is set.
func scriptNow() func() time.Time {
	if at, err := time.Parse(time.RFC3339, os.Getenv("NOW")); err == nil {
		return func() time.Time { return at }
	}
	return time.Now
}

// scriptShip commits a release as Plateform does: ship CONFIG WS/PROJECT VERSION KIND COMMIT [SOURCE]. CONFIG is a checkout.
// The image is built from SOURCE; without it that of the release before is taken.
func scriptShip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 5 || len(args) > 6 {
		ts.Fatalf("usage: ship CONFIG WS/PROJECT VERSION KIND COMMIT [SOURCE]")
	}
	dir := ts.MkAbs(args[0])
	key, err := parseKey(args[1])
	ts.Check(err)
	version, err := manifest.ParseVersion(args[2])
	ts.Check(err)
	release := sampleRelease(key, version)
	image := &release.Spec.Images[0]
	if len(args) == 6 {
		image.Commit, image.Digest = full(args[5]), "sha256:"+strings.Repeat(args[5][:1], 64)
		release.Spec.Build = &manifest.BuildRecord{Seconds: 84}
	} else {
		before, problems := manifest.ParseRelease("", readFile(ts, dir, manifest.ReleaseFile(key, manifest.Version{Major: 1, Patch: version.Patch - 1})))
		ts.Check(problems.Err())
		*image = before.Spec.Images[0]
		image.Built = false
	}
	release.Spec.Cause = manifest.Cause{Kind: manifest.CauseKind(args[3]), Commit: full(args[4]), Config: gitSays(ts, dir, "rev-parse", "HEAD")}
	if release.Spec.Cause.Kind != manifest.CauseSource {
		release.Spec.Cause.Commit = gitSays(ts, dir, "rev-parse", args[4])
		release.Spec.Cause.By = gitSays(ts, dir, "log", "-1", "--format=%an", args[4])
	}
	if project, problems := manifest.ParseProject(manifest.ProjectFile(key), readFile(ts, dir, manifest.ProjectFile(key))); len(problems) == 0 {
		release.Spec.Project, release.Spec.Parts[manifest.PartProject] = project.Spec, manifest.ProjectKey(project.Spec)
	}
	data, err := manifest.EncodeRelease(release, key, 1, nil)
	ts.Check(err)
	ts.Check(writeFile(filepath.Join(dir, manifest.ReleaseFile(key, version)), data, 0o644))
	commitAsPlateform(ts, dir, manifest.FormatMessage(fmt.Sprintf("Release %s %s", key, version), manifest.NewTrailers(key, release)))
}

// scriptDeploy writes the values of a release into the GitOps repository as Plateform does:
// deploy GITOPS CONFIG WS/PROJECT VERSION [RUN]. Both are checkouts; RUN is a file to become run.yaml.
func scriptDeploy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 || len(args) > 5 {
		ts.Fatalf("usage: deploy GITOPS CONFIG WS/PROJECT VERSION [RUN]")
	}
	dir, config := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	key, err := parseKey(args[2])
	ts.Check(err)
	version, err := manifest.ParseVersion(args[3])
	ts.Check(err)
	release, problems := manifest.ParseRelease("", readFile(ts, config, manifest.ReleaseFile(key, version)))
	ts.Check(problems.Err())
	ts.Check(writeFile(filepath.Join(dir, manifest.ValuesFile(key)), []byte(release.Spec.Values), 0o644))
	if len(args) == 5 {
		ts.Check(writeFile(filepath.Join(dir, manifest.RunFile(key)), []byte(ts.ReadFile(args[4])), 0o644))
	}
	trailers := manifest.NewTrailers(key, release)
	for i := range trailers {
		if trailers[i].Key == manifest.TrailerConfigCommit {
			trailers[i].Value = gitSays(ts, config, "rev-parse", "HEAD")
		}
	}
	commitAsPlateform(ts, dir, manifest.FormatMessage(fmt.Sprintf("Write %s %s", key, version), trailers))
}

// full makes a whole hash of a letter or two.
func full(letters string) string { return strings.Repeat(letters, 40)[:40] }

func readFile(ts *testscript.TestScript, dir, name string) []byte {
	data, err := os.ReadFile(filepath.Join(dir, name))
	ts.Check(err)
	return data
}

func gitSays(ts *testscript.TestScript, dir string, args ...string) string {
	ts.Check(ts.Exec("git", append([]string{"-C", dir}, args...)...))
	return strings.TrimSpace(ts.ReadFile("stdout"))
}

func commitAsPlateform(ts *testscript.TestScript, dir, message string) {
	gitSays(ts, dir, "add", ".")
	gitSays(ts, dir, "-c", "user.name=Plateform", "-c", "user.email=plateform@users.noreply.github.com",
		"commit", "--quiet", "--author=Plateform <plateform@users.noreply.github.com>", "--message="+message)
}
