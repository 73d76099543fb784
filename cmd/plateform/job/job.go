// Package job has the steps of a build as processes of their own, one after the other in one folder: fetch the source, look for an
// image that is there already, make one, scan it, push it. A build server runs them, each with the credentials that it needs and no
// others. What a step leaves for the next is in files; what a job is told is in its environment.
package job

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/blame"
	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/reconciler/localbuild"
)

// What is in the folder of a job.
const (
	sourceFolder = "source"
	imageFolder  = "image" // in the OCI layout
	workFolder   = "work"
	contentFile  = "content.json"
	madeFile     = "made.json"
	scanFile     = "scan.json"
)

// Job is one build.
type Job struct {
	Request reconciler.BuildRequest
	// nonce is a word that the source cannot know, for lines that say which stage begins.
	nonce string
	// dir is the folder of the job.
	dir string
	// Cache is a folder that lasts, for what builds share: each workspace has one in it.
	Cache string
	// GoCommand compiles Go programs; `go` when empty.
	GoCommand string
	// Mirrors are asked for images of registries before those are.
	Mirrors localbuild.Mirrors
	// Log takes what the steps and their tools say.
	Log io.Writer
}

// Read reads what the job in a folder is told by its environment.
func Read(getenv func(name string) string, dir string, log io.Writer) (*Job, error) {
	request, err := jenkins.RequestOf(getenv)
	if err != nil {
		return nil, err
	}
	if err := localbuild.CheckNames(request); err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	return &Job{Request: request, nonce: getenv(jenkins.ParamNonce), dir: dir, Log: log}, nil
}

// Checkout writes the files of one commit of a repository into a new folder.
type Checkout func(ctx context.Context, repository, commit, dir string) error

// Checkout is the first step: the source, and nothing that an earlier job left in the folder.
func (j *Job) Checkout(ctx context.Context, checkout Checkout) error {
	j.enter(reconciler.StageBuilding)
	for _, name := range []string{sourceFolder, imageFolder, workFolder, contentFile, madeFile, scanFile, jenkins.ResultFile, jenkins.FailureFile} {
		if err := os.RemoveAll(j.at(name)); err != nil {
			return fmt.Errorf("clearing away what an earlier job left: %w", err)
		}
	}
	if err := checkout(ctx, j.Request.Repository, j.Request.Commit, j.at(sourceFolder)); err != nil {
		return localbuild.Unfetched(err)
	}
	return nil
}

// Find looks for the image of an earlier build of the same source, of this project or of another one of its workspace. When there is
// one, the job is at its end.
func (j *Job) Find(ctx context.Context, in localbuild.Registry) (found bool, err error) {
	made, err := localbuild.Find(ctx, in, j.Request)
	if err != nil {
		return false, err
	}
	if made != nil {
		fmt.Fprintf(j.Log, "an earlier build has made it: %s\n", made.Image.Digest)
		return true, j.conclude(made)
	}
	steps, err := j.steps()
	if err != nil {
		return false, err
	}
	earlier := localbuild.Earlier{Steps: steps}
	content, err := earlier.ContentOf(j.Request, j.source())
	if err != nil {
		return false, err
	}
	if made, err = earlier.Reuse(ctx, in, j.Request, content); err != nil {
		return false, err
	}
	if made != nil {
		return true, j.conclude(made)
	}
	return false, j.write(contentFile, seal{Content: content, Seal: j.seal("content\n" + content)})
}

// seal is what Find leaves for Push: what the source was before anything of it ran. What runs in between can write any file of the
// job, but does not know the nonce: without it, an image of something else would be found by others as that of this source.
type seal struct {
	Content string `json:"content"`
	Seal    string `json:"seal"`
}

// seal is by the nonce over a note of this build.
func (j *Job) seal(note string) string {
	mac := hmac.New(sha256.New, []byte(j.nonce))
	mac.Write([]byte(j.Request.ID + "\n" + note))
	return hex.EncodeToString(mac.Sum(nil))
}

// content is what Find has noted; empty when it has not, or when that may be somebody else's word.
func (j *Job) content() string {
	var was seal
	if j.nonce == "" || j.read(contentFile, &was) != nil {
		return ""
	}
	if !hmac.Equal([]byte(was.Seal), []byte(j.seal("content\n"+was.Content))) {
		fmt.Fprintf(j.Log, "%s is not what the step find wrote: the image will not be found for the same source again\n", contentFile)
		return ""
	}
	return was.Content
}

// source is what is built.
func (j *Job) source() localbuild.Source {
	return localbuild.Source{Root: j.at(sourceFolder), Path: j.Request.Path}
}

// made is what Make leaves beside the image.
type made struct {
	// Build is the ID of the build, Digest that of the image.
	Build     string `json:"build"`
	Digest    string `json:"digest"`
	Framework string `json:"framework,omitempty"`
	Port      int    `json:"port,omitempty"`
}

// Make detects what the source is, and builds it. It runs code of the source, and needs no credentials.
func (j *Job) Make(ctx context.Context) error {
	steps, err := j.steps()
	if err != nil {
		return err
	}
	built, err := steps.Make(ctx, j.Request, j.source())
	if err != nil {
		return err
	}
	digest, err := built.Image.Digest()
	if err != nil {
		return fmt.Errorf("reading the built image: %w", err)
	}
	to, err := layout.Write(j.at(imageFolder), empty.Index)
	if err == nil {
		err = to.AppendImage(built.Image)
	}
	if err != nil {
		return fmt.Errorf("keeping the image: %w", err)
	}
	return j.write(madeFile, made{Build: j.Request.ID, Digest: digest.String(), Framework: built.Framework, Port: built.Port})
}

// scanned is what Scan leaves.
type scanned struct {
	// Digest of the image that was scanned.
	Digest string              `json:"digest"`
	Scan   manifest.ScanResult `json:"scan"`
	// Seal is by the nonce: what the source has left running in between can write the file, but not that.
	Seal string `json:"seal"`
}

// sealed is what Scan leaves for Push.
func (j *Job) sealed(digest string, found manifest.ScanResult) scanned {
	return scanned{Digest: digest, Scan: found, Seal: j.seal(fmt.Sprintf("scan\n%s\n%+v", digest, found))}
}

// Scan counts what a scanner finds in the image, where the policy wants that. An image that the policy refuses is a fault of the source.
func (j *Job) Scan(ctx context.Context) error {
	j.enter(reconciler.StageScanning)
	if j.Request.Scan.FailOn == "" {
		fmt.Fprintln(j.Log, "platform.yaml asks for no scan (policy.scan.failOn)")
		return nil
	}
	image, was, err := j.image()
	if err != nil {
		return err
	}
	steps, err := j.steps()
	if err != nil {
		return err
	}
	if j.Cache != "" { // its databases are not for what a source runs to write
		steps.Cache = j.Cache
	}
	counts, err := steps.Scan(ctx, j.Request.Scan, image)
	if err != nil {
		return err
	}
	return j.write(scanFile, j.sealed(was.Digest, *counts))
}

// Push uploads the image, and says in release.json what was made.
func (j *Job) Push(ctx context.Context, to localbuild.Registry) error {
	j.enter(reconciler.StagePushing)
	image, was, err := j.image()
	if err != nil {
		return err
	}
	counts, err := j.counts(was)
	if err != nil {
		return err
	}
	steps, err := j.steps()
	if err != nil {
		return err
	}
	made, err := steps.Push(ctx, j.Request, to, localbuild.Built{
		Image: image, Framework: was.Framework, Port: was.Port, Scan: counts, Content: j.content(),
	})
	if err != nil {
		return err
	}
	return j.conclude(made)
}

// image is what Make has left.
func (j *Job) image() (v1.Image, made, error) {
	var was made
	if err := j.read(madeFile, &was); err != nil {
		return nil, was, err
	}
	if was.Build != j.Request.ID {
		return nil, was, fmt.Errorf("%s is of the build %s, and this one is %s (run the steps of one build after another, in a folder of its own)", madeFile, was.Build, j.Request.ID)
	}
	hash, err := v1.NewHash(was.Digest)
	if err != nil {
		return nil, was, fmt.Errorf("reading %s: %w", madeFile, err)
	}
	from, err := layout.FromPath(j.at(imageFolder))
	if err != nil {
		return nil, was, fmt.Errorf("reading the image that was made: %w", err)
	}
	image, err := from.Image(hash)
	if err != nil {
		return nil, was, fmt.Errorf("reading the image that was made: %w", err)
	}
	return image, was, nil
}

// counts are what a scan found in the image that was made; nil when the policy wants none.
func (j *Job) counts(was made) (*manifest.ScanResult, error) {
	if j.Request.Scan.FailOn == "" {
		return nil, nil
	}
	var s scanned
	if err := j.read(scanFile, &s); err != nil {
		return nil, err
	}
	if s.Digest != was.Digest {
		return nil, fmt.Errorf("%s is about the image %s, and not about %s (scan what was made)", scanFile, s.Digest, was.Digest)
	}
	if !hmac.Equal([]byte(s.Seal), []byte(j.sealed(s.Digest, s.Scan).Seal)) {
		return nil, fmt.Errorf("%s is not what the step scan wrote (run all steps of a build with the nonce that it was given, but for make)", scanFile)
	}
	return &s.Scan, nil
}

// Fail notes why a step failed: Plateform tells people so, and tries again what is not the source's fault.
func (j *Job) Fail(err error) error {
	text, failure := err.Error(), jenkins.Failure{}
	var fault *blame.Fault
	if trouble, found := blame.Of(err); found {
		text, failure.Temporary = trouble.Error(), !trouble.Lasting
	} else if errors.As(err, &fault) {
		text = fault.Error()
	}
	failure.Summary = strings.NewReplacer(j.at(sourceFolder)+string(filepath.Separator), "./", j.dir, "the folder of the job").Replace(text)
	return j.write(jenkins.FailureFile, failure)
}

// conclude writes what the job has made.
func (j *Job) conclude(made *localbuild.Made) error {
	return j.write(jenkins.ResultFile, manifest.BuildResult{
		Build: j.Request.ID, Digest: made.Image.Digest, Framework: made.Image.Framework, Port: made.Image.Port, Scan: made.Scan, Reused: made.Reused,
	})
}

// steps are those of a build in a folder of their own.
func (j *Job) steps() (localbuild.Steps, error) {
	work := j.at(workFolder)
	if err := os.MkdirAll(work, 0o700); err != nil {
		return localbuild.Steps{}, fmt.Errorf("preparing the build: %w", err)
	}
	cache := work
	if j.Cache != "" {
		cache = filepath.Join(j.Cache, j.Request.Key.Workspace)
		if err := os.MkdirAll(cache, 0o700); err != nil {
			return localbuild.Steps{}, fmt.Errorf("preparing the build: %w", err)
		}
	}
	return localbuild.Steps{Name: j.Request.ID, Work: work, Cache: cache, OwnCaches: true, GoCommand: j.GoCommand, Mirrors: j.Mirrors, Log: j.Log}, nil
}

// enter says that a stage begins, for those who follow the log.
func (j *Job) enter(stage reconciler.Stage) {
	if j.nonce != "" {
		fmt.Fprintln(j.Log, jenkins.Marker, j.nonce, stage)
	}
}

func (j *Job) at(name string) string { return filepath.Join(j.dir, name) }

func (j *Job) write(name string, content any) error {
	data, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if err := os.WriteFile(j.at(name), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

func (j *Job) read(name string, content any) error {
	data, err := os.ReadFile(j.at(name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s in %s (the step before writes it: checkout, make, scan, push)", name, j.dir)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, content); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}
