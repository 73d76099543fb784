package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

const (
	// liveTurns is how many pushes, and how many reverts, are measured.
	liveTurns = 7
	// livePatience is how long one may take.
	livePatience = time.Minute
	// askersOnNode is how many ask at once on a node: more than an ingress controller keeps connections for, so that new ones are made
	// all the time, as by people who come anew.
	askersOnNode = 4
	// idleApps is how many apps run in the row about memory.
	idleApps = 10
)

// live measures the way to an answer, with the real binary and the sample app of init on this machine: from a push to the new
// answer, the build in it, and from a revert to the old answer. Somebody keeps asking meanwhile, and not one request may fail.
// Then more apps are added, and what serve and all that it has started have in memory is measured.
func (s *stage) live() []Row {
	l := s.startLive()
	defer l.stop()
	l.add("hello")
	l.await("hello", "Hello, world!")
	crowd := l.keepAsking("hello", 1, time.Millisecond)
	greetings := make([]string, liveTurns)
	for turn := range greetings {
		greetings[turn] = "Hello " + strconv.Itoa(turn)
	}
	pushes, reverts := l.turns(greetings)
	if asked, failed := crowd.sendHome(); failed > 0 {
		s.Fatalf("%d of %d requests failed while versions took over from each other", failed, asked)
	}
	for n := 2; n <= idleApps; n++ {
		l.add("hello" + strconv.Itoa(n))
	}
	for n := 2; n <= idleApps; n++ {
		l.await("hello"+strconv.Itoa(n), greetings[liveTurns-1]+", world!")
	}
	return []Row{
		{Name: "push-to-live-local", Ours: median(pushes), Unit: "ms"},
		{Name: "revert-to-live-local", Ours: median(reverts), Unit: "ms"},
		{Name: "idle-10-apps-rss", Ours: l.memory(), Unit: "MiB"},
	}
}

// turns pushes one greeting after the other and takes each release back, and says how long it took until that answered.
func (l *liveSession) turns(greetings []string) (pushes, reverts []time.Duration) {
	for _, next := range greetings {
		l.replace("hello/main.go", strconv.Quote(l.written), strconv.Quote(next))
		l.git("hello", "commit", "--quiet", "--all", "--message=Greet")
		begin := time.Now()
		l.git("hello", "push", "--quiet")
		l.await("hello", next+", world!")
		pushes = append(pushes, time.Since(begin))
		l.git("platform-config", "pull", "--quiet")
		release := l.git("platform-config", "log", "-1", "--diff-filter=A", "--format=%H", "--", manifest.ReleasesDir(liveKey("hello")))
		l.git("platform-config", "revert", "--no-edit", release)
		begin = time.Now()
		l.git("platform-config", "push", "--quiet")
		l.await("hello", "Hello, world!")
		reverts = append(reverts, time.Since(begin))
		l.written = next
	}
	return pushes, reverts
}

// liveOnNode is the same in the cluster that the environment names, once each greeting was built: a source that was built before is
// not built again.
func (s *stage) liveOnNode() []Row {
	registry, ingress := os.Getenv("PLATEFORM_TEST_REGISTRY"), os.Getenv("PLATEFORM_TEST_INGRESS")
	if os.Getenv("KUBECONFIG") == "" || registry == "" || ingress == "" {
		s.Skip("the rows push-to-live and revert-to-live need a cluster (docs/CONTRIBUTING.md)")
	}
	l := s.startLiveOnNode(registry, ingress)
	defer l.stop()
	l.add("hello")
	l.await("hello", "Hello, world!")
	built := []string{"Hi", "Good day"}
	l.turns(built)
	crowd := l.keepAsking("hello", askersOnNode, 5*time.Millisecond)
	pushes, reverts := l.turns([]string{built[0], built[1], built[0], built[1], built[0]})
	if asked, failed := crowd.sendHome(); failed > 0 {
		s.Fatalf("%d of %d requests failed while versions took over from each other", failed, asked)
	}
	return []Row{
		{Name: "push-to-live", Ours: median(pushes), Unit: "ms"},
		{Name: "revert-to-live", Ours: median(reverts), Unit: "ms"},
	}
}

// startLiveOnNode makes an installation whose apps run in a cluster, and starts serve.
func (s *stage) startLiveOnNode(registry, ingress string) *liveSession {
	name := "bench-" + strings.ToLower(rand.Text()[:8])
	dir := filepath.Join(s.TempDir(), "acme")
	s.command(s.dir, s.plateform(), "init", dir, "--engine", "direct", "--registry", cmp.Or(os.Getenv("PLATEFORM_TEST_PULL"), "registry.test:5000"),
		"--ingress", ingress, "--domain", name+".localhost")
	l := &liveSession{stage: s, dir: dir, domain: name + ".localhost", written: "Hello", client: clientAt(ingress)}
	l.replace("serve.yaml", "listen: 127.0.0.1:8080", "listen: 127.0.0.1:0")
	l.replace("platform-config/samples/ws-1/workspace.yaml", "spec:", "spec:\n  namespace: "+name)
	l.git("platform-config", "commit", "--quiet", "--all", "--message=Take a free namespace")
	l.git("platform-config", "push", "--quiet")
	host, _, _ := strings.Cut(ingress, ":")
	l.start("HTTP_PROXY=http://"+registry, "NO_PROXY="+host)
	l.leave = func() { s.command(s.dir, "kubectl", "delete", "namespace", name, "--wait=false") }
	return l
}

// liveSession is a serve that runs apps, and somebody who works with it.
type liveSession struct {
	*stage
	dir     string
	serve   *exec.Cmd
	address string
	domain  string
	client  *http.Client
	// written is what main.go says; what answers is what was there before the push that was taken back.
	written string
	// leave takes away what is outside of the folder.
	leave func()
}

// startLive makes an installation and starts serve.
func (s *stage) startLive() *liveSession {
	l := s.prepareLive()
	l.start()
	return l
}

// prepareLive makes an installation at free addresses.
func (s *stage) prepareLive() *liveSession {
	dir := filepath.Join(s.TempDir(), "acme")
	s.command(s.dir, s.plateform(), "init", dir)
	l := &liveSession{stage: s, dir: dir, address: s.freeAddress(), domain: "localhost", written: "Hello"}
	l.client = clientAt(l.address)
	images := s.freeAddress()
	l.replace("serve.yaml", "127.0.0.1:8480", l.address)
	l.replace("serve.yaml", "127.0.0.1:5480", images)
	l.replace("serve.yaml", "listen: 127.0.0.1:8080", "listen: 127.0.0.1:0")
	l.replace("platform-config/platform.yaml", "127.0.0.1:5480", images)
	l.git("platform-config", "commit", "--quiet", "--all", "--message=Take free addresses")
	l.git("platform-config", "push", "--quiet")
	return l
}

// clientAt asks at one address, whatever host it asks for.
func clientAt(address string) *http.Client {
	var dialer net.Dialer
	return &http.Client{Timeout: livePatience, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		},
	}}
}

// start starts serve.
func (l *liveSession) start(env ...string) {
	l.serve = exec.CommandContext(l.ctx, l.plateform(), "serve", "--config", filepath.Join(l.dir, "serve.yaml"))
	l.serve.Env = append(os.Environ(), env...)
	l.serve.Cancel = func() error { return l.serve.Process.Signal(syscall.SIGTERM) }
	l.must(l.serve.Start())
}

// stop ends serve, and with it the apps.
func (l *liveSession) stop() {
	_ = l.serve.Process.Signal(syscall.SIGTERM)
	_ = l.serve.Wait()
	if l.leave != nil {
		l.leave()
	}
}

// freeAddress is an address that nobody listens on now.
func (s *stage) freeAddress() string {
	listener, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", "127.0.0.1:0")
	s.must(err)
	s.must(listener.Close())
	return listener.Addr().String()
}

// git runs git in one of the checkouts and returns what it prints.
func (l *liveSession) git(checkout string, args ...string) string {
	c := exec.CommandContext(l.ctx, "git", args...)
	c.Dir, c.Env = filepath.Join(l.dir, checkout), gitserver.Environment()
	out, err := c.CombinedOutput()
	if err != nil {
		l.Fatalf("git %v in %s: %w\n%s", args, checkout, err, out)
	}
	return strings.TrimSpace(string(out))
}

// replace replaces text in a file.
func (l *liveSession) replace(file, old, replacement string) {
	file = filepath.Join(l.dir, file)
	text, err := os.ReadFile(file)
	l.must(err)
	if !strings.Contains(string(text), old) {
		l.Fatalf("%s has no %s", file, old)
	}
	l.must(os.WriteFile(file, []byte(strings.ReplaceAll(string(text), old, replacement)), 0o600))
}

func liveKey(project string) manifest.Key { return manifest.Key{Workspace: "ws-1", Project: project} }

// add adds a project of the sample app.
func (l *liveSession) add(project string) {
	l.git("platform-config", "pull", "--quiet")
	for from, to := range map[string]string{
		"samples/ws-1/workspace.yaml":              manifest.WorkspaceFile("ws-1"),
		"samples/ws-1/projects/hello/project.yaml": manifest.ProjectFile(liveKey(project)),
	} {
		text, err := os.ReadFile(filepath.Join(l.dir, "platform-config", from))
		l.must(err)
		file := filepath.Join(l.dir, "platform-config", to)
		l.must(os.MkdirAll(filepath.Dir(file), 0o750))
		l.must(os.WriteFile(file, []byte(strings.Replace(string(text), "{name: hello}", "{name: "+project+"}", 1)), 0o600))
	}
	l.git("platform-config", "add", "workspaces")
	l.git("platform-config", "commit", "--quiet", "--message=Add "+project)
	l.land()
}

// land pushes on top of what others pushed, however often Plateform is faster.
func (l *liveSession) land() {
	const tries = 20
	for range tries {
		l.git("platform-config", "pull", "--quiet", "--rebase")
		c := exec.CommandContext(l.ctx, "git", "push", "--quiet")
		c.Dir, c.Env = filepath.Join(l.dir, "platform-config"), gitserver.Environment()
		if c.Run() == nil {
			return
		}
	}
	l.Fatal("others keep pushing to platform-config")
}

// ask returns the status and the text of an answer.
func (l *liveSession) ask(ctx context.Context, project string) (status int, text string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+project+"-ws-1."+l.domain+"/", nil)
	if err != nil {
		return 0, "", err
	}
	answer, err := l.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, strings.TrimSpace(string(body)), errors.Join(err, answer.Body.Close())
}

// await asks until the answer is as wanted.
func (l *liveSession) await(project, want string) {
	ctx, cancel := context.WithTimeout(l.ctx, livePatience)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	last := ""
	for ctx.Err() == nil {
		status, text, err := l.ask(ctx, project)
		if status == http.StatusOK && text == want {
			return
		}
		last = fmt.Sprintf("status %d, %q, %v", status, text, err)
		<-ticker.C
	}
	l.Fatalf("%s does not answer %q, but: %s", project, want, last)
}

// liveCrowd asks all the time.
type liveCrowd struct {
	stop          context.CancelFunc
	asking        sync.WaitGroup
	asked, failed atomic.Int64
}

// keepAsking has some ask at the same time, each with a pause between.
func (l *liveSession) keepAsking(project string, askers int, pause time.Duration) *liveCrowd {
	c := &liveCrowd{}
	ctx, stop := context.WithCancel(l.ctx)
	c.stop = stop
	for range askers {
		c.asking.Go(func() {
			ticker := time.NewTicker(pause)
			defer ticker.Stop()
			for ctx.Err() == nil {
				status, _, err := l.ask(ctx, project)
				if ctx.Err() != nil {
					return
				}
				c.asked.Add(1)
				if err != nil || status != http.StatusOK {
					c.failed.Add(1)
				}
				<-ticker.C
			}
		})
	}
	return c
}

func (c *liveCrowd) sendHome() (asked, failed int64) {
	c.stop()
	c.asking.Wait()
	return c.asked.Load(), c.failed.Load()
}

// memory is what serve and everything below it have in memory, in MiB: what they share is counted once for each.
func (l *liveSession) memory() float64 {
	const kibPerMiB = 1024
	parents := map[int]int{}
	rss := map[int]float64{}
	statuses, err := filepath.Glob("/proc/[0-9]*/status")
	l.must(err)
	for _, file := range statuses {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		pid := number(text, "Pid:")
		parents[pid], rss[pid] = number(text, "PPid:"), float64(number(text, "VmRSS:"))
	}
	total := 0.0
	for pid := range parents {
		for above := pid; above != 0; above = parents[above] {
			if above == l.serve.Process.Pid {
				total += rss[pid]
				break
			}
		}
	}
	return total / kibPerMiB
}

// number is the first number behind a word at the beginning of a line.
func number(text []byte, word string) int {
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, word); found {
			n, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
			return n
		}
	}
	return 0
}
