package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binaryVariable names the environment variable that carries the path of the binary under test from TestMain to the
// tests. Set from outside, it saves the build.
const binaryVariable = "PLATEFORM_E2E_BINARY"

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Getenv(binaryVariable) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "plateform-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "plateform")
	build := exec.Command("go", "build", "-o", binary, "github.com/plateform/plateform/cmd/plateform")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building the binary under test:", err)
		return 3
	}
	if err := os.Setenv(binaryVariable, binary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	return m.Run()
}

// dependOnSources lists all folders with what the binary is built from. The go command notes which folders a test lists,
// and repeats an earlier result only while they are as they were; of the build that a test starts it knows nothing.
func dependOnSources(t *testing.T) {
	t.Helper()
	module := filepath.Join("..", "..")
	for _, folder := range []string{"cmd", "gitstore", "manifest", "reconciler", "schemas", "webhook", "go.mod", "go.sum"} {
		err := filepath.WalkDir(filepath.Join(module, folder), func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			t.Fatal(err)
		}
	}
}
