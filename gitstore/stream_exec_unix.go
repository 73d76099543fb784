//go:build unix

package gitstore

import (
	"os/exec"
	"syscall"
)

// killTree makes the end of the context reach the hooks too, which are children of the program.
func killTree(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
