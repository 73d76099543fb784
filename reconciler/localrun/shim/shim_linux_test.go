package shim_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler/localrun/shim"
)

// patience bounds every wait; nothing depends on how long one takes.
const patience = 60 * time.Second

// This binary plays all parts: the shim, the program below it, and the parent that gets killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case shim.Argument:
			os.Exit(shim.Main())
		case "program":
			program(os.Args[2])
		case "parent":
			parent(os.Args[2], os.Args[3])
		}
	}
	os.Exit(m.Run())
}

// program is what tests run. Each part prints its number, so that tests know whom to look for.
func program(part string) {
	fmt.Println(part, os.Getpid())
	switch part {
	case "waits":
		forever()
	case "fails":
		os.Exit(3)
	case "ends on TERM":
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		fmt.Println("listens", os.Getpid())
		<-asked
		os.Exit(0)
	case "ends on INT":
		asked := make(chan os.Signal, 1)
		signal.Ignore(syscall.SIGTERM)
		signal.Notify(asked, syscall.SIGINT)
		fmt.Println("listens", os.Getpid())
		<-asked
		os.Exit(0)
	case "ignores TERM":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("listens", os.Getpid())
		forever()
	case "leaves a daemon":
		startAway("waits")
	case "has an away child":
		startAway("waits")
		forever()
	case "env":
		for _, v := range os.Environ() {
			fmt.Printf("%q\n", v)
		}
	}
	os.Exit(0)
}

// startAway starts a process in a session of its own, which no process group reaches, and returns once it runs.
func startAway(part string) {
	c := exec.Command("/proc/self/exe", "program", part)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	said, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		panic(err)
	}
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		panic(err)
	}
	fmt.Print(line)
}

// forever waits for what does not come.
func forever() {
	never := make(chan os.Signal, 1)
	signal.Notify(never, syscall.SIGUSR1)
	<-never
}

// parent runs a program and stays until it is killed.
func parent(part, record string) {
	p, err := shim.Start(context.Background(), []string{"/proc/self/exe", shim.Argument}, specOf(part), os.Stdout)
	if err == nil {
		err = p.Write(record)
	}
	if err != nil {
		panic(err)
	}
	fmt.Println("shim", p.Shim)
	forever()
}

func specOf(part string) shim.Spec {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return shim.Spec{Path: self, Args: []string{"program", part}, Dir: "/"}
}

// output reads what a program prints.
type output struct {
	t     *testing.T
	write *os.File
	lines chan string
}

func newOutput(t *testing.T) *output {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	o := &output{t: t, write: w, lines: make(chan string, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(o.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			o.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { w.Close(); <-done; r.Close() })
	return o
}

// pid waits until a part says its number.
func (o *output) pid(part string) int {
	o.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, open := <-o.lines:
			if !open {
				o.t.Fatalf("the output ended before %q", part)
			}
			if number, found := strings.CutPrefix(line, part+" "); found {
				pid, err := strconv.Atoi(number)
				if err != nil {
					o.t.Fatal(err)
				}
				return pid
			}
		case <-timeout:
			o.t.Fatalf("waited %v for %q", patience, part)
		}
	}
}

func start(t *testing.T, part string) (*shim.Process, *output) {
	t.Helper()
	o := newOutput(t)
	p, err := shim.Start(t.Context(), []string{"/proc/self/exe", shim.Argument}, specOf(part), o.write)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p, o
}

func awaitDone(t *testing.T, p *shim.Process) shim.Exit {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(patience):
		t.Fatalf("it has not ended after %v", patience)
	}
	return p.Exit()
}

// awaitGone waits until no process has a number, other than as a zombie.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(patience); ; {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(content), ") Z ") {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("process %d is still there: %s", pid, content)
		case <-ticker.C:
		}
	}
}

func TestExit(t *testing.T) {
	p, _ := start(t, "fails")
	if exit := awaitDone(t, p); exit != (shim.Exit{Code: 3}) {
		t.Errorf("exit %+v, want code 3", exit)
	}
	p, o := start(t, "ends on TERM")
	o.pid("listens")
	p.Terminate()
	if exit := awaitDone(t, p); exit != (shim.Exit{}) {
		t.Errorf("exit %+v, want code 0", exit)
	}
	p, o = start(t, "ignores TERM")
	o.pid("listens")
	p.Terminate()
	select {
	case <-p.Done():
		t.Error("it ended on TERM, which it ignores")
	case <-time.After(100 * time.Millisecond):
	}
	p.Kill()
	if exit := awaitDone(t, p); exit != (shim.Exit{Signal: "SIGKILL"}) {
		t.Errorf("exit %+v, want SIGKILL", exit)
	}
}

// Images name signals in more than one way. One that is not known is SIGTERM.
func TestStopSignal(t *testing.T) {
	for signal, part := range map[string]string{"SIGINT": "ends on INT", "int": "ends on INT", "2": "ends on INT", "SIGNONE": "ends on TERM", "65": "ends on TERM"} {
		o, spec := newOutput(t), specOf(part)
		spec.StopSignal = signal
		p, err := shim.Start(t.Context(), []string{"/proc/self/exe", shim.Argument}, spec, o.write)
		if err != nil {
			t.Fatal(err)
		}
		o.pid("listens")
		p.Terminate()
		if exit := awaitDone(t, p); exit != (shim.Exit{}) {
			t.Errorf("%s: exit %+v, want code 0", signal, exit)
		}
	}
}

func TestCannotStart(t *testing.T) {
	spec := specOf("waits")
	spec.Path = filepath.Join(t.TempDir(), "nothing")
	if _, err := shim.Start(t.Context(), []string{"/proc/self/exe", shim.Argument}, spec, os.Stderr); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("error %v, want that there is no such file", err)
	}
	if _, err := shim.Start(t.Context(), []string{spec.Path}, spec, os.Stderr); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that the shim is not there", err)
	}
}

// A program that is still open for writing, in a process that was forked while it was written, is started once it is not.
func TestAProgramThatWasWrittenAMomentAgo(t *testing.T) {
	spec := specOf("fails")
	self, err := os.ReadFile(spec.Path)
	if err != nil {
		t.Fatal(err)
	}
	spec.Path = filepath.Join(t.TempDir(), "program")
	written, err := os.OpenFile(spec.Path, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := written.Write(self); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = written.Close() })
	p, err := shim.Start(t.Context(), []string{"/proc/self/exe", shim.Argument}, spec, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if exit := awaitDone(t, p); exit.Code != 3 {
		t.Errorf("it ended with %+v", exit)
	}
}

func TestNothingIsInherited(t *testing.T) {
	t.Setenv("OF_THE_PARENT", "secret")
	o := newOutput(t)
	spec := specOf("env")
	spec.Env = []string{"A=1\n2", `B="'$(id)`}
	p, err := shim.Start(t.Context(), []string{"/proc/self/exe", shim.Argument}, spec, o.write)
	if err != nil {
		t.Fatal(err)
	}
	awaitDone(t, p)
	o.write.Close()
	var got []string
	for line := range o.lines {
		got = append(got, line)
	}
	if want := `"A=1\n2" "B=\"'$(id)"`; strings.Join(got[1:], " ") != want {
		t.Errorf("environment %s, want %s", got[1:], want)
	}
}

// What a program leaves behind ends with it, also in a session of its own.
func TestDaemonsEndWithTheProgram(t *testing.T) {
	p, o := start(t, "leaves a daemon")
	daemon := o.pid("waits")
	awaitDone(t, p)
	awaitGone(t, daemon)
}

func TestNothingOutlivesTheParent(t *testing.T) {
	for _, part := range []string{"waits", "ignores TERM", "has an away child"} {
		t.Run(part, func(t *testing.T) {
			o := newOutput(t)
			record := filepath.Join(t.TempDir(), "record")
			parent := exec.Command("/proc/self/exe", "parent", part, record)
			parent.Stdout, parent.Stderr = o.write, os.Stderr
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			left := []int{o.pid(part)}
			if part == "has an away child" {
				left = append(left, o.pid("waits"))
			}
			if err := parent.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = parent.Wait() // it was killed
			for _, pid := range left {
				awaitGone(t, pid)
			}
		})
	}
}

// When the shim is killed too, the program dies with it.
func TestTheProgramDiesWithItsShim(t *testing.T) {
	p, o := start(t, "waits")
	pid := o.pid("waits")
	if err := syscall.Kill(p.Shim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if exit := awaitDone(t, p); exit.Signal != "SIGKILL" {
		t.Errorf("exit %+v, want SIGKILL", exit)
	}
	awaitGone(t, pid)
}

func TestSweep(t *testing.T) {
	record := filepath.Join(t.TempDir(), "record")
	p, o := start(t, "waits")
	pid := o.pid("waits")
	if err := p.Write(record); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	// Another process that has the number by now is left alone.
	later := strings.Replace(string(content), `"started":"`, `"started":"9`, -1)
	if err := os.WriteFile(record, []byte(later), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := shim.Sweep(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
		t.Fatal("a process that only has the same number was ended")
	default:
	}
	if err := p.Write(record); err != nil {
		t.Fatal(err)
	}
	if err := shim.Sweep(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, pid)
	awaitDone(t, p)
	if _, err := os.Stat(record); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the record is still there: %v", err)
	}
}
