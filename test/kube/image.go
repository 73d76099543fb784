package kube

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/plateform/plateform/test/ociimage"
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
	app, err := buildApp(ctx, filepath.Join(dir, "app"))
	if err != nil {
		return err
	}
	layer, err := ociimage.Program(app)
	if err != nil {
		return err
	}
	_, err = ociimage.Push(ctx, reference, layer, v1.Config{Entrypoint: []string{"/app", b.String()}, User: "1000"})
	return err
}

// buildApp builds the app of test images.
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
	return os.ReadFile(file)
}
