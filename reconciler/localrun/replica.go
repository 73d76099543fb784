package localrun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/localrun/applog"
	"github.com/plateform/plateform/reconciler/localrun/shim"
)

// firstTries is how often a process may end before it was ready once; then its rollout has failed.
const firstTries = 3

// replica keeps one process of a service up, once it runs, until it is stopped.
type replica struct {
	*home
	service  service
	launcher launcher
	// title is what it is called in logs, with its number at the end.
	title  string
	number int

	cancel context.CancelFunc
	done   chan struct{}
	tail   applog.Tail

	mu    sync.Mutex
	state state
}

// home is what replicas have of their project.
type home struct {
	key     manifest.Key
	options *Options
	dirs    dirs
	log     *applog.Log
	// changed is called when the state of one has changed.
	changed func()
	// resolve makes the address of another project one that works here.
	resolve func(value string) (string, error)
	// place is where another app of the workspace answers here: its url, host or port.
	place   func(app, part string) (string, error)
	secrets secrets
}

// state is how a replica is.
type state struct {
	// address where it answers; empty while it does not.
	address string
	// fixed says that it listens on its declared port whatever PORT says.
	fixed bool
	// was ready once.
	was bool
	// up is since when it answers, or did last.
	up time.Time
	// ends is how often in a row it has ended, and last how the last time.
	ends int
	last error
	// why it does not answer, and since when.
	why   string
	since time.Time
	// failed says why it is not tried any more, as it was never ready.
	failed error
}

// start runs the replica until the context ends or it is stopped.
func (r *replica) start(ctx context.Context) {
	ctx, r.cancel = context.WithCancel(ctx)
	r.done = make(chan struct{})
	r.set(func(s *state) { s.why = "it is starting" })
	go func() {
		defer close(r.done)
		r.run(ctx)
	}()
}

// stop ends the process, with time for what it is doing, and returns once it has ended.
func (r *replica) stop() {
	r.cancel()
	<-r.done
}

// look returns the state.
func (r *replica) look() state {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// set changes the state and tells so.
func (r *replica) set(change func(*state)) {
	r.mu.Lock()
	before := r.state
	change(&r.state)
	if before.address != "" && r.state.address == "" || before.since.IsZero() {
		r.state.since = r.options.Clock()
	}
	differs := r.state.address != before.address || r.state.why != before.why || (r.state.failed == nil) != (before.failed == nil)
	r.mu.Unlock()
	if differs {
		r.changed()
	}
}

// run starts the process again and again.
func (r *replica) run(ctx context.Context) {
	backoff, tries := r.options.Times.Backoff, 0
	for ctx.Err() == nil {
		begin := r.options.Clock()
		err := r.once(ctx)
		if ctx.Err() != nil {
			break
		}
		tries++
		if r.options.Clock().Sub(begin) > r.options.Times.MaxBackoff {
			backoff, tries = r.options.Times.Backoff, 1
		}
		if r.gaveUp(err, tries) {
			return
		}
		why := fmt.Sprintf("%v; it is started again in %v", err, backoff)
		r.log.Add(r.title, "plateform: "+why)
		r.set(func(s *state) { s.address, s.why, s.ends, s.last = "", why, tries, err })
		if tries == crashLoop {
			r.options.Notify()
		}
		sleep(ctx, backoff)
		backoff = min(2*backoff, r.options.Times.MaxBackoff)
	}
	r.set(func(s *state) { s.address, s.why = "", "it was stopped" })
}

// gaveUp says that a replica that was never ready is not tried again.
func (r *replica) gaveUp(err error, tries int) bool {
	var lasting *lastingError
	if r.look().was || !errors.As(err, &lasting) && tries < firstTries {
		return false
	}
	if lasting == nil && tries > 1 {
		err = fmt.Errorf("%w, %d times in a row", err, tries)
	}
	r.log.Add(r.title, "plateform: "+err.Error())
	r.set(func(s *state) { s.address, s.why, s.failed = "", err.Error(), err })
	return true
}

// lastingError is not better at another try.
type lastingError struct{ error }

// Unwrap returns the error itself.
func (e *lastingError) Unwrap() error { return e.error }

// once runs one process, from its start to its end, and says how it ended.
func (r *replica) once(ctx context.Context) error {
	address, err := r.address()
	if err != nil {
		return err
	}
	r.launcher = r.launcher.before(ctx, r)
	defer os.Remove(r.variables())
	process, printed, err := r.fork(ctx, address)
	if err != nil {
		return &lastingError{fmt.Errorf("it cannot start: %w", err)}
	}
	defer printed.Wait()
	record := r.record()
	if err := process.Write(record); err != nil {
		r.options.Log.Warn("a process cannot be noted; if serve is killed with its shim, nobody ends it", "error", err)
	}
	defer os.Remove(record)
	err = r.await(ctx, process, address)
	if err == nil {
		if err = r.stay(ctx, process); err != nil {
			r.set(func(s *state) { s.address, s.why = "", err.Error() }) // requests go elsewhere from here on
		}
	}
	r.end(process)
	if err != nil {
		return err
	}
	return errors.New(r.launcher.ended(process.Exit(), r.service))
}

// record is a file that says which process runs, and variables one through which a container tool is handed an environment.
func (r *replica) record() string {
	return filepath.Join(r.dirs.processes, filepath.Base(filepath.Dir(r.title))+"-"+filepath.Base(r.title))
}

func (r *replica) variables() string { return r.record() + ".env" }

// address is where the process is to listen. A database has one for good: who uses it was told.
func (r *replica) address() (string, error) {
	if r.service.engine == "" {
		return freeAddress()
	}
	c, err := r.secrets.own(r.dirs, r.service)
	return c.address(), err
}

// fork starts the process. What it prints is taken until nobody can print any more.
func (r *replica) fork(ctx context.Context, address string) (*shim.Process, *sync.WaitGroup, error) {
	spec, err := r.launcher.prepare(ctx, r, address)
	if err != nil {
		return nil, nil, err
	}
	output, input, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	printed := &sync.WaitGroup{}
	printed.Go(func() {
		defer output.Close()
		r.log.Copy(r.title, output, &r.tail)
	})
	process, err := shim.Start(ctx, r.options.Shim, spec, input)
	input.Close()
	if err != nil {
		printed.Wait()
		return nil, nil, err
	}
	return process, printed, nil
}

// environment is what the process gets.
func (r *replica) environment(image []string, address string) ([]string, error) {
	own := slices.Clone(r.service.env)
	for n, v := range own {
		var err error
		switch {
		case v.secret != "":
			own[n].value, err = r.secrets.value(v)
		case v.of != "":
			own[n].value, err = r.place(v.of, v.part)
		default:
			own[n].value, err = r.resolve(v.value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
	}
	env := environment(own, image, address, r.service.name != "")
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if err := manifest.CheckVariableSize(name, value); err != nil {
			return nil, err
		}
	}
	return env, nil
}

// end asks a process to end, and makes it.
func (r *replica) end(process *shim.Process) {
	process.Terminate()
	patience := r.options.Times.Stop
	if r.service.engine != "" {
		patience = max(patience, databaseStop)
	}
	grace := time.NewTimer(patience)
	defer grace.Stop()
	select {
	case <-process.Done():
		return
	case <-grace.C:
	}
	r.log.Add(r.title, fmt.Sprintf("plateform: it has not ended %v after it was asked to, and is killed", patience))
	process.Kill()
	<-process.Done()
}

// ending says how a process ended.
func ending(exit shim.Exit) string {
	switch {
	case exit.Signal != "":
		return "it ended by " + exit.Signal
	case exit.Code == 0:
		return "it ended by itself, without an error (a service has to go on)"
	}
	return fmt.Sprintf("it ended with exit code %d", exit.Code)
}

// sleep waits, unless the context ends first.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
