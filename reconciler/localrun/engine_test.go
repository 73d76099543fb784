package localrun_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler"
)

func TestARolloutReplacesWhatRan(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	w.deploy(release{version: "v1.0.0", image: image, env: map[string]string{"ANSWER": "one"}})
	w.answers("one")
	_, first := w.get("/pid")
	w.deploy(release{version: "v1.0.1", image: image, env: map[string]string{"ANSWER": "two"}})
	w.answers("two")
	eventually(t, "the old process to end", func() bool { return gone(first) })
	_, second := w.get("/pid")
	w.deploy(release{version: "v1.0.0", image: image, env: map[string]string{"ANSWER": "one"}})
	w.answers("one")
	eventually(t, "the process that was rolled back to end", func() bool { return gone(second) })
	_, third := w.get("/pid")
	w.stop()
	if !gone(third) {
		t.Error("the process outlives the engine")
	}
}

func TestAFailedRolloutLeavesTheOldOne(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	w.deploy(release{version: "v1.0.0", image: image, env: map[string]string{"ANSWER": "one"}})
	w.want(w.target(release{version: "v1.0.1", image: image, env: map[string]string{"ANSWER": "two", "EXIT": "3"}}))
	var failed reconciler.Rollout
	eventually(t, "the rollout to fail", func() bool {
		failed, _ = w.rollout(key)
		return failed.Phase == reconciler.PhaseFailed
	})
	if failed.Cause != "it ended with exit code 3, 3 times in a row" {
		t.Errorf("cause %q", failed.Cause)
	}
	if !strings.HasSuffix(failed.Log, "starting with two\nends as it was told") {
		t.Errorf("log %q", failed.Log)
	}
	w.answers("one")
}

func TestProgramsAreNotRoot(t *testing.T) {
	w := newWorld(t)
	w.deploy(release{version: "v1.0.0", image: w.app()})
	if status, uid := w.get("/uid"); status != http.StatusOK || uid == "0" || os.Getuid() == 0 && uid != "65532" {
		t.Errorf("%d: it runs as %s", status, uid)
	}
}
