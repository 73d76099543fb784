package shim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// Process is a program that runs below a shim.
type Process struct {
	// PID of the program, and that of its shim.
	PID, Shim int

	command  *exec.Cmd
	reports  *os.File
	mu       sync.Mutex
	lifeline *os.File // nil once it is closed
	done     chan struct{}
	exit     Exit
}

// Start runs a program and returns once it runs, or cannot. command is how this binary becomes a shim. Both standard
// output and standard error go to output, which stays the caller's.
func Start(ctx context.Context, command []string, spec Spec, output *os.File) (*Process, error) {
	p, err := fork(command, output)
	if err != nil {
		return nil, fmt.Errorf("starting the process that watches over %s: %w", spec.Path, err)
	}
	if err := p.begin(ctx, spec); err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Path, err)
	}
	return p, nil
}

// fork starts a shim, which waits to be told what to run.
func fork(command []string, output *os.File) (*Process, error) {
	lifelineEnd, lifeline, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer lifelineEnd.Close()
	reports, reportsEnd, err := os.Pipe()
	if err != nil {
		lifeline.Close()
		return nil, err
	}
	defer reportsEnd.Close() // held any longer, the end of the shim could not be seen
	c := exec.Command(command[0], command[1:]...)
	c.Env = []string{"GOMAXPROCS=1", "GOGC=off", "GOTRACEBACK=none"} // it waits; the program gets an environment of its own
	c.Dir = "/"
	c.Stdout, c.Stderr = output, output
	c.ExtraFiles = []*os.File{lifelineEnd, reportsEnd}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt in the terminal is for serve, which ends programs in order
	p := &Process{command: c, reports: reports, lifeline: lifeline, done: make(chan struct{})}
	if err := c.Start(); err != nil {
		lifeline.Close()
		reports.Close()
		return nil, err
	}
	p.Shim = c.Process.Pid
	return p, nil
}

// begin tells the shim what to run and waits until it does.
func (p *Process) begin(ctx context.Context, spec Spec) error {
	stop := context.AfterFunc(ctx, p.Kill)
	defer stop()
	err := json.NewEncoder(p.lifeline).Encode(spec)
	said := json.NewDecoder(p.reports)
	var first report
	if err == nil {
		err = said.Decode(&first)
	}
	if err == nil && first.Failure != "" {
		err = errors.New(first.Failure)
	}
	if err != nil {
		p.Kill()
		p.wait(said)
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return err
	}
	p.PID = first.PID
	go p.wait(said)
	return nil
}

// wait takes in how the program ended, and ends when its shim has.
func (p *Process) wait(said *json.Decoder) {
	defer close(p.done)
	p.exit = Exit{Signal: "SIGKILL"} // what it got if its shim does not come to say
	var last report
	if said.Decode(&last) == nil && last.Exit != nil {
		p.exit = *last.Exit
	}
	_ = p.command.Wait() // the report says how the program ended
	p.Kill()
	p.reports.Close()
}

// Done is closed once the program and all that came of it are gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit is how the program ended, once Done is closed.
func (p *Process) Exit() Exit { return p.exit }

// Terminate asks the program, and what is in its process group, to end.
func (p *Process) Terminate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lifeline != nil {
		_, _ = p.lifeline.Write([]byte{terminate}) // fails when it has ended already
	}
}

// Kill ends the program and all that came of it at once.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lifeline != nil {
		p.lifeline.Close()
		p.lifeline = nil
	}
}

// terminate on the lifeline asks for the signal that ends the program.
const terminate = 'T'
