package kube

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"k8s.io/apimachinery/pkg/util/rand"
)

// Image returns an image that no other test has, which behaves so. On a cluster with nodes of its own it is a real one, in
// the registry at $PLATEFORM_TEST_REGISTRY, which pods know as $PLATEFORM_TEST_PULL; the test is skipped there when no
// image can behave so by itself.
func (c *Cluster) Image(t testing.TB, b Behaviour) string {
	t.Helper()
	if !c.Real() {
		image := fmt.Sprintf("images.test/%s:%s", b, rand.String(8))
		c.Behave(t, image, b)
		return image
	}
	registry := os.Getenv("PLATEFORM_TEST_REGISTRY")
	if registry == "" {
		t.Skip("$PLATEFORM_TEST_REGISTRY names no registry that the nodes of this cluster pull from")
	}
	image := fmt.Sprintf("/test/%s:%s", b, rand.String(8))
	switch b {
	case PullFails: // nobody pushes it
	case Runs, NeverReady, Ends, CrashLoop:
		if err := push(t.Context(), registry+image, t.TempDir(), b); err != nil {
			t.Fatalf("making the image %s: %v", image, err)
		}
	default:
		t.Skipf("no image is %s by itself: unset PLATEFORM_TEST_CLUSTER", b)
	}
	return cmp.Or(os.Getenv("PLATEFORM_TEST_PULL"), "registry.test:5000") + image
}

// push builds the app of test images and pushes an image in which it behaves in a way.
func push(ctx context.Context, reference, dir string, b Behaviour) error {
	tag, err := name.NewTag(reference, name.Insecure) // as registries of tests are
	if err != nil {
		return err
	}
	app, err := buildApp(ctx, filepath.Join(dir, "app"))
	if err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(app)), nil })
	if err != nil {
		return err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return err
	}
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{OS: "linux", Architecture: runtime.GOARCH, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Entrypoint: []string{"/app", b.String()}, User: "1000"}})
	if err != nil {
		return err
	}
	return remote.Write(tag, image, remote.WithContext(ctx))
}

// buildApp builds the app of test images, and returns it as a layer.
func buildApp(ctx context.Context, file string) ([]byte, error) {
	source, err := Source()
	if err != nil {
		return nil, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, "./test/kube/app")
	build.Dir, build.Stderr = filepath.Dir(filepath.Dir(source)), os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("building the app: %w", err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	header := w.WriteHeader(&tar.Header{Name: "app", Mode: 0o755, Size: int64(len(content))})
	_, err = w.Write(content)
	return layer.Bytes(), errors.Join(header, err, w.Close())
}
