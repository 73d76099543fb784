package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/charts"
	"github.com/plateform/plateform/reconciler/direct"
	"github.com/plateform/plateform/reconciler/namespace"
	"github.com/plateform/plateform/test/kube"
)

const (
	manyApps = 100
	// applyTurns is how often each side applies all; the median counts.
	applyTurns = 3
)

// fleetOnKube are many apps in a cluster, brought there by engine direct.
type fleetOnKube struct {
	s       *stage
	set     kubernetes.Interface
	dynamic dynamic.Interface
	config  string
	charts  *charts.Charts
	options direct.Options
	engine  *direct.Engine
	image   int
}

// Skip is what a control plane that was not built asks for.
func (s *stage) Skip(args ...any) { panic(failure{fmt.Errorf("skipped: %s", fmt.Sprint(args...))}) }

// namespacesOf is a plateform-gitops that has the namespace of one workspace.
type namespacesOf struct {
	reconciler.Reader
	document []byte
}

func (n namespacesOf) Read(string, string) ([]byte, error) {
	if n.document == nil {
		return nil, fs.ErrNotExist
	}
	return n.document, nil
}

// apply is how long it takes until an API server has the new images of 100 apps, and of one of them; with the processor time that this
// takes the engine. The other side is kubectl, applying the same objects.
func (s *stage) apply() []Row {
	log.SetLogger(logr.Discard()) // what its libraries have to say is no figure
	cluster := kube.Start(s)
	set, err := kubernetes.NewForConfig(cluster.Config())
	s.must(err)
	objects, err := dynamic.NewForConfig(cluster.Config())
	s.must(err)
	embedded, err := charts.New()
	s.must(err)
	workspace := &manifest.Workspace{}
	workspace.Metadata.Name, workspace.Spec.Owner.ID = "ws-1", hubUser
	document, err := namespace.Document(&manifest.Platform{}, workspace)
	s.must(err)
	f := &fleetOnKube{s: s, set: set, dynamic: objects, config: cluster.Kubeconfig(), charts: embedded}
	f.options = direct.Options{
		Cluster: cluster.Config(), GitOps: namespacesOf{document: []byte(document)}, Charts: embedded,
		Notify: func() {}, Clock: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	var ours, other, one, oursCPU, otherCPU []float64
	for range applyTurns {
		f.working(func() {
			f.bring(manyApps) // whatever is done for the first time
			cpu := ownCPU()
			ours = append(ours, f.bring(manyApps).Seconds())
			oursCPU = append(oursCPU, (ownCPU() - cpu).Seconds())
			one = append(one, f.bring(1).Seconds())
			f.bring(manyApps)
		})
		took, cpu := f.kubectl()
		other, otherCPU = append(other, took.Seconds()), append(otherCPU, cpu.Seconds())
	}
	return []Row{
		paired("apply-100", middleOf(ours), middleOf(other), "s"),
		paired("apply-100-cpu", middleOf(oursCPU), middleOf(otherCPU), "s"),
		{Name: "apply-1", Ours: middleOf(one), Unit: "s"},
	}
}

// working has the engine at work while f runs: it would put back at once what kubectl does.
func (f *fleetOnKube) working(do func()) {
	var err error
	f.engine, err = direct.New(f.options)
	f.s.must(err)
	ctx, stop := context.WithCancel(f.s.ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = f.engine.Run(ctx) }) // it ends with the context
	defer running.Wait()
	defer stop()
	do()
}

func middleOf(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// ownCPU is the processor time that this process has used.
func ownCPU() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // there is no reason for it to fail
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// bring has the first apps of all get a new image, and returns how long it took until the API server had it.
func (f *fleetOnKube) bring(apps int) time.Duration {
	f.image++
	var targets []reconciler.Target
	for n := range apps {
		targets = append(targets, f.target(n))
	}
	begin := time.Now()
	f.s.must(f.engine.Want(f.s.ctx, fmt.Sprint("commit-", f.image), targets))
	f.have(apps)
	return time.Since(begin)
}

// digest of the image that is wanted now.
func (f *fleetOnKube) digest() string { return fmt.Sprintf("sha256:%064d", f.image) }

func (f *fleetOnKube) target(n int) reconciler.Target {
	key := manifest.Key{Workspace: "ws-1", Project: fmt.Sprintf("app-%03d", n)}
	version := manifest.Version{Major: 1, Patch: f.image}
	spec := manifest.ProjectSpec{Type: manifest.Monolithic}
	spec.Port, spec.Replicas, spec.Domain = 8080, new(1), key.Project+".example.com"
	values, err := manifest.BuildValues(manifest.ValuesInput{
		Key: key, Release: version, Project: spec,
		Images:   []manifest.Image{{Name: manifest.AppImage, Repository: "registry.example.com/ws-1/" + key.Project, Tag: version.String(), Digest: f.digest()}},
		Platform: manifest.PlatformInputs{Namespace: "ws-1", Ingress: manifest.IngressSpec{Class: "nginx"}},
	})
	f.s.must(err)
	chart, err := f.charts.Chart(manifest.Monolithic, "")
	f.s.must(err)
	return reconciler.Target{Key: key, Namespace: "ws-1", Release: version.String(), Chart: chart, Values: []byte(values)}
}

// have waits until the API server has the image in as many Deployments.
func (f *fleetOnKube) have(apps int) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for there := 0; there < apps; <-ticker.C {
		list, err := f.set.AppsV1().Deployments("ws-1").List(f.s.ctx, metav1.ListOptions{ResourceVersion: "0"})
		f.s.must(err)
		there = 0
		for _, d := range list.Items {
			if has(d, f.digest()) {
				there++
			}
		}
	}
}

func has(d appsv1.Deployment, digest string) bool {
	return strings.HasSuffix(d.Spec.Template.Spec.Containers[0].Image, "@"+digest)
}

// kubectl applies the objects of all apps with another image, and returns how long that took and how much processor time.
func (f *fleetOnKube) kubectl() (took, cpu time.Duration) {
	f.image++
	file := filepath.Join(f.s.TempDir(), "all.json")
	f.s.must(os.WriteFile(file, f.rendered(), 0o600))
	c := exec.CommandContext(f.s.ctx, "kubectl", "--kubeconfig", f.config, "apply", "--server-side", "--force-conflicts", "--filename", file)
	begin := time.Now()
	out, err := c.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		f.s.Fatal("skipped: there is no kubectl to measure beside")
	}
	if err != nil {
		f.s.Fatalf("kubectl: %w\n%s", err, out)
	}
	f.have(manyApps)
	return time.Since(begin), c.ProcessState.UserTime() + c.ProcessState.SystemTime()
}

// rendered are the objects of all apps as they were applied, with the image that is wanted now.
func (f *fleetOnKube) rendered() []byte {
	var all bytes.Buffer
	for _, kind := range []schema.GroupVersionResource{
		{Version: "v1", Resource: "services"}, {Group: "apps", Version: "v1", Resource: "deployments"}, {Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
	} {
		list, err := f.dynamic.Resource(kind).Namespace("ws-1").List(f.s.ctx, metav1.ListOptions{})
		f.s.must(err)
		for _, o := range list.Items {
			unstructured.RemoveNestedField(o.Object, "status")
			for _, field := range []string{"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"} {
				unstructured.RemoveNestedField(o.Object, "metadata", field)
			}
			text, err := json.Marshal(o.Object)
			f.s.must(err)
			all.Write(bytes.ReplaceAll(text, fmt.Appendf(nil, "sha256:%064d", f.image-1), []byte(f.digest())))
			all.WriteByte('\n')
		}
	}
	return all.Bytes()
}
