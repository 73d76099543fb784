package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whoever runs serve on this machine follows a run in a terminal without any setting but an address, over a serve that is killed
// while it builds.
func TestFollowingALocalBuildOverARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settings = []string{"api: {listen: '127.0.0.1:0'}"}
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.registry.hold(shop.repository())
	w.add(shop)
	reader := w.followLogs("ws-1/shop", "-f")
	reader.shows(1, "pushing to ")
	w.crash()
	reader.shows(2, "pushing to ") // the build is made again, and goes on in its log
	w.registry.openAll()
	reader.ends(0)
	text := reader.text()
	for what, times := range map[string]int{" queued\n": 1, " building\n": 1, "build.framework: go": 2, "pushed sha256:": 1, "✓ ": 1} {
		if got := strings.Count(text, what); got != times {
			t.Errorf("%q is shown %d times, want %d, in\n%s", what, got, times, text)
		}
	}
}

// Where the app runs on this machine, a run that is under way is shown, and what the app prints along with it.
func TestLogsShowTheRunAndTheApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine, w.settings = "{kind: local, listen: 127.0.0.1:0}", []string{"api: {listen: '127.0.0.1:0'}"}
	w.open()
	shop := w.goProject("ws-1", "shop")
	shop.app.commit("Serve", files{"main.go": webServer("one")})
	w.registry.hold(shop.repository())
	added := w.add(shop)
	w.await("the run to begin", func() error {
		if len(w.notesOn(added, shop.context())) == 0 {
			return errors.New("nothing is said of it")
		}
		return nil
	})
	reader := w.followLogs("ws-1/shop", "-f")
	reader.shows(1, "pushing to ")
	w.registry.openAll()
	reader.shows(1, "listening as one", "✓ v1.0.0 runs at http://")
}

// Who follows an app from before its first release sees each push come, from the commit to the URL, along with what the app prints.
func TestLogsFollowEachPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine, w.settings = "{kind: local, listen: 127.0.0.1:0}", []string{"api: {listen: '127.0.0.1:0'}"}
	w.open()
	shop := w.goProject("ws-1", "shop")
	shop.app.commit("Serve", files{"main.go": webServer("one")})
	reader := w.followLogs("ws-1/shop", "-f")
	reader.shows(1, "no run of ws-1/shop is known yet")
	w.add(shop)
	reader.shows(1, "listening as one", "✓ v1.0.0 runs at http://")

	late := w.followLogs("ws-1/shop", "-f")
	late.shows(1, "listening as one")
	pushed := shop.app.commit("Serve another", files{"main.go": webServer("two")})
	for _, r := range []*logReader{reader, late} {
		r.shows(1, "ws-1/shop  run ", "push "+pushed[:10], "listening as two", "✓ v1.0.1 runs at http://")
	}
	broken := shop.app.commit("Break it", files{"main.go": "package main\n\nfunc main() { nowhere() }\n"})
	shop.app.commit("Mend it", files{"main.go": webServer("three")})
	for _, r := range []*logReader{reader, late} {
		r.shows(1, "listening as three", "✓ v1.0.2 runs at http://")
		if got := r.text(); strings.Contains(got, broken[:10]) && !strings.Contains(got, "✗ ") && !strings.Contains(got, "- superseded") {
			t.Errorf("how the push of %s ended is not shown in\n%s", broken[:10], got)
		}
	}
	if got := late.text(); strings.Contains(got, "v1.0.0 runs at") {
		t.Errorf("a run that had ended before is shown in\n%s", got)
	}
}

// Who follows an app before serve was ever started, and while it is away, sees each run all the same, also one that is over at once.
func TestLogsFollowWhileServeIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine, w.settings = "{kind: local, listen: 127.0.0.1:0}", []string{"api: {listen: '127.0.0.1:0'}"}
	w.setUp()
	w.writeSettings()
	shop := w.goProject("ws-1", "shop")
	shop.app.commit("Serve", files{"main.go": webServer("one")})
	reader := w.followLogs("ws-1/shop", "-f")
	reader.shows(1, "no run is shown until serve tells of them: no serve of this installation was started yet")
	w.add(shop)
	w.start()
	reader.shows(1, "listening as one", "✓ v1.0.0 runs at http://")

	w.server.kill()
	w.server = nil
	reader.shows(1, "no run is shown until serve tells of them: the server does not answer")
	pushed := shop.app.commit("Serve another", files{"main.go": webServer("two")})
	w.start()
	reader.shows(1, "push "+pushed[:10], "listening as two", "✓ v1.0.1 runs at http://")

	w.server.kill()
	w.server = nil
	never := w.followLogs("ws-1/shop", "-f", "--commit", strings.Repeat("ab", 20), "--wait", "1ms")
	never.ends(1)
	never.shows(1, "no run of ws-1/shop for commit ababababab has begun in 1ms: the server does not answer")
	w.start()
}

// Right behind a push its commit is named, whose run is waited for; the exit code says how it went.
func TestLogsOfACommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settings = []string{"api: {listen: '127.0.0.1:0'}"}
	w.open()
	shop := w.goProject("ws-1", "shop")
	added := w.add(shop)
	first := w.followLogs("ws-1/shop", "-f", "--commit", added)
	first.ends(0)
	first.shows(1, "commit "+added[:10], "✓ v1.0.0")

	broken := shop.app.commit("Break it", files{"main.go": "package main\n\nfunc main() { nowhere() }\n"})
	failed := w.followLogs("ws-1/shop", "-f", "--commit", broken)
	failed.ends(1)
	failed.shows(1, "push "+broken[:10], "nowhere", "✗ ")

	mended := shop.app.commit("Mend it", files{"main.go": "package main\n\nfunc main() { println(1) }\n"})
	reader := w.followLogs("ws-1/shop", "-f", "--commit", mended[:12])
	reader.ends(0)
	reader.shows(1, "push "+mended[:10], "✓ v1.0.1")
	if got := reader.text(); strings.Contains(got, broken[:10]) {
		t.Errorf("the run before is shown in\n%s", got)
	}
	none := w.followLogs("ws-1/shop", "-f", "--commit", strings.Repeat("ab", 20), "--wait", "1ms")
	none.ends(1)
	none.shows(1, "no run of ws-1/shop for commit ababababab has begun in 1ms")
}

// logReader is plateform logs at work.
type logReader struct {
	w *world
	*server
}

// followLogs starts plateform logs.
func (w *world) followLogs(args ...string) *logReader {
	w.t.Helper()
	w.readers++
	out := filepath.Join(w.dir, fmt.Sprintf("followed-%d", w.readers))
	args = append(append([]string{"logs"}, args...), "--config", filepath.Join(w.dir, "serve.yaml"))
	return &logReader{w: w, server: startProcess(w.t, command(w.dir, os.Getenv(binaryVariable), args...), out)}
}

// text is what it shows so far.
func (r *logReader) text() string {
	r.w.t.Helper()
	text, err := os.ReadFile(r.log)
	if err != nil {
		r.w.t.Fatal(err)
	}
	return string(text)
}

// shows waits until each text is shown so many times.
func (r *logReader) shows(times int, texts ...string) {
	r.w.t.Helper()
	for _, want := range texts {
		r.w.await(fmt.Sprintf("%q to be shown", want), func() error {
			if got := r.text(); strings.Count(got, want) < times {
				return fmt.Errorf("it shows\n%s", got)
			}
			return nil
		})
	}
}

// ends waits for the end with an exit code.
func (r *logReader) ends(code int) {
	r.w.t.Helper()
	select {
	case <-r.done:
	case <-time.After(patience):
		r.w.t.Fatalf("it does not end; it shows\n%s", r.text())
	}
	if got := r.cmd.ProcessState.ExitCode(); got != code {
		r.w.t.Errorf("it ended with %d, %v, want %d\n%s", got, r.err, code, r.text())
	}
}
