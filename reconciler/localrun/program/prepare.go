package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// What is the machine's own and a program expects to find in its root, as a container tool would put it there.
var (
	hostFiles   = []string{"etc/hosts", "etc/resolv.conf"}
	errNotDir   = syscall.ENOTDIR
	errIsDir    = syscall.EISDIR
	hostDevices = []string{"null", "zero", "random", "urandom"}
)

// Prepare puts into a program's root what is the machine's: how names are resolved, and /dev/null and its like. It is for
// a program whose root becomes the root of its file system.
func (p Program) Prepare() error {
	root, err := os.OpenRoot(p.Root)
	if err != nil {
		return fmt.Errorf("preparing the root of a program: %w", err)
	}
	defer root.Close()
	for _, name := range hostFiles {
		content, err := os.ReadFile("/" + name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("preparing the root of a program: %w", err)
		}
		if err := root.WriteFile(name, content, 0o644); err != nil {
			return fmt.Errorf("preparing the root of a program: %w", err)
		}
	}
	if err := root.MkdirAll("dev", 0o755); err != nil {
		return fmt.Errorf("preparing the root of a program: %w", err)
	}
	for _, name := range hostDevices {
		makeDevice(root, "dev/"+name)
	}
	return nil
}
