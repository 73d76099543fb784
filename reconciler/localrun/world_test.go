package localrun_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localrun"
	"github.com/plateform/plateform/reconciler/localrun/router"
	"github.com/plateform/plateform/reconciler/localrun/shim"
	"github.com/plateform/plateform/reconciler/secrets"
	"github.com/plateform/plateform/test/ociregistry"
)

// patience bounds every wait; nothing depends on how long one takes.
const patience = 90 * time.Second

// appFilePath is testdata/app, compiled: what the tests run, and the shim above it. It is not this binary, which is slow to
// start with the race detector.
var appFilePath = sync.OnceValues(func() (string, error) {
	file := filepath.Join(os.TempDir(), fmt.Sprintf("plateform-localrun-app-%d", os.Getpid()))
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, "./testdata/app")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, said)
	}
	return file, nil
})

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "doomed" {
		panic(runDoomed(os.Args[2], os.Args[3]))
	}
	code := m.Run()
	if file, err := appFilePath(); err == nil {
		os.Remove(file)
	}
	os.Exit(code)
}

// shimCommand is how the tests' app becomes a shim.
func shimCommand(t *testing.T) []string {
	t.Helper()
	file, err := appFilePath()
	if err != nil {
		t.Fatal(err)
	}
	return []string{file, shim.Argument}
}

// key is the project that most tests are about.
var key = manifest.Key{Workspace: "ws-1", Project: "hello"}

const host = "hello-ws-1.localhost"

// world is a machine with a registry, a router, and an engine.
type world struct {
	t        *testing.T
	registry *ociregistry.Registry
	dir      string
	times    localrun.Times
	// limit of images that a container tool takes in.
	limit int64
	keys  *keys
	// keyless says that the engine cannot open secrets.
	keyless bool
	router  string // its address
	front   *router.Router
	engine  *localrun.Engine
	stop    func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, registry: ociregistry.New(t), dir: t.TempDir(), keys: newKeys(t)}
	w.times = localrun.Times{
		Start: patience, Interval: 5 * time.Millisecond, Backoff: 10 * time.Millisecond, Drain: patience, Stop: patience,
	}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// start starts a router and an engine on what is in the folder.
func (w *world) start() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w.t.Output(), nil))
	w.front, w.router = router.New(router.Options{Log: log}), listener.Addr().String()
	var opener secret.Opener = w.keys
	if w.keyless {
		opener = nil
	}
	w.engine, err = localrun.New(localrun.Options{
		Images: w.registry.Client(w.t, "", ""), Router: w.front, Secrets: opener, Dir: w.dir, Shim: shimCommand(w.t),
		Times: w.times, ContainerLimit: w.limit, Notify: func() {}, Clock: time.Now, Log: log,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.front.Serve(ctx, listener); err != nil {
			w.t.Errorf("the router ended: %v", err)
		}
	})
	engine := w.engine
	running.Go(func() {
		if err := engine.Run(ctx); !errors.Is(err, context.Canceled) {
			w.t.Errorf("the engine ended: %v", err)
		}
	})
	w.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
}

// file of an image.
type file struct {
	tar.Header
	content []byte
}

// publish pushes an image and returns it as a release has it.
func (w *world) publish(repository string, config v1.Config, files ...file) manifest.Image {
	w.t.Helper()
	image, err := makeImage(config, files...)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.push(repository, image)
}

func (w *world) push(repository string, image v1.Image) manifest.Image {
	w.t.Helper()
	ref, err := name.NewTag(w.registry.Host + "/" + repository + ":1")
	if err != nil {
		w.t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		w.t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		w.t.Fatal(err)
	}
	return manifest.Image{Name: manifest.AppImage, Repository: ref.Context().Name(), Tag: "1", Digest: digest.String()}
}

// makeImage makes an image of one layer.
func makeImage(config v1.Config, files ...file) (v1.Image, error) {
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	for _, f := range files {
		header := f.Header
		header.Size = int64(len(f.content))
		if err := archive.WriteHeader(&header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }, tarball.WithCompressedCaching)
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	configFile, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	configFile = configFile.DeepCopy()
	configFile.OS, configFile.Architecture, configFile.Config = "linux", runtime.GOARCH, config
	return mutate.ConfigFile(image, configFile)
}

// appImage is an image of the tests' app.
var appImage = sync.OnceValues(func() (v1.Image, error) {
	path, err := appFilePath()
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return makeImage(appConfig(), file{tar.Header{Name: "app", Mode: 0o755, Typeflag: tar.TypeReg}, program})
})

// appConfig is how the image of the test's app wants to be run.
func appConfig() v1.Config {
	return v1.Config{Entrypoint: []string{"/app"}, User: "65532:65532", WorkingDir: "/", Env: []string{"PATH=/", "HOME=/tmp"}}
}

// app publishes the test's app.
func (w *world) app() manifest.Image {
	w.t.Helper()
	image, err := appImage()
	if err != nil {
		w.t.Fatal(err)
	}
	return w.push("ws-1/hello", image)
}

// release is a release of a project, made as the reconciler makes it.
type release struct {
	key     manifest.Key
	version string
	image   manifest.Image
	env     map[string]string
	// secrets are variables, too.
	secrets  map[string]string
	from     map[string]manifest.EnvFrom
	replicas int
	port     int
	health   string
	host     string
	memory   string
}

func (w *world) target(r release) reconciler.Target {
	w.t.Helper()
	version, err := manifest.ParseVersion(r.version)
	if err != nil {
		w.t.Fatal(err)
	}
	spec := manifest.ProjectSpec{Type: manifest.Monolithic}
	spec.Port, spec.Replicas, spec.Domain = 8080, new(1), host
	if r.port != 0 {
		spec.Port = r.port
	}
	if r.replicas != 0 {
		spec.Replicas = new(r.replicas)
	}
	if r.health != "" {
		spec.Health = &manifest.Health{Path: r.health}
	}
	spec.Resources.Memory = r.memory
	if r.host != "" {
		spec.Domain = r.host
	}
	for _, name := range sortedKeys(r.env) {
		spec.Env = append(spec.Env, manifest.EnvVar{Name: name, Value: new(r.env[name])})
	}
	k := r.key
	if k == (manifest.Key{}) {
		k = key
	}
	for _, name := range slices.Sorted(maps.Keys(r.from)) {
		spec.Env = append(spec.Env, manifest.EnvVar{Name: name, From: new(r.from[name])})
	}
	for _, name := range sortedKeys(r.secrets) {
		spec.Env = append(spec.Env, manifest.EnvVar{Name: name, Secret: w.keys.seal(w.t, k, name, r.secrets[name])})
	}
	values, err := manifest.BuildValues(manifest.ValuesInput{
		Key: k, Release: version, Project: spec, Platform: manifest.PlatformInputs{Namespace: k.Workspace}, Images: []manifest.Image{r.image},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	made := &manifest.Release{Spec: manifest.ReleaseSpec{Values: values, Project: spec}}
	return reconciler.Target{
		Key: k, Namespace: k.Workspace, Release: r.version, Chart: manifest.Chart{Name: "monolithic", Version: "1.0.0"}, Values: []byte(values),
		Secrets: secrets.Of(k, made), Owner: owner, References: secrets.References(made),
	}
}

func sortedKeys(m map[string]string) []string {
	return slices.Sorted(maps.Keys(m))
}

func (w *world) want(targets ...reconciler.Target) {
	w.t.Helper()
	if err := w.engine.Want(w.t.Context(), "c0ffee", targets); err != nil {
		w.t.Fatal(err)
	}
}

// rollout is how far the engine is with a project.
func (w *world) rollout(k manifest.Key) (reconciler.Rollout, bool) {
	w.t.Helper()
	rollouts, err := w.engine.Rollouts(w.t.Context(), []manifest.Key{k})
	if err != nil {
		w.t.Fatal(err)
	}
	r, there := rollouts[k]
	return r, there
}

// await waits until a release has a phase.
func (w *world) await(release string, phase reconciler.Phase) reconciler.Rollout {
	w.t.Helper()
	var r reconciler.Rollout
	eventually(w.t, release+" to be "+string(phase), func() bool {
		r, _ = w.rollout(key)
		if phase == reconciler.PhaseHealthy && r.Release == release && r.Phase == reconciler.PhaseFailed {
			w.t.Fatalf("%s failed: %+v", release, r)
		}
		return r.Release == release && r.Phase == phase
	})
	return r
}

// deploy wants a release and waits until it is healthy.
func (w *world) deploy(r release) {
	w.t.Helper()
	w.want(w.target(r))
	w.await(r.version, reconciler.PhaseHealthy)
}

// get asks the app through the router.
func (w *world) get(path string) (status int, body string) {
	w.t.Helper()
	return w.getAt(host, path)
}

func (w *world) getAt(host, path string) (status int, body string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+w.router+path, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// answers checks what the app says.
func (w *world) answers(want string) {
	w.t.Helper()
	if status, body := w.get("/"); status != http.StatusOK || body != want {
		w.t.Errorf("it answers %d %q, want %q", status, body, want)
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(patience); !condition(); {
		select {
		case <-deadline:
			t.Fatalf("waited %v for %s", patience, what)
		case <-ticker.C:
		}
	}
}

// gone says that no process has a number, other than as a zombie.
func gone(pid string) bool {
	content, err := os.ReadFile("/proc/" + pid + "/stat")
	return err != nil || strings.Contains(string(content), ") Z ")
}
