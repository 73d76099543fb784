package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is `plateform serve` as a child process.
type server struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed once the process has ended
	err  error         // how it ended; to be read after done
}

// startServer starts the binary with a settings file. What it logs goes to a file that is shown when a test fails.
func startServer(t *testing.T, settings, log string) *server {
	t.Helper()
	return startProcess(t, command(filepath.Dir(settings), os.Getenv(binaryVariable), "serve", "--config", settings), log)
}

// startProcess starts a command that is, or becomes, the binary at work.
func startProcess(t *testing.T, cmd *exec.Cmd, log string) *server {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	s := &server{cmd: cmd, log: log, done: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its children end with it at the end of the test
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(s.end)
	return s
}

// end makes sure that neither the process nor what it started is left. It is asked first: a push that is cut off leaves
// half of its objects behind, which no ref needs but git fsck complains about.
func (s *server) end() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(patience):
		s.kill()
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
}

// ended says that the process is gone although nobody stopped it.
func (s *server) ended() error {
	select {
	case <-s.done:
		return fmt.Errorf("serve has ended by itself: %v\n%s", s.err, s.tail())
	default:
		return nil
	}
}

// kill ends the process at once, without a chance to clean up.
func (s *server) kill() {
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.done
}

// terminate asks the process to end, as a service manager does, and wants it to end well.
func (s *server) terminate(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("stopping serve: %v\n%s", err, s.tail())
	}
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatalf("serve does not end when asked to\n%s", s.tail())
	}
	if s.err != nil {
		t.Errorf("serve ended with %v\n%s", s.err, s.tail())
	}
}

// tail is the end of what the process logged.
func (s *server) tail() string {
	const most = 6000
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	if len(b) > most {
		_, b, _ = bytes.Cut(b[len(b)-most:], []byte("\n"))
	}
	return strings.TrimSpace(string(b))
}
