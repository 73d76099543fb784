package client

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// What GitHub takes before it says that it is too much: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api.
const (
	writesAMinute = 80
	writesAnHour  = 500
	pointsAMinute = 900
	pointsOfRead  = 1
	pointsOfWrite = 5
)

// How long a call waits by itself for its turn, how long GitHub is left alone that does not say how long, and how long it can
// ask for.
const (
	maxTurnWait = 10 * time.Second
	firstPause  = time.Minute
	lastPause   = 15 * time.Minute
	maxPause    = time.Hour
)

// Priority says what a call may use of the budget: what is left of it under pressure is for the words that matter most.
type Priority int

// The priorities, the least first.
const (
	// Progress: what is under way, of which a newer word follows.
	Progress Priority = iota
	// Final: how something ended.
	Final
	// Failure: what somebody has to mend.
	Failure
)

// share is how many tenths of the writes a priority may use.
func (p Priority) share() int {
	switch p {
	case Failure:
		return 10
	case Final:
		return 9
	}
	return 7
}

// spending is a call as far as the budget goes.
type spending struct {
	points int
	// content says that it writes what people see, which GitHub counts separately.
	content  bool
	priority Priority
	// account whose repository it is about, or whose client id: an App has so many requests in an hour for each; empty when it is about none.
	account string
}

// spent is a spending at a time.
type spent struct {
	at     time.Time
	points int
}

// budget is that of all calls of one process. It waits only within Sleep.
type budget struct {
	clock Clock

	mu sync.Mutex
	// points of the last minute, writes of the last hour, oldest first.
	points, writes []spent
	// left is what GitHub said of the requests that are left, by account.
	left map[string]left
	// until is when GitHub may be asked again, and why not before; pauses counts those in a row that had no end.
	until  time.Time
	why    string
	pauses int
}

// BusyError says that GitHub must not be asked now: it said so, or all that it takes in a minute or an hour is used up.
type BusyError struct {
	// Why in a few words.
	Why string
	// Wait is how long that lasts.
	Wait time.Duration
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("GitHub takes nothing now: %s; it is asked again in %s", e.Why, max(e.Wait.Round(time.Second), time.Second))
}

// RetryAfter says how long GitHub is to be left alone.
func (e *BusyError) RetryAfter() time.Duration { return e.Wait }

// take waits until there is enough for a call, and takes it. When that is too long it is a *BusyError.
func (b *budget) take(ctx context.Context, s spending) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		wait, busy := b.tryTake(s)
		if wait <= 0 {
			return nil
		}
		if deadline, ok := ctx.Deadline(); wait > maxTurnWait || ok && time.Until(deadline) < wait {
			return busy
		}
		if err := b.clock.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// tryTake takes what a call needs, or says how long there is not enough of it.
func (b *budget) tryTake(s spending) (time.Duration, *BusyError) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	if wait := b.until.Sub(now); wait > 0 {
		return wait, &BusyError{Why: b.why, Wait: wait}
	}
	minuteAgo, hourAgo := now.Add(-time.Minute), now.Add(-time.Hour)
	b.points, b.writes = since(b.points, minuteAgo), since(b.writes, hourAgo)
	if wait := b.pointsFree(now, s.points); wait > 0 {
		return usedUp(wait, "%d points a minute", pointsAMinute)
	}
	if s.content {
		if wait, limit := b.left[s.account].until(now, s.priority); wait > 0 {
			return usedUp(wait, "%d requests an hour", limit)
		}
		if wait := room(since(b.writes, minuteAgo), writesAMinute*s.priority.share()/10, minuteAgo); wait > 0 {
			return usedUp(wait, "%d writes a minute", writesAMinute)
		}
		if wait := room(b.writes, writesAnHour*s.priority.share()/10, hourAgo); wait > 0 {
			return usedUp(wait, "%d writes an hour", writesAnHour)
		}
		b.writes = append(b.writes, spent{now, 1})
	}
	b.points = append(b.points, spent{now, s.points})
	return 0, nil
}

// usedUp says that nothing is left of the budget for a call. It may be asked again long before there is: something more urgent
// may have come up meanwhile, for which there is.
func usedUp(wait time.Duration, what string, limit int) (time.Duration, *BusyError) {
	why := fmt.Sprintf("what is left of "+what+" is kept for what is more urgent", limit)
	return wait, &BusyError{Why: why, Wait: min(wait, maxTurnWait)}
}

// pointsFree says how long it takes until so many points are free.
func (b *budget) pointsFree(now time.Time, needed int) time.Duration {
	used := needed
	for _, p := range b.points {
		used += p.points
	}
	for _, p := range b.points {
		if used <= pointsAMinute {
			break
		}
		if used -= p.points; used <= pointsAMinute {
			return p.at.Add(time.Minute).Sub(now)
		}
	}
	return 0
}

// room says how long it takes until fewer than limit of the spendings, which are all after begin, are within the same time.
func room(all []spent, limit int, begin time.Time) time.Duration {
	if len(all) < limit {
		return 0
	}
	return all[len(all)-limit].at.Sub(begin)
}

// since leaves out what was not after a time.
func since(all []spent, begin time.Time) []spent {
	for len(all) > 0 && !all[0].at.After(begin) {
		all = all[1:]
	}
	return all
}

// refund gives back the points of a call that GitHub does not count.
func (b *budget) refund(points int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.points) - 1; i >= 0; i-- {
		if b.points[i].points == points {
			b.points = append(b.points[:i:i], b.points[i+1:]...)
			return
		}
	}
}

// pause leaves GitHub alone for a while, which it chooses itself when none is given, and returns that as an error.
func (b *budget) pause(wait time.Duration, why string) *BusyError {
	b.mu.Lock()
	defer b.mu.Unlock()
	if wait <= 0 {
		wait = min(firstPause<<min(b.pauses, 10), lastPause)
		b.pauses++
	}
	wait = min(wait, maxPause)
	if until := b.clock.Now().Add(wait); until.After(b.until) {
		b.until, b.why = until, why
	}
	return &BusyError{Why: why, Wait: wait}
}

// calm notes that GitHub took something.
func (b *budget) calm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pauses = 0
}
