//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// A Spring project is built from its Dockerfiles, one image a service, with the first container tool that is there.
func TestServicesFromDockerfiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	mono := shop.app
	dockerfile := "FROM scratch\nARG GREETING\nLABEL greeting=$GREETING\nCOPY greeting /greeting\nEXPOSE 9000\nENTRYPOINT [\"/greeting\"]\n"
	mono.commit("Two services", files{
		"orders/Dockerfile": dockerfile, "orders/greeting": "#!/bin/sh\necho orders\n",
		"billing/Dockerfile": dockerfile, "billing/greeting": "#!/bin/sh\necho billing\n",
	})
	shop.app, shop.spec = nil, []string{"type: spring-microservice", "source: {repository: " + mono.url + "}",
		"build: {env: [{name: GREETING, value: hello}]}", "services: [{name: orders, public: true}, {name: billing}]"}

	commit := w.add(shop)
	v := shop.runs("v1.0.0")
	shop.wantVerdict(commit, "success")
	if got := w.says(v.Services[0].Image) + ", " + w.says(v.Services[1].Image); got != "orders, billing" {
		t.Errorf("the services say %q", got)
	}
	if v.Services[0].Image.Repository != w.registry.host+"/ws-1/shop/orders" || v.Services[0].Host == "" || v.Services[1].Host != "" {
		t.Errorf("v1.0.0 is\n%s", v.text)
	}

	mono.commit("Change billing", files{"billing/greeting": "#!/bin/sh\necho bills\n"})
	two := shop.runs("v1.0.1")
	if two.Services[0].Image != v.Services[0].Image || w.says(two.Services[1].Image) != "bills" {
		t.Errorf("v1.0.1 is\n%s", two.text)
	}
}

// A Dockerfile may be outside of the path, which is its context: a push to it is built, one beside both is not.
func TestDockerfileOutsideThePath(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	mono := shop.app
	dockerfile := "FROM scratch\nCOPY greeting /greeting\nEXPOSE 9000\nENTRYPOINT [\"/greeting\"]\n"
	mono.commit("A service", files{
		"docker/orders.Dockerfile": dockerfile, "docker/other.Dockerfile": dockerfile, "services/orders/greeting": "#!/bin/sh\necho orders\n",
	})
	shop.app, shop.spec = nil, []string{"type: monolithic", "source: {repository: " + mono.url + ", path: services/orders}",
		"build: {dockerfile: ../../docker/orders.Dockerfile}"}
	w.add(shop)
	one := shop.runs("v1.0.0")
	mono.commit("Change what is beside it", files{"docker/other.Dockerfile": "FROM nothing\n", "services/billing/x": "x"})
	shop.still(one)
	mono.commit("Change the Dockerfile", files{"docker/orders.Dockerfile": strings.Replace(dockerfile, "9000", "9001", 1)})
	if two := shop.runs("v1.0.1"); two.Port != 9001 {
		t.Errorf("v1.0.1 is\n%s", two.text)
	}
	mono.commit("Change the service", files{"services/orders/greeting": "#!/bin/sh\necho more\n"})
	shop.runs("v1.0.2")
	shop.wantSays("more")
}
