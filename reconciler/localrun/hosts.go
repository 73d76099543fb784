package localrun

import (
	"fmt"
	"sync"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/localrun/router"
)

// hosts says whose each host is. The config decides that, one project at a time; while two of them pass a host on, the
// one that had it keeps it until it lets go.
type hosts struct {
	router Router

	mu    sync.Mutex
	owner map[string]manifest.Key
}

func newHosts(r Router) *hosts { return &hosts{router: r, owner: map[string]manifest.Key{}} }

// claim takes a host for a project. isNew says that it had it not before.
func (h *hosts) claim(host string, k manifest.Key) (isNew bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	owner, taken := h.owner[host]
	switch {
	case owner == k:
		return false, nil
	case taken:
		return false, fmt.Errorf("the host %s is in use by another project (wait until that one lets go of it, or choose another domain)", host)
	}
	h.owner[host] = k
	return true, nil
}

// set says what answers for a host, if it is the project's.
func (h *hosts) set(host string, k manifest.Key, site router.Site) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.owner[host] == k {
		h.router.Set(host, site)
	}
}

// release lets go of a host.
func (h *hosts) release(host string, k manifest.Key) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.owner[host] == k {
		delete(h.owner, host)
		h.router.Remove(host)
	}
}

// vacant says why nothing answers for a host that is nobody's yet.
func (h *hosts) vacant(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, taken := h.owner[host]; !taken {
		h.router.Set(host, router.Site{Unavailable: "no project of that name runs here"})
	}
}

// place is a host of a service, among those of the world or those inside.
type place struct {
	hosts *hosts
	host  string
}

// addresses are where a project answers, for the world and for its neighbours.
type addresses struct {
	key    manifest.Key
	hosts  *hosts
	inside *inside
}

// of returns where a service answers.
func (a addresses) of(s service) []place {
	if s.engine != "" { // it speaks another language
		return nil
	}
	var all []place
	if s.host != "" {
		all = append(all, place{a.hosts, s.host})
	}
	for _, name := range insideNames(a.key, s) {
		all = append(all, place{a.inside.hosts, name})
	}
	return all
}

// claim takes the hosts of services for the project, and returns those that are new to it.
func (a addresses) claim(services []service) (claimed []place, err error) {
	for _, s := range services {
		for _, at := range a.of(s) {
			isNew, err := at.hosts.claim(at.host, a.key)
			if err != nil {
				a.release(claimed)
				return nil, err
			}
			if isNew {
				claimed = append(claimed, at)
			}
		}
	}
	return claimed, nil
}

// release lets go of hosts.
func (a addresses) release(places []place) {
	for _, at := range places {
		at.hosts.release(at.host, a.key)
	}
}

// all returns where services answer.
func (a addresses) all(services []service) []place {
	var all []place
	for _, s := range services {
		all = append(all, a.of(s)...)
	}
	return all
}
