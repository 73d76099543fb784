package e2e

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is how long a story waits for what must come. Nothing depends on how long it takes.
const patience = 90 * time.Second

// world is one installation: a config repository with its platform.yaml, an empty GitOps repository, a registry, and
// serve once it is started.
type world struct {
	t              *testing.T
	dir            string
	config, gitops *repo
	registry       *registry
	sources        []string // patterns of allowed sources beyond those on disk
	images         []string // patterns of allowed images beyond those that the stories publish
	domain         string   // of the platform
	databases      string   // where images of databases are; the usual place when empty
	platform       []string // lines of platform.yaml's spec beyond the usual
	settings       []string // lines of serve.yaml beyond the usual
	poll           string   // how often serve looks without a hint; all the time when empty
	engine         string   // that of serve.yaml; none when empty
	builder        string   // that of serve.yaml; this machine when empty
	forge          string   // kind of it in serve.yaml; git when empty
	login          string   // how serve logs in to both repositories
	embedded       string   // address of a registry inside serve that images go to; empty for the one beside it
	server         *server
	canaries       int
	deliveries     int
	rivals         int // how many more serves were started on the same repositories
	readers        int // how many times logs were followed
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dependOnSources(t)
	w := &world{t: t, dir: t.TempDir(), registry: newRegistry(t), domain: "apps.example.com"}
	w.config = newRepo(t, w.dir, "platform-config")
	w.gitops = newRepo(t, w.dir, "plateform-gitops")
	t.Cleanup(func() {
		if t.Failed() {
			w.tell()
			return
		}
		w.checkInvariants()
	})
	return w
}

// open commits platform.yaml and starts serve.
func (w *world) open() *world {
	w.t.Helper()
	w.setUp()
	w.start()
	return w
}

// setUp commits platform.yaml.
func (w *world) setUp() {
	w.t.Helper()
	w.config.commit("Set up the platform", files{"platform.yaml": w.platformYAML()})
}

func (w *world) platformYAML() string {
	databases := ""
	if w.databases != "" {
		databases = ", databases: " + w.databases
	}
	spec := append([]string{
		"domain: " + w.domain,
		"registry: {url: " + cmp.Or(w.embedded, w.registry.host) + databases + `, allow: ["` + strings.Join(append(w.images, w.registry.host+"/birds/*"), `", "`) + `"]}`,
		`sources: {allow: ["` + strings.Join(append(w.sources, w.dir+"/*"), `", "`) + `"]}`,
	}, w.platform...)
	return object("Platform", "acme", spec...)
}

// start runs serve on the two repositories.
func (w *world) start() {
	w.t.Helper()
	w.server = startServer(w.t, w.writeSettings(), w.serveLog())
}

// serveLog is where serve logs to.
func (w *world) serveLog() string { return filepath.Join(w.dir, "serve.log") }

// writeSettings writes serve.yaml.
func (w *world) writeSettings() string {
	w.t.Helper()
	settings := append([]string{
		"config: {url: " + w.config.url + ", branch: main" + w.login + "}",
		"gitops: {url: " + w.gitops.url + ", branch: main" + w.login + "}",
		"listen: 127.0.0.1:0",
		"dataDir: " + filepath.Join(w.dir, "data"),
		"forge: {kind: " + cmp.Or(w.forge, "git") + ", poll: " + cmp.Or(w.poll, "200ms") + "}",
		"builder: " + cmp.Or(w.builder, "{kind: local}"),
		w.registrySettings(),
		"engine: " + cmp.Or(w.engine, "{kind: none}"),
	}, w.settings...)
	path := filepath.Join(w.dir, "serve.yaml")
	if err := os.WriteFile(path, []byte(strings.Join(settings, "\n")+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) registrySettings() string {
	if w.embedded != "" {
		return "registry: {kind: embedded, listen: '" + w.embedded + "'}"
	}
	if w.registry.scanner != nil {
		return "registry: {kind: harbor, insecure: true" + w.registry.logins + "}"
	}
	return "registry: {insecure: true" + w.registry.logins + "}"
}

func (w *world) stop() {
	w.t.Helper()
	w.server.terminate(w.t)
	w.server = nil
}

func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start()
}

// crash ends serve without warning and starts it again.
func (w *world) crash() {
	w.t.Helper()
	w.server.kill()
	w.start()
}

// loseData removes what serve keeps on its disk, which must be no loss.
func (w *world) loseData() {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.dir, "data")); err != nil {
		w.t.Fatal(err)
	}
}

// plateform runs a command of the binary in a fresh pull of Alice's checkout of the config repository.
func (w *world) plateform(args ...string) (string, error) {
	w.t.Helper()
	w.config.pull()
	return run1(w.config.work, nil, os.Getenv(binaryVariable), args...)
}

// retryCommit is the newest commit that asks for a retry.
func (w *world) retryCommit() string {
	w.t.Helper()
	found := lines(w.config.look("log", "--grep=^Plateform-Retry:", "--format=%H", "main"))
	if len(found) == 0 {
		w.t.Fatal("no commit asks for a retry")
	}
	return found[0]
}

// await waits until a condition holds; the condition's error says what is missing. It looks again when a branch has
// moved, and now and then in any case.
func (w *world) await(what string, condition func() error) {
	w.t.Helper()
	const glance, atLeast = 20 * time.Millisecond, 25
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	deadline := time.After(patience)
	seen, glances := "", 0
	for {
		if refs := w.config.refs() + w.gitops.refs(); refs != seen || glances%atLeast == 0 {
			seen = refs
			err := condition()
			if err == nil {
				return
			}
			select {
			case <-deadline:
				w.t.Fatalf("waited %v for %s: %v", patience, what, err)
			default:
			}
		}
		if w.server != nil {
			if err := w.server.ended(); err != nil {
				w.t.Fatalf("while waiting for %s: %v", what, err)
			}
		}
		glances++
		<-ticker.C
	}
}

// settle lets everything that was to come of what happened so far come: a canary, a project that has nothing to do with
// the story, is sent through the loop, and no run is left open.
func (w *world) settle() {
	w.t.Helper()
	w.settleBut(nil)
}

// settleBut is settle for a story in which runs of one project are meant to stay open.
func (w *world) settleBut(busy *project) {
	w.t.Helper()
	w.sendCanary()
	w.await("all runs to end", func() error {
		for commit, reports := range w.notes() {
			for _, run := range unfinished(reports) {
				if busy == nil || run.Context != busy.context() {
					return fmt.Errorf("%s is still %s on %s", run.Context, run.Stage, commit)
				}
			}
		}
		return nil
	})
}

// sendCanary changes an unrelated project and waits until the change is through.
func (w *world) sendCanary() {
	w.t.Helper()
	w.canaries++
	round := fmt.Sprint(w.canaries)
	canary := &project{w: w, workspace: "canary", name: "canary"}
	change := files{canary.file(): object("Project", canary.name, "type: monolithic",
		"image: "+w.registry.host+"/birds/canary:1", `env: [{name: ROUND, value: "`+round+`"}]`)}
	if w.canaries == 1 {
		w.registry.publish("birds/canary:1")
		change[workspaceFile("canary")] = workspaceYAML("canary", 7)
	}
	commit := w.config.commit("Send canary "+round, change)
	w.await("canary "+round, func() error {
		if got := canary.values().env("ROUND"); got != round {
			return fmt.Errorf("it is at %q", got)
		}
		return nil
	})
	canary.verdict(commit)
}

// tell prints what a reader of a failed test wants to see.
func (w *world) tell() {
	for _, r := range []*repo{w.config, w.gitops} {
		w.t.Logf("%s:\n%s", filepath.Base(r.bare), r.look("log", "--stat", "--format=%h %an: %s", "-30", "main"))
	}
	for commit, reports := range w.notes() {
		for _, r := range reports {
			w.t.Logf("note on %.7s: %s %s %s source=%.7s %s", commit, r.Context, r.State, r.Stage, r.Source, r.Description)
		}
	}
	if b, err := os.ReadFile(w.serveLog()); err == nil {
		const most = 8000
		w.t.Logf("the end of serve's log:\n%s", b[max(0, len(b)-most):])
	}
}

// object writes a file of the config repository.
func object(kind, name string, spec ...string) string {
	return "apiVersion: plateform.dev/v1\nkind: " + kind + "\nmetadata: {name: " + name + "}\nspec:\n  " +
		strings.Join(spec, "\n  ") + "\n"
}

func workspaceFile(workspace string) string { return "workspaces/" + workspace + "/workspace.yaml" }

func workspaceYAML(name string, owner int64) string {
	return object("Workspace", name, fmt.Sprintf("owner: {github: alice, id: %d}", owner))
}
