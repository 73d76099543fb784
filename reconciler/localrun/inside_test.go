package localrun_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// An app reaches another of its workspace at the address that `from` gives it, whichever came first, and whichever release runs.
func TestProjectsReachEachOther(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	greeter := manifest.Key{Workspace: "ws-1", Project: "greeter"}
	w.deploy(release{version: "v1.0.0", image: image, env: map[string]string{"GREETER": "http://greeter", "ELSEWHERE": "http://127.0.0.1:1/greeter"}})
	if status, body := w.get("/fetch?name=GREETER"); status != http.StatusServiceUnavailable || !strings.Contains(body, "no project of that name runs here") {
		t.Errorf("before the other one is there, it gets %d %s", status, body)
	}
	if _, got := w.get("/env?name=ELSEWHERE"); got != "http://127.0.0.1:1/greeter" {
		t.Errorf("an address elsewhere became %s", got)
	}
	for _, answer := range []string{"hello", "good day"} {
		w.want(w.target(release{key: greeter, version: map[string]string{"hello": "v1.0.0", "good day": "v1.0.1"}[answer], image: image, host: "greeter.localhost", env: map[string]string{"ANSWER": answer}}))
		eventually(t, "the answer "+answer, func() bool { _, body := w.get("/fetch?name=GREETER"); return body == answer })
	}
	rival := manifest.Key{Workspace: "ws-2", Project: "greeter"}
	w.want(w.target(release{key: rival, version: "v1.0.0", image: image, host: "rival.localhost", env: map[string]string{"ANSWER": "rival"}}))
	eventually(t, "the rival to answer", func() bool { _, body := w.getAt("rival.localhost", "/"); return body == "rival" })
	if _, body := w.get("/fetch?name=GREETER"); body != "good day" {
		t.Errorf("a project of another workspace answers: %s", body)
	}
}

// spring is a release of a project with two services, of which one is public.
func (w *world) spring(version string, image manifest.Image, env ...manifest.EnvVar) reconciler.Target {
	w.t.Helper()
	parsed, err := manifest.ParseVersion(version)
	if err != nil {
		w.t.Fatal(err)
	}
	spec := manifest.ProjectSpec{Type: manifest.SpringMicroservice}
	spec.Port, spec.Replicas, spec.Domain, spec.Profiles = 8080, new(1), host, []string{"production", "eu"}
	spec.Health = &manifest.Health{Path: "/health"}
	spec.Services = []manifest.Service{
		{Name: "gateway", Public: true, Env: append(env, manifest.EnvVar{Name: "ANSWER", Value: new("gateway " + version)}, manifest.EnvVar{Name: "BILLING", Value: new("http://hello-billing")})},
		{Name: "billing", Env: append(env, manifest.EnvVar{Name: "ANSWER", Value: new("billing " + version)})},
	}
	gateway, billing := image, image
	gateway.Name, billing.Name = "gateway", "billing"
	values, err := manifest.BuildValues(manifest.ValuesInput{
		Key: key, Release: parsed, Project: spec, Platform: manifest.PlatformInputs{Namespace: "ws-1"}, Images: []manifest.Image{gateway, billing},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return reconciler.Target{Key: key, Release: version, Chart: manifest.Chart{Name: "spring-microservice", Version: "1.0.0"}, Values: []byte(values)}
}

// The services of a project change together: when one does not get ready, none does.
func TestServices(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	w.want(w.spring("v1.0.0", image))
	w.await("v1.0.0", reconciler.PhaseHealthy)
	w.answers("gateway v1.0.0")
	if _, body := w.get("/fetch?name=BILLING"); body != "billing v1.0.0" {
		t.Errorf("the other service answers %s", body)
	}
	if _, got := w.get("/env?name=SPRING_PROFILES_ACTIVE"); got != "production,eu" {
		t.Errorf("its profiles are %q", got)
	}
	if status, body := w.getAt("hello-billing.ws-1.internal", "/"); status != http.StatusNotFound {
		t.Errorf("a service that is not public answers %d %s", status, body)
	}

	bad := w.spring("v1.0.1", image)
	bad.Values = []byte(strings.Replace(string(bad.Values), `"billing v1.0.1"`, "\"x\"\n      - name: EXIT\n        value: \"3\"", 1))
	w.want(bad)
	if r := w.await("v1.0.1", reconciler.PhaseFailed); r.Cause != "service billing: it ended with exit code 3, 3 times in a row" {
		t.Errorf("cause %q", r.Cause)
	}
	w.answers("gateway v1.0.0")
	if _, body := w.get("/fetch?name=BILLING"); body != "billing v1.0.0" {
		t.Errorf("the other service answers %s", body)
	}

	w.want(w.spring("v1.0.2", image))
	w.await("v1.0.2", reconciler.PhaseHealthy)
	w.answers("gateway v1.0.2")
	if _, body := w.get("/fetch?name=BILLING"); body != "billing v1.0.2" {
		t.Errorf("the other service answers %s", body)
	}
}
