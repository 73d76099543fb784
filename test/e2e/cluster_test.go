//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
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
	w.databases = w.registry.host + "/debian"
	w.engine = "{kind: direct, kubeconfig: " + os.Getenv("KUBECONFIG") + "}"
	_, port, _ := strings.Cut(os.Getenv("PLATEFORM_TEST_INGRESS"), ":")
	w.platform = append(w.platform, "ingress: {port: "+port+"}")
	key := w.newVault("age.key")
	w.platform = append(w.platform, "secrets: {recipients: ["+key.recipient+"]}")
	w.settings = append(w.settings, "api: {listen: '127.0.0.1:0'}", "keys: {identityFile: "+key.file+"}")
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

// askers is how many ask at once: more than an ingress controller keeps connections for, so that new ones are made all the time.
const askers = 4

// asked asks the project all the time until the returned function is called, which fails the test for each answer that was none.
func (c *inCluster) asked() (stop func()) {
	var (
		asking sync.WaitGroup
		mu     sync.Mutex
		failed []error
		all    int
	)
	done := make(chan struct{})
	for range askers {
		asking.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(10 * time.Millisecond):
				}
				_, err := c.get("/")
				mu.Lock()
				all++
				if err != nil {
					failed = append(failed, err)
				}
				mu.Unlock()
			}
		})
	}
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
	if got, err := c.get("/"); got != "one" || err != nil { // at once: that is what deployed says
		t.Errorf("it is deployed, and answers %q, %v", got, err)
	}
	if verdict := c.verdict(added); !strings.Contains(verdict.Description, "v1.0.0 runs; answers through the ingress; DNS does not ") {
		t.Errorf("the verdict is %q", verdict.Description)
	}

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

// The namespace, plateform-gitops and the disk of serve are lost, all at once: the config repository and the key bring everything back, the
// secrets of an app among it, without a build.
func TestAClusterIsFilledAgain(t *testing.T) {
	c := clusterProject(t)
	const token = "it is opened again"
	c.app.commit("Answer with a hash", files{"main.go": hashServer})
	c.w.add(c.project)
	c.runs("v1.0.0")
	c.edit(`env: [{name: TOKEN, secret: "` + c.w.encrypt(c.workspace+"/shop/TOKEN", token) + `"}]`)
	c.runs("v1.0.1")
	c.answers(hashOf(token))
	before, builds := c.values(), len(c.w.registry.builds(c.repository()))
	c.w.stop()
	if out, err := run1(".", nil, "kubectl", "delete", "namespace", c.workspace, "--timeout=2m"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c.w.gitops.look("update-ref", "-d", "refs/heads/main")
	c.w.loseData()
	c.w.start()
	c.runs("v1.0.1")
	c.answers(hashOf(token))
	same(t, c.values(), before)
	if more := len(c.w.registry.builds(c.repository())) - builds; more != 0 {
		t.Errorf("%d builds were made", more)
	}
}

// An app that ends until what it needs is there is red at first, and green on the same commit once it answers.
func TestARolloutThatGetsThereLate(t *testing.T) {
	c := clusterProject(t)
	c.w.add(c.project)
	c.runs("v1.0.0")
	late := fmt.Sprintf("func main() {\n\tif time.Now().Unix() < %d {\n\t\tos.Exit(1)\n\t}\n", time.Now().Add(40*time.Second).Unix())
	program := strings.Replace(webServer("two"), "func main() {\n", late, 1)
	if !strings.Contains(program, "\"time\"\n") {
		program = strings.Replace(program, "import (\n", "import (\n\t\"time\"\n", 1)
	}
	pushed := c.app.commit("Wait for the database", files{"main.go": program})
	c.wantSourceVerdict(pushed, "failure")
	c.answers("two")
	c.w.await("the commit to turn green", func() error {
		if notes := c.sourceNotes(pushed); notes[len(notes)-1].State != "success" {
			return fmt.Errorf("it says %+v", notes)
		}
		return nil
	})
	if out, err := c.w.plateform("status", c.workspace+"/"+c.name, "--config-repo", c.w.config.url, "--gitops-repo", c.w.gitops.url); err != nil || strings.Contains(out, "failed") {
		t.Errorf("status says (%v):\n%s", err, out)
	}
}

// What keeps a release from running is told on the line of project.yaml that can mend it.
func TestCauseOnACluster(t *testing.T) {
	c := clusterProject(t)
	c.spec = []string{"replicas: 1", "resources: {cpu: 100m, memory: 64Mi}"}
	c.w.add(c.project)
	c.runs("v1.0.0")
	hungry := strings.Replace(webServer("two"), "func main() {\n", "func main() {\n\tfor all := [][]byte{}; len(all) < 4096; {\n\t\tmore := make([]byte, 1<<20)\n\t\tfor n := range more {\n\t\t\tmore[n] = 1\n\t\t}\n\t\tall = append(all, more)\n\t}\n", 1)
	broken := c.app.commit("Want it all", files{"main.go": hungry})
	verdict := c.sourceVerdict(broken)
	if want := c.file() + ":"; verdict.State != "failure" || !strings.Contains(verdict.Description, want) || !strings.Contains(verdict.Description, "OOMKilled") {
		t.Errorf("the verdict is %+v, and does not say %s", verdict, want)
	}
	if lines := strings.Split(c.w.config.read(c.file()), "\n"); !strings.Contains(lines[lineIn(t, verdict.Description, c.file())-1], "memory: 64Mi") {
		t.Errorf("%q is on another line", verdict.Description)
	}
	c.answers("one")
}

// lineIn is the line of a file that a text names.
func lineIn(t *testing.T, text, file string) int {
	t.Helper()
	found := regexp.MustCompile(regexp.QuoteMeta(file) + `:(\d+):\d+: `).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("%q names no line of %s", text, file)
	}
	line, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// The demo tells its story in a cluster, too: its URL answers there at each step, and nothing of it is left.
func TestDemoOnACluster(t *testing.T) {
	flags, env := ownCluster(t)
	out := playDemo(t, append([]string{"--domain", "demo-" + strings.ToLower(rand.Text()[:8]) + ".localhost"}, flags...), env, `(?s)Hello, world!.*Good day, world!.*Good day, Alice!.*Good day, world!`,
		`requests, 0 failed`, `builds: 3, as before`)
	namespace := regexp.MustCompile(`in namespace (demo-[a-z0-9]+)`).FindStringSubmatch(out)
	if namespace == nil {
		t.Fatalf("the demo does not say which namespace it uses:\n%s", out)
	}
	t.Cleanup(func() {
		_ = exec.Command("kubectl", "delete", "namespace", namespace[1], "--wait=false", "--ignore-not-found").Run() //nolint:gosec // the name is ours
	})
	eventually(t, namespace[1]+" to be deleted", func() error {
		if phase, err := run1(".", nil, "kubectl", "get", "namespace", namespace[1], "--ignore-not-found", "--output=jsonpath={.status.phase}"); err != nil || phase == "Active" {
			return fmt.Errorf("it is %s: %w", phase, err)
		}
		return nil
	})
}

// An app in a folder is brought up in a cluster, follows what is saved, and is rolled back from that folder, without a build.
func TestUpOnACluster(t *testing.T) {
	flags, env := ownCluster(t)
	registry := clusterRegistry(t)
	data, app, domain := t.TempDir(), filepath.Join(t.TempDir(), "shop"), "up-"+strings.ToLower(rand.Text()[:8])+".localhost"
	env = append(env, "HTTP_PROXY=http://"+registry.host, "XDG_DATA_HOME="+data)
	write := func(text string) {
		for name, content := range (files{"go.mod": "module shop\n\ngo 1.24\n", "main.go": webServer(text)}) {
			if err := os.MkdirAll(app, 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(app, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("one")
	bringUp(t, data, env, append([]string{app, "--watch", "--domain", domain}, flags...)...)
	c := &inCluster{host: "shop-local." + domain}
	answers := func(text string) {
		t.Helper()
		eventually(t, "shop to answer "+text, func() error {
			got, err := c.get("/")
			if err == nil && got != text {
				err = fmt.Errorf("it answers %q", got)
			}
			return err
		})
	}
	answers("one")
	write("two")
	answers("two")
	if out, err := run1(app, env, os.Getenv(binaryVariable), "rollback", "local/shop"); err != nil || !strings.Contains(out, "from v1.0.1 to v1.0.0") {
		t.Fatalf("the rollback says (%v):\n%s", err, out)
	}
	answers("one")
	if builds := registry.builds("local/shop"); len(builds) != 2 {
		t.Errorf("two saves and a rollback made the builds %v", builds)
	}
}

// bringUp runs up with an installation in the folder data, until the test ends.
func bringUp(t *testing.T, data string, env []string, args ...string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var told bytes.Buffer
	up := exec.CommandContext(ctx, os.Getenv(binaryVariable), append([]string{"up"}, args...)...) //nolint:gosec // ours
	up.Env, up.Stdout, up.Stderr = append(os.Environ(), env...), &told, &told
	up.Cancel = func() error { return up.Process.Signal(os.Interrupt) }
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = up.Wait()
		if t.Failed() {
			t.Logf("up told:\n%s", told.String())
		}
		config := filepath.Join(data, "plateform", "remotes", "platform-config.git")
		out, err := run1(".", nil, "git", "-C", config, "show", "main:workspaces/local/workspace.yaml")
		if namespace := regexp.MustCompile(`namespace: (local-[a-z0-9]+)`).FindStringSubmatch(out); err == nil && namespace != nil {
			_ = exec.Command("kubectl", "delete", "namespace", namespace[1], "--wait=false").Run() //nolint:gosec // the name is ours
		}
	})
}

// clusterRegistry is the registry of the cluster, which counts what is pushed by those whose proxy it is.
func clusterRegistry(t *testing.T) *registry {
	t.Helper()
	r := newRegistry(t)
	r.images = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: os.Getenv("PLATEFORM_TEST_REGISTRY")})
	return r
}

// ownCluster are the flags and the environment with which a command makes an installation for the cluster of the environment.
func ownCluster(t *testing.T) (flags, env []string) {
	t.Helper()
	registry, ingress := os.Getenv("PLATEFORM_TEST_REGISTRY"), os.Getenv("PLATEFORM_TEST_INGRESS")
	if os.Getenv("KUBECONFIG") == "" || registry == "" {
		t.Skip("needs a cluster: KUBECONFIG, PLATEFORM_TEST_REGISTRY and PLATEFORM_TEST_INGRESS say which (docs/CONTRIBUTING.md)")
	}
	dependOnSources(t)
	host, _, _ := strings.Cut(ingress, ":")
	return []string{"--engine", "direct", "--registry", cmp.Or(os.Getenv("PLATEFORM_TEST_PULL"), "registry.test:5000"), "--ingress", ingress},
		[]string{"KUBECONFIG=" + os.Getenv("KUBECONFIG"), "HTTP_PROXY=http://" + registry, "NO_PROXY=" + host}
}

// eventually waits until there is no error any more, where there is no world to wait for.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.After(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("waited %v for %s: %v", patience, what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
