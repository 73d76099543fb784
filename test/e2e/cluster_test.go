//go:build e2e

package e2e

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// inCluster is a project that runs in the cluster that the environment names.
type inCluster struct {
	*project
	host string
}

// clusterProject is a world with engine direct and a project of a web server. Its images go to the registry of the cluster, by the
// name that the nodes know it by: serve reaches it through a proxy.
func clusterProject(t *testing.T) *inCluster {
	t.Helper()
	registry := os.Getenv("PLATEFORM_TEST_REGISTRY")
	if os.Getenv("KUBECONFIG") == "" || registry == "" {
		t.Skip("needs a cluster: KUBECONFIG, PLATEFORM_TEST_REGISTRY and PLATEFORM_TEST_INGRESS say which (docs/CONTRIBUTING.md)")
	}
	w := newWorld(t)
	t.Setenv("HTTP_PROXY", "http://"+w.registry.host)
	t.Setenv("NO_PROXY", strings.Split(os.Getenv("PLATEFORM_TEST_INGRESS"), ":")[0])
	w.registry.images = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: registry})
	w.registry.host = cmp.Or(os.Getenv("PLATEFORM_TEST_PULL"), "registry.test:5000")
	w.engine = "{kind: direct, kubeconfig: " + os.Getenv("KUBECONFIG") + "}"
	workspace := "ws-" + strings.ToLower(rand.Text()[:8])
	t.Cleanup(func() {
		_ = exec.Command("kubectl", "delete", "namespace", workspace, "--wait=false").Run() //nolint:gosec // the name is ours
	})
	w.open()
	shop := w.goProject(workspace, "shop")
	shop.app.commit("Serve", files{"main.go": webServer("one")})
	return &inCluster{shop, "shop-" + workspace + ".apps.example.com"}
}

// get asks the project through the ingress.
func (c *inCluster) get(path string) (string, error) {
	request, err := http.NewRequest(http.MethodGet, "http://"+os.Getenv("PLATEFORM_TEST_INGRESS")+path, http.NoBody)
	if err != nil {
		return "", err
	}
	request.Host = c.host
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}

// answers waits until the project answers with a text.
func (c *inCluster) answers(text string) {
	c.w.t.Helper()
	c.w.await(c.name+" to answer "+text, func() error {
		got, err := c.get("/")
		if err == nil && got != text {
			err = fmt.Errorf("it answers %q", got)
		}
		return err
	})
}

// asked asks the project all the time until the returned function is called, which fails the test for each answer that was none.
func (c *inCluster) asked() (stop func()) {
	done, failed, all := make(chan struct{}), []error{}, 0
	var asking sync.WaitGroup
	asking.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
			if _, err := c.get("/"); err != nil {
				failed = append(failed, err)
			}
			all++
		}
	})
	return func() {
		c.w.t.Helper()
		close(done)
		asking.Wait()
		if len(failed) > 0 || all == 0 {
			c.w.t.Errorf("%d of %d requests failed, the first with: %v", len(failed), all, append(failed, nil)[0])
		}
	}
}

// A project is built, released and answers in a real cluster; a push answers with the new version without a failed request; what never
// gets healthy is told with its cause while the version before goes on; a rollback answers with the old one, without a build.
func TestOnACluster(t *testing.T) {
	c := clusterProject(t)
	added := c.w.add(c.project)
	c.runs("v1.0.0")
	c.wantVerdict(added, "success")
	c.answers("one")

	stop := c.asked()
	c.app.commit("Two", files{"main.go": webServer("two")})
	c.runs("v1.0.1")
	c.answers("two")
	stop()

	broken := c.app.commit("Break it", files{"main.go": program("it ends")})
	c.runs("v1.0.2")
	c.wantSourceVerdict(broken, "failure")
	c.answers("two")

	stop = c.asked()
	builds := len(c.w.registry.builds(c.repository()))
	c.revert("v1.0.2")
	c.runs("v1.0.1")
	c.revert("v1.0.1")
	c.runs("v1.0.0")
	c.answers("one")
	stop()
	if more := len(c.w.registry.builds(c.repository())) - builds; more != 0 {
		t.Errorf("rolling back made %d builds", more)
	}
}
