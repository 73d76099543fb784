package registry

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/go-containerregistry/pkg/name"
)

// maxRetryAfter bounds for how long a registry is left alone that asks for it. A push waits for itself up to maxPushWait: the image
// took long to build. Everybody else comes back later.
const (
	maxRetryAfter = time.Hour
	maxPushWait   = 2 * time.Minute
)

// limits say how often something is tried, how long one try may take, and how long a registry is waited for that asks for it;
// 0 for as long as the context allows, and not at all.
type limits struct {
	tries   uint
	timeout time.Duration
	wait    time.Duration
}

// try does something short, up to three times.
func (c *Client) try(ctx context.Context, doing string, in name.Repository, f func(context.Context) error) error {
	return c.retry(ctx, limits{tries: tries, timeout: c.options.Timeout, wait: c.options.RetryDelay}, doing, in, f)
}

// retry does something within limits, as long as what goes wrong may go away by itself. The error names the registry, the
// repository and what to do.
func (c *Client) retry(ctx context.Context, within limits, doing string, in name.Repository, f func(context.Context) error) error {
	pause := &pause{exponential: backoff.ExponentialBackOff{
		InitialInterval: c.options.RetryDelay, Multiplier: 3, RandomizationFactor: 0.1, MaxInterval: time.Minute,
	}}
	attempt := func() (struct{}, error) {
		trying, cancel := ctx, context.CancelFunc(func() {})
		if within.timeout > 0 {
			trying, cancel = context.WithTimeout(ctx, within.timeout)
		}
		defer cancel()
		asked := &asked{}
		err := f(context.WithValue(trying, askedKey{}, asked))
		if err == nil {
			return struct{}{}, nil
		}
		if ctx.Err() != nil {
			return struct{}{}, backoff.Permanent(context.Cause(ctx))
		}
		explained := explain(err, doing, in)
		c.own.nameLogin(explained, in)
		explained.leaveAlone(asked.wait())
		pause.least = explained.retryAfter
		if !explained.Temporary() || explained.retryAfter > within.wait {
			return struct{}{}, backoff.Permanent(explained)
		}
		return struct{}{}, explained
	}
	_, err := backoff.Retry(ctx, attempt, backoff.WithBackOff(pause), backoff.WithMaxTries(within.tries), backoff.WithMaxElapsedTime(0))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		return permanent.Unwrap()
	}
	return err
}

// pause grows with each try, and is at least what the registry asks for.
type pause struct {
	exponential backoff.ExponentialBackOff
	least       time.Duration
}

// NextBackOff implements backoff.BackOff.
func (p *pause) NextBackOff() time.Duration { return max(p.least, p.exponential.NextBackOff()) }

// Reset implements backoff.BackOff.
func (p *pause) Reset() { p.exponential.Reset() }

// tolerant takes a registry that does not know HEAD for one that does not have what was asked for: the library then uploads it,
// which changes nothing if it is there.
type tolerant struct{ inner http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t tolerant) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.inner.RoundTrip(request)
	if err == nil && request.Method == http.MethodHead &&
		(response.StatusCode == http.StatusMethodNotAllowed || response.StatusCode == http.StatusNotImplemented) {
		response.StatusCode, response.Status = http.StatusNotFound, http.StatusText(http.StatusNotFound)
	}
	return response, err
}
