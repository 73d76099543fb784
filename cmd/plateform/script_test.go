package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler/localrun/shim"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == shim.Argument { // as main does
		os.Exit(shim.Main())
	}
	testscript.Main(m, map[string]func(){
		"plateform": func() {
			a := newApp()
			a.now = scriptNow()
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			code := a.run(ctx, os.Args[1:])
			stop()
			os.Exit(code)
		},
	})
}

// TestScripts are the specification of the command line. Custom commands: see scriptCommands.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			e.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(e.WorkDir, ".gitconfig"))
			e.Setenv("TMPDIR", filepath.Join(e.WorkDir, "tmp"))
			for _, who := range []string{"AUTHOR", "COMMITTER"} {
				e.Setenv("GIT_"+who+"_NAME", "alice")
				e.Setenv("GIT_"+who+"_EMAIL", "alice@example.com")
			}
			// Builds of the demo use the caches of the Go installation, as they do for people.
			caches, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
			if err != nil {
				return err
			}
			for i, dir := range strings.Fields(string(caches)) {
				e.Setenv([]string{"GOCACHE", "GOMODCACHE"}[i], dir)
			}
			return os.Mkdir(filepath.Join(e.WorkDir, "tmp"), 0o755)
		},
		Cmds: scriptCommands(),
	})
}

// scriptCommands are the commands that scripts have beside those of testscript.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"release":  scriptRelease,
		"ship":     scriptShip,
		"deploy":   scriptDeploy,
		"registry": scriptRegistry,
		"exit":     scriptExit,
		"empty":    scriptEmpty,
		"until":    scriptUntil,
		"answers":  scriptAnswers,
		"opens":    scriptOpens,
	}
}

// scriptRelease writes a release file as Plateform does: release DIR WS/PROJECT VERSION [KEYFILE].
func scriptRelease(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: release DIR WS/PROJECT VERSION [KEYFILE]")
	}
	key, err := parseKey(args[1])
	ts.Check(err)
	version, err := manifest.ParseVersion(args[2])
	ts.Check(err)
	var signer *signing.Key
	if len(args) == 4 {
		signer = readOrMakeKey(ts, ts.MkAbs(args[3]))
	}
	data, err := manifest.EncodeRelease(sampleRelease(key, version), key, 1, signer)
	ts.Check(err)
	file := filepath.Join(ts.MkAbs(args[0]), manifest.ReleaseFile(key, version))
	ts.Check(writeFile(file, data, 0o644))
}

func readOrMakeKey(ts *testscript.TestScript, file string) *signing.Key {
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		key, err := signing.Generate(rand.Reader)
		ts.Check(err)
		data, err = key.PEM()
		ts.Check(err)
		ts.Check(os.WriteFile(file, data, 0o600))
	} else {
		ts.Check(err)
	}
	key, err := signing.ParseKey(data)
	ts.Check(err)
	ts.Setenv("PUBLIC_KEY", key.Public().String())
	return &key
}

// sampleRelease is a release whose digests and commits tell its version.
func sampleRelease(key manifest.Key, version manifest.Version) *manifest.Release {
	commit := strings.Repeat(fmt.Sprint(version.Patch%10), 40)
	project := manifest.ProjectSpec{Type: manifest.Monolithic, Source: &manifest.Source{Repository: "https://github.com/acme/" + key.Project}}
	r := &manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, version.String())}
	r.Spec = manifest.ReleaseSpec{
		Parts: manifest.Parts{manifest.PartProject: manifest.ProjectKey(project)},
		Images: []manifest.Image{{
			Name: "app", Repository: "registry.example.com/" + key.String(), Tag: version.String(),
			Digest: "sha256:" + strings.Repeat(fmt.Sprint(version.Patch%10), 64), Commit: commit, Built: true,
		}},
		Chart: manifest.Chart{Name: "monolithic", Version: "1.0.0", Digest: "sha256:" + strings.Repeat("c", 64)},
		Values: manifest.Document(fmt.Sprintf("release: %s\nhost: %s-%s.apps.example.com\ningress:\n  tlsIssuer: letsencrypt\n",
			version, key.Project, key.Workspace)),
		Project:   project,
		Platform:  manifest.PlatformInputs{Namespace: key.Workspace, Chart: manifest.Chart{Name: "monolithic", Version: "1.0.0", Digest: "sha256:" + strings.Repeat("c", 64)}},
		Cause:     manifest.Cause{Kind: manifest.CauseSource, Commit: commit, Config: commit, By: "alice"},
		Plan:      "sha256:" + strings.Repeat("d", 64),
		CreatedAt: time.Date(2026, 11, 22, 12, version.Patch, 0, 0, time.UTC),
	}
	return r
}

// scriptExit runs plateform and wants an exit code: exit CODE ARGS...
func scriptExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: exit CODE ARGS...")
	}
	err := ts.Exec("plateform", args[1:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("plateform %s: exit code %s, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// scriptEmpty wants a folder without anything in it: empty DIR.
func scriptEmpty(ts *testscript.TestScript, neg bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(entries) > 0 != neg {
		ts.Fatalf("%s has %d entries", args[0], len(entries))
	}
}

// writeFile writes one file and the folders it is in.
func writeFile(name string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, mode)
}
