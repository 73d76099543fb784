package localrun

import (
	"context"
	"net"
	"os"
	"path/filepath"

	"github.com/plateform/plateform/reconciler/localrun/program"
	"github.com/plateform/plateform/reconciler/localrun/shim"
)

// launcher makes the command line of a service's process.
type launcher interface {
	// prepare returns what to run for a replica that is to listen at an address.
	prepare(ctx context.Context, r *replica, address string) (shim.Spec, error)
	// owns says that the process is the service's own, and not a tool that looks after it.
	owns() bool
	// before returns the launcher for a process of a replica that is about to start.
	before(ctx context.Context, r *replica) launcher
	// listens says that the replica's process listens at an address, as far as can be told.
	listens(process *shim.Process, address string) bool
	// accepted says whether a connection that was made leads to the service, and closes it.
	accepted(connection net.Conn) error
	// ended says in words how the process ended.
	ended(exit shim.Exit, s service) string
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

func (l programLauncher) before(context.Context, *replica) launcher { return l }

func (programLauncher) accepted(connection net.Conn) error { return connection.Close() }

func (programLauncher) ended(exit shim.Exit, _ service) string { return ending(exit) }

func (programLauncher) listens(process *shim.Process, address string) bool {
	return listens(process.PID, address)
}
