//go:build e2e

package direct_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/direct"
	"github.com/plateform/plateform/reconciler/namespace"
	"github.com/plateform/plateform/reconciler/secrets"
	"github.com/plateform/plateform/reconciler/tenant"
	"github.com/plateform/plateform/test/ociimage"
)

// node is a cluster with nodes that run what is wanted, a registry and an ingress.
type node struct {
	t      *testing.T
	config *rest.Config
	set    kubernetes.Interface
	image  manifest.Image
	// suffix makes the namespaces of a test its own.
	suffix string
	// owner of its workspaces: other tests of the same cluster have workspaces of the same names.
	owner int64
	// replicas of what targets are made.
	replicas int
	// podSecurity of the workspaces; restricted when empty.
	podSecurity string
	// pull is the login that images are pulled with.
	pull func() (tenant.PullLogin, error)
	// databases is where the images of database engines are.
	databases string
	// times of its engines; zero for the usual ones.
	times direct.Times
	// charts that are rendered; those of the repository when it is nil.
	charts reconciler.Charts
	gitops gitops
	keys   *keys
	engine *direct.Engine
	stop   func()
}

// newNode uses the cluster that the environment names.
func newNode(t *testing.T) *node {
	t.Helper()
	if os.Getenv("KUBECONFIG") == "" || os.Getenv("PLATEFORM_TEST_REGISTRY") == "" {
		t.Skip("needs a cluster: KUBECONFIG, PLATEFORM_TEST_REGISTRY and PLATEFORM_TEST_INGRESS say which (docs/CONTRIBUTING.md)")
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	log.SetLogger(logr.Discard())
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, config: config, set: set, suffix: strings.ToLower(rand.Text()[:8]), owner: 1 + mathrand.Int64N(1<<40), gitops: gitops{}, keys: newKeys(t), replicas: 1}
	n.image = n.publish("65532:65532")
	for _, workspace := range []string{"ws-1", "ws-2"} {
		n.workspace(workspace)
	}
	return n
}

// namespace of a workspace, of this test alone.
func (n *node) namespace(workspace string) string { return workspace + "-" + n.suffix }

// workspace writes a workspace into plateform-gitops, and deletes its namespace when the test ends.
func (n *node) workspace(workspace string) {
	n.t.Helper()
	w := &manifest.Workspace{}
	w.Metadata.Name, w.Spec.Owner.ID, w.Spec.Namespace = workspace, n.owner, n.namespace(workspace)
	w.Spec.PodSecurity = n.podSecurity
	document, err := namespace.Document(&manifest.Platform{}, w)
	if err != nil {
		n.t.Fatal(err)
	}
	n.gitops[manifest.NamespaceFile(workspace)] = string(document)
	n.t.Cleanup(func() {
		_ = n.set.CoreV1().Namespaces().Delete(context.Background(), n.namespace(workspace), metav1.DeleteOptions{})
	})
}

// gitops is plateform-gitops, the same at each commit.
type gitops map[string]string

func (g gitops) Commit(hash string) (manifest.Commit, error)    { return manifest.Commit{Hash: hash}, nil }
func (g gitops) List(string, string) ([]manifest.Entry, error)  { return nil, nil }
func (g gitops) Diff(string, string) ([]manifest.Change, error) { return nil, nil }
func (g gitops) Read(_, path string) ([]byte, error) {
	text, there := g[path]
	if !there {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

// chartFolders are the charts as they are in the repository.
type chartFolders struct{}

func (chartFolders) Chart(t manifest.ProjectType, version string) (manifest.Chart, error) {
	return manifest.Chart{Name: string(t), Version: version}, nil
}

func (chartFolders) Files(c manifest.Chart) (map[string][]byte, error) {
	files, dir := map[string][]byte{}, os.DirFS(filepath.Join("..", "charts", c.Name, c.Version))
	err := fs.WalkDir(dir, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(dir, path)
		files[path] = content
		return err
	})
	return files, err
}

func (n *node) start() {
	n.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	if n.charts == nil {
		n.charts = chartFolders{}
	}
	engine, err := direct.New(direct.Options{
		Cluster: n.config, GitOps: n.gitops, Charts: n.charts, Secrets: n.keys, Pull: n.pull, Notify: func() {}, Clock: time.Now, Times: n.times,
		Ingress: os.Getenv("PLATEFORM_TEST_INGRESS"),
		Log:     slog.New(slog.NewTextHandler(n.t.Output(), nil)),
	})
	if err != nil {
		n.t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := engine.Run(ctx); !errors.Is(err, context.Canceled) {
			n.t.Errorf("the engine ended: %v", err)
		}
	})
	n.engine = engine
	n.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	n.t.Cleanup(n.stop)
}

// target is a release of the tests' app.
func (n *node) target(k manifest.Key, release string, env map[string]string) reconciler.Target {
	n.t.Helper()
	spec := manifest.ProjectSpec{Type: manifest.Monolithic}
	spec.Port, spec.Replicas, spec.Domain, spec.Health = 8080, new(n.replicas), n.host(k), &manifest.Health{Path: "/health"}
	spec.Env = append(spec.Env, manifest.EnvVar{Name: "ANSWER", Value: new(release)})
	for name, value := range env {
		spec.Env = append(spec.Env, manifest.EnvVar{Name: name, Value: new(value)})
	}
	return n.targetOf(k, release, spec)
}

// targetOf is a release of a project as it is written.
func (n *node) targetOf(k manifest.Key, release string, spec manifest.ProjectSpec) reconciler.Target {
	n.t.Helper()
	version, err := manifest.ParseVersion(release)
	if err != nil {
		n.t.Fatal(err)
	}
	chart := manifest.Chart{Name: string(spec.Type), Version: "1.1.0"}
	images := []manifest.Image{n.image}
	for _, s := range spec.Services {
		image := n.image
		image.Name = s.Name
		images = append(images, image)
	}
	inputs := manifest.PlatformInputs{Namespace: n.namespace(k.Workspace), Chart: chart, Databases: []string{"db"}, Ingress: manifest.IngressSpec{Class: "nginx"}}
	if inputs.PodSecurity = n.podSecurity; spec.Type == manifest.Database {
		inputs.EngineImages = n.databases
	}
	values, err := manifest.BuildValues(manifest.ValuesInput{Key: k, Release: version, Project: spec, Images: images, Platform: inputs})
	if err != nil {
		n.t.Fatal(err)
	}
	made := &manifest.Release{Spec: manifest.ReleaseSpec{Values: values, Project: spec}}
	return reconciler.Target{
		Key: k, Owner: n.owner, Namespace: n.namespace(k.Workspace), Release: release, Chart: chart, Values: []byte(values), Secrets: secrets.Of(k, made),
	}
}

func (n *node) host(k manifest.Key) string {
	return k.Project + "-" + n.namespace(k.Workspace) + ".example.com"
}

// answer is what a project answers with through the ingress; empty when it does not.
func (n *node) answer(t *testing.T, k manifest.Key) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+os.Getenv("PLATEFORM_TEST_INGRESS")+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = n.host(k)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

// appFile is testdata/app, compiled.
var appFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "plateform-direct-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "app")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, "./testdata/app")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, said)
	}
	return os.ReadFile(file)
})

// publish pushes an image of the tests' app to the registry of the cluster.
func (n *node) publish(user string) manifest.Image {
	n.t.Helper()
	program, err := appFile()
	if err != nil {
		n.t.Fatal(err)
	}
	layer, err := ociimage.Program(program)
	if err != nil {
		n.t.Fatal(err)
	}
	config := v1.Config{Entrypoint: []string{"/app"}, User: user, WorkingDir: "/", Env: []string{"PATH=/"}}
	digest, err := ociimage.Push(n.t.Context(), os.Getenv("PLATEFORM_TEST_REGISTRY")+"/ws-1/app:1", layer, config)
	if err != nil {
		n.t.Fatal(err)
	}
	from := cmp.Or(os.Getenv("PLATEFORM_TEST_PULL"), "registry.test:5000")
	return manifest.Image{Name: manifest.AppImage, Repository: from + "/ws-1/app", Tag: "1", Digest: digest}
}
