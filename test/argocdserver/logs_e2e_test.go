//go:build e2e

package argocdserver_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/test/kube"
)

// prints has the node of a cluster say what its containers print: the path of the question, after a time.
func prints(w *world) {
	w.Helper()
	kubelet := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(rw, "2026-11-28T08:00:00Z asked for %s\n", r.URL.Path)
	}))
	w.Cleanup(kubelet.Close)
	at, err := url.Parse(kubelet.URL)
	if err != nil {
		w.Fatal(err)
	}
	port, err := strconv.ParseInt(at.Port(), 10, 32)
	if err != nil {
		w.Fatal(err)
	}
	var nodes corev1.NodeList
	if err := w.admin.List(w.Context(), &nodes); err != nil || len(nodes.Items) != 1 {
		w.Fatalf("%d nodes are there, %v", len(nodes.Items), err)
	}
	node := &nodes.Items[0]
	before := node.DeepCopy()
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: at.Hostname()}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(port)
	if err := w.admin.Status().Patch(w.Context(), node, client.MergeFrom(before)); err != nil {
		w.Fatal(err)
	}
}

// log is what AppLog tells of shop.
func (w *world) log() (lines []string, err error) {
	w.Helper()
	err = w.engine.AppLog(w.Context(), shop(), reconciler.AppLogQuestion{Last: 10}, func(text string) error {
		lines = append(lines, text)
		return nil
	})
	return lines, err
}

// What pods print, and how they do, is told by a process that has only been told what is wanted, too.
func TestLogsAfterARestart(t *testing.T) {
	w := newWorld(t, kube.Start(t))
	w.needsFaults() // its node has to say what is printed
	prints(w)
	w.start()
	if _, err := w.log(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a project that nothing is wanted of it says %v", err)
	}
	w.hand("v1.0.0", kube.Runs)
	w.healthy("v1.0.0")
	for range 2 {
		lines, err := w.log()
		if err != nil || !slices.ContainsFunc(lines, func(l string) bool {
			return strings.Contains(l, "asked for /containerLogs/"+w.namespace("ws-1")+"/shop-")
		}) {
			t.Errorf("its pods print %q, %v", lines, err)
		}
		kube.Await(t, "its pods to be told", func(ctx context.Context) error {
			running, err := w.engine.Running(ctx, shop())
			if err != nil || running.Wanted != 1 || running.Ready != 1 || len(running.Pods) == 0 || running.Release != "v1.0.0" {
				return fmt.Errorf("it runs as %+v, %w", running, err)
			}
			return nil
		})
		w.stop()
		w.start()
		w.hand("v1.0.0", kube.Runs)
		w.healthy("v1.0.0")
	}
}
