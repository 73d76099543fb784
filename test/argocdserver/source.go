package argocdserver

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// mirror are copies of repositories.
type mirror struct{ dir string }

func newMirror(t testing.TB) *mirror { return &mirror{dir: t.TempDir()} }

func run(ctx context.Context, args ...string) ([]byte, error) {
	var said bytes.Buffer
	git := exec.CommandContext(ctx, "git", args...)
	git.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_TERMINAL_PROMPT=0")
	git.Stderr = &said
	out, err := git.Output()
	if err != nil {
		return nil, fmt.Errorf("failed to run git %s: %w: %s", args[0], err, said.String())
	}
	return out, nil
}

// resolve fetches a branch and returns its commit.
func (m *mirror) resolve(ctx context.Context, url, branch string) (string, error) {
	if _, err := os.Stat(filepath.Join(m.dir, "HEAD")); err != nil {
		if _, err := run(ctx, "init", "-q", "--bare", m.dir); err != nil {
			return "", err
		}
	}
	if _, err := run(ctx, "-C", m.dir, "fetch", "-q", "--no-tags", url, "+refs/heads/"+branch+":refs/heads/fetched"); err != nil {
		return "", err
	}
	out, err := run(ctx, "-C", m.dir, "rev-parse", "refs/heads/fetched")
	return strings.TrimSpace(string(out)), err
}

// files are those of a commit below some paths.
func (m *mirror) files(ctx context.Context, commit string, paths ...string) (map[string][]byte, error) {
	out, err := run(ctx, append([]string{"-C", m.dir, "archive", commit, "--"}, paths...)...)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(bytes.NewReader(out)); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag == tar.TypeReg {
			if files[h.Name], err = io.ReadAll(archive); err != nil {
				return nil, err
			}
		}
	}
}

// render makes the objects of an Application at a commit out of a source, as helm template does.
func (a *app) render(ctx context.Context, commit string, source map[string]any) ([]*unstructured.Unstructured, error) {
	chartDir, _, _ := unstructured.NestedString(source, "path")
	valueFiles, _, _ := unstructured.NestedStringSlice(source, "helm", "valueFiles")
	valuesObject, _, _ := unstructured.NestedMap(source, "helm", "valuesObject")
	paths := []string{chartDir}
	for _, file := range valueFiles {
		paths = append(paths, strings.TrimPrefix(file, "/"))
	}
	files, err := a.git.files(ctx, commit, paths...)
	if err != nil {
		return nil, err
	}
	values := chartutil.Values{}
	var buffered []*loader.BufferedFile
	for name, content := range files {
		if inside, found := strings.CutPrefix(name, chartDir+"/"); found {
			buffered = append(buffered, &loader.BufferedFile{Name: inside, Data: content})
			continue
		}
		if values, err = chartutil.ReadValues(content); err != nil {
			return nil, err
		}
	}
	values = chartutil.MergeTables(valuesObject, values) // which it passes on after the files, so that it counts
	chart, err := loader.LoadFiles(buffered)
	if err != nil {
		return nil, err
	}
	release := chartutil.ReleaseOptions{Name: a.text("spec", "source", "helm", "releaseName"), Namespace: a.text("spec", "destination", "namespace")}
	speaks := chartutil.DefaultCapabilities.Copy()
	speaks.KubeVersion = chartutil.KubeVersion{Version: "v1.35.0", Major: "1", Minor: "35"}
	ready, err := chartutil.ToRenderValues(chart, values, release, speaks)
	if err != nil {
		return nil, err
	}
	texts, err := engine.Engine{Strict: true}.Render(chart, ready)
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, text := range texts {
		for decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096); ; {
			o := &unstructured.Unstructured{}
			if err := decoder.Decode(o); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			if len(o.Object) > 0 {
				objects = append(objects, o)
			}
		}
	}
	return objects, nil
}
