//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/debian"
)

// storage is a folder of the node for the volumes of a database.
type storage struct {
	db    *project
	image string // any that has a shell
	dir   string
}

// kubectl runs kubectl and returns what it printed.
func (s storage) kubectl(args ...string) string {
	s.db.w.t.Helper()
	out, err := run1(".", nil, "kubectl", args...)
	if err != nil {
		s.db.w.t.Fatal(err)
	}
	return out
}

// apply has the cluster have an object.
func (s storage) apply(yaml string) {
	s.db.w.t.Helper()
	file := filepath.Join(s.db.w.t.TempDir(), "object.yaml")
	if err := os.WriteFile(file, []byte("---\n"+yaml), 0o600); err != nil {
		s.db.w.t.Fatal(err)
	}
	s.kubectl("apply", "--filename", file)
}

// onNode runs a command in /var/tmp of the node, as root.
func (s storage) onNode(command string) {
	s.db.w.t.Helper()
	namespace := s.db.workspace + "-node"
	s.kubectl("create", "namespace", namespace)
	defer s.kubectl("delete", "namespace", namespace, "--wait=false")
	s.db.w.await("the account of pods", func() error {
		_, err := run1(".", nil, "kubectl", "get", "serviceaccount", "default", "--namespace", namespace)
		return err
	})
	s.apply(fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: command, namespace: %s}, spec: {restartPolicy: Never,
  containers: [{name: command, image: %s, command: [sh, -c, %q], workingDir: /var/tmp, volumeMounts: [{name: node, mountPath: /var/tmp}]}],
  volumes: [{name: node, hostPath: {path: /var/tmp}}]}}`, namespace, s.image, command))
	s.kubectl("wait", "--namespace", namespace, "--for=jsonpath={.status.phase}=Succeeded", "pod/command", "--timeout=90s")
}

// volume is a volume of a folder for a claim of the database. It keeps what is on it when the claim is deleted.
func (s storage) volume(claim, folder string) (name string) {
	s.db.w.t.Helper()
	name = s.db.workspace + "-" + folder
	s.apply(fmt.Sprintf(`{apiVersion: v1, kind: PersistentVolume, metadata: {name: %s}, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce],
  persistentVolumeReclaimPolicy: Retain, hostPath: {path: %s/%s}, claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, namespace: %s, name: %s}}}`,
		name, s.dir, folder, s.db.workspace, s.db.name+"-"+claim))
	s.db.w.t.Cleanup(func() {
		_ = exec.Command("kubectl", "delete", "persistentvolume", name, "--wait=false", "--ignore-not-found").Run() //nolint:gosec // the name is ours
	})
	return name
}

// ask runs a command in the pod of the database.
func (s storage) ask(command []string) (string, error) {
	return run1(".", nil, "kubectl", append([]string{"exec", "--namespace", s.db.workspace, s.db.name + "-0", "--"}, command...)...)
}

// holds waits until the database answers, and says that it has a word; none when it is empty.
func (s storage) holds(word string, read []string) {
	s.db.w.t.Helper()
	s.db.w.await(fmt.Sprintf("the database to have %q", word), func() error {
		got, err := s.ask(read)
		if err == nil && got != word {
			err = fmt.Errorf("it has %q", got)
		}
		return err
	})
}

// job runs what a CronJob of the database does, now.
func (s storage) job(of string) {
	s.db.w.t.Helper()
	ns := "--namespace=" + s.db.workspace
	s.kubectl("create", "job", ns, "--from=cronjob/"+s.db.name+"-"+of, of)
	s.kubectl("wait", ns, "--for=condition=complete", "--timeout=90s", "job/"+of)
}

// The namespace of a database is lost with its data, and so are plateform-gitops and the disk of serve; the volume with the dumps is kept.
// The config repository and the key bring the database back, empty, and its restore Job brings back the data.
func TestDataComeBackToACluster(t *testing.T) {
	c := clusterProject(t)
	redis := debian.Redis()
	db := &project{w: c.w, workspace: c.workspace, name: "db", spec: []string{"type: database", "engine: " + redis.Kind, `version: "` + redis.Version + `"`,
		"storage: 1Gi", "resources: {cpu: 50m, memory: 128Mi}", `backup: {schedule: "0 3 1 1 *", retention: 2}`}}
	s := storage{db, redis.Push(t) + "/" + redis.Kind + ":" + redis.Version, "/var/tmp/plateform-" + c.workspace}
	s.onNode(strings.ReplaceAll("mkdir -p DIR/data DIR/new DIR/backup && chmod 0777 DIR/data DIR/new DIR/backup", "DIR", s.dir))
	t.Cleanup(func() { s.onNode("rm -r " + s.dir) })
	data, backup := s.volume("data", "data"), s.volume("backup", "backup")
	added := c.w.add(db)
	db.runs("v1.0.0")
	db.wantVerdict(added, "success")
	if out, err := s.ask(redis.Write("apples")); err != nil {
		t.Fatal(out, err)
	}
	s.holds("apples", redis.Read)
	s.job("backup")

	before := db.values()
	c.w.stop()
	s.kubectl("delete", "namespace", c.workspace, "--timeout=2m")
	s.kubectl("delete", "persistentvolume", data, "--timeout=1m")
	c.w.gitops.look("update-ref", "-d", "refs/heads/main")
	c.w.loseData()

	s.volume("data", "new")
	s.kubectl("patch", "persistentvolume", backup, "--type=json", `--patch=[{"op": "remove", "path": "/spec/claimRef/uid"}]`) // the claim that it was of is gone
	c.w.start()
	db.runs("v1.0.0")
	same(t, db.values(), before)
	s.holds("", redis.Read)
	s.job("restore")
	s.holds("apples", redis.Read)
}
