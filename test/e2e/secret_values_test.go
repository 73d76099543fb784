package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
)

// vault is the key of an installation.
type vault struct {
	w          *world
	file       string
	identities secret.Identities
	recipient  string
}

// newVault makes a key in a file.
func (w *world) newVault(name string) *vault {
	w.t.Helper()
	text, recipient, err := secret.Generate()
	if err != nil {
		w.t.Fatal(err)
	}
	identities, err := secret.ParseIdentities(text)
	if err != nil {
		w.t.Fatal(err)
	}
	v := &vault{w: w, file: filepath.Join(w.dir, name), identities: identities, recipient: recipient}
	if err := os.WriteFile(v.file, text, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return v
}

// encrypt encrypts a value as people do.
func (w *world) encrypt(at, value string) string {
	w.t.Helper()
	w.config.pull()
	cmd := command(w.config.work, os.Getenv(binaryVariable), "secret", "encrypt", at)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(value+"\n"), &said
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("%v: %s", err, said.String())
	}
	return strings.TrimSpace(string(out))
}

// hashServer is a program that answers with a hash of what TOKEN is, and never prints it.
const hashServer = `package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "%x", sha256.Sum256([]byte(os.Getenv("TOKEN")))) })
	fmt.Println(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
`

func hashOf(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// A secret reaches the program that it is for and nobody else, whatever is released, rolled back, crashes or is lost; and keys can be
// changed.
func TestASecretReachesItsApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine = "{kind: local, listen: 127.0.0.1:0}"
	key := w.newVault("age.key")
	w.platform = []string{"secrets: {recipients: [" + key.recipient + "]}"}
	w.settings = []string{"keys: {identityFile: " + key.file + "}"}
	w.open()
	shop := &live{w.goProject("ws-1", "shop"), "shop-ws-1.apps.example.com"}
	shop.app.commit("Serve", files{"main.go": hashServer})
	w.config.commit("Add ws-1", files{workspaceFile("ws-1"): workspaceYAML("ws-1", 1001)})
	const first, second = "hunter-canary-1", "hunter-canary-2"
	one, two := w.encrypt("ws-1/shop/TOKEN", first), w.encrypt("ws-1/shop/TOKEN", second)
	variable := func(ciphertext string) string { return `env: [{name: TOKEN, secret: "` + ciphertext + `"}]` }

	shop.spec = []string{variable(one)}
	w.add(shop.project)
	shop.answers(hashOf(first))
	shop.spec = nil
	shop.edit(variable(two))
	shop.answers(hashOf(second))
	w.settle()
	shop.revert("v1.0.1")
	shop.answers(hashOf(first))
	w.crash()
	shop.answers(hashOf(first))
	w.stop()
	w.loseData()
	w.start()
	shop.answers(hashOf(first))

	// Copied to another project it is refused, in the file and the line where it was written.
	w.registry.publish("birds/wren:1")
	thief := w.imageProject("ws-1", "thief", "birds/wren:1")
	thief.spec = append(thief.spec, "env:", "  - {name: PLAIN, value: a}", `  - {name: TOKEN, secret: "`+one+`"}`)
	copied := w.add(thief)
	if v := thief.verdict(copied); v.State != "failure" || !regexp.MustCompile(`thief/project.yaml:9:\d+: "TOKEN": the secret was encrypted for another project`).MatchString(v.Description) {
		t.Errorf("of a copied ciphertext it says %+v", v)
	}
	if w.config.read(thief.releaseFile("v1.0.0")) != "" {
		t.Error("it was released all the same")
	}

	w.config.commit("Take the copy away", files{thief.file(): ""})
	w.changesKeys(shop, key, first)
	w.nothingShows(map[string]string{"the first value": first, "the second value": second})
}

// changesKeys changes the key with two of them, and finds that releases from before still run.
func (w *world) changesKeys(shop *live, old *vault, value string) {
	w.t.Helper()
	next := w.newVault("next.key")
	both := filepath.Join(w.dir, "both.key")
	var text []byte
	for _, v := range []*vault{next, old} {
		one, err := os.ReadFile(v.file)
		if err != nil {
			w.t.Fatal(err)
		}
		text = append(text, one...)
	}
	if err := os.WriteFile(old.file, text, 0o600); err != nil { // while serve runs
		w.t.Fatal(err)
	}
	if err := os.WriteFile(both, text, 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.platform = []string{"secrets: {recipients: [" + next.recipient + "]}"}
	w.config.commit("Change the key", files{"platform.yaml": w.platformYAML()})
	w.settle()
	w.config.pull()
	if out, err := run1(w.config.work, nil, os.Getenv(binaryVariable), "secret", "rotate", "--identity", both); err != nil || !strings.Contains(out, "Encrypted anew: ") {
		w.t.Fatalf("rotate says %s, %v", out, err)
	}
	data, err := os.ReadFile(filepath.Join(w.config.work, shop.file()))
	if err != nil {
		w.t.Fatal(err)
	}
	sealed := regexp.MustCompile(`age:[A-Za-z0-9+/=]+`).FindString(string(data))
	if got, err := next.identities.Open(sealed, secret.Binding{Workspace: "ws-1", Owner: 1001, Project: "shop", Name: "TOKEN"}); err != nil || got.Reveal() == "" {
		w.t.Errorf("what was encrypted anew: %v", err)
	}
	w.config.git("checkout", "--", ".")
	w.config.commit("Encrypt anew", files{shop.file(): string(data)})
	w.settle()
	shop.answers(hashOf("hunter-canary-2")) // what the file says, which the rollback had held at another value
	shop.revert("v1.0.2")
	shop.answers(hashOf(value)) // encrypted for the old key
}

// nothingShows looks for values in all objects of both repositories, in what serve has on its disk, and in what it printed.
func (w *world) nothingShows(values map[string]string) {
	w.t.Helper()
	places := map[string]string{}
	for name, r := range map[string]*repo{"platform-config": w.config, "plateform-gitops": w.gitops} {
		cmd := command(r.bare, "git", "cat-file", "--batch", "--batch-all-objects")
		out, err := cmd.Output()
		if err != nil {
			w.t.Fatal(err)
		}
		places[name] = string(out)
	}
	err := filepath.WalkDir(filepath.Join(w.dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // it may go at any time
		}
		if content, err := os.ReadFile(path); err == nil {
			places[path] = string(content)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	log, err := os.ReadFile(w.serveLog())
	if err != nil {
		w.t.Fatal(err)
	}
	places["the log"] = string(log)
	for _, args := range [][]string{{"status"}, {"status", "--output", "json"}, {"why", "ws-1/shop"}, {"validate"}, {"plan", "--base", "HEAD~3", "--output", "json"}} {
		out, err := w.plateform(args...)
		places["plateform "+strings.Join(args, " ")] = fmt.Sprint(out, err)
	}
	for place, text := range places {
		for name, value := range values {
			if strings.Contains(text, value) {
				w.t.Errorf("%s is in %s", name, place)
			}
		}
	}
}

// The credentials of a database are made with its first release, and are the same ever after: for later releases, after the first one is
// rolled back, and when the project is deleted and added again, as its data are.
func TestCredentialsOfADatabaseStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.newVault("age.key")
	w.settings = []string{"keys: {identityFile: " + key.file + "}"}
	w.open()
	db := &project{w: w, workspace: "ws-1", name: "db", spec: []string{"type: database", "engine: postgres", `version: "16"`, "storage: 1Gi"}}
	w.add(db)
	db.runs("v1.0.0")
	if made := db.release("v1.0.0"); made.Spec.Credentials != "" {
		t.Fatal("there are credentials, although nobody is named to encrypt them for")
	}
	w.platform = []string{"secrets: {recipients: [" + key.recipient + "]}"}
	w.config.commit("Name a recipient", files{"platform.yaml": w.platformYAML()})
	db.runs("v1.0.1")
	password := db.password("v1.0.1", key)

	db.edit("resources: {memory: 300Mi}")
	db.runs("v1.0.2")
	if got := db.password("v1.0.2", key); got != password {
		t.Error("the next release has another password")
	}
	w.settle()
	db.revert("v1.0.2")
	db.runs("v1.0.1")
	w.settle()
	w.config.commit("Delete it", files{db.file(): "", db.releaseFile("v1.0.0"): "", db.releaseFile("v1.0.1"): ""})
	w.settle()
	w.restart()
	w.add(db)
	db.runs("v1.0.3")
	if got := db.password("v1.0.3", key); got != password {
		t.Error("added again it has another password than its data")
	}
	w.nothingShows(map[string]string{"the password": password})
}

// release is a release of the project as its file says.
func (p *project) release(version string) *manifest.Release {
	p.w.t.Helper()
	r, problems := manifest.ParseRelease(p.releaseFile(version), []byte(p.w.config.read(p.releaseFile(version))))
	if len(problems) > 0 {
		p.w.t.Fatal(problems)
	}
	return r
}

// password is that of a release of a database.
func (p *project) password(version string, key *vault) string {
	p.w.t.Helper()
	c, err := secret.OpenCredentials(p.release(version).Spec.Credentials, secret.Binding{Workspace: p.workspace, Owner: 1001, Project: p.name}, key.identities)
	if err != nil {
		p.w.t.Fatal(err)
	}
	return c.Password.Reveal()
}
