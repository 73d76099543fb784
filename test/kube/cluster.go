package kube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Cluster is a Kubernetes API that a test may use. It may be used by many at once.
type Cluster struct {
	config     *rest.Config
	kubeconfig string
	client     kubernetes.Interface
	plane      *plane // nil for a cluster that is there without the tests
	node       *node  // nil likewise
}

// Start starts a control plane for one test, which ends with it. The test is skipped where none has been built.
func Start(t testing.TB) *Cluster {
	t.Helper()
	binary, err := find()
	if errors.Is(err, errNotBuilt) {
		t.Skip(err)
	}
	var c *Cluster
	if err == nil {
		// What a test has put off until it ends still needs it, so it is not bound to the context of the test.
		c, err = startCluster(context.WithoutCancel(t.Context()), binary, t.TempDir())
	}
	if err != nil {
		t.Fatalf("starting a control plane: %v", err)
	}
	t.Cleanup(c.stop)
	return c
}

// startCluster starts a control plane with its node in a folder.
func startCluster(ctx context.Context, binary, dir string) (*Cluster, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it does not answer after %v", patience))
	defer cancel()
	plane, err := startPlane(ctx, binary, dir)
	if err != nil {
		return nil, err
	}
	c := &Cluster{config: plane.credentials.config(plane.url()), kubeconfig: plane.kubeconfig(), plane: plane}
	if c.client, err = kubernetes.NewForConfig(c.config); err == nil {
		c.node, err = startNode(ctx, c.client)
	}
	if err != nil {
		plane.stop()
		return nil, err
	}
	return c, nil
}

// connect returns the cluster that a kubeconfig leads to.
func connect(kubeconfig string) (*Cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading $KUBECONFIG: %w", err)
	}
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("reading $KUBECONFIG: %w", err)
	}
	return &Cluster{config: config, kubeconfig: kubeconfig, client: client}, nil
}

func (c *Cluster) stop() {
	if c.plane != nil {
		c.node.stop()
		c.plane.stop()
	}
}

// Real says that the cluster is one that was there before, with nodes that run what they are told to.
func (c *Cluster) Real() bool { return c.plane == nil }

// Config is how an admin reaches the cluster. It is a copy, to change as one likes: to impersonate somebody, for one.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Kubeconfig is the same as a file, for commands.
func (c *Cluster) Kubeconfig() string { return c.kubeconfig }

// Client asks the cluster as an admin.
func (c *Cluster) Client() kubernetes.Interface { return c.client }

// Namespace makes a namespace for a test, whose service account is there so that pods can be made. It is removed after
// the test, which waits for that where the cluster stays.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	namespaces := c.client.CoreV1().Namespaces()
	made, err := namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "test-" + rand.String(8)}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("making a namespace: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		err := namespaces.Delete(ctx, made.Name, metav1.DeleteOptions{})
		if err == nil && c.Real() {
			err = poll(ctx, func() bool {
				_, err := namespaces.Get(ctx, made.Name, metav1.GetOptions{})
				return apierrors.IsNotFound(err)
			})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("removing the namespace %s: %v", made.Name, err)
		}
	})
	Await(t, "the service account of the namespace "+made.Name, func(ctx context.Context) error {
		_, err := c.client.CoreV1().ServiceAccounts(made.Name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	return made.Name
}

// Await waits until something is so: until a function returns no error. What it returns last is why the test fails when
// that never happens.
func Await(t testing.TB, what string, so func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last error
	if err := poll(ctx, func() bool { last = so(ctx); return last == nil }); err != nil {
		t.Fatalf("waiting for %s: %v (%v)", what, last, err)
	}
}

// poll looks again and again, until something is so or the context ends.
func poll(ctx context.Context, so func() bool) error {
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
	return nil
}

// Interrupt ends the API server, as an upgrade of a cluster does, until Resume. It is for a cluster of one test.
func (c *Cluster) Interrupt(t testing.TB) {
	t.Helper()
	c.mustBeOwn(t)
	c.plane.server.stop()
}

// Resume starts the API server again, where it was, and returns once it is ready.
func (c *Cluster) Resume(t testing.TB) {
	t.Helper()
	c.mustBeOwn(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.plane.startServer(ctx); err != nil {
		t.Fatalf("starting the API server again: %v", err)
	}
}

func (c *Cluster) mustBeOwn(t testing.TB) {
	t.Helper()
	if c.plane == nil || c == theShared.cluster {
		t.Fatal("others use this cluster too: kube.Start one for the test")
	}
}

// shared is the one control plane of a test binary.
type shared struct {
	mu      sync.Mutex
	running bool // Main runs, and so will end it
	tried   bool
	cluster *Cluster
	dir     string
	err     error
}

// theShared outlives tests, so no test can hold it: it belongs to the process, and Main ends it.
var theShared shared

// Main runs the tests of a package that use Shared, and ends what they shared. It returns the exit code; call it in
// TestMain.
func Main(m *testing.M) int {
	theShared.begin()
	defer theShared.end()
	return m.Run()
}

// Shared returns the control plane that all tests of a package share, which the first of them starts; or with
// PLATEFORM_TEST_CLUSTER=1 the cluster that $KUBECONFIG leads to. The test is skipped where there is neither.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	c, err := theShared.get()
	if errors.Is(err, errNotBuilt) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("starting a control plane: %v", err)
	}
	return c
}

func (s *shared) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = true
}

func (s *shared) get() (*Cluster, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return nil, errors.New("nobody would end it: func TestMain(m *testing.M) { os.Exit(kube.Main(m)) }")
	}
	if !s.tried {
		s.tried = true
		s.cluster, s.err = s.open()
	}
	return s.cluster, s.err
}

// open returns the cluster that the environment names, or else starts one.
func (s *shared) open() (*Cluster, error) {
	if os.Getenv("PLATEFORM_TEST_CLUSTER") == "1" {
		file := os.Getenv("KUBECONFIG")
		if file == "" || strings.Contains(file, string(os.PathListSeparator)) {
			return nil, errors.New("PLATEFORM_TEST_CLUSTER=1 needs one file in $KUBECONFIG, of an admin of a cluster for tests")
		}
		return connect(file)
	}
	binary, err := find()
	if err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "kube-"); err != nil {
		return nil, fmt.Errorf("making a folder for a control plane: %w", err)
	}
	return startCluster(context.Background(), binary, s.dir)
}

func (s *shared) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	if s.cluster != nil {
		s.cluster.stop()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir) // what is left of a test in the temporary folder harms nobody
	}
}
