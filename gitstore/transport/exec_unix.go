//go:build unix

package transport

import (
	"os/exec"
	"syscall"
)

// killTree makes the end of the context reach the hooks too, which are children of the program.
func killTree(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
