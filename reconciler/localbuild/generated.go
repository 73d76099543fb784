package localbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler/blame"
	"github.com/plateform/plateform/reconciler/detect"
	"github.com/plateform/plateform/reconciler/dockerfile"
	"github.com/plateform/plateform/reconciler/dockerfile/generate"
	"github.com/plateform/plateform/reconciler/localbuild/buildlog"
)

// NeedsTool says that a source is built with a container tool.
func NeedsTool(d detect.Detection) bool {
	return d.Dockerfile != "" || d.Framework != frameworks.Go
}

// followGenerated builds with a Dockerfile that is written for the source.
func (s Steps) followGenerated(ctx context.Context, src Source, d detect.Detection, env []manifest.BuildVar) (v1.Image, error) {
	var names []string
	for _, v := range env {
		names = append(names, v.Name)
	}
	file, err := generate.Dockerfile(d, names)
	if err != nil {
		return nil, err
	}
	s.printf("the source has no Dockerfile; one is generated (plateform build dockerfile shows it), from %s", strings.Join(file.Bases, ", "))
	absent, err := lookForAbsent(src.Root, s.MaxSource)
	if err != nil {
		return nil, err
	}
	within := Source{Root: src.Root}
	if file.Context != "." {
		within.Path = file.Context
	}
	if err := absent.checkGenerated(within, file, d.App.Ignores); err != nil {
		return nil, err
	}
	r := recipe{context: within.Dir(), arguments: env}
	if r.dockerfile, r.ignore, err = s.writeGenerated(file, d.App.Ignores); err != nil {
		return nil, err
	}
	return s.build(ctx, r, func(err error, said *buildlog.Tail) error {
		failed := blame.Tool("the generated Dockerfile does not build", said.Telling(err), said.All(), err)
		return absent.within(within).explain(ofBases(failed, file, d, said.All()), "", said.All(), nil)
	})
}

// writeGenerated writes a Dockerfile where no source can have one, and beside it what is left out, where the source does not
// say so itself: tools look for it there, or are told where it is.
func (s Steps) writeGenerated(file generate.File, ignores bool) (name, ignore string, err error) {
	dir := filepath.Join(s.Work, "generated")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", fmt.Errorf("writing the Dockerfile: %w", err)
	}
	name = filepath.Join(dir, "Dockerfile")
	if err := os.WriteFile(name, []byte(file.Text), 0o600); err != nil {
		return "", "", fmt.Errorf("writing the Dockerfile: %w", err)
	}
	if ignores {
		return name, "", nil
	}
	ignore = name + ".dockerignore"
	if err := os.WriteFile(ignore, []byte(strings.Join(file.Ignore, "\n")+"\n"), 0o600); err != nil {
		return "", "", fmt.Errorf("writing the Dockerfile: %w", err)
	}
	return name, ignore, nil
}

// checkGenerated is checkDockerfile for a Dockerfile that is not in the source.
func (a absent) checkGenerated(src Source, file generate.File, ignores bool) error {
	root, err := os.OpenRoot(src.Root)
	if err != nil {
		return fmt.Errorf("opening the source: %w", err)
	}
	defer root.Close()
	ignored := []byte(strings.Join(file.Ignore, "\n"))
	if ignores {
		if err := detect.CheckFollowed(root.FS(), src.Path, ".dockerignore", ".containerignore"); err != nil {
			return err
		}
		ignored = ignoreFile(root, src.Path, "Dockerfile")
	}
	return a.checkContext(dockerfile.ContextOf([]byte(file.Text), ignored), src.Path)
}

var (
	// ofCommand are lines that tell of a command of a Dockerfile that failed.
	ofCommand = regexp.MustCompile(`(?i)while running runtime: |building at STEP "RUN|did not complete successfully: |returned a non-zero code: `)
	// progress are lines in which a tool says what it is about to do, and refusal what is in those that say why it cannot.
	progress = regexp.MustCompile(`(?i)^(\[\d+/\d+\] )?(step \d+|#\d+ |trying to pull|resolving |pulling )`)
	refusal  = regexp.MustCompile(`(?i)error|unknown|not found|denied|initializing source|failed|cannot|no such`)
)

// ofBases says of a failure to get at an image that a generated Dockerfile stands on what it is about: nobody has written its
// name, and where it comes from is the machine's concern.
func ofBases(failed error, file generate.File, d detect.Detection, lines []string) error {
	base := refused(file.Bases, lines)
	if base == "" || ofCommand.MatchString(strings.Join(lines, "\n")) {
		return failed
	}
	var trouble *blame.Trouble
	if errors.As(failed, &trouble) {
		said := trouble.What
		if trouble.Err != nil {
			parts := strings.Split(trouble.Err.Error(), ": ")
			said += ": " + parts[len(parts)-1]
		}
		return &blame.Trouble{What: "the base image " + base + " of the generated Dockerfile cannot be fetched", Err: errors.New(said),
			Fix: fmt.Sprintf("whoever runs the machine that builds gives it a way to %s; or add a Dockerfile to the source whose images it can reach", registries(file.Bases))}
	}
	var fault *blame.Fault
	if errors.As(failed, &fault) {
		return &blame.Fault{What: "there is no image " + base + ", which the generated Dockerfile stands on",
			Fix: fmt.Sprintf("have the source ask for another version of %s, or add a Dockerfile to it", d.App.Language)}
	}
	return failed
}

// refused is the first base image that lines say cannot be had.
func refused(bases, lines []string) string {
	for _, line := range lines {
		if line = strings.TrimSpace(line); progress.MatchString(line) || !refusal.MatchString(line) {
			continue
		}
		for _, base := range bases {
			if strings.Contains(line, base) || strings.Contains(line, familiar(base)) {
				return base
			}
		}
	}
	return ""
}

// familiar is how container tools call an image: that it is of Docker Hub they leave out.
func familiar(image string) string {
	return strings.TrimPrefix(strings.TrimPrefix(image, "docker.io/"), "library/")
}

// registries are where images come from.
func registries(images []string) string {
	var hosts []string
	for _, image := range images {
		host, _, _ := strings.Cut(image, "/")
		if !strings.Contains(strings.Join(hosts, " "), host) {
			hosts = append(hosts, host)
		}
	}
	return strings.Join(hosts, " and ")
}
