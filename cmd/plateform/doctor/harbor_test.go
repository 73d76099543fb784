package doctor

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/harborserver"
	"github.com/plateform/plateform/test/ociregistry"
)

// What is wrong with a Harbor is told with what mends it.
func TestHarbor(t *testing.T) {
	rule := func(template, tags string) map[string]any {
		return map[string]any{"template": template, "tag_selectors": []any{map[string]any{"kind": "doublestar", "decoration": "matches", "pattern": tags}},
			"scope_selectors": map[string]any{"repository": []any{map[string]any{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}}}}
	}
	for _, tt := range []struct {
		name   string
		change func(*harborserver.Server)
		status Health
		says   string
	}{
		{"all is well", func(*harborserver.Server) {}, Fine, "shows us project apps"},
		{"releases are retained", func(s *harborserver.Server) { s.Retain(rule("always", "v*")) }, Fine, "no rule removes images of releases"},
		{"images go by age", func(s *harborserver.Server) { s.Retain(rule("nDaysSinceLastPull", "**")) }, Warning, "no rule keeps all tags v*, or the 50 newest"},
		{"a component is not well", func(s *harborserver.Server) { s.Unhealthy("trivy", "no space left") }, Failure, "trivy: no space left"},
		{"no scanner", func(s *harborserver.Server) {
			s.Inject(harborserver.Fault{Status: 200, Body: `{"components": []}`})
		}, Warning, "it names no scanner among its components"},
		{"rules that are hidden", func(s *harborserver.Server) {
			s.Inject(harborserver.Fault{Status: 200, Body: `{"components": [{"name": "trivy", "status": "healthy"}]}`},
				harborserver.Fault{Status: 200, Body: `{"metadata": {"retention_id": "7"}}`}, harborserver.Fault{Status: 403, Body: "{}"})
		}, Warning, "the account may not read which images of project apps are retained"},
		{"a wrong password", func(s *harborserver.Server) { s.Login("robot", "another") }, Failure, "401"},
		{"no Harbor", func(s *harborserver.Server) { s.Inject(harborserver.Fault{Status: 404, Body: "<html>"}) }, Failure, "404 Not Found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			images := ociregistry.New(t)
			server := harborserver.New(t, http.HandlerFunc(images.ServeDirectly))
			server.Login("robot", "hunter2")
			images.Answer(server.Answer)
			dir := t.TempDir()
			settings := &installation.Settings{Registry: installation.RegistrySettings{Kind: "harbor", UsernameFile: filepath.Join(dir, "user"), PasswordFile: filepath.Join(dir, "password")}}
			for file, content := range map[string]string{settings.Registry.UsernameFile: "robot", settings.Registry.PasswordFile: "hunter2"} {
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			tt.change(server)
			d := &examination{settings: settings, now: time.Now, platform: &manifest.Platform{Spec: manifest.PlatformSpec{
				Registry: manifest.RegistrySpec{URL: images.Host + "/apps"}, Policy: manifest.PolicySpec{Scan: manifest.ScanPolicy{FailOn: "critical"}},
			}}}
			found := d.checkHarbor(t.Context())
			if len(found) != 1 || found[0].Status != tt.status || !strings.Contains(found[0].Detail, tt.says) || (found[0].Fix == "") != (tt.status == Fine) || strings.Contains(found[0].Detail, "hunter2") {
				t.Errorf("got %+v, want %s: %s", found, tt.status, tt.says)
			}
		})
	}
}
