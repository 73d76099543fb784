package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// services makes a project of three services of one repository: billing, gateway and web.
func (w *world) services() (shop *project, mono *repo) {
	w.t.Helper()
	shop = w.goProject("ws-1", "shop")
	mono = shop.app
	first := files{}
	for _, service := range []string{"billing", "gateway", "web"} {
		first[service+"/go.mod"] = "module example.com/" + service + "\n\ngo 1.24\n"
		first[service+"/main.go"] = program(service + " one")
	}
	mono.commit("Three services", first)
	shop.app, shop.spec = nil, []string{"type: spring-microservice", "source: {repository: " + mono.bare + "}", "build: {framework: go}",
		"services: [{name: billing}, {name: gateway, public: true}, {name: web}]"}
	w.add(shop)
	shop.runs("v1.0.0")
	w.settle()
	return shop, mono
}

// all is what the services of a release say.
func (p *project) all(v values) string {
	var said []string
	for _, service := range v.Services {
		said = append(said, p.w.says(service.Image))
	}
	return strings.Join(said, ", ")
}

// status is what the command says of a project.
func (p *project) status() string {
	p.w.t.Helper()
	out, _ := p.w.plateform("status", p.workspace+"/"+p.name, "--config-repo", p.w.config.bare, "--gitops-repo", p.w.gitops.bare)
	return out
}

// One commit changes gateway and breaks billing. Only billing is held, and its commit is red for it; gateway waits, and goes out
// with the next commit, whichever that is.
func TestWhatCameAlongWithABrokenService(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		next files
		want string
		ends string
	}{
		"billing is mended":         {files{"billing/main.go": program("billing two")}, "billing two, gateway two, web one", "success"},
		"billing is brought back":   {files{"billing/main.go": program("billing one")}, "billing one, gateway two, web one", "success"},
		"another service changes":   {files{"web/main.go": program("web two")}, "billing one, gateway two, web two", "success"},
		"billing is broken anew":    {files{"billing/main.go": broken + "\n// again\n"}, "billing one, gateway two, web one", "failure"},
		"none of them is touched":   {files{"README.md": "Three services.\n"}, "billing one, gateway two, web one", "success"},
		"gateway changes once more": {files{"gateway/main.go": program("gateway three")}, "billing one, gateway three, web one", "success"},
	}
	for name, test := range tests {
		for _, between := range []string{"", "a restart", "a lost GitOps"} {
			if between != "" && test.ends != "success" {
				continue
			}
			t.Run(strings.TrimSpace(name+" "+between), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t).open()
				shop, mono := w.services()
				bad := mono.commit("Change gateway, break billing", files{"gateway/main.go": program("gateway two"), "billing/main.go": broken})
				verdict := shop.sourceVerdict(bad)
				if verdict.State != "failure" || !strings.Contains(verdict.Description, "billing: ") || !strings.Contains(verdict.Description, "source/gateway came along and waits") {
					t.Errorf("the commit that breaks billing ended with %+v", verdict)
				}
				w.settle()
				shop.wantReleases("v1.0.0")
				out := shop.status()
				if !strings.Contains(out, fmt.Sprintf("source/billing at commit %.10s did not build", bad)) ||
					!strings.Contains(out, fmt.Sprintf("source/gateway at commit %.10s waits: it came with source/billing, which did not build", bad)) {
					t.Errorf("status says\n%s", out)
				}
				switch between {
				case "a restart":
					w.restart()
				case "a lost GitOps":
					w.loseGitOps()
				}
				w.settle()
				shop.wantReleases("v1.0.0")

				next := mono.commit("The next commit", test.next)
				if got := shop.all(shop.runs("v1.0.1")); got != test.want {
					t.Errorf("v1.0.1 says %q, want %q", got, test.want)
				}
				if verdict := shop.sourceVerdict(next); verdict.State != test.ends {
					t.Errorf("the next commit ended with %+v", verdict)
				}
				w.settle()
				shop.wantReleases("v1.0.0", "v1.0.1")
				if strings.Contains(shop.run(), "reason: waiting") || strings.Contains(shop.status(), "gateway at commit") {
					t.Errorf("gateway runs and is still held:\n%s\n%s", shop.run(), shop.status())
				}
			})
		}
	}
}

// A service stays behind because it did not build, and another goes out with the next push: the green word says so.
func TestAGreenWordTellsWhatStaysBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop, mono := w.services()
	shop.sourceVerdict(mono.commit("Break billing", files{"billing/main.go": broken}))
	next := mono.commit("Change web", files{"web/main.go": program("web two")})
	shop.runs("v1.0.1")
	if verdict := shop.sourceVerdict(next); verdict.State != "success" || !strings.Contains(verdict.Description, "source/billing") ||
		!strings.Contains(verdict.Description, "its build failed") || strings.Contains(verdict.Description, "gateway") {
		t.Errorf("the push ended with %+v", verdict)
	}
}

// Two services break at once: each is told with its own reason, and a retry after nothing changed tells them again.
func TestTwoServicesBreakAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop, mono := w.services()
	bad := mono.commit("Break two of three", files{
		"billing/main.go": broken, "gateway/main.go": program("gateway two"), "web/main.go": "package main\n\nfunc main() { openWindow() }\n",
	})
	shop.sourceVerdict(bad)
	w.settle()
	mono.commit("Mend billing", files{"billing/main.go": program("billing two")})
	w.await("what can go out to go out", func() error {
		if got := shop.values(); got.Release != "v1.0.1" {
			return fmt.Errorf("%s runs", got.Release)
		}
		return nil
	})
	if got := shop.all(shop.values()); got != "billing two, gateway two, web one" {
		t.Errorf("v1.0.1 says %q", got)
	}
	w.settle()
	if out := shop.status(); !strings.Contains(out, "source/web") || strings.Contains(out, "source/billing at") {
		t.Errorf("status says\n%s", out)
	}

	shop.retry()
	if verdict := shop.verdict(w.retryCommit()); verdict.State != "failure" || !strings.Contains(verdict.Description, "web: ") {
		t.Errorf("the retry ended with %+v", verdict)
	}
	w.settle()
	shop.wantReleases("v1.0.0", "v1.0.1")
}
