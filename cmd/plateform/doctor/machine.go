package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/reconciler/localbuild"
	"github.com/plateform/plateform/reconciler/localrun/container"
	"github.com/plateform/plateform/reconciler/localrun/router"
	"github.com/plateform/plateform/reconciler/scan"
)

// checkGo looks for the Go compiler, which builds Go apps that have no Dockerfile.
func (d *examination) checkGo(ctx context.Context) []Diagnosis {
	const what = "go"
	if d.settings.Builder.Kind != "local" {
		return nil
	}
	command := exec.CommandContext(ctx, "go", "version")
	command.Env = append(command.Environ(), "GOTOOLCHAIN=local") // else it may fetch another one
	command.Dir = d.dir
	said, err := command.Output()
	if err != nil {
		return []Diagnosis{warn(what, "it does not run: "+terminal.Plain(err.Error()), "install Go where serve runs, or give Go apps a Dockerfile")}
	}
	return []Diagnosis{ok(what, "%s", strings.TrimSpace(strings.TrimPrefix(terminal.Plain(string(said)), "go version ")))}
}

// checkContainerTool looks for what builds Dockerfiles.
func (d *examination) checkContainerTool(ctx context.Context) []Diagnosis {
	const what = "container tool"
	if d.settings.Builder.Kind != "local" {
		return nil
	}
	mirrors := d.settings.Builder.Local.Mirrors
	steps := localbuild.Steps{Work: filepath.Join(d.dir, "work"), Cache: filepath.Join(d.dir, "cache"), Mirrors: mirrors}
	tool, takesMirrors, err := steps.Tool(ctx)
	var trouble *localbuild.Trouble
	switch {
	case errors.As(err, &trouble):
		return []Diagnosis{warn(what, terminal.Plain((&localbuild.Trouble{What: trouble.What, Err: trouble.Err}).Error()), trouble.Fix)}
	case err != nil:
		return []Diagnosis{broken(what, err, "let the user that runs serve write to the folder for temporary files ($TMPDIR)")}
	case len(mirrors) > 0 && !takesMirrors:
		return []Diagnosis{warn(what, tool+" builds Dockerfiles, and takes no mirrors from serve.yaml (builder.local.mirrors)",
			"install buildah, which does, where serve runs, or name them in the settings of the daemon: registry-mirrors of docker, [registry] of buildkitd.toml")}
	}
	from := ""
	if n := len(mirrors); n > 0 {
		from = fmt.Sprintf(", with %s of registries", terminal.Count(n, "mirror"))
	}
	return []Diagnosis{ok(what, "%s builds Dockerfiles, and those that are written for sources without one%s", tool, from)}
}

// checkScanner looks for what scans images here, when the platform wants them scanned.
func (d *examination) checkScanner(context.Context) []Diagnosis {
	const what = "scanner"
	if d.settings.Builder.Kind != "local" || d.settings.Registry.IsHarbor() || d.platform == nil || d.platform.Spec.Policy.Scan.FailOn == "" {
		return nil
	}
	policy := d.platform.Spec.Policy.Scan.FailOn
	at, err := exec.LookPath("trivy")
	if err != nil {
		return []Diagnosis{fail(what, fmt.Sprintf("%v, and platform.yaml wants images scanned (policy.scan.failOn: %s): none that is built here is released", scan.ErrNoScanner, policy),
			"install trivy where serve runs, or take policy.scan out of platform.yaml")}
	}
	return []Diagnosis{ok(what, "%s; an image with findings of severity %s or above is not released", at, policy)}
}

// notLimited says what engine local does not do about CPU.
const notLimited = "CPU is not limited, as in the charts: resources.cpu is a share, which containers get, and processes share evenly"

// checkApps looks at what engine local can run.
func (d *examination) checkApps(ctx context.Context) []Diagnosis {
	const what = "apps"
	if d.settings.Engine.Kind != "local" {
		return nil
	}
	tool, err := container.Find(ctx)
	var missing *container.MissingError
	switch {
	case errors.As(err, &missing):
		return []Diagnosis{warn(what, "images of one static program run here; no others, and no databases: "+terminal.Plain(missing.Why)+"; "+notLimited,
			"install podman, or start the daemon of docker, if you need them")}
	case err != nil:
		return []Diagnosis{broken(what, err, "run plateform doctor again; docs/local.md says what engine local needs")}
	}
	return []Diagnosis{ok(what, "images of one static program run as processes, others and databases through %s; %s", tool.Name, notLimited)}
}

// Free space on the disk of the data folder.
const (
	plentyBytes = 5 << 30
	leastBytes  = 512 << 20
)

// checkData looks at the data folder: writable, with room.
func (d *examination) checkData(context.Context) []Diagnosis {
	const what = "data folder"
	dir := d.settings.DataDir
	there := nearestFolder(dir)
	probe, err := os.CreateTemp(there, ".plateform-doctor-")
	if err != nil {
		return []Diagnosis{broken(what, err, "let the user that runs serve write there, or set dataDir in serve.yaml")}
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return []Diagnosis{broken(what, err, "look at the disk of the data folder, or set dataDir in serve.yaml")}
	}
	state := "writable"
	if there != dir {
		state = "not there yet, and can be made"
	}
	free, known := freeBytes(there)
	switch {
	case !known:
		return []Diagnosis{ok(what, "%s: %s", dir, state)}
	case free < leastBytes:
		return []Diagnosis{fail(what, fmt.Sprintf("%s: %s, but only %s free", dir, state, sizeText(free)), "make room: copies of repositories and builds need it")}
	case free < plentyBytes:
		return []Diagnosis{warn(what, fmt.Sprintf("%s: %s, %s free", dir, state, sizeText(free)), "builds may need more room")}
	}
	return []Diagnosis{ok(what, "%s: %s, %s free", dir, state, sizeText(free))}
}

// nearestFolder is a folder, or the nearest above it that is there.
func nearestFolder(dir string) string {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func sizeText(bytes uint64) string {
	const mega, giga = 1 << 20, 1 << 30
	if bytes < giga {
		return fmt.Sprintf("%d MiB", bytes/mega)
	}
	return fmt.Sprintf("%d GiB", bytes/giga)
}

// listenApps is the setting of where apps answer; its port is part of their URLs.
const listenApps = "engine.listen"

// checkListen looks whether the addresses are free, or taken by a serve that runs.
func (d *examination) checkListen(ctx context.Context) []Diagnosis {
	found := []Diagnosis{checkAddress(ctx, "listen", d.settings.Listen, answersWell("/healthz"))}
	found = append(found, checkReady(ctx, d.settings.Listen)...)
	if d.settings.API.Listen != "" {
		found = append(found, checkAddress(ctx, "api.listen", d.settings.API.Listen, answersWell("/metrics")))
	}
	if d.settings.Engine.Kind == "local" {
		found = append(found, checkAddress(ctx, listenApps, d.settings.Engine.Listen, routerAnswers))
	}
	return found
}

// checkPort holds that the URLs of platform.yaml lead to where apps answer.
func (d *examination) checkPort(context.Context) []Diagnosis {
	if d.platform == nil {
		return nil // that is told already
	}
	if said, fix := d.settings.Engine.OtherPort(d.platform.Spec.Ingress); said != "" {
		return []Diagnosis{warn("URLs", said, fix)}
	}
	return nil
}

// checkAddress looks whether an address is free, or has what is known to be a serve.
func checkAddress(ctx context.Context, setting, address string, isServe func(ctx context.Context, address string) bool) Diagnosis {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", address)
	if err == nil {
		if err := listener.Close(); err != nil {
			return broken(setting, fmt.Errorf("giving %s back: %w", address, err), "run plateform doctor again")
		}
		return ok(setting, "%s is free", address)
	}
	if isServe(ctx, address) {
		return ok(setting, "a serve answers at %s", address)
	}
	fix := "end what else listens there, or set " + setting + " in serve.yaml"
	if setting == listenApps {
		fix += " and ingress.port in platform.yaml, both"
	}
	return broken(setting, err, fix)
}

// checkReady asks a serve that runs whether it is ready: it alone knows what the servers say to its pushes. Nothing is found
// where none runs.
func checkReady(ctx context.Context, address string) []Diagnosis {
	const what, fix = "serve", "mend that; serve goes on by itself"
	status, text, err := ask(ctx, address, "/readyz")
	switch {
	case err != nil || status != http.StatusOK && status != http.StatusServiceUnavailable:
		return nil
	case status == http.StatusOK:
		return []Diagnosis{ok(what, "%s", strings.Join(nonEmptyLines(text), "; "))}
	}
	var found []Diagnosis
	for _, line := range nonEmptyLines(text) {
		found = append(found, fail(what, line, fix))
	}
	return found
}

// nonEmptyLines are the lines of a text that may be shown.
func nonEmptyLines(text string) (lines []string) {
	for line := range strings.Lines(terminal.Plain(text)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// answersWell says that a web server answers as it should at a path.
func answersWell(path string) func(ctx context.Context, address string) bool {
	return func(ctx context.Context, address string) bool {
		status, _, err := ask(ctx, address, path)
		return err == nil && status == http.StatusOK
	}
}

// routerAnswers says that the router of engine local is at an address: no app has the address itself as its host.
func routerAnswers(ctx context.Context, address string) bool {
	status, text, err := ask(ctx, address, "/")
	return err == nil && status == http.StatusNotFound && strings.HasPrefix(text, router.NothingAt)
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 10

// ask asks a web server at an address.
func ask(ctx context.Context, address, path string) (status int, text string, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, "", err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return 0, "", err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, string(body), errors.Join(err, response.Body.Close())
}
