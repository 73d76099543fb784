package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Who follows docs/tutorial.md word for word sees what it shows. Here alone what is printed is what is asserted: it is what
// the page says.
func TestTutorial(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the tutorial runs apps on this machine, which has to be Linux")
	}
	dependOnSources(t)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "tutorial.md"))
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(t)
	var last step
	steps := stepsOf(string(page))
	if len(steps) < 30 {
		t.Fatalf("the tutorial has %d steps that can be followed, want 30 at least", len(steps))
	}
	for _, s := range steps {
		switch {
		case strings.Contains(s.command, "make build"):
			continue // the binary under test is built
		case strings.HasPrefix(s.command, "plateform serve"):
			r.serve(s)
		case s.command == "": // what the other terminal shows
			r.sees(last, s.shows, func() (string, error) { out, err := os.ReadFile(r.log); return string(out), err })
		default:
			r.follow(s)
		}
		last = s
	}
}

// step is a command of the page, and what it shows; nothing when the page leaves that out.
type step struct{ command, shows string }

func stepsOf(page string) (steps []step) {
	for _, block := range regexp.MustCompile("(?s)```(sh|console)\n(.*?)```").FindAllStringSubmatch(page, -1) {
		if block[1] == "sh" {
			steps = append(steps, step{command: block[2]})
			continue
		}
		if !strings.HasPrefix(block[2], "$ ") {
			steps = append(steps, step{shows: block[2]})
			continue
		}
		for _, part := range strings.Split("\n"+block[2], "\n$ ")[1:] {
			command, shows, _ := strings.Cut(part, "\n")
			steps = append(steps, step{command, shows})
		}
	}
	return steps
}

// reader follows the page, in a home of their own.
type reader struct {
	t         *testing.T
	home, dir string
	env       []string
	// log is what serve prints.
	log string
	// ports are the addresses on the page, and those that are used instead: others may be at work on this machine.
	ports []string
}

func newReader(t *testing.T) *reader {
	home := t.TempDir()
	bin := filepath.Join(home, ".bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.Getenv(binaryVariable), filepath.Join(bin, "plateform")); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"HOME=" + home, "PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		"GOCACHE=" + mustRun(t, home, "go", "env", "GOCACHE"), "GOMODCACHE=" + mustRun(t, home, "go", "env", "GOMODCACHE"),
		"GIT_AUTHOR_NAME=Alice", "GIT_COMMITTER_NAME=Alice", "XDG_DATA_HOME=", "NO_COLOR=1",
	}
	return &reader{t: t, home: home, dir: home, env: env, log: filepath.Join(home, "serve.log")}
}

// run runs a command as in a terminal: where it leads to is where the next one begins.
func (r *reader) run(command string) (string, error) {
	where := filepath.Join(r.home, ".where")
	out, err := run1(r.dir, r.env, "sh", "-e", "-c", command+"\npwd > '"+where+"'")
	if err != nil {
		return out, err
	}
	dir, err := os.ReadFile(where)
	r.dir = strings.TrimSpace(string(dir))
	return out, err
}

func (r *reader) follow(s step) {
	r.t.Helper()
	command := r.here(s.command)
	if url, ok := strings.CutPrefix(command, "curl "); ok {
		r.sees(s, s.shows, func() (string, error) { return ask(url) })
		return
	}
	if strings.HasPrefix(command, "plateform status") || strings.HasPrefix(command, "plateform why") {
		r.sees(s, s.shows, func() (string, error) { return r.run(command) })
		return
	}
	out, err := r.run(command)
	if err != nil {
		r.t.Fatalf("$ %s\n%v", s.command, err)
	}
	if missing := firstMissing(r.plain(r.here(s.shows)), r.plain(out)); missing != "" {
		r.t.Fatalf("$ %s\n%s\nthe page says, and it does not:\n%s", s.command, out, missing)
	}
	if strings.HasPrefix(command, "plateform init") {
		r.move()
	}
}

// here is a text of the page with the addresses that are used here.
func (r *reader) here(text string) string { return strings.NewReplacer(r.ports...).Replace(text) }

// move takes the installation to addresses that are free.
func (r *reader) move() {
	r.t.Helper()
	apps, images := freeAddress(r.t), freeAddress(r.t)
	_, port, err := net.SplitHostPort(apps)
	if err != nil {
		r.t.Fatal(err)
	}
	r.ports = []string{"127.0.0.1:8480", apps, ":8480", ":" + port, "127.0.0.1:5480", images, "127.0.0.1:8080", freeAddress(r.t)}
	for file, replace := range map[string]*strings.Replacer{
		"serve.yaml":                    strings.NewReplacer(r.ports...),
		"platform-config/platform.yaml": strings.NewReplacer("port: 8480", "port: "+port, "127.0.0.1:5480", images),
	} {
		path := filepath.Join(r.home, "acme", file)
		data, err := os.ReadFile(path)
		if err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(replace.Replace(string(data))), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	// The page's history begins with the commit that init makes.
	if _, err := r.run("git -C acme/platform-config commit -q -a --amend --no-edit && git -C acme/platform-config push -q --force"); err != nil {
		r.t.Fatal(err)
	}
}

// serve starts it, in words, as it is in a terminal; it is ended with the test.
func (r *reader) serve(s step) {
	r.t.Helper()
	out, err := os.Create(r.log)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := isolated(exec.CommandContext(ctx, os.Getenv(binaryVariable), append(strings.Fields(s.command)[1:], "--log", "words")...), r.home)
	cmd.Env = append(cmd.Env, r.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		cancel()
		if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			r.t.Errorf("serve: %v", err)
		}
		out.Close()
	})
	r.sees(s, s.shows, func() (string, error) { out, err := os.ReadFile(r.log); return string(out), err })
}

// sees waits until what is shown is what the page says, in order, with anything where it has a line of dots.
func (r *reader) sees(s step, page string, look func() (string, error)) {
	r.t.Helper()
	if strings.TrimSpace(page) == "" {
		return
	}
	const glance = 200 * time.Millisecond
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	deadline := time.After(patience)
	for {
		out, err := look()
		missing := firstMissing(r.plain(r.here(page)), r.plain(out))
		if err == nil && missing == "" {
			return
		}
		select {
		case <-deadline:
			r.t.Fatalf("$ %s\n%s%v\nthe page says, and it does not:\n%s", s.command, out, err, missing)
		case <-ticker.C:
		}
	}
}

func firstMissing(page, out string) string {
	for _, piece := range strings.Split(page, " ... ") {
		at := strings.Index(out, strings.TrimSpace(piece))
		if at < 0 {
			return piece + "\nin\n" + out
		}
		out = out[at+len(strings.TrimSpace(piece)):]
	}
	return ""
}

// What is another one each time, or depends on how fast the machine is.
var differs = []struct {
	pattern *regexp.Regexp
	plain   string
}{
	{regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d · .*(rolling out|pushing|builds?|built) .*\n`), ""}, // steps that may be too short to be seen
	{regexp.MustCompile(`(?m)^  build +took .*\n`), ""},
	{regexp.MustCompile(`127\.0\.0\.1:\d+/(metrics|v1)`), "ADDRESS/$1"}, // a free port of the machine
	{regexp.MustCompile(`(?m)^ Date: .*\n`), ""},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`), "DATE"},
	{regexp.MustCompile(`\d\d:\d\d:\d\d`), "TIME"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(ms|s|m)\b`), "AGE"},
	{regexp.MustCompile(`\b[0-9a-f]{7,64}\b`), "HASH"},
	{regexp.MustCompile(`\d+ deletions`), "N deletions"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+/(metrics|v1)\b`), "ADDRESS/$1"}, // any port that is free
	{regexp.MustCompile(`\s+`), " "},                                      // lines are folded to the terminal
}

// plain is a text without what differs.
func (r *reader) plain(text string) string {
	text = strings.ReplaceAll(text, r.home, "/home/alice")
	for _, d := range differs {
		text = d.pattern.ReplaceAllString(text, d.plain)
	}
	return text
}

// ask asks a URL whose host is this machine under another name.
func ask(url string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience/4)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(request.URL.Host)
	if err != nil {
		return "", fmt.Errorf("the page names no port: %w", err)
	}
	request.Host, request.URL.Host = request.URL.Host, "127.0.0.1:"+port
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
