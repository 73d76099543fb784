//go:build unix

package detect_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/plateform/plateform/reconciler/detect"
)

// A pipe in a folder is no file: whoever opened it would wait for somebody to write.
func TestAPipeIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, hello())
	for _, name := range []string{"package.json", "requirements.txt"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := detect.ReadFile(onDisk(t, dir), "package.json"); err == nil {
		t.Error("it is read")
	}
	if d, err := detect.Find(onDisk(t, dir), "", nil); err != nil || d.Framework != "go" {
		t.Errorf("it is %q, %v", d.Framework, err)
	}
}
