package localrun

import (
	"context"
	"fmt"
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
	// owns says that the process is the service's own, and not a tool that looks after it.
	owns() bool
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

func (programLauncher) owns() bool { return true }

func (containerLauncher) owns() bool { return false }

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
	run := container.Run{Name: "plateform-" + strings.NewReplacer("/", "-", "_", "-").Replace(r.key.String()+"-"+r.title), Image: l.image}
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
