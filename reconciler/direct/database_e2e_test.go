//go:build e2e

package direct_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// debianDatabase is a database of Debian's packages: what it consists of, with all that it is linked against and what the chart calls.
type debianDatabase struct {
	kind, version string
	packages      []string
	// files besides, the entrypoint among them.
	files map[string]string
	// write a word, and read it again.
	write, read func(word string) []string
}

const shellPackages = `dash coreutils grep findutils libacl1 libattr1 libgmp10 libc6 libgcc-s1 libpcre2-8-0 libselinux1 libcap2 libssl3 libstdc++6
	libsystemd0 libgcrypt20 libgpg-error0 liblzma5 libzstd1 liblz4-1 zlib1g `

func postgres() debianDatabase {
	sql := func(text string) []string {
		return []string{"sh", "-c", `PGPASSWORD="$POSTGRES_PASSWORD" exec psql --no-psqlrc --quiet --tuples-only --no-align --host 127.0.0.1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --command "$0"`, text}
	}
	return debianDatabase{
		kind: "postgres", version: "15",
		packages: strings.Fields(shellPackages + `postgresql-15 postgresql-client-15 tzdata libaudit1 libcap-ng0 libcom-err2 libffi8 libgnutls30
			libgssapi-krb5-2 libhogweed6 libicu72 libidn2-0 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 libldap-2.5-0 libnettle8
			libp11-kit0 libpam0g libpq5 libreadline8 libsasl2-2 libtasn1-6 libtinfo6 libunistring2 libxml2`),
		files: map[string]string{"etc/passwd": "root:x:0:0::/:/bin/sh\npostgres:x:999:999::/:/bin/sh\n", "entrypoint": `#!/bin/sh
# What that of the official image does for a user who is not root.
set -e
[ $# -gt 0 ] || set -- postgres -c listen_addresses='*' -c unix_socket_directories=/tmp
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
	mkdir -p "$PGDATA"
	chmod 700 "$PGDATA"
	echo "$POSTGRES_PASSWORD" >/tmp/password
	initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 --no-locale --encoding=UTF8
	echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
	echo "CREATE DATABASE $POSTGRES_DB" | postgres --single postgres
fi
exec "$@"
`},
		write: func(word string) []string {
			return sql("CREATE TABLE IF NOT EXISTS words (word text); DELETE FROM words; INSERT INTO words VALUES ('" + word + "')")
		},
		read: func(string) []string { return sql("SELECT word FROM words") },
	}
}

func redis() debianDatabase {
	cli := func(ask string) []string { return []string{"sh", "-c", "exec redis-cli " + ask} }
	return debianDatabase{
		kind: "redis", version: "7",
		packages: strings.Fields(shellPackages + `redis-server redis-tools libatomic1 libhiredis0.14 libjemalloc2 liblua5.1-0 lua-bitop lua-cjson liblzf1`),
		files:    map[string]string{"etc/passwd": "root:x:0:0::/:/bin/sh\nredis:x:999:999::/:/bin/sh\n", "entrypoint": "#!/bin/sh\nexec \"$@\"\n"},
		write:    func(word string) []string { return cli("set word " + word) },
		read:     func(string) []string { return cli("get word") },
	}
}

// pack pushes an image of the database to the registry of the cluster, and says where it is.
func (d debianDatabase) pack(t *testing.T) (databases string) {
	t.Helper()
	debs, root := t.TempDir(), t.TempDir()
	run := func(command string, args ...string) {
		t.Helper()
		c := exec.Command(command, args...)
		c.Dir = debs
		if said, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v: %s", command, args[0], err, said)
		}
	}
	run("apt-get", append([]string{"download"}, d.packages...)...)
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		run("dpkg-deb", "-x", file, root)
	}
	for path, content := range d.files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run("mkdir", "-p", root+"/tmp")
	run("chmod", "1777", root+"/tmp")
	run("chmod", "0755", root)
	run("tar", "--numeric-owner", "--owner=0", "--group=0", "-C", root, "-cf", "root.tar", ".")
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return os.Open(filepath.Join(debs, "root.tar")) })
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Config = v1.Config{Entrypoint: []string{"/entrypoint"}, WorkingDir: "/", Env: []string{"PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin"}}
	if image, err = mutate.ConfigFile(image, file); err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewTag(os.Getenv("PLATEFORM_TEST_REGISTRY")+"/debian/"+d.kind+":"+d.version, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		t.Fatal(err)
	}
	return cmp.Or(os.Getenv("PLATEFORM_TEST_PULL"), "registry.test:5000") + "/debian"
}

var shopDB = manifest.Key{Workspace: "ws-1", Project: "shop-db"}

// database is a node with a database of the workspace, on volumes of the node.
type database struct {
	*node
	debianDatabase
}

// newDatabase brings the volumes and the credentials that a database needs; the namespace comes with its first release.
func newDatabase(t *testing.T, d debianDatabase) *database {
	t.Helper()
	n := newNode(t)
	n.databases = d.pack(t)
	db := &database{n, d}
	dir := "/var/tmp/plateform-" + n.suffix
	db.onNode("mkdir", "-p", dir+"/data", dir+"/backup")
	db.onNode("chmod", "0777", dir+"/data", dir+"/backup")
	for _, claim := range []string{"data", "backup"} {
		volume := &corev1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Name: "plateform-" + claim + "-" + n.suffix},
			Spec: corev1.PersistentVolumeSpec{
				Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
				PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: dir + "/" + claim}},
				ClaimRef:                      &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: n.namespace("ws-1"), Name: "shop-db-" + claim},
			},
		}
		if _, err := n.set.CoreV1().PersistentVolumes().Create(t.Context(), volume, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.kubectl(nil, "delete", "persistentvolume", volume.Name, "--wait=false") })
	}
	return db
}

// kubectl runs kubectl and returns what it printed.
func (db *database) kubectl(in []byte, args ...string) string {
	db.t.Helper()
	c := exec.Command("kubectl", args...)
	c.Stdin = bytes.NewReader(in)
	var said, complaints bytes.Buffer
	c.Stdout, c.Stderr = &said, &complaints
	if err := c.Run(); err != nil {
		db.t.Fatalf("kubectl %s: %v: %s%s", strings.Join(args, " "), err, said.String(), complaints.String())
	}
	return strings.TrimSpace(said.String())
}

// onNode runs a command on a node, as root with its files.
func (db *database) onNode(command ...string) {
	db.t.Helper()
	namespace := "plateform-e2e-" + db.suffix
	if _, err := db.set.CoreV1().Namespaces().Get(db.t.Context(), namespace, metav1.GetOptions{}); err != nil {
		db.kubectl(nil, "create", "namespace", namespace)
		db.t.Cleanup(func() { db.kubectl(nil, "delete", "namespace", namespace, "--wait=false") })
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "on-node-", Namespace: namespace},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{
				Name: "command", Image: db.databases + "/" + db.kind + ":" + db.version, Command: command, SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(0))},
				VolumeMounts: []corev1.VolumeMount{{Name: "node", MountPath: "/var/tmp"}},
			}},
			Volumes: []corev1.Volume{{Name: "node", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/var/tmp"}}}},
		},
	}
	var made *corev1.Pod
	db.eventually("a pod on the node", func() (err error) {
		made, err = db.set.CoreV1().Pods(namespace).Create(db.t.Context(), pod, metav1.CreateOptions{})
		return err
	})
	db.eventually(strings.Join(command, " "), func() error {
		now, err := db.set.CoreV1().Pods(namespace).Get(db.t.Context(), made.Name, metav1.GetOptions{})
		if err == nil && now.Status.Phase != corev1.PodSucceeded {
			err = fmt.Errorf("the pod is %v", now.Status)
		}
		return err
	})
}

// target is a release of the database.
func (db *database) target(release, memory string) reconciler.Target {
	spec := manifest.ProjectSpec{Type: manifest.Database}
	spec.Engine, spec.Version, spec.Storage, spec.Resources = db.kind, db.version, "1Gi", manifest.Resources{CPU: "50m", Memory: memory}
	spec.Backup = &manifest.Backup{Schedule: "0 3 1 1 *", Retention: 2}
	return db.targetOf(shopDB, release, spec)
}

// credentials makes the Secret that the chart names.
func (db *database) credentials() {
	db.t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "shop-db-credentials", Namespace: db.namespace("ws-1")},
		StringData: map[string]string{"username": "shop", "password": "it-is-secret", "database": "shop", "host": "shop-db", "port": "1", "url": "none"},
	}
	db.eventually("the Secret", func() error {
		_, err := db.set.CoreV1().Secrets(secret.Namespace).Create(db.t.Context(), secret, metav1.CreateOptions{})
		return err
	})
}

// released waits until a release of the database runs.
func (db *database) released(t reconciler.Target) {
	db.t.Helper()
	db.want(t)
	db.eventually(t.Release, func() error {
		rollouts, err := db.engine.Rollouts(db.t.Context(), []manifest.Key{shopDB})
		if r := rollouts[shopDB]; err == nil && (!healthy(r) || r.Release != t.Release) {
			err = fmt.Errorf("it is %+v", r)
		}
		return err
	})
}

func (db *database) exec(command []string) string {
	db.t.Helper()
	return db.kubectl(nil, append([]string{"exec", "--namespace", db.namespace("ws-1"), "shop-db-0", "--"}, command...)...)
}

// has waits until the database has a word, as it may restart.
func (db *database) has(word, after string) {
	db.t.Helper()
	if got := db.exec(db.read("")); got != word {
		db.t.Errorf("after %s it has %q, not %q", after, got, word)
	}
}

// job runs what a CronJob does now, and returns what it printed.
func (db *database) job(of, name string, more ...string) (log string) {
	db.t.Helper()
	ns := db.namespace("ws-1")
	text := db.kubectl(nil, "create", "job", "--namespace", ns, "--from=cronjob/shop-db-"+of, name, "--dry-run=client", "--output=yaml")
	if len(more) > 0 {
		text = db.kubectl([]byte(text), append([]string{"set", "env", "--local", "--filename=-", "--output=yaml"}, more...)...)
	}
	db.kubectl([]byte(text), "create", "--namespace", ns, "--filename=-")
	db.eventually(name, func() error {
		job, err := db.set.BatchV1().Jobs(ns).Get(db.t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, c := range job.Status.Conditions {
			if c.Status == corev1.ConditionTrue && c.Type == batchv1.JobComplete {
				return nil
			}
			if c.Status == corev1.ConditionTrue && c.Type == batchv1.JobFailed {
				db.t.Fatalf("%s failed: %s: %s", name, c.Message, db.kubectl(nil, "logs", "--namespace", ns, "job/"+name))
			}
		}
		return fmt.Errorf("its status is %v", job.Status)
	})
	return db.kubectl(nil, "logs", "--namespace", ns, "job/"+name)
}

// The data of a database outlive a release, a rollback, what somebody does to them once there is a backup, and the project itself.
func TestDirectKeepsData(t *testing.T) {
	for _, d := range []debianDatabase{postgres(), redis()} {
		t.Run(d.kind, func(t *testing.T) {
			db := newDatabase(t, d)
			db.start()
			db.want(db.target("v1.0.0", "128Mi"))
			db.credentials()
			db.released(db.target("v1.0.0", "128Mi"))
			db.exec(db.write("apples"))
			db.has("apples", "writing")
			db.released(db.target("v1.0.1", "160Mi"))
			db.has("apples", "a release")
			db.released(db.target("v1.0.0", "128Mi"))
			db.has("apples", "a rollback")

			first := strings.Fields(db.job("backup", "backup-1"))
			dump := first[len(first)-1]
			db.exec(db.write("pears"))
			db.job("backup", "backup-2")
			db.exec(db.write("nothing"))
			db.job("restore", "restore-newest")
			db.has("pears", "a restore of the newest dump")
			db.job("restore", "restore-first", "BACKUP="+dump)
			db.has("apples", "a restore of the first dump")
			db.exec(db.write("apples"))
			if log := db.job("backup", "backup-3"); strings.Count(log+"\n", ".dump\n") != 2 || strings.Contains(log, dump) {
				t.Errorf("with a retention of 2 there are %s", log)
			}

			db.want(reconciler.Target{Key: shopDB, Namespace: db.namespace("ws-1"), Remove: true, KeepData: true})
			db.eventually("the project to be gone", func() error {
				rollouts, err := db.engine.Rollouts(t.Context(), []manifest.Key{shopDB})
				if err == nil && len(rollouts) > 0 {
					err = fmt.Errorf("it is %+v", rollouts)
				}
				return err
			})
			db.released(db.target("v1.0.2", "128Mi"))
			db.has("apples", "the project was deleted and came back")
		})
	}
}
