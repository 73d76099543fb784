package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

const manyProjects = 10_000

// start is the built binary started on a fleet with nothing to do, until it says that it is ready; and the most memory it
// had by then. The git command line clones both repositories from the same server.
func (s *stage) start() []Row {
	f := s.fleet(shape{projects: manyProjects, releases: releasesEach})
	config, gitops := s.copyRepo(f.config, "config"), s.copyRepo(f.gitops, "gitops")
	var ours, theirs []time.Duration
	memory := 0.0
	for range rounds {
		took, peak := s.serve(config, gitops)
		ours = append(ours, took)
		memory = max(memory, peak)
		theirs = append(theirs, s.clone(config)+s.clone(gitops))
	}
	if config.Head("main") != f.config.Head("main") || gitops.Head("main") != f.gitops.Head("main") {
		s.Fatal("there was something to do")
	}
	return []Row{
		paired("start-10k", median(ours), median(theirs), "ms"),
		{Name: "start-10k-rss", Ours: memory, Unit: "MiB"},
	}
}

// clone returns how long git needs to clone a repository.
func (s *stage) clone(repo *gitserver.Repo) time.Duration {
	dir := s.TempDir()
	took := s.command(dir, "git", "clone", "--quiet", "--bare", repo.URL, "copy.git")
	s.must(os.RemoveAll(dir))
	return took
}

// serve starts `plateform serve`, waits until it is ready, and ends it.
func (s *stage) serve(config, gitops *gitserver.Repo) (time.Duration, float64) {
	p := s.startServe(s.TempDir(), config, gitops, "")
	defer p.stop()
	return p.took, s.memory(p.pid, "VmHWM:")
}

// startServe starts `plateform serve` with more settings than the usual, and waits until it is ready.
func (s *stage) startServe(dir string, config, gitops *gitserver.Repo, more string) *served {
	return s.startServing(dir, fmt.Sprintf("config: {url: %q}\ngitops: {url: %q}\nforge: {kind: git, poll: 1h}\n%s", config.URL, gitops.URL, more))
}

// startServing is startServe with the repositories and the forge among the settings.
func (s *stage) startServing(dir, more string) *served {
	settings := fmt.Sprintf(`listen: 127.0.0.1:0
dataDir: %q
builder: {kind: none}
engine: {kind: none}
%s`, filepath.Join(dir, "data"), more)
	file := filepath.Join(dir, "serve.yaml")
	s.must(os.WriteFile(file, []byte(settings), 0o600))
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	c := exec.CommandContext(ctx, s.plateform(), "serve", "--config", file)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	stdout, err := c.StdoutPipe()
	s.must(err)
	c.Stderr = s.log(dir)
	begin := time.Now()
	s.must(c.Start())
	p := &served{pid: c.Process.Pid, stop: sync.OnceFunc(func() {
		cancel()
		_ = c.Wait() // it was told to end
	})}
	s.Cleanup(p.stop)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	s.must(err)
	_, url, found := strings.Cut(strings.TrimSpace(line), "Listening on ")
	if !found {
		s.Fatalf("serve says %q", line)
	}
	p.url = url
	s.eventually("serve is ready", func() bool { return s.answers(url + "/readyz") })
	p.took = time.Since(begin)
	return p
}

// log is the file that a server's log goes to.
func (s *stage) log(dir string) *os.File {
	log, err := os.Create(filepath.Join(dir, "log"))
	s.must(err)
	s.Cleanup(func() { _ = log.Close() })
	return log
}

func (s *stage) answers(url string) bool {
	request, err := http.NewRequestWithContext(s.ctx, http.MethodGet, url, nil)
	s.must(err)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// memory is what a process has resident (VmRSS:), or the most that it has had (VmHWM:), in MiB. What its parent had is not in
// it, as it is in the resource usage that the parent gets at the end.
func (s *stage) memory(pid int, which string) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	s.must(err)
	for line := range strings.Lines(string(status)) {
		if text, found := strings.CutPrefix(line, which); found {
			kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 64)
			s.must(err)
			return kilobytes / 1024
		}
	}
	s.Fatal("the system does not say how much memory a process has")
	return 0
}

// processor is how much processor time a process has had.
func (s *stage) processor(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	s.must(err)
	_, rest, _ := strings.Cut(string(stat), ") ") // its name may hold anything
	var ticks int64
	for _, field := range strings.Fields(rest)[11:13] { // in user mode, in the kernel
		n, err := strconv.ParseInt(field, 10, 64)
		s.must(err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// checkout clones the config repository of the fleet of 10,000 projects.
func (s *stage) checkout(f *fleet) string {
	dir := filepath.Join(s.TempDir(), "config")
	s.command(s.dir, "git", "clone", "--quiet", f.config.URL, dir)
	return dir
}

// validate is the built binary on a checkout in which nothing is wrong.
func (s *stage) validate() []Row {
	f := s.fleet(shape{projects: manyProjects, releases: releasesEach})
	dir := s.checkout(f)
	s.command(dir, s.plateform(), "validate") // the disk's cache
	var took []time.Duration
	for range rounds {
		took = append(took, s.command(dir, s.plateform(), "validate"))
	}
	return []Row{{Name: "validate-10k", Ours: median(took), Unit: "ms"}}
}

// plan is the built binary on a branch that changes one project.
func (s *stage) plan() []Row {
	f := s.fleet(shape{projects: manyProjects, releases: releasesEach})
	dir := s.checkout(f)
	k := f.key(manyProjects / 2)
	file, err := manifest.Encode(f.project(k, "planned"))
	s.must(err)
	s.must(os.WriteFile(filepath.Join(dir, filepath.FromSlash(manifest.ProjectFile(k))), file, 0o600))
	s.command(dir, "git", "checkout", "--quiet", "-b", "change")
	s.command(dir, "git", "commit", "--quiet", "--all", "-m", "Change "+k.String())
	repo, err := gitstore.OpenLocal(s.ctx, dir)
	s.must(err)
	head, _, err := repo.Head()
	s.must(err)
	s.must(repo.Close())
	args := []string{"plan", "--base", f.config.Head("main"), "--head", head}
	s.command(dir, s.plateform(), args...)
	var took []time.Duration
	for range pairs {
		took = append(took, s.command(dir, s.plateform(), args...))
	}
	return []Row{{Name: "plan-10k", Ours: median(took), Unit: "ms"}}
}
