package githubserver

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
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
	now    func() time.Time
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

func (b *budgets) spentBy(p model.Principal) *spent {
	now := b.now()
	s := b.spent[p.Key()]
	if s == nil {
		s = &spent{hour: now, minute: now}
		b.spent[p.Key()] = s
	}
	if !now.Before(s.hour.Add(time.Hour)) {
		s.hour, s.requests, s.writesHour = now, 0, 0
	}
	if !now.Before(s.minute.Add(time.Minute)) {
		s.minute, s.points, s.writesMinute = now, 0, 0
	}
	return s
}

// UseUp leaves somebody with so many requests in the hour: a login, the slug of an App with [bot] behind it, or its
// client id.
func (s *Server) UseUp(who string, remaining int) error {
	return s.Locked(func(w *forge.World) error {
		p, err := principalNamed(w, who)
		if err == nil {
			s.desk.budgets.spentBy(p).requests = max(0, s.desk.budgets.limits.Hourly-remaining)
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
	return s.Locked(func(w *forge.World) error {
		p, err := principalNamed(w, who)
		if err == nil {
			b := s.desk.budgets.spentBy(p)
			b.secondary, b.secondaryStatus, b.secondaryWait = t.Requests, t.Status, t.RetryAfter
		}
		return err
	})
}

// principalNamed finds whose budget is meant; that of an App is its installation's, and that of its client id its own.
func principalNamed(w *forge.World, who string) (model.Principal, error) {
	for _, i := range w.Installations {
		if i.App.Bot.Login == who && !i.Deleted {
			return model.Principal{User: i.App.Bot, Token: &model.Token{Installation: i}}, nil
		}
	}
	if u := w.UserByLogin(who); u != nil {
		return model.Principal{User: u}, nil
	}
	if a := w.AppByClient(who); a != nil {
		return model.Principal{Client: a}, nil
	}
	return model.Principal{}, fmt.Errorf("there is nobody called %s", who)
}

// spend takes a request from a budget, or answers that there is none left. The limits of writes count what GitHub calls
// content: all that is made or changed, tokens left out.
func (b *budgets) spend(p model.Principal, write, content bool) (answer, bool) {
	used, l := b.spentBy(p), b.limits
	now := b.now()
	if used.secondary > 0 {
		used.secondary--
		return throttled(used.secondaryStatus, used.secondaryWait), false
	}
	if now.Before(used.secondaryUntil) {
		return throttled(http.StatusForbidden, used.secondaryUntil.Sub(now)), false
	}
	if l.Hourly > 0 && used.requests >= l.Hourly {
		return forbidden("API rate limit exceeded for " + p.Key() + "."), false
	}
	points := 1
	if write {
		points = 5
	}
	over := l.Points > 0 && used.points+points > l.Points
	if content {
		over = over || l.WritesMinute > 0 && used.writesMinute >= l.WritesMinute || l.WritesHour > 0 && used.writesHour >= l.WritesHour
	}
	if over {
		used.secondaryUntil = now.Add(time.Minute)
		return throttled(http.StatusForbidden, time.Minute), false
	}
	used.requests++
	used.points += points
	if content {
		used.writesMinute++
		used.writesHour++
	}
	return answer{}, true
}

// refund gives a request back that cost nothing, as one that was answered with 304 does.
func (b *budgets) refund(p model.Principal) { b.spentBy(p).requests-- }

func throttled(status int, wait time.Duration) answer {
	a := problem(status, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
	a.body.(wire.Object)["documentation_url"] = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
	if wait > 0 {
		a.header.Set("Retry-After", strconv.Itoa(int(wait.Round(time.Second)/time.Second)))
	}
	return a
}

// rateHeaders say how much is left.
func (b *budgets) rateHeaders(p model.Principal, h http.Header) {
	limit := b.limits.Hourly
	if limit == 0 {
		return
	}
	used := b.spentBy(p)
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, limit-used.requests)))
	h.Set("X-RateLimit-Used", strconv.Itoa(used.requests))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(used.hour.Add(time.Hour).Unix(), 10))
	h.Set("X-RateLimit-Resource", "core")
}

func getRateLimit(c *call) answer {
	b, limit := c.desk.budgets.spentBy(c.who), c.desk.budgets.limits.Hourly
	if limit == 0 {
		return notFound() // as a GitHub Enterprise answers that limits nothing
	}
	core := wire.Object{"limit": limit, "used": b.requests, "remaining": max(0, limit-b.requests), "reset": b.hour.Add(time.Hour).Unix()}
	return ok(wire.Object{"resources": wire.Object{"core": core, "search": core}, "rate": core})
}
