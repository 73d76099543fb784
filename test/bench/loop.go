package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/gitforge"
	"github.com/plateform/plateform/reconciler/loop"
	"github.com/plateform/plateform/test/gitserver"
)

// running is a reconciler that runs, on real repositories; what it builds with is simulated.
type running struct {
	*loop.Reconciler
	stage          *stage
	fleet          *fleet
	config, gitops *watched
	// told gets how many verdicts each call of the forge told.
	told    chan int
	sources *sources
	builder *builder // nil when something else builds
	stop    func()
}

// run starts a reconciler and waits until it is ready. images is nil where no image is asked for.
func (s *stage) run(f *fleet, config, gitops *gitserver.Repo, images reconciler.Registry) *running {
	var l *running
	simulated := &builder{builds: map[string]*build{}, changed: func() { l.Hint(loop.Hint{Builds: true}) }}
	l = s.runWith(f, config, gitops, images, simulated)
	l.builder = simulated
	return l
}

// runWith is run with another builder.
func (s *stage) runWith(f *fleet, config, gitops *gitserver.Repo, images reconciler.Registry, builder reconciler.Builder) *running {
	if images == nil {
		images = noImages{}
	}
	configStore, gitopsStore := s.store(config), s.store(gitops)
	notes, err := gitstore.OpenNotes(gitstore.NotesOptions{
		Options: gitstore.Options{URL: s.alias(config).URL, Dir: s.TempDir()},
		Author:  manifest.Signature{Name: "Plateform", Email: "plateform@users.noreply.github.com"}, Now: time.Now,
	})
	s.must(err)
	l := &running{
		stage:  s,
		fleet:  f,
		config: &watched{Store: configStore, repo: config}, gitops: &watched{Store: gitopsStore, repo: gitops, pushed: make(chan []string, 64)},
		told: make(chan int, 1024), sources: &sources{pushes: map[string]int{}},
	}
	l.Reconciler, err = loop.New(loop.Options{
		Ports: loop.Ports{
			Config: l.config, GitOps: l.gitops, Sources: l.sources, Builder: builder, Registry: images,
			Forge: &listening{Forge: gitforge.New(notes, configStore), told: l.told}, Charts: f.charts,
		},
		Clock: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	s.must(err)
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	l.stop = func() {
		cancel()
		s.must(<-ended)
		s.must(notes.Close())
		s.must(configStore.Close())
		s.must(gitopsStore.Close())
	}
	s.eventually("the reconciler is ready", l.Ready)
	return l
}

func (s *stage) store(repo *gitserver.Repo) *gitstore.Store {
	store, err := gitstore.Open(gitstore.Options{URL: repo.URL, Dir: s.TempDir()})
	s.must(err)
	return store
}

// patience is how long anything may take.
const patience = 5 * time.Minute

// eventually waits until something is so.
func (s *stage) eventually(what string, so func() bool) {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	deadline := time.After(patience)
	for !so() {
		select {
		case <-look.C:
		case <-s.ctx.Done():
			s.Fatal(s.ctx.Err())
		case <-deadline:
			s.Fatalf("after %s it is not so that %s", patience, what)
		}
	}
}

// awaitGitOps waits until so many projects got new values, and returns when that was.
func (l *running) awaitGitOps(projects int) time.Time {
	deadline := time.After(patience)
	for projects > 0 {
		select {
		case files := <-l.gitops.pushed:
			for _, file := range files {
				if strings.HasSuffix(file, "/values.yaml") {
					projects--
				}
			}
		case <-l.stage.ctx.Done():
			l.stage.Fatal(l.stage.ctx.Err())
		case <-deadline:
			l.stage.Fatalf("%d projects are not in GitOps after %s", projects, patience)
		}
	}
	return time.Now()
}

// awaitVerdicts waits until people were told how so many runs ended, which is the end of all there is to do.
func (l *running) awaitVerdicts(verdicts int) {
	deadline := time.After(patience)
	for verdicts > 0 {
		select {
		case n := <-l.told:
			verdicts -= n
		case <-l.stage.ctx.Done():
			l.stage.Fatal(l.stage.ctx.Err())
		case <-deadline:
			l.stage.Fatalf("%d verdicts were not told after %s", verdicts, patience)
		}
	}
}

// watched is a repository that tells of its pushes.
type watched struct {
	*gitstore.Store
	repo   *gitserver.Repo
	pushes atomic.Int64
	// pushed gets the files of each push, unless it is nil.
	pushed chan []string
}

func (w *watched) Push(ctx context.Context, base string, edits []manifest.Edit) ([]string, error) {
	hashes, err := w.Store.Push(ctx, base, edits)
	if err != nil {
		return nil, err
	}
	w.pushes.Add(1)
	if w.pushed != nil {
		var files []string
		for _, e := range edits {
			for file := range e.Files {
				files = append(files, file)
			}
		}
		w.pushed <- files
	}
	return hashes, nil
}

// listening is a forge that tells how many verdicts it was told.
type listening struct {
	reconciler.Forge
	told chan int
}

func (l *listening) Report(ctx context.Context, reports []reconciler.Report) error {
	if err := l.Forge.Report(ctx, reports); err != nil {
		return err
	}
	verdicts := 0
	for _, report := range reports {
		if report.Terminal() {
			verdicts++
		}
	}
	l.told <- verdicts
	return nil
}

// sources says where sources are that are not there.
type sources struct {
	mu     sync.Mutex
	pushes map[string]int
}

func (s *sources) push(repository string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushes[repository]++
}

// Tips implements reconciler.Sources.
func (s *sources) Tips(_ context.Context, repository string, places []reconciler.Place) ([]reconciler.Found, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := make([]reconciler.Found, len(places))
	for i := range found {
		found[i].Tip = reconciler.Tip{Commit: tipOf(repository, s.pushes[repository]), By: "Ann"}
	}
	return found, nil
}

// builder builds nothing, and is done when it is told.
type builder struct {
	mu      sync.Mutex
	builds  map[string]*build
	changed func()
}

type build struct {
	request reconciler.BuildRequest
	done    bool
}

// running says how many builds were begun that have not ended.
func (b *builder) running() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, build := range b.builds {
		if !build.done {
			n++
		}
	}
	return n
}

// finish ends all builds, one after the other as fast as it goes.
func (b *builder) finish() {
	b.mu.Lock()
	var all []*build
	for _, build := range b.builds {
		all = append(all, build)
	}
	b.mu.Unlock()
	for _, build := range all {
		b.mu.Lock()
		build.done = true
		b.mu.Unlock()
		b.changed()
	}
}

// Start implements reconciler.Builder.
func (b *builder) Start(_ context.Context, r reconciler.BuildRequest) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.builds[r.ID] == nil {
		b.builds[r.ID] = &build{request: r}
	}
	return nil
}

// Statuses implements reconciler.Builder.
func (b *builder) Statuses(_ context.Context, ids []string) (map[string]reconciler.BuildStatus, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	statuses := map[string]reconciler.BuildStatus{}
	for _, id := range ids {
		if found := b.builds[id]; found != nil {
			statuses[id] = found.status()
		}
	}
	return statuses, nil
}

func (b *build) status() reconciler.BuildStatus {
	status := reconciler.BuildStatus{Stages: []reconciler.Stage{reconciler.StageBuilding}, Seconds: 60}
	if b.done {
		status.Stages = append(status.Stages, reconciler.StagePushing)
		status.Done = true
		status.Image = &manifest.Image{
			Name: b.request.Image, Repository: b.request.Destination, Digest: "sha256:" + fakeHash(b.request.ID),
			Commit: b.request.Commit, Tree: b.request.Tree, Framework: "go", Built: true,
		}
	}
	return status
}

// Cancel implements reconciler.Builder.
func (b *builder) Cancel(context.Context, string) error { return nil }

// noImages is a registry that takes every tag and knows no image.
type noImages struct{}

// Resolve implements reconciler.Registry.
func (noImages) Resolve(context.Context, string) (manifest.Image, error) {
	return manifest.Image{}, errors.New("there are no images")
}

// Has implements reconciler.Registry.
func (noImages) Has(context.Context, string, string) (bool, error) { return true, nil }

// Tag implements reconciler.Registry.
func (noImages) Tag(context.Context, string, string, string) error { return nil }
