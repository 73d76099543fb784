package localrun_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler"
)

// log is what the app has printed.
func (w *world) log() string {
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(w.dir, key.Workspace, key.Project, "log"))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(content)
}

// pids are the processes that answer.
func (w *world) pids(want int) map[string]bool {
	w.t.Helper()
	pids := map[string]bool{}
	eventually(w.t, strconv.Itoa(want)+" processes to answer", func() bool {
		status, pid := w.get("/pid")
		if status == http.StatusOK {
			pids[pid] = true
		}
		return len(pids) >= want
	})
	return pids
}

// Replicas are processes. Those that can stay do, whatever the release is called.
func TestReplicas(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	one := release{version: "v1.0.0", image: image, replicas: 3, env: map[string]string{"ANSWER": "one"}}
	w.deploy(one)
	first := w.pids(3)
	one.version, one.replicas = "v1.0.1", 1
	w.deploy(one)
	left := 0
	eventually(t, "two processes to end", func() bool {
		left = 0
		for pid := range first {
			if !gone(pid) {
				left++
			}
		}
		return left <= 1
	})
	if _, pid := w.get("/pid"); left != 1 || !first[pid] {
		t.Errorf("%d processes are left, and %s answers", left, pid)
	}
}

// The environment is what the values say, to the byte, and nothing of serve's own.
func TestHostileEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_SERVE", "secret")
	w := newWorld(t)
	env := map[string]string{
		"LINES": "one\ntwo\r\n\tthree", "QUOTES": `"'` + "`" + `\"`, "SHELL_WORDS": "$(id) ${HOME} $$ && rm -rf /", "EMPTY": "", "UNICODE": "ü\u202e😀",
		"LONG": strings.Repeat("x", 100_000), "HOME": "/elsewhere",
	}
	w.deploy(release{version: "v1.0.0", image: w.app(), env: env})
	for name, want := range env {
		if _, got := w.get("/env?name=" + name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	_, all := w.get("/environ")
	for _, v := range strings.Split(all, "\x00") {
		if name, _, _ := strings.Cut(v, "="); env[name] == "" && name != "EMPTY" && name != "PORT" && name != "PATH" {
			t.Errorf("there is more in its environment: %s", v)
		}
	}
}

func TestAStubbornProcessIsKilled(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.times.Stop = 50_000_000
	w.start()
	image := w.app()
	w.deploy(release{version: "v1.0.0", image: image, env: map[string]string{"ANSWER": "one", "IGNORE_TERM": "1"}})
	_, pid := w.get("/pid")
	w.deploy(release{version: "v1.0.1", image: image, env: map[string]string{"ANSWER": "two"}})
	eventually(t, "the old process to end", func() bool { return gone(pid) })
	if log := w.log(); !strings.Contains(log, "it has not ended 50ms after it was asked to, and is killed") {
		t.Errorf("its log does not say so: %s", log)
	}
}

// A request under way is answered by the release that it began with.
func TestRequestsUnderWayAreFinished(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	w.deploy(release{version: "v1.0.0", image: image, env: map[string]string{"ANSWER": "one"}})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.router+"/slow", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	response, err := http.DefaultClient.Do(request) // it has begun, and takes its time
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	w.deploy(release{version: "v1.0.1", image: image, env: map[string]string{"ANSWER": "two"}})
	w.answers("two")
	if got, err := io.ReadAll(response.Body); err != nil || string(got) != "one" {
		t.Errorf("the slow request was answered %q, %v", got, err)
	}
}

func TestRemove(t *testing.T) {
	w := newWorld(t)
	w.deploy(release{version: "v1.0.0", image: w.app(), env: map[string]string{"ANSWER": "one"}})
	_, pid := w.get("/pid")
	data := filepath.Join(w.dir, key.Workspace, key.Project, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, keep := range []bool{true, false} {
		w.want(reconciler.Target{Key: key, Remove: true, KeepData: keep})
		eventually(t, "nothing of it to be left", func() bool { _, there := w.rollout(key); return !there })
		if !gone(pid) {
			t.Error("its process is left")
		}
		if status, _ := w.get("/"); status == http.StatusOK {
			t.Error("it still answers")
		}
		if _, err := os.Stat(data); (err == nil) != keep {
			t.Errorf("its data, to be kept %v: %v", keep, err)
		}
		if keep { // and it can come back
			w.deploy(release{version: "v1.0.1", image: w.app(), env: map[string]string{"ANSWER": "two"}})
			_, pid = w.get("/pid")
		}
	}
}

// After a restart what was healthy answers before anybody asks for it, and goes on while the newest release fails.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	one := release{version: "v1.0.0", image: image, replicas: 2, env: map[string]string{"ANSWER": "one"}}
	bad := release{version: "v1.0.1", image: image, env: map[string]string{"EXIT": "3"}}
	w.deploy(one)
	w.want(w.target(bad))
	w.await("v1.0.1", reconciler.PhaseFailed)
	w.stop()
	w.registry.Fail("", "/v2/", http.StatusServiceUnavailable) // it is not needed
	w.start()
	eventually(t, "it to answer again", func() bool { status, body := w.get("/"); return status == http.StatusOK && body == "one" })
	pids := w.pids(2)
	w.want(w.target(bad))
	w.await("v1.0.1", reconciler.PhaseFailed)
	w.answers("one")
	w.deploy(one)
	for pid := range pids {
		if gone(pid) {
			t.Errorf("process %s was started anew, although it is what is wanted", pid)
		}
	}
}
