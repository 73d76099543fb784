//go:build e2e

package direct_test

import (
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// commanding is a release of the shop with a release command.
func (n *node) commanding(release string, command ...string) reconciler.Target {
	n.t.Helper()
	spec := manifest.ProjectSpec{Type: manifest.Monolithic}
	spec.Port, spec.Replicas, spec.Domain = 8080, new(1), n.host(shop)
	spec.Env = []manifest.EnvVar{{Name: "ANSWER", Value: new(release)}}
	spec.Release = &manifest.ReleaseCommand{Command: append([]string{"/app"}, command...)}
	return n.targetOf(shop, release, spec)
}

// jobs are the release commands of the shop that there are, by name.
func (n *node) jobs() map[string]batchv1.Job {
	n.t.Helper()
	list, err := n.set.BatchV1().Jobs(n.namespace("ws-1")).List(n.t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=release"})
	if err != nil {
		n.t.Fatal(err)
	}
	jobs := map[string]batchv1.Job{}
	for _, job := range list.Items {
		jobs[job.Name] = job
	}
	return jobs
}

// A release command runs before its release is rolled out, and once. When it fails, the version before goes on; a newer release ends
// one that is under way; a rollback runs none.
func TestDirectRunsTheReleaseCommandFirst(t *testing.T) {
	n := newNode(t)
	n.start()
	n.want(n.commanding("v1.0.0", "end", "0"))
	n.await("v1.0.0", healthy)
	n.answers("v1.0.0")
	if left := n.jobs(); len(left) > 0 {
		t.Errorf("commands that have ended are still there: %v", left)
	}

	n.want(n.commanding("v1.0.1", "end", "3"))
	failed := n.await("the command to fail", func(r reconciler.Rollout) bool { return r.Phase == reconciler.PhaseFailed && r.Log != "" })
	if !strings.Contains(failed.Cause, "the release command failed (exit code 3") || !strings.Contains(failed.Log, "running [end 3]") || failed.Lapsed {
		t.Errorf("it failed as %+v", failed)
	}
	n.answers("v1.0.0")
	first := n.jobs()["shop-release-v1-0-1"]

	// Another process that begins with this finds what happened, and does not run it again.
	n.stop()
	n.start()
	n.want(n.commanding("v1.0.1", "end", "3"))
	n.await("the failure to be found", func(r reconciler.Rollout) bool { return strings.Contains(r.Cause, "exit code 3") })
	if again := n.jobs()["shop-release-v1-0-1"]; again.UID != first.UID {
		t.Errorf("the command was run again: %v after %v", again.UID, first.UID)
	}
	n.answers("v1.0.0")

	n.want(n.commanding("v1.0.2", "go-on"))
	n.await("the command to run", func(r reconciler.Rollout) bool {
		return r.Phase == reconciler.PhaseProgressing && strings.Contains(r.Cause, "the release command runs")
	})
	n.answers("v1.0.0")
	if there := n.jobs(); len(there) != 1 {
		t.Errorf("%d commands are there", len(there))
	}
	n.want(n.commanding("v1.0.3", "end", "0"))
	n.await("v1.0.3", healthy)
	n.answers("v1.0.3")

	n.want(n.commanding("v1.0.0", "end", "9"))
	n.await("v1.0.0 again", healthy)
	n.answers("v1.0.0")
	if left := n.jobs(); len(left) > 0 {
		t.Errorf("a rollback ran %v", left)
	}
}

// A release command is started with the secrets of its release, also that of the first one, of which nothing else is there then.
func TestDirectGivesTheReleaseCommandItsSecrets(t *testing.T) {
	n := newNode(t)
	n.start()
	spec := n.app(shop, n.variable(shop, "ANSWER", "hunter-1"))
	spec.Release = &manifest.ReleaseCommand{Command: []string{"/app", "end", "3"}}
	failing := n.targetOf(shop, "v1.0.0", spec)
	n.want(failing)
	failed := n.await("the command to fail", func(r reconciler.Rollout) bool { return r.Phase == reconciler.PhaseFailed && r.Log != "" })
	if !strings.Contains(failed.Cause, "exit code 3") || !strings.Contains(failed.Log, "starting with hunter-1") {
		t.Errorf("it failed as %+v", failed)
	}
	first := failing.Secrets[0].Secret
	spec.Env = []manifest.EnvVar{n.variable(shop, "ANSWER", "hunter-2")}
	spec.Release = &manifest.ReleaseCommand{Command: []string{"/app", "end", "0"}}
	n.want(n.targetOf(shop, "v1.0.1", spec))
	n.await("v1.0.1", func(r reconciler.Rollout) bool { return r.Release == "v1.0.1" && healthy(r) })
	n.answers("hunter-2")
	n.eventually("the Secret of the failed release to be gone", func() error {
		if n.secrets(n.namespace("ws-1"))[first].Name != "" {
			return fmt.Errorf("%s is there", first)
		}
		return nil
	})
}

// Workers and cron jobs run from the image of the app, and no request gets to them.
func TestDirectRunsWorkersAndCronJobs(t *testing.T) {
	n := newNode(t)
	n.start()
	spec := manifest.ProjectSpec{Type: manifest.Monolithic}
	spec.Port, spec.Replicas, spec.Domain = 8080, new(1), n.host(shop)
	spec.Env = []manifest.EnvVar{{Name: "ANSWER", Value: new("v1.0.0")}}
	spec.Workers = []manifest.Worker{{Name: "mail", Command: []string{"/app", "work", "$(PORT)"}, Replicas: new(2)}}
	spec.Cron = []manifest.CronCommand{{Name: "tidy", Schedule: "* * * * *", Command: []string{"/app", "end", "0"}}}
	n.want(n.targetOf(shop, "v1.0.0", spec))
	n.await("all of it", healthy)
	n.answers("v1.0.0")
	ns := n.namespace("ws-1")
	n.eventually("one address of the service", func() error {
		list, err := n.set.DiscoveryV1().EndpointSlices(ns).List(t.Context(), metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=shop"})
		if err != nil {
			return err
		}
		if len(list.Items) != 1 || len(list.Items[0].Endpoints) != 1 {
			return fmt.Errorf("it is %v", list.Items)
		}
		return nil
	})
	pods, err := n.set.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=worker"})
	if err != nil || len(pods.Items) != 2 {
		t.Fatalf("%d workers run (%v)", len(pods.Items), err)
	}
	log, err := n.set.CoreV1().Pods(ns).GetLogs(pods.Items[0].Name, &corev1.PodLogOptions{}).DoRaw(t.Context())
	if err != nil || !strings.Contains(string(log), "running [work $(PORT)]") {
		t.Errorf("a worker prints %q (%v)", log, err)
	}
	n.eventually("a run of the cron job", func() error {
		job, err := n.set.BatchV1().CronJobs(ns).Get(t.Context(), "shop-tidy", metav1.GetOptions{})
		if err == nil && job.Status.LastSuccessfulTime == nil {
			err = fmt.Errorf("its status is %v", job.Status)
		}
		return err
	})

	spec.Workers, spec.Cron = nil, nil
	n.want(n.targetOf(shop, "v1.0.1", spec))
	n.await("v1.0.1", healthy)
	left, err := n.set.AppsV1().Deployments(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(left.Items) != 1 {
		t.Errorf("%d deployments are left (%v)", len(left.Items), err)
	}
}
