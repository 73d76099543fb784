package localbuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/dockerfile/generate"
	"github.com/plateform/plateform/reconciler/logline"
	"github.com/plateform/plateform/reconciler/scan"
)

// Earlier finds what was built before, with the steps of a build.
type Earlier struct{ Steps }

// ContentOf is a hash over everything that determines the image of a request: the files of the checkout, all of them, and how they
// are built, mirrors of base images included. Two requests with one hash are of one workspace and one repository, and come to images that can take each other's place.
// It is empty for a source that nobody can build, and for a request of no project. The hash has to be taken before anything of the
// source runs, which may change the files.
func (s Earlier) ContentOf(r reconciler.BuildRequest, src Source) (string, error) {
	if r.Key.Workspace == "" {
		return "", nil
	}
	d, err := Detect(src, r.Build)
	if err != nil {
		return "", nil //nolint:nilerr // the build says why, with what to do
	}
	settings := r.Build
	if settings == nil {
		settings = &manifest.Build{}
	}
	how := struct {
		Workspace, Repository, Path, Platform, Scan string
		Build                                       manifest.Build
		Generated                                   string
		Mirrors                                     Mirrors
	}{r.Key.Workspace, repourl.ID(logline.Redact(r.Repository)), r.Path, targetOS + "/" + runtime.GOARCH, r.Scan.FailOn, *settings, "", s.Mirrors}
	if d.App != nil && d.Dockerfile == "" && d.Framework != frameworks.Go {
		var names []string
		for _, v := range settings.Env {
			names = append(names, v.Name)
		}
		file, err := generate.Dockerfile(d, names)
		if err != nil {
			return "", nil //nolint:nilerr // likewise
		}
		how.Generated = file.Text // another version of Plateform may write another one
	}
	sum := sha256.New()
	if err := json.NewEncoder(sum).Encode(how); err != nil {
		return "", fmt.Errorf("hashing the build settings: %w", err)
	}
	if err := hashFiles(sum, src.Root); err != nil {
		return "", fmt.Errorf("hashing the source: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// hashFiles adds names, kinds and content of everything below a folder. No link is followed.
func hashFiles(sum io.Writer, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch kind := entry.Type(); {
		case kind.IsDir():
			_, err = fmt.Fprintf(sum, "folder %q\n", name)
			return err
		case kind&fs.ModeSymlink != 0:
			to, err := root.Readlink(name)
			if err == nil {
				_, err = fmt.Fprintf(sum, "link %q %q\n", name, to)
			}
			return err
		case !kind.IsRegular():
			return fmt.Errorf("%s is no file", name)
		}
		return hashFile(sum, root, name)
	})
}

func hashFile(sum io.Writer, root *os.Root, name string) error {
	file, err := root.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(sum, "file %q %t %d\n", name, info.Mode()&0o111 != 0, info.Size()); err != nil {
		return err
	}
	n, err := io.Copy(sum, file)
	if err == nil && n != info.Size() { // else two sources could come to the same bytes
		return fmt.Errorf("%s changed while it was read", name)
	}
	return err
}

// contentTag is the tag that an image is found again by what it was made of. Only the step that pushes writes it, and what a source
// runs while it is built has no credentials to.
func contentTag(content string) string { return "source-" + content[:40] }

// Reuse is the step before Make: it looks for the image of an earlier build of the same content, of the project itself or of another
// one of its workspace, and brings it into the project's own repository under the tag of this build, with its digest. It returns nil
// when there is none that may be taken. A retry asks for a build, and gets one.
func (s Earlier) Reuse(ctx context.Context, in Registry, r reconciler.BuildRequest, content string) (*Made, error) {
	if content == "" || r.Attempt != "" {
		return nil, nil
	}
	for _, repository := range append([]string{r.Destination}, r.Siblings...) {
		name, within := inWorkspace(r, repository)
		if !within {
			s.printf("%s is not of this workspace; nothing of it is used", repository)
			continue
		}
		made, err := s.reuse(ctx, in, r, content, repository)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil { // it can be built all the same
			s.printf("an image of %s cannot be used again: %v", name, err)
			continue
		}
		if made != nil {
			made.Reused = name
			s.printf("%s was built from this source already, with the same settings: its image %s is used", name, made.Image.Digest)
			s.remember(ctx, in, r, made.Image.Digest, content)
			return made, nil
		}
	}
	return nil, nil
}

// reuse takes the image of one repository over, if there is one.
func (s Earlier) reuse(ctx context.Context, in Registry, r reconciler.BuildRequest, content, repository string) (*Made, error) {
	digest, labels, err := in.Lookup(ctx, repository, contentTag(content))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !sameSource(r, labels) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	made := &Made{Image: imageOf(r, digest, labels), Scan: scan.ParseWords(labels[labelScan])}
	if scan.Refused(r.Scan, made.Scan) != "" {
		return nil, nil
	}
	return made, in.Copy(ctx, repository, digest, r.Destination, tagOf(r))
}

// remember has an image be found by what it was made of. Without that, the next build of the same is made, and nothing else.
func (s Earlier) remember(ctx context.Context, in Registry, r reconciler.BuildRequest, digest, content string) {
	if content == "" {
		return
	}
	err := in.Tag(ctx, r.Destination, digest, contentTag(content))
	var taken *reconciler.TagTakenError
	if err != nil && !errors.As(err, &taken) { // the same source was built before: the first image stays
		s.printf("the image will not be found for the same source again: %v", err)
	}
}

// inWorkspace says that a repository is one of the workspace of a request, and which of its images it has: project, or
// project/service, behind the workspace.
func inWorkspace(r reconciler.BuildRequest, repository string) (name string, within bool) {
	own := "/" + r.Key.Workspace + "/" + r.Key.Project
	at := strings.LastIndex(r.Destination+"/", own+"/")
	if at < 0 {
		return "", false
	}
	below, found := strings.CutPrefix(repository, r.Destination[:at]+"/"+r.Key.Workspace+"/")
	if !found || below == "" || path.Clean(below) != below || slices.Contains(strings.Split(below, "/"), "..") {
		return "", false
	}
	return r.Key.Workspace + "/" + below, true
}
