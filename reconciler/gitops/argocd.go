package gitops

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// ArgoCD is the Argo CD that deploys what is here.
type ArgoCD struct {
	// Namespace that it reads Applications in.
	Namespace string
	// Repository is the URL that it reaches this repository by, and Branch what it follows there.
	Repository, Branch string
}

// inCluster is the cluster that Argo CD runs in, as it calls it.
const inCluster = "https://kubernetes.default.svc"

// rootName is the root application's, and its AppProject's: no workspace can have that name.
const rootName = "plateform"

// resources says which kinds of a group an AppProject lets in.
type resources struct {
	group string
	kinds []string
}

// ofCharts are the kinds that charts are made of.
func ofCharts() []resources {
	return []resources{
		{"", []string{"ConfigMap", "PersistentVolumeClaim", "Service", "ServiceAccount"}},
		{"apps", []string{"Deployment", "StatefulSet"}},
		{"batch", []string{"CronJob", "Job"}},
		{"networking.k8s.io", []string{"Ingress", "NetworkPolicy"}},
		{"policy", []string{"PodDisruptionBudget"}},
	}
}

// ofRoot are the kinds in namespace.yaml, but for the Namespace itself, and in application.yaml.
func ofRoot() []resources {
	return []resources{
		{"", []string{"LimitRange", "ResourceQuota", "ServiceAccount"}},
		{"argoproj.io", []string{"AppProject", "Application"}},
		{"networking.k8s.io", []string{"NetworkPolicy"}},
		{"rbac.authorization.k8s.io", []string{"Role", "RoleBinding"}},
	}
}

// text puts values into a document, each in quotes, the way that JSON and YAML both read.
func text(document string, values ...string) string {
	quoted := make([]any, len(values))
	for i, value := range values {
		quoted[i] = strconv.QuoteToASCII(value)
	}
	return fmt.Sprintf(strings.TrimPrefix(document, "\n"), quoted...)
}

func list(all []resources) string {
	var b strings.Builder
	for _, of := range all {
		for _, kind := range of.kinds {
			fmt.Fprintf(&b, "    - {group: %q, kind: %s}\n", of.group, kind)
		}
	}
	return b.String()
}

// application is application.yaml of a project that runs with values, rendered with a chart. It is deleted with what it made unless
// that is data to be kept: then whoever deletes it deletes nothing else.
func (a *ArgoCD) application(k manifest.Key, chart manifest.Chart, values string) string {
	finalizers := "  finalizers: [\"resources-finalizer.argocd.argoproj.io\"]\n"
	if valueOf(values, "deletionPolicy") == "retain" {
		finalizers = ""
	}
	limit := "limit: 2, "
	if manifest.RunsCommand(manifest.Document(values)) { // half a migration is not simply begun again
		limit = "" // that is none. Without retry there were five, and of one that loses all its fields the API server makes a null, which it refuses
	}
	retry := "    retry: {" + limit + "backoff: {duration: 5s, factor: 2, maxDuration: 1m}}\n"
	file := manifest.ValuesFile(k)
	folder := strings.TrimSuffix(file, "/"+valuesFile)
	return text(`
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  annotations:
    argocd.argoproj.io/manifest-generate-paths: %s
`, "/"+folder+";/"+manifest.ChartDir(chart)) + finalizers + text(`
  labels:
    app.kubernetes.io/managed-by: plateform
    plateform.dev/project: %s
    plateform.dev/workspace: %s
  name: %s
  namespace: %s
spec:
  destination:
    namespace: %s
    server: %s
  project: %s
  source:
    helm:
      releaseName: %s
      valueFiles: [%s]
    path: %s
    repoURL: %s
    targetRevision: %s
  syncPolicy:
    automated: {prune: true, selfHeal: true}
    syncOptions: [ApplyOutOfSyncOnly=true, FailOnSharedResource=true, PruneLast=true, ServerSideApply=true]
`, k.Project, k.Workspace, manifest.ApplicationName(k), a.Namespace, valueOf(values, "namespace"), inCluster, k.Workspace,
		k.Project, "/"+file, manifest.ChartDir(chart), a.Repository, a.Branch) + retry
}

// project is the AppProject of a workspace: it reaches one namespace, from this repository alone, with the kinds that charts have.
func (a *ArgoCD) project(workspace, namespace string) string {
	return text(`
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata:
  labels:
    app.kubernetes.io/managed-by: plateform
    plateform.dev/workspace: %s
  name: %s
  namespace: %s
spec:
  clusterResourceWhitelist: []
  description: %s
  destinations:
    - {namespace: %s, server: %s}
  namespaceResourceWhitelist:
`, workspace, workspace, a.Namespace, "Workspace "+workspace, namespace, inCluster) + list(ofCharts()) + text(`
  sourceRepos: [%s]
`, a.Repository)
}

// root is root.yaml. It is not synced by itself: Plateform applies what it names, and asks before whose a namespace is. It is there to
// see all in one place, and to bring all back by hand where Plateform cannot.
func (a *ArgoCD) root() string {
	return text(`
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata:
  labels: {app.kubernetes.io/managed-by: plateform}
  name: %s
  namespace: %s
spec:
  clusterResourceWhitelist:
    - {group: "", kind: Namespace}
  description: Namespaces and Applications of all workspaces
  destinations:
    - {namespace: "*", server: %s}
  namespaceResourceWhitelist:
`, rootName, a.Namespace, inCluster) + list(ofRoot()) + text(`
  sourceRepos: [%s]
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  annotations:
    argocd.argoproj.io/manifest-generate-paths: %s
  labels: {app.kubernetes.io/managed-by: plateform}
  name: %s
  namespace: %s
spec:
  destination:
    namespace: %s
    server: %s
  project: %s
  source:
    directory: {include: "{*/namespace.yaml,*/*/application.yaml}", recurse: true}
    path: %s
    repoURL: %s
    targetRevision: %s
  syncPolicy:
    syncOptions: [ServerSideApply=true]
`, a.Repository, "/"+manifest.WorkspacesDir, rootName, a.Namespace, a.Namespace, inCluster, rootName, manifest.WorkspacesDir, a.Repository, a.Branch)
}

// editRoot writes root.yaml where Argo CD deploys.
func (t *Tree) editRoot(w Wanted, b *Batch) error {
	if t.argocd == nil {
		return nil
	}
	wanted := t.argocd.root()
	if t.root == wanted {
		return nil
	}
	files := map[string][]byte{manifest.RootFile: []byte(wanted)}
	b.add(edit(w, "Write "+manifest.RootFile, files, nil), func() { t.root = wanted })
	return nil
}

// Application is what application.yaml of the project has to say; empty when there has to be none.
func (p *Project) Application() string {
	if p.tree.argocd == nil || p.wanted == "" {
		return ""
	}
	chart := p.chart
	switch {
	case p.release != nil:
		chart = p.release.Spec.Chart
	case chart == manifest.Chart{}: // another engine was here before
		chart = p.tree.newestChart(typeOf(p.wanted))
	}
	if chart == (manifest.Chart{}) {
		return ""
	}
	return p.tree.argocd.application(p.key, chart, p.wanted)
}

// takeApplication takes in application.yaml as it is.
func (p *Project) takeApplication(content string, foreign bool) {
	p.application = content
	if foreign {
		p.tampered = true
		return
	}
	p.chart = chartOf(content)
}

// chartOf is the chart that an application.yaml of Plateform's names; empty when it names none.
func chartOf(application string) (chart manifest.Chart) {
	for line := range strings.Lines(application) {
		dir, found := strings.CutPrefix(line, "    path: ")
		if !found {
			continue
		}
		dir = strings.Trim(strings.TrimSpace(dir), `"`)
		if parts := strings.Split(dir, "/"); len(parts) == 3 {
			chart.Name, chart.Version = parts[1], parts[2]
		}
	}
	return chart
}
