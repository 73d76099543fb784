// Package container runs images through the container tool of this machine, podman or docker: those that are more than one
// static program, and databases.
//
// Containers have the network of the machine, so that what is said of processes holds for them too: they listen where PORT
// says, and reach each other at addresses of this machine.
package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const (
	// probing bounds the question whether a tool works, so that a daemon that hangs is passed over.
	probing = 20 * time.Second
	// loading bounds how long a tool may take to take in an image.
	loading = 5 * time.Minute
	// maxSaid bounds what is quoted of a tool's own words, in bytes.
	maxSaid = 300
)

// Tool is a container tool that works here.
type Tool struct {
	// Name of the tool, and Path of its program.
	Name, Path string
}

// MissingError says that no container tool works here, and of each why not.
type MissingError struct{ Why string }

// Error implements error.
func (e *MissingError) Error() string {
	return "no container tool works on this machine: " + e.Why + " (install podman, or start the daemon of docker)"
}

// Find returns the first of podman and docker that works. The error is a MissingError when none does.
func Find(ctx context.Context) (Tool, error) {
	var why []string
	for _, candidate := range []string{"podman", "docker"} {
		path, err := exec.LookPath(candidate)
		if err != nil {
			why = append(why, candidate+" is not installed")
			continue
		}
		t := Tool{Name: candidate, Path: path}
		if err := t.run(ctx, probing, "version"); err == nil {
			return t, nil
		} else if ctx.Err() != nil {
			return Tool{}, context.Cause(ctx)
		} else {
			why = append(why, err.Error())
		}
	}
	return Tool{}, &MissingError{Why: strings.Join(why, "; ")}
}

// run runs a command of the tool. The error is in its words.
func (t Tool) run(ctx context.Context, limit time.Duration, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := exec.CommandContext(ctx, t.Path, args...)
	c.Env = Environment()
	var said bytes.Buffer
	c.Stderr = &said
	c.WaitDelay = time.Second
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%s %s: %w", t.Name, args[0], context.Cause(ctx))
		}
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		words := lines[len(lines)-1]
		return fmt.Errorf("%s %s: %w: %s", t.Name, args[0], err, strings.ToValidUTF8(words[:min(len(words), maxSaid)], ""))
	}
	return nil
}

// Environment is what a tool gets to see of this process's environment: how to find programs, its storage and its daemon.
// What people set for their apps is never in it: a tool would take it for its own.
func Environment() []string {
	var env []string
	for _, name := range []string{
		"PATH", "HOME", "USER", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS",
		"DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "CONTAINER_HOST", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// Has says whether an image is there.
func (t Tool) Has(ctx context.Context, image string) bool {
	return t.run(ctx, probing, "image", "inspect", image) == nil
}

// Load has the tool take in an image under a name. The file it goes through is made in a folder, and removed.
func (t Tool) Load(ctx context.Context, image v1.Image, as, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, loading)
	defer cancel()
	ref, err := name.NewTag(as)
	if err != nil {
		return fmt.Errorf("naming the image for %s: %w", t.Name, err)
	}
	archive := filepath.Join(dir, "image.tar.partial")
	defer os.Remove(archive)
	if err := tarball.WriteToFile(archive, ref, image); err != nil {
		return fmt.Errorf("fetching the image: %w", err)
	}
	return t.run(ctx, loading, "load", "--quiet", "--input", archive)
}

// Run is a container to run.
type Run struct {
	// Name of the container; one that has it already has to be removed before.
	Name  string
	Image string
	Args  []string
	// Env is as a process has it. It can be read by who may look at the processes of this machine: secrets go to EnvFile,
	// with a line NAME=VALUE each.
	Env     []string
	EnvFile string
	// Data on this machine is at Mount in the container; neither when it keeps nothing.
	Data, Mount string
}

// capabilities that images cannot do without which start as root and drop to a user of their own, as in the charts.
var capabilities = []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "NET_BIND_SERVICE", "SETGID", "SETUID"}

// Command is the command line of a tool that runs a container until it ends.
func (t Tool) Command(r Run) []string {
	line := []string{t.Path, "run", "--rm", "--name", r.Name, "--network", "host", "--security-opt", "no-new-privileges", "--cap-drop", "ALL"}
	for _, c := range capabilities {
		line = append(line, "--cap-add", c)
	}
	if r.EnvFile != "" {
		line = append(line, "--env-file", r.EnvFile)
	}
	for _, v := range r.Env {
		line = append(line, "--env", v)
	}
	if r.Mount != "" {
		line = append(line, "--volume", r.Data+":"+r.Mount)
	}
	return append(append(line, r.Image), r.Args...)
}

// RemoveCommand is the command line that removes a container, whether it runs or not, or is not there at all.
func (t Tool) RemoveCommand(container string) []string {
	return []string{t.Path, "rm", "--force", "--volumes", container}
}

// Remove removes a container, whether it runs or not.
func (t Tool) Remove(ctx context.Context, container string) error {
	line := t.RemoveCommand(container)
	err := t.run(ctx, probing, line[1:]...)
	if err != nil && strings.Contains(strings.ToLower(err.Error()), "no such container") {
		return nil
	}
	return err
}

// IsMissing says that an error is for want of a tool.
func IsMissing(err error) bool {
	var missing *MissingError
	return errors.As(err, &missing)
}
