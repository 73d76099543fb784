package client

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers in which GitHub says what is left of an hour's requests, and of which kind these are.
const (
	rateLimit     = "X-RateLimit-Limit"
	rateRemaining = "X-RateLimit-Remaining"
	rateReset     = "X-RateLimit-Reset"
	rateResource  = "X-RateLimit-Resource"
	coreResource  = "core"
)

// maxAccounts bounds of how many accounts it is known what is left.
const maxAccounts = 1024

// left is what GitHub says is left of an hour's requests. Other programs may use the same login, and reading counts, too: nobody but
// GitHub knows it.
type left struct {
	limit, remaining int
	// reset is when there are as many again as the limit.
	reset time.Time
}

// leftIn reads what an answer says of it; nothing of a GitHub that limits nothing.
func leftIn(h http.Header) (l left) {
	if resource := h.Get(rateResource); resource != "" && resource != coreResource {
		return l
	}
	limit, errLimit := strconv.Atoi(h.Get(rateLimit))
	remaining, errRemaining := strconv.Atoi(h.Get(rateRemaining))
	reset, errReset := strconv.ParseInt(h.Get(rateReset), 10, 64)
	if errLimit != nil || errRemaining != nil || errReset != nil || limit <= 0 {
		return l
	}
	return left{limit, remaining, time.Unix(reset, 0)}
}

// until is how long what is left is kept for what is more urgent, and of how much that is; 0 when it is not.
func (l left) until(now time.Time, p Priority) (wait time.Duration, limit int) {
	if l.limit-l.remaining < l.limit*p.share()/10 {
		return 0, l.limit
	}
	return min(max(l.reset.Sub(now), 0), maxPause), l.limit
}

// note takes in what is left for an account.
func (b *budget) note(account string, l left) {
	if l.limit == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.left[account]; !known && len(b.left) >= maxAccounts {
		clear(b.left) // it is said with each answer
	}
	b.left[account] = l
}

// applications is what the paths begin with at which an App asks with its client id about the tokens of users.
const applications = "applications/"

// accountOf is whose repository a path of the API is about; empty when it is about none. Whoever asks with a client id has an hour's
// requests of their own.
func (c *Client) accountOf(path string) string {
	if strings.HasPrefix(path, c.api.Path+applications) {
		return strings.TrimPrefix(path, c.api.Path)
	}
	rest, ok := strings.CutPrefix(path, c.api.Path+"repos/")
	if !ok {
		return ""
	}
	account, _, _ := strings.Cut(rest, "/")
	return strings.ToLower(account)
}
