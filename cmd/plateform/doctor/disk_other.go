//go:build !linux && !darwin

package doctor

// freeBytes is how much room a folder has; it cannot be told here.
func freeBytes(string) (uint64, bool) { return 0, false }
