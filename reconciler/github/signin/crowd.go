package signin

import (
	"fmt"
	"sync"
	"time"
)

// crowdLimit is how many questions a minute there are about tokens that were not good before: a third of what GitHub takes in a minute,
// and less than what it takes from one client id in an hour. Whoever makes tokens up can use up no more, so that GitHub goes on
// to hear what else there is to ask and to say.
const crowdLimit = 60

// CrowdedError says that too many tokens were shown that nobody knew.
type CrowdedError struct {
	// Wait is how long it takes until GitHub is asked about another one.
	Wait time.Duration
}

func (e *CrowdedError) Error() string {
	return fmt.Sprintf("more than %d tokens were shown within a minute that had not been good before; GitHub is asked about the next one in %s (try again then)",
		crowdLimit, max(e.Wait.Round(time.Second), time.Second))
}

// RetryAfter says when to try again.
func (e *CrowdedError) RetryAfter() time.Duration { return e.Wait }

// crowd counts the questions about strangers.
type crowd struct {
	mu sync.Mutex
	// entered is when the last ones were, oldest first.
	entered []time.Time
}

// enter counts one more, or returns a *CrowdedError.
func (c *crowd) enter(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.entered) > 0 && !c.entered[0].After(now.Add(-time.Minute)) {
		c.entered = c.entered[1:]
	}
	if len(c.entered) >= crowdLimit {
		return &CrowdedError{Wait: c.entered[0].Add(time.Minute).Sub(now)}
	}
	c.entered = append(c.entered, now)
	return nil
}
