package gitops

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/namespace"
)

// editNamespaces writes the namespaces of the workspaces that were touched.
func (t *Tree) editNamespaces(w Wanted, b *Batch) error {
	loosened := t.loosened()
	t.touchLoosened(w, loosened)
	names := slices.Sorted(maps.Keys(t.workspaces))
	documents, err := t.documents(w, names, loosened)
	if err != nil {
		return err
	}
	for i, name := range names {
		wanted := documents[i]
		landed := func() {
			t.namespaces[name], t.ours[name] = wanted, wanted
			delete(t.tampered, name)
			delete(t.workspaces, name)
		}
		if wanted == t.namespaces[name] {
			landed()
			continue
		}
		subject := "Write workspace " + name
		switch {
		case wanted == "":
			subject = "Remove workspace " + name
		case t.tampered[name]:
			subject = putBack("workspace "+name, t.namespaces[name] == "")
		}
		b.add(edit(w, subject, map[string][]byte{manifest.NamespaceFile(name): fileOf(wanted)}, nil), landed)
	}
	return nil
}

// documents makes namespace.yaml of several workspaces, on all cores.
func (t *Tree) documents(w Wanted, names []string, loosened map[string]bool) ([]string, error) {
	documents := make([]string, len(names))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		group.Go(func() (err error) {
			documents[i], err = t.namespace(w, name, loosened[name])
			return err
		})
	}
	return documents, group.Wait()
}

// namespace is what namespace.yaml of a workspace has to say. A workspace that is deleted keeps its namespace as long as
// something in it runs or data was kept there.
func (t *Tree) namespace(w Wanted, name string, loosened bool) (string, error) {
	workspace := w.Catalog.Workspaces[name]
	if workspace == nil || !workspace.Present {
		for k, p := range t.projects {
			if deleted := w.Run(k).Deleted; k.Workspace == name && (p.wanted != "" || deleted != nil && deleted.DataKept) {
				return t.ours[name], nil
			}
		}
		return "", nil
	}
	if workspace.Spec == nil || w.Catalog.BlocksWorkspace(name) {
		return t.ours[name], nil
	}
	spec := *workspace.Spec
	if loosened {
		spec.Spec.PodSecurity = manifest.Baseline
	}
	document, err := namespace.Document(w.Catalog.Platform, &spec)
	if err != nil {
		return "", fmt.Errorf("making the namespace of %s: %w", name, err)
	}
	if t.argocd != nil {
		return string(document) + "---\n" + t.argocd.project(name, manifest.NamespaceOf(workspace.Spec, name)), nil
	}
	return string(document), nil
}

// loosened are the workspaces in which something is to run that was released for another namespace than a restricted one: by a chart
// that knows of none, or before the workspace became so. It is not to be refused when it is rolled back to, or when a node is lost.
func (t *Tree) loosened() map[string]bool {
	workspaces := map[string]bool{}
	for k, p := range t.projects {
		if p.baseline {
			workspaces[k.Workspace] = true
		}
	}
	return workspaces
}

// touchLoosened touches the workspaces whose namespace has another standard than what is to run in it needs.
func (t *Tree) touchLoosened(w Wanted, loosened map[string]bool) {
	for _, k := range w.Keys {
		restricted := strings.Contains(t.namespaces[k.Workspace], namespace.EnforcesRestricted)
		if !t.Project(k).Shows() && restricted == loosened[k.Workspace] {
			t.workspaces[k.Workspace] = true
		}
	}
}
