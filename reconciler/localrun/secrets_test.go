package localrun_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
)

// owner of all workspaces of the tests.
const owner = 7

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

func (k *keys) seal(t *testing.T, of manifest.Key, name, text string) string {
	t.Helper()
	sealed, err := secret.Seal(secret.New(text), manifest.SecretAt(of, owner, name), []string{k.recipient})
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// A secret is in the environment of the process, and nowhere on the disk.
func TestASecretIsOnNoDisk(t *testing.T) {
	w := newWorld(t)
	const text = "hunter2-canary"
	w.deploy(release{version: "v1.0.0", image: w.app(), env: map[string]string{"ANSWER": "hello"}, secrets: map[string]string{"STRIPE_KEY": text}})
	if _, said := w.get("/env?name=STRIPE_KEY"); said != text {
		t.Errorf("the program has %q", said)
	}
	err := filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), text) {
			t.Errorf("it is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.stop() // the next process opens it again, before the loop has said anything
	w.start()
	eventually(t, "the next process to run it with its secret", func() bool { _, said := w.get("/env?name=STRIPE_KEY"); return said == text })
}

// Without the key nothing with secrets runs, and what to do is said.
func TestWithoutAKeyItSaysWhichSettingIsMissing(t *testing.T) {
	w := newWorld(t)
	sealed := w.target(release{version: "v1.0.0", image: w.app(), secrets: map[string]string{"ANSWER": "hunter2"}})
	w.stop()
	w.keyless = true
	w.start()
	w.want(sealed)
	r := w.await("v1.0.0", reconciler.PhaseFailed)
	if !strings.Contains(r.Cause, "ANSWER: there is no key to open secrets with (set keys.identityFile in serve.yaml)") {
		t.Errorf("it says %q", r.Cause)
	}
}

// What another app of the workspace offers arrives as what works here: its address, its host, its port.
func TestFromAnotherApp(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	other := manifest.Key{Workspace: "ws-1", Project: "other"}
	w.want(w.target(release{key: other, version: "v1.0.0", image: image, host: "other.localhost", env: map[string]string{"ANSWER": "from other"}}))
	w.deploy(release{version: "v1.0.0", image: image, from: map[string]manifest.EnvFrom{
		"OTHER_URL": {Project: "other", Key: "url"}, "OTHER_HOST": {Project: "other", Key: "host"}, "OTHER_PORT": {Project: "other", Key: "port"},
	}})
	eventually(t, "the other app's answer", func() bool { _, said := w.get("/fetch?name=OTHER_URL"); return said == "from other" })
	_, url := w.get("/env?name=OTHER_URL")
	_, at := w.get("/env?name=OTHER_HOST")
	_, port := w.get("/env?name=OTHER_PORT")
	if at != "127.0.0.1" || url != "http://"+net.JoinHostPort(at, port) {
		t.Errorf("its url is %q, its host %q, its port %q", url, at, port)
	}
}
