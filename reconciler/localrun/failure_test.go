package localrun_test

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

func TestACrashIsStartedAgain(t *testing.T) {
	w := newWorld(t)
	w.deploy(release{version: "v1.0.0", image: w.app(), env: map[string]string{"ANSWER": "one"}})
	_, before := w.get("/pid")
	w.get("/crash")
	eventually(t, "another process to answer", func() bool {
		status, now := w.get("/pid")
		return status == http.StatusOK && now != before
	})
	w.await("v1.0.0", reconciler.PhaseHealthy)
}

func TestACrashLoopIsTold(t *testing.T) {
	w := newWorld(t)
	w.deploy(release{version: "v1.0.0", image: w.app(), env: map[string]string{"ANSWER": "one"}})
	var r reconciler.Rollout
	eventually(t, "the crash loop to be told of", func() bool {
		w.get("/crash")
		r, _ = w.rollout(key)
		return r.Phase == reconciler.PhaseFailed
	})
	if r.Cause != "it ended with exit code 7, again and again" || !r.Lapsed || !strings.HasSuffix(r.Log, "crashes") {
		t.Errorf("cause %q, lapsed %t, log %q", r.Cause, r.Lapsed, r.Log)
	}
	eventually(t, "it to be started again all the same", func() bool {
		r, _ := w.rollout(key)
		return r.Phase == reconciler.PhaseHealthy
	})
}

func TestAFailingProbe(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	w.deploy(release{version: "v1.0.0", image: image, health: "/health", env: map[string]string{"ANSWER": "one"}})
	w.stop()
	w.times.Start = 2 * time.Second // until here it is patience
	w.start()
	w.want(w.target(release{version: "v1.0.1", image: image, health: "/health", env: map[string]string{"ANSWER": "two", "SICK": "yes"}}))
	r := w.await("v1.0.1", reconciler.PhaseFailed)
	if r.Cause != "it is not ready after 2s: /health answers 503 Service Unavailable" || !strings.Contains(r.Log, "starting with two") {
		t.Errorf("cause %q, log %q", r.Cause, r.Log)
	}
	w.answers("one")
}

// What does not get ready is told in the same words at each probe, without the ports of connections, and with where it is looked for.
func TestWhatDoesNotGetReady(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	w.stop()
	w.times.Start = 2 * time.Second
	w.start()
	w.want(w.target(release{version: "v1.0.0", image: image, health: "/health", env: map[string]string{"SICK": "hangs up"}}))
	if r := w.await("v1.0.0", reconciler.PhaseFailed); r.Cause != "it is not ready after 2s: it ends the connection without an answer" {
		t.Errorf("of what hangs up it says %q", r.Cause)
	}
	w.want(w.target(release{version: "v1.0.1", image: image, env: map[string]string{"LISTEN": strconv.Itoa(freePort(t))}}))
	r := w.await("v1.0.1", reconciler.PhaseFailed)
	if !strings.HasPrefix(r.Cause, "it is not ready after 2s: nothing listens on its port (have it listen on $PORT or its declared port ") {
		t.Errorf("of what listens elsewhere it says %q", r.Cause)
	}
}

// While nothing runs, who asks is told why, and since when.
func TestAFirstReleaseThatDoesNotRun(t *testing.T) {
	w := newWorld(t)
	w.want(w.target(release{version: "v1.0.0", image: w.app(), env: map[string]string{"EXIT": "3"}}))
	w.await("v1.0.0", reconciler.PhaseFailed)
	if status, body := w.get("/"); status != http.StatusServiceUnavailable || !strings.Contains(body, "v1.0.0 does not run: it ended with exit code 3") {
		t.Errorf("it answers %d %s", status, body)
	}
	w.deploy(release{version: "v1.0.1", image: w.app(), env: map[string]string{"ANSWER": "two"}})
	w.answers("two")
}

// A release that was made before its variable was refused, and one that comes with an image, says which variable it is.
func TestAVariableThatIsTooLongIsNamed(t *testing.T) {
	w := newWorld(t)
	w.want(w.target(release{version: "v1.0.0", image: w.app(), env: map[string]string{"ANSWER": "one", "CERTS": strings.Repeat("x", manifest.MaxVariableBytes)}}))
	r := w.await("v1.0.0", reconciler.PhaseFailed)
	if !strings.HasPrefix(r.Cause, `it cannot start: the variable "CERTS" takes 131077 bytes`) || strings.Contains(r.Cause, "xxx") {
		t.Errorf("the cause is %.300s", r.Cause)
	}
	longest := strings.Repeat("x", manifest.MaxVariableBytes-len("ANSWER="))
	w.deploy(release{version: "v1.0.1", image: w.app(), env: map[string]string{"ANSWER": longest}})
	w.answers(longest)
}

// An image that is not there fails at once; a registry that does not answer is waited for.
func TestImagesThatCannotBeFetched(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	gone := image
	gone.Digest = "sha256:" + strings.Repeat("0", 64)
	w.want(w.target(release{version: "v1.0.0", image: gone}))
	if r := w.await("v1.0.0", reconciler.PhaseFailed); !r.Gone || !strings.Contains(r.Cause, gone.Digest+" is gone") || !strings.Contains(r.Cause, "plateform retry "+key.String()) {
		t.Errorf("gone %t, cause %q", r.Gone, r.Cause)
	}
	w.registry.Fail("", "/v2/", http.StatusServiceUnavailable)
	w.want(w.target(release{version: "v1.0.1", image: image, env: map[string]string{"ANSWER": "two"}}))
	eventually(t, "it to say what it waits for", func() bool {
		r, _ := w.rollout(key)
		return r.Phase == reconciler.PhaseProgressing && strings.Contains(r.Cause, "tried again in")
	})
	w.registry.Answer(nil)
	w.await("v1.0.1", reconciler.PhaseHealthy)
	w.answers("two")
}

func TestANewerReleaseEndsTheWaitForAnOlder(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	w.deploy(release{version: "v1.0.0", image: image, health: "/health", env: map[string]string{"ANSWER": "one"}})
	w.want(w.target(release{version: "v1.0.1", image: image, health: "/health", env: map[string]string{"ANSWER": "two", "SICK": "yes"}}))
	eventually(t, "it to be waited for", func() bool {
		r, _ := w.rollout(key)
		return strings.Contains(r.Cause, "/health answers 503")
	})
	w.deploy(release{version: "v1.0.2", image: image, health: "/health", env: map[string]string{"ANSWER": "three"}})
	w.answers("three")
}

// An app that listens on its declared port, whatever PORT says, runs one process at a time.
func TestAnAppThatIgnoresPORT(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	port := freePort(t)
	releaseOf := func(version, answer string, more ...string) release {
		env := map[string]string{"ANSWER": answer, "LISTEN": strconv.Itoa(port)}
		for _, name := range more {
			env[name] = "1"
		}
		return release{version: version, image: image, port: port, replicas: 2, env: env}
	}
	w.deploy(releaseOf("v1.0.0", "one"))
	w.answers("one")
	w.deploy(releaseOf("v1.0.1", "two"))
	w.answers("two")
	w.want(w.target(releaseOf("v1.0.2", "three", "EXIT")))
	w.await("v1.0.2", reconciler.PhaseFailed)
	eventually(t, "the old one to run again", func() bool {
		status, body := w.get("/")
		return status == http.StatusOK && body == "two"
	})
	if log := w.log(); !strings.Contains(log, "it listens on its declared port "+strconv.Itoa(port)+" whatever PORT says") {
		t.Errorf("its log does not say so: %s", log)
	}
}

// After a restart only as many run of what ignores PORT as ran before: a second one would end at once, and fail what runs well.
func TestAnAppThatIgnoresPORTAfterARestart(t *testing.T) {
	w := newWorld(t)
	port := freePort(t)
	r := release{version: "v1.0.0", image: w.app(), port: port, replicas: 2, env: map[string]string{"ANSWER": "one", "LISTEN": strconv.Itoa(port)}}
	w.deploy(r)
	before := strings.Count(w.log(), "starting with one")
	w.stop()
	w.start()
	eventually(t, "it to answer again", func() bool {
		status, _ := w.get("/")
		return status == http.StatusOK
	})
	w.want(w.target(r))
	w.await("v1.0.0", reconciler.PhaseHealthy)
	if began := strings.Count(w.log(), "starting with one") - before; began != 1 {
		t.Errorf("%d processes began: %s", began, w.log())
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// A process that does not answer its probe any more is started again.
func TestAProcessThatHangs(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.times.Live = 5 * time.Millisecond
	w.start()
	w.deploy(release{version: "v1.0.0", image: w.app(), health: "/health", env: map[string]string{"ANSWER": "one"}})
	_, before := w.get("/pid")
	w.get("/sicken")
	eventually(t, "another process to answer", func() bool {
		status, now := w.get("/pid")
		return status == http.StatusOK && now != before && gone(before)
	})
	if log := w.log(); !strings.Contains(log, "it was ready and is not any more, 6 times in a row: /health answers 503") {
		t.Errorf("its log does not say so: %s", log)
	}
}

func TestMemoryIsLimited(t *testing.T) {
	w := newWorld(t)
	w.deploy(release{version: "v1.0.0", image: w.app(), memory: "64Mi", env: map[string]string{"ANSWER": "one"}})
	_, before := w.get("/pid")
	w.get("/grow")
	eventually(t, "the process to be ended", func() bool { return gone(before) })
	eventually(t, "another process to answer", func() bool { status, _ := w.get("/pid"); return status == http.StatusOK })
	if log := w.log(); !strings.Contains(log, " MiB of memory, and may take 64Mi (raise resources.memory") {
		t.Errorf("its log does not say so: %s", log)
	}
}

// An app that wants a port that somebody else has fails with what it printed.
func TestAPortThatIsTaken(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	w.want(w.target(release{version: "v1.0.0", image: w.app(), port: port, env: map[string]string{"LISTEN": strconv.Itoa(port)}}))
	if r := w.await("v1.0.0", reconciler.PhaseFailed); !strings.Contains(r.Log, "address already in use") {
		t.Errorf("cause %q, log %q", r.Cause, r.Log)
	}
}

func TestOneHostWantedTwice(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	w.deploy(release{version: "v1.0.0", image: image, env: map[string]string{"ANSWER": "one"}})
	rival := manifest.Key{Workspace: "ws-2", Project: "rival"}
	w.want(w.target(release{key: rival, version: "v1.0.0", image: image, env: map[string]string{"ANSWER": "rival"}}))
	eventually(t, "the rival to fail", func() bool {
		r, _ := w.rollout(rival)
		return r.Phase == reconciler.PhaseFailed && strings.Contains(r.Cause, "the host "+host+" is in use by another project")
	})
	w.answers("one")
	w.deploy(release{version: "v1.0.1", image: image, host: "other.localhost", env: map[string]string{"ANSWER": "one"}})
	w.want(w.target(release{key: rival, version: "v1.0.0", image: image, env: map[string]string{"ANSWER": "rival"}}))
	eventually(t, "the rival to answer", func() bool { _, body := w.get("/"); return body == "rival" })
	if _, body := w.getAt("other.localhost", "/"); body != "one" {
		t.Errorf("at its new host it answers %q", body)
	}
}
