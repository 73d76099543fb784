// Package namespace writes what the namespace of a workspace holds in a cluster besides its projects.
package namespace

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/strict"
)

// labelWorkspace and labelOwnerID mark what belongs to a workspace; labelManagedBy marks whatever Plateform made.
const (
	labelManagedBy = "app.kubernetes.io/managed-by"
	labelWorkspace = "plateform.dev/workspace"
	labelOwnerID   = "plateform.dev/owner-id"
	labelEnforce   = "pod-security.kubernetes.io/enforce"
	labelWarn      = "pod-security.kubernetes.io/warn"
)

// EnforcesRestricted is how the document of a namespace says that it takes restricted pods only.
const EnforcesRestricted = labelEnforce + ": " + manifest.Restricted

// quotaRoom is how much more than the workspace's quota the namespace grants. Plateform itself holds projects to the
// quota; the cluster must leave room for a rolling update, where each replica is there twice for a moment, and for the
// volumes that backups are kept on.
const quotaRoom = 2

// object is one Kubernetes object; keys are written in alphabetical order.
type object = map[string]any

// Document is what the namespace of a workspace holds besides its projects, as several YAML documents: the
// Namespace, its quota and limits, a network policy, and what the members may do.
func Document(p *manifest.Platform, w *manifest.Workspace) (manifest.Document, error) {
	n := namespace{platform: p, workspace: w, name: manifest.NamespaceOf(w, w.Metadata.Name)}
	objects := []object{n.namespace()}
	quota, err := n.quota()
	if err != nil {
		return "", fmt.Errorf("namespace of %s: %w", w.Metadata.Name, err)
	}
	if quota != nil {
		objects = append(objects, quota)
	}
	objects = append(objects, n.limits(), n.network())
	objects = append(objects, n.access()...)
	text, err := strict.EncodeAll(objects)
	if err != nil {
		return "", fmt.Errorf("namespace of %s: %w", w.Metadata.Name, err)
	}
	return manifest.Document(text), nil
}

type namespace struct {
	platform  *manifest.Platform
	workspace *manifest.Workspace
	name      string
}

func (n namespace) labels() object {
	return object{
		labelManagedBy: "plateform",
		labelWorkspace: n.workspace.Metadata.Name,
		labelOwnerID:   strconv.FormatInt(n.workspace.Spec.Owner.ID, 10),
	}
}

// object begins an object inside the namespace.
func (n namespace) object(apiVersion, kind, name string) object {
	return object{
		"apiVersion": apiVersion,
		"kind":       kind,
		"metadata":   object{"name": name, "namespace": n.name, "labels": n.labels()},
	}
}

func (n namespace) namespace() object {
	labels := n.labels()
	labels[labelEnforce] = cmp.Or(n.workspace.Spec.PodSecurity, manifest.Restricted)
	labels[labelWarn] = manifest.Restricted
	// Argo CD never deletes it: what is in it may be data.
	keep := object{"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}
	return object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": n.name, "annotations": keep, "labels": labels}}
}

// quota is nil when the workspace is not limited.
func (n namespace) quota() (object, error) {
	hard := object{}
	for _, q := range []struct{ name, field, limit string }{
		{"requests.cpu", "cpu", n.workspace.Spec.Quota.CPU},
		{"requests.memory", "memory", n.workspace.Spec.Quota.Memory},
		{"requests.storage", "storage", n.workspace.Spec.Quota.Storage},
	} {
		if q.limit == "" {
			continue
		}
		limit, err := strict.ParseQuantity(q.limit)
		if err != nil {
			return nil, fmt.Errorf("spec.quota.%s %q: %w", q.field, q.limit, err)
		}
		limit.Mul(quotaRoom)
		hard[q.name] = limit.String()
	}
	if len(hard) == 0 {
		return nil, nil
	}
	o := n.object("v1", "ResourceQuota", "workspace")
	o["spec"] = object{"hard": hard}
	return o, nil
}

// limits give containers that name no resources (a debug container, say) the platform's defaults.
func (n namespace) limits() object {
	defaults := n.platform.Spec.Defaults.Resources
	cpu, memory := cmp.Or(defaults.CPU, manifest.DefaultCPU), cmp.Or(defaults.Memory, manifest.DefaultMemory)
	o := n.object("v1", "LimitRange", "workspace")
	o["spec"] = object{"limits": []object{{
		"type":           "Container",
		"defaultRequest": object{"cpu": cpu, "memory": memory},
		"default":        object{"memory": memory},
	}}}
	return o
}

// network lets pods of this namespace and the ingress controller in, nobody else.
func (n namespace) network() object {
	ingress := n.platform.Spec.Ingress
	controller := cmp.Or(ingress.Namespace, "ingress-"+cmp.Or(ingress.Class, manifest.DefaultClass))
	o := n.object("networking.k8s.io/v1", "NetworkPolicy", "workspace")
	o["spec"] = object{
		"podSelector": object{},
		"policyTypes": []string{"Ingress"},
		"ingress": []object{{"from": []object{
			{"podSelector": object{}},
			{"namespaceSelector": object{"matchLabels": object{"kubernetes.io/metadata.name": controller}}},
		}}},
	}
	return o
}

// access is one Role and RoleBinding for each role that somebody has. Nobody may change what runs: that is what the
// config repository is for.
func (n namespace) access() []object {
	var objects []object
	for _, role := range manifest.Roles() {
		var subjects []object
		for _, id := range n.holders(role) {
			subjects = append(subjects, object{
				"apiGroup": "rbac.authorization.k8s.io",
				"kind":     "User",
				"name":     "github:" + strconv.FormatInt(id, 10),
			})
		}
		if len(subjects) == 0 {
			continue
		}
		name := "plateform-" + string(role)
		r := n.object("rbac.authorization.k8s.io/v1", "Role", name)
		r["rules"] = rules(role)
		b := n.object("rbac.authorization.k8s.io/v1", "RoleBinding", name)
		b["subjects"] = subjects
		b["roleRef"] = object{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
		objects = append(objects, r, b)
	}
	return objects
}

// holders are the account ids that have a role, each once; the owner is an admin.
func (n namespace) holders(role manifest.Role) []int64 {
	var ids []int64
	seen := map[int64]bool{}
	add := func(id int64) {
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	if role == manifest.Admin {
		add(n.workspace.Spec.Owner.ID)
	}
	for _, m := range n.workspace.Spec.Members {
		if m.Role == role {
			add(m.ID)
		}
	}
	return ids
}

// rules: viewers see what runs, developers also read logs and restart pods, admins also get a shell. Secrets are for
// nobody.
func rules(role manifest.Role) []object {
	rule := func(group string, verbs []string, resources ...string) object {
		return object{"apiGroups": []string{group}, "resources": resources, "verbs": verbs}
	}
	read := []string{"get", "list", "watch"}
	list := []object{
		rule("", read, "pods", "services", "events", "persistentvolumeclaims", "resourcequotas"),
		rule("apps", read, "deployments", "replicasets", "statefulsets"),
		rule("batch", read, "jobs", "cronjobs"),
		rule("networking.k8s.io", read, "ingresses"),
		rule("policy", read, "poddisruptionbudgets"),
	}
	if role == manifest.Developer || role == manifest.Admin {
		list = append(list,
			rule("", []string{"get"}, "pods/log"),
			rule("", []string{"delete"}, "pods"),
			rule("", []string{"create"}, "pods/portforward"))
	}
	if role == manifest.Admin {
		list = append(list, rule("", []string{"create"}, "pods/exec"))
	}
	return list
}
