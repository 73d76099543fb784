package localrun

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"sync"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/localrun/router"
)

// inside is how projects of a workspace reach each other. In a cluster that is the name of a Service, as http://greeter.
// Here each name that is asked for gets a port of its own on this machine, behind a router of its own: what is not public
// stays unreachable through the one that is.
type inside struct {
	router *router.Router
	*hosts

	mu sync.Mutex
	// servers by name.
	servers map[string]*server
	serving sync.WaitGroup
	closed  bool
}

// server answers for one name.
type server struct {
	http    http.Server
	address string
}

func newInside(r *router.Router) *inside {
	return &inside{router: r, hosts: newHosts(r), servers: map[string]*server{}}
}

// run answers until the context ends.
func (i *inside) run(ctx context.Context) error {
	// The router looks after its connections to instances while it serves, so it has a listener, if of no use.
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return fmt.Errorf("listening for projects that ask each other: %w", err)
	}
	defer i.close()
	return i.router.Serve(ctx, listener)
}

// insideHost is what a name of a workspace is called in the router.
func insideHost(workspace, name string) string { return name + "." + workspace + ".internal" }

// insideNames are the names that a service has: that of its project if it is the only one or the entry, and its own.
func insideNames(k manifest.Key, s service) []string {
	var names []string
	if s.name == "" || s.entry {
		names = append(names, insideHost(k.Workspace, k.Project))
	}
	if s.name != "" {
		names = append(names, insideHost(k.Workspace, k.Project+"-"+s.name))
	}
	return names
}

// serviceURL is an address as manifest writes it for another project, or as people write it for a service of their own.
var serviceURL = regexp.MustCompile(`^http://([a-z]([a-z0-9-]{0,61}[a-z0-9])?)$`)

// resolve turns the address of another project into one that works on this machine. Any other value stays as it is.
func (i *inside) resolve(workspace, value string) (string, error) {
	found := serviceURL.FindStringSubmatch(value)
	if found == nil || found[1] == "localhost" {
		return value, nil
	}
	address, err := i.address(insideHost(workspace, found[1]))
	if err != nil {
		return "", fmt.Errorf("making %s reachable: %w", value, err)
	}
	return "http://" + address, nil
}

// place is the url, host or port where another app answers here.
func (i *inside) place(workspace, app, part string) (string, error) {
	address, err := i.address(insideHost(workspace, app))
	if err != nil {
		return "", fmt.Errorf("making %s reachable: %w", app, err)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("where %s is: %w", app, err)
	}
	switch part {
	case "host":
		return host, nil
	case "port":
		return port, nil
	}
	return "http://" + address, nil
}

// address is where a name answers.
func (i *inside) address(host string) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if s := i.servers[host]; s != nil {
		return s.address, nil
	}
	if i.closed {
		return "", errors.New("everything is stopping")
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return "", err
	}
	s := &server{address: listener.Addr().String()}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http.Protocols = protocols
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = host
		i.router.ServeHTTP(w, r)
	})
	i.servers[host] = s
	i.vacant(host)
	i.serving.Go(func() { _ = s.http.Serve(listener) }) // ends when it is closed
	return s.address, nil
}

// close ends all of it.
func (i *inside) close() {
	i.mu.Lock()
	i.closed = true
	for _, s := range i.servers {
		_ = s.http.Close() // nobody is left to ask
	}
	i.mu.Unlock()
	i.serving.Wait()
}
