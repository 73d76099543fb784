package e2e

import (
	"fmt"
	"io"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/plateform/plateform/test/gitserver"
)

// silentHost takes connections and never says a word.
type silentHost struct {
	address string

	mu      sync.Mutex
	taken   int
	waiting map[int]net.Conn // those whose other end still waits for an answer, in the order they came
}

// newSilentHost listens on a port of loopback until the end of the test.
func newSilentHost(t *testing.T) *silentHost {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &silentHost{address: listener.Addr().String(), waiting: map[int]net.Conn{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { h.listen(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		h.hangUp()
		running.Wait()
	})
	return h
}

// listen hears a connection out until its other end gives up.
func (h *silentHost) listen(conn net.Conn) {
	h.mu.Lock()
	number := h.taken
	h.taken++
	h.waiting[number] = conn
	h.mu.Unlock()
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
	h.mu.Lock()
	delete(h.waiting, number)
	h.mu.Unlock()
}

func (h *silentHost) hangUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, conn := range h.waiting {
		_ = conn.Close()
	}
}

// unanswered are the numbers of the connections whose other end still waits for an answer.
func (h *silentHost) unanswered() []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.waiting))
}

// neighbour is a project of another tenant than the one whose affairs do not get on, with two releases.
func (w *world) neighbour() *project {
	w.t.Helper()
	w.registry.publish("birds/wren:1")
	blog := w.imageProject("ws-2", "blog", "birds/wren:1", "env: [{name: ROUND, value: '0'}]")
	w.add(blog)
	blog.runs("v1.0.0")
	return blog
}

// holdsNobodyUp shows that somebody who never answers holds up no other tenant: an edit of the other's and its rollback
// are in GitOps before a question that was open when they were pushed has been given up, so that nothing has waited for
// it. Where a question is given up just then, another try shows it. unanswered are the numbers of the open questions.
func (w *world) holdsNobodyUp(unanswered func() []int, other *project) {
	w.t.Helper()
	version := ""
	w.before(unanswered, "an edit", func() {
		version = other.next()
		other.spec[2] = "env: [{name: ROUND, value: '" + version + "'}]"
		other.edit()
		other.runs(version)
		if got := other.values().env("ROUND"); got != version {
			w.t.Errorf("ROUND is %q in %s", got, version)
		}
	})
	w.before(unanswered, "a rollback", func() {
		all := other.releases()
		newest, before := all[len(all)-1], all[len(all)-2]
		other.revert(newest)
		other.runs(before)
	})
}

// before fails the test unless an act is done while a question that was open before it still is.
func (w *world) before(unanswered func() []int, what string, act func()) {
	w.t.Helper()
	const tries = 4
	for range tries {
		var open []int
		w.await("a question that is not answered", func() error {
			if open = unanswered(); len(open) == 0 {
				return fmt.Errorf("there is none")
			}
			return nil
		})
		act()
		still := unanswered()
		if slices.ContainsFunc(open, func(number int) bool { return slices.Contains(still, number) }) {
			return
		}
	}
	w.t.Errorf("%s of another tenant was never done before a question of this one was given up", what)
}

// wantWaiting fails the test unless the projects still wait for what they asked for with a commit.
func (w *world) wantWaiting(commit string, projects ...*project) {
	w.t.Helper()
	for _, p := range projects {
		p.wantReleases()
		if ends := terminals(p.notes(commit)); len(ends) > 0 {
			w.t.Errorf("%s ended with %+v", p.name, ends)
		}
	}
}

// silentPartyHoldsUpNoOtherTenant plays a story in which two projects of one tenant need a host that never answers. allow
// has the platform allow a host, and need is the line of a project that needs something at an address.
func silentPartyHoldsUpNoOtherTenant(t *testing.T, allow func(w *world, address string), need func(address string) string) {
	t.Parallel()
	w := newWorld(t)
	silent := newSilentHost(t)
	allow(w, silent.address)
	w.open()
	blog := w.neighbour()
	var stuck []*project
	for _, name := range []string{"shop", "api"} {
		stuck = append(stuck, &project{w: w, workspace: "ws-1", name: name, spec: []string{"type: monolithic", need(silent.address + "/" + name)}})
	}
	commit := w.add(stuck...)
	w.holdsNobodyUp(silent.unanswered, blog)
	w.wantWaiting(commit, stuck...)
}

// A registry that never answers holds up those who want images of it, and no other tenant.
func TestSilentRegistryHoldsUpNoOtherTenant(t *testing.T) {
	silentPartyHoldsUpNoOtherTenant(t,
		func(w *world, address string) { w.images = []string{address + "/*"} },
		func(image string) string { return "image: " + image + ":1" })
}

// A Git host that never says where a source is holds up those whose source it has, and no other tenant.
func TestSilentSourceHoldsUpNoOtherTenant(t *testing.T) {
	silentPartyHoldsUpNoOtherTenant(t,
		func(w *world, address string) { w.sources = []string{"http://" + address + "/*"} },
		func(repository string) string { return "source: {repository: http://" + repository + "}" })
}

// Builds that never get on, since nobody hands them their source, hold up no other tenant.
func TestSilentBuildHoldsUpNoOtherTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := gitserver.New(t)
	w.sources = []string{server.URL() + "/*"}
	w.open()
	blog := w.neighbour()
	var stuck []*project
	for _, name := range []string{"shop", "api"} {
		app := server.Create(t, name)
		app.Commit(gitserver.Change{Message: "Begin", Files: map[string]string{"go.mod": "module example.com/" + name + "\n\ngo 1.24\n", "main.go": program("one")}})
		server.Inject(name, gitserver.Fault{Op: gitserver.FetchPack, Hang: true})
		stuck = append(stuck, &project{w: w, workspace: "ws-1", name: name, spec: []string{"type: monolithic", "source: {repository: " + app.URL + "}"}})
	}
	commit := w.add(stuck...)
	w.holdsNobodyUp(func() []int { return append(server.Hanging("shop"), server.Hanging("api")...) }, blog)
	w.wantWaiting(commit, stuck...)
}

// A forge that never takes what it is told holds up nobody, and is told it all once it listens again.
func TestSilentForgeHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := w.serveOverHTTP()
	w.open()
	blog := w.neighbour()
	w.settle()
	forge := filepath.Base(w.config.work)
	server.Inject(forge, gitserver.Fault{Op: gitserver.PushPack, Ref: "refs/notes/plateform", Hang: true})
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	commit := w.add(shop)
	w.holdsNobodyUp(func() []int { return server.Hanging(forge) }, blog)
	shop.runs("v1.0.0")
	if said := w.notes()[commit]; len(said) > 0 {
		t.Errorf("the forge was not silent: it says %+v", said)
	}
	server.Heal(forge)
	shop.wantVerdict(commit, "success")
}
