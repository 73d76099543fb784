package shim

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Main is a shim, from its start to its end. It returns the exit code.
func Main() int {
	// The kernel sends PR_SET_PDEATHSIG when the thread ends that forked, and PR_SET_NO_NEW_PRIVS is of a thread.
	runtime.LockOSThread()
	// What a terminal sends is not for us. It is received and dropped: the program would inherit that it is ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	lifeline := bufio.NewReader(os.NewFile(lifelineFile, "lifeline"))
	reports := json.NewEncoder(os.NewFile(reportFile, "reports"))
	syscall.CloseOnExec(lifelineFile)
	syscall.CloseOnExec(reportFile)
	c, err := start(lifeline)
	if err != nil {
		_ = reports.Encode(report{Failure: err.Error()}) // nobody is left to be told otherwise
		return 1
	}
	_ = reports.Encode(report{PID: c.pid})
	go c.obey(lifeline)
	exit := c.wait()
	cleanUp(c.spec)
	_ = reports.Encode(report{Exit: &exit})
	return 0
}

// cleanUp runs what is to be run at the end.
func cleanUp(spec Spec) {
	if len(spec.After) == 0 {
		return
	}
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, spec.After[0], spec.After[1:]...)
	c.Env, c.Dir = spec.Env, "/"
	_ = c.Run() // there may be nothing to clean up, and nobody to tell
}

// child is the program.
type child struct {
	pid  int
	spec Spec

	mu sync.Mutex
	// reaped: the number may be another process's by now.
	reaped bool
}

// start reads what to run and runs it.
func start(lifeline *bufio.Reader) (*child, error) {
	line, err := lifeline.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("reading what to run: %w", err)
	}
	var spec Spec
	if err := json.Unmarshal(line, &spec); err != nil {
		return nil, fmt.Errorf("reading what to run: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("becoming the parent of orphans: %w", err)
	}
	if !spec.AllowSetuid {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return nil, fmt.Errorf("giving up setuid programs: %w", err)
		}
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	attributes := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if spec.Root != "" {
		attributes.Chroot = spec.Root
		attributes.Credential = &syscall.Credential{Uid: spec.UID, Gid: spec.GID}
	}
	pid, err := forkExec(spec, &syscall.ProcAttr{
		Dir: spec.Dir, Env: spec.Env, Files: []uintptr{null.Fd(), 1, 2}, Sys: attributes,
	})
	if err != nil {
		return nil, err
	}
	return &child{pid: pid, spec: spec}, nil
}

// forkExec starts a program. One that was written a moment ago may be open for writing still, in a process that was forked just
// then by whoever wrote it and has not come to its own program yet: the kernel starts it as soon as that has.
func forkExec(spec Spec, attributes *syscall.ProcAttr) (pid int, err error) {
	const first, most = time.Millisecond, 5 * time.Second
	args := append([]string{spec.Path}, spec.Args...)
	for pause, waited := first, time.Duration(0); ; pause *= 2 {
		pid, err = syscall.ForkExec(spec.Path, args, attributes)
		if err != syscall.ETXTBSY || waited >= most {
			return pid, err
		}
		time.Sleep(pause)
		waited += pause
	}
}

// obey does what the parent says, until the lifeline ends.
func (c *child) obey(lifeline io.ByteReader) {
	for {
		order, err := lifeline.ReadByte()
		switch {
		case err != nil:
			c.signal(syscall.SIGKILL)
			return
		case order == terminate:
			c.signal(signalOf(c.spec.StopSignal))
		}
	}
}

// signalOf is a signal by its name, as images have it: SIGINT, INT, or 2.
func signalOf(text string) syscall.Signal {
	if number, err := strconv.Atoi(text); err == nil && number > 0 && number < 65 {
		return syscall.Signal(number)
	}
	text = strings.ToUpper(text)
	if !strings.HasPrefix(text, "SIG") {
		text = "SIG" + text
	}
	if found := unix.SignalNum(text); found != 0 {
		return found
	}
	return syscall.SIGTERM
}

// signal reaches the program and its process group.
func (c *child) signal(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reaped {
		_ = syscall.Kill(-c.pid, s) // it may have ended by itself
		if s == syscall.SIGKILL {
			_ = syscall.Kill(c.pid, s) // it may have left its group
		}
	}
}

// wait returns once the program has ended and nothing that came of it is left.
func (c *child) wait() Exit {
	var exit Exit
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil: // there is no child any more
			return exit
		case pid == c.pid:
			exit = exitOf(status)
			c.mu.Lock()
			c.reaped = true
			c.mu.Unlock()
		}
		if c.reaped {
			killChildren()
		}
	}
}

func exitOf(status syscall.WaitStatus) Exit {
	if status.Signaled() {
		return Exit{Signal: unix.SignalName(status.Signal())}
	}
	return Exit{Code: status.ExitStatus()}
}

// killChildren kills all children of this process. What they leave behind comes to be its children in turn.
func killChildren() {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
	for _, file := range files {
		if stat, err := readStat(file); err == nil && stat.parent == os.Getpid() {
			_ = syscall.Kill(stat.pid, syscall.SIGKILL) // not reaped yet, so that the number is its own
		}
	}
}

// stat is what /proc says of a process.
type stat struct {
	pid, parent int
	state       string
	// started is when, in ticks since the machine started.
	started string
}

func readStat(file string) (stat, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return stat{}, err
	}
	const parent, startTime = 1, 19 // counted behind the name, which may hold anything
	text := string(content)
	end := strings.LastIndexByte(text, ')')
	fields := strings.Fields(text[end+1:])
	number, _, _ := strings.Cut(text, " ")
	pid, err := strconv.Atoi(number)
	if err != nil || end < 0 || len(fields) <= startTime {
		return stat{}, fmt.Errorf("%s has another form than expected", file)
	}
	ppid, err := strconv.Atoi(fields[parent])
	return stat{pid: pid, parent: ppid, state: fields[0], started: fields[startTime]}, err
}
