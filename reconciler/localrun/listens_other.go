//go:build !linux

package localrun

func listens(int, string) bool { return false }
