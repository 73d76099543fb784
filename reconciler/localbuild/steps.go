package localbuild

import (
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/manifest"
)

// Steps turns a source into an image, once.
type Steps struct {
	// Name of the build, unlike that of any other on this machine, fit for an image tag.
	Name string
	// Work is an empty folder for this build alone. An image may read from it as long as it is in use.
	Work string
	// Cache is a folder that lasts, for what builds share.
	Cache string
	// GoCommand is the go command; `go` when empty.
	GoCommand string
	// Log takes what the tools say; nothing is kept when nil.
	Log io.Writer
}

// Build makes the image of a source, without labels. The Detection that it returns knows a port that only the finished
// image tells. An error that is the source's own fault is a *Fault.
func (s Steps) Build(ctx context.Context, src Source, d Detection, env []manifest.BuildVar) (v1.Image, Detection, error) {
	if err := checkVariables(env); err != nil {
		return nil, d, err
	}
	switch {
	case d.Dockerfile != "":
		return s.followDockerfile(ctx, src, d, env)
	case d.Framework == FrameworkGo:
		program, err := s.compile(ctx, src, d, env)
		if err != nil {
			return nil, d, err
		}
		image, err := programImage(program, d.Port)
		return image, d, err
	}
	return nil, d, &Fault{What: fmt.Sprintf("%s is not built without a Dockerfile yet", d.Framework), Fix: addDockerfile}
}

func (s Steps) followDockerfile(ctx context.Context, src Source, d Detection, env []manifest.BuildVar) (v1.Image, Detection, error) {
	image, err := s.buildDockerfile(ctx, src, d, env)
	if err != nil || d.Port != 0 {
		return image, d, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, d, fmt.Errorf("reading the built image: %w", err)
	}
	d.setPort(onlyPort(config.Config), "the built image exposes it")
	return image, d, nil
}

func (s Steps) goCommand() string {
	if s.GoCommand == "" {
		return "go"
	}
	return s.GoCommand
}

// out writes to the log and to the tail that a failure quotes.
func (s Steps) out(tail *tail) io.Writer {
	if s.Log == nil {
		return tail
	}
	return io.MultiWriter(s.Log, tail)
}
