//go:build e2e

package localrun_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localrun/container"
)

// redisPackages are those of Debian that a Redis consists of, with all it is linked against, and a shell.
var redisPackages = strings.Fields(`redis-server redis-tools dash libc6 libatomic1 libgcc-s1 libstdc++6 libhiredis0.14 libjemalloc2
	liblua5.1-0 lua-bitop lua-cjson liblzf1 libsystemd0 libssl3 libcap2 libgcrypt20 libgpg-error0 liblzma5 libzstd1 liblz4-1`)

// packRedis makes an image of Debian's Redis, by the name that a database of that version is run with.
func packRedis(t *testing.T, tool container.Tool, as string) {
	t.Helper()
	toolSays(t, tool, "import", unpackDebian(t, redisPackages, nil), as)
}

// unpackDebian makes an archive of a root file system of Debian's packages and some more files.
func unpackDebian(t *testing.T, packages []string, more map[string]string) (archive string) {
	t.Helper()
	debs, root := t.TempDir(), t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		c := exec.Command(name, args...)
		c.Dir = debs
		if said, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v: %s", name, args[0], err, said)
		}
	}
	run("apt-get", append([]string{"download"}, packages...)...)
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		run("dpkg-deb", "-x", file, root)
	}
	for name, content := range more {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(root, 0o755); err != nil { // the root of all users in it
		t.Fatal(err)
	}
	archive = filepath.Join(debs, "root.tar")
	run("tar", "--create", "--file", archive, "--directory", root, ".")
	return archive
}

// An app reaches its database at the address that `from` gives it; what it has written is there after a release, a rollback, a
// restart, and a removal that keeps data.
func TestDatabase(t *testing.T) {
	tool := findTool(t)
	const version = "7-of-debian"
	packRedis(t, tool, "docker.io/library/redis:"+version)
	w := newWorld(t)
	cache := manifest.Key{Workspace: "ws-1", Project: "cache"}
	database := func(release, memory string) reconciler.Target {
		return databaseTarget(t, cache, release, "redis:"+version, memory)
	}
	healthy := func(release string) { t.Helper(); w.awaitDatabase(cache, release) }
	app := w.target(release{version: "v1.0.0", image: w.app()})
	app.Values = []byte(strings.Replace(string(app.Values), "env: []", "env:\n  - name: REDIS_URL\n    valueFrom: {secretKeyRef: {name: cache-credentials, key: url}}", 1))
	w.want(app)
	eventually(t, "the app to wait for its database", func() bool {
		r, _ := w.rollout(key)
		return strings.Contains(r.Cause, "REDIS_URL waits for the database of the secret cache-credentials")
	})
	w.want(database("v1.0.0", "64Mi"))
	healthy("v1.0.0")
	w.await("v1.0.0", reconciler.PhaseHealthy)
	if _, said := w.get("/redis?do=SET+greeting+hello"); said != "+OK" {
		t.Fatalf("SET says %q", said)
	}
	kept := func(after string) {
		t.Helper()
		eventually(t, "the data after "+after, func() bool {
			status, said := w.get("/redis?do=GET+greeting")
			return status == http.StatusOK && said == "hello"
		})
	}
	kept("the first release")
	w.want(database("v1.0.1", "96Mi"))
	healthy("v1.0.1")
	kept("another release")
	w.want(database("v1.0.0", "64Mi"))
	healthy("v1.0.0")
	kept("a rollback")
	w.stop()
	w.start()
	kept("a restart")
	w.want(reconciler.Target{Key: cache, Remove: true, KeepData: true})
	eventually(t, "the database to be removed", func() bool { _, there := w.rollout(cache); return !there })
	w.want(database("v1.0.2", "64Mi"))
	healthy("v1.0.2")
	kept("a removal that keeps data")
	w.want(reconciler.Target{Key: cache, Remove: true})
	eventually(t, "the database to be removed", func() bool { _, there := w.rollout(cache); return !there })
	if _, err := os.Stat(filepath.Join(w.dir, "ws-1", "cache")); err == nil {
		t.Error("its data are left")
	}
}

// awaitDatabase waits until a release of a database is healthy.
func (w *world) awaitDatabase(key manifest.Key, release string) {
	w.t.Helper()
	eventually(w.t, release+" of the database to be healthy", func() bool {
		r, _ := w.rollout(key)
		if r.Release == release && r.Phase == reconciler.PhaseFailed {
			w.t.Fatalf("%+v", r)
		}
		return r.Release == release && r.Phase == reconciler.PhaseHealthy
	})
}
