package kube

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"time"
)

// Source is the module that the control plane is built from, in the repository that the working directory is in.
func Source() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	for folder := here; ; folder = filepath.Dir(folder) {
		source := filepath.Join(folder, "test", "controlplane")
		if _, err := os.Stat(filepath.Join(source, "go.mod")); err == nil {
			return source, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("finding what the control plane is built from: %s is not in the repository", here)
		}
	}
}

// Binary is where the control plane of a source is on this machine, whether it has been built or not. Another source, or
// another machine, has another place.
func Binary(source string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache of this user: %w", err)
	}
	sum := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		content, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", fmt.Errorf("reading what the control plane is built from: %w", err)
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(content), content)
	}
	key := fmt.Sprintf("%s-%s-%s", runtime.GOOS, runtime.GOARCH, hex.EncodeToString(sum.Sum(nil))[:16])
	return filepath.Join(cache, "plateform-test", key, "controlplane"), nil
}

// Build builds the control plane of a source unless it is there, and returns where it is. It takes minutes on a machine
// that has never done so.
func Build(ctx context.Context, source string) (string, error) {
	binary, err := Binary(source)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return "", fmt.Errorf("building the control plane: %w", err)
	}
	// Whoever looks while it is written finds nothing, and two that build at once do not disturb each other.
	unfinished := fmt.Sprintf("%s.%d", binary, os.Getpid())
	defer os.Remove(unfinished)
	// The binary has to know its version, as the API depends on it.
	requirements, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("building the control plane: %w", err)
	}
	version := kubernetesVersion.FindStringSubmatch(string(requirements))
	if version == nil {
		return "", fmt.Errorf("building the control plane: %s requires no k8s.io/kubernetes", filepath.Join(source, "go.mod"))
	}
	const variable = " -X k8s.io/component-base/version.git"
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", unfinished,
		"-ldflags", "-s -w"+variable+"Version="+version[1]+variable+"Major="+version[2]+variable+"Minor="+version[3], ".")
	build.Dir, build.Stdout, build.Stderr = source, os.Stderr, os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	began := time.Now()
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("building the control plane: %w", err)
	}
	used := build.ProcessState.UserTime() + build.ProcessState.SystemTime()
	fmt.Fprintf(os.Stderr, "built the control plane in %v, %v of the processor\n", time.Since(began).Round(time.Second), used.Round(time.Second))
	if err := os.Rename(unfinished, binary); err != nil {
		return "", fmt.Errorf("keeping the control plane: %w", err)
	}
	return binary, nil
}

var kubernetesVersion = regexp.MustCompile(`(?m)^\s*k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)$`)

// find returns the control plane of this repository, or why there is none.
func find() (string, error) {
	source, err := Source()
	if err != nil {
		return "", err
	}
	binary, err := Binary(source)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(binary); errors.Is(err, os.ErrNotExist) {
		return "", errNotBuilt
	} else if err != nil {
		return "", fmt.Errorf("looking for the control plane: %w", err)
	}
	return binary, nil
}

// errNotBuilt is what tests are skipped for.
var errNotBuilt = errors.New("there is no Kubernetes control plane on this machine: run make controlplane")
