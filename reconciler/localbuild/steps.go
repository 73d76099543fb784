package localbuild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/blame"
	"github.com/plateform/plateform/reconciler/detect"
	"github.com/plateform/plateform/reconciler/localbuild/buildlog"
	"github.com/plateform/plateform/reconciler/scan"
)

// Steps turns a source into an image, once.
type Steps struct {
	// Name of the build, unlike that of any other on this machine, fit for an image tag.
	Name string
	// Work is an empty folder for this build alone. An image may read from it as long as it is in use.
	Work string
	// Cache is a folder that lasts, for what builds share.
	Cache string
	// OwnCaches has Go programs compiled with caches in Cache and not with those of the user, unless GOCACHE and GOMODCACHE name some.
	OwnCaches bool
	// GoCommand is the go command; `go` when empty.
	GoCommand string
	// MaxSource bounds a source, in bytes; 0 for no bound.
	MaxSource int64
	// Mirrors are asked for images of registries before those are.
	Mirrors Mirrors
	// Log takes what the tools say; nothing is kept when nil.
	Log io.Writer
}

// CheckNames says what is wrong with what a request calls things.
func CheckNames(r reconciler.BuildRequest) error {
	switch {
	case !fileName.MatchString(r.ID):
		return fmt.Errorf("%q is not fit for the ID of a build: use letters, digits, - and _", r.ID)
	case r.Destination == "":
		return fmt.Errorf("build %s lacks a destination to push to", r.ID)
	case r.Commit == "":
		return fmt.Errorf("build %s lacks the commit of its source", r.ID)
	}
	return nil
}

// Made is an image that a build has made, and what a scan of it found; nil when nobody scanned it.
type Made struct {
	Image manifest.Image
	Scan  *manifest.ScanResult
	// Reused names the project whose image it is, as ws-1/shop, when nothing was built because the same source had been; else empty.
	Reused string
}

// Find returns the image of an earlier build with the ID of the request, or nil. An image under the tag of this build that
// is not from it counts for nothing, unless it is from another build of the same source: this one came to the same image. Nor does
// one that the policy of the request refuses: it is to be built and scanned again.
func Find(ctx context.Context, in Registry, r reconciler.BuildRequest) (*Made, error) {
	digest, labels, err := in.Lookup(ctx, r.Destination, tagOf(r))
	if errors.Is(err, fs.ErrNotExist) || err == nil && labels[labelBuild] != r.ID && !sameSource(r, labels) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	made := &Made{Image: imageOf(r, digest, labels), Scan: scan.ParseWords(labels[labelScan])}
	if scan.Refused(r.Scan, made.Scan) != "" {
		return nil, nil
	}
	return made, nil
}

// Run is the whole build of a request whose source is checked out: look for an image of the same content, else detect, build, scan,
// label, push. It returns the image as a release records it. entering is called with each stage after the first.
func (s Steps) Run(ctx context.Context, r reconciler.BuildRequest, src Source, to Registry, entering func(reconciler.Stage)) (*Made, error) {
	earlier := Earlier{s}
	content, err := earlier.ContentOf(r, src)
	if err != nil {
		return nil, err
	}
	if made, err := earlier.Reuse(ctx, to, r, content); err != nil || made != nil {
		return made, err
	}
	built, err := s.Make(ctx, r, src)
	if err == nil && r.Scan.FailOn != "" {
		entering(reconciler.StageScanning)
		built.Scan, err = s.Scan(ctx, r.Scan, built.Image)
	}
	if err != nil {
		return nil, err
	}
	entering(reconciler.StagePushing)
	built.Content = content
	return s.Push(ctx, r, to, built)
}

// Built is an image that is not in a registry yet, and what is known of it.
type Built struct {
	Image     v1.Image
	Framework string
	Port      int
	// Scan is what a scanner found; nil when nobody scanned it.
	Scan *manifest.ScanResult
	// Content is what it was made of, by ContentOf; empty when it is not to be used again for the same.
	Content string
}

// Make is the first step: detect what the source is, and build it.
func (s Steps) Make(ctx context.Context, r reconciler.BuildRequest, src Source) (Built, error) {
	d, err := Detect(src, r.Build)
	for _, reason := range d.Reasons {
		s.printf("%s: %s (%s)", reason.Field, reason.Value, reason.Reason)
	}
	if err != nil {
		return Built{}, err
	}
	if r.Build == nil {
		r.Build = &manifest.Build{}
	}
	image, d, err := s.Build(ctx, src, d, r.Build.Env)
	return Built{Image: image, Framework: d.Framework, Port: d.Port}, err
}

// Scan is the second step, where a policy wants it: it counts what a scanner finds in the image. An image that the policy refuses is a
// *Fault.
func (s Steps) Scan(ctx context.Context, policy manifest.ScanPolicy, image v1.Image) (*manifest.ScanResult, error) {
	report, err := scan.Trivy{Cache: s.Cache, Log: s.Log}.Scan(ctx, image, filepath.Join(s.Work, "scan"))
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, &Trouble{What: "the image cannot be scanned, and platform.yaml wants that (policy.scan.failOn)", Err: err,
			Fix: "have trivy and its databases on the machine that builds"}
	}
	s.printf("scan: %s", scan.Words(report.Counts))
	for _, line := range scan.Worst(policy, report) {
		s.printf("  %s", line)
	}
	if why := scan.Refused(policy, &report.Counts); why != "" {
		return &report.Counts, &Fault{What: why, Fix: "update what has them, which the end of the build's log names, and push"}
	}
	return &report.Counts, nil
}

// Push is the last step: it labels an image with where it is from, and uploads it.
func (s Steps) Push(ctx context.Context, r reconciler.BuildRequest, to Registry, built Built) (*Made, error) {
	image, labels, err := s.label(ctx, r, built.Image, labelsOf(r, built), to)
	if err != nil {
		return nil, err
	}
	pushed, err := s.push(ctx, r, to, image, labels)
	if err != nil {
		return nil, err
	}
	Earlier{s}.remember(ctx, to, r, pushed.Digest, built.Content)
	return &Made{Image: pushed, Scan: built.Scan}, nil
}

// push uploads an image under the tag of its build. When that tag has another digest, another process may have built the same
// source meanwhile: its image is taken over, for a release may have it already. Anything else under the tag is left alone.
func (s Steps) push(ctx context.Context, r reconciler.BuildRequest, to Registry, image v1.Image, labels map[string]string) (manifest.Image, error) {
	tag := tagOf(r)
	s.printf("pushing to %s:%s", r.Destination, tag)
	digest, err := to.Push(ctx, r.Destination, tag, image)
	var taken *reconciler.TagTakenError
	if errors.As(err, &taken) {
		found, lost := Find(ctx, to, r)
		switch {
		case lost != nil:
			return manifest.Image{}, lost
		case found != nil:
			s.printf("another build of the same source has pushed its image already")
			return found.Image, nil
		}
		hash, unread := image.Digest()
		if unread != nil {
			return manifest.Image{}, fmt.Errorf("reading the built image: %w", unread)
		}
		tag += "-" + hash.Hex[:12]
		s.printf("%v\npushing to %s:%s instead", err, r.Destination, tag)
		digest, err = to.Push(ctx, r.Destination, tag, image)
	}
	if err != nil {
		return manifest.Image{}, blame.Push(err)
	}
	s.printf("pushed %s", digest)
	made := imageOf(r, digest, labels)
	made.Tag = tag
	return made, nil
}

// label writes labels into an image: those of the image that runs, if that makes it the same image, else those of the build.
// So a push that changes nothing in the image is known by its digest, although labels say which commit an image is from.
func (s Steps) label(ctx context.Context, r reconciler.BuildRequest, made v1.Image, labels map[string]string, in Registry) (v1.Image, map[string]string, error) {
	if r.Runs != "" {
		_, running, err := in.Lookup(ctx, r.Destination, r.Runs)
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if err != nil { // it may have been removed; then this one is new in any case
			s.printf("the image that runs cannot be looked at: %v", err)
		}
		same, relabelled, err := relabel(made, labels, running, r.Runs)
		if err != nil {
			return nil, nil, err
		}
		if same != nil {
			s.printf("the image is the one that runs: %s", r.Runs)
			return same, relabelled, nil
		}
	}
	image, err := label(made, labels)
	return image, labels, err
}

// imageOf is what a build of the request made. What was found out about the source is in the labels, whoever asks; the commit
// is the one that was asked for: an image that was there already may be from an earlier one with the same content.
func imageOf(r reconciler.BuildRequest, digest string, labels map[string]string) manifest.Image {
	image := described(labels)
	image.Commit, image.Tree = r.Commit, r.Tree
	image.Name, image.Repository, image.Tag, image.Digest = r.Image, r.Destination, tagOf(r), digest
	return image
}

// tagOf is the tag that a build pushes to.
func tagOf(r reconciler.BuildRequest) string { return "build-" + r.ID }

// printf adds a line of our own to the log.
func (s Steps) printf(format string, args ...any) {
	if s.Log != nil {
		fmt.Fprintf(s.Log, format+"\n", args...)
	}
}

// Build makes the image of a source, without labels. The Detection that it returns knows a port that only the finished
// image tells. An error that is the source's own fault is a *Fault.
func (s Steps) Build(ctx context.Context, src Source, d detect.Detection, env []manifest.BuildVar) (v1.Image, detect.Detection, error) {
	if err := checkVariables(env); err != nil {
		return nil, d, err
	}
	switch {
	case d.Dockerfile != "":
		return s.followDockerfile(ctx, src, d, env)
	case d.App != nil && d.Framework != frameworks.Go:
		image, err := s.followGenerated(ctx, src, d, env)
		return image, d, err
	case d.Framework == frameworks.Go:
		program, err := s.compile(ctx, src, d, env)
		if err != nil {
			return nil, d, err
		}
		image, err := programImage(program, d.Port)
		return image, d, err
	}
	return nil, d, d.Buildable()
}

func (s Steps) followDockerfile(ctx context.Context, src Source, d detect.Detection, env []manifest.BuildVar) (v1.Image, detect.Detection, error) {
	image, err := s.buildDockerfile(ctx, src, d, env)
	if err != nil || d.Port != 0 {
		return image, d, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, d, fmt.Errorf("reading the built image: %w", err)
	}
	d.PortOfImage(reconciler.ExposedPort(config.Config.ExposedPorts))
	return image, d, nil
}

func (s Steps) goCommand() string {
	if s.GoCommand == "" {
		return "go"
	}
	return s.GoCommand
}

// out writes to the log and to the tail that a failure quotes.
func (s Steps) out(tail *buildlog.Tail) io.Writer {
	if s.Log == nil {
		return tail
	}
	return io.MultiWriter(s.Log, tail)
}
