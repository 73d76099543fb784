//go:build unix

package transport

import (
	"errors"
	"os/exec"
	"syscall"
	"time"
)

// killTree makes the end of the context reach the hooks too, which are children of the program.
func killTree(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return endGroup(cmd.Process.Pid) }
}

// endGroup asks the programs of a process group to end, and kills those that have not after a moment. A git that is
// killed leaves its lock files behind, and with them nobody can push to that ref again.
func endGroup(group int) error {
	const grace, glance = 500 * time.Millisecond, 5 * time.Millisecond
	if err := syscall.Kill(-group, syscall.SIGTERM); err != nil {
		return err
	}
	for range grace / glance {
		time.Sleep(glance)
		if err := syscall.Kill(-group, 0); errors.Is(err, syscall.ESRCH) {
			return nil
		}
	}
	if err := syscall.Kill(-group, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}
