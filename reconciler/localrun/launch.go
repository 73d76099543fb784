package localrun

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/reconciler/localrun/container"
	"github.com/plateform/plateform/reconciler/localrun/program"
	"github.com/plateform/plateform/reconciler/localrun/shim"
)

// launcher makes the command line of a service's process.
type launcher interface {
	// prepare returns what to run for a replica that is to listen at an address.
	prepare(ctx context.Context, r *replica, address string) (shim.Spec, error)
	// before returns the launcher for a process of a service that is about to start.
	before(s service) launcher
	// listens says that the replica's process listens at an address, as far as can be told.
	listens(process *shim.Process, address string) bool
}

// programLauncher runs a program as a process.
type programLauncher struct{ program program.Program }

func (l programLauncher) prepare(_ context.Context, r *replica, address string) (shim.Spec, error) {
	p := l.program
	env, err := r.environment(p.Env, address)
	if err != nil {
		return shim.Spec{}, err
	}
	if os.Geteuid() != 0 { // it runs as we do, and its files are where they are
		return shim.Spec{Path: filepath.Join(p.Root, p.Path), Args: p.Args, Dir: filepath.Join(p.Root, p.Dir), Env: env}, nil
	}
	if err := p.Prepare(); err != nil {
		return shim.Spec{}, err
	}
	return shim.Spec{Path: p.Path, Args: p.Args, Dir: p.Dir, Env: env, Root: p.Root, UID: p.UID, GID: p.GID}, nil
}

func (l programLauncher) before(service) launcher { return l }

func (programLauncher) listens(process *shim.Process, address string) bool {
	return listens(process.PID, address)
}

// containerLauncher runs an image through a container tool.
type containerLauncher struct {
	tool  container.Tool
	image string
	// taken is an address where somebody listened before the container was started.
	taken string
}

// before looks at the machine as it is before a replica starts.
func (l containerLauncher) before(s service) launcher {
	l.taken = ""
	if declared := s.declared(); answers(declared) {
		l.taken = declared
	}
	return l
}

func (l containerLauncher) prepare(ctx context.Context, r *replica, address string) (shim.Spec, error) {
	run := container.Run{Name: "plateform-" + strings.NewReplacer("/", "-", "_", "-").Replace(r.where+"-"+r.title), Image: l.image}
	if err := l.fill(r, address, &run); err != nil {
		return shim.Spec{}, err
	}
	if err := l.tool.Remove(ctx, run.Name); err != nil { // one of a serve that was killed
		return shim.Spec{}, err
	}
	line := l.tool.Command(run)
	return shim.Spec{
		Path: line[0], Args: line[1:], Dir: "/", Env: container.Environment(), After: l.tool.RemoveCommand(run.Name), AllowSetuid: true,
	}, nil
}

// fill says what is in the container.
func (l containerLauncher) fill(r *replica, address string, run *container.Run) (err error) {
	if r.service.engine == "" {
		run.Env, err = r.environment(nil, address)
		return err
	}
	c, err := readCredentials(r.dirs)
	if err != nil {
		return err
	}
	server, err := serverOf(c)
	if err != nil {
		return err
	}
	run.Args, run.Mount, run.Data = server.args, server.mount, r.dirs.data
	run.EnvFile = filepath.Join(r.dirs.root, "database.env")
	if err := os.WriteFile(run.EnvFile, []byte(strings.Join(server.env, "\n")+"\n"), 0o600); err != nil {
		return fmt.Errorf("handing a database its credentials: %w", err)
	}
	return makeDirs(r.dirs.data)
}

// listens: a container's processes need not be ours to look at, so whoever answers there counts, unless somebody did before.
func (l containerLauncher) listens(_ *shim.Process, address string) bool {
	return address != l.taken && answers(address)
}

// answers says that somebody listens at an address.
func answers(address string) bool {
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	connection.Close()
	return true
}

// tools remembers the container tool that works here.
type tools struct {
	mu    sync.Mutex
	found container.Tool
}

func (t *tools) find(ctx context.Context) (container.Tool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.found.Path != "" {
		return t.found, nil
	}
	var err error
	t.found, err = container.Find(ctx)
	return t.found, err
}

// onDisk returns how to run a service with what is on this machine. The error is fs.ErrNotExist when its image is not.
func (p *project) onDisk(ctx context.Context, s service) (launcher, error) {
	if s.engine != "" {
		tool, err := p.tools.find(ctx)
		return containerLauncher{tool: tool, image: s.repository + ":" + s.tag}, err
	}
	one, err := program.Load(p.dirs.image(s.digest))
	if err == nil {
		return programLauncher{one}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if _, noted := os.Stat(p.otherImage(s)); noted != nil {
		return nil, err
	}
	tool, missing := p.tools.find(ctx)
	if missing == nil && tool.Has(ctx, p.imageName(s)) {
		return containerLauncher{tool: tool, image: p.imageName(s)}, nil
	}
	return nil, err
}

// otherImage is a file that says that an image takes a container tool.
func (p *project) otherImage(s service) string { return p.dirs.image(s.digest) + ".other" }

// imageName is what a container tool knows an image as.
func (p *project) imageName(s service) string {
	_, hash, _ := strings.Cut(s.digest, ":")
	return "localhost/plateform/" + p.key.Workspace + "/" + p.key.Project + ":" + hash
}

// bring has what a service runs brought to this machine.
func (p *project) bring(ctx context.Context, s service) (launcher, error) {
	found, err := p.onDisk(ctx, s)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return found, err
	}
	p.progress("fetching the image")
	image, err := p.options.Images.Pull(ctx, s.repository, s.digest)
	if err != nil {
		return nil, err
	}
	one, err := program.Unpack(ctx, image, p.dirs.image(s.digest), p.options.Limits)
	var other *program.OtherError
	if !errors.As(err, &other) {
		return programLauncher{one}, err
	}
	tool, missing := p.tools.find(ctx)
	if missing != nil {
		return nil, fmt.Errorf("%w, and %w", other, missing)
	}
	if err := tool.Load(ctx, image, p.imageName(s), p.dirs.images); err != nil {
		return nil, err
	}
	if err := os.WriteFile(p.otherImage(s), []byte(other.Why), 0o600); err != nil {
		return nil, fmt.Errorf("noting that an image takes a container tool: %w", err)
	}
	return containerLauncher{tool: tool, image: p.imageName(s)}, nil
}

// awaitSecrets waits until the databases that services use have credentials.
func (p *project) awaitSecrets(ctx context.Context, services []service) error {
	for _, s := range services {
		for _, v := range s.env {
			for v.secret != "" {
				_, err := p.secret(v.secret, v.key)
				if err == nil {
					break
				}
				if !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("%s: %w", v.name, err)
				}
				p.progress(fmt.Sprintf("%s waits for the database of the secret %s, which is not set up yet", v.name, v.secret))
				if sleep(ctx, p.options.Times.Interval); ctx.Err() != nil {
					return context.Cause(ctx)
				}
			}
		}
	}
	return nil
}
