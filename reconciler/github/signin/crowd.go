package signin

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// crowdLimit is how many questions a minute there are about tokens that were not good before: a third of what GitHub takes in a minute,
	// and less than what it takes from one client id in an hour. Whoever makes tokens up can use up no more, so that GitHub goes on
	// to hear what else there is to ask and to say.
	crowdLimit = 60
	// addressLimit is how many of them there are about tokens from one address that turned out to be nobody's, so that whoever makes them up
	// there keeps nobody out who is new elsewhere.
	addressLimit = 15
)

// CrowdedError says that too many tokens were shown that nobody knew.
type CrowdedError struct {
	// Limit is how many there may be within a minute, and Address where from; empty for anywhere.
	Limit   int
	Address string
	// Wait is how long it takes until GitHub is asked about another one.
	Wait time.Duration
}

func (e *CrowdedError) Error() string {
	where := ""
	if e.Address != "" {
		where = " from " + e.Address
	}
	return fmt.Sprintf("more than %d tokens were shown%s within a minute that had not been good before; GitHub is asked about the next one in %s (try again then)",
		e.Limit, where, max(e.Wait.Round(time.Second), time.Second))
}

// RetryAfter says when to try again.
func (e *CrowdedError) RetryAfter() time.Duration { return e.Wait }

// crowd counts the questions about strangers.
type crowd struct {
	mu sync.Mutex
	// entered are the last ones, oldest first.
	entered []*entry
}

// entry is a question about a token that was not good before.
type entry struct {
	at      time.Time
	address string
	// good says that the token was somebody's: it counts for all, but not for its address, from which many may come.
	good bool
}

// enter counts one more, or returns a *CrowdedError.
func (c *crowd) enter(now time.Time, address string) (*entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entered = slices.DeleteFunc(c.entered, func(e *entry) bool { return !e.at.After(now.Add(-time.Minute)) })
	if len(c.entered) >= crowdLimit {
		return nil, &CrowdedError{Limit: crowdLimit, Wait: c.entered[0].at.Add(time.Minute).Sub(now)}
	}
	var strangers []*entry
	for _, e := range c.entered {
		if address != "" && e.address == address && !e.good {
			strangers = append(strangers, e)
		}
	}
	if len(strangers) >= addressLimit {
		return nil, &CrowdedError{Limit: addressLimit, Address: address, Wait: strangers[0].at.Add(time.Minute).Sub(now)}
	}
	e := &entry{at: now, address: address}
	c.entered = append(c.entered, e)
	return e, nil
}

// was says that a token was somebody's.
func (c *crowd) was(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.good = true
}
