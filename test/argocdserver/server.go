package argocdserver

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

//go:embed crds/*.yaml
var crds embed.FS

const (
	// glance is how often it looks at all Applications.
	glance = 100 * time.Millisecond
	// patience bounds what it waits for itself.
	patience = time.Minute
	// manager is the field manager of what it applies.
	manager = "argocd-controller"
)

// Options of a Server.
type Options struct {
	// Config is how the cluster is reached.
	Config *rest.Config
	// Namespace whose Applications it works on.
	Namespace string
}

// Server is a small Argo CD.
type Server struct {
	t       testing.TB
	options Options
	client  client.Client
	git     *mirror
	stop    func()

	// known is what Applications have to be, and finished which had an operation since; for who works alone.
	known    map[string]*desired
	finished map[string]bool

	mu     sync.Mutex
	faults faults
}

// faults are what it was told to do wrong.
type faults struct {
	away       bool
	unreadable string
	early      string
	held       bool
}

// Install makes the kinds of Argo CD known to a cluster, and returns once it knows them.
func Install(t testing.TB, config *rest.Config) {
	t.Helper()
	c := newClient(t, config)
	err := fs.WalkDir(crds, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := crds.ReadFile(path)
		if err != nil {
			return err
		}
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, &o.Object); err != nil {
			return err
		}
		return c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner(manager), client.ForceOwnership)
	})
	if err != nil {
		t.Fatalf("making the kinds of Argo CD known: %v", err)
	}
	until(t, "the kinds of Argo CD", func() bool {
		return c.List(t.Context(), list(kindApplication()), client.Limit(1)) == nil && c.List(t.Context(), list(kindProject()), client.Limit(1)) == nil
	})
}

// Uninstall makes a cluster forget them, and all Applications. No other test may use it.
func Uninstall(t testing.TB, config *rest.Config) {
	t.Helper()
	c := newClient(t, config)
	for _, name := range []string{"applications.argoproj.io", "appprojects.argoproj.io"} {
		o := &unstructured.Unstructured{}
		o.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
		o.SetName(name)
		if err := client.IgnoreNotFound(c.Delete(t.Context(), o)); err != nil {
			t.Fatalf("making %s unknown: %v", name, err)
		}
		until(t, name+" to be unknown", func() bool { return apierrors.IsNotFound(c.Get(t.Context(), client.ObjectKeyFromObject(o), o)) })
	}
}

// Start starts one, which ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{t: t, options: o, client: newClient(t, o.Config), git: newMirror(t), known: map[string]*desired{}, finished: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var working sync.WaitGroup
	working.Go(func() { s.work(ctx) })
	s.stop = sync.OnceFunc(func() { cancel(); working.Wait() })
	t.Cleanup(s.stop)
	return s
}

func newClient(t testing.TB, config *rest.Config) client.Client {
	t.Helper()
	config = rest.CopyConfig(config)
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatalf("reaching the cluster: %v", err)
	}
	return c
}

// Away has it do nothing, as when its controller does not run; and go on.
func (s *Server) Away(away bool) { s.told(func(f *faults) { f.away = away }) }

// Unreadable has it fail to read Git, with a message; empty ends that.
func (s *Server) Unreadable(message string) { s.told(func(f *faults) { f.unreadable = message }) }

// FailEarly has its operations fail before they have a revision, with a message; empty ends that.
func (s *Server) FailEarly(message string) { s.told(func(f *faults) { f.early = message }) }

// Hold has operations that begin go on without an end; and let them end.
func (s *Server) Hold(held bool) { s.told(func(f *faults) { f.held = held }) }

func (s *Server) told(change func(*faults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.faults)
}

func (s *Server) now() faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

func kindApplication() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"}
}

func kindProject() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "AppProject"}
}

func list(kind schema.GroupVersionKind) *unstructured.UnstructuredList {
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(kind)
	return l
}

// work looks at all Applications until the context ends.
func (s *Server) work(ctx context.Context) {
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if s.now().away {
			continue
		}
		all := list(kindApplication())
		if err := s.client.List(ctx, all, client.InNamespace(s.options.Namespace)); err != nil {
			continue // the cluster may be away, or not know them
		}
		for i := range all.Items {
			if err := s.look(ctx, &all.Items[i]); err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				s.t.Logf("Argo CD: %s: %v", all.Items[i].GetName(), err)
			}
		}
	}
}

// look does the next thing that an Application needs.
func (s *Server) look(ctx context.Context, live *unstructured.Unstructured) error {
	a := &app{Server: s, live: live, name: live.GetName()}
	if live.GetDeletionTimestamp() != nil {
		if live.Object["operation"] != nil { // it comes to its end before
			return a.operate(ctx)
		}
		return a.finish(ctx)
	}
	if err := a.refresh(ctx); err != nil {
		return err
	}
	return a.operate(ctx)
}

// app is one Application.
type app struct {
	*Server
	live *unstructured.Unstructured
	name string
}

func (a *app) text(path ...string) string {
	text, _, _ := unstructured.NestedString(a.live.Object, path...)
	return text
}

// patch changes the Application by a merge patch, and goes on with what it is then.
func (a *app) patch(ctx context.Context, change map[string]any) error {
	text, err := json.Marshal(change)
	if err != nil {
		return err
	}
	if err := a.client.Patch(ctx, a.live, client.RawPatch(types.MergePatchType, text), client.FieldOwner(manager)); err != nil {
		return fmt.Errorf("writing its status: %w", err)
	}
	return nil
}

// until waits until something is so.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for deadline := time.After(patience); !so(); {
		select {
		case <-deadline:
			t.Fatalf("waited %v for %s", patience, what)
		case <-ticker.C:
		}
	}
}

// stamp is a time as Kubernetes writes it.
func stamp() string { return time.Now().UTC().Format(time.RFC3339) }
