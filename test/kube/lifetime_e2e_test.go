//go:build e2e

package kube_test

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/plateform/plateform/test/kube"
	"github.com/plateform/plateform/test/ociregistry"
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

// With PLATEFORM_TEST_CLUSTER=1 tests run in the cluster of $KUBECONFIG, with real images, and leave it as it was. This binary
// plays them, in a cluster that belongs to another process.
func TestAClusterThatIsThere(t *testing.T) {
	cluster, registry := kube.Start(t), ociregistry.New(t)
	for _, b := range []kube.Behaviour{kube.CrashLoop, kube.PullFails} {
		cluster.Behave(t, "registry.test:5000/test/"+b.String(), b)
	}
	for _, tt := range []struct {
		test, kubeconfig, registry string
		want                       []string // in what it says
	}{
		{"TestRollout", cluster.Kubeconfig(), registry.Host, []string{"--- PASS: TestRollout"}},
		{"TestFailures$/^(pull|config)-fails", cluster.Kubeconfig(), registry.Host, []string{"--- PASS: TestFailures/pull-fails", "--- SKIP: TestFailures/config-fails", "no image is config-fails"}},
		{"TestRollout", cluster.Kubeconfig(), "", []string{"--- SKIP: TestRollout", "$PLATEFORM_TEST_REGISTRY"}},
		{"TestBehave", cluster.Kubeconfig(), registry.Host, []string{"--- SKIP: TestBehave", "PLATEFORM_TEST_CLUSTER"}},
		{"TestRights", "", "", []string{"--- FAIL: TestRights", "$KUBECONFIG"}},
	} {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^"+tt.test+"$")
		c.Env = append(os.Environ(), "PLATEFORM_TEST_CLUSTER=1", "PLATEFORM_TEST_PULL=", "KUBECONFIG="+tt.kubeconfig, "PLATEFORM_TEST_REGISTRY="+tt.registry)
		out, _ := c.CombinedOutput() // says whether it passed
		for _, want := range tt.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s with $KUBECONFIG %q and registry %q does not say %q:\n%s", tt.test, tt.kubeconfig, tt.registry, want, out)
			}
		}
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
	// What was pushed does as it says.
	if code := runImage(t, registry.Host+"/test/crash-loop"); code != 1 {
		t.Errorf("an image that crashes ends with %d", code)
	}
	if tags, err := remote.List(repository(t, registry.Host+"/test/pull-fails")); err == nil {
		t.Errorf("an image that is not there has the tags %v", tags)
	}
}

func repository(t *testing.T, reference string) name.Repository {
	t.Helper()
	r, err := name.NewRepository(reference, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// runImage runs the program of an image of a repository, and returns the code that it ends with.
func runImage(t *testing.T, reference string) int {
	t.Helper()
	tags, err := remote.List(repository(t, reference))
	if err != nil || len(tags) == 0 {
		t.Fatalf("tags of %s: %v (%v)", reference, tags, err)
	}
	image, err := remote.Image(repository(t, reference).Tag(tags[0]))
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	files := mutate.Extract(image)
	defer files.Close()
	r := tar.NewReader(files)
	header, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), header.Name)
	if err := os.WriteFile(program, content, 0o700); err != nil {
		t.Fatal(err)
	}
	if entrypoint := config.Config.Entrypoint; len(entrypoint) != 2 || entrypoint[0] != "/"+header.Name {
		t.Fatalf("the entrypoint is %v, and the file %s", entrypoint, header.Name)
	}
	c := exec.CommandContext(t.Context(), program, config.Config.Entrypoint[1])
	_ = c.Run() // ends with a code that is asked for below
	return c.ProcessState.ExitCode()
}
