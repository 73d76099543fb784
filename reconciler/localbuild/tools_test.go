package localbuild_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/detect"
	"github.com/plateform/plateform/reconciler/localbuild"
	"github.com/plateform/plateform/test/ociregistry"
)

// toolbox is a search path with stand-ins for container tools that note how they are called.
type toolbox struct {
	dir string
	// image is the archive that they deliver.
	image v1.Image
}

func newToolbox(t *testing.T) *toolbox {
	t.Helper()
	b := &toolbox{dir: t.TempDir()}
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	b.image, err = mutate.Config(image, v1.Config{
		ExposedPorts: map[string]struct{}{"9000/tcp": {}},
		Labels:       map[string]string{"maintainer": "alice", "dev.plateform.build": "forged"},
	})
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("localhost/plateform-build:one")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(filepath.Join(b.dir, "image.tar"), tag, b.image); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"sed", "cp", "env"} { // all that the scripts need, and no real container tool
		path, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(b.dir, program)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", b.dir)
	t.Setenv("PLATEFORM_TOKEN", "hunter2")
	return b
}

// add puts a tool there. Its body sees the arguments; deliver FILE writes the image, and what it says goes to the log.
func (b *toolbox) add(t *testing.T, tool, body string) {
	t.Helper()
	if tool == "docker" && !strings.Contains(body, "buildx") { // as one without that plugin
		body = "[ \"$1\" != buildx ] || { echo \"docker: 'buildx' is not a docker command\" >&2; exit 1; }\n" + body
	}
	script := "#!/bin/sh\nhere=" + b.dir + "\necho " + tool + " \"$@\" >> $here/calls\nenv >> $here/environment\n" +
		"deliver() { cp $here/image.tar \"$1\"; }\n" + body
	if err := os.WriteFile(filepath.Join(b.dir, tool), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
}

func (b *toolbox) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Bodies of tools. Those that work find the file to write among their arguments.
const (
	broken   = "echo 'Cannot connect to the daemon' >&2; exit 1\n"
	buildctl = `to=$(echo "$*" | sed -n 's/.*dest=\([^ ]*\).*/\1/p'); [ -z "$to" ] || deliver "$to"` + "\n"
	buildah  = `to=$(echo "$*" | sed -n 's/.*docker-archive:\([^ ]*\).*/\1/p'); [ -z "$to" ] || deliver "$to"` + "\n"
	docker   = `to=$(echo "$*" | sed -n 's/.*save -o \([^ ]*\).*/\1/p'); [ -z "$to" ] || deliver "$to"` + "\n"
	buildx   = docker + "[ \"$1\" != build ] # not without buildx\n"
	failing  = `case "$*" in *" -f "*) echo 'Step 2/3 : RUN make'; echo 'make: no rule' >&2; exit 2 ;; esac` + "\n"
)

func followDockerfile(t *testing.T, dockerfile string) (v1.Image, detect.Detection, string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "source")
	writeFiles(t, dir, map[string]string{"Dockerfile": dockerfile})
	src := localbuild.Source{Root: dir}
	d, err := localbuild.Detect(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	steps := localbuild.Steps{Name: "one", Work: t.TempDir(), Cache: t.TempDir(), Log: &log}
	image, d, err := steps.Build(t.Context(), src, d, []manifest.BuildVar{{Name: "GREETING", Value: "hi there"}})
	return image, d, log.String(), err
}

func TestTheFirstToolThatWorksIsTaken(t *testing.T) {
	tests := []struct {
		name  string
		tools map[string]string
		want  string
	}{
		{"buildctl before all", map[string]string{"buildctl": buildctl, "buildah": buildah, "docker": docker, "podman": docker}, "buildctl"},
		{"no buildkit daemon", map[string]string{"buildctl": broken, "buildah": buildah, "docker": docker}, "buildah"},
		{"buildkit in docker", map[string]string{"buildctl": broken, "docker": buildx, "buildah": buildah, "podman": docker}, "docker buildx"},
		{"docker", map[string]string{"docker": docker, "podman": docker}, "docker"},
		{"no docker daemon", map[string]string{"docker": broken, "podman": docker}, "podman"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newToolbox(t)
			for tool, body := range tt.tools {
				b.add(t, tool, body)
			}
			image, d, _, err := followDockerfile(t, "FROM scratch\n")
			if err != nil {
				t.Fatal(err)
			}
			got, err := image.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if want, err := b.image.Digest(); err != nil || got != want {
				t.Errorf("digest %s, want %s (%v)", got, want, err)
			}
			if d.Port != 9000 || d.Framework != "dockerfile" {
				t.Errorf("detected %+v, want the port of the built image", d)
			}
			steps := localbuild.Steps{Work: t.TempDir(), Cache: t.TempDir()}
			if tool, _, err := steps.Tool(t.Context()); err != nil || tool != tt.want {
				t.Errorf("Tool says %q, %v; want %s", tool, err, tt.want)
			}
			calls := b.read(t, "calls")
			last := strings.Fields(calls[strings.LastIndex(strings.TrimSpace(calls), "\n")+1:])
			if program, _, _ := strings.Cut(tt.want, " "); last[0] != program {
				t.Errorf("the last tool called is %s, want %s:\n%s", last[0], tt.want, calls)
			}
			if !strings.Contains(calls, "GREETING=hi there") {
				t.Errorf("the build environment is not handed on:\n%s", calls)
			}
			if strings.Contains(b.read(t, "environment"), "hunter2") {
				t.Error("the tools see this process's environment")
			}
		})
	}
}

func TestWhenNoToolWorks(t *testing.T) {
	newToolbox(t).add(t, "docker", broken)
	_, _, _, err := followDockerfile(t, "FROM scratch\n")
	for _, part := range []string{"buildah is not installed", "docker: Cannot connect to the daemon", "install buildah"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v does not say %q", err, part)
		}
	}
}

func TestADockerfileThatDoesNotBuild(t *testing.T) {
	b := newToolbox(t)
	b.add(t, "docker", failing)
	_, _, log, err := followDockerfile(t, "FROM scratch\nRUN make\n")
	if err == nil || err.Error() != "the Dockerfile does not build: make: no rule" {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(log, "Step 2/3 : RUN make") {
		t.Errorf("the log lacks what the tool said: %q", log)
	}
	if calls := b.read(t, "calls"); strings.Contains(calls, "save") || !strings.Contains(calls, "docker image rm localhost/plateform-build:one") {
		t.Errorf("after a failure the image is removed, and nothing else is done:\n%s", calls)
	}
}

// What the tools that have BuildKit are called with, word for word: nothing of the source or its settings is an option or read by a shell.
func TestHowBuildKitIsCalled(t *testing.T) {
	for tool, want := range map[string][]string{
		"buildctl": {
			"debug workers",
			"build --frontend dockerfile.v0 --progress plain --local context=SOURCE --local dockerfile=SOURCE --opt filename=Dockerfile " +
				"--output type=docker,name=localhost/plateform-build:one,dest=WORK/image.tar --opt build-arg:GREETING=--x $(touch pwned) `id`",
		},
		"docker": {
			"buildx inspect --bootstrap",
			"buildx build --load --progress plain --build-arg GREETING=--x $(touch pwned) `id` -t localhost/plateform-build:one -f SOURCE/Dockerfile SOURCE",
			"save -o WORK/image.tar localhost/plateform-build:one",
			"image rm localhost/plateform-build:one",
		},
	} {
		t.Run(tool, func(t *testing.T) {
			b := newToolbox(t)
			b.add(t, tool, map[string]string{"buildctl": buildctl, "docker": buildx}[tool])
			dir := filepath.Join(t.TempDir(), "source")
			writeFiles(t, dir, map[string]string{"Dockerfile": "FROM scratch\n"})
			src := localbuild.Source{Root: dir}
			d, err := localbuild.Detect(src, nil)
			if err != nil {
				t.Fatal(err)
			}
			steps := localbuild.Steps{Name: "one", Work: t.TempDir(), Cache: t.TempDir()}
			if _, _, err := steps.Build(t.Context(), src, d, []manifest.BuildVar{{Name: "GREETING", Value: "--x $(touch pwned) `id`"}}); err != nil {
				t.Fatal(err)
			}
			calls := strings.NewReplacer(dir, "SOURCE", steps.Work, "WORK", tool+" ", "").Replace(b.read(t, "calls"))
			if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(calls), "\n")); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// A source without a Dockerfile is built with one that is written for it, beside the source and not in it.
func TestAGeneratedDockerfileIsBuilt(t *testing.T) {
	for tool, body := range map[string]string{"buildctl": buildctl, "buildah": buildah, "docker": docker} {
		t.Run(tool, func(t *testing.T) {
			b := newToolbox(t)
			b.add(t, tool, "for a in \"$@\"; do case \"$a\" in */generated/Dockerfile|dockerfile=*/generated) f=${a#dockerfile=}; f=${f%/Dockerfile}/Dockerfile; "+
				"cp \"$f\" $here/dockerfile; cp \"$f.dockerignore\" $here/ignore;; esac; done\n"+body)
			src := sourceWith(t, map[string]string{
				"package.json": `{"scripts": {"start": "node server.js"}}`, "package-lock.json": "{}", "server.js": "", "logo.png": lfs,
			})
			d, err := localbuild.Detect(src, nil)
			if err != nil {
				t.Fatal(err)
			}
			steps := localbuild.Steps{Name: "one", Work: t.TempDir(), Cache: t.TempDir()}
			env := []manifest.BuildVar{{Name: "GREETING", Value: "hi\nRUN rm -rf /"}}
			if _, _, err := steps.Build(t.Context(), src, d, env); err == nil || !strings.Contains(err.Error(), "logo.png is a Git LFS pointer") {
				t.Errorf("a pointer that is copied: %v", err)
			}
			if err := os.Remove(filepath.Join(src.Root, "logo.png")); err != nil {
				t.Fatal(err)
			}
			if _, d, err = steps.Build(t.Context(), src, d, env); err != nil || d.Port != 3000 {
				t.Fatalf("port %d, %v", d.Port, err)
			}
			text := b.read(t, "dockerfile")
			if !strings.Contains(text, "\nARG GREETING\n") || strings.Contains(text, "rm -rf /\n") || !strings.Contains(text, "CMD [\"node\", \"server.js\"]") {
				t.Errorf("the Dockerfile is\n%s", text)
			}
			if ignore := b.read(t, "ignore"); !strings.Contains(ignore, "**/node_modules\n") {
				t.Errorf("left out is %q", ignore)
			}
			if calls := b.read(t, "calls"); !strings.Contains(calls, "GREETING=hi\nRUN rm -rf /") {
				t.Errorf("the value is handed on:\n%s", calls)
			}
			entries, err := os.ReadDir(src.Root)
			if err != nil || len(entries) != 3 {
				t.Errorf("the source has changed: %v (%v)", entries, err)
			}
		})
	}
}

// Nobody has written the names of the images that a generated Dockerfile stands on: what is wrong with them is told so.
func TestBaseImagesThatCannotBeHad(t *testing.T) {
	tests := []struct{ name, says, want string }{
		{"no network, and an image that Docker does not make", `echo 'Error: creating build container: initializing source docker://nginxinc/nginx-unprivileged:1.28-alpine: ` +
			`pinging container registry registry-1.docker.io: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host' >&2`,
			"the base image docker.io/nginxinc/nginx-unprivileged:1.28-alpine of the generated Dockerfile cannot be fetched: a server that the build needs has no address: no such host"},
		{"no network", `echo '[1/2] STEP 1/5: FROM docker.io/library/node:24-bookworm AS build'; echo 'Error: creating build container: initializing source docker://node:24-bookworm: ` +
			`pinging container registry registry-1.docker.io: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host' >&2`,
			"the base image docker.io/library/node:24-bookworm of the generated Dockerfile cannot be fetched: a server that the build needs has no address: no such host " +
				"(whoever runs the machine that builds gives it a way to docker.io; or add a Dockerfile to the source whose images it can reach)"},
		{"no such version", `echo 'ERROR: docker.io/library/node:24-bookworm: not found: manifest unknown' >&2`,
			"there is no image docker.io/library/node:24-bookworm, which the generated Dockerfile stands on (have the source ask for another version of node"},
		{"something else", `echo '[1/2] STEP 1/5: FROM docker.io/library/node:24-bookworm AS build'; echo 'Error: building at STEP "RUN npm ci": while running runtime: exit status 1' >&2`,
			"the generated Dockerfile does not build: Error: building at STEP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			newToolbox(t).add(t, "docker", "case \"$*\" in *\" -f \"*) "+tt.says+"; exit 2;; esac\n")
			files := map[string]string{"package.json": `{"scripts": {"start": "node server.js"}}`}
			if strings.Contains(tt.says, "nginx") {
				files = map[string]string{"index.html": "<p>Hello</p>"}
			}
			src := sourceWith(t, files)
			d, err := localbuild.Detect(src, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = localbuild.Steps{Name: "one", Work: t.TempDir(), Cache: t.TempDir()}.Build(t.Context(), src, d, nil)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("error %v\nwant  %s", err, tt.want)
			}
		})
	}
}

func TestASourceThatDoesNotSayEnough(t *testing.T) {
	src := sourceWith(t, map[string]string{"package.json": `{}`})
	d, err := localbuild.Detect(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = localbuild.Steps{Name: "one", Work: t.TempDir()}.Build(t.Context(), src, d, nil)
	if err == nil || !strings.Contains(err.Error(), "this is node, but nothing says how the app is started: package.json has no script start (write scripts.start") {
		t.Errorf("error %v", err)
	}
}

func TestLabelsAreOurs(t *testing.T) {
	b := newToolbox(t)
	b.add(t, "docker", docker)
	dir := filepath.Join(t.TempDir(), "source")
	writeFiles(t, dir, map[string]string{"web/Dockerfile": "FROM scratch\nEXPOSE 3000\n"})
	server := ociregistry.New(t)
	r := reconciler.BuildRequest{
		ID: "one", Image: "app", Repository: "https://bob:hunter2@example.com/shop", Commit: "4b825dc", Path: "web", Tree: "9fceb02",
		Build: &manifest.Build{Framework: "nextjs"}, Destination: server.Host + "/ws-1/shop",
	}
	steps := localbuild.Steps{Name: "one", Work: t.TempDir(), Cache: t.TempDir()}
	built, err := steps.Run(t.Context(), r, localbuild.Source{Root: dir, Path: "web"}, server.Client(t, "", ""), func(reconciler.Stage) {})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"maintainer": "alice", "dev.plateform.build": "one", "dev.plateform.path": "web", "dev.plateform.tree": "9fceb02",
		"dev.plateform.framework": "nextjs", "dev.plateform.port": "3000", "org.opencontainers.image.revision": "4b825dc",
		"org.opencontainers.image.source": "https://***@example.com/shop",
	}
	digest, labels, err := server.Client(t, "", "").Lookup(t.Context(), r.Destination, "build-one")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	found, err := localbuild.Find(t.Context(), server.Client(t, "", ""), r)
	if err != nil || found == nil || found.Image.Digest != digest {
		t.Fatalf("found %+v, %v", found, err)
	}
	if diff := cmp.Diff(built, found); diff != "" {
		t.Errorf("what is found differs from what was built (-built +found):\n%s", diff)
	}
}
