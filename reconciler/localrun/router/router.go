package router

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plateform/plateform/manifest"
)

// Options are what a Router is made of.
type Options struct {
	// Log takes what goes wrong; nothing is logged when nil.
	Log *slog.Logger
	// Clock tells the time; time.Now when nil.
	Clock  func() time.Time
	Limits Limits
}

// Site is what answers for a host.
type Site struct {
	Project manifest.Key
	// Service of the project, where it has several.
	Service string
	// Addresses of the instances, as host:port. Requests go to the one that has the fewest under way.
	Addresses []string
	// Unavailable says in one line why nothing answers, while there are no Addresses. Whoever reaches the router reads it.
	Unavailable string
	// Since is when that began; zero when nobody knows.
	Since time.Time
}

// Router sends requests to the instances of sites, by the Host header. Its methods may be called at any time by anybody.
type Router struct {
	options   Options
	upstreams upstreams
	errorLog  *log.Logger

	mu        sync.Mutex
	sites     map[string]*site
	instances map[string]*instance
	// underWay counts all requests, those that took over their connection as well.
	underWay tally
}

// site is a Site with its instances, the same in all sites that name an address. Only turn changes.
type site struct {
	Site
	host      string
	instances []*instance
	turn      int
}

// instance is an address, and what is known of it here.
type instance struct {
	address string
	plain   plain
	// sites that name it.
	sites int
	// requests under way at it.
	requests tally
	// refuses says that the last connection to it could not be made.
	refuses atomic.Bool
}

// New makes a Router that knows no host yet.
func New(options Options) *Router {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	options.Limits = options.Limits.orDefaults()
	return &Router{
		options:   options,
		upstreams: newUpstreams(options.Limits),
		errorLog:  log.New(logWriter{options.Log}, "", 0),
		sites:     map[string]*site{},
		instances: map[string]*instance{},
	}
}

// Set says what answers for a host from now on. Requests under way go on with the instance they began with.
func (r *Router) Set(host string, s Site) {
	host = normalizeHost(host)
	next := &site{Site: s, host: host}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, address := range s.Addresses {
		i := r.instances[address]
		if i == nil {
			i = &instance{address: address, plain: plain{address: address, dial: r.upstreams.dial}}
			r.instances[address] = i
		}
		if !slices.Contains(next.instances, i) {
			i.sites++
			next.instances = append(next.instances, i)
		}
	}
	r.leave(r.sites[host]) // after the new ones came, so that what both name is not forgotten
	r.sites[host] = next
}

// Remove says that nothing is known of a host any more.
func (r *Router) Remove(host string) {
	host = normalizeHost(host)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(r.sites[host])
	delete(r.sites, host)
}

// Drained waits until no request is under way at an address. Call it once no site names the address any more: requests that
// come in after Set go elsewhere, so none can begin there. WebSockets and streams end when their client or the instance ends
// them, so the context has to bound the wait.
func (r *Router) Drained(ctx context.Context, address string) error {
	r.mu.Lock()
	i := r.instances[address]
	if i == nil {
		r.mu.Unlock()
		return nil
	}
	idle := i.requests.idle()
	r.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		r.mu.Lock()
		defer r.mu.Unlock()
		return fmt.Errorf("%d requests are still under way at %s: %w", i.requests.n, address, ctx.Err())
	}
}

// leave is called with the lock held.
func (r *Router) leave(s *site) {
	if s == nil {
		return
	}
	for _, i := range s.instances {
		i.sites--
		r.forget(i)
	}
}

// forget drops an instance that no site names and no request is at. It is called with the lock held.
func (r *Router) forget(i *instance) {
	if i.sites == 0 && i.requests.n == 0 {
		delete(r.instances, i.address)
		i.plain.close()
	}
}

// begin counts a request, and finds the site it is for and one of its instances, in one step: after Set has returned, no
// request can begin at an instance that it left out. The site is nil for an unknown host, the instance if there is none.
func (r *Router) begin(host string) (*site, *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.underWay.add()
	s := r.sites[host]
	if s == nil {
		return nil, nil
	}
	return s, s.pick(nil)
}

// elsewhere moves a request from an instance that refused the connection to another one that answers for the host now. It is
// nil if there is none; then the request is counted where it was.
func (r *Router) elsewhere(host string, at *instance, tried []*instance) *instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sites[host]
	if s == nil {
		return nil
	}
	next := s.pick(tried)
	if next != nil {
		r.done(at)
	}
	return next
}

// end says that a request is over, and where it was; nil if nowhere.
func (r *Router) end(i *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.underWay.sub()
	if i != nil {
		r.done(i)
	}
}

// done is called with the lock held.
func (r *Router) done(i *instance) {
	i.requests.sub()
	r.forget(i)
}

// pick counts a request at the instance that has the fewest under way, those that have as many taking turns.
func (s *site) pick(tried []*instance) *instance {
	var best *instance
	s.turn++
	for n := range s.instances {
		i := s.instances[(s.turn+n)%len(s.instances)]
		if (best == nil || i.requests.n < best.requests.n) && !slices.Contains(tried, i) {
			best = i
		}
	}
	if best != nil {
		best.requests.add()
	}
	return best
}
