package container_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/plateform/plateform/reconciler/localrun/container"
)

// The tests of what a tool is told, and of what it says when it fails, have this program stand in for it; with the tag e2e a
// real one runs, in the tests of localrun.

// answer is what the stand-in does when it is called with arguments that begin so.
type answer struct {
	Begin  string
	Prints string
	// Says is printed as an error, with an exit code.
	Says string
	Code int
}

const answersVariable = "XDG_CONFIG_HOME" // among those that a tool gets to see

func TestMain(m *testing.M) {
	if file := os.Getenv(answersVariable); filepath.Base(os.Args[0]) != "container.test" && file != "" {
		os.Exit(standIn(file, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// standIn notes its arguments beside the file of its answers, and answers.
func standIn(file string, args []string) int {
	var answers []answer
	content, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(content, &answers)
	}
	if err == nil {
		err = note(file+".calls", strings.Join(args, " "))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	for _, a := range answers {
		if strings.HasPrefix(strings.Join(args, " "), a.Begin) {
			fmt.Print(a.Prints)
			fmt.Fprint(os.Stderr, a.Says)
			return a.Code
		}
	}
	return 0
}

func note(file, line string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	return err
}

// bench is a machine on which some tools are stand-ins, and no others are installed.
type bench struct {
	t     *testing.T
	calls string
}

func newBench(t *testing.T, answers []answer, names ...string) *bench {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		self, err := os.Executable()
		if err == nil {
			err = os.Symlink(self, filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	content, err := json.Marshal(answers)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "answers")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv(answersVariable, file)
	return &bench{t, file + ".calls"}
}

// told are the calls so far.
func (b *bench) told() []string {
	b.t.Helper()
	content, err := os.ReadFile(b.calls)
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}

func (b *bench) find() container.Tool {
	b.t.Helper()
	tool, err := container.Find(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return tool
}

// What tools say of a machine.
const (
	podmanInfo   = `{"host":{"cgroupControllers":["cpu","memory"],"security":{"rootless":false}}}`
	rootlessInfo = `{"host":{"cgroupControllers":["pids"],"security":{"rootless":true}}}`
	dockerInfo   = `{"MemoryLimit":true,"CPUShares":false}`
)

func TestFind(t *testing.T) {
	noDaemon := answer{Begin: "version", Says: "some words\nCannot connect to the Docker daemon at unix:///var/run/docker.sock.", Code: 1}
	for name, c := range map[string]struct {
		installed   []string
		answers     []answer
		found       string
		memory, cpu bool
		missing     string
	}{
		"podman goes first":              {installed: []string{"podman", "docker"}, answers: []answer{{Begin: "info", Prints: podmanInfo}}, found: "podman", memory: true, cpu: true},
		"one that cannot limit anything": {installed: []string{"podman"}, answers: []answer{{Begin: "info", Prints: rootlessInfo}}, found: "podman"},
		"docker":                         {installed: []string{"docker"}, answers: []answer{{Begin: "info", Prints: dockerInfo}}, found: "docker", memory: true},
		"none":                           {missing: "no container tool works on this machine: podman is not installed; docker is not installed (install podman, or start the daemon of docker)"},
		"no daemon": {installed: []string{"docker"}, answers: []answer{noDaemon},
			missing: "podman is not installed; docker version: exit status 1: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. (install"},
	} {
		t.Run(name, func(t *testing.T) {
			newBench(t, c.answers, c.installed...)
			tool, err := container.Find(t.Context())
			if c.missing != "" {
				if err == nil || !container.IsMissing(err) || !strings.Contains(err.Error(), c.missing) {
					t.Fatalf("it says %v", err)
				}
				return
			}
			if err != nil || tool.Name != c.found || tool.LimitsMemory != c.memory || tool.SharesCPU != c.cpu {
				t.Errorf("found %+v, %v", tool, err)
			}
		})
	}
}

// run is a container with everything.
func run() container.Run {
	return container.Run{
		Name: "plateform-1", Labels: container.Labels{Installation: "i", Workspace: "ws", Project: "shop", Release: "v1.0.0"},
		Image: "localhost/shop:1", Args: []string{"serve", "--now"}, Published: "127.0.0.1:40001", Port: 8080,
		Data: "/data/shop", Mount: "/data", Memory: 64 << 20, CPU: 250,
	}
}

func TestCommandLines(t *testing.T) {
	const kept = " --pull never --no-healthcheck --log-driver none --security-opt no-new-privileges --cap-drop ALL" +
		" --label plateform.installation=i --label plateform.workspace=ws --label plateform.project=shop --label plateform.release=v1.0.0" +
		" --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER --cap-add NET_BIND_SERVICE --cap-add SETGID --cap-add SETUID"
	shared := run()
	shared.Published, shared.Mount, shared.Data, shared.Args = "", "", "", nil
	for name, c := range map[string]struct {
		tool, info string
		run        container.Run
		want       string
	}{
		"podman": {"podman", podmanInfo, run(), "run --rm --name plateform-1" + kept + " --http-proxy=false --publish 127.0.0.1:40001:8080" +
			" --volume /data/shop:/data:Z --memory 67108864b --cpu-shares 256 --env-file FILE --env LINES localhost/shop:1 serve --now"},
		"podman without limits, on the machine's network": {"podman", rootlessInfo, shared, "run --rm --name plateform-1" + kept + " --http-proxy=false --network host" +
			" --env-file FILE --env LINES localhost/shop:1"},
		"docker": {"docker", dockerInfo, shared, "run --rm --name plateform-1" + kept + " --network host --memory 67108864b --env-file FILE --env LINES localhost/shop:1"},
	} {
		t.Run(name, func(t *testing.T) {
			newBench(t, []answer{{Begin: "info", Prints: c.info}}, c.tool)
			file := filepath.Join(t.TempDir(), "env")
			c.run.Env = []string{"WORD=Passw0rd", "LINES=Pass\nw0rd"}
			command, err := (&bench{t: t}).find().Prepare(c.run, file)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(strings.Join(command.Line[1:], " "), file, "FILE"); got != c.want {
				t.Errorf("it is\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// Values reach the container unseen: in a file of ours, or in the environment of a tool that takes none of them for its own.
func TestEnvironments(t *testing.T) {
	newBench(t, []answer{{Begin: "info", Prints: podmanInfo}}, "podman")
	tool := (&bench{t: t}).find()
	long := strings.Repeat("x", 100<<10)
	for name, c := range map[string]struct{ name, value, in string }{
		"a word":                          {"A", "word", "file"},
		"nothing":                         {"A", "", "file"},
		"blanks around it":                {"A", " # $HOME ${X} = ", "file"},
		"other alphabets":                 {"A", "Grüße, 你好", "file"},
		"lines":                           {"A", "one\ntwo", "environment"},
		"a carriage return":               {"A", "one\r", "environment"},
		"quotes":                          {"A", `"one" 'two' ` + "`three`", "environment"},
		"a backslash":                     {"A", `\n`, "environment"},
		"no UTF-8":                        {"A", "\xff", "environment"},
		"a long value":                    {"A", long, "environment"},
		"what the tool would load":        {"LD_PRELOAD", "/evil.so", "file"},
		"the tool's own, with quotes":     {"PATH", `"/bin"`, "file"},
		"the tool's own settings":         {"CONTAINERS_CONF", "/evil", "file"},
		"the tool's own, with lines":      {"LD_PRELOAD", "/evil.so\n", "nowhere"},
		"a proxy with lines":              {"https_proxy", "a\nb", "nowhere"},
		"a certificate":                   {"SSL_CERT", "-----BEGIN\nEND-----\n", "environment"},
		"the tool's own, and very long":   {"DOCKER_CONFIG", long, "nowhere"},
		"like the tool's own, but is not": {"GOOGLE_CREDENTIALS", "{\n}", "environment"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "env")
			r := run()
			r.Env = []string{c.name + "=" + c.value}
			command, err := tool.Prepare(r, file)
			if c.in == "nowhere" {
				if err == nil || !strings.Contains(err.Error(), "in "+c.name+", which is a variable of its own (choose another name)") || strings.Contains(err.Error(), "evil") {
					t.Errorf("it says %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			inFile := string(content) == r.Env[0]+"\n"
			inEnvironment := slices.Contains(command.Env, r.Env[0]) && slices.Contains(command.Line, c.name)
			if inFile != (c.in == "file") || inEnvironment != (c.in == "environment") {
				t.Errorf("the file is %.40q, and the environment has it: %v; want it in the %s", content, inEnvironment, c.in)
			}
			if c.value != "" && slices.ContainsFunc(command.Line, func(a string) bool { return strings.Contains(a, c.value) && c.value != "word" }) {
				t.Errorf("its command line has it: %q", command.Line)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the file: %v, %v", info, err)
			}
		})
	}
}

func TestFoldersThatAToolCannotTake(t *testing.T) {
	newBench(t, []answer{{Begin: "info", Prints: podmanInfo}}, "podman")
	r := run()
	r.Data = "/data:ro"
	if _, err := (&bench{t: t}).find().Prepare(r, filepath.Join(t.TempDir(), "env")); err == nil || !strings.Contains(err.Error(), "no folder with a colon in its name: /data:ro") {
		t.Errorf("it says %v", err)
	}
}

func TestSweep(t *testing.T) {
	const question = "ps --all --quiet --no-trunc --filter label=plateform.installation=mine"
	for name, c := range map[string]struct {
		answers []answer
		removed int
		told    []string
		wrong   string
	}{
		"nothing":   {answers: []answer{{Begin: "ps"}}, told: []string{question}},
		"some":      {answers: []answer{{Begin: "ps", Prints: "a1\nb2\n"}}, removed: 2, told: []string{question, "rm --force --volumes a1 b2"}},
		"gone then": {answers: []answer{{Begin: "ps", Prints: "a1\n"}, {Begin: "rm", Says: "Error: No such container: a1", Code: 1}}, removed: 1, told: []string{question, "rm --force --volumes a1"}},
		"stuck":     {answers: []answer{{Begin: "ps", Prints: "a1\n"}, {Begin: "rm", Says: "device busy", Code: 2}}, removed: 1, told: []string{question, "rm --force --volumes a1"}, wrong: "podman rm: exit status 2: device busy"},
		"no answer": {answers: []answer{{Begin: "ps", Says: "boltdb is locked", Code: 125}}, told: []string{question}, wrong: "podman ps: exit status 125: boltdb is locked"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, append(c.answers, answer{Begin: "info", Prints: podmanInfo}), "podman")
			removed, err := b.find().Sweep(t.Context(), "mine")
			if removed != c.removed || (err == nil) != (c.wrong == "") || err != nil && err.Error() != c.wrong {
				t.Errorf("removed %d, %v", removed, err)
			}
			if told := b.told()[2:]; !slices.Equal(told, c.told) {
				t.Errorf("it was told %q", told)
			}
		})
	}
}

// Whether ports can be published is tried with a container that never starts and never stays.
func TestTryPublish(t *testing.T) {
	for name, c := range map[string]struct {
		tool    string
		answers []answer
		told    []string
		wrong   string
	}{
		"podman that can":    {tool: "podman", told: []string{"create", "init", "rm"}},
		"podman that cannot": {tool: "podman", answers: []answer{{Begin: "init", Says: "netavark: iptables: command not found", Code: 126}}, told: []string{"create", "init", "rm"}, wrong: "podman init: exit status 126: netavark: iptables: command not found"},
		"docker":             {tool: "docker"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, append(c.answers, answer{Begin: "info", Prints: podmanInfo}), c.tool)
			err := b.find().TryPublish(t.Context(), run())
			if (err == nil) != (c.wrong == "") || err != nil && err.Error() != c.wrong {
				t.Errorf("it says %v", err)
			}
			var told []string
			for _, line := range b.told()[2:] {
				command, _, _ := strings.Cut(line, " ")
				told = append(told, command)
				if !strings.Contains(line, "plateform-1-try") {
					t.Errorf("%s is about another container", line)
				}
			}
			if !slices.Equal(told, c.told) {
				t.Errorf("it was told %q", told)
			}
		})
	}
}

// image is one of zeros.
func image(t *testing.T, size int64) v1.Image {
	t.Helper()
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(make([]byte, size))), nil })
	if err != nil {
		t.Fatal(err)
	}
	all, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLoad(t *testing.T) {
	const size = 1 << 20
	for name, c := range map[string]struct {
		limit   int64
		answers []answer
		wrong   string
	}{
		"an image":                       {limit: size},
		"one that is too large unpacked": {limit: size - 1, wrong: "looking at a layer of the image: the image is too large to run here: it is larger than 0 MiB when it is unpacked (leave out what it does not need)"},
		"one that is too large packed":   {limit: 10, wrong: "the image is too large to run here"},
		"a tool without room":            {limit: size, answers: []answer{{Begin: "load", Says: "no space left on device", Code: 125}}, wrong: "podman load: exit status 125: no space left on device"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, append(c.answers, answer{Begin: "info", Prints: podmanInfo}), "podman")
			dir := t.TempDir()
			err := b.find().Load(t.Context(), container.Load{Image: image(t, size), As: "localhost/shop:1", Dir: dir, Limit: c.limit})
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("it says %v", err)
			}
			wasTold := len(b.told()) > 2
			if refused := strings.Contains(c.wrong, "too large"); wasTold == refused {
				t.Errorf("it was told %q", b.told())
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left are %v, %v", left, err)
			}
		})
	}
}

// What a container wrote as another user can only be removed by a tool that can act as that one.
func TestRemoveAll(t *testing.T) {
	b := newBench(t, []answer{{Begin: "info", Prints: rootlessInfo}}, "podman")
	tool := b.find()
	dir := t.TempDir()
	if err := tool.RemoveAll(t.Context(), dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
	const impossible = "/proc/self/fd" // also for root
	if err := tool.RemoveAll(t.Context(), impossible); err != nil {
		t.Error(err)
	}
	if told := b.told(); told[len(told)-1] != "unshare rm -rf -- "+impossible {
		t.Errorf("it was told %q", told)
	}
}
