package jenkins

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plateform/plateform/reconciler"
)

// Defaults.
const (
	defaultTimeout = time.Hour
	// grace is how long a build may be neither in the queue nor among the builds before it is lost: an item has left the queue a
	// moment before its build is there.
	grace = 15 * time.Second
	// maxLosses is how often a build may be lost in a row before that is how it ends.
	maxLosses = 3
	// remembered is how many ended builds are kept in memory; others are looked up in Jenkins.
	remembered = 4096
	// stagesAtOnce is how many builds are asked for their stages in one question, parallel how many requests are under way.
	stagesAtOnce = 8
	parallel     = 4
)

// Registry is where images are.
type Registry interface {
	// Has says whether a manifest is there. An error says that nobody knows.
	Has(ctx context.Context, repository, digest string) (bool, error)
}

// Options of a Builder. URL, User, Token, Job and Registry are needed.
type Options struct {
	// URL of Jenkins, with the path it is below, if any.
	URL string
	// User of Jenkins that Plateform is, and Token, which reads an API token of it for each use.
	User  string
	Token func() (Secret, error)
	// Job is the full name of the job that builds, with its folders: platform/build.
	Job string
	// Authorities that sign the certificate of Jenkins; those that this machine trusts when nil.
	Authorities *x509.CertPool
	Registry    Registry
	// Timeout is how long a build may run before it is given up, from when it is first seen to run; an hour when 0.
	Timeout time.Duration
	// Clock tells the time; time.Now when nil.
	Clock func() time.Time
	// Log takes what happens beside the builds' own states; nothing when nil.
	Log *slog.Logger
}

// Builder is a reconciler.Builder that builds with Jenkins. It is safe for use by several goroutines.
type Builder struct {
	options Options
	remote  *remote
	checks  *checks

	mu     sync.Mutex
	active map[string]*build
	ended  *lru.Cache[string, *build]
	// gates are the IDs that are being started or stopped.
	gates map[string]*gate
	// lastStages is the ID whose stages were asked for last.
	lastStages string
}

var _ reconciler.Builder = (*Builder)(nil)

// build is what is known of one. The builder's lock guards it.
type build struct {
	request reconciler.BuildRequest
	status  reconciler.BuildStatus
	// at is when it was triggered or last seen, session that of Jenkins then.
	at      time.Time
	session string
	// floor is the highest number that a build with this ID had before; number is that of its build in Jenkins, 0 until there is one.
	floor, number int64
	// running is when the build was first seen to run.
	running time.Time
	// losses in a row.
	losses int
	// given are the numbers of builds that are given up and count for nothing: stopped, lost, or without their image.
	given []int64
	// reasons it was seen to wait in the queue for, without what counts in them.
	reasons []string
	// log is how far the log was read for marker lines.
	log position
	// complaint is what was last logged about it.
	complaint string
	// troubled is how many times in a row it could not be taken further.
	troubled int
}

// gate lets one start or stop of a build at a time through.
type gate struct {
	turn    chan struct{}
	waiting int
}

// New returns a Builder. It talks to nobody yet.
func New(o Options) (*Builder, error) {
	if o.Registry == nil {
		return nil, errors.New("jenkins: Registry is needed")
	}
	return newBuilder(o)
}

func newBuilder(o Options) (*Builder, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("the URL of Jenkins is not http://host or https://host")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the URL of Jenkins has more than a host and a path")
	case o.User == "" || o.Token == nil:
		return nil, errors.New("jenkins: User and Token are needed")
	}
	setDefaults(&o)
	there, err := newRemote(o)
	if err != nil {
		return nil, err
	}
	memory, err := lru.New[string, *build](remembered)
	if err != nil {
		return nil, fmt.Errorf("jenkins: %w", err)
	}
	return &Builder{options: o, remote: there, checks: newChecks(o.Registry, o.Clock), active: map[string]*build{}, ended: memory, gates: map[string]*gate{}}, nil
}

func setDefaults(o *Options) {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Close gives up what is asked, and drops idle connections. Builds go on in Jenkins, and the next process finds them there.
func (b *Builder) Close() error {
	b.checks.close()
	b.remote.requester.client.CloseIdleConnections()
	return nil
}

// pass waits until nobody else starts or stops the build. leave has the next one go on.
func (b *Builder) pass(ctx context.Context, id string) (leave func(), err error) {
	b.mu.Lock()
	g := b.gates[id]
	if g == nil {
		g = &gate{turn: make(chan struct{}, 1)}
		b.gates[id] = g
	}
	g.waiting++
	b.mu.Unlock()
	gone := func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if g.waiting--; g.waiting == 0 {
			delete(b.gates, id)
		}
	}
	select {
	case g.turn <- struct{}{}:
		return func() { <-g.turn; gone() }, nil
	case <-ctx.Done():
		gone()
		return nil, ctx.Err()
	}
}

// Start implements reconciler.Builder. It looks the build up, and triggers one only when there is none. An error says that
// nobody knows whether there is one: Start it again later, and it is looked up again.
func (b *Builder) Start(ctx context.Context, request reconciler.BuildRequest) error {
	if err := checkRequest(request); err != nil {
		return err
	}
	leave, err := b.pass(ctx, request.ID)
	if err != nil {
		return err
	}
	defer leave()
	before, known := b.known(request)
	if known {
		return nil
	}
	if before.status.Image != nil {
		there, err := b.options.Registry.Has(ctx, before.status.Image.Repository, before.status.Image.Digest)
		if err != nil || there {
			return nil // what is remembered is good enough while the registry does not say otherwise
		}
		before.give(before.number)
	}
	var l *look
	var j job
	if before.request.ID == "" { // nothing is known of it
		l, j, err = b.remote.recent(ctx, b.options.Clock)
	} else {
		l, j, err = b.remote.look(ctx, 0)
	}
	if err != nil {
		return err
	}
	next := &build{request: request, given: before.given, losses: before.losses, log: position{}}
	adopted, err := b.adopt(ctx, l, next)
	if err != nil || adopted {
		return err
	}
	if lacking := missing(j.parameters()); len(lacking) > 0 {
		return fmt.Errorf("the job %s lacks the parameters %s (docs/jenkins.md has a job to start from)", b.options.Job, strings.Join(lacking, ", "))
	}
	return b.trigger(ctx, l, next)
}

// known is what is remembered of a build. It returns true when there is nothing to start: the build is under way, or has failed in
// an attempt that answers the request.
func (b *Builder) known(request reconciler.BuildRequest) (build, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.active[request.ID] != nil {
		return build{}, true
	}
	before, found := b.ended.Get(request.ID)
	if !found {
		return build{}, false
	}
	failure := before.status.Failure
	answers := failure != nil && !failure.Canceled && !failure.Temporary && (request.Attempt == "" || request.Attempt == before.request.Attempt)
	copied := *before
	copied.given = slices.Clone(before.given)
	if failure == nil || !failure.Temporary {
		copied.losses = 0
	}
	return copied, answers
}

// give has a build in Jenkins count for nothing from now on.
func (known *build) give(number int64) {
	if number != 0 && !slices.Contains(known.given, number) {
		known.given = append(known.given, number)
	}
}

// enter has a build be under way.
func (b *Builder) enter(l *look, known *build) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known.at, known.session = b.options.Clock(), l.session
	b.ended.Remove(known.request.ID)
	b.active[known.request.ID] = known
}

// trigger asks Jenkins for a build. When nobody knows whether that worked it is an error, and the next Start looks.
func (b *Builder) trigger(ctx context.Context, l *look, known *build) error {
	token, err := b.options.Token()
	if err != nil {
		return err
	}
	form, err := parametersOf(known.request, token)
	if err != nil {
		return err
	}
	for _, r := range l.runs[known.request.ID] {
		known.floor = max(known.floor, r.Number)
	}
	at := b.options.Clock()
	item, err := b.remote.trigger(ctx, form)
	if err != nil {
		return err
	}
	b.enter(l, known)
	b.mu.Lock()
	known.at = at
	b.mu.Unlock()
	b.options.Log.Info("triggered a build in Jenkins", "build", known.request.ID, "project", known.request.Key.String(), "item", item)
	return nil
}

// adopt takes over what Jenkins has of a build. Of several the one with the lowest number goes on; the rest is stopped.
func (b *Builder) adopt(ctx context.Context, l *look, known *build) (bool, error) {
	id := known.request.ID
	var running []run
	for _, r := range l.runs[id] {
		if r.Building && !slices.Contains(known.given, r.Number) {
			running = append(running, r)
		}
	}
	if len(running) == 0 && len(l.queued[id]) == 0 {
		return b.adoptEnded(ctx, l, known)
	}
	if len(running) > 0 {
		slices.Reverse(running) // now the lowest number is the first
		known.number = running[0].Number
		b.stopRest(ctx, known, running[1:], l.queued[id])
	} else {
		for _, r := range l.runs[id] {
			known.floor = max(known.floor, r.Number)
		}
		b.stopRest(ctx, known, nil, l.queued[id][1:])
	}
	b.enter(l, known)
	b.options.Log.Info("took over a build that was there in Jenkins", "build", id, "project", known.request.Key.String(), "number", known.number)
	return true, nil
}

// stopRest stops what is too much. What fails is tried again by nobody: it costs an agent's time and nothing else.
func (b *Builder) stopRest(ctx context.Context, known *build, running []run, queued []int64) {
	for _, r := range running {
		known.give(r.Number)
		if err := b.remote.stop(ctx, r.Number); err != nil {
			b.options.Log.Warn("a second build of the same was not stopped in Jenkins", "build", known.request.ID, "number", r.Number, "error", err)
		}
	}
	for _, item := range queued {
		if err := b.remote.cancelItem(ctx, item); err != nil {
			b.options.Log.Warn("a second item of the same was not canceled in Jenkins", "build", known.request.ID, "item", item, "error", err)
		}
	}
}

// adoptEnded takes over the end of a build that nobody followed: a good one whose image is there, whatever the attempt, or a
// failure that answers the request. One that was stopped is no answer.
func (b *Builder) adoptEnded(ctx context.Context, l *look, known *build) (bool, error) {
	for _, r := range l.runs[known.request.ID] {
		if !r.done() || r.Result == resultAborted || slices.Contains(known.given, r.Number) {
			continue
		}
		attempt := r.Actions.parameter(ParamAttempt)
		if r.Result != resultSuccess && known.request.Attempt != "" && known.request.Attempt != attempt {
			continue
		}
		probe := *known
		probe.number, probe.request.Attempt = r.Number, attempt
		end, err := b.finish(ctx, &probe, r)
		if err != nil {
			return false, err
		}
		another := known.request.Attempt != "" && known.request.Attempt != attempt
		if end.Image == nil && (another || end.gone || end.trouble != "") {
			continue // it is made again
		}
		b.enter(l, &probe)
		b.end(&probe, end.BuildStatus)
		b.options.Log.Info("took over the end of a build in Jenkins", "build", known.request.ID, "project", known.request.Key.String(), "number", r.Number)
		return true, nil
	}
	return false, nil
}

// end ends a build, unless it is not under way any more.
func (b *Builder) end(known *build, status reconciler.BuildStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := known.request.ID
	if b.active[id] != known {
		return
	}
	known.status = status
	delete(b.active, id)
	b.ended.Add(id, known)
}
