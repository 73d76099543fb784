//go:build unix

package localbuild

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// group is a process group that does not outlive this process, however that ends. Its leader is a shell that waits for
// the end of a pipe which only this process holds open, and then kills the group, itself included. The kernel's own
// means (PR_SET_PDEATHSIG) reach a child, but not what the child started.
type group struct {
	leader *exec.Cmd
	pipe   *os.File
}

const waitForTheEnd = `read -r _ <&3; kill -KILL 0`

func newGroup() (*group, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("watching over a build: %w", err)
	}
	defer r.Close()
	leader := exec.Command("/bin/sh", "-c", waitForTheEnd)
	leader.Env = []string{}
	leader.ExtraFiles = []*os.File{r}
	leader.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := leader.Start(); err != nil {
		w.Close()
		return nil, fmt.Errorf("watching over a build: %w", err)
	}
	return &group{leader: leader, pipe: w}, nil
}

// join makes a command a member before it starts.
func (g *group) join(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: g.leader.Process.Pid}
}

// kill ends all members. The leader has not been waited for, so its number is still its own.
func (g *group) kill() { _ = syscall.Kill(-g.leader.Process.Pid, syscall.SIGKILL) }

// close ends what is left of the group.
func (g *group) close() {
	g.kill()
	_ = g.leader.Wait() // it was killed: that is no news
	g.pipe.Close()
}
