package program

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// makeDevice copies a device of the machine. Where the file system or the kernel allows none, a program goes without it:
// few need one.
func makeDevice(root *os.Root, name string) {
	if _, err := root.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	var device syscall.Stat_t
	if syscall.Stat("/"+name, &device) != nil || device.Mode&syscall.S_IFCHR == 0 {
		return
	}
	at := filepath.Join(root.Name(), name)
	if syscall.Mknod(at, syscall.S_IFCHR|0o666, int(device.Rdev)) == nil {
		_ = os.Chmod(at, 0o666) // the umask took from it
	}
}
