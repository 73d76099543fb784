package scan

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/plateform/plateform/manifest"
)

// ErrNoScanner says that Trivy is not installed.
var ErrNoScanner = errors.New("trivy is not installed")

// Trivy scans images with the program of that name.
type Trivy struct {
	// Command is the program; trivy when empty.
	Command string
	// Cache is a folder that lasts, for its databases.
	Cache string
	// Log takes what it says; nothing is kept when nil.
	Log io.Writer
}

// What bounds a scan: the report of an image with thousands of findings has some megabytes.
const (
	maxReport = 64 << 20
	maxSaid   = 4 << 10
	waitDelay = 5 * time.Second
)

// Scan looks at an image, which is kept in a folder meanwhile that is there for it alone. It ends with the context.
func (t Trivy) Scan(ctx context.Context, image v1.Image, folder string) (Report, error) {
	command := cmp.Or(t.Command, "trivy")
	if _, err := exec.LookPath(command); err != nil {
		return Report{}, ErrNoScanner
	}
	to, err := layout.Write(folder, empty.Index)
	if err == nil {
		err = to.AppendImage(image)
	}
	if err != nil {
		return Report{}, fmt.Errorf("keeping the image for the scan: %w", err)
	}
	report, err := t.look(ctx, command, folder)
	return report, errors.Join(err, os.RemoveAll(folder))
}

// look has the program look at an image in the OCI layout.
func (t Trivy) look(ctx context.Context, command, image string) (Report, error) {
	home := filepath.Join(t.Cache, "trivy")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return Report{}, fmt.Errorf("preparing the scan: %w", err)
	}
	report, said := &limited{most: maxReport}, &limited{most: maxSaid}
	cmd := exec.CommandContext(ctx, command, "image", "--input", image, "--format", "json", "--scanners", "vuln", "--no-progress", "--cache-dir", home)
	cmd.WaitDelay, cmd.Stdout, cmd.Stderr = waitDelay, report, said
	if t.Log != nil {
		cmd.Stderr = io.MultiWriter(t.Log, said)
	}
	cmd.Env = environment(home)
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return Report{}, context.Cause(ctx)
	case err != nil:
		return Report{}, fmt.Errorf("trivy: %w: %s", err, lastLine(said.kept.String()))
	case report.over:
		return Report{}, fmt.Errorf("the report of trivy is larger than %d MiB", maxReport>>20)
	}
	return ParseTrivy(report.kept.Bytes())
}

// environment is all that the scanner gets to see: how to find programs and the network, and where its operator says that its
// databases are.
func environment(home string) []string {
	env := []string{"HOME=" + home, "LC_ALL=C"}
	for _, name := range []string{
		"PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
		"TRIVY_CONFIG", "TRIVY_DB_REPOSITORY", "TRIVY_JAVA_DB_REPOSITORY", "TRIVY_SKIP_DB_UPDATE", "TRIVY_OFFLINE_SCAN", "TRIVY_SERVER",
	} {
		if value, found := os.LookupEnv(name); found {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// trivyReport is what is read of a report of Trivy, schema version 2.
type trivyReport struct {
	SchemaVersion int
	Results       []struct {
		Vulnerabilities []struct {
			VulnerabilityID  string
			PkgName          string
			InstalledVersion string
			FixedVersion     string
			Severity         string
		}
	}
}

// ParseTrivy reads a report of Trivy in JSON. Findings whose severity is unknown to policies are left out.
func ParseTrivy(data []byte) (Report, error) {
	var read trivyReport
	if err := json.Unmarshal(data, &read); err != nil {
		return Report{}, errors.New("the report of trivy is no JSON object of the kind that it writes")
	}
	if read.SchemaVersion != 2 {
		return Report{}, fmt.Errorf("the report of trivy has schema version %d, and 2 is known (install a version of trivy from 0.20 on)", read.SchemaVersion)
	}
	var report Report
	for _, result := range read.Results {
		for _, v := range result.Vulnerabilities {
			f := Finding{
				ID: OneWord(v.VulnerabilityID), Severity: strings.ToLower(v.Severity), Package: OneWord(v.PkgName),
				Installed: OneWord(v.InstalledVersion), Fixed: OneWord(v.FixedVersion),
			}
			if add(&report.Counts, f.Severity) {
				report.Findings = append(report.Findings, f)
			}
		}
	}
	slices.SortStableFunc(report.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(manifest.Severities(), b.Severity), slices.Index(manifest.Severities(), a.Severity)),
			mendedFirst(a, b), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Package, b.Package))
	})
	return report, nil
}

// mendedFirst orders findings that a newer version mends before those that nothing does.
func mendedFirst(a, b Finding) int {
	switch {
	case (a.Fixed != "") == (b.Fixed != ""):
		return 0
	case a.Fixed != "":
		return -1
	}
	return 1
}

// maxWord bounds a name that a report has, which comes out of the image.
const maxWord = 80

// OneWord is a name as it can be shown: printable, and not long.
func OneWord(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) && r != unicode.ReplacementChar {
			return r
		}
		return -1
	}, name)
	if runes := []rune(name); len(runes) > maxWord {
		name = string(runes[:maxWord]) + "…"
	}
	return name
}

// lastLine is the last line that says something.
func lastLine(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return OneWord(strings.TrimSpace(lines[len(lines)-1]))
}

// limited keeps the end of what is written to it, and notes whether there was more.
type limited struct {
	kept bytes.Buffer
	most int
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	n := len(p)
	if l.kept.Len()+len(p) > l.most {
		l.over = true
		p = p[max(0, len(p)-l.most):]
		l.kept.Next(max(0, l.kept.Len()+len(p)-l.most))
	}
	_, err := l.kept.Write(p)
	return n, err
}
