package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/test/jenkinsserver"
)

// trigger has Jenkins build with these parameters, as somebody could who may start builds, and returns the build once it has ended.
func (p *pipelines) trigger(parameters map[string]string) *jenkinsserver.Build {
	t := p.w.t
	t.Helper()
	form := url.Values{}
	for name, value := range parameters {
		form.Set(name, value)
	}
	before := len(p.Builds(jenkinsJob))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/job/platform/job/build/buildWithParameters", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("plateform", jenkinsToken)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	var build *jenkinsserver.Build
	p.w.await("the end of the build", func() error {
		if build = p.Builds(jenkinsJob)[before+1]; build == nil || build.Result() == "" {
			return errors.New("it has not begun, or goes on")
		}
		return nil
	})
	return build
}

// Whatever stands in a parameter, no shell runs it, no tool takes it for an option of its own, and no credential of the job shows: the
// pipeline of the examples, word for word, with the real steps.
func TestHostileParametersReachNoShell(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	app := newRepo(t, w.dir, "app")
	commit := app.commit("Begin", files{"go.mod": "module example.com/app\n\ngo 1.24\n", "main.go": program("one")})
	good := map[string]string{
		jenkins.ParamID: "a1", jenkins.ParamNonce: "n0nce", jenkins.ParamProject: "ws-1/shop", jenkins.ParamImage: "app",
		jenkins.ParamRepository: app.url, jenkins.ParamCommit: commit, jenkins.ParamBuild: "{}",
		jenkins.ParamDestination: w.registry.host + "/ws-1/shop", jenkins.ParamTag: "build-a1",
	}
	if b := ci.trigger(good); b.Result() != "SUCCESS" {
		t.Fatalf("what is not hostile ends as %s", b.Result())
	}
	canary := filepath.Join(w.dir, "pwned")
	touch := "touch " + canary
	for _, name := range jenkins.Parameters() {
		for i, evil := range []string{
			"$(" + touch + ")`" + touch + "`", "';" + touch + ";'", "\"; " + touch + " #", "x\n" + touch + "\n", "--upload-pack=" + touch, "ext::sh -c " + touch,
			`{"dockerfile": "$(` + touch + `)", "env": [{"name": "X;` + touch + `", "value": "$(` + touch + `)"}]}`,
		} {
			parameters := map[string]string{}
			for name, value := range good {
				parameters[name] = value
			}
			parameters[jenkins.ParamID] = fmt.Sprintf("%s-%d", strings.ToLower(name), i)
			parameters[name] = evil
			ci.trigger(parameters)
			if _, err := os.Stat(canary); err == nil {
				t.Fatalf("%s=%q is run", name, evil)
			}
		}
	}
	for number, b := range ci.Builds(jenkinsJob) {
		log := b.Log()
		for _, secret := range []string{"password-for-sources", "password-for-images"} {
			if strings.Contains(log, secret) {
				t.Errorf("build %d shows a password", number)
			}
		}
	}
}

// A build that somebody stops in Jenkins has failed, and what runs goes on; a retry builds it.
func TestABuildThatSomebodyStopsInJenkins(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	one := shop.runs("v1.0.0")
	open := ci.hold()
	t.Cleanup(open)
	two := shop.push("two")
	w.await("its build", func() error { return wantBuilds(ci, 2) })
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, ci.URL+"/job/platform/job/build/2/stop", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("plateform", jenkinsToken)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if verdict := shop.sourceVerdict(two); verdict.State != "failure" || !strings.Contains(verdict.Description, "build 2 of the job platform/build was stopped in Jenkins") {
		t.Errorf("it is told as %+v", verdict)
	}
	shop.still(one)
	open()
	shop.retry()
	shop.runs("v1.0.1")
	shop.wantSays("two")
}

// A Jenkins that is restarted in an orderly way, while builds wait, run and have ended, goes on with each of them: none is made twice.
func TestARestartedJenkins(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	w.open()
	shop := w.goProject("ws-1", "shop")
	restart := func() {
		ci.Shutdown()
		w.settleBut(shop)
		ci.Starting()
		w.sendCanary()
		ci.Start()
	}
	ci.Hold()
	w.add(shop)
	w.await("an item in the queue", func() error {
		if len(ci.Calls()) == 0 || !strings.Contains(strings.Join(ci.Calls(), "\n"), "/buildWithParameters") {
			return fmt.Errorf("nothing was triggered")
		}
		return nil
	})
	restart()
	ci.Release()
	shop.runs("v1.0.0")
	for i, text := range []string{"two", "three"} {
		open := ci.hold()
		t.Cleanup(open)
		shop.push(text)
		w.await("a build that runs", func() error { return wantBuilds(ci, i+2) })
		if text == "three" { // it ends while nobody can be asked
			ci.Shutdown()
			open()
			w.await("the end of the build", func() error {
				if ci.Builds(jenkinsJob)[3].Result() != "SUCCESS" {
					return fmt.Errorf("it goes on")
				}
				return nil
			})
		}
		restart()
		open()
		shop.runs(fmt.Sprintf("v1.0.%d", i+1))
		shop.wantSays(text)
		if err := wantBuilds(ci, i+2); err != nil {
			t.Error(err)
		}
	}
	w.settle()
	shop.wantNothingDoubled(3)
}
