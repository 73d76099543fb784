package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// One service of a module is rolled back; then somebody pushes to another service of the module. What was rolled back is built
// again, as the module is what its build reads, comes to the image that was rolled back, and stays so, also over a restart. A push
// to the package that it is compiled with ends that.
func TestAPushToAnotherServiceBringsNothingBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	mono := shop.app
	mono.commit("Make it a module of two", monorepo("one"))
	shop.app, shop.spec = nil, []string{"type: spring-microservice", "source: {repository: " + mono.bare + "}", "build: {framework: go}",
		"services: [{name: api, path: cmd/api, public: true}, {name: worker, path: cmd/worker}]"}
	w.add(shop)
	shop.runs("v1.0.0")

	mono.commit("Change the api", files{"internal/text/it.go": textFile("bad")})
	shop.runs("v1.0.1")
	shop.verdict(w.config.revert(shop.releaseCommit("v1.0.1")))
	shop.runs("v1.0.0")

	for i, words := range []string{"worker two", "worker three"} {
		push := mono.commit("Change the worker", files{"cmd/worker/main.go": program(words)})
		verdict := shop.sourceVerdict(push)
		if verdict.State != "success" || !strings.Contains(verdict.Description, "source/api") || !strings.Contains(verdict.Description, "v1.0.1 was rolled back") {
			t.Errorf("the push ended with %+v", verdict)
		}
		if got := shop.all(shop.values()); got != "one, "+words {
			t.Errorf("after it the services say %q", got)
		}
		if i == 0 {
			w.restart()
			w.isReady()
		}
	}
	w.settle()

	mono.commit("Mend the package", files{"internal/text/it.go": textFile("good")})
	w.await("the mended api to run", func() error {
		if got := shop.all(shop.values()); got != "good, worker three" {
			return fmt.Errorf("the services say %q", got)
		}
		return nil
	})
	w.settle()
}
