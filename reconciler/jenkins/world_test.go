package jenkins_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/test/jenkinsserver"
	"github.com/plateform/plateform/test/ociregistry"
)

const jobName = "platform/build image" // with a name that has to be escaped

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is a Jenkins whose job really pushes an image, a registry, and a clock.
type world struct {
	t        *testing.T
	jenkins  *jenkinsserver.Server
	registry *ociregistry.Registry
	client   jenkins.Registry
	clock    *clock
	log      logged

	mu sync.Mutex
	// run is what the job does to a build besides; the image is made after that.
	run func(ctx context.Context, b *jenkinsserver.Build) error
	// built counts the builds by ID.
	built map[string]int
}

func newWorld(t *testing.T, o jenkinsserver.Options) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}, built: map[string]int{}}
	o.Now = w.clock.Now
	w.registry = ociregistry.New(t)
	w.client = w.registry.Client(t, "", "")
	w.jenkins = jenkinsserver.New(t, o)
	w.jenkins.Add(jenkinsserver.User{Name: "plateform", Token: "token-of-plateform", Password: "its-password"})
	w.jenkins.Put(w.job(true))
	return w
}

func (w *world) job(pipeline bool) jenkinsserver.Job {
	var parameters []jenkinsserver.Parameter
	for _, name := range jenkins.Parameters() {
		parameters = append(parameters, jenkinsserver.Parameter{Name: name})
	}
	return jenkinsserver.Job{Name: jobName, Pipeline: pipeline, Parameters: parameters, Run: w.build}
}

// does has the job do something before it makes the image.
func (w *world) does(run func(ctx context.Context, b *jenkinsserver.Build) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.run = run
}

// build is the pipeline.
func (w *world) build(ctx context.Context, b *jenkinsserver.Build) error {
	w.mu.Lock()
	w.built[b.Parameter(jenkins.ParamID)]++
	run := w.run
	w.mu.Unlock()
	err := b.Stage("Build", func() error {
		if run == nil {
			return nil
		}
		return run(ctx, b)
	})
	if err != nil {
		return err
	}
	_ = b.Stage("Scan", func() error { return nil })
	return b.Stage("Push", func() error {
		digest, err := push(b.Parameter(jenkins.ParamDestination), b.Parameter(jenkins.ParamTag))
		if err != nil {
			return err
		}
		archive(b, map[string]any{"build": b.Parameter(jenkins.ParamID), "digest": digest, "framework": "go", "port": 8080, "scan": map[string]int{"high": 2}, "repository": "evil.example.com/x"})
		return nil
	})
}

func archive(b *jenkinsserver.Build, result any) {
	data, err := json.Marshal(result)
	if err != nil {
		panic(err) // of a test
	}
	b.Archive(jenkins.ResultFile, data)
}

// push puts some image into the registry.
func push(repository, tag string) (digest string, err error) {
	image, err := random.Image(64, 1)
	if err != nil {
		return "", err
	}
	ref, err := name.NewTag(repository + ":" + tag)
	if err != nil {
		return "", err
	}
	if err := remote.Write(ref, image); err != nil {
		return "", err
	}
	hash, err := image.Digest()
	return hash.String(), err
}

func (w *world) count(id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.built[id]
}

func (w *world) options() jenkins.Options {
	return jenkins.Options{
		URL: w.jenkins.URL, User: "plateform", Token: func() (jenkins.Secret, error) { return "token-of-plateform", nil }, Job: jobName,
		Registry: w.client, Clock: w.clock.Now, Log: w.log.logger(),
	}
}

// open is a process that starts.
func (w *world) open() *jenkins.Builder { return w.openWith(w.options()) }

func (w *world) openWith(o jenkins.Options) *jenkins.Builder {
	w.t.Helper()
	b, err := jenkins.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := b.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return b
}

// request is one for an image that can be made.
func (w *world) request(id string) reconciler.BuildRequest {
	return reconciler.BuildRequest{
		ID: id, Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, Image: manifest.AppImage, Repository: "https://git.example.com/acme/shop",
		Commit: "9fceb02d0ae598e95dc970b74767f19372d61af8", Tree: "", Destination: w.registry.Host + "/ws-1/shop",
		Build: &manifest.Build{Env: []manifest.BuildVar{{Name: "A", Value: "b & c=d"}}},
	}
}

func (w *world) start(b *jenkins.Builder, r reconciler.BuildRequest) {
	w.t.Helper()
	if err := b.Start(w.t.Context(), r); err != nil {
		w.t.Fatalf("Start(%s): %v", r.ID, err)
	}
}

func (w *world) status(b *jenkins.Builder, id string) reconciler.BuildStatus {
	w.t.Helper()
	statuses, err := b.Statuses(w.t.Context(), []string{id})
	if err != nil {
		w.t.Fatalf("Statuses(%s): %v", id, err)
	}
	status, known := statuses[id]
	if !known {
		w.t.Fatalf("%s is not known", id)
	}
	return status
}

// end asks until the build has ended.
func (w *world) end(b *jenkins.Builder, id string) reconciler.BuildStatus {
	w.t.Helper()
	var status reconciler.BuildStatus
	w.until(id+" has not ended", func() bool {
		status = w.status(b, id)
		return status.Done
	})
	return status
}

// until waits for something that other goroutines do.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	ticker, deadline := time.NewTicker(2*time.Millisecond), time.After(time.Minute)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			w.t.Fatal(what)
		}
	}
}

// running are the numbers of the builds that Jenkins runs.
func (w *world) running() []int {
	var numbers []int
	for number, b := range w.jenkins.Builds(jobName) {
		if b.Result() == "" {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// blocked is a run that goes on when it is told to, or when it is stopped.
func blocked() (run func(context.Context, *jenkinsserver.Build) error, goOn func()) {
	gate := make(chan struct{})
	return func(ctx context.Context, _ *jenkinsserver.Build) error {
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}, sync.OnceFunc(func() { close(gate) })
}

var errCompile = errors.New("main.go:1: it does not compile")

func (w *world) image(status reconciler.BuildStatus) *manifest.Image {
	w.t.Helper()
	if status.Image == nil {
		w.t.Fatalf("there is no image: %s", describe(status))
	}
	return status.Image
}

func describe(s reconciler.BuildStatus) string {
	if s.Failure != nil {
		return fmt.Sprintf("%+v", *s.Failure)
	}
	return fmt.Sprintf("%+v", s)
}
