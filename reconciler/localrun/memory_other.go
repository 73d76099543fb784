//go:build !linux

package localrun

func memoryOf(int) int64 { return 0 }
