//go:build e2e

package direct_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/test/debian"
)

var shopDB = manifest.Key{Workspace: "ws-1", Project: "shop-db"}

// database is a node with a database of the workspace, on volumes of the node.
type database struct {
	*node
	debian.Database
}

// newDatabase brings the volumes and the credentials that a database needs; the namespace comes with its first release.
func newDatabase(t *testing.T, d debian.Database) *database {
	t.Helper()
	n := newNode(t)
	n.databases = d.Push(t)
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
				Name: "command", Image: db.databases + "/" + db.Kind + ":" + db.Version, Command: command, SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(0))},
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
	spec.Engine, spec.Version, spec.Storage, spec.Resources = db.Kind, db.Version, "1Gi", manifest.Resources{CPU: "50m", Memory: memory}
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
	if got := db.exec(db.Read); got != word {
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
	for _, d := range []debian.Database{debian.Postgres(), debian.Redis()} {
		t.Run(d.Kind, func(t *testing.T) {
			db := newDatabase(t, d)
			db.start()
			db.want(db.target("v1.0.0", "128Mi"))
			db.credentials()
			db.released(db.target("v1.0.0", "128Mi"))
			db.exec(db.Write("apples"))
			db.has("apples", "writing")
			db.released(db.target("v1.0.1", "160Mi"))
			db.has("apples", "a release")
			db.released(db.target("v1.0.0", "128Mi"))
			db.has("apples", "a rollback")

			first := strings.Fields(db.job("backup", "backup-1"))
			dump := first[len(first)-1]
			db.exec(db.Write("pears"))
			db.job("backup", "backup-2")
			db.exec(db.Write("nothing"))
			db.job("restore", "restore-newest")
			db.has("pears", "a restore of the newest dump")
			db.job("restore", "restore-first", "BACKUP="+dump)
			db.has("apples", "a restore of the first dump")
			db.exec(db.Write("apples"))
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
