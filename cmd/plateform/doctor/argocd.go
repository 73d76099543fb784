package doctor

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/plateform/plateform/manifest/repourl"
)

// withArgoCD looks at the Argo CD of a cluster.
type withArgoCD struct {
	set kubernetes.Interface
	// namespace of Argo CD, and the URL that it reads plateform-gitops by.
	namespace, repository string
	// besides are rights that serve needs besides those of each engine argocd.
	besides []right
}

// argoGroup is the API group of Argo CD.
const argoGroup = "argoproj.io"

// check asks whether Argo CD is there and alive, reads the repository, and whether serve may have it do what it has to.
func (a withArgoCD) check(ctx context.Context) []Diagnosis {
	const what = "Argo CD"
	list, err := a.set.Discovery().ServerResourcesForGroupVersion(argoGroup + "/v1alpha1")
	if apierrors.IsNotFound(err) || err == nil && !slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Kind == "Application" }) {
		return []Diagnosis{fail(what, "the cluster does not know the kind Application: Argo CD is not installed",
			"install Argo CD 3.0 or newer in namespace "+a.namespace+", or set engine.kind to direct")}
	}
	if err != nil {
		return []Diagnosis{broken(what, err, "start the cluster, or mend the file that engine.kubeconfig names")}
	}
	found := []Diagnosis{ok(what, "the cluster knows the kind Application")}
	found = append(found, a.alive(ctx, "argocd-application-controller", "compares and applies"), a.alive(ctx, "argocd-repo-server", "reads Git and renders charts"), a.reads(ctx))
	return append(found, mayBring(ctx, a.set, append(a.rights(), a.besides...), "serve may make namespaces, and Applications in namespace "+a.namespace)...)
}

// rights are what engine argocd needs.
func (a withArgoCD) rights() []right {
	rights := append(rightsOfNamespaces(), right{verb: "patch", resource: "persistentvolumeclaims"}) // which are marked as kept
	rights = append(rights, right{verb: "list", resource: "namespaces"})                             // where the Secrets of a project are
	for _, verb := range []string{"get", "list", "create", "patch", "delete"} {
		rights = append(rights, right{verb: verb, resource: "secrets"}) // which Argo CD does not know
	}
	for _, verb := range []string{"get", "list", "watch", "create", "patch", "delete"} {
		rights = append(rights, right{verb: verb, group: argoGroup, resource: "applications", namespace: a.namespace})
	}
	for _, verb := range []string{"get", "create", "patch"} {
		rights = append(rights, right{verb: verb, group: argoGroup, resource: "appprojects", namespace: a.namespace})
	}
	return rights
}

// alive says whether a part of Argo CD runs.
func (a withArgoCD) alive(ctx context.Context, part, does string) Diagnosis {
	const what = "Argo CD"
	pods, err := a.set.CoreV1().Pods(a.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + part})
	if err != nil {
		return broken(what, fmt.Errorf("looking whether %s runs: %w", part, err), "let serve list pods in namespace "+a.namespace)
	}
	for _, pod := range pods.Items {
		for _, c := range pod.Status.Conditions {
			if c.Type == "Ready" && c.Status == "True" {
				return ok(what, "%s runs, which %s", part, does)
			}
		}
	}
	if len(pods.Items) == 0 {
		return fail(what, fmt.Sprintf("namespace %s has no pod of %s, which %s", a.namespace, part, does), "set engine.namespace to the namespace of Argo CD, or have the part run there")
	}
	return fail(what, fmt.Sprintf("no pod of %s is ready, which %s", part, does), fmt.Sprintf("see why: kubectl -n %s describe pods -l app.kubernetes.io/name=%s", a.namespace, part))
}

// reads says whether Argo CD has what it needs to read plateform-gitops, as far as that can be told.
func (a withArgoCD) reads(ctx context.Context) Diagnosis {
	const what = "Argo CD repository"
	if repourl.IsHere(hostOf(a.repository)) {
		return fail(what, a.repository+" is this machine, which Argo CD does not reach from inside the cluster", "set engine.repository to the URL that it has there")
	}
	secrets, err := a.set.CoreV1().Secrets(a.namespace).List(ctx, metav1.ListOptions{LabelSelector: "argocd.argoproj.io/secret-type in (repository, repo-creds)"})
	fix := fmt.Sprintf("if it is not public: argocd repo add %s, or a Secret in namespace %s with the label argocd.argoproj.io/secret-type: repository and its url, username and password", a.repository, a.namespace)
	if apierrors.IsForbidden(err) {
		return warn(what, "serve may not see whether Argo CD has credentials for "+a.repository, fix)
	}
	if err != nil {
		return broken(what, fmt.Errorf("looking for the credentials of %s: %w", a.repository, err), fix)
	}
	for _, secret := range secrets.Items {
		at := plainURL(string(secret.Data["url"]))
		if whole := secret.Labels["argocd.argoproj.io/secret-type"] == "repository"; at != "" && (at == plainURL(a.repository) || !whole && strings.HasPrefix(plainURL(a.repository), at)) {
			return ok(what, "Argo CD has credentials for %s", a.repository)
		}
	}
	return warn(what, "Argo CD has no credentials for "+a.repository, fix)
}

// hostOf is the host of the URL of a repository, also of one like git@host:path.
func hostOf(repository string) string {
	if u, err := url.Parse(repository); err == nil && u.Host != "" {
		return u.Hostname()
	}
	_, rest, _ := strings.Cut(repository, "@")
	host, _, _ := strings.Cut(rest, ":")
	return host
}

// plainURL is a URL without what is written in several ways.
func plainURL(repository string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(repository, "/"), ".git"))
}
