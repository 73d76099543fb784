package localbuild

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/blame"
	"github.com/plateform/plateform/reconciler/detect"
	"github.com/plateform/plateform/reconciler/localbuild/buildlog"
	"github.com/plateform/plateform/reconciler/scope"
)

// targetOS is what images are made for; the architecture is this machine's.
const targetOS = "linux"

// variableName is what a shell and every tool takes as the name of a variable.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// goSettings are what a compile takes over from the Go installation of this machine: its caches, and how it gets at
// modules.
var goSettings = []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE"}

// compile compiles a Go program and returns the file. The same source gives the same bytes wherever it is compiled.
func (s Steps) compile(ctx context.Context, src Source, d detect.Detection, env []manifest.BuildVar) (string, error) {
	absent, err := lookForAbsent(src.Root, s.MaxSource)
	if err != nil {
		return "", err
	}
	if src, err = confine(src, absent.links, s.Work); err != nil {
		return "", err
	}
	work, err := workspaceFile(src, d)
	if err != nil {
		return "", err
	}
	environment, err := s.goEnvironment(ctx, work, env)
	if err != nil {
		return "", err
	}
	cgo, err := cgoSources(src.Root, absent.code)
	if err != nil {
		return "", err
	}
	packages := sync.OnceValue(func() []goPackage { return s.goPackages(ctx, src, d, environment) })
	if absent.concernsGo() || len(cgo) > 0 {
		if err := cmp.Or(absent.checkGo(packages()), checkCgo(cgo, packages())); err != nil {
			return "", err
		}
	}
	module, err := s.moduleFlags(src, d)
	if err != nil {
		return "", err
	}
	program := filepath.Join(s.Work, "program")
	tail := buildlog.NewTail(buildlog.FailureLines)
	out := s.out(tail) // one for both, so that it is written to by one goroutine
	err = run(ctx, command{
		name: s.goCommand(),
		args: slices.Concat([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid="}, module, []string{"-o", program, "."}),
		dir:  filepath.Join(src.Dir(), filepath.FromSlash(d.Package)), env: environment,
		stdout: out, stderr: out,
	})
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		failed := blame.Go("the Go program does not compile", tail.Telling(err), tail.All(), err)
		return "", absent.explain(failed, path.Join(src.Path, d.Package), tail.All(), packages())
	}
	return program, nil
}

// moduleFlags give a program that is in no module one that has nothing in it, for the compiler alone: the source is left as it is.
func (s Steps) moduleFlags(src Source, d detect.Detection) ([]string, error) {
	root, err := os.OpenRoot(src.Root)
	if err != nil {
		return nil, fmt.Errorf("opening the source: %w", err)
	}
	defer root.Close()
	dir := path.Join(".", src.Path, d.Package)
	for above := dir; ; above = path.Dir(above) {
		if _, err := root.Stat(path.Join(above, "go.mod")); err == nil {
			return nil, nil
		}
		if above == "." {
			break
		}
	}
	module, overlay := filepath.Join(s.Work, "go.mod"), filepath.Join(s.Work, "overlay.json")
	replaced, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(src.Root, filepath.FromSlash(dir), "go.mod"): module}})
	if err != nil {
		return nil, fmt.Errorf("preparing the compile: %w", err)
	}
	for file, text := range map[string]string{module: "module app\n\ngo " + languageVersion + "\n", overlay: string(replaced)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("preparing the compile: %w", err)
		}
	}
	return []string{"-overlay", overlay}, nil
}

// languageVersion is the version of the language that a program is compiled as whose source names none.
const languageVersion = "1.22"

// goEnvironment is all that the compiler gets to see: nothing of this process but its search path, how to reach the
// network, and the Go installation's caches.
func (s Steps) goEnvironment(ctx context.Context, work string, env []manifest.BuildVar) ([]string, error) {
	settings, err := s.goSettings(ctx)
	if err != nil {
		return nil, err
	}
	var environment []string
	for _, v := range env {
		_, ofGo := settings[v.Name]
		if ofGo || reserved(v.Name) {
			return nil, &Fault{What: fmt.Sprintf("build.env cannot set %s: Plateform sets it for a Go build", v.Name),
				Fix: "remove it, or build with a Dockerfile"}
		}
		environment = append(environment, v.Name+"="+v.Value)
	}
	home, temporary := filepath.Join(s.Work, "home"), filepath.Join(s.Work, "tmp")
	telemetry := filepath.Join(home, ".config", "go", "telemetry")
	for _, dir := range []string{telemetry, temporary} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("preparing the compile: %w", err)
		}
	}
	// Else the go command leaves a process behind that writes there after the build.
	if err := os.WriteFile(filepath.Join(telemetry, "mode"), []byte("off\n"), 0o600); err != nil {
		return nil, fmt.Errorf("preparing the compile: %w", err)
	}
	environment = append(environment, network()...)
	environment = append(environment, fromHost("PATH")...)
	if s.OwnCaches {
		for name, folder := range map[string]string{"GOCACHE": "go-build", "GOMODCACHE": "go-mod"} {
			if _, named := os.LookupEnv(name); !named {
				settings[name] = filepath.Join(s.Cache, folder)
			}
		}
	}
	for _, name := range goSettings {
		environment = append(environment, name+"="+settings[name])
	}
	return append(environment,
		"HOME="+home, "TMPDIR="+temporary, "GOTMPDIR="+temporary,
		"GOENV=off", "GOFLAGS=", "GOTOOLCHAIN=local", "GOWORK="+work,
		"CGO_ENABLED=0", "GOOS="+targetOS, "GOARCH="+runtime.GOARCH,
		"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
	), nil
}

// goSettings asks the Go installation for its settings. All its names are in the answer.
func (s Steps) goSettings(ctx context.Context) (map[string]string, error) {
	var stdout bytes.Buffer
	tail := buildlog.NewTail(buildlog.FailureLines)
	err := run(ctx, command{
		name: s.goCommand(), args: []string{"env", "-json"}, dir: s.Work, stdout: &stdout, stderr: tail,
		env: append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=local", "GOEXPERIMENT="), // which no build has from here
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		trouble := &Trouble{What: "the go command does not work here", Err: errors.New(tail.Telling(err)),
			Fix: "install Go on the machine that builds, or build with a Dockerfile"}
		if os.Getenv("HOME") == "" { // as in a service of systemd without User
			trouble.Fix = "set HOME, or GOCACHE and GOMODCACHE, where serve is started"
		}
		return nil, trouble
	}
	settings := map[string]string{}
	if err := json.Unmarshal(stdout.Bytes(), &settings); err != nil {
		return nil, fmt.Errorf("reading what go env says: %w", err)
	}
	return settings, nil
}

// workspaceFile is the go.work of the source that a program is compiled with. Without a word the compiler would look further
// up, where this machine's own files begin, and would refuse a program that the closest go.work does not use.
func workspaceFile(src Source, d detect.Detection) (string, error) {
	root, err := os.OpenRoot(src.Root)
	if err != nil {
		return "", fmt.Errorf("opening the source: %w", err)
	}
	defer root.Close()
	file, err := scope.Workspace(root.FS(), path.Join(src.Path, d.Package))
	if err != nil {
		return "", err
	}
	if file == "" {
		return "off", nil
	}
	return filepath.Join(src.Root, filepath.FromSlash(file)), nil
}

// reserved says that a variable decides over what a tool runs or where it keeps its things.
func reserved(name string) bool {
	if slices.Contains([]string{"PATH", "HOME", "TMPDIR", "SHELL", "ENV", "BASH_ENV", "IFS"}, name) {
		return true
	}
	return slices.ContainsFunc([]string{"CGO_", "LD_", "DYLD_", "GIT_", "SSH_"}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

// checkVariables refuses names and values that no environment can hold.
func checkVariables(env []manifest.BuildVar) error {
	for _, v := range env {
		if !variableName.MatchString(v.Name) {
			return &Fault{What: fmt.Sprintf("build.env: %q is no name of a variable", v.Name), Fix: "use letters, digits and _"}
		}
		if strings.ContainsRune(v.Value, 0) {
			return &Fault{What: fmt.Sprintf("build.env: the value of %s has a NUL byte", v.Name), Fix: "remove it"}
		}
	}
	return nil
}
