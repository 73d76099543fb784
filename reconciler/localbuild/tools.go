package localbuild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/blame"
	"github.com/plateform/plateform/reconciler/detect"
	"github.com/plateform/plateform/reconciler/localbuild/buildlog"
)

// probing bounds the question whether a tool works, so that a daemon that hangs is passed over.
const probing = 20 * time.Second

// tool is a program that builds Dockerfiles.
type tool struct {
	name string
	// program that is called, when that is not the name.
	program string
	// flags stand in front of every command.
	flags []string
	// probe is a command that succeeds only when the tool can build.
	probe []string
	// script says how to build.
	script func(r recipe) script
	// mirrors: it reads a registries.conf.
	mirrors bool
}

// command is the program to call.
func (t tool) command() string {
	if t.program != "" {
		return t.program
	}
	return t.name
}

// script is what to do with a tool.
type script struct {
	// steps leave the image in the archive, one after the other.
	steps [][]string
	// cleanUp runs at the end in any case, when there is one.
	cleanUp []string
}

// recipe is what to build.
type recipe struct {
	// context is the folder, and dockerfile a file in it or elsewhere, both on this machine; ignore is the file that says which
	// files to leave out, where it is not in the context.
	context    string
	dockerfile string
	ignore     string
	arguments  []manifest.BuildVar
	// name is what the image is called meanwhile, archive the file it goes to.
	name    string
	archive string
}

func (r recipe) buildArguments() []string {
	var args []string
	for _, a := range r.arguments {
		args = append(args, "--build-arg", a.Name+"="+a.Value)
	}
	return args
}

// tools in the order in which they are tried: BuildKit where there is one, by itself or in docker, then what needs no daemon and keeps
// its images in storage.
func tools(storage string) []tool {
	own := []string{"--root", filepath.Join(storage, "images"), "--runroot", filepath.Join(storage, "run"), "--storage-driver", "vfs"}
	return []tool{
		{name: "buildctl", probe: []string{"debug", "workers"}, script: buildctl},
		{name: "docker buildx", program: "docker", probe: []string{"buildx", "inspect", "--bootstrap"}, script: buildx},
		{name: "buildah", flags: own, probe: []string{"info"}, script: buildah, mirrors: true},
		{name: "docker", probe: []string{"version", "--format", "{{.Server.Version}}"}, script: docker},
		{name: "podman", flags: own, probe: []string{"info"}, script: podman, mirrors: true},
	}
}

func buildctl(r recipe) script {
	line := []string{
		"build", "--frontend", "dockerfile.v0", "--progress", "plain",
		"--local", "context=" + r.context, "--local", "dockerfile=" + filepath.Dir(r.dockerfile),
		"--opt", "filename=" + filepath.Base(r.dockerfile),
		"--output", "type=docker,name=" + r.name + ",dest=" + r.archive,
	}
	for _, a := range r.arguments {
		line = append(line, "--opt", "build-arg:"+a.Name+"="+a.Value)
	}
	return script{steps: [][]string{line}}
}

// dockerFormat has a tool make an image as docker does: the format of the OCI has no place for a HEALTHCHECK.
const dockerFormat = "--format=docker"

// buildah needs no rights beyond those of a container with chroot, and must not hand the proxy of this machine on.
func buildah(r recipe) script {
	build := append([]string{"bud", dockerFormat, "--isolation", "chroot", "--http-proxy=false"}, r.buildArguments()...)
	if r.ignore != "" {
		build = append(build, "--ignorefile", r.ignore)
	}
	return script{
		steps: [][]string{
			append(build, "-t", r.name, "-f", r.dockerfile, r.context),
			{"push", r.name, "docker-archive:" + r.archive},
		},
		cleanUp: []string{"rmi", r.name},
	}
}

func docker(r recipe) script { return likeDocker(r, "build") }

// buildx is BuildKit in docker, or another builder of it, whose image has to be brought back.
func buildx(r recipe) script {
	return likeDocker(r, "buildx", "build", "--load", "--progress", "plain")
}

// podman is used as docker is.
func podman(r recipe) script { return likeDocker(r, "build", dockerFormat) }

func likeDocker(r recipe, build ...string) script {
	build = append(build, r.buildArguments()...)
	return script{
		steps: [][]string{
			append(build, "-t", r.name, "-f", r.dockerfile, r.context),
			{"save", "-o", r.archive, r.name},
		},
		cleanUp: []string{"image", "rm", r.name},
	}
}

// buildDockerfile builds with the first tool that works here. The tools follow no symlink of the folder out of it, except
// for the Dockerfile and what says which files to leave out: those are looked at before.
func (s Steps) buildDockerfile(ctx context.Context, src Source, d detect.Detection, env []manifest.BuildVar) (v1.Image, error) {
	absent, err := lookForAbsent(src.Root, s.MaxSource)
	if err != nil {
		return nil, err
	}
	dockerfile, err := absent.checkDockerfile(src, d)
	if err != nil {
		return nil, err
	}
	return s.build(ctx, recipe{context: src.Dir(), dockerfile: dockerfile, arguments: env}, func(err error, said *buildlog.Tail) error {
		return absent.within(src).explain(blame.Tool("the Dockerfile does not build", said.Telling(err), said.All(), err), "", said.All(), nil)
	})
}

// build runs a recipe. What explains a failure gets what the tool has said.
func (s Steps) build(ctx context.Context, r recipe, explain func(error, *buildlog.Tail) error) (v1.Image, error) {
	chosen, err := s.tool(ctx)
	if err != nil {
		return nil, err
	}
	s.tellMirrors(chosen)
	r.name, r.archive = "localhost/plateform-build:"+s.Name, filepath.Join(s.Work, "image.tar")
	if err := s.runTool(ctx, chosen, r, explain); err != nil {
		return nil, err
	}
	image, err := tarball.ImageFromPath(r.archive, nil)
	if err != nil {
		return nil, fmt.Errorf("reading the image that %s made: %w", chosen.name, err)
	}
	return image, nil
}

// Tool says which program builds Dockerfiles here: the first of buildctl, docker buildx, buildah, docker and podman that works; and whether it takes
// Mirrors, which has those come first that do. The error says of each why not.
func (s Steps) Tool(ctx context.Context) (name string, mirrors bool, err error) {
	chosen, err := s.tool(ctx)
	return chosen.name, chosen.mirrors, err
}

// tool prepares what tools need, and is the first that works.
func (s Steps) tool(ctx context.Context) (tool, error) {
	if err := os.MkdirAll(filepath.Join(s.Work, "home"), 0o700); err != nil {
		return tool{}, fmt.Errorf("preparing the build: %w", err)
	}
	if err := s.writeMirrors(); err != nil {
		return tool{}, fmt.Errorf("preparing the mirrors of registries: %w", err)
	}
	return s.choose(ctx, s.preferred(tools(filepath.Join(s.Cache, "containers"))))
}

// choose is the first tool that is there and can build.
func (s Steps) choose(ctx context.Context, candidates []tool) (tool, error) {
	var why []string
	for _, candidate := range candidates {
		if _, err := exec.LookPath(candidate.command()); err != nil {
			why = append(why, candidate.name+" is not installed")
			continue
		}
		trying, cancel := context.WithTimeout(ctx, probing)
		said := buildlog.NewTail(buildlog.FailureLines)
		err := run(trying, s.call(candidate, candidate.probe, io.Discard, said))
		cancel()
		if ctx.Err() != nil {
			return tool{}, context.Cause(ctx)
		}
		if err == nil {
			return candidate, nil
		}
		why = append(why, candidate.name+": "+said.Telling(err))
	}
	return tool{}, &Trouble{What: "nothing here can build a Dockerfile", Err: errors.New(strings.Join(why, "; ")),
		Fix: "install buildah on the machine that builds, or start the daemon of docker or buildkit"}
}

// runTool runs the script of a tool. What explains a failure is asked only after one.
func (s Steps) runTool(ctx context.Context, t tool, r recipe, explain func(error, *buildlog.Tail) error) error {
	todo := t.script(r)
	if todo.cleanUp != nil {
		defer func() {
			// The build's own time may be over by now.
			tidying, cancel := context.WithTimeout(context.WithoutCancel(ctx), probing)
			defer cancel()
			_ = run(tidying, s.call(t, todo.cleanUp, io.Discard, io.Discard)) // after a failure there is nothing to remove
		}()
	}
	for _, step := range todo.steps {
		tail := buildlog.NewTail(buildlog.FailureLines)
		out := s.out(tail) // one for both, so that it is written to by one goroutine
		err := run(ctx, s.call(t, step, out, out))
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return explain(err, tail)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// call is a command line of a tool.
func (s Steps) call(t tool, args []string, stdout, stderr io.Writer) command {
	return command{
		name: t.command(), args: append(slices.Clone(t.flags), args...), dir: s.Work, env: s.toolEnvironment(),
		stdout: stdout, stderr: stderr,
	}
}

// toolEnvironment is all that a tool gets to see: how to find programs, its daemon and the network.
func (s Steps) toolEnvironment() []string {
	env := append(append(network(), fromHost("PATH", "DOCKER_HOST", "BUILDKIT_HOST", "XDG_RUNTIME_DIR")...),
		"HOME="+filepath.Join(s.Work, "home"), "TMPDIR="+s.Work, "LC_ALL=C")
	if len(s.Mirrors) > 0 {
		env = append(env, "CONTAINERS_REGISTRIES_CONF="+s.registriesFile())
	}
	return env
}
