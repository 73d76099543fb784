//go:build !linux

package program

import "os"

func makeDevice(*os.Root, string) {}
