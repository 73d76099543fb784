package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
)

// maxSaid bounds how much of what GitHub says is repeated.
const maxSaid = 300

// RefusedError is what GitHub answers instead of doing what it was asked. It is a reconciler.Refusal.
type RefusedError struct {
	Status int
	// Said is GitHub's reason, in one line.
	Said string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("GitHub answers %d: %s", e.Status, e.Said)
}

// Refusal is what GitHub gives as its reason.
func (e *RefusedError) Refusal() string { return e.Error() }

// Answered says that an error is GitHub's answer with one of these statuses.
func Answered(err error, statuses ...int) bool {
	var refused *RefusedError
	return errors.As(err, &refused) && slices.Contains(statuses, refused.Status)
}

// Denied says that an error is GitHub's word that something is not there or not allowed, and not one about this moment.
func Denied(err error) bool {
	return Answered(err, http.StatusForbidden, http.StatusNotFound, http.StatusGone, http.StatusUnavailableForLegalReasons)
}

// Explain makes an error of go-github's one of this package, when it is GitHub's: a *RefusedError or a *BusyError. What it wraps
// is never longer than a line.
func Explain(err error) error {
	var busy *BusyError
	var primary *github.RateLimitError
	var secondary *github.AbuseRateLimitError
	var answer *github.ErrorResponse
	var address *url.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &busy):
		return busy
	case errors.As(err, &primary): // go-github remembers the last answer, and does not ask
		return &BusyError{Why: "its requests of this hour are used up", Wait: min(max(time.Until(primary.Rate.Reset.Time), time.Second), maxPause)}
	case errors.As(err, &secondary):
		wait := firstPause
		if secondary.RetryAfter != nil {
			wait = min(max(*secondary.RetryAfter, time.Second), maxPause)
		}
		return &BusyError{Why: "it was asked too much at once", Wait: wait}
	case errors.As(err, &answer):
		return refusedOf(answer)
	case errors.As(err, &address) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("asking GitHub: %w", address.Err)
	}
	return fmt.Errorf("asking GitHub: %w", err)
}

// refusedOf takes in what GitHub says, with what it says of single fields.
func refusedOf(answer *github.ErrorResponse) *RefusedError {
	e := &RefusedError{Said: answer.Message}
	if answer.Response != nil {
		e.Status = answer.Response.StatusCode
	}
	for _, detail := range answer.Errors {
		if detail.Message != "" {
			e.Said += "; " + detail.Message
		} else if detail.Field != "" {
			e.Said += "; " + detail.Field + " " + detail.Code
		}
	}
	if e.Said = strings.Join(strings.Fields(strings.ToValidUTF8(e.Said, "")), " "); e.Said == "" {
		e.Said = http.StatusText(e.Status)
	}
	if len(e.Said) > maxSaid {
		e.Said = strings.ToValidUTF8(e.Said[:maxSaid], "") + "…"
	}
	return e
}

// limited notes what an answer says of GitHub's limits, and returns an error when it is one about them: go-github knows only those
// with status 403.
func (c *Client) limited(res *http.Response, body []byte) *BusyError {
	usedUp := res.Header.Get(rateRemaining) == "0"
	if usedUp && res.StatusCode < http.StatusBadRequest { // that was the last one
		c.usedUp(res.Header)
	}
	if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusServiceUnavailable {
		return nil
	}
	if wait, ok := c.retryAfter(res.Header); ok {
		return c.budget.pause(wait, "it asks to be left alone")
	}
	if res.StatusCode == http.StatusServiceUnavailable {
		return nil
	}
	if usedUp {
		return c.usedUp(res.Header)
	}
	if res.StatusCode == http.StatusTooManyRequests || secondaryLimit(body) {
		return c.budget.pause(0, "it was asked too much at once")
	}
	return nil
}

// usedUp leaves GitHub alone until there are requests again.
func (c *Client) usedUp(h http.Header) *BusyError {
	seconds, err := strconv.ParseInt(h.Get(rateReset), 10, 64)
	wait := time.Unix(seconds, 0).Sub(c.budget.clock.Now())
	if err != nil || wait <= 0 {
		wait = firstPause
	}
	return c.budget.pause(wait, "its requests of this hour are used up")
}

// retryAfter reads the header Retry-After: seconds, or a date.
func (c *Client) retryAfter(h http.Header) (time.Duration, bool) {
	text := h.Get("Retry-After")
	if text == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 1), int64(maxPause/time.Second))) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(c.budget.clock.Now()), time.Second), true
	}
	return firstPause, true
}

// secondaryLimit recognizes a 403 that is one: its documentation says so.
func secondaryLimit(body []byte) bool {
	var said struct {
		Message       string `json:"message"`
		Documentation string `json:"documentation_url"`
	}
	if json.Unmarshal(body, &said) != nil {
		return false
	}
	return strings.HasSuffix(said.Documentation, "secondary-rate-limits") || strings.HasSuffix(said.Documentation, "#abuse-rate-limits") ||
		strings.Contains(strings.ToLower(said.Message), "secondary rate limit")
}
