package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// neighbours finds the workspaces that a change does not touch and concerns all the same: those that claim a host, a
// domain or a namespace which a workspace in scope claims too. Files that hold no such name are not parsed; project files
// are read at all only for the sake of a domain that changes hands.
type neighbours struct {
	reader reconciler.Reader
	base   string
	// names of all workspaces at the base. What the change itself adds is in scope.
	names map[string]bool
	// workspaces and projects are files as they are at the base; nil while they have not been read.
	workspaces, projects []rawFile
}

// rawFile is a file that nobody has parsed.
type rawFile struct {
	path string
	data []byte
}

func newNeighbours(reader reconciler.Reader, base string) (*neighbours, error) {
	n := &neighbours{reader: reader, base: base, names: map[string]bool{}}
	entries, err := reader.List(base, manifest.WorkspacesDir)
	if err != nil {
		return nil, fmt.Errorf("listing config commit %.10s: %w", base, err)
	}
	for _, e := range entries {
		if e.Dir {
			n.names[e.Name] = true
		}
	}
	return n, nil
}

// claims are the names that a change may bring into conflict with those of others.
type claims struct {
	namespaces, domains map[string]bool
	// hosts under the platform's domain, and others; the latter only when they may change hands.
	hosts, own map[string]bool
}

func newClaims() claims {
	return claims{namespaces: map[string]bool{}, domains: map[string]bool{}, hosts: map[string]bool{}, own: map[string]bool{}}
}

// addWorkspaces adds what the workspaces of a catalog claim now.
func (cl claims) addWorkspaces(c *config.Catalog) {
	for name, w := range c.Workspaces {
		if !w.Present {
			continue
		}
		cl.namespaces[manifest.NamespaceOf(w.Spec, name)] = true
		if w.Spec != nil {
			for _, domain := range w.Spec.Spec.Domains {
				cl.domains[domain] = true
			}
		}
	}
}

// addProjects adds the hosts that projects had or get. One that a project is served at before and after stays its own,
// whoever else wants it.
func (cl claims) addProjects(moved []config.Transition, domain string) {
	for _, t := range moved {
		before, after := hostsOf(t.Before, domain), hostsOf(t.After, domain)
		for _, host := range slices.Concat(before, after) {
			switch {
			case strings.HasSuffix(host, "."+domain):
				cl.hosts[host] = true
			case !servedAt(t.Before, host, domain) || !servedAt(t.After, host, domain) || !slices.Contains(before, host) || !slices.Contains(after, host):
				cl.own[host] = true
			}
		}
	}
}

// hostsOf are the hosts that a project wants.
func hostsOf(v *config.View, domain string) []string {
	if v == nil || !v.Present || !v.Parsed {
		return nil
	}
	return manifest.HostsOf(v.Key, v.Spec, domain)
}

// servedAt says that the newest release of a project is served at a host.
func servedAt(v *config.View, host, domain string) bool {
	return v != nil && v.Newest != nil && slices.Contains(manifest.HostsOf(v.Key, v.Newest.Spec.Project, domain), host)
}

// find adds to the scope who claims the same, and says whether there is anybody.
func (n *neighbours) find(s scope, cl claims, domain string) (found bool, err error) {
	var names []string
	for _, look := range []func() ([]string, error){
		func() ([]string, error) { return n.withShared(s, cl) },
		func() ([]string, error) { return n.withHosts(s, cl, domain) },
		func() ([]string, error) { return n.withDomains(s, cl, domain) },
	} {
		more, err := look()
		if err != nil {
			return false, err
		}
		names = append(names, more...)
	}
	for _, name := range names {
		s.workspaces[name] = true
	}
	return len(names) > 0, nil
}

// withShared finds the workspaces that want the same namespace or a domain that overlaps.
func (n *neighbours) withShared(s scope, cl claims) (names []string, err error) {
	if n.workspaces == nil {
		var files []string
		for name := range n.names {
			files = append(files, manifest.WorkspaceFile(name))
		}
		if n.workspaces, err = n.readAll(files); err != nil {
			return nil, err
		}
	}
	for _, file := range n.workspaces {
		name, _ := manifest.WorkspaceOf(file.path)
		if !s.workspaces[name] && (cl.namespaces[name] || cl.mentionsShared(file.data)) && cl.share(name, file) {
			names = append(names, name)
		}
	}
	return names, nil
}

// mentionsShared says that a workspace.yaml holds one of the names that workspaces share.
func (cl claims) mentionsShared(data []byte) bool {
	for name := range cl.namespaces {
		if mentions(data, name) {
			return true
		}
	}
	for domain := range cl.domains {
		for at := domain; at != ""; _, at, _ = strings.Cut(at, ".") {
			if mentions(data, at) {
				return true
			}
		}
	}
	return false
}

// share says that a workspace shares a name, or cannot be read.
func (cl claims) share(name string, file rawFile) bool {
	w, problems := manifest.ParseWorkspace(file.path, file.data)
	if len(problems) > 0 || cl.namespaces[manifest.NamespaceOf(w, name)] {
		return true
	}
	return slices.ContainsFunc(w.Spec.Domains, func(theirs string) bool {
		for ours := range cl.domains {
			if theirs == ours || strings.HasSuffix(theirs, "."+ours) || strings.HasSuffix(ours, "."+theirs) {
				return true
			}
		}
		return false
	})
}

// withHosts finds the workspaces whose projects get one of the hosts by their names: shop of ws-1 has shop-ws-1, and so
// has shop-ws of 1. A project that names such a host as its domain may not have it.
func (n *neighbours) withHosts(s scope, cl claims, domain string) (names []string, err error) {
	for host := range cl.hosts {
		label := strings.TrimSuffix(host, "."+domain)
		for i := range len(label) {
			name := label[i+1:]
			if label[i] != '-' || s.workspaces[name] || !n.names[name] {
				continue
			}
			projects, err := n.reader.List(n.base, manifest.ProjectsDir(name))
			if err != nil {
				return nil, fmt.Errorf("listing the projects of %s: %w", name, err)
			}
			if slices.ContainsFunc(projects, func(e manifest.Entry) bool { // behind the name of a service, perhaps
				return label[:i] == e.Name || strings.HasSuffix(label[:i], "-"+e.Name)
			}) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// withDomains finds the workspaces with a project that names one of the hosts.
func (n *neighbours) withDomains(s scope, cl claims, domain string) (names []string, err error) {
	if len(cl.own) == 0 {
		return nil, nil
	}
	if n.projects == nil {
		if n.projects, err = n.readProjects(); err != nil {
			return nil, err
		}
	}
	for _, file := range n.projects {
		f, _ := manifest.FileOf(file.path)
		if !s.workspaces[f.Key.Workspace] && !slices.Contains(names, f.Key.Workspace) && cl.wants(f.Key, file, domain) {
			names = append(names, f.Key.Workspace)
		}
	}
	return names, nil
}

// wants says that a project wants one of the hosts, or may want it and cannot be read.
func (cl claims) wants(k manifest.Key, file rawFile, domain string) bool {
	mentioned := false
	for host := range cl.own {
		_, above, _ := strings.Cut(host, ".") // for a service of a project at that domain
		mentioned = mentioned || mentions(file.data, host) || mentions(file.data, above)
	}
	if !mentioned {
		return false
	}
	project, problems := manifest.ParseProject(file.path, file.data)
	return len(problems) > 0 || slices.ContainsFunc(manifest.HostsOf(k, project.Spec, domain), func(host string) bool { return cl.own[host] })
}

// mentions says that a YAML file holds a text, or could: with a backslash a letter can be written in another way.
func mentions(data []byte, text string) bool {
	return text != "" && bytes.Contains(data, []byte(text)) || bytes.IndexByte(data, '\\') >= 0
}

// readProjects reads the project files of all workspaces.
func (n *neighbours) readProjects() ([]rawFile, error) {
	var files []string
	for name := range n.names {
		projects, err := n.reader.List(n.base, manifest.ProjectsDir(name))
		if err != nil {
			return nil, fmt.Errorf("listing the projects of %s: %w", name, err)
		}
		for _, e := range projects {
			if e.Dir {
				files = append(files, manifest.ProjectFile(manifest.Key{Workspace: name, Project: e.Name}))
			}
		}
	}
	return n.readAll(files)
}

// readAll reads files that may be there, several at a time.
func (n *neighbours) readAll(paths []string) ([]rawFile, error) {
	slices.Sort(paths)
	files := make([]rawFile, len(paths))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	const chunk = 64
	for i, part := range slices.Collect(slices.Chunk(paths, chunk)) {
		group.Go(func() error {
			for j, path := range part {
				data, err := n.reader.Read(n.base, path)
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("reading %s at config commit %.10s: %w", path, n.base, err)
				}
				files[i*chunk+j] = rawFile{path, data}
			}
			return nil
		})
	}
	err := group.Wait()
	return slices.DeleteFunc(files, func(f rawFile) bool { return len(f.data) == 0 }), err
}
