//go:build e2e

package localrun_test

import (
	"archive/tar"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localrun/container"
)

// An image that is more than one program runs through podman or docker, and all is as with a process.
func TestContainers(t *testing.T) {
	tool, err := container.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	config := appConfig()
	config.Env = append(config.Env, "OF_THE_IMAGE=1")
	image := w.publish("ws-1/hello", config, appFile(t), file{tar.Header{Name: "usr/share/more", Mode: 0o644, Typeflag: tar.TypeReg}, []byte("more")})
	hostile := "one\ntwo \"'$(id) ${HOME}"
	w.deploy(release{version: "v1.0.0", image: image, replicas: 2, env: map[string]string{"ANSWER": "one", "HOSTILE": hostile, "LD_PRELOAD": "/nothing"}})
	w.answers("one")
	for name, want := range map[string]string{"HOSTILE": hostile, "OF_THE_IMAGE": "1", "LD_PRELOAD": "/nothing"} {
		if _, got := w.get("/env?name=" + name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	w.want(w.target(release{version: "v1.0.1", image: image, env: map[string]string{"EXIT": "3"}}))
	if r := w.await("v1.0.1", reconciler.PhaseFailed); !strings.Contains(r.Cause, "exit code 3") || !strings.Contains(r.Log, "ends as it was told") {
		t.Errorf("cause %q, log %q", r.Cause, r.Log)
	}
	w.answers("one")
	w.deploy(release{version: "v1.0.2", image: image, env: map[string]string{"ANSWER": "three"}})
	w.answers("three")
	w.stop()
	w.registry.Fail("", "/v2/", http.StatusServiceUnavailable)
	w.start()
	eventually(t, "it to answer again", func() bool { _, body := w.get("/"); return body == "three" })
	w.stop()
	left, err := exec.Command(tool.Path, "ps", "--all", "--format", "{{.Names}}").Output()
	if err != nil || strings.Contains(string(left), "plateform-ws-1-hello") {
		t.Errorf("containers are left: %s, %v", left, err)
	}
	if said, err := exec.Command(tool.Path, "image", "rm", "--force", fmt.Sprintf("localhost/plateform/%s:%s", key, strings.TrimPrefix(image.Digest, "sha256:"))).CombinedOutput(); err != nil {
		t.Errorf("removing the image: %v %s", err, said)
	}
}
