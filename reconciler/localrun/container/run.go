package container

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Run is a container to run.
type Run struct {
	// Name of the container, which no other has.
	Name string
	// Labels say whose it is.
	Labels Labels
	Image  string
	Args   []string
	// Env is what the container's process gets besides what its image says, NAME=VALUE each.
	Env []string
	// Published is an address of this machine that leads to Port in the container, which has a network of its own; when it is
	// empty the container shares the machine's.
	Published string
	Port      int
	// Data on this machine is at Mount in the container; neither when it keeps nothing.
	Data, Mount string
	// Memory that it may take, in bytes, and CPU that it gets when there is not enough, in thousandths of one; not limited when
	// 0, and where the tool cannot.
	Memory, CPU int64
}

// Labels say whose a container is.
type Labels struct{ Installation, Workspace, Project, Release string }

// Names of labels.
const (
	installationLabel = "plateform.installation"
	workspaceLabel    = "plateform.workspace"
	projectLabel      = "plateform.project"
	releaseLabel      = "plateform.release"
)

// capabilities that images cannot do without which start as root and drop to a user of their own.
var capabilities = []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "NET_BIND_SERVICE", "SETGID", "SETUID"}

// Command is a command line, with its environment.
type Command struct{ Line, Env []string }

// Prepare returns the command that runs a container until it ends, and takes it away then. Its environment goes into a file,
// which has to be there when the container starts, and what a line of a file cannot hold into that of the command: a command
// line can be read by everybody on the machine.
func (t Tool) Prepare(r Run, file string) (Command, error) {
	lines, inherited, err := t.hand(r.Env)
	if err != nil {
		return Command{}, err
	}
	if strings.Contains(r.Data, ":") {
		return Command{}, fmt.Errorf("%s takes no folder with a colon in its name: %s (set dataDir in serve.yaml)", t.Name, r.Data)
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return Command{}, fmt.Errorf("handing a container its environment: %w", err)
	}
	line := append([]string{t.Path, "run", "--rm"}, t.flags(r)...)
	line = append(line, "--env-file", file)
	for _, v := range inherited {
		name, _, _ := strings.Cut(v, "=")
		line = append(line, "--env", name)
	}
	return Command{Line: append(append(line, r.Image), r.Args...), Env: append(environment(), inherited...)}, nil
}

// flags say how a container is kept, with nothing of its environment.
func (t Tool) flags(r Run) []string {
	flags := []string{
		// What it prints comes to us; the tool would keep it in a file of its own, without a bound.
		// Nor is it to ask whether the app is well: that is our part, and podman cannot where there is no systemd.
		"--name", r.Name, "--pull", "never", "--no-healthcheck", "--log-driver", "none", "--security-opt", "no-new-privileges", "--cap-drop", "ALL",
		"--label", installationLabel + "=" + r.Labels.Installation, "--label", workspaceLabel + "=" + r.Labels.Workspace,
		"--label", projectLabel + "=" + r.Labels.Project, "--label", releaseLabel + "=" + r.Labels.Release,
	}
	for _, c := range capabilities {
		flags = append(flags, "--cap-add", c)
	}
	if t.Name == podman {
		flags = append(flags, "--http-proxy=false") // the machine's, which may have a password in it
	}
	if r.Published == "" {
		flags = append(flags, "--network", "host")
	} else {
		flags = append(flags, "--publish", r.Published+":"+strconv.Itoa(r.Port))
	}
	if r.Mount != "" {
		flags = append(flags, "--volume", r.Data+":"+r.Mount+":Z") // Z is for SELinux, and nothing elsewhere
	}
	if r.Memory > 0 && t.LimitsMemory {
		flags = append(flags, "--memory", strconv.FormatInt(r.Memory, 10)+"b")
	}
	if r.CPU > 0 && t.SharesCPU {
		flags = append(flags, "--cpu-shares", strconv.FormatInt(max(2, r.CPU*1024/1000), 10)) // as Kubernetes turns it into shares
	}
	return flags
}

var (
	// plain are values that every version of a tool reads from a file as they are.
	plain = regexp.MustCompile("^[^\\x00-\\x1f\\x7f\"'`\\\\]*$")
	// tools are variables that a tool, or what it runs, may take for its own.
	tools = regexp.MustCompile(`(?i)^(PATH|HOME|USER|LOGNAME|SHELL|TERM|TMPDIR|IFS|ENV|BASH.*|LANG|LANGUAGE|LC_.*|TZ|TZDIR|LD_.*|GLIBC_.*|GCONV_.*|` +
		`MALLOC_.*|LOCPATH|LOCALDOMAIN|NLSPATH|RES_OPTIONS|HOSTALIASES|HOSTNAME|GO(DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK|RACE|COVERDIR|FIPS140)|` +
		`XDG_.*|DBUS_.*|DOCKER_.*|BUILDKIT_.*|CONTAINERS?_.*|PODMAN_.*|BUILDAH_.*|STORAGE_.*|REGISTRY_.*|REGISTRIES_.*|CONMON.*|CRUN.*|RUNC.*|` +
		`NETAVARK.*|CNI_.*|LIBPOD.*|OCI_.*|_.*|NOTIFY_SOCKET|LISTEN_(FDS|FDNAMES|PID)|[A-Z]+_PROXY|SSL_CERT_(FILE|DIR)|SSH_(AUTH_SOCK|ASKPASS|AGENT_PID)|` +
		`RUST_(LOG|BACKTRACE)|PYTHON.*|PERL.*|GNUPGHOME|GPG_(AGENT_INFO|TTY))$`)
)

// maxLine is how long a line of a file of variables may be, in bytes.
const maxLine = 32 << 10

// hand sorts an environment into lines of a file and what the tool has to inherit. Variables that it would take for its own
// are never among the latter.
func (t Tool) hand(env []string) (lines, inherited []string, err error) {
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		oneLine := len(v) <= maxLine && !strings.ContainsAny(value, "\r\n\x00") && utf8.ValidString(value)
		switch {
		case oneLine && (plain.MatchString(value) || tools.MatchString(name)):
			lines = append(lines, v)
		case tools.MatchString(name):
			return nil, nil, fmt.Errorf("%s cannot be given a value of several lines, or of so many bytes, in %s, which is a variable of its own (choose another name)", t.Name, name)
		default:
			inherited = append(inherited, v)
		}
	}
	return lines, inherited, nil
}

// TryPublish says why the tool cannot have an address of this machine lead into a container. It is tried with a container like
// the one that is to run, which never starts.
func (t Tool) TryPublish(ctx context.Context, r Run) error {
	if t.Name != podman {
		return nil // the daemon of docker does, or the tool would not work
	}
	r.Name += "-try"
	r.Memory, r.CPU, r.Mount = 0, 0, ""
	err := t.run(ctx, probing, slices.Concat([]string{"create"}, t.flags(r), []string{r.Image})...)
	if err == nil {
		err = t.run(ctx, probing, "init", r.Name)
	}
	if removed := t.Remove(context.WithoutCancel(ctx), r.Name); err == nil {
		err = removed
	}
	return err
}

// RemoveCommand is the command that removes a container, whether it runs or not, or is not there at all.
func (t Tool) RemoveCommand(container string) []string {
	return []string{t.Path, "rm", "--force", "--volumes", container}
}

// Remove removes containers, whether they run or not.
func (t Tool) Remove(ctx context.Context, containers ...string) error {
	err := t.run(ctx, removing, append([]string{"rm", "--force", "--volumes"}, containers...)...)
	if err != nil && strings.Contains(strings.ToLower(err.Error()), "no such container") {
		return nil
	}
	return err
}

// Sweep removes the containers of an installation, and returns how many there were.
func (t Tool) Sweep(ctx context.Context, installation string) (int, error) {
	said, err := t.ask(ctx, probing, "ps", "--all", "--quiet", "--no-trunc", "--filter", "label="+installationLabel+"="+installation)
	if err != nil {
		return 0, err
	}
	left := strings.Fields(string(said))
	if len(left) == 0 {
		return 0, nil
	}
	return len(left), t.Remove(ctx, left...)
}
