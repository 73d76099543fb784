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
	case host == "" || owner == k:
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
