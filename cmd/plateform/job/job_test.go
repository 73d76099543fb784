package job_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/job"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/test/ociregistry"
)

// The steps compile with the cache of this machine, except where caches are what a test is about: each would begin with an empty one.
func TestMain(m *testing.M) {
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err == nil {
		err = os.Setenv("GOCACHE", strings.TrimSpace(string(cache)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// agent is where the steps of jobs run.
type agent struct {
	dir      string
	env      map[string]string
	registry *ociregistry.Registry
	log      bytes.Buffer
}

func newAgent(t *testing.T) *agent {
	t.Helper()
	a := &agent{dir: t.TempDir(), registry: ociregistry.New(t)}
	a.env = map[string]string{
		jenkins.ParamID: "a1", jenkins.ParamNonce: "n0nce", jenkins.ParamProject: "ws-1/shop", jenkins.ParamImage: manifest.AppImage,
		jenkins.ParamRepository: "https://git.test/shop", jenkins.ParamCommit: "9fceb02d0ae598e95dc970b74767f19372d61af8",
		jenkins.ParamDestination: a.registry.Host + "/ws-1/shop", jenkins.ParamBuild: "{}",
	}
	return a
}

// job is a process of its own: it knows what is in its environment and in the folder.
func (a *agent) job(t *testing.T) *job.Job {
	t.Helper()
	j, err := job.Read(func(name string) string { return a.env[name] }, a.dir, &a.log)
	if err != nil {
		t.Fatal(err)
	}
	j.Cache = filepath.Join(t.TempDir(), "cache")
	return j
}

// checkout writes a program that needs nothing.
func checkout(_ context.Context, _, _, dir string) error {
	for name, content := range map[string]string{
		"go.mod": "module example.com/hello\n\ngo 1.24\n", "main.go": "package main\n\nfunc main() { println(\"hello\") }\n",
	} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (a *agent) result(t *testing.T) manifest.BuildResult {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(a.dir, jenkins.ResultFile))
	if err != nil {
		t.Fatal(err)
	}
	made, err := jenkins.ParseResult(data)
	if err != nil {
		t.Fatal(err)
	}
	return *made
}

func (a *agent) make(t *testing.T) {
	t.Helper()
	if err := a.job(t).Checkout(t.Context(), checkout); err != nil {
		t.Fatal(err)
	}
	if err := a.job(t).Make(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestTheStepsOfAJob(t *testing.T) {
	a := newAgent(t)
	if err := a.job(t).Checkout(t.Context(), checkout); err != nil {
		t.Fatal(err)
	}
	client := a.registry.Client(t, "", "")
	if found, err := a.job(t).Find(t.Context(), client); found || err != nil {
		t.Fatalf("before anything was made it finds an image: %v", err)
	}
	a.make(t)
	if err := a.job(t).Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.job(t).Push(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	made := a.result(t)
	digest, labels, err := client.Lookup(t.Context(), a.env[jenkins.ParamDestination], "build-a1")
	if err != nil || digest != made.Digest || labels["dev.plateform.build"] != "a1" {
		t.Errorf("the registry has %s, release.json says %s: %v %v", digest, made.Digest, labels, err)
	}
	if made.Framework != "go" || made.Scan != nil {
		t.Errorf("%+v", made)
	}
	for _, stage := range []string{"building", "scanning", "pushing"} {
		if !strings.Contains(a.log.String(), "plateform-stage n0nce "+stage+"\n") {
			t.Errorf("the log does not say that %s begins:\n%s", stage, a.log.String())
		}
	}

	if err := a.job(t).Checkout(t.Context(), checkout); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(a.dir, jenkins.ResultFile)); err == nil {
		t.Error("what the job before has made is still there")
	}
	if found, err := a.job(t).Find(t.Context(), client); !found || err != nil {
		t.Fatalf("the next job of the build finds nothing: %v", err)
	}
	if diff := cmp.Diff(made, a.result(t)); diff != "" {
		t.Errorf("and says something else (-made +found):\n%s", diff)
	}
}

// What is pushed is what was made and scanned in this very build, whatever lies in the folder.
func TestStepsOutOfOrder(t *testing.T) {
	a := newAgent(t)
	client := a.registry.Client(t, "", "")
	refused := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
	refused("there is no made.json", a.job(t).Push(t.Context(), client))
	a.make(t)
	a.env[jenkins.ParamID] = "b2"
	refused("made.json is of the build a1, and this one is b2", a.job(t).Push(t.Context(), client))
	a.env[jenkins.ParamID], a.env[jenkins.ParamScan] = "a1", "high"
	refused("there is no scan.json", a.job(t).Push(t.Context(), client))
	scanned, err := json.Marshal(map[string]any{"digest": "sha256:" + strings.Repeat("0", 64), "scan": manifest.ScanResult{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.dir, "scan.json"), scanned, 0o600); err != nil {
		t.Fatal(err)
	}
	refused("scan.json is about the image sha256:000", a.job(t).Push(t.Context(), client))
}

func TestAnEnvironmentThatSaysNothing(t *testing.T) {
	if _, err := job.Read(func(string) string { return "" }, t.TempDir(), nil); err == nil {
		t.Error("it is taken")
	}
}

// find runs the first two steps, and says whether there was an image.
func (a *agent) find(t *testing.T) bool {
	t.Helper()
	if err := a.job(t).Checkout(t.Context(), checkout); err != nil {
		t.Fatal(err)
	}
	found, err := a.job(t).Find(t.Context(), a.registry.Client(t, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// push runs the last two steps.
func (a *agent) push(t *testing.T) {
	t.Helper()
	if err := a.job(t).Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.job(t).Push(t.Context(), a.registry.Client(t, "", "")); err != nil {
		t.Fatal(err)
	}
}

// sibling is told of a build of the same source for another project of the workspace.
func (a *agent) sibling() {
	a.env[jenkins.ParamID], a.env[jenkins.ParamProject] = "b2", "ws-1/blog"
	a.env[jenkins.ParamDestination], a.env[jenkins.ParamSiblings] = a.registry.Host+"/ws-1/blog", a.env[jenkins.ParamDestination]
}

func TestAJobTakesTheImageThatAnotherProjectHasOfTheSource(t *testing.T) {
	a := newAgent(t)
	if a.find(t) {
		t.Fatal("there is an image before there is one")
	}
	a.push(t)
	made := a.result(t)
	a.sibling()
	if !a.find(t) {
		t.Fatalf("it is not found:\n%s", a.log.String())
	}
	want := made
	want.Build, want.Reused = "b2", "ws-1/shop"
	if diff := cmp.Diff(want, a.result(t)); diff != "" {
		t.Errorf("release.json (-want +got):\n%s", diff)
	}
	digest, err := a.registry.Client(t, "", "").Digest(t.Context(), a.env[jenkins.ParamDestination], "build-b2")
	if err != nil || digest != made.Digest {
		t.Errorf("its repository has %s: %v", digest, err)
	}
}

// What a source runs can write any file of the job. It cannot have its image be found as that of another source: others would run it.
func TestABuildCannotHaveItsImageBeThatOfAnotherSource(t *testing.T) {
	forge := map[string]func(t *testing.T, a *agent, stolen []byte){
		"with the note of another build": func(t *testing.T, a *agent, stolen []byte) { a.overwrite(t, "content.json", stolen) },
		"with a note of its own": func(t *testing.T, a *agent, stolen []byte) {
			a.overwrite(t, "content.json", bytes.Replace(stolen, []byte(`"seal":"`), []byte(`"seal":"00`), 1))
		},
		"with no note": func(t *testing.T, a *agent, _ []byte) { a.overwrite(t, "content.json", []byte("{}")) },
	}
	for name, forge := range forge {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t)
			a.find(t)
			stolen, err := os.ReadFile(filepath.Join(a.dir, "content.json")) // that of the source that others are to be served with
			if err != nil {
				t.Fatal(err)
			}
			a.env[jenkins.ParamID], a.env[jenkins.ParamNonce] = "evil", "another"
			a.find(t)
			forge(t, a, stolen)
			a.push(t)
			a.sibling()
			if a.find(t) {
				t.Errorf("it is taken:\n%s", a.log.String())
			}
		})
	}
}

// Nor can it have its image pass for one that was scanned with nothing found.
func TestABuildCannotSayWhatAScanHasFound(t *testing.T) {
	a := newAgent(t)
	a.env[jenkins.ParamScan] = "high"
	a.make(t)
	data, err := os.ReadFile(filepath.Join(a.dir, "made.json"))
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ Digest string }
	if err := json.Unmarshal(data, &made); err != nil {
		t.Fatal(err)
	}
	clean, err := json.Marshal(map[string]any{"digest": made.Digest, "scan": manifest.ScanResult{}})
	if err != nil {
		t.Fatal(err)
	}
	a.overwrite(t, "scan.json", clean)
	if err := a.job(t).Push(t.Context(), a.registry.Client(t, "", "")); err == nil || !strings.Contains(err.Error(), "not what the step scan wrote") {
		t.Errorf("it is pushed: %v", err)
	}
}

func (a *agent) overwrite(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// What builds share lasts, and is a workspace's own: what the source of one has left there, that of another never sees.
func TestCachesAreOfOneWorkspace(t *testing.T) {
	shared := os.Getenv("GOCACHE")
	t.Setenv("GOCACHE", "") // for the time after
	os.Unsetenv("GOCACHE")
	a, cache := newAgent(t), t.TempDir()
	for _, project := range []string{"ws-1/shop", "ws-2/shop"} {
		a.env[jenkins.ParamProject] = project
		if err := a.job(t).Checkout(t.Context(), checkout); err != nil {
			t.Fatal(err)
		}
		j := a.job(t)
		j.Cache = cache
		j.GoCommand = a.tool(t, "#!/bin/sh\ncase \"$1\" in build) echo \"$GOCACHE\" >> "+filepath.Join(a.dir, "caches")+";; esac\nexec env GOCACHE="+shared+" go \"$@\"\n")
		if err := j.Make(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	used, err := os.ReadFile(filepath.Join(a.dir, "caches"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(used))
	if len(lines) != 2 || !strings.HasPrefix(lines[0], filepath.Join(cache, "ws-1")) || !strings.HasPrefix(lines[1], filepath.Join(cache, "ws-2")) {
		t.Errorf("the caches are %q below %s", lines, cache)
	}
}

// tool is a program of the agent.
func (a *agent) tool(t *testing.T, script string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(name, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// Mirrors reach the tool that makes the image: those of the environment, unless flags name some.
func TestMirrorsOfAJob(t *testing.T) {
	a := newAgent(t)
	bin := t.TempDir()
	tool := "#!/bin/sh\n[ -z \"$CONTAINERS_REGISTRIES_CONF\" ] || cp \"$CONTAINERS_REGISTRIES_CONF\" " + bin + "/conf\ncase \"$*\" in *bud*) exit 1;; esac\n"
	if err := os.WriteFile(filepath.Join(bin, "buildah"), []byte(tool), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, value := range a.env {
		t.Setenv(name, value)
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	source := filepath.Join(a.dir, "source")
	if err := os.MkdirAll(source, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(source, "Dockerfile"), []byte("FROM scratch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		environment string
		flags       []string
		want        string
		code        int
	}{
		{"docker.io=mirror.example.com/hub quay.io=mirror.example.com/quay", nil, `location = "mirror.example.com/quay"`, exit.Findings},
		{"docker.io=mirror.example.com/hub", []string{"--mirror", "docker.io=other.example.com"}, `location = "other.example.com"`, exit.Findings},
		{"https://docker.io", nil, "", exit.WrongUsage},
	} {
		t.Setenv("PLATEFORM_MIRRORS", tt.environment)
		var out bytes.Buffer
		for _, c := range job.Commands(&out) {
			if c.Name() != "make" {
				continue
			}
			c.SetArgs(append([]string{"--dir", a.dir, "--cache", t.TempDir()}, tt.flags...))
			c.SilenceErrors, c.SilenceUsage = true, true
			if err := c.ExecuteContext(t.Context()); exit.CodeOf(err) != tt.code {
				t.Errorf("%s %v: exit code %d, want %d: %v\n%s", tt.environment, tt.flags, exit.CodeOf(err), tt.code, err, out.String())
			}
		}
		if tt.want == "" {
			continue
		}
		if conf, err := os.ReadFile(filepath.Join(bin, "conf")); err != nil || !strings.Contains(string(conf), tt.want) {
			t.Errorf("%s %v: the registries.conf is %v\n%s", tt.environment, tt.flags, err, conf)
		}
	}
}
