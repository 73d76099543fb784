package job

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/source"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/reconciler/localbuild"
	"github.com/plateform/plateform/reconciler/registry"
)

// The credentials of the steps, as a build server binds them.
const (
	sourceUsername   = "PLATEFORM_SOURCE_USERNAME"
	sourcePassword   = "PLATEFORM_SOURCE_PASSWORD"
	registryUsername = "PLATEFORM_REGISTRY_USERNAME"
	registryPassword = "PLATEFORM_REGISTRY_PASSWORD"
)

// mirrors is where a build server names mirrors of registries, parted by spaces.
const mirrors = "PLATEFORM_MIRRORS"

// flags of a step.
type flags struct {
	dir       string
	cache     string
	insecure  bool
	goCommand string
	mirrors   []string
}

// Commands are the steps as commands. What they and their tools say goes to out.
func Commands(out io.Writer) []*cobra.Command {
	return []*cobra.Command{
		command(out, &cobra.Command{
			Use:   "checkout",
			Short: "Job: fetch the source",
			Long: `Job: fetch the source.

The first step of a job. It makes the folder source/ with the commit that PLATEFORM_REPOSITORY and PLATEFORM_COMMIT name, and removes what an earlier job left. PLATEFORM_SOURCE_USERNAME and PLATEFORM_SOURCE_PASSWORD log in at the
repository, when they are set.`,
		}, checkout),
		command(out, &cobra.Command{
			Use:   "find",
			Short: "Job: look for the image of an earlier build",
			Long: `Job: look for the image of an earlier build.

When the registry has an image of this very build that the policy for scans lets be released, or one that was made of the same files with the same settings for this project or one of PLATEFORM_SIBLINGS, release.json is written, and the steps that follow are not
needed. The second kind is copied into PLATEFORM_DESTINATION, and not taken for a retry. PLATEFORM_REGISTRY_USERNAME and PLATEFORM_REGISTRY_PASSWORD log in at the
registry.`,
		}, find),
		command(out, &cobra.Command{
			Use:   "make",
			Short: "Job: detect what the source is, and build it",
			Long: `Job: detect what the source is, and build it.

This step runs code of the source. It needs no credentials: give it none. The image is kept in the folder image/, in the OCI layout.

PLATEFORM_MIRRORS names mirrors of registries as --mirror does, parted by spaces. buildah and podman take them.`,
		}, func(ctx context.Context, j *Job, _ flags) error { return j.Make(ctx) }),
		command(out, &cobra.Command{
			Use:   "scan",
			Short: "Job: scan the image",
			Long: `Job: scan the image that was made, before it is pushed.

With PLATEFORM_SCAN, which is policy.scan.failOn of platform.yaml, trivy looks at the image; findings of that severity or above end the job with exit code 1.`,
		}, func(ctx context.Context, j *Job, _ flags) error { return j.Scan(ctx) }),
		command(out, &cobra.Command{
			Use:   "push",
			Short: "Job: push the image, and say what was made",
			Long: `Job: push the image, and say what was made.

The last step. The image gets its labels and goes to PLATEFORM_DESTINATION; release.json says its digest, and is what the job archives. PLATEFORM_REGISTRY_USERNAME and PLATEFORM_REGISTRY_PASSWORD log in at the registry.`,
		}, push),
	}
}

// command completes the command of a step.
func command(out io.Writer, c *cobra.Command, step func(context.Context, *Job, flags) error) *cobra.Command {
	var f flags
	c.Long += `

What is to be built is in the environment, as docs/jenkins.md says: PLATEFORM_ID and the others. What the step and its tools say goes to standard output. The exit code is 1 when the source is at fault, and 3 when the machine or the
network is.`
	c.Example = "  plateform build " + c.Use
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return exit.Usage("%s takes no arguments: what is to be built is in the environment (see plateform build %s -h)", c.Use, c.Use)
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		j, err := Read(os.Getenv, f.dir, out)
		if err != nil {
			return exit.Usage("the environment does not say what is to be built: %w", err)
		}
		if j.Cache, err = cacheFolder(f.cache); err != nil {
			return err
		}
		j.GoCommand = f.goCommand
		if j.Mirrors, err = f.mirrorsOf(os.Getenv(mirrors)); err != nil {
			return err
		}
		if err := step(c.Context(), j, f); err != nil {
			return source.Error(errors.Join(err, j.Fail(err)))
		}
		return nil
	}
	c.Flags().StringVar(&f.dir, "dir", ".", "folder of the job, the same for all its steps")
	c.Flags().StringVar(&f.cache, "cache", "", "folder that lasts from job to job, in which each workspace has one (default: that of the user)")
	c.Flags().BoolVar(&f.insecure, "insecure", false, "allow plain http to the registry; to this machine it always is")
	c.Flags().StringVar(&f.goCommand, "go", "go", "go command that compiles")
	if c.Use == "make" {
		c.Flags().StringArrayVar(&f.mirrors, "mirror", nil, "REGISTRY=MIRROR: where base images are asked for before the registry they are named after, as docker.io=mirror.example.com/hub; http:// before MIRROR allows plain http; may be repeated")
	}
	return c
}

func checkout(ctx context.Context, j *Job, _ flags) error {
	var access gitstore.Access
	login := gitstore.Credential{Username: os.Getenv(sourceUsername), Password: os.Getenv(sourcePassword)}
	if login != (gitstore.Credential{}) {
		access.Credentials = func(context.Context, string) (gitstore.Credential, error) { return login, nil }
	}
	remote := gitstore.NewRemote(gitstore.RemoteOptions{Access: access})
	defer remote.Close()
	return j.Checkout(ctx, remote.Checkout)
}

func find(ctx context.Context, j *Job, f flags) error {
	client, err := f.registry()
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = j.Find(ctx, client)
	return err
}

func push(ctx context.Context, j *Job, f flags) error {
	client, err := f.registry()
	if err != nil {
		return err
	}
	defer client.Close()
	return j.Push(ctx, client)
}

// registry is the one that images are pushed to.
func (f flags) registry() (*registry.Client, error) {
	return registry.New(registry.Options{
		Username: os.Getenv(registryUsername), Password: registry.Password(os.Getenv(registryPassword)), Insecure: f.insecure,
	})
}

// mirrorsOf are those of the flags, or else those of the environment.
func (f flags) mirrorsOf(environment string) (localbuild.Mirrors, error) {
	named := f.mirrors
	if len(named) == 0 {
		named = strings.Fields(environment)
	}
	m, err := localbuild.ParseMirrors(named)
	if err != nil {
		return nil, exit.Usage("--mirror or %s: %w", mirrors, err)
	}
	return m, nil
}

// cacheFolder is where jobs keep what lasts; empty when the machine has no place for it.
func cacheFolder(named string) (string, error) {
	if named != "" {
		return filepath.Abs(named)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", nil // a machine without a home keeps nothing
	}
	return filepath.Join(cache, "plateform", "jobs"), nil
}
