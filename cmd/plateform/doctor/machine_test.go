package doctor

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/localrun/router"
)

// The router of a serve that runs has no app at its own address, and is known by saying so; another server there is a failure.
func TestTheAddressOfARouter(t *testing.T) {
	t.Parallel()
	serve := httptest.NewServer(router.New(router.Options{Log: slog.New(slog.DiscardHandler)}))
	defer serve.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	address := strings.TrimPrefix(serve.URL, "http://")
	if diff := cmp.Diff(ok("engine.listen", "a serve answers at %s", address), checkAddress(t.Context(), "engine.listen", address, routerAnswers)); diff != "" {
		t.Errorf("a router (-want +got):\n%s", diff)
	}
	if got := checkAddress(t.Context(), "engine.listen", strings.TrimPrefix(other.URL, "http://"), routerAnswers); got.Status != Failure {
		t.Errorf("another server: %+v", got)
	}
}

// A serve that runs is asked what it runs into; what else listens there has nothing to say.
func TestCheckReady(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		text   string
		want   []Diagnosis
	}{
		{"all is well", http.StatusOK, "ready\n", []Diagnosis{ok("serve", "ready")}},
		{"a source is lost", http.StatusOK, "ready\n1 project cannot follow a source: plateform status says which\n",
			[]Diagnosis{ok("serve", "ready; 1 project cannot follow a source: plateform status says which")}},
		{"two refusals, one with colours", http.StatusServiceUnavailable, "not ready: \x1b[31mthe server refuses\x1b[0m\nnot ready: people are not told\n", []Diagnosis{
			fail("serve", "not ready: [31mthe server refuses[0m", "mend that; serve goes on by itself"),
			fail("serve", "not ready: people are not told", "mend that; serve goes on by itself"),
		}},
		{"somebody else's server", http.StatusNotFound, "no such page", nil},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/readyz" {
				t.Errorf("it asks for %s", r.URL.Path)
			}
			http.Error(w, strings.TrimSuffix(tt.text, "\n"), tt.status)
		}))
		got := checkReady(t.Context(), strings.TrimPrefix(server.URL, "http://"))
		server.Close()
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := checkReady(t.Context(), "127.0.0.1:1"); got != nil {
		t.Errorf("where nobody listens, it finds %v", got)
	}
}

// Whoever has apps run here is told what is not limited.
func TestCheckAppsTellsOfCPU(t *testing.T) {
	t.Parallel()
	d := &examination{settings: &installation.Settings{Engine: installation.EngineSettings{Kind: "local"}}}
	found := d.checkApps(t.Context())
	if len(found) != 1 || !strings.Contains(found[0].Detail, "CPU is not limited") {
		t.Errorf("it says %+v", found)
	}
}

// Where images are to be scanned before they are released, whoever builds here needs a scanner.
func TestScanner(t *testing.T) {
	tools := t.TempDir()
	t.Setenv("PATH", tools)
	d := &examination{settings: &installation.Settings{Builder: installation.BuilderSettings{Kind: "local"}}, platform: &manifest.Platform{}}
	if found := d.checkScanner(t.Context()); found != nil {
		t.Errorf("nothing is to be scanned, and it says %v", found)
	}
	d.platform.Spec.Policy.Scan.FailOn = "high"
	checkDiagnosis(t, d.checkScanner(t.Context())[0], Failure, "trivy is not installed", "install trivy where serve runs")
	if err := os.WriteFile(filepath.Join(tools, "trivy"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	checkDiagnosis(t, d.checkScanner(t.Context())[0], Fine, "findings of severity high or above", "")
	d.settings.Builder.Kind = "jenkins"
	if found := d.checkScanner(t.Context()); found != nil {
		t.Errorf("Jenkins scans, and it says %v", found)
	}
}
