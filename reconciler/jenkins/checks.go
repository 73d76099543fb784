package jenkins

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

const (
	// checkTimeout bounds one question for an image, checkInTurn how long whoever asks for builds waits for its answer: a registry that is
	// slow for one image holds up the news of no other build.
	checkTimeout = 30 * time.Second
	checkInTurn  = time.Second
	// checkGood is how long an answer is good that nobody has taken: its build was given up, or Jenkins was away, and the image may have
	// come or gone since.
	checkGood = 30 * time.Second
)

// checks asks a registry for images that Jenkins has made.
type checks struct {
	registry Registry
	clock    func() time.Time
	ctx      context.Context
	stop     context.CancelFunc
	wait     sync.WaitGroup

	mu sync.Mutex
	// asked are the questions that nobody has taken the answer of, by image.
	asked map[string]*check
}

// check is one question; its answer is there when done is closed.
type check struct {
	done  chan struct{}
	there bool
	err   error
	// at is when it came.
	at time.Time
}

func newChecks(in Registry, clock func() time.Time) *checks {
	ctx, stop := context.WithCancel(context.Background())
	return &checks{registry: in, clock: clock, ctx: ctx, stop: stop, asked: map[string]*check{}}
}

// close gives up all questions and waits for their end.
func (c *checks) close() {
	c.stop()
	c.wait.Wait()
}

// has says whether the registry has an image. An error says that nobody knows yet, which is to be asked again: the question goes on.
func (c *checks) has(ctx context.Context, repository, digest string) (bool, error) {
	image := repository + "@" + digest
	asked := c.ask(image, repository, digest)
	inTurn, cancel := context.WithTimeout(ctx, checkInTurn)
	defer cancel()
	select {
	case <-asked.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.asked[image] == asked { // else another build took the same answer before
			delete(c.asked, image)
		}
		return asked.there, asked.err
	case <-inTurn.Done():
		host, _, _ := strings.Cut(repository, "/")
		return false, fmt.Errorf("registry %s has not said yet whether it has %s", host, image)
	}
}

// ask begins a question, unless it is under way.
func (c *checks) ask(image, repository, digest string) *check {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	maps.DeleteFunc(c.asked, func(_ string, known *check) bool { return known.old(now) })
	if known := c.asked[image]; known != nil {
		return known
	}
	asked := &check{done: make(chan struct{})}
	c.asked[image] = asked
	c.wait.Go(func() {
		defer close(asked.done)
		ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
		defer cancel()
		asked.there, asked.err = c.registry.Has(ctx, repository, digest)
		asked.at = c.clock()
	})
	return asked
}

// old says that the answer is not good any more.
func (c *check) old(now time.Time) bool {
	select {
	case <-c.done:
		return now.Sub(c.at) > checkGood
	default:
		return false
	}
}

// absent says that what a build has made is not in the registry; problem is empty when it is there.
func (c *checks) absent(ctx context.Context, r reconciler.BuildRequest, made *manifest.BuildResult) (problem string, gone bool, err error) {
	there, err := c.has(ctx, r.Destination, made.Digest)
	switch {
	case err != nil:
		return "", false, fmt.Errorf("looking for the image that Jenkins has made: %w", err)
	case there:
		return "", false, nil
	}
	return fmt.Sprintf("the image %s is not in %s (have the job push to the repository it is told)", made.Digest, r.Destination), true, nil
}
