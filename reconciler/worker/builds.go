package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/queue"
)

// How builds are followed.
const (
	// pollBuilds is how often a builder is asked about builds that it has given no notice of.
	pollBuilds = 3 * time.Second
	// resolveTimeout bounds one question to a registry, builderTimeout one to a builder.
	resolveTimeout = 30 * time.Second
	builderTimeout = time.Minute
	// minRetry is how long a build waits that failed and was not to blame, maxRetry the most it waits after more of them.
	minRetry = time.Second
	maxRetry = time.Minute
	// allBuilds is the one key of the queue that asks how far builds are.
	allBuilds = "all builds"
)

// BuildNews is what is new of a build.
type BuildNews struct {
	Request reconciler.BuildRequest
	Status  reconciler.BuildStatus
	// Err says why nothing is decided yet: the builder or the registry does not answer, or what kept the build from its end
	// is not its source. It is asked, or built, again.
	Err error
}

// Builds has images made, and authored references resolved. One call asks for the states of all builds.
type Builds struct {
	Common
	builder  reconciler.Builder
	registry reconciler.Registry
	starts   Queue // starts and cancels, by ID
	resolves Queue // by ID
	states   Queue // one key

	mu    sync.Mutex
	all   map[string]*build
	fresh map[string]bool
}

// build is one that is wanted, or to be stopped.
type build struct {
	request reconciler.BuildRequest
	// unwanted: it is to be stopped, and then forgotten.
	unwanted bool
	// started: the builder knows of it.
	started bool
	status  reconciler.BuildStatus
	err     error
	// tries are those that ended for a reason that is temporary.
	tries int
}

// canceled says that somebody stopped the build: it begins again when it is wanted.
func (known *build) canceled() bool {
	return known.status.Failure != nil && known.status.Failure.Canceled
}

// NewBuilds returns the worker. builder is nil for an installation that builds nothing.
func NewBuilds(builder reconciler.Builder, registry reconciler.Registry, common Common) *Builds {
	b := &Builds{Common: common, builder: builder, registry: registry, all: map[string]*build{}, fresh: map[string]bool{}}
	b.starts = common.Queue(queue.Options{Turn: b.start, Timeout: builderTimeout, MaxBackoff: time.Minute})
	b.resolves = common.Queue(queue.Options{Turn: b.resolve, Host: b.host, Timeout: resolveTimeout, MaxBackoff: time.Minute})
	b.states = common.Queue(queue.Options{Turn: b.ask, Timeout: builderTimeout, MaxBackoff: time.Minute})
	return b
}

// Run works until the context ends.
func (b *Builds) Run(ctx context.Context) error {
	return runAll(ctx, b.starts.Run, b.resolves.Run, b.states.Run)
}

// Want has a build started, or found.
func (b *Builds) Want(request reconciler.BuildRequest) {
	b.mu.Lock()
	known := b.all[request.ID]
	if known == nil || known.unwanted || known.canceled() || known.request.Attempt != request.Attempt {
		known = &build{request: request}
		b.all[request.ID] = known
		delete(b.fresh, request.ID)
	}
	news := known.status.Done || len(known.status.Stages) > 0 || known.err != nil // what is known already is news for the new caller
	if news {
		b.fresh[request.ID] = true
	}
	b.mu.Unlock()
	b.queueOf(request).Add(request.ID)
	if news {
		b.Notify()
	}
}

// Stop has a build stopped. There is no more news of it.
func (b *Builds) Stop(id string) {
	b.mu.Lock()
	known := b.all[id]
	delete(b.fresh, id)
	if known != nil {
		known.unwanted = true
	}
	b.mu.Unlock()
	if known != nil {
		b.queueOf(known.request).Add(id)
	}
}

// Forget ends the interest in a build that has ended.
func (b *Builds) Forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.all, id)
	delete(b.fresh, id)
}

// Hint has the builder asked now: something may have happened to a build.
func (b *Builds) Hint() { b.states.Add(allBuilds) }

// Take returns the builds with news since it was last asked, in the order of their IDs.
func (b *Builds) Take() []BuildNews {
	b.mu.Lock()
	defer b.mu.Unlock()
	var news []BuildNews
	for _, id := range slices.Sorted(maps.Keys(b.fresh)) {
		known := b.all[id]
		news = append(news, BuildNews{Request: known.request, Status: known.status, Err: known.err})
	}
	clear(b.fresh)
	return news
}

func (b *Builds) queueOf(request reconciler.BuildRequest) Queue {
	if request.Reference != "" {
		return b.resolves
	}
	return b.starts
}

// host is the registry that an authored image is in.
func (b *Builds) host(id string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.all[id]
	if known == nil {
		return ""
	}
	host, _, _ := strings.Cut(known.request.Reference, "/")
	return host
}

// noBuilder is why builds fail in an installation without a builder.
const noBuilder = "this installation builds nothing: name an image in project.yaml, or set builder.kind in serve.yaml"

// start is one turn at starting or stopping one build.
func (b *Builds) start(ctx context.Context, id string) (again time.Duration, err error) {
	known, unwanted := b.open(id)
	switch {
	case known == nil:
		return 0, nil
	case b.builder == nil:
		b.end(known, reconciler.BuildStatus{Done: true, Failure: &reconciler.BuildFailure{Summary: noBuilder}})
		return 0, nil
	case unwanted:
		if err := b.builder.Cancel(ctx, id); err != nil {
			return 0, fmt.Errorf("stopping build %s: %w", id, err)
		}
		b.drop(known)
		return 0, nil
	}
	if err := b.builder.Start(ctx, known.request); err != nil {
		return 0, b.fail(known, fmt.Errorf("starting build %s: %w", id, err))
	}
	b.mu.Lock()
	known.started = true
	b.mu.Unlock()
	b.states.Add(allBuilds)
	return 0, nil
}

// open returns a build that wants something done.
func (b *Builds) open(id string) (known *build, unwanted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known = b.all[id]
	if known == nil || !known.unwanted && (known.started || known.status.Done) {
		return nil, false
	}
	return known, known.unwanted
}

// drop forgets a build that was stopped, unless somebody wants it again.
func (b *Builds) drop(known *build) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all[known.request.ID] == known {
		delete(b.all, known.request.ID)
	}
}

// fail notes the error of a turn, and returns it.
func (b *Builds) fail(known *build, err error) error {
	b.tell(known, func() bool {
		known.err = err
		return true
	})
	return err
}

// end ends a build.
func (b *Builds) end(known *build, status reconciler.BuildStatus) {
	b.tell(known, func() bool {
		known.started, known.status, known.err = true, status, nil
		return true
	})
}

// tell changes what is known of a build, and wakes the loop when that is news.
func (b *Builds) tell(known *build, change func() (news bool)) {
	b.mu.Lock()
	id := known.request.ID
	news := change() && b.all[id] == known && !known.unwanted
	if news {
		b.fresh[id] = true
	}
	b.mu.Unlock()
	if news {
		b.Notify()
	}
}

// resolve is one turn at resolving one authored image.
func (b *Builds) resolve(ctx context.Context, id string) (again time.Duration, err error) {
	known, unwanted := b.open(id)
	switch {
	case known == nil:
		return 0, nil
	case unwanted:
		b.drop(known)
		return 0, nil
	}
	image, err := b.registry.Resolve(ctx, known.request.Reference)
	switch {
	case err != nil && temporary(err):
		return 0, b.fail(known, fmt.Errorf("resolving the image %s: %w", known.request.Reference, err))
	case err != nil:
		b.end(known, reconciler.BuildStatus{Done: true, Failure: &reconciler.BuildFailure{Summary: manifest.FirstLine(err.Error())}})
		return 0, nil
	}
	image.Name = known.request.Image
	b.end(known, reconciler.BuildStatus{Done: true, Image: &image})
	return 0, nil
}

// temporary says that the same question may have another answer later.
func temporary(err error) bool {
	var classified interface{ Temporary() bool }
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &classified) {
		return true
	}
	return classified.Temporary()
}

// ask asks in one question how far all builds are.
func (b *Builds) ask(ctx context.Context, _ string) (again time.Duration, err error) {
	asked := b.running()
	if len(asked) == 0 {
		return 0, nil
	}
	statuses, err := b.builder.Statuses(ctx, slices.Sorted(maps.Keys(asked)))
	if err != nil {
		err = fmt.Errorf("asking how far %d builds are: %w", len(asked), err)
	}
	for _, id := range slices.Sorted(maps.Keys(asked)) {
		known := asked[id]
		status, found := statuses[id]
		switch {
		case err != nil:
			_ = b.fail(known, err)
		case found && status.Failure != nil && status.Failure.Temporary:
			b.postpone(known, status)
		case found:
			b.tell(known, func() bool { return known.take(status) })
		default: // lost: it is started again
			b.mu.Lock()
			known.started = false
			b.mu.Unlock()
			b.starts.Add(id)
		}
	}
	if err != nil || len(b.running()) == 0 {
		return 0, err
	}
	return pollBuilds + b.Jitter(pollBuilds/4), nil
}

// postpone has a build started again after a while: what it failed for is not its source, and may be over by then.
func (b *Builds) postpone(known *build, status reconciler.BuildStatus) {
	b.tell(known, func() bool {
		known.started, known.err = false, errors.New(status.Failure.Summary)
		if len(status.Stages) > len(known.status.Stages) {
			known.status.Stages = status.Stages
		}
		known.tries++
		return true
	})
	wait := max(queue.Backoff(known.tries, minRetry, maxRetry), status.Failure.RetryAfter)
	b.starts.AddAfter(known.request.ID, wait+b.Jitter(wait/4))
}

// running are the builds that have not ended, as far as is known.
func (b *Builds) running() map[string]*build {
	b.mu.Lock()
	defer b.mu.Unlock()
	running := map[string]*build{}
	for id, known := range b.all {
		if known.started && !known.status.Done && !known.unwanted {
			running[id] = known
		}
	}
	return running
}

// take takes in how far a build is, and says whether that is news. An older answer than one that was there is none.
func (known *build) take(status reconciler.BuildStatus) (news bool) {
	if known.status.Done || len(status.Stages) < len(known.status.Stages) && !status.Done {
		return false
	}
	waits := status.Queued != "" && status.Queued != known.status.Queued
	var trouble error
	if status.Trouble != "" && !status.Done {
		trouble = errors.New(status.Trouble)
	}
	same := trouble == nil && known.err == nil || trouble != nil && known.err != nil && trouble.Error() == known.err.Error()
	news = status.Done || len(status.Stages) > len(known.status.Stages) || waits || !same
	known.status, known.err = status, trouble
	return news
}
