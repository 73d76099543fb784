//go:build linux || darwin

package doctor

import "syscall"

// freeBytes is how much room a folder has for this user; false when that cannot be told.
func freeBytes(dir string) (uint64, bool) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return 0, false
	}
	return disk.Bavail * uint64(disk.Bsize), true
}
