package localbuild

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/logline"
	"github.com/plateform/plateform/reconciler/scan"
)

// The labels that say where an image comes from. They make it possible to take over what an earlier process built.
const (
	labelSource    = "org.opencontainers.image.source"
	labelRevision  = "org.opencontainers.image.revision"
	ownLabels      = "dev.plateform."
	labelBuild     = ownLabels + "build"
	labelPath      = ownLabels + "path"
	labelTree      = ownLabels + "tree"
	labelFramework = ownLabels + "framework"
	labelPort      = ownLabels + "port"
	labelScan      = ownLabels + "scan"
)

// nobody is the user that a Go program runs as: one that owns nothing, known by number so that Kubernetes can check it.
const nobody = 65532

// labelsOf says of an image what it was built from and what was found out about it. What is not known has no label.
func labelsOf(r reconciler.BuildRequest, built Built) map[string]string {
	labels := map[string]string{
		labelSource: logline.Redact(r.Repository), labelRevision: r.Commit,
		labelBuild: r.ID, labelPath: r.Path, labelTree: r.Tree, labelFramework: built.Framework,
	}
	if built.Port != 0 {
		labels[labelPort] = strconv.Itoa(built.Port)
	}
	if built.Scan != nil {
		labels[labelScan] = scan.Words(*built.Scan)
	}
	maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
	return labels
}

// label writes labels into an image. It keeps those that a Dockerfile gave it, except in our name.
func label(image v1.Image, labels map[string]string) (v1.Image, error) {
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the built image: %w", err)
	}
	config := *file.Config.DeepCopy()
	if config.Labels == nil {
		config.Labels = map[string]string{}
	}
	maps.DeleteFunc(config.Labels, func(name, _ string) bool {
		return strings.HasPrefix(name, ownLabels) || name == labelSource || name == labelRevision
	})
	maps.Copy(config.Labels, labels)
	labelled, err := mutate.Config(image, config)
	if err != nil {
		return nil, fmt.Errorf("labelling the image: %w", err)
	}
	return labelled, nil
}

// relabel labels an image as the one that runs is labelled, when it then is that very image; nil when it is another one.
func relabel(image v1.Image, labels, running map[string]string, digest string) (v1.Image, map[string]string, error) {
	as := maps.Clone(labels)
	for _, name := range []string{labelRevision, labelBuild, labelTree, labelScan} {
		if delete(as, name); running[name] != "" {
			as[name] = running[name]
		}
	}
	relabelled, err := label(image, as)
	if err != nil {
		return nil, nil, err
	}
	made, err := relabelled.Digest()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the built image: %w", err)
	}
	if made.String() != digest {
		return nil, nil, nil
	}
	return relabelled, as, nil
}

// sameSource says that an image is from a build of the place that a request is for.
func sameSource(r reconciler.BuildRequest, labels map[string]string) bool {
	return labels[labelBuild] != "" && repourl.ID(labels[labelSource]) == repourl.ID(logline.Redact(r.Repository)) && labels[labelPath] == r.Path
}

// described is what labels say about an image.
func described(labels map[string]string) manifest.Image {
	port, err := strconv.Atoi(labels[labelPort])
	if err != nil {
		port = 0
	}
	return manifest.Image{
		Commit: labels[labelRevision], Tree: labels[labelTree], Framework: frameworks.Current(labels[labelFramework]), Port: port, Built: true,
	}
}

// programImage puts a static program into an image of its own: the program, a user, and a folder for temporary files.
// There is no shell and there are no certificate authorities, as those of this machine would make the digest depend on
// it: a program that calls others over TLS brings them along (golang.org/x/crypto/x509roots/fallback), or has a
// Dockerfile.
func programImage(program string, port int) (v1.Image, error) {
	content, err := programLayer(program)
	if err != nil {
		return nil, fmt.Errorf("making the image: %w", err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("making the image: %w", err)
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	epoch := v1.Time{Time: time.Unix(0, 0).UTC()}
	image, err := mutate.Append(base, mutate.Addendum{Layer: layer, History: v1.History{Created: epoch, CreatedBy: "plateform"}})
	if err != nil {
		return nil, fmt.Errorf("making the image: %w", err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("making the image: %w", err)
	}
	file = file.DeepCopy()
	file.Created, file.OS, file.Architecture = epoch, targetOS, runtime.GOARCH
	file.Config = v1.Config{
		Entrypoint: []string{"/app"},
		User:       fmt.Sprintf("%d:%d", nobody, nobody),
		WorkingDir: "/",
		Env:        []string{"PATH=/", "HOME=/tmp"},
	}
	if port != 0 {
		file.Config.ExposedPorts = map[string]struct{}{fmt.Sprintf("%d/tcp", port): {}}
	}
	return mutate.ConfigFile(image, file)
}

// programLayer is the file system of a program's image. Nothing in it depends on when or where it was made.
func programLayer(program string) ([]byte, error) {
	app, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	users := fmt.Sprintf("nobody:x:%d:%d:nobody:/tmp:/nothing\n", nobody, nobody)
	files := []struct {
		name    string
		mode    int64
		content []byte
	}{
		{"app", 0o755, app},
		{"etc/", 0o755, nil},
		{"etc/passwd", 0o644, []byte(users)},
		{"tmp/", 0o1777, nil},
	}
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if strings.HasSuffix(f.name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(f.content); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), archive.Close()
}
