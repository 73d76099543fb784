package scan

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Results tells what the scanner of a registry has found in images.
type Results interface {
	// Result is what was found in an image that is in the registry, by its digest. It is nil while the image is being looked at, which
	// is begun where nobody has. again says that an earlier result does not count.
	Result(ctx context.Context, repository, digest string, again bool) (*manifest.ScanResult, error)
}

// Gate is a builder whose images are scanned by the registry that they are pushed to: with a policy, a build has ended when the registry
// says what its scanner found. The builder behind it is asked for no scan.
type Gate struct {
	reconciler.Builder
	results Results
	clock   func() time.Time

	mu    sync.Mutex
	asked *lru.Cache[string, asked]
}

// asked is what was asked for under the ID of a build.
type asked struct {
	policy  manifest.ScanPolicy
	attempt string
	// again says that the image was refused in another attempt: it is scanned anew.
	again bool
	// since is when its image was there and not scanned yet.
	since time.Time
	// digest has been looked at, and this was found in it.
	digest string
	found  *manifest.ScanResult
}

const (
	// remembered bounds the builds of which it is known what was asked.
	remembered = 8 << 10
	// parallel is how many images are asked for at once, within answerTimeout.
	parallel      = 8
	answerTimeout = 15 * time.Second
	// scanPatience is how long a scan may take.
	scanPatience = 30 * time.Minute
)

// NewGate returns a Gate in front of a builder. It starts nothing.
func NewGate(builder reconciler.Builder, results Results, clock func() time.Time) *Gate {
	known, _ := lru.New[string, asked](remembered) // the size is positive, the only thing that New refuses
	return &Gate{Builder: builder, results: results, clock: clock, asked: known}
}

// Start implements reconciler.Builder.
func (g *Gate) Start(ctx context.Context, r reconciler.BuildRequest) error {
	g.remember(r)
	r.Scan = manifest.ScanPolicy{}
	return g.Builder.Start(ctx, r)
}

func (g *Gate) remember(r reconciler.BuildRequest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	known, before := g.asked.Get(r.ID)
	now := asked{policy: r.Scan, attempt: r.Attempt}
	switch {
	case !before:
	case known.attempt == r.Attempt || r.Attempt == "":
		now = known
		now.policy = r.Scan
	default:
		now.again = known.found != nil && Refused(known.policy, known.found) != ""
	}
	g.asked.Add(r.ID, now)
}

// Statuses implements reconciler.Builder.
func (g *Gate) Statuses(ctx context.Context, ids []string) (map[string]reconciler.BuildStatus, error) {
	statuses, err := g.Builder.Statuses(ctx, ids)
	if err != nil {
		return nil, err
	}
	var (
		group  errgroup.Group
		mu     sync.Mutex
		judged = map[string]reconciler.BuildStatus{}
	)
	group.SetLimit(parallel)
	for id, status := range statuses {
		if status.Image == nil || !g.wants(id) {
			continue
		}
		group.Go(func() error {
			s := g.judge(ctx, id, status)
			mu.Lock()
			defer mu.Unlock()
			judged[id] = s
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for id, status := range judged {
		statuses[id] = status
	}
	return statuses, nil
}

// wants says that the image of a build is to be scanned.
func (g *Gate) wants(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	known, found := g.asked.Get(id)
	return found && known.policy.FailOn != ""
}

// judge says how far a build is whose image is there.
func (g *Gate) judge(ctx context.Context, id string, s reconciler.BuildStatus) reconciler.BuildStatus {
	known := g.begin(id)
	if known.digest != s.Image.Digest || known.again {
		bounded, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		found, err := g.results.Result(bounded, s.Image.Repository, s.Image.Digest, known.again)
		if err == nil && found == nil && g.clock().Sub(known.since) > scanPatience {
			err = fmt.Errorf("it has looked at it for more than %s", scanPatience)
		}
		if err != nil {
			return g.unknown(id, s, err)
		}
		known.again = false
		if found != nil {
			known.digest, known.found = s.Image.Digest, found
		}
		g.keep(id, known)
		if found == nil {
			s.Done, s.Image = false, nil
			return s
		}
	}
	s.Scan = known.found
	if why := Refused(known.policy, known.found); why != "" {
		s.Image, s.Failure = nil, &reconciler.BuildFailure{Summary: why}
	}
	return s.Clone()
}

// begin is what was asked for, with the time from which on its image waits for a scan.
func (g *Gate) begin(id string) asked {
	g.mu.Lock()
	defer g.mu.Unlock()
	known, _ := g.asked.Get(id)
	if known.since.IsZero() {
		known.since = g.clock()
		g.asked.Add(id, known)
	}
	return known
}

// keep notes what came of asking, unless another attempt was asked for meanwhile.
func (g *Gate) keep(id string, known asked) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now, found := g.asked.Get(id); found && now.attempt == known.attempt {
		known.policy = now.policy
		g.asked.Add(id, known)
	}
}

// unknown is a build of which the registry does not say what is in its image: nothing is decided, and it is asked again.
func (g *Gate) unknown(id string, s reconciler.BuildStatus, err error) reconciler.BuildStatus {
	g.mu.Lock()
	if known, found := g.asked.Get(id); found {
		known.since = time.Time{}
		g.asked.Add(id, known)
	}
	g.mu.Unlock()
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer in %s", answerTimeout)
	}
	s.Image = nil
	s.Failure = &reconciler.BuildFailure{
		Temporary: true, RetryAfter: reconciler.RetryAfter(err),
		Summary: "the registry does not say what its scanner finds in the image: " + err.Error() + " (it is asked again by itself)",
	}
	return s
}
