//go:build e2e

package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/plateform/plateform/test/kube"
)

// inFolder is the first argument of this binary when it plays a test that gets killed.
const inFolder = "in-folder"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == inFolder {
		startAndStay(os.Args[2])
	}
	os.Exit(kube.Main(m))
}

// startAndStay starts a control plane, says which processes it has, and waits for what does not come.
func startAndStay(dir string) {
	c, err := kube.StartIn(context.Background(), dir)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(c.PIDs())
	}
	if err != nil {
		panic(err)
	}
	select {}
}

// running says that a process is there, and no zombie.
func running(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err == nil && strings.Contains(string(stat), ") Z ") {
		return false
	}
	return syscall.Kill(pid, 0) == nil
}

// awaitGone waits until none of some processes is there any more.
func awaitGone(t *testing.T, pids []int) {
	t.Helper()
	if len(pids) != 3 {
		t.Fatalf("processes %v, want those of etcd, the API server and the controllers", pids)
	}
	kube.Await(t, "the end of the control plane", func(context.Context) error {
		for _, pid := range pids {
			if running(pid) {
				return fmt.Errorf("process %d is still there", pid)
			}
		}
		return nil
	})
}

// A control plane ends with its test, and is unharmed by an API server that goes and comes back.
func TestStart(t *testing.T) {
	var pids []int
	t.Run("inside", func(t *testing.T) {
		cluster := kube.Start(t)
		client, namespace := cluster.Client(), cluster.Namespace(t)
		first := cluster.PIDs()
		for _, pid := range first {
			if !running(pid) {
				t.Fatalf("process %d is not there", pid)
			}
		}
		cluster.Interrupt(t)
		if _, err := client.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{}); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("without an API server: %v, want that the connection is refused", err)
		}
		cluster.Resume(t)
		if pids = cluster.PIDs(); pids[1] == first[1] {
			t.Error("the API server is the same process")
		}
		apply(t, client, namespace, "app", cluster.Image(t, kube.Runs))
		kube.Await(t, "an app after the interruption", available(client, namespace, "app"))
	})
	awaitGone(t, pids)
}

// No process outlives a test that is killed at once.
func TestKilled(t *testing.T) {
	kube.Shared(t) // skips where there is no control plane
	test := exec.CommandContext(t.Context(), os.Args[0], inFolder, t.TempDir())
	test.Stderr = os.Stderr
	out, err := test.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := test.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	err = json.NewDecoder(out).Decode(&pids)
	killed := test.Process.Kill()
	_ = test.Wait() // it was killed
	if err := errors.Join(err, killed); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, pids)
}

// With PLATEFORM_TEST_CLUSTER=1 tests run in the cluster of $KUBECONFIG, and leave it as it was. This binary plays them, in a
// cluster that belongs to another process.
func TestAClusterThatIsThere(t *testing.T) {
	cluster := kube.Start(t)
	other := func(test, kubeconfig string) string {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^"+test+"$")
		c.Env = append(os.Environ(), "PLATEFORM_TEST_CLUSTER=1", "KUBECONFIG="+kubeconfig)
		out, _ := c.CombinedOutput() // says whether it passed
		return string(out)
	}
	if out := other("TestRights", cluster.Kubeconfig()); !strings.Contains(out, "--- PASS: TestRights") {
		t.Errorf("a test that asks nothing of nodes:\n%s", out)
	}
	if out := other("TestRollout", cluster.Kubeconfig()); !strings.Contains(out, "--- SKIP: TestRollout") || !strings.Contains(out, "PLATEFORM_TEST_CLUSTER") {
		t.Errorf("a test that says how images behave:\n%s", out)
	}
	if out := other("TestRights", ""); !strings.Contains(out, "--- FAIL: TestRights") || !strings.Contains(out, "$KUBECONFIG") {
		t.Errorf("a cluster that is not named:\n%s", out)
	}
	left, err := cluster.Client().CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, namespace := range left.Items {
		if strings.HasPrefix(namespace.Name, "test-") {
			t.Errorf("the namespace %s is left", namespace.Name)
		}
	}
}
