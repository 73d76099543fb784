package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// live is a project that answers on this machine.
type live struct {
	*project
	host string
}

// liveProject is a world with engine local and a project of a web server that answers with its version and its process.
func liveProject(t *testing.T) *live {
	t.Helper()
	w := newWorld(t)
	w.engine = "{kind: local, listen: 127.0.0.1:0}"
	w.open()
	shop := w.goProject("ws-1", "shop")
	shop.app.commit("Serve", files{"main.go": webServer("one")})
	return &live{shop, "shop-ws-1.apps.example.com"}
}

// webServer is a program that answers with a version, and says its process at /pid.
func webServer(version string) string {
	return strings.ReplaceAll(`package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "VERSION") })
	http.HandleFunc("/round", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getenv("ROUND")) })
	http.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	fmt.Println("listening as VERSION")
	fmt.Println(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
	os.Exit(1)
}
`, "VERSION", version)
}

// get asks the project at the address that serve prints.
func (l *live) get(path string) (string, error) {
	printed, err := os.ReadFile(l.w.serveLog())
	if err != nil {
		return "", err
	}
	const marker = "Apps on "
	at := strings.LastIndex(string(printed), marker)
	if at < 0 {
		return "", fmt.Errorf("serve does not say where apps answer")
	}
	address, _, _ := strings.Cut(string(printed[at+len(marker):]), "\n")
	request, err := http.NewRequest(http.MethodGet, address+path, http.NoBody)
	if err != nil {
		return "", err
	}
	request.Host = l.host
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

// answers waits until the project answers like that.
func (l *live) answers(want string) {
	l.w.t.Helper()
	l.w.await("the answer "+want, func() error {
		body, err := l.get("/")
		if err == nil && body != want {
			err = fmt.Errorf("it answers %q", body)
		}
		return err
	})
}

// A push is live, the next one takes its place, and a revert brings the old answer back without a build. What does not run
// fails on its commit, and the old one goes on answering.
func TestPushIsLive(t *testing.T) {
	t.Parallel()
	shop := liveProject(t)
	w := shop.w
	commit := w.add(shop.project)
	shop.answers("one")
	if v := shop.verdict(commit); v.State != "success" || v.Stage != "deployed" {
		t.Errorf("the verdict is %+v", v)
	}

	if said, err := w.plateform("logs", "ws-1/shop", "--config", filepath.Join(w.dir, "serve.yaml")); err != nil || !strings.HasSuffix(said, " v1.0.0/app-1 listening as one") {
		t.Errorf("plateform logs says %q, %v", said, err)
	}
	if said, err := w.plateform("logs", "ws-1/shop", "--build", "--config", filepath.Join(w.dir, "serve.yaml")); err != nil || !strings.Contains(said, "source: "+shop.app.bare) {
		t.Errorf("plateform logs --build says %q, %v", said, err)
	}
	shop.app.commit("Say two", files{"main.go": webServer("two")})
	shop.answers("two")
	w.settle()
	shop.revert("v1.0.1")
	shop.answers("one")

	source := shop.app.commit("Break", files{"main.go": "package main\n\nimport \"os\"\n\nfunc main() { println(\"no database\"); os.Exit(4) }\n"})
	v := shop.sourceVerdict(source)
	if v.State != "failure" || !strings.Contains(v.Description, "it ended with exit code 4") {
		t.Errorf("the verdict on what does not run is %+v", v)
	}
	shop.statusTells("ws-1/shop failed", "the rollout of v1.0.2 failed: it ended with exit code 4")
	shop.answers("one")
	w.settle()
	if said, err := w.plateform("status", "ws-1/shop", "--config-repo", w.config.bare, "--gitops-repo", w.gitops.bare); err != nil || !strings.Contains(said, "not v1.0.2, whose rollout failed") || !strings.Contains(said, "it ended with exit code 4") {
		t.Errorf("plateform status says of what does not run: %q, %v", said, err)
	}
	log, err := os.ReadFile(w.serveLog())
	if tries := strings.Count(string(log), "a rollout failed\" project=ws-1/shop"); err != nil || tries > 2 {
		t.Errorf("what does not run was rolled out %d times, %v", tries, err)
	}
}

// Ten releases and ten rollbacks, asked for in Git, while others use the app: not one of their requests fails.
func TestLiveRolloutsUnderLoad(t *testing.T) {
	t.Parallel()
	shop := liveProject(t)
	w := shop.w
	w.add(shop.project)
	shop.answers("one")
	const rounds = 10
	round := func(n int) []string {
		return []string{"replicas: 2", fmt.Sprintf("env: [{name: ROUND, value: %q}]", fmt.Sprint(n))}
	}
	inRound := func(n int) {
		t.Helper()
		w.await(fmt.Sprint("round ", n), func() error {
			body, err := shop.get("/round")
			if err == nil && body != fmt.Sprint(n) {
				err = fmt.Errorf("it is in round %q", body)
			}
			return err
		})
	}
	shop.edit(round(0)...)
	inRound(0)
	asked := shop.underLoad()
	for n := 1; n <= rounds; n++ {
		shop.edit(round(n)...)
		inRound(n)
	}
	for n := rounds; n >= 1; n-- {
		shop.revert(fmt.Sprintf("v1.0.%d", n+1))
		inRound(n - 1)
	}
	if n := asked(); n < rounds {
		t.Errorf("only %d requests", n)
	}
}

// underLoad has others ask the project all the time, and report each request that fails. It returns what ends that, and tells
// how many there were.
func (l *live) underLoad() (end func() int) {
	ctx, cancel := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	var asked atomic.Int64
	for range 4 {
		asking.Go(func() {
			for ctx.Err() == nil {
				if body, err := l.get("/"); err != nil || body != "one" {
					l.w.t.Errorf("a request failed: %q, %v", body, err)
				}
				asked.Add(1)
			}
		})
	}
	end = sync.OnceValue(func() int { cancel(); asking.Wait(); return int(asked.Load()) })
	l.w.t.Cleanup(func() { end() })
	return end
}

// An address that somebody else has is told before anything is run.
func TestAppsAddressIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	w.engine = "{kind: local, listen: \"" + taken.Addr().String() + "\"}"
	w.setUp()
	out, err := run1(w.dir, nil, os.Getenv(binaryVariable), "serve", "--config", w.writeSettings())
	if err == nil || !strings.Contains(out+err.Error(), "is another serve running? set engine.listen in serve.yaml and ingress.port in platform.yaml, both") {
		t.Errorf("it ended with %v:\n%s", err, out)
	}
}

// After serve was killed nothing of the app is left; what ran runs again, with the same answer.
func TestAppsEndWithServe(t *testing.T) {
	t.Parallel()
	shop := liveProject(t)
	w := shop.w
	w.add(shop.project)
	shop.answers("one")
	for _, end := range []func(){w.restart, w.crash} {
		w.settle()
		pid, err := shop.get("/pid")
		if err != nil {
			t.Fatal(err)
		}
		end()
		w.await("process "+pid+" to end", func() error {
			if content, err := os.ReadFile(filepath.Join("/proc", pid, "stat")); err == nil && !strings.Contains(string(content), ") Z ") {
				return fmt.Errorf("it is there: %s", content)
			}
			return nil
		})
		shop.answers("one")
	}
}

// An app that crashes again and again although it was healthy is told of: on the commit that last edited its project, by status and at
// /readyz, which goes on saying ready. All three are over once it is well again.
func TestALiveAppThatFailsIsTold(t *testing.T) {
	t.Parallel()
	shop := liveProject(t)
	w := shop.w
	var sick atomic.Bool
	depended := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(depended.Close)
	source := strings.Replace(webServer("one"), "func main() {\n", `func main() {
	go func() {
		for ; ; time.Sleep(50 * time.Millisecond) {
			if answer, err := http.Get("`+depended.URL+`"); err == nil && answer.StatusCode != 200 {
				os.Exit(9)
			}
		}
	}()
`, 1)
	shop.app.commit("Depend on another", files{"main.go": strings.Replace(source, "\"os\"\n", "\"os\"\n\t\"time\"\n", 1)})
	commit := w.add(shop.project)
	shop.answers("one")
	w.settle()
	sick.Store(true)
	const why = "v1.0.0 fails since "
	w.await("/readyz to name it", func() error {
		status, text, err := w.readyz()
		if err != nil || status != http.StatusOK || !strings.Contains(text, "ready\ndegraded: 1 project") || !strings.Contains(text, "ws-1/shop: "+why) || !strings.Contains(text, "exit code 9") {
			return fmt.Errorf("%d %s, %v", status, text, err)
		}
		return nil
	})
	shop.newestSays(commit, "failure", why, "exit code 9", "plateform rollback ws-1/shop")
	shop.statusTells("ws-1/shop failed", why, "exit code 9")

	sick.Store(false)
	shop.edit("env: [{name: ROUND, value: two}]") // sooner than waiting for it to have been well for a while
	shop.newestSays(commit, "success", "v1.0.1 runs")
	shop.statusTells("ws-1/shop running")
	if status, text, err := w.readyz(); err != nil || status != http.StatusOK || strings.Contains(text, "degraded") {
		t.Errorf("/readyz says %d %s, %v", status, text, err)
	}
}
