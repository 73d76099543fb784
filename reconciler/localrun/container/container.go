// Package container runs images through the container tool of this machine, podman or docker: those that are more than one
// static program, and databases.
//
// The tool is run in the foreground, as any program is, and its containers end with it (Tool.Prepare). What is left of them
// after a crash is found by a label that names the installation (Tool.Sweep). Images are handed over as files: the tool needs
// no network, no address of a registry, and no credentials for one.
package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const (
	// probing bounds a question to a tool, so that a daemon that hangs is passed over.
	probing = 20 * time.Second
	// removing bounds how long a tool may take to end containers, those included that do not end when they are asked to.
	removing = time.Minute
	// maxSaid bounds what is quoted of a tool's own words, in bytes.
	maxSaid = 300
)

// Tool is a container tool that works here.
type Tool struct {
	// Name of the tool, and Path of its program.
	Name, Path string
	// LimitsMemory and SharesCPU say what it can do on this machine.
	LimitsMemory, SharesCPU bool
	// rootless: what containers write belongs to users that only the tool can act as.
	rootless bool
}

// MissingError says that no container tool works here, and of each why not.
type MissingError struct{ Why string }

// Error implements error.
func (e *MissingError) Error() string {
	return "no container tool works on this machine: " + e.Why + " (install podman, or start the daemon of docker)"
}

// IsMissing says that an error is for want of a tool.
func IsMissing(err error) bool {
	var missing *MissingError
	return errors.As(err, &missing)
}

const podman = "podman"

// Find returns the first of podman and docker that works. The error is a MissingError when none does.
func Find(ctx context.Context) (Tool, error) {
	var why []string
	for _, candidate := range []string{podman, "docker"} {
		path, err := exec.LookPath(candidate)
		if err != nil {
			why = append(why, candidate+" is not installed")
			continue
		}
		t := Tool{Name: candidate, Path: path}
		if err := t.run(ctx, probing, "version"); err == nil {
			return t, t.learn(ctx)
		} else if ctx.Err() != nil {
			return Tool{}, context.Cause(ctx)
		} else {
			why = append(why, err.Error())
		}
	}
	return Tool{}, &MissingError{Why: strings.Join(why, "; ")}
}

// information is what a tool says of the machine: podman in Host, docker in the rest.
type information struct {
	Host struct {
		CgroupControllers []string `json:"cgroupControllers"`
		Security          struct {
			Rootless bool `json:"rootless"`
		} `json:"security"`
	} `json:"host"`
	MemoryLimit bool `json:"MemoryLimit"`
	CPUShares   bool `json:"CPUShares"`
}

// learn asks the tool what it can do.
func (t *Tool) learn(ctx context.Context) error {
	format := "{{json .}}"
	if t.Name == podman {
		format = "json"
	}
	said, err := t.ask(ctx, probing, "info", "--format", format)
	if err != nil {
		return err
	}
	var info information
	if err := json.Unmarshal(said, &info); err != nil {
		return fmt.Errorf("%s info: %w", t.Name, err)
	}
	t.rootless = info.Host.Security.Rootless
	t.LimitsMemory = info.MemoryLimit || slices.Contains(info.Host.CgroupControllers, "memory")
	t.SharesCPU = info.CPUShares || slices.Contains(info.Host.CgroupControllers, "cpu")
	return nil
}

// run runs a command of the tool.
func (t Tool) run(ctx context.Context, limit time.Duration, args ...string) error {
	_, err := t.ask(ctx, limit, args...)
	return err
}

// ask runs a command of the tool and returns what it prints. The error is in the tool's words.
func (t Tool) ask(ctx context.Context, limit time.Duration, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := exec.CommandContext(ctx, t.Path, args...)
	c.Env = environment()
	c.Dir = "/"
	var printed, said bytes.Buffer
	c.Stdout, c.Stderr = &printed, &said
	c.WaitDelay = time.Second
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s %s: %w", t.Name, args[0], context.Cause(ctx))
		}
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		words := lines[len(lines)-1]
		return nil, fmt.Errorf("%s %s: %w: %s", t.Name, args[0], err, strings.ToValidUTF8(words[:min(len(words), maxSaid)], ""))
	}
	return printed.Bytes(), nil
}

// environment is what a tool gets to see of this process's environment: how to find programs, its storage and its daemon.
func environment() []string {
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

// RemoveAll removes a folder with what containers have left in it, which may belong to users of theirs.
func (t Tool) RemoveAll(ctx context.Context, dir string) error {
	err := os.RemoveAll(dir)
	switch {
	case err == nil:
		return nil
	case t.rootless: // only in the tool's own user namespace are these users somebody
		return t.run(ctx, removing, "unshare", "rm", "-rf", "--", dir)
	}
	return fmt.Errorf("%w (what containers wrote may belong to others: remove it as root)", err)
}
