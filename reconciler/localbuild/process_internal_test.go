//go:build unix

package localbuild

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asBuilder makes the test binary a process that runs a command until it is killed.
const asBuilder = "LOCALBUILD_TEST_AS_BUILDER"

// family starts a child and says who it and its child are.
const family = `sleep 1000 & echo $$ $!; wait`

func TestMain(m *testing.M) {
	if os.Getenv(asBuilder) != "" {
		err := run(context.Background(), command{name: "/bin/sh", args: []string{"-c", family}, stdout: os.Stdout, stderr: os.Stderr})
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// alive says whether a process runs. One that has ended and waits to be collected does not.
func alive(t *testing.T, pid int) bool {
	t.Helper()
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	out, err := exec.CommandContext(t.Context(), "ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

func waitForTheEndOf(t *testing.T, pids []int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for _, pid := range pids {
		for alive(t, pid) {
			select {
			case <-tick.C:
			case <-deadline:
				_ = syscall.Kill(pid, syscall.SIGKILL)
				t.Fatalf("process %d lives on", pid)
			}
		}
	}
}

// parsePIDs reads what family prints.
func parsePIDs(t *testing.T, line string) []int {
	t.Helper()
	var pids []int
	for _, word := range strings.Fields(line) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatalf("no process IDs: %q", line)
		}
		pids = append(pids, pid)
	}
	if len(pids) != 2 {
		t.Fatalf("want two process IDs: %q", line)
	}
	return pids
}

func TestKillingTheBuilderLeavesNoOrphan(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	builder := exec.CommandContext(t.Context(), self)
	builder.Env = append(os.Environ(), asBuilder+"=1")
	out, err := builder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := builder.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pids := parsePIDs(t, line)
	for _, pid := range pids {
		if !alive(t, pid) {
			t.Fatalf("process %d does not run", pid)
		}
	}
	if err := builder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = builder.Wait() // it was killed
	waitForTheEndOf(t, pids)
}

func TestCancelEndsTheWholeGroup(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("because")
	said := make(chan string, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, command{name: "/bin/sh", args: []string{"-c", family}, stdout: lineTo(said), stderr: os.Stderr})
	}()
	pids := parsePIDs(t, <-said)
	cancel(why)
	if err := <-ended; !errors.Is(err, why) {
		t.Errorf("run = %v, want %v", err, why)
	}
	waitForTheEndOf(t, pids)
}

// lineTo sends what is written at once.
func lineTo(c chan<- string) *bytesTo { return &bytesTo{c} }

type bytesTo struct{ c chan<- string }

func (b *bytesTo) Write(p []byte) (int, error) {
	b.c <- string(p)
	return len(p), nil
}

func TestWhatACommandLeavesBehindEnds(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), command{
		name: "/bin/sh", args: []string{"-c", `sleep 1000 >/dev/null 2>&1 & echo $$ $!`}, stdout: &out, stderr: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	waitForTheEndOf(t, parsePIDs(t, out.String()))
}

func TestACommandInheritsNothing(t *testing.T) {
	t.Setenv("PLATEFORM_TOKEN", "hunter2")
	var out bytes.Buffer
	err := run(t.Context(), command{name: "/usr/bin/env", env: []string{"A=1"}, stdout: &out, stderr: &out})
	if err != nil || out.String() != "A=1\n" {
		t.Errorf("the command sees %q, %v, want A=1 alone", out.String(), err)
	}
}
