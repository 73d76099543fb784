//go:build e2e

package direct_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/secrets"
)

// keys encrypt for an engine, and open.
type keys struct {
	secret.Identities
	recipient string
}

func newKeys(t *testing.T) *keys {
	t.Helper()
	file, recipient, err := secret.Generate()
	if err != nil {
		t.Fatal(err)
	}
	identities, err := secret.ParseIdentities(file)
	if err != nil {
		t.Fatal(err)
	}
	return &keys{identities, recipient}
}

// app is the spec of the tests' app with variables.
func (n *node) app(k manifest.Key, env ...manifest.EnvVar) manifest.ProjectSpec {
	spec := manifest.ProjectSpec{Type: manifest.Monolithic}
	spec.Port, spec.Replicas, spec.Domain, spec.Health = 8080, new(n.replicas), n.host(k), &manifest.Health{Path: "/health"}
	spec.Env = env
	return spec
}

// variable is one with a secret.
func (n *node) variable(k manifest.Key, name, text string) manifest.EnvVar {
	n.t.Helper()
	sealed, err := secret.Seal(secret.New(text), manifest.SecretAt(k, n.owner, name), []string{n.keys.recipient})
	if err != nil {
		n.t.Fatal(err)
	}
	return manifest.EnvVar{Name: name, Secret: sealed}
}

// sealed is a release that answers with a secret.
func (n *node) sealed(k manifest.Key, release, answer string) reconciler.Target {
	n.t.Helper()
	version, err := manifest.ParseVersion(release)
	if err != nil {
		n.t.Fatal(err)
	}
	return n.targetOf(k, version.String(), n.app(k, n.variable(k, "ANSWER", answer)))
}

// secrets are the Secrets of a namespace.
func (n *node) secrets(namespace string) map[string]corev1.Secret {
	n.t.Helper()
	list, err := n.set.CoreV1().Secrets(namespace).List(n.t.Context(), metav1.ListOptions{})
	if err != nil {
		n.t.Fatal(err)
	}
	all := map[string]corev1.Secret{}
	for _, s := range list.Items {
		all[s.Name] = s
	}
	return all
}

// Each value is a Secret of its own that never changes. The one before stays until the release that does not have it any more is
// healthy: what runs may have to be started again meanwhile. Nothing else in the cluster has what is in it.
func TestDirectAppliesSecrets(t *testing.T) {
	n := newNode(t)
	n.start()
	ns := n.namespace("ws-1")
	first, broken := n.sealed(shop, "v1.0.0", "hunter-1"), n.sealed(shop, "v1.0.1", "hunter-2")
	n.want(first)
	n.await("v1.0.0", healthy)
	one := first.Secrets[0].Secret
	if s := n.secrets(ns)[one]; string(s.Data["ANSWER"]) != "hunter-1" || s.Immutable == nil || !*s.Immutable || s.Labels["plateform.dev/project"] != "shop" {
		t.Fatalf("the Secret is %v", s.ObjectMeta)
	}
	for _, entry := range n.secrets(ns)[one].ManagedFields {
		if entry.Manager != "plateform" {
			t.Errorf("it was written by %s", entry.Manager)
		}
	}

	version, err := manifest.ParseVersion("v1.0.1")
	if err != nil {
		t.Fatal(err)
	}
	sick := n.targetOf(shop, version.String(), n.app(shop, manifest.EnvVar{Name: "ANSWER", Secret: broken.Secrets[0].Ciphertext}, manifest.EnvVar{Name: "EXIT", Value: new("3")}))
	n.want(sick)
	n.await("v1.0.1 to fail", func(r reconciler.Rollout) bool { return r.Release == "v1.0.1" && r.Phase == reconciler.PhaseFailed })
	two := sick.Secrets[0].Secret
	if now := n.secrets(ns); now[one].Name == "" || now[two].Name == "" || one == two {
		t.Errorf("while the next release fails there are %v", names(now))
	}

	version = version.Next()
	third := n.targetOf(shop, version.String(), n.app(shop, manifest.EnvVar{Name: "ANSWER", Secret: broken.Secrets[0].Ciphertext}))
	n.want(third)
	n.await("v1.0.2", func(r reconciler.Rollout) bool { return r.Release == "v1.0.2" && healthy(r) })
	n.eventually("the Secret before to be gone", func() error {
		if now := n.secrets(ns); now[one].Name != "" || now[two].Name == "" {
			return fmt.Errorf("there are %v", names(now))
		}
		return nil
	})

	n.noneShows(ns, "hunter-1", "hunter-2")
	n.want(reconciler.Target{Key: shop, Namespace: ns, Remove: true})
	n.eventually("all to be gone", func() error {
		if now := n.secrets(ns); now[two].Name != "" {
			return fmt.Errorf("there are %v", names(now))
		}
		return nil
	})
}

// noneShows looks at all else that is in a namespace, and at events, for texts.
func (n *node) noneShows(namespace string, texts ...string) {
	n.t.Helper()
	core := n.set.CoreV1()
	maps, err1 := core.ConfigMaps(namespace).List(n.t.Context(), metav1.ListOptions{})
	pods, err2 := core.Pods(namespace).List(n.t.Context(), metav1.ListOptions{})
	events, err3 := core.Events(namespace).List(n.t.Context(), metav1.ListOptions{})
	deployments, err4 := n.set.AppsV1().Deployments(namespace).List(n.t.Context(), metav1.ListOptions{})
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			n.t.Fatal(err)
		}
	}
	all, err := json.Marshal([]any{maps, pods, events, deployments})
	if err != nil {
		n.t.Fatal(err)
	}
	for _, text := range texts {
		if bytes.Contains(all, []byte(text)) {
			n.t.Errorf("%q shows somewhere in the namespace", text)
		}
	}
}

func names(secrets map[string]corev1.Secret) (all []string) {
	for name := range secrets {
		all = append(all, name)
	}
	return all
}

// A Secret that somebody deletes is made again, and what somebody changes is put back without saying what it was.
func TestDirectBringsBackASecret(t *testing.T) {
	n := newNode(t)
	n.start()
	ns := n.namespace("ws-1")
	target := n.sealed(shop, "v1.0.0", "hunter-1")
	n.want(target)
	n.await("v1.0.0", healthy)
	name := target.Secrets[0].Secret
	if err := n.set.CoreV1().Secrets(ns).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	n.stop() // the next process looks at all of it
	n.start()
	n.want(target)
	n.eventually("the Secret to be there", func() error {
		s, err := n.set.CoreV1().Secrets(ns).Get(t.Context(), name, metav1.GetOptions{})
		if err == nil && string(s.Data["ANSWER"]) != "hunter-1" {
			err = errors.New("it has another value")
		}
		return err
	})
}

// A database has a Secret with what is needed to use it, and an app of its workspace gets that with from. The same release brings the
// same to another namespace.
func TestDirectGivesADatabaseItsCredentials(t *testing.T) {
	n := newNode(t)
	n.start()
	ns := n.namespace("ws-1")
	db := manifest.Key{Workspace: "ws-1", Project: "db"}
	app := n.targetOf(shop, "v1.0.0", n.app(shop, manifest.EnvVar{Name: "ANSWER", From: &manifest.EnvFrom{Project: "db", Key: "url"}}))
	n.want(app)
	n.await("the app to wait for its database", func(r reconciler.Rollout) bool {
		return r.Phase == reconciler.PhaseProgressing && strings.Contains(r.Cause, "it waits for the database db")
	})
	n.want(n.database(db, "swordfish"))
	n.await("the app to run", healthy)
	const url = "postgres://app:swordfish@db:5432/app?sslmode=disable"
	n.eventually("the app to have the url of its database", func() error {
		if got := n.answer(t, shop); got != url {
			return fmt.Errorf("it answers %q", got)
		}
		return nil
	})
	s := n.secrets(ns)["db-credentials"]
	for key, want := range map[string]string{"url": url, "host": "db", "port": "5432", "username": "app", "password": "swordfish", "database": "app"} {
		if got := string(s.Data[key]); got != want {
			t.Errorf("its %s is %q, want %q", key, got, want)
		}
	}
	n.noneShows(ns, "swordfish")
}

// database is a release of a database with a password.
func (n *node) database(k manifest.Key, password string) reconciler.Target {
	n.t.Helper()
	spec := manifest.ProjectSpec{Type: manifest.Database}
	spec.Engine, spec.Version, spec.Storage, spec.Resources = "postgres", "16", "1Gi", manifest.Resources{CPU: "50m", Memory: "64Mi"}
	target := n.targetOf(k, "v1.0.0", spec)
	sealed, err := secret.NewCredentials("postgres", password).Seal(manifest.SecretAt(k, n.owner, ""), []string{n.keys.recipient})
	if err != nil {
		n.t.Fatal(err)
	}
	target.Secrets = secrets.Of(k, &manifest.Release{Spec: manifest.ReleaseSpec{Values: manifest.Document(target.Values), Project: spec, Credentials: sealed}})
	return target
}

// Credentials that were there before, and that somebody else made, are those that the database was begun with: they stay.
func TestDirectLeavesCredentialsOfOthers(t *testing.T) {
	n := newNode(t)
	n.start()
	ns := n.namespace("ws-1")
	db := manifest.Key{Workspace: "ws-1", Project: "db"}
	n.want(n.target(shop, "v1.0.0", nil)) // makes the namespace
	n.await("v1.0.0", healthy)
	theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "db-credentials"}, StringData: map[string]string{"password": "theirs"}}
	if _, err := n.set.CoreV1().Secrets(ns).Create(t.Context(), theirs, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	n.want(n.database(db, "swordfish"))
	n.eventually("the database to be applied", func() error {
		_, err := n.set.AppsV1().StatefulSets(ns).Get(t.Context(), "db", metav1.GetOptions{})
		return err
	})
	if got := string(n.secrets(ns)["db-credentials"].Data["password"]); got != "theirs" {
		t.Errorf("the password is %q now", got)
	}
	n.want(reconciler.Target{Key: db, Namespace: ns, Remove: true})
	n.eventually("the database to be gone", func() error {
		rollouts, err := n.engine.Rollouts(t.Context(), []manifest.Key{db})
		if _, there := rollouts[db]; there {
			err = errors.New("it is there")
		}
		return err
	})
	if got := string(n.secrets(ns)["db-credentials"].Data["password"]); got != "theirs" {
		t.Errorf("with the database it went: %q", got)
	}
}
