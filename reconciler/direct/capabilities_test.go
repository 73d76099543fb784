package direct

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"
)

// What a cluster speaks is asked again once in a while, and when a kind is not known; what is still the same is the same.
func TestWhatAClusterSpeaksIsAskedAgain(t *testing.T) {
	groups := []string{"apps"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var answer any
		switch r.URL.Path {
		case "/version":
			answer = version.Info{GitVersion: "v1.35.4", Major: "1", Minor: "35"}
		case "/apis":
			list := metav1.APIGroupList{}
			for _, name := range groups {
				v := metav1.GroupVersionForDiscovery{GroupVersion: name + "/v1", Version: "v1"}
				list.Groups = append(list.Groups, metav1.APIGroup{Name: name, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v})
			}
			answer = list
		default:
			answer = metav1.APIVersions{Versions: []string{"v1"}}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	c, err := newCluster(&rest.Config{Host: server.URL}, time.Minute, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	r := newRenderer(Options{Times: Times{Drift: time.Minute}, Clock: func() time.Time { return now }}, c)
	speaks := func(group string, want bool) {
		t.Helper()
		got, err := r.capabilities(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.APIVersions.Has(group) != want {
			t.Errorf("it speaks %v", got.APIVersions)
		}
	}
	speaks("apps/v1", true)
	before := r.speaks
	now = now.Add(time.Hour)
	if speaks("apps/v1", true); r.speaks != before {
		t.Error("what is still the same counts as something new")
	}

	groups = append(groups, "cert-manager.io")
	now = now.Add(59 * time.Second)
	speaks("cert-manager.io/v1", false)
	now = now.Add(time.Second)
	speaks("cert-manager.io/v1", true)

	groups = append(groups, "monitoring.coreos.com")
	speaks("monitoring.coreos.com/v1", false)
	r.outdated()
	speaks("monitoring.coreos.com/v1", true)

	groups = slices.Delete(groups, 1, 2)
	r.outdated()
	speaks("cert-manager.io/v1", false)
}
