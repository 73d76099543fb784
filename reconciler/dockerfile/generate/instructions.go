package generate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/plateform/plateform/reconciler/detect"
)

// Images that several languages stand on.
const (
	hub     = "docker.io/library/"
	release = "bookworm" // of Debian
	alpine  = hub + "alpine:3.22"
	debian  = hub + "debian:12-slim"
)

// nobody is the user that apps run as: one that owns nothing, known by number so that Kubernetes can check it.
const nobody = "65532:65532"

// line writes one line.
func (f *file) line(format string, args ...any) { fmt.Fprintf(&f.text, format+"\n", args...) }

// from begins a stage; one without a name is the last.
func (f *file) from(image, name string) {
	f.uses(image)
	f.line("")
	if name != "" {
		image += " AS " + name
	}
	f.line("FROM %s", image)
}

// uses notes an image that is fetched. Those of earlier stages are none.
func (f *file) uses(image string) {
	if strings.Contains(image, "/") && !slices.Contains(f.bases, image) {
		f.bases = append(f.bases, image)
	}
}

// begin is how each stage begins that runs something of the source: the folder, and the variables of the build. They come
// before what is installed, as that may need them.
func (f *file) begin(dir string) {
	f.line("WORKDIR %s", dir)
	for _, name := range f.arguments {
		f.line("ARG %s", name)
	}
}

// run writes one RUN of several commands, each of which has to go well.
func (f *file) run(commands ...string) {
	if len(commands) > 0 {
		f.line("RUN %s", strings.Join(commands, " && \\\n    "))
	}
}

// apt installs packages of Debian.
func (f *file) apt(packages ...string) {
	if len(packages) > 0 {
		f.run("apt-get update", "apt-get install --yes --no-install-recommends "+strings.Join(packages, " "), "rm -rf /var/lib/apt/lists/*")
	}
}

// manifests copies what says what to install, file by file into the folders where they belong.
func (f *file) manifests(app detect.App) {
	var top []string
	for _, name := range app.Manifests {
		if !strings.Contains(name, "/") {
			top = append(top, name)
		}
	}
	if len(top) > 0 {
		f.line("COPY %s ./", strings.Join(top, " "))
	}
	for _, name := range app.Manifests {
		switch folder, isFolder := strings.CutSuffix(name, "/"); {
		case isFolder:
			f.line("COPY %s ./%s/", folder, folder)
		case strings.Contains(name, "/"):
			f.line("COPY %s ./%s/", name, path.Dir(name))
		}
	}
}

// all copies everything, so that the user of the last stage can read it whatever the checkout had. Only what needs it is touched:
// what was installed before would be in the image twice.
func (f *file) all(sources, to string) {
	f.line("COPY %s %s", sources, to)
	f.run("find " + to + ` ! -type l ! -perm -004 -exec chmod a+rX {} +`)
}

// folder is where the app is, below where the context is.
func (f *file) folder(root string) string { return path.Join(root, f.app.Folder) }

// enter goes to the folder of the app, if that is not where it is already.
func (f *file) enter(root string) {
	if f.app.Folder != "." {
		f.line("WORKDIR %s", f.folder(root))
	}
}

// last writes the end of the last stage: who runs it, where it answers, how that is asked, what is started. shell says by
// which shell it is asked.
func (f *file) last(shell string, start []string) {
	port := f.detection.Port
	f.line("ENV PORT=%d HOME=/tmp", port)
	f.line("USER %s", nobody)
	f.line("EXPOSE %d", port)
	f.line("HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD %s", words(ask(shell)...))
	f.line("CMD %s", words(start...))
}

// ask is the command that says whether anything listens at PORT, with no more than the image has.
func ask(shell string) []string {
	if shell == "bash" {
		return []string{"bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"}
	}
	return []string{"sh", "-c", "nc -z 127.0.0.1 $PORT"}
}

// words are a command as an instruction has it that no shell reads.
func words(command ...string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(command); err != nil {
		return "[]" // texts can always be encoded
	}
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), `","`, `", "`)
}

// quoted is a text that a shell takes as one word.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// writes is the command that writes lines into a file.
func writes(name string, lines ...string) string {
	var b strings.Builder
	b.WriteString(`printf '%s\n'`)
	for _, line := range lines {
		b.WriteString(" \\\n      " + quoted(line))
	}
	return b.String() + " \\\n      > " + name
}

// shell is a command line that a shell reads when the app is started.
func shell(command string) []string { return []string{"sh", "-c", command} }
