//go:build e2e

package argocdserver_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/argocd"
	"github.com/plateform/plateform/reconciler/charts"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/gitops"
	"github.com/plateform/plateform/reconciler/secrets"
	"github.com/plateform/plateform/test/argocdserver"
	"github.com/plateform/plateform/test/gitserver"
	"github.com/plateform/plateform/test/kube"
)

func TestMain(m *testing.M) { os.Exit(kube.Main(m)) }

// world is a cluster with an Argo CD, plateform-gitops as Plateform writes it, and an engine.
type world struct {
	*testing.T
	cluster *kube.Cluster
	admin   client.Client
	// suffix makes the namespaces of a test its own.
	suffix string
	charts reconciler.Charts
	repo   *gitserver.Repo
	reader reconciler.Reader
	tree   *gitops.Tree
	wanted gitops.Wanted
	argo   *argocdserver.Server
	times  argocd.Times
	// reached is how engines reach the cluster.
	reached *rest.Config
	// owner of its workspaces. recipient is whom secrets are encrypted to, and opener opens them; nil when the engine has no key.
	owner     int64
	recipient string
	opener    secret.Opener

	engine *argocd.Engine
	stop   func()
	// names are those that tests have for commits, by their hashes.
	mu    sync.Mutex
	names map[string]string
}

// newWorld has two workspaces, and an Argo CD of its own.
func newWorld(t *testing.T, cluster *kube.Cluster) *world {
	t.Helper()
	w := &world{
		T: t, cluster: cluster, reached: cluster.Config(), suffix: strings.ToLower(rand.Text()[:8]), names: map[string]string{},
		repo: gitserver.CreateBare(t, t.TempDir()), times: argocd.Times{Lag: 2 * time.Second, Retry: 100 * time.Millisecond, MaxRetry: time.Second},
	}
	argocdserver.Install(t, cluster.Config())
	var err error
	if w.admin, err = client.New(cluster.Config(), client.Options{}); err != nil {
		t.Fatal(err)
	}
	if w.charts, err = charts.New(); err != nil {
		t.Fatal(err)
	}
	w.reader = w.open(w.repo)
	w.tree = gitops.New(w.reader, w.charts).DeployedBy(&gitops.ArgoCD{Namespace: w.namespace("argocd"), Repository: w.url(), Branch: "main"})
	repo := gitserver.CreateBare(t, t.TempDir())
	files := map[string]string{manifest.PlatformFile: "apiVersion: plateform.dev/v1\nkind: Platform\nmetadata: {name: acme}\nspec: {domain: apps.example.com, registry: {url: images.test}}\n"}
	w.owner = 1 + mathrand.Int64N(1<<40)
	identity, recipient, err := secret.Generate()
	if err != nil {
		t.Fatal(err)
	}
	if w.opener, err = secret.ParseIdentities(identity); err != nil {
		t.Fatal(err)
	}
	w.recipient = recipient
	for _, name := range []string{"ws-1", "ws-2"} {
		files[manifest.WorkspaceFile(name)] = fmt.Sprintf("apiVersion: plateform.dev/v1\nkind: Workspace\nmetadata: {name: %s}\nspec: {owner: {github: alice, id: %d}, namespace: %s}\n", name, w.owner, w.namespace(name))
	}
	w.wanted = gitops.Wanted{Catalog: config.NewCatalog(w.open(repo), w.charts), Now: time.Now(), Run: func(manifest.Key) manifest.RunSpec { return manifest.RunSpec{} }}
	if _, err := w.wanted.Catalog.Advance(repo.Commit(gitserver.Change{Message: "Begin", Files: files})); err != nil {
		t.Fatal(err)
	}
	w.tree.TouchWorkspace("ws-1")
	w.tree.TouchWorkspace("ws-2")
	for _, name := range []string{"argocd", "ws-1", "ws-2"} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace(name)}}
		if name == "argocd" {
			if err := w.admin.Create(t.Context(), namespace); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { w.discard(namespace) })
	}
	if command := os.Getenv("PLATEFORM_TEST_ARGOCD"); command != "" {
		w.startReal(command)
		return w
	}
	w.argo = argocdserver.Start(t, argocdserver.Options{Config: cluster.Config(), Namespace: w.namespace("argocd")})
	return w
}

// startReal starts a real Argo CD by a command, with the kubeconfig and the namespace as its arguments. It ends on SIGTERM.
func (w *world) startReal(command string) {
	w.Helper()
	real := exec.Command(command, w.cluster.Kubeconfig(), w.namespace("argocd"))
	real.Stdout, real.Stderr = w.Output(), w.Output()
	if err := real.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		_ = real.Process.Signal(syscall.SIGTERM)
		_ = real.Wait()
	})
}

// needsFaults skips a test that tells Argo CD what to do, which a real one does not obey.
func (w *world) needsFaults() {
	w.Helper()
	if w.argo == nil {
		w.Skip("a real Argo CD cannot be told what to do: unset PLATEFORM_TEST_ARGOCD")
	}
}

// discard deletes a namespace; Applications in it have nobody any more who takes their finalizers away.
func (w *world) discard(namespace *corev1.Namespace) {
	all := &unstructured.UnstructuredList{}
	all.SetGroupVersionKind(kind("Application"))
	_ = w.admin.List(context.Background(), all, client.InNamespace(namespace.Name))
	for i := range all.Items {
		_ = w.admin.Patch(context.Background(), &all.Items[i], client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`)))
	}
	_ = w.admin.Delete(context.Background(), namespace)
}

func kind(name string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: name}
}

// url is where Argo CD finds plateform-gitops.
func (w *world) url() string { return "file://" + w.repo.Dir }

func (w *world) namespace(of string) string { return of + "-" + w.suffix }

func (w *world) open(repo *gitserver.Repo) reconciler.Reader {
	w.Helper()
	reader, err := gitstore.OpenLocal(w.Context(), repo.Dir)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = reader.Close() })
	return reader
}

// start starts an engine, as a process that starts has it.
func (w *world) start() {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	engine, err := argocd.New(argocd.Options{
		Cluster: w.reached, Namespace: w.namespace("argocd"), GitOps: w.reader, Secrets: w.opener, Times: w.times, Notify: func() {}, Clock: time.Now,
		Log: slog.New(slog.NewTextHandler(w.Output(), nil)),
	})
	if err != nil {
		w.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := engine.Run(ctx); !errors.Is(err, context.Canceled) {
			w.Errorf("the engine ended: %v", err)
		}
	})
	w.engine = engine
	w.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	w.Cleanup(w.stop)
}

// target is a release of a project, of an image that behaves in some way. It answers with its name.
func (w *world) target(k manifest.Key, release string, b kube.Behaviour) reconciler.Target {
	w.Helper()
	return w.targetOf(k, release, b, answering(manifest.EnvVar{Name: "ANSWER", Value: new(release)}))
}

// sealed is a release that answers with a secret.
func (w *world) sealed(k manifest.Key, release, answer string) reconciler.Target {
	w.Helper()
	return w.targetOf(k, release, kube.Runs, answering(w.variable(k, answer)))
}

// answering is what a project says with one variable.
func answering(v manifest.EnvVar) (spec manifest.ProjectSpec) {
	spec.Env = []manifest.EnvVar{v}
	return spec
}

// variable is the one of the answer, with a secret.
func (w *world) variable(k manifest.Key, answer string) manifest.EnvVar {
	w.Helper()
	sealed, err := secret.Seal(secret.New(answer), manifest.SecretAt(k, w.owner, "ANSWER"), []string{w.recipient})
	if err != nil {
		w.Fatal(err)
	}
	return manifest.EnvVar{Name: "ANSWER", Secret: sealed}
}

// targetOf is a release of a project that says more than every project has to.
func (w *world) targetOf(k manifest.Key, release string, b kube.Behaviour, spec manifest.ProjectSpec) reconciler.Target {
	w.Helper()
	version, err := manifest.ParseVersion(release)
	if err != nil {
		w.Fatal(err)
	}
	image := fmt.Sprintf("images.test/%s-%s", b, w.suffix)
	w.cluster.Behave(w.T, image, b)
	spec.Type, spec.Port, spec.Replicas, spec.Domain = manifest.Monolithic, 8080, new(1), k.Project+"-"+w.namespace(k.Workspace)+".example.com"
	values, err := manifest.BuildValues(manifest.ValuesInput{
		Key: k, Release: version, Project: spec,
		Images:   []manifest.Image{{Name: manifest.AppImage, Repository: image, Tag: release, Digest: "sha256:" + strings.Repeat("a", 64)}},
		Platform: manifest.PlatformInputs{Namespace: w.namespace(k.Workspace), Ingress: manifest.IngressSpec{Class: "nginx"}},
	})
	if err != nil {
		w.Fatal(err)
	}
	chart, err := w.charts.Chart(manifest.Monolithic, "")
	if err != nil {
		w.Fatal(err)
	}
	return reconciler.Target{
		Key: k, Owner: w.owner, Namespace: w.namespace(k.Workspace), Release: release, Chart: chart, Values: []byte(values),
		Secrets: secrets.Of(k, &manifest.Release{Spec: manifest.ReleaseSpec{Values: manifest.Document(values), Project: spec}}),
	}
}

// write has GitOps show targets, and returns its head. Commits of others come between.
func (w *world) write(targets ...reconciler.Target) string {
	w.Helper()
	w.wanted.Keys = nil
	for _, t := range targets {
		w.wanted.Keys = append(w.wanted.Keys, t.Key)
		if t.Remove {
			w.tree.Project(t.Key).Remove()
			continue
		}
		r := &manifest.Release{}
		r.Metadata.Name, r.Spec.Chart, r.Spec.Values = t.Release, t.Chart, manifest.Document(t.Values)
		w.tree.Project(t.Key).Want(r)
	}
	batch, err := w.tree.Edits(w.wanted)
	if err != nil {
		w.Fatal(err)
	}
	var commits []string
	for _, e := range batch.Edits {
		change := gitserver.Change{Message: e.Message, Files: map[string]string{}}
		for file, content := range e.Files {
			if content == nil {
				change.Remove = append(change.Remove, file)
				continue
			}
			change.Files[file] = string(content)
		}
		commits = append(commits, w.repo.Commit(change))
	}
	if len(commits) > 0 {
		w.tree.Landed(batch, commits)
	}
	return w.repo.Commit(gitserver.Change{Message: "Another's", Files: map[string]string{"README.md": rand.Text()}})
}

// Want has GitOps show targets and hands them to the engine, as a commit that a test has its own name for.
func (w *world) Want(ctx context.Context, commit string, targets []reconciler.Target) error {
	head := w.write(targets...)
	w.mu.Lock()
	w.names[head] = commit
	w.mu.Unlock()
	return w.engine.Want(ctx, head, targets)
}

// Rollouts is what the engine says, with the names that a test has for commits.
func (w *world) Rollouts(ctx context.Context, keys []manifest.Key) (map[manifest.Key]reconciler.Rollout, error) {
	rollouts, err := w.engine.Rollouts(ctx, keys)
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, r := range rollouts {
		r.Commit = w.names[r.Commit]
		rollouts[k] = r
	}
	return rollouts, err
}

// answer is what the pods of a project that are ready have to answer; empty when there are none.
func (w *world) answer(t *testing.T, k manifest.Key) (answer string) {
	t.Helper()
	var pods corev1.PodList
	if err := w.admin.List(t.Context(), &pods, client.InNamespace(w.namespace(k.Workspace)), client.MatchingLabels{"plateform.dev/project": k.Project}); err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods.Items {
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil {
				for _, v := range pod.Spec.Containers[0].Env {
					if v.Name == "ANSWER" {
						answer = w.valueOf(t, pod.Namespace, v)
					}
				}
			}
		}
	}
	return answer
}

// valueOf a variable is the one that its container is started with.
func (w *world) valueOf(t *testing.T, namespace string, v corev1.EnvVar) string {
	t.Helper()
	if v.ValueFrom == nil {
		return v.Value
	}
	var s corev1.Secret
	from := v.ValueFrom.SecretKeyRef
	if err := w.admin.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: from.Name}, &s); err != nil {
		return err.Error()
	}
	return string(s.Data[from.Key])
}
