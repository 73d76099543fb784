//go:build !linux && !darwin

package main

// freeBytes is how much room a folder has; it cannot be told here.
func freeBytes(string) (uint64, bool) { return 0, false }
