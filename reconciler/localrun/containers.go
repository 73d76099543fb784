package localrun

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/plateform/plateform/reconciler/localrun/container"
	"github.com/plateform/plateform/reconciler/localrun/shim"
)

// containerLauncher runs an image through a container tool.
type containerLauncher struct {
	tools *tools
	tool  container.Tool
	image otherImage
	// shared says why the container shares the network of this machine; empty when an address of this machine leads into it.
	shared string
	// taken is an address where somebody listened before the container was started.
	taken string
}

func (containerLauncher) owns() bool { return false }

// before chooses the network, and looks at the machine as it is before a replica starts.
func (l containerLauncher) before(ctx context.Context, r *replica) launcher {
	l.shared, l.taken = l.sharing(ctx, r), ""
	if declared := r.service.declared(); l.shared != "" && answers(declared) {
		l.taken = declared
	}
	return l
}

// sharing says why a container shares the network of this machine. One of its own keeps containers apart that want the same
// port, but nothing in it reaches what listens on this machine alone.
func (l containerLauncher) sharing(ctx context.Context, r *replica) string {
	if r.service.engine != "" {
		return "a database listens on this machine alone"
	}
	for _, v := range r.service.env {
		if at, err := r.resolve(v.value); v.secret != "" || err != nil || at != v.value {
			return v.name + " leads to this machine"
		}
	}
	address, err := freeAddress()
	if err == nil {
		err = l.tools.publish(ctx, l.tool, container.Run{
			Name: l.name(r), Labels: labelsOf(r), Image: l.image.Name, Published: address, Port: r.service.port,
		})
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func (l containerLauncher) prepare(_ context.Context, r *replica, address string) (shim.Spec, error) {
	run := container.Run{
		Name: l.name(r), Labels: labelsOf(r), Image: l.image.Name, Memory: amount(r.service.memory, 0), CPU: amount(r.service.cpu, resource.Milli),
	}
	stop, err := l.fill(r, address, &run)
	if err != nil {
		return shim.Spec{}, err
	}
	l.tell(r, run)
	command, err := l.tool.Prepare(run, r.variables())
	if err != nil {
		return shim.Spec{}, err
	}
	return shim.Spec{
		Path: command.Line[0], Args: command.Line[1:], Dir: "/", Env: command.Env, After: l.tool.RemoveCommand(run.Name), AllowSetuid: true, StopSignal: stop,
	}, nil
}

// fill says what is in the container, and which signal ends it.
func (l containerLauncher) fill(r *replica, address string, run *container.Run) (stop string, err error) {
	if r.service.engine != "" {
		return l.fillDatabase(r, run)
	}
	if l.shared == "" {
		run.Published, run.Port = address, r.service.port
		address = r.service.declared()
	}
	run.Env, err = r.environment(nil, address)
	return l.image.Stop, err
}

func (l containerLauncher) fillDatabase(r *replica, run *container.Run) (stop string, err error) {
	c, err := readCredentials(r.dirs)
	if err != nil {
		return "", err
	}
	server, err := serverOf(c)
	if err != nil {
		return "", err
	}
	run.Args, run.Env, run.Mount, run.Data = server.args, server.env, server.mount, r.dirs.data
	if stop = server.stop; stop == "" {
		stop = l.image.Stop
	}
	if err := makeDirs(r.dirs.data); err != nil {
		return "", err
	}
	const traversable = 0o711 // by the database's own user; above it is a folder that only we get into
	if err := os.Chmod(r.dirs.data, traversable); err != nil && !errors.Is(err, os.ErrPermission) {
		return "", fmt.Errorf("opening the folder of a database's data: %w", err)
	}
	return stop, nil
}

// tell says what people should know of a container, in the log of the app.
func (l containerLauncher) tell(r *replica, run container.Run) {
	say := func(format string, args ...any) { r.log.Add(r.title, "plateform: "+fmt.Sprintf(format, args...)) }
	if l.shared == "" {
		say("%s runs it in a network of its own; %s leads to its port %d", l.tool.Name, run.Published, run.Port)
	} else {
		say("%s runs it in the network of this machine: %s", l.tool.Name, l.shared)
	}
	if run.Memory > 0 && !l.tool.LimitsMemory {
		say("its memory is not limited to %s: %s cannot do that here", r.service.memory, l.tool.Name)
	}
}

// name is one that no other container has.
func (l containerLauncher) name(r *replica) string {
	const unique = 8
	clean := strings.NewReplacer("/", "-", "_", "-", "+", "-").Replace(r.key.String() + "-" + filepath.Base(r.title))
	return "plateform-" + installationOf(r.options.Dir) + "-" + clean + "-" + strings.ToLower(rand.Text()[:unique])
}

func labelsOf(r *replica) container.Labels {
	return container.Labels{
		Installation: installationOf(r.options.Dir), Workspace: r.key.Workspace, Project: r.key.Project, Release: filepath.Dir(r.title),
	}
}

// installationOf tells the containers and images of one installation from those of another on the same machine.
func installationOf(dir string) string {
	const length = 12
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:])[:length]
}

// amount is a quantity as a number, in a unit; 0 when there is none.
func amount(quantity string, unit resource.Scale) int64 {
	q, err := resource.ParseQuantity(quantity)
	if err != nil { // it was checked where it was written
		return 0
	}
	return q.ScaledValue(unit)
}

// listens: a container's processes need not be ours to look at, so whoever answers there counts, unless somebody did before. In
// a network of its own it can only be where PORT says.
func (l containerLauncher) listens(_ *shim.Process, address string) bool {
	return l.shared == "" || address != l.taken && answers(address)
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

// accepted: before a container listens, the tool may take connections for it already, only to drop them.
func (l containerLauncher) accepted(connection net.Conn) error {
	defer connection.Close()
	if l.shared != "" {
		return nil
	}
	const glance = 100 * time.Millisecond
	if err := connection.SetReadDeadline(time.Now().Add(glance)); err != nil {
		return err
	}
	_, err := connection.Read(make([]byte, 1))
	switch {
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET):
		return errors.New("nothing listens on its port")
	}
	return err
}

// ended says how a container ended. The tool ends as its container does, or with a code of its own.
func (l containerLauncher) ended(exit shim.Exit, s service) string {
	const tool, command, absent, signalled, killed = 125, 126, 127, 128, 137
	switch {
	case exit.Code == tool:
		return fmt.Sprintf("%s could not run it (exit code %d)", l.tool.Name, exit.Code)
	case exit.Code == command:
		return fmt.Sprintf("its command cannot be run (exit code %d)", exit.Code)
	case exit.Code == absent:
		return fmt.Sprintf("its command is not in the image (exit code %d)", exit.Code)
	case exit.Code == killed && amount(s.memory, 0) > 0 && l.tool.LimitsMemory:
		return fmt.Sprintf("it ended by SIGKILL; it may take %s of memory (raise resources.memory if it needs more)", s.memory)
	case exit.Code > signalled && unix.SignalName(unix.Signal(exit.Code-signalled)) != "":
		return "it ended by " + unix.SignalName(unix.Signal(exit.Code-signalled))
	}
	return ending(exit)
}

// tools remembers the container tool that works here, and what it can do.
type tools struct {
	mu    sync.Mutex
	found container.Tool
	// tried says that it is known whether the tool can publish a port, and unpublished why not.
	tried       bool
	unpublished error
}

func (t *tools) find(ctx context.Context) (container.Tool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.found.Path != "" {
		return t.found, nil
	}
	found, err := container.Find(ctx)
	if err == nil {
		t.found = found
	}
	return found, err
}

// publish says why a container cannot have a network of its own. It is tried once, with one like the first.
func (t *tools) publish(ctx context.Context, tool container.Tool, like container.Run) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tried {
		return t.unpublished
	}
	err := tool.TryPublish(ctx, like)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t.tried, t.unpublished = true, err
	return err
}

// sweepContainers removes the containers that a killed serve left: those of this installation alone.
func (e *Engine) sweepContainers(ctx context.Context) error {
	notes, err := filepath.Glob(filepath.Join(e.options.Dir, "*", "*", imagesDir, "*"+otherSuffix))
	if err != nil || len(notes) == 0 { // nothing here has ever run in one
		return err
	}
	tool, err := e.tools.find(ctx)
	if err != nil {
		return err
	}
	removed, err := tool.Sweep(ctx, installationOf(e.options.Dir))
	if removed > 0 {
		e.options.Log.Info("containers that an earlier serve left are removed", "containers", removed)
	}
	return err
}
