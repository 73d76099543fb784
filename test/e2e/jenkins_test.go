package e2e

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/test/jenkinsserver"
)

const (
	jenkinsToken = "a-token-of-plateform"
	jenkinsJob   = "platform/build"
)

// pipelines is a Jenkins whose job is the pipeline of the examples, word for word, on an agent that has this plateform.
type pipelines struct {
	*jenkinsserver.Server
	w *world

	mu sync.Mutex
	// pipeline is what builds do once they are let.
	pipeline func(ctx context.Context, b *jenkinsserver.Build) error
	gate     chan struct{} // builds wait until it is closed; nil when they do not
	// built are the commits that were built, in order.
	built []string
	// running counts the builds that run, by their ID.
	running map[string]int
}

// buildWithJenkins is a world whose images are made by a Jenkins.
func buildWithJenkins(t *testing.T) (*world, *pipelines) {
	t.Helper()
	w := newWorld(t)
	p := &pipelines{Server: jenkinsserver.New(t, jenkinsserver.Options{Prefix: "/ci"}), w: w, running: map[string]int{}}
	p.Add(jenkinsserver.User{Name: "plateform", Token: jenkinsToken})
	p.pipeline = p.agent()
	p.Put(jenkinsserver.Job{Name: jenkinsJob, Pipeline: true, Parameters: parametersOfJob(), Run: p.run})
	token := filepath.Join(w.dir, "jenkins-token")
	if err := os.WriteFile(token, []byte(jenkinsToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.builder = "{kind: jenkins, jenkins: {url: '" + p.URL + "', user: plateform, tokenFile: jenkins-token, job: " + jenkinsJob + "}}"
	t.Cleanup(func() {
		if log, err := os.ReadFile(w.serveLog()); err == nil && bytes.Contains(log, []byte(jenkinsToken)) {
			t.Error("the token is in the log")
		}
	})
	return w, p
}

// agent has the programs of an agent, credentials that no build may show, and a scanner that finds what testdata says.
func (p *pipelines) agent() func(ctx context.Context, b *jenkinsserver.Build) error {
	t := p.w.t
	t.Helper()
	programs := filepath.Join(p.w.dir, "agent")
	if err := os.MkdirAll(programs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.Getenv(binaryVariable), filepath.Join(programs, "plateform")); err != nil {
		t.Fatal(err)
	}
	// It finds what the source has in findings.json, as a scanner finds what a source brings along.
	scanner := "#!/bin/sh\nif test -e '" + filepath.Join(programs, "broken") + "'; then echo no database >&2; exit 1; fi\ncat source/findings.json 2>/dev/null || echo '{\"SchemaVersion\": 2}'\n"
	if err := os.WriteFile(filepath.Join(programs, "trivy"), []byte(scanner), 0o700); err != nil {
		t.Fatal(err)
	}
	jenkinsfile, err := os.ReadFile("../../examples/jenkins/Jenkinsfile")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + programs + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + filepath.Join(p.w.dir, "agent-home")}
	for _, name := range []string{"GOFLAGS", "GOPROXY", "GOSUMDB", "GOCACHE", "GOMODCACHE"} {
		if value, found := os.LookupEnv(name); found {
			env = append(env, name+"="+value)
		}
	}
	agent := jenkinsserver.Agent{
		Dir: p.w.dir, Env: env, Containers: []string{"steps", "build"},
		Credentials: map[string]jenkinsserver.Login{
			"plateform-source": {Username: "reader", Password: "password-for-sources"}, "plateform-registry": {Username: "pusher", Password: "password-for-images"},
		},
	}
	run, err := agent.Pipeline(string(jenkinsfile))
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func parametersOfJob() []jenkinsserver.Parameter {
	var parameters []jenkinsserver.Parameter
	for _, parameter := range jenkins.Parameters() {
		parameters = append(parameters, jenkinsserver.Parameter{Name: parameter})
	}
	return parameters
}

// hold has builds wait before they do anything, until open.
func (p *pipelines) hold() (open func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gate := make(chan struct{})
	p.gate = gate
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		close(gate)
		p.gate = nil
	})
}

// begun are the commits whose builds have begun.
func (p *pipelines) begun() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.built...)
}

// run is a build: it waits at the gate, and then does as the pipeline says.
func (p *pipelines) run(ctx context.Context, b *jenkinsserver.Build) error {
	id := b.Parameter(jenkins.ParamID)
	p.mu.Lock()
	p.built = append(p.built, b.Parameter(jenkins.ParamCommit))
	if p.running[id]++; p.running[id] > 1 {
		p.w.t.Errorf("%d builds of %s run at a time", p.running[id], id)
	}
	gate, pipeline := p.gate, p.pipeline
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.running[id]--
	}()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return pipeline(ctx, b)
}

// A project is added, changed, broken and mended, all of it built by Jenkins: each release is the digest that Jenkins pushed, in
// the repository that it was told, and the build is linked.
func TestJenkinsBuilds(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	w.letJenkinsCall("a secret of jenkins")
	w.open()
	w.isReady()
	shop := w.goProject("ws-1", "shop")
	commit := w.add(shop)
	one := shop.runs("v1.0.0")
	if got := shop.says(); got != "one" {
		t.Errorf("v1.0.0 says %q", got)
	}
	if one.Image.Repository != w.registry.host+"/ws-1/shop" {
		t.Errorf("it runs from %s", one.Image.Repository)
	}
	if verdict := shop.verdict(commit); verdict.State != "success" {
		t.Errorf("adding it ended with %+v", verdict)
	}
	release := w.config.read(shop.releaseFile("v1.0.0"))
	for _, want := range []string{"url: " + ci.URL + "/job/platform/job/build/1/", "framework: go"} {
		if !strings.Contains(release, want) {
			t.Errorf("the release file lacks %q:\n%s", want, release)
		}
	}

	broken := shop.app.commit("Break it", files{"main.go": "package main\n\nfunc main() { sellEverything() }\n"})
	verdict := shop.sourceVerdict(broken)
	for _, want := range []string{"undefined: sellEverything", "build 2 of the job platform/build failed in its stage Build", "`plateform logs ws-1/shop --build`"} {
		if verdict.State != "failure" || !strings.Contains(verdict.Description, want) {
			t.Errorf("the failure is told as %+v, and lacks %q", verdict, want)
		}
	}
	shop.still(one)
	log, err := run1(w.dir, nil, os.Getenv(binaryVariable), "logs", "ws-1/shop", "--build", "--follow", "--config", filepath.Join(w.dir, "serve.yaml"))
	if err != nil || !strings.Contains(log, "undefined: sellEverything") || !strings.HasSuffix(log, "Finished: FAILURE") {
		t.Errorf("the log of the build is %v\n%s", err, log)
	}

	shop.push("two")
	shop.runs("v1.0.1")
	if got := shop.says(); got != "two" {
		t.Errorf("v1.0.1 says %q", got)
	}
	shop.revert("v1.0.1")
	shop.runs("v1.0.0")
	if got := len(ci.begun()); got != 3 {
		t.Errorf("Jenkins built %d times, want 3: %v", got, ci.begun())
	}
	for secret, want := range map[string]int{"a secret of jenkins": http.StatusAccepted, "a guess": http.StatusForbidden} {
		if got := w.callAsJenkins(secret, time.Now()); got != want {
			t.Errorf("a call signed with %s is answered %d, want %d", secret, got, want)
		}
	}
	wantDoctor := func(want ...string) {
		t.Helper()
		out, _ := run1(w.dir, nil, os.Getenv(binaryVariable), "doctor", "--config", w.writeSettings()) // serve holds its data folder
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("doctor does not say %q in\n%s", text, out)
			}
		}
	}
	job := "job platform/build at " + ci.URL
	wantDoctor(job+" (Jenkins 2.263.4) has all parameters", "whether the user plateform may start builds")
	ci.Put(jenkinsserver.Job{Name: jenkinsJob, Pipeline: true, DisableResume: true, Parameters: parametersOfJob()})
	wantDoctor("builds of "+job+" do not go on after a restart", "take disableResume() out of its pipeline")
	ci.Put(jenkinsserver.Job{Name: jenkinsJob, Pipeline: true, Disabled: true, Parameters: parametersOfJob()})
	wantDoctor(job+" is disabled", "enable it in Jenkins")
	ci.Put(jenkinsserver.Job{Name: jenkinsJob, Pipeline: true, Parameters: parametersOfJob()[1:]})
	wantDoctor(job+" lacks the parameters PLATEFORM_ID", "docs/jenkins.md")
	ci.Delete(jenkinsJob)
	wantDoctor("there is no job platform/build in Jenkins, or the user plateform may not read it", "check builder.jenkins in serve.yaml")
}

// An agent whose scanner has no database is nobody's fault who wrote the source: the build is made again by itself, and people are told
// what it waits for.
func TestTroubleOfAnAgentIsNotOfTheSource(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	w.platform = append(w.platform, "policy: {scan: {failOn: high}}")
	broken := filepath.Join(w.dir, "agent", "broken")
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.open()
	shop := w.goProject("ws-1", "shop")
	commit := w.add(shop)
	w.await("a word on what it waits for", func() error {
		for _, n := range shop.notes(commit) {
			if n.State == "pending" && strings.Contains(n.Description, "the image cannot be scanned") {
				return nil
			}
		}
		return fmt.Errorf("there are %+v", shop.notes(commit))
	})
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	shop.runs("v1.0.0")
	if verdict := shop.verdict(commit); verdict.State != "success" {
		t.Errorf("it ended with %+v", verdict)
	}
	if got := len(ci.begun()); got < 2 {
		t.Errorf("Jenkins built %d times", got)
	}
}

// With a policy for scans, what is found in an image is looked at before anybody can pull it: with too much the build fails, and what
// runs goes on. A release says what was found.
func TestAScanInJenkins(t *testing.T) {
	t.Parallel()
	w, _ := buildWithJenkins(t)
	w.platform = append(w.platform, "policy: {scan: {failOn: high}}")
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	one := shop.runs("v1.0.0")
	finding := `{"SchemaVersion": 2, "Results": [{"Vulnerabilities": [{"VulnerabilityID": "CVE-2026-1", "PkgName": "left", "InstalledVersion": "1", "FixedVersion": "2", "Severity": "%s"}]}]}`
	risky := shop.app.commit("Bring along an old package", files{"findings.json": fmt.Sprintf(finding, "HIGH")})
	verdict := shop.sourceVerdict(risky)
	if verdict.State != "failure" || !strings.Contains(verdict.Description, "build 2 of the job platform/build failed in its stage Scan") {
		t.Errorf("the failure is told as %+v", verdict)
	}
	shop.still(one)
	log, err := run1(w.dir, nil, os.Getenv(binaryVariable), "logs", "ws-1/shop", "--build", "--config", filepath.Join(w.dir, "serve.yaml"))
	if err != nil || !strings.Contains(log, "high CVE-2026-1 in left 1: mended in 2") || !strings.Contains(log, "found 1 high (") {
		t.Errorf("the log of the build is %v\n%s", err, log)
	}
	shop.app.commit("Bring along a newer one", files{"findings.json": fmt.Sprintf(finding, "LOW")})
	shop.runs("v1.0.1")
	if release := w.config.read(shop.releaseFile("v1.0.1")); !strings.Contains(release, "low: 1") {
		t.Errorf("the release file does not say what was found:\n%s", release)
	}
}

// A newer commit stops the build of the older one: its agent is free, and what runs in the end is the newer.
func TestANewerCommitStopsAJenkinsBuild(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	open := ci.hold()
	t.Cleanup(open)
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	w.await("a build in Jenkins", func() error { return wantBuilds(ci, 1) })
	shop.push("two")
	w.await("a build of the newer commit", func() error { return wantBuilds(ci, 2) })
	w.await("the end of the older build", func() error {
		if got := ci.Builds(jenkinsJob)[1].Result(); got != "ABORTED" {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
	open()
	shop.runs("v1.0.0")
	if got := shop.says(); got != "two" {
		t.Errorf("v1.0.0 says %q", got)
	}
	w.settle()
	if err := wantBuilds(ci, 2); err != nil {
		t.Error(err)
	}
}

// letJenkinsCall has serve take calls that are signed with a secret.
func (w *world) letJenkinsCall(secret string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "jenkins-secret"), []byte(secret+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.settings = append(w.settings, "webhooks: {jenkins: {secretFile: jenkins-secret}}")
}

// callAsJenkins tells serve that builds want a look, as the pipeline in docs/jenkins.md did at a time, and returns the status.
func (w *world) callAsJenkins(secret string, at time.Time) int {
	w.t.Helper()
	stamp, body := strconv.FormatInt(at.Unix(), 10), `{"build": "a1"}`
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s\n%s", stamp, body)
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.server.url()+"/webhooks/jenkins", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("X-Plateform-Time", stamp)
	r.Header.Set("X-Plateform-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// A crash of serve in the middle of a build costs no build: the next process finds it in Jenkins.
func TestACrashDuringAJenkinsBuild(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	open := ci.hold()
	t.Cleanup(open)
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	w.await("a build in Jenkins", func() error { return wantBuilds(ci, 1) })
	w.server.kill()
	w.loseData()
	w.start()
	w.settleBut(shop)
	open()
	shop.runs("v1.0.0")
	w.settle()
	if err := wantBuilds(ci, 1); err != nil {
		t.Error(err)
	}
}

// A Jenkins that is killed loses what was young in its queue, and is asked for it again; meanwhile it holds up nobody who needs no
// build.
func TestAKilledJenkins(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	ci.Hold()
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	w.await("an item in the queue of Jenkins", func() error {
		for _, call := range ci.Calls() {
			if strings.HasSuffix(call, "/buildWithParameters") {
				return nil
			}
		}
		return fmt.Errorf("nothing was triggered")
	})
	ci.Kill()
	w.settleBut(shop)
	ci.Starting()
	w.sendCanary()
	ci.Release()
	ci.Start()
	shop.runs("v1.0.0")
	w.settle()
	if err := wantBuilds(ci, 1); err != nil {
		t.Error(err)
	}
}

func wantBuilds(ci *pipelines, want int) error {
	if got := ci.begun(); len(got) != want {
		return fmt.Errorf("Jenkins built %d times, want %d: %v", len(got), want, got)
	}
	return nil
}
