package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// startRival runs a second serve with a data folder of its own on the same repositories, and returns it.
func (w *world) startRival() *server {
	w.t.Helper()
	settings, err := os.ReadFile(filepath.Join(w.dir, "serve.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	dir := filepath.Join(w.dir, "rival")
	if err := os.Mkdir(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(dir, "serve.yaml")
	text := strings.Replace(string(settings), "dataDir: "+filepath.Join(w.dir, "data"), "dataDir: "+filepath.Join(dir, "data"), 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return startServer(w.t, path, filepath.Join(dir, "serve.log"))
}

// Two serves on the same repositories get into each other's way, and say so, but make nothing twice and nothing wrong.
func TestTwoServesOnTheSameRepositories(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	w.registry.publish("birds/wren:1")
	shop, blog := w.imageProject("ws-1", "shop", "birds/wren:1"), w.imageProject("ws-2", "blog", "birds/wren:1")
	w.add(shop, blog)
	shop.runs("v1.0.0")
	blog.runs("v1.0.0")
	rival := w.startRival()

	var last string
	const rounds = 6
	for i := range rounds {
		version := fmt.Sprintf("v1.0.%d", i+1)
		shop.edit(fmt.Sprintf("replicas: %d", i+2))
		last = blog.edit(fmt.Sprintf("replicas: %d", i+2))
		shop.runs(version)
		blog.runs(version)
	}
	rollback := shop.revert(fmt.Sprintf("v1.0.%d", rounds))
	shop.runs(fmt.Sprintf("v1.0.%d", rounds-1))
	for _, commit := range []struct {
		of *project
		on string
	}{{blog, last}, {shop, rollback}} {
		if verdict := commit.of.verdict(commit.on); verdict.State != "success" {
			t.Errorf("%s ended with %+v", commit.of.name, verdict)
		}
	}
	w.settle()
	shop.wantNothingDoubled(rounds)
	blog.wantNothingDoubled(rounds + 1)
	if v := shop.values(); v.Release != fmt.Sprintf("v1.0.%d", rounds-1) {
		t.Errorf("after a rollback shop runs %s", v.Release)
	}
	w.await("one of the two to say that there is another", func() error {
		if !strings.Contains(w.server.tail()+rival.tail(), "another serve is at work") {
			return fmt.Errorf("the logs are\n%s\nand\n%s", w.server.tail(), rival.tail())
		}
		return nil
	})
	if err := rival.ended(); err != nil {
		t.Error(err)
	}
	rival.terminate(t)
}

// A second serve with the same data folder does not even start.
func TestTwoServesInOneDataFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	w.settle() // else the second may come first
	out, err := run1(w.dir, nil, os.Getenv(binaryVariable), "serve", "--config", filepath.Join(w.dir, "serve.yaml"))
	if err == nil || !strings.Contains(out+err.Error(), "another serve works with the data folder") {
		t.Errorf("it ended with %v:\n%s", err, out)
	}
	w.settle()
}
