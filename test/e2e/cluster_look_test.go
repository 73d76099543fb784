//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What an app in a cluster prints, how its pods do, and where they come from is shown to whoever may ask serve, and to whoever has the
// cluster at hand.
func TestLookingIntoACluster(t *testing.T) {
	c := clusterProject(t)
	name := c.workspace + "/" + c.name
	c.w.add(c.project)
	c.runs("v1.0.0")
	c.answers("one")
	settings := filepath.Join(c.w.dir, "serve.yaml")
	data := filepath.Join(c.w.dir, "data")
	text, err := os.ReadFile(filepath.Join(data, "api", "address"))
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSpace(string(text))
	server := []string{"--server", "http://" + address, "--token-file", filepath.Join(data, "api", "token")}
	repositories := []string{"--config-repo", c.w.config.url, "--gitops-repo", c.w.gitops.url}
	says := func(words []string, args ...string) {
		t.Helper()
		c.w.await("plateform "+args[0], func() error {
			out, err := c.w.plateform(args...)
			for _, word := range words {
				if err == nil && !strings.Contains(out, word) {
					err = fmt.Errorf("it does not say %q", word)
				}
			}
			if err != nil {
				err = fmt.Errorf("plateform %v: %w\n%s", args, err, out)
			}
			return err
		})
	}
	says([]string{" shop-", " listening as one"}, "logs", name, "--config", settings)
	says([]string{" shop-", " listening as one"}, append([]string{"logs", name}, server...)...)
	pods := []string{"1 of 1 ready", "shop-", "  ready  ", "sha256:", "answers through the ingress; DNS"}
	says(append(pods, "v1.0.0"), append(append([]string{"status", name}, repositories...), server...)...)
	says(pods, append([]string{"status", name, "--config", settings}, repositories...)...)
	says([]string{"PODS", "1 of 1 ready"}, append(append([]string{"status"}, repositories...), server...)...)
	says(append(pods, "Add shop", "build "), append(append([]string{"why", "http://" + c.host}, repositories...), server...)...)
	says([]string{`"running": {`, `"ready": 1`}, append(append([]string{"why", name, "--output", "json"}, repositories...), server...)...)

	out := filepath.Join(c.w.dir, "followed")
	startProcess(t, command(c.w.dir, os.Getenv(binaryVariable), append([]string{"logs", name, "-f"}, server...)...), out)
	shown := func(text string) {
		t.Helper()
		c.w.await(text+" to be shown", func() error {
			got, err := os.ReadFile(out)
			if err == nil && strings.Count(string(got), text) != 1 {
				err = fmt.Errorf("it shows\n%s", got)
			}
			return err
		})
	}
	shown("listening as one")
	c.app.commit("Two", files{"main.go": webServer("two")})
	shown("listening as two")
	crashing := strings.Replace(webServer("three"), "fmt.Println(http.", "os.Exit(7)\n\tfmt.Println(http.", 1)
	c.app.commit("Three", files{"main.go": crashing})
	says([]string{"(before it was started again) listening as three"}, "logs", name, "--config", settings)
	says([]string{"restart", "v1.0.2 "}, append(append([]string{"status", name}, repositories...), server...)...)
	stranger := filepath.Join(c.w.dir, "token")
	if err := os.WriteFile(stranger, []byte("a-token-of-nobody"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := c.w.plateform("logs", name, "--server", "http://"+address, "--token-file", stranger); err == nil || strings.Contains(said, "listening") {
		t.Errorf("a stranger reads %q (%v)", said, err)
	}
}
