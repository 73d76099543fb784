package githubserver

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Limits are how many requests somebody may make. Zero is no limit.
type Limits struct {
	// Hourly is the primary limit.
	Hourly int
	// Points a minute, where a read is one and a write five.
	Points int
	// WritesMinute and WritesHour are how many things may be made or changed.
	WritesMinute, WritesHour int
}

// GitHubLimits are those of GitHub.
func GitHubLimits() Limits {
	return Limits{Hourly: 5000, Points: 900, WritesMinute: 80, WritesHour: 500}
}

// budgets are what everybody has spent.
type budgets struct {
	limits Limits
	spent  map[string]*spent
}

// spent is what one has spent, and when the time begins that this is counted in.
type spent struct {
	hour, minute             time.Time
	requests, points         int
	writesMinute, writesHour int
	secondary                int           // how many requests are refused still
	secondaryStatus          int           // 403 or 429
	secondaryWait            time.Duration // 0 for no Retry-After
	secondaryUntil           time.Time
}

func (w *world) spentBy(p principal) *spent {
	now := w.now()
	s := w.budgets.spent[p.key()]
	if s == nil {
		s = &spent{hour: now, minute: now}
		w.budgets.spent[p.key()] = s
	}
	if !now.Before(s.hour.Add(time.Hour)) {
		s.hour, s.requests, s.writesHour = now, 0, 0
	}
	if !now.Before(s.minute.Add(time.Minute)) {
		s.minute, s.points, s.writesMinute = now, 0, 0
	}
	return s
}

// UseUp leaves somebody with so many requests in the hour: a login, or the slug of an App with [bot] behind it.
func (s *Server) UseUp(who string, remaining int) error {
	return s.locked(func(w *world) error {
		p, err := w.principalNamed(who)
		if err == nil {
			w.spentBy(p).requests = max(0, w.budgets.limits.Hourly-remaining)
		}
		return err
	})
}

// Throttle is a secondary limit that somebody has run into.
type Throttle struct {
	// Requests that are refused.
	Requests int
	// Status is 403 or 429.
	Status int
	// RetryAfter is said, when it is not 0.
	RetryAfter time.Duration
}

// Throttle refuses the next requests of somebody by a secondary limit.
func (s *Server) Throttle(who string, t Throttle) error {
	return s.locked(func(w *world) error {
		p, err := w.principalNamed(who)
		if err == nil {
			b := w.spentBy(p)
			b.secondary, b.secondaryStatus, b.secondaryWait = t.Requests, t.Status, t.RetryAfter
		}
		return err
	})
}

// principalNamed finds whose budget is meant; that of an App is its installation's.
func (w *world) principalNamed(who string) (principal, error) {
	for _, i := range w.installations {
		if i.app.bot.login == who && !i.deleted {
			return principal{user: i.app.bot, token: &token{installation: i}}, nil
		}
	}
	if u := w.userByLogin(who); u != nil {
		return principal{user: u}, nil
	}
	return principal{}, fmt.Errorf("there is nobody called %s", who)
}

// spend takes a request from a budget, or answers that there is none left. The limits of writes count what GitHub calls
// content: all that is made or changed, tokens left out.
func (w *world) spend(p principal, write, content bool) (answer, bool) {
	b, l := w.spentBy(p), w.budgets.limits
	now := w.now()
	if b.secondary > 0 {
		b.secondary--
		return throttled(b.secondaryStatus, b.secondaryWait), false
	}
	if now.Before(b.secondaryUntil) {
		return throttled(http.StatusForbidden, b.secondaryUntil.Sub(now)), false
	}
	if l.Hourly > 0 && b.requests >= l.Hourly {
		return forbidden("API rate limit exceeded for " + p.key() + "."), false
	}
	points := 1
	if write {
		points = 5
	}
	over := l.Points > 0 && b.points+points > l.Points
	if content {
		over = over || l.WritesMinute > 0 && b.writesMinute >= l.WritesMinute || l.WritesHour > 0 && b.writesHour >= l.WritesHour
	}
	if over {
		b.secondaryUntil = now.Add(time.Minute)
		return throttled(http.StatusForbidden, time.Minute), false
	}
	b.requests++
	b.points += points
	if content {
		b.writesMinute++
		b.writesHour++
	}
	return answer{}, true
}

// refund gives a request back that cost nothing, as one that was answered with 304 does.
func (w *world) refund(p principal) { w.spentBy(p).requests-- }

func throttled(status int, wait time.Duration) answer {
	a := problem(status, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
	a.body.(object)["documentation_url"] = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
	if wait > 0 {
		a.header.Set("Retry-After", strconv.Itoa(int(wait.Round(time.Second)/time.Second)))
	}
	return a
}

// rateHeaders say how much is left.
func (w *world) rateHeaders(p principal, h http.Header) {
	limit := w.budgets.limits.Hourly
	if limit == 0 {
		return
	}
	b := w.spentBy(p)
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, limit-b.requests)))
	h.Set("X-RateLimit-Used", strconv.Itoa(b.requests))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(b.hour.Add(time.Hour).Unix(), 10))
	h.Set("X-RateLimit-Resource", "core")
}

func getRateLimit(c *call) answer {
	b, limit := c.world.spentBy(c.who), c.world.budgets.limits.Hourly
	if limit == 0 {
		return notFound() // as a GitHub Enterprise answers that limits nothing
	}
	core := object{"limit": limit, "used": b.requests, "remaining": max(0, limit-b.requests), "reset": b.hour.Add(time.Hour).Unix()}
	return ok(object{"resources": object{"core": core, "search": core}, "rate": core})
}
