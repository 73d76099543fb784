# `make` alone lists the targets. All of them but e2e need only Go, git and make.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
ACTIONLINT  := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
SBOM        := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
CRANE       := github.com/google/go-containerregistry/cmd/crane@v0.22.1
FUZZTIME    ?= 3s
# The race detector needs a C compiler; without one the tests run without it.
RACE := $(if $(shell command -v "$$(go env CC)" 2>/dev/null),-race)

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/plateform, one static binary
	CGO_ENABLED=0 go build -trimpath -o bin/plateform ./cmd/plateform

.PHONY: demo
demo: build ## play the whole story on this machine, with real Git repositories
	bin/plateform demo

.PHONY: test
test: ## run all tests with the race detector, and each fuzz target for a moment
	@$(if $(RACE),,echo "no C compiler here: the tests run without the race detector")
	go test $(RACE) -timeout 40m ./...
	@$(MAKE) --no-print-directory fuzz

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (3s)
	@.ci/fuzz $(FUZZTIME)

.PHONY: controlplane
controlplane: ## build the Kubernetes control plane of tests, unless this machine has it (minutes, once)
	go run ./test/kube/build

.PHONY: e2e
e2e: controlplane ## run the tests that need more than Go and git (buildah, podman, groovy, a control plane)
	@files=$$(grep -rlE --include='*_test.go' '^//go:build e2e$$' .); \
	if [ -z "$$files" ]; then echo "there is no test with the tag e2e"; exit 1; fi; \
	dirs=$$(echo "$$files" | xargs -n1 dirname | sort -u); \
	tests=$$(sed -nE 's/^func (Test[A-Za-z0-9_]+)\(t .*/\1/p' $$files | paste -sd'|'); \
	echo "go test -count=1 -tags e2e -run '^($$tests)$$' $$(echo $$dirs)"; \
	go test -count=1 -timeout 20m -tags e2e -run "^($$tests)$$" $$dirs

SEEDS ?= 10000
.PHONY: simulate
simulate: ## run the simulation of the whole loop for SEEDS (10000) seeds
	go test -count=1 -timeout 30m ./reconciler/loop -run '^TestSimulate$$' -simulate.seeds $(SEEDS)

.PHONY: lint
lint: ## check format, go vet, staticcheck and the workflows
	@unformatted=$$(gofmt -l $$(find . -name '*.go' -not -path './.git/*')); \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go vet -tags e2e,crash ./...
	go run $(STATICCHECK) -tags e2e,crash ./...
	go run $(ACTIONLINT) -shellcheck= -pyflakes= .github/workflows/*.yaml

.PHONY: bench
bench: ## run the benchmarks, print them and write bench.json
	go run ./test/bench $$(grep -rlE --include='*_test.go' '^func Benchmark' . | xargs -rn1 dirname | sort -u)

# The version is the tag of the commit, which the go command writes into the binary.
VERSION   ?= $(shell git describe --tags --exact-match 2>/dev/null || git rev-parse --short=10 HEAD)
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

.PHONY: release
release: ## build dist/: a binary for each platform, what is in it (SBOM), and checksums
	rm -rf dist && mkdir dist
	@set -e; for platform in $(PLATFORMS); do \
		name=plateform-$(VERSION)-$$(echo $$platform | tr / -); echo "dist/$$name"; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} go build -buildvcs=true -trimpath -o dist/$$name ./cmd/plateform; \
		go run $(SBOM) bin -json -version $(VERSION) -output dist/$$name.sbom.json dist/$$name; \
	done
	cd dist && sha256sum * > checksums.txt

.PHONY: release-image
release-image: build ## push IMAGE for linux/amd64 under the version and as latest; IMAGE_LOGIN are flags of build image
	@test -n "$(IMAGE)" || { echo "name the image repository: make release-image IMAGE=registry.example.com/plateform"; exit 1; }
	bin/plateform build image . --path cmd/plateform --destination $(IMAGE) --id $(subst .,-,$(VERSION)) \
		--commit $$(git rev-parse HEAD) --repository $$(git remote get-url origin) $(IMAGE_LOGIN)
	go run $(CRANE) tag $(IMAGE):build-$(subst .,-,$(VERSION)) $(VERSION)
	go run $(CRANE) tag $(IMAGE):build-$(subst .,-,$(VERSION)) latest

.PHONY: generate
generate: ## write again what is made from the code: schemas, examples, golden files, the table of serve.yaml
	go run ./schemas/generate
	go test -count=1 ./manifest ./reconciler/charts ./cmd/plateform ./cmd/plateform/installation ./test/examples ./reconciler/dockerfile/generate -update

.PHONY: tidy-check
tidy-check: ## check that go.mod and go.sum are what the code needs, here and in the module of the control plane
	go mod tidy -diff
	go mod verify
	cd test/controlplane && go mod tidy -diff && go mod verify
