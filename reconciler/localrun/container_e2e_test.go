//go:build e2e

package localrun_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localrun/container"
)

// findTool finds the container tool of this machine. Podman gets the runtime and the limits that also work where the machine is
// itself a container.
func findTool(t *testing.T) container.Tool {
	t.Helper()
	dir := t.TempDir()
	settings := filepath.Join(dir, "containers.conf")
	content := "[containers]\ndefault_ulimits = []\n"
	if _, err := exec.LookPath("runc"); err == nil {
		content += "[engine]\nruntime = \"runc\"\n"
	}
	if err := os.WriteFile(settings, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_CONF", settings)
	tool, err := container.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// containers are those of a project that a tool has, whatever they do, by their ids.
func containers(t *testing.T, tool container.Tool, filters ...string) []string {
	t.Helper()
	args := []string{"ps", "--all", "--quiet", "--no-trunc"}
	for _, f := range append(filters, "label=plateform.project="+key.Project) {
		args = append(args, "--filter", f)
	}
	return strings.Fields(toolSays(t, tool, args...))
}

func toolSays(t *testing.T, tool container.Tool, args ...string) string {
	t.Helper()
	c := exec.Command(tool.Path, args...)
	var wrong bytes.Buffer
	c.Stderr = &wrong
	said, err := c.Output()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", tool.Name, args, err, wrong.String())
	}
	return string(said)
}

// appFile is the test's app in an image.
func appFile(t *testing.T) file {
	t.Helper()
	program, err := os.ReadFile(shimCommand(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	return file{tar.Header{Name: "app", Mode: 0o755, Typeflag: tar.TypeReg}, program}
}

// mixed publishes an image that is the test's app and more than that.
func (w *world) mixed(t *testing.T) manifest.Image {
	t.Helper()
	config := appConfig()
	config.Env = append(config.Env, "OF_THE_IMAGE=1")
	return w.publish("ws-1/hello", config, appFile(t), file{tar.Header{Name: "usr/share/more", Mode: 0o644, Typeflag: tar.TypeReg}, []byte("more")})
}

// An image that is more than one program runs through podman or docker, and all is as with a process.
func TestContainers(t *testing.T) {
	tool := findTool(t)
	before := strings.Fields(toolSays(t, tool, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")) // others may have the same image
	w := newWorld(t)
	image := w.mixed(t)
	const marker = "Passw0rdOfTheApp"
	hostile := "one\ntwo \"'$(id) ${HOME}\\ " + marker
	w.deploy(release{version: "v1.0.0", image: image, replicas: 2, env: map[string]string{
		"ANSWER": "one", "HOSTILE": hostile, "LD_PRELOAD": "/nothing", "PATH": marker, "QUOTED": `"` + marker + `"`, "LISTEN": "8080",
	}})
	w.answers("one")
	for name, want := range map[string]string{
		"HOSTILE": hostile, "OF_THE_IMAGE": "1", "LD_PRELOAD": "/nothing", "PATH": marker, "QUOTED": `"` + marker + `"`, "PORT": "8080", "SHELL": "",
	} {
		if _, got := w.get("/env?name=" + name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if lines := commandLines(marker); len(lines) > 0 {
		t.Errorf("everybody on this machine reads %q", lines)
	}
	if left, err := filepath.Glob(filepath.Join(w.dir, "*", "*", "processes", "*.env")); err != nil || len(left) != 2 {
		t.Errorf("files of variables: %v, %v", left, err)
	} else if info, err := os.Stat(left[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a file of variables: %v, %v", info, err)
	}
	if log := w.log(); !strings.Contains(log, "runs it in a network of its own; 127.0.0.1:") {
		t.Errorf("both listen on 8080, and the log says not how: %s", log)
	}
	if got := containers(t, tool, "label=plateform.workspace=ws-1", "label=plateform.release=v1.0.0"); len(got) != 2 {
		t.Errorf("the containers of v1.0.0 are %v", got)
	}

	w.want(w.target(release{version: "v1.0.1", image: image, env: map[string]string{"EXIT": "3"}}))
	if r := w.await("v1.0.1", reconciler.PhaseFailed); !strings.Contains(r.Cause, "exit code 3") || !strings.Contains(r.Log, "ends as it was told") {
		t.Errorf("cause %q, log %q", r.Cause, r.Log)
	}
	w.answers("one")
	w.deploy(release{version: "v1.0.2", image: image, env: map[string]string{"ANSWER": "three"}})
	w.answers("three")
	w.stop()
	w.registry.Fail("", "/v2/", http.StatusServiceUnavailable)
	w.start()
	eventually(t, "it to answer again", func() bool { _, body := w.get("/"); return body == "three" })
	w.want(reconciler.Target{Key: key, Remove: true})
	eventually(t, "nothing of it to be left", func() bool { _, there := w.rollout(key); return !there })
	if left := containers(t, tool); len(left) > 0 {
		t.Errorf("containers are left: %s", left)
	}
	_, hash, _ := strings.Cut(image.Digest, ":")
	for _, name := range strings.Fields(toolSays(t, tool, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")) {
		if strings.Contains(name, hash) && !slices.Contains(before, name) {
			t.Errorf("its image is left: %s", name)
		}
	}
}

// commandLines are those of all processes that have a word in them.
func commandLines(word string) (found []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is right
	for _, file := range files {
		if line, err := os.ReadFile(file); err == nil && bytes.Contains(line, []byte(word)) {
			found = append(found, string(line))
		}
	}
	return found
}

// A container that uses a neighbour shares the network of the machine; one with too little memory is ended by the kernel.
func TestContainersOnThisMachine(t *testing.T) {
	tool := findTool(t)
	if !tool.LimitsMemory {
		t.Logf("%s limits no memory on this machine", tool.Name)
	}
	w := newWorld(t)
	image := w.mixed(t)
	neighbour := manifest.Key{Workspace: "ws-1", Project: "greeter"}
	w.want(
		w.target(release{key: neighbour, version: "v1.0.0", image: w.app(), host: "greeter.localhost", env: map[string]string{"ANSWER": "greetings"}}),
		w.target(release{version: "v1.0.0", image: image, memory: "64Mi", env: map[string]string{"GREETER": "http://greeter"}}),
	)
	w.await("v1.0.0", reconciler.PhaseHealthy)
	eventually(t, "the neighbour to be reached", func() bool { _, body := w.get("/fetch?name=GREETER"); return body == "greetings" })
	if log := w.log(); !strings.Contains(log, "runs it in the network of this machine: GREETER leads to this machine") {
		t.Errorf("the log does not say so: %s", log)
	}
	if tool.LimitsMemory {
		eventually(t, "its memory to be limited", func() bool {
			w.get("/grow")
			return strings.Contains(w.log(), "it ended by SIGKILL; it may take 64Mi of memory")
		})
	}
}

// Killed at any step, serve leaves no container, and the next one comes to the same end.
func TestContainersOfAKilledServe(t *testing.T) {
	tool := findTool(t)
	w := newWorld(t)
	w.stop()
	image := w.mixed(t)
	targets := []reconciler.Target{
		w.target(release{version: "v1.0.0", image: image, env: map[string]string{"ANSWER": "one"}}),
		w.target(release{version: "v1.0.1", image: image, env: map[string]string{"ANSWER": "two"}}),
	}
	finished := false
	for n := 1; !finished; n += 2 {
		w.dir = t.TempDir()
		step := ""
		step, finished = killAt(t, n, doomed{w.dir, targets})
		eventually(t, "no container to be left after "+step, func() bool { return len(containers(t, tool)) == 0 })
	}
	w.start()
	w.want(targets[1])
	w.await("v1.0.1", reconciler.PhaseHealthy)
	w.answers("two")
}

// When the processes that watch over containers are killed as well, the next serve removes what they left, and nothing else.
func TestContainersThatNobodyWatches(t *testing.T) {
	tool := findTool(t)
	w := newWorld(t)
	image := w.mixed(t)
	w.deploy(release{version: "v1.0.0", image: image, env: map[string]string{"ANSWER": "one"}})
	mine := containers(t, tool)
	if len(mine) != 1 {
		t.Fatalf("its containers are %v", mine)
	}
	name := strings.TrimSpace(toolSays(t, tool, "ps", "--format", "{{.Image}}", "--filter", "label=plateform.project="+key.Project))
	foreign := strings.TrimSpace(toolSays(t, tool, "create", "--network", "host", "--label", "plateform.installation=another",
		"--label", "plateform.project="+key.Project, name))
	t.Cleanup(func() { toolSays(t, tool, "rm", "--force", foreign) })

	w.kill(t)
	if left := strings.Join(containers(t, tool), " "); !strings.Contains(left, mine[0]) {
		t.Fatalf("the container %s has ended by itself: there are %s", mine[0], left)
	}
	w.stop()
	w.start()
	eventually(t, "it to answer again", func() bool { _, body := w.get("/"); return body == "one" })
	left := strings.Join(containers(t, tool), " ")
	if strings.Contains(left, mine[0]) || !strings.Contains(left, foreign) {
		t.Errorf("there are %s; %s was to go, and %s to stay", left, mine[0], foreign)
	}
}

// kill kills the tool that runs a container, and the process above it.
func (w *world) kill(t *testing.T) {
	t.Helper()
	records, err := filepath.Glob(filepath.Join(w.dir, "*", "*", "processes", "v1.0.0-app-1"))
	if err != nil || len(records) != 1 {
		t.Fatalf("records: %v, %v", records, err)
	}
	content, err := os.ReadFile(records[0])
	if err != nil {
		t.Fatal(err)
	}
	var record struct{ Program, Shim struct{ PID int } }
	if err := json.Unmarshal(content, &record); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{record.Shim.PID, record.Program.PID} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
			t.Fatal(err)
		}
	}
}

// An image is refused at a bound before the tool takes anything of it in.
func TestAContainerImageThatIsTooLarge(t *testing.T) {
	findTool(t)
	w := newWorld(t)
	w.stop()
	w.limit = 1 << 20
	w.start()
	w.want(w.target(release{version: "v1.0.0", image: w.mixed(t)}))
	if r := w.await("v1.0.0", reconciler.PhaseFailed); !strings.Contains(r.Cause, "larger than 1 MiB when it is unpacked") {
		t.Errorf("cause %q", r.Cause)
	}
}
