package e2e

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/githubserver/forge"
)

// fieldsOfValues are the texts in files of people that nobody is shown.
const fieldsOfValues = `
Project spec.env[].value
Project spec.env[].secret
Project spec.build.env[].value
Project spec.services[].env[].value
Project spec.services[].env[].secret
`

// fieldsOfNames are the texts that may be shown, as what they are for is known by them. Whoever adds a field puts it into one of the two.
const fieldsOfNames = `
Platform apiVersion
Platform kind
Platform metadata.name
Platform spec.charts.monolithic
Platform spec.defaults.resources.cpu
Platform spec.defaults.resources.memory
Platform spec.domain
Platform spec.ingress.annotations.monolithic
Platform spec.ingress.class
Platform spec.ingress.namespace
Platform spec.ingress.tlsIssuer
Platform spec.policy.admins[].github
Platform spec.policy.scan.failOn
Platform spec.registry.allow[]
Platform spec.registry.databases
Platform spec.registry.url
Platform spec.releases.publicKeys[]
Platform spec.secrets.recipients[]
Platform spec.sources.allow[]
Project apiVersion
Project kind
Project metadata.name
Project spec.backup.schedule
Project spec.build.dockerfile
Project spec.build.env[].name
Project spec.build.framework
Project spec.cron[].command[]
Project spec.cron[].name
Project spec.cron[].resources.cpu
Project spec.cron[].resources.memory
Project spec.cron[].schedule
Project spec.deletionPolicy
Project spec.domain
Project spec.engine
Project spec.env[].from.key
Project spec.env[].from.project
Project spec.env[].name
Project spec.health.path
Project spec.image
Project spec.profiles[]
Project spec.release.command[]
Project spec.resources.cpu
Project spec.resources.memory
Project spec.services[].env[].from.key
Project spec.services[].env[].from.project
Project spec.services[].env[].name
Project spec.services[].name
Project spec.services[].path
Project spec.services[].source.branch
Project spec.services[].source.path
Project spec.services[].source.repository
Project spec.services[].source.revision
Project spec.services[].source.watch[]
Project spec.source.branch
Project spec.source.path
Project spec.source.repository
Project spec.source.revision
Project spec.source.watch[]
Project spec.storage
Project spec.type
Project spec.version
Project spec.workers[].command[]
Project spec.workers[].name
Project spec.workers[].resources.cpu
Project spec.workers[].resources.memory
Workspace apiVersion
Workspace kind
Workspace metadata.name
Workspace spec.domains[]
Workspace spec.members[].github
Workspace spec.members[].role
Workspace spec.namespace
Workspace spec.owner.github
Workspace spec.podSecurity
Workspace spec.quota.cpu
Workspace spec.quota.memory
Workspace spec.quota.storage
`

// texts are all fields of the files that people write that hold a text, as the types have them.
func texts() (all []string) {
	for _, file := range []reflect.Type{reflect.TypeFor[manifest.Platform](), reflect.TypeFor[manifest.Workspace](), reflect.TypeFor[manifest.Project]()} {
		walkTexts(file, "", func(path string) { all = append(all, file.Name()+" "+path) })
	}
	slices.Sort(all)
	return all
}

func walkTexts(t reflect.Type, path string, found func(path string)) {
	switch t.Kind() {
	case reflect.Pointer:
		walkTexts(t.Elem(), path, found)
	case reflect.Slice:
		walkTexts(t.Elem(), path+"[]", found)
	case reflect.Map:
		walkTexts(t.Elem(), path+".monolithic", found) // of charts it has types of projects as its keys, of annotations any text
	case reflect.String:
		found(path)
	case reflect.Struct:
		for i := range t.NumField() {
			name, flags, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
			below := strings.TrimPrefix(path+"."+name, ".")
			if flags == "inline" {
				below = path
			}
			walkTexts(t.Field(i).Type, below, found)
		}
	}
}

// canaries are secrets, each of which names the field that it was in.
type canaries map[string]string

// in returns the canary of a field.
func (c canaries) in(field string) string {
	if c[field] == "" {
		c[field] = fmt.Sprintf("canary%dx", 1000+len(c))
	}
	return c[field]
}

// document is a file in which a field has a text, and all else is as it usually is.
func document(kind, name, path, text string, spec map[string]any) string {
	file := map[string]any{"apiVersion": manifest.APIVersion, "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec}
	set(file, strings.Split(path, "."), text)
	encoded, err := yaml.Marshal(file)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// set puts a text at a path, where [] behind a key is the first item of a list.
func set(into map[string]any, path []string, text string) {
	key, isList := strings.CutSuffix(path[0], "[]")
	var value any = text
	if len(path) > 1 {
		below, _ := into[key].(map[string]any)
		if items, ok := into[key].([]any); ok {
			below, _ = items[0].(map[string]any)
		}
		if below = maps.Clone(below); below == nil {
			below = map[string]any{}
		}
		set(below, path[1:], text)
		value = below
	}
	if isList {
		value = []any{value}
	}
	into[key] = value
}

// usual is the spec of a project for which a field means something.
func (w *world) usual(path string) map[string]any {
	variable := []any{map[string]any{"name": "GREETING"}}
	switch field, _, _ := strings.Cut(strings.TrimPrefix(path, "spec."), "."); strings.TrimSuffix(field, "[]") {
	case "engine", "version", "storage", "backup", "deletionPolicy":
		return map[string]any{"type": "database", "engine": "postgres", "version": "16", "storage": "1Gi"}
	case "profiles", "services":
		return map[string]any{"type": "spring-microservice", "source": map[string]any{"repository": w.config.bare}, "services": []any{map[string]any{"name": "api", "env": variable}}}
	case "source", "build":
		return map[string]any{"type": "monolithic", "source": map[string]any{"repository": w.config.bare}, "build": map[string]any{"framework": "go", "env": variable}}
	}
	return map[string]any{"type": "monolithic", "image": w.registry.host + "/birds/wren:1", "env": variable}
}

// fieldsIn reads a list of fields.
func fieldsIn(list string) []string { return strings.Split(strings.TrimSpace(list), "\n") }

// Each text that people can write is one that nobody is shown, or one that may be; a field that is new has to be put to one of them.
func TestEachFieldIsAValueOrAName(t *testing.T) {
	t.Parallel()
	known := append(fieldsIn(fieldsOfValues), fieldsIn(fieldsOfNames)...)
	for _, field := range texts() {
		if !slices.Contains(known, field) {
			t.Errorf("%s is in none of the two lists: may people be shown what is in it?", field)
		}
	}
	for _, field := range known {
		if !slices.Contains(texts(), field) {
			t.Errorf("%s is in a list, but in no file of people", field)
		}
	}
}

// What is in a value is never shown: on no pull request, commit or deployment of GitHub, in no note, message of a commit, log, metric or
// answer of a command, whether the project is planned, deployed, broken or rolled back. The password of a URL is shown of no field.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine = "{kind: local, listen: 127.0.0.1:0}"
	metrics := freeAddress(t)
	w.settings = append(w.settings, "api: {listen: "+metrics+"}")
	shop := w.goProject("ws-1", "shop")
	shop.app.commit("Serve", files{"main.go": webServer("one"), "api/go.mod": "module example.com/api\n\ngo 1.24\n", "api/main.go": webServer("api")})
	h := w.onGitHub(shop)
	h.install("platform-config", "plateform-gitops", "shop")
	w.registry.publish("birds/wren:1")
	w.open()
	secrets := canaries{}
	var said []string // by commands

	// Whatever is in its place.
	change := files{workspaceFile("ws-1"): workspaceYAML("ws-1", gitHubUser)}
	value := func(field string) string {
		canary := secrets.in(field)
		if strings.HasSuffix(field, ".secret") {
			secrets[field] = base64.StdEncoding.EncodeToString([]byte("age-encryption.org/v1\n" + canary + strings.Repeat("x", 30)))
			return "age:" + secrets[field]
		}
		return canary + " 'and\n  value: " + canary + `: "more`
	}
	for i, field := range fieldsIn(fieldsOfValues) {
		path := strings.TrimPrefix(field, "Project ")
		p := &project{w: w, workspace: "ws-1", name: fmt.Sprintf("p%d", i)}
		spec := w.usual(path)
		if spec["image"] == nil {
			spec["source"] = map[string]any{"repository": shop.app.url}
		} else {
			delete(spec, "image")
			spec["source"] = map[string]any{"repository": shop.app.url}
			spec["build"] = map[string]any{"framework": "go"}
		}
		change[p.file()] = document("Project", p.name, path, value(field), spec)
	}
	app := &project{w: w, workspace: "ws-1", name: "p0"}
	add := w.propose(h, "add", change)
	w.await("a plan", func() error { return h.hasCheck(add.head(), "plateform/plan") })
	add.says("ws-1/p0", "Helm values of")
	said = append(said, w.offline(add))
	added := add.merge(forge.MergeCommit)
	app.runs("v1.0.0")
	w.shows(h, "platform-config@"+added, app.context(), "success", "v1.0.0 runs")
	for i := range fieldsIn(fieldsOfValues) {
		(&project{w: w, workspace: "ws-1", name: fmt.Sprintf("p%d", i)}).verdict(added)
	}

	// A program that tells all that it knows, and ends; and one that does not compile.
	tells := shop.app.commit("Tell everything", files{"main.go": "package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nfunc main() {\n\tfmt.Fprintln(os.Stderr, os.Environ())\n\tpanic(os.Getenv(\"GREETING\"))\n}\n"})
	w.shows(h, "shop@"+tells, app.context(), "failure", "the rollout of ")
	breaks := shop.app.commit("Break it", files{"main.go": "package main\n\nfunc main() { nonsense }\n"})
	w.shows(h, "shop@"+breaks, app.context(), "failure", "build failed: ")
	out, err := w.plateform("rollback", "ws-1/p0")
	said = append(said, out, fmt.Sprint(err))
	app.runs("v1.0.0")

	// Whatever is not in its place, and a URL with a password in every field.
	w.makeMistakes(h, secrets, &said)

	for _, args := range [][]string{{"status"}, {"status", "ws-1/p0"}, {"why", "ws-1/p0"}, {"validate"}} {
		out, err := w.plateform(args...)
		said = append(said, out, fmt.Sprint(err))
	}
	w.lookFor(h, secrets, metrics, said)
	w.checkManners(h)
}

// makeMistakes proposes and merges files with mistakes in each field, and others in which a value is where it does not belong.
func (w *world) makeMistakes(h *hub, secrets canaries, said *[]string) {
	w.t.Helper()
	projects, rest := files{}, files{}
	for i, field := range texts() {
		kind, path, _ := strings.Cut(field, " ")
		text := "https://user:" + secrets.in("the URL in "+field) + "@git.example.com/shop"
		switch kind {
		case manifest.KindProject:
			p := &project{w: w, workspace: "ws-2", name: fmt.Sprintf("m%d", i)}
			projects[p.file()] = document(kind, p.name, path, text, w.usual(path))
		case manifest.KindWorkspace:
			name := fmt.Sprintf("ws-m%d", i)
			rest[workspaceFile(name)] = document(kind, name, path, text, map[string]any{"owner": map[string]any{"github": "alice", "id": gitHubUser}})
		}
	}
	for i, env := range []string{"[GREETING=%s]", "[{name: GREETING=%s}]", "%s", "[{name: A, value: *%s}]", "[{name: A, value: !%s x}]", "[{name: A, valeu: %s}]", "[{name: A, secret: %s}]"} {
		p := &project{w: w, workspace: "ws-2", name: fmt.Sprintf("e%d", i)}
		projects[p.file()] = object("Project", p.name, "type: monolithic", "image: "+w.registry.host+"/birds/wren:1", "env: "+fmt.Sprintf(env, secrets.in("env: "+env)))
	}
	projects[workspaceFile("ws-2")] = workspaceYAML("ws-2", gitHubUser)
	mistakes := w.propose(h, "mistakes", projects)
	mistakes.planned("failure")
	*said = append(*said, w.offline(mistakes))
	merged := mistakes.merge(forge.MergeCommit)
	w.shows(h, "platform-config@"+merged, "plateform/config", "failure", "")

	others := w.propose(h, "others", rest)
	others.planned("failure")
	*said = append(*said, w.offline(others))
	var proposed []*pull
	for _, field := range texts() { // one by one, and not merged: a platform.yaml that cannot be read makes all else moot
		if path, ok := strings.CutPrefix(field, manifest.KindPlatform+" "); ok {
			var platform map[string]any
			h.must(yaml.Unmarshal([]byte(w.platformYAML()), &platform))
			text := "https://user:" + secrets.in("the URL in "+field) + "@git.example.com/shop"
			proposed = append(proposed, w.propose(h, fmt.Sprint("platform-", len(proposed)), files{"platform.yaml": document(manifest.KindPlatform, "acme", path, text, platform["spec"].(map[string]any))}))
		}
	}
	for _, p := range proposed {
		p.says("plateform:card") // it comes after the checks
		*said = append(*said, w.offline(p))
	}
}

// offline is what the command says of a pull request.
func (w *world) offline(p *pull) string {
	w.t.Helper()
	w.config.git("fetch", "--quiet", "origin")
	out, err := w.plateform("plan", "--base", "origin/main", "--head", "origin/"+p.branch)
	return fmt.Sprint(out, err)
}

// hasCheck says what is missing of a check that has come out.
func (h *hub) hasCheck(commit, name string) error {
	h.t.Helper()
	for _, run := range h.checks(commit, name) {
		if run.Status == "completed" {
			return nil
		}
	}
	return fmt.Errorf("there is no %s on %s", name, commit)
}

// lookFor looks for secrets in all that anybody is shown.
func (w *world) lookFor(h *hub, secrets canaries, metrics string, said []string) {
	w.t.Helper()
	figures, err := ask("http://" + metrics + "/metrics")
	h.must(err)
	ready, err := ask(w.server.url() + "/readyz")
	h.must(err)
	shown := map[string]string{
		"what commands say": strings.Join(said, "\n"), "notes": w.config.look("log", "-p", "--format=%B", "refs/notes/plateform"),
		"messages of platform-config": w.config.look("log", "--format=%an %B", "--author=Plateform", "main"), "messages of plateform-gitops": w.gitops.look("log", "--format=%an %B", "main"),
		"metrics": figures, "readiness": ready,
	}
	log, err := os.ReadFile(w.serveLog())
	h.must(err)
	shown["the log"] = string(log)
	for _, c := range h.wrote() {
		shown["what GitHub was sent"] += c.Operation + " " + c.Sent + "\n"
	}
	for where, text := range shown {
		if text == "" {
			w.t.Errorf("%s: nothing was looked at", where)
		}
		for field, canary := range secrets {
			if at := strings.Index(text, canary); at >= 0 {
				w.t.Errorf("%s: what is in %s is shown: ...%s...", where, field, text[max(0, at-200):min(len(text), at+100)])
			}
		}
	}
}
