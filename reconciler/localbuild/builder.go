package localbuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/gofrs/flock"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/semaphore"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/scan"
)

// Defaults.
const (
	defaultParallel  = 2
	defaultTimeout   = 15 * time.Minute
	defaultMaxLog    = 10 << 20
	defaultMaxSource = 1 << 30
	// remembered is how many ended builds are kept in memory. Start finds a good one that fell out in the registry.
	remembered = 4096
)

// Why a build is stopped.
var (
	errCanceled = errors.New("the build was canceled")
	errClosed   = errors.New("this process ends")
	errTimeout  = errors.New("the build took too long")
)

// fileName is fit for a file and, behind `build-`, for an image tag.
var fileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}$`)

// Checkout puts the files of a commit of a repository into a folder that is there and empty.
type Checkout func(ctx context.Context, repository, commit, dir string) error

// Registry is where images go.
type Registry interface {
	// Lookup returns the digest and the labels of the image with a tag or a digest; an error is fs.ErrNotExist when there is none.
	Lookup(ctx context.Context, repository, tag string) (digest string, labels map[string]string, err error)
	// Push uploads an image, makes sure that it is there, and returns its digest. A tag that has another digest is left as it
	// is: the error is a *reconciler.TagTakenError.
	Push(ctx context.Context, repository, tag string, image v1.Image) (string, error)
	// Copy brings an image that is there into another repository of the same registry, under a tag and with its digest. A tag that has
	// another digest is left as it is, likewise.
	Copy(ctx context.Context, from, digest, to, tag string) error
	// Tag gives an image that is there one more tag, likewise.
	Tag(ctx context.Context, repository, digest, tag string) error
}

// Options of a Builder. Checkout, Registry and Dir are needed.
type Options struct {
	Checkout Checkout
	Registry Registry
	// Dir holds logs (builds/<ws>/<project>/<id>.log), caches, and the files of builds that run. It may be lost, and is
	// for one process at a time.
	Dir string
	// Parallel is how many builds run at once; 2 when 0. The others wait in the order they came.
	Parallel int
	// Timeout of a build, waiting not counted; 15 minutes when 0.
	Timeout time.Duration
	// MaxLog bounds a log and MaxSource a checkout, in bytes; 10 MiB and 1 GiB when 0.
	MaxLog    int
	MaxSource int64
	// GoCommand compiles Go programs; `go` when empty.
	GoCommand string
	// Mirrors are asked for images of registries before those are.
	Mirrors Mirrors
	// Notify is called with the ID of a build whose status has changed. It must not block.
	Notify func(id string)
	// Clock tells the time; time.Now when nil.
	Clock func() time.Time
	// Log takes the story of each build under its ID; nothing when nil.
	Log *slog.Logger
}

// Builder is a reconciler.Builder that builds on this machine. It is safe for use by several goroutines.
type Builder struct {
	options Options
	slots   *semaphore.Weighted
	running sync.WaitGroup
	ctx     context.Context
	stop    context.CancelCauseFunc

	claiming sync.Mutex // held while claiming Dir
	lock     *flock.Flock

	mu     sync.Mutex
	active map[string]*job
	ended  *lru.Cache[string, ended]
}

var _ reconciler.Builder = (*Builder)(nil)

// job is a build that has not ended.
type job struct {
	request reconciler.BuildRequest
	ctx     context.Context
	cancel  context.CancelCauseFunc
	status  reconciler.BuildStatus
	// before is the last try, when that ended in trouble.
	before ended
	// trouble that this try ended in, and how many tries ended in trouble that may be the source's fault.
	trouble string
	doubts  int
}

// ended is a build that has ended, and the attempt it was.
type ended struct {
	status  reconciler.BuildStatus
	attempt string
	// trouble and doubts are those of the job.
	trouble string
	doubts  int
}

// answers says that a request need not be built again. A failure answers those who name no attempt, or the one that
// failed.
func (e ended) answers(request reconciler.BuildRequest) bool {
	switch failure := e.status.Failure; {
	case failure == nil:
		return scan.Refused(request.Scan, e.status.Scan) == ""
	case failure.Canceled, failure.Temporary:
		return false
	}
	return request.Attempt == "" || request.Attempt == e.attempt
}

// New returns a Builder. Close it at the end.
func New(o Options) (*Builder, error) {
	if o.Checkout == nil || o.Registry == nil || o.Dir == "" {
		return nil, errors.New("localbuild: Checkout, Registry and Dir are needed")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("localbuild: %w", err)
	}
	o.Dir = dir
	setDefaults(&o)
	memory, err := lru.New[string, ended](remembered)
	if err != nil {
		return nil, fmt.Errorf("localbuild: %w", err)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	return &Builder{
		options: o, slots: semaphore.NewWeighted(int64(o.Parallel)), ctx: ctx, stop: stop,
		lock: flock.New(filepath.Join(dir, "builds.lock")), active: map[string]*job{}, ended: memory,
	}, nil
}

func setDefaults(o *Options) {
	if o.Parallel <= 0 {
		o.Parallel = defaultParallel
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxLog <= 0 {
		o.MaxLog = defaultMaxLog
	}
	if o.MaxSource <= 0 {
		o.MaxSource = defaultMaxSource
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Close cancels all builds, waits for their end, and gives up Dir. What was running is no failure: the next process
// starts it again.
func (b *Builder) Close() error {
	b.mu.Lock() // after this, begin refuses
	b.stop(errClosed)
	b.mu.Unlock()
	b.running.Wait()
	b.claiming.Lock()
	defer b.claiming.Unlock()
	if err := b.lock.Close(); err != nil {
		return fmt.Errorf("giving up %s: %w", b.options.Dir, err)
	}
	return nil
}

// Start implements reconciler.Builder. It asks the registry first: an image that an earlier process pushed is taken
// over. That question failing is an error, not a failed build: start it again later.
func (b *Builder) Start(ctx context.Context, request reconciler.BuildRequest) error {
	if err := checkRequest(request); err != nil {
		return err
	}
	if err := b.claim(); err != nil {
		return err
	}
	b.forgetLost(ctx, request)
	j, err := b.begin(request)
	if err != nil || j == nil {
		return err
	}
	made, err := Find(ctx, b.options.Registry, request)
	switch {
	case err != nil:
		b.drop(j)
		b.running.Done()
		return fmt.Errorf("looking for an image of an earlier build: %w", err)
	case made != nil:
		b.options.Log.Info("took over an image that was built before", "build", request.ID, "project", request.Key.String(), "digest", made.Image.Digest)
		b.finish(j, reconciler.BuildStatus{Stages: j.status.Stages, Done: true, Image: &made.Image, Scan: made.Scan})
		b.running.Done()
		return nil
	}
	go func() {
		defer b.running.Done()
		b.run(j)
	}()
	return nil
}

func checkRequest(r reconciler.BuildRequest) error {
	if err := CheckNames(r); err != nil {
		return fmt.Errorf("localbuild: %w", err)
	}
	switch {
	case !fileName.MatchString(r.Key.Workspace) || !fileName.MatchString(r.Key.Project):
		return fmt.Errorf("localbuild: %q is not the key of a project", r.Key)
	case r.Reference != "":
		return fmt.Errorf("localbuild: %s: an image is resolved, not built", r.Reference)
	case r.Repository == "":
		return fmt.Errorf("localbuild: build %s lacks a repository", r.ID)
	}
	return nil
}

// forgetLost forgets a build that went well and whose image is not in the registry any more: it is made again.
func (b *Builder) forgetLost(ctx context.Context, request reconciler.BuildRequest) {
	b.mu.Lock()
	before, found := b.ended.Peek(request.ID)
	b.mu.Unlock()
	if !found || before.status.Image == nil {
		return
	}
	_, _, err := b.options.Registry.Lookup(ctx, request.Destination, before.status.Image.Tag)
	if !errors.Is(err, fs.ErrNotExist) {
		return // what is remembered is good enough while the registry does not say otherwise
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended.Remove(request.ID)
}

// begin enters a build, and counts it as running; nil when it is there already.
func (b *Builder) begin(request reconciler.BuildRequest) (*job, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return nil, fmt.Errorf("starting build %s: %w", request.ID, errClosed)
	}
	before, found := b.ended.Peek(request.ID)
	if b.active[request.ID] != nil || found && before.answers(request) {
		return nil, nil
	}
	b.ended.Remove(request.ID)
	j := &job{request: request}
	if found && before.trouble != "" && before.attempt == request.Attempt {
		j.before = before
	}
	j.ctx, j.cancel = context.WithCancelCause(b.ctx)
	b.active[request.ID] = j
	b.running.Add(1)
	return j, nil
}

// drop forgets a build that has not come to an end.
func (b *Builder) drop(j *job) {
	j.cancel(nil)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.active, j.request.ID)
}

// finish ends a build.
func (b *Builder) finish(j *job, status reconciler.BuildStatus) {
	j.cancel(nil)
	b.mu.Lock()
	delete(b.active, j.request.ID)
	b.ended.Add(j.request.ID, ended{status: status, attempt: j.request.Attempt, trouble: j.trouble, doubts: j.doubts})
	b.mu.Unlock()
	b.options.Notify(j.request.ID)
}

// enter says that a build has reached a stage.
func (b *Builder) enter(j *job, stage reconciler.Stage) {
	b.mu.Lock()
	j.status.Stages = append(j.status.Stages, stage)
	b.mu.Unlock()
	b.options.Log.Info("build: "+string(stage), "build", j.request.ID, "project", j.request.Key.String())
	b.options.Notify(j.request.ID)
}

// Statuses implements reconciler.Builder.
func (b *Builder) Statuses(_ context.Context, ids []string) (map[string]reconciler.BuildStatus, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	statuses := map[string]reconciler.BuildStatus{}
	for _, id := range ids {
		if j := b.active[id]; j != nil {
			statuses[id] = j.status.Clone()
		} else if e, found := b.ended.Get(id); found {
			statuses[id] = e.status.Clone()
		}
	}
	return statuses, nil
}

// Cancel implements reconciler.Builder.
func (b *Builder) Cancel(_ context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if j := b.active[id]; j != nil {
		j.cancel(errCanceled)
	}
	return nil
}
