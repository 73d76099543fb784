package localrun_test

import (
	"archive/tar"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Without a container tool, what takes one fails at once, and says what would help; what ran goes on.
func TestAMachineWithoutAContainerTool(t *testing.T) {
	w := newWorld(t)
	w.deploy(release{version: "v1.0.0", image: w.app(), env: map[string]string{"ANSWER": "one"}})
	t.Setenv("PATH", t.TempDir())
	other := w.publish("ws-1/hello", appConfig(), file{tar.Header{Name: "usr/share/more", Mode: 0o644, Typeflag: tar.TypeReg}, []byte("more")})
	w.want(w.target(release{version: "v1.0.1", image: other}))
	const help = "no container tool works on this machine: podman is not installed; docker is not installed (install podman, or start the daemon of docker)"
	if r := w.await("v1.0.1", reconciler.PhaseFailed); !strings.Contains(r.Cause, "the image is not one static program: it has more files, such as /usr/share/more, and "+help) {
		t.Errorf("cause %q", r.Cause)
	}
	w.answers("one")

	orders := manifest.Key{Workspace: "ws-1", Project: "orders"}
	w.want(databaseTarget(t, orders, "v1.0.0", "postgres:15", "256Mi"))
	var r reconciler.Rollout
	eventually(t, "the database to fail", func() bool { r, _ = w.rollout(orders); return r.Phase == reconciler.PhaseFailed })
	if r.Cause != "a database takes a container tool, and "+help {
		t.Errorf("cause %q", r.Cause)
	}
	if left, err := os.ReadDir(filepath.Join(w.dir, "ws-1", "orders", "images")); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// databaseTarget is a release of a database, engine:version.
func databaseTarget(t *testing.T, key manifest.Key, release, image, memory string) reconciler.Target {
	t.Helper()
	parsed, err := manifest.ParseVersion(release)
	if err != nil {
		t.Fatal(err)
	}
	spec := manifest.ProjectSpec{Type: manifest.Database}
	spec.Engine, spec.Version, _ = strings.Cut(image, ":")
	spec.Storage, spec.Resources.Memory = "1Gi", memory
	values, err := manifest.BuildValues(manifest.ValuesInput{Key: key, Release: parsed, Project: spec, Platform: manifest.PlatformInputs{Namespace: key.Workspace}})
	if err != nil {
		t.Fatal(err)
	}
	return reconciler.Target{Key: key, Release: release, Chart: manifest.Chart{Name: "database", Version: "1.0.0"}, Values: []byte(values)}
}
