package scan_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/scan"
)

func TestParseTrivy(t *testing.T) {
	data, err := os.ReadFile("testdata/trivy.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := scan.ParseTrivy(data)
	if err != nil {
		t.Fatal(err)
	}
	want := scan.Report{
		Counts: manifest.ScanResult{Critical: 2, High: 1, Low: 1},
		Findings: []scan.Finding{
			{ID: "CVE-2026-0001", Severity: "critical", Package: "openssl", Installed: "3.0.11", Fixed: "3.0.13"},
			{ID: "CVE-2026-0003", Severity: "critical", Package: "zlib1g", Installed: "1:1.2.13"},
			{ID: "GHSA-aaaa-bbbb-cccc", Severity: "high", Package: "left-pad[31m", Installed: "1.0.0", Fixed: "1.0.1, 2.0.0"},
			{ID: "CVE-2026-0002", Severity: "low", Package: "bash", Installed: "5.2"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	policy := manifest.ScanPolicy{FailOn: "high"}
	if diff := cmp.Diff([]string{
		"critical CVE-2026-0001 in openssl 3.0.11: mended in 3.0.13",
		"critical CVE-2026-0003 in zlib1g 1:1.2.13: there is no version without it yet",
		"high GHSA-aaaa-bbbb-cccc in left-pad[31m 1.0.0: mended in 1.0.1, 2.0.0",
	}, scan.Worst(policy, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	many := scan.Report{Findings: slices.Repeat(got.Findings, 10)}
	if lines := scan.Worst(policy, many); len(lines) != 21 || lines[20] != "and 10 more" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
	if lines := scan.Worst(manifest.ScanPolicy{}, got); lines != nil {
		t.Errorf("without a policy nothing is refused, and this is: %q", lines)
	}
}

func TestParseTrivyRefusesWhatIsNoReport(t *testing.T) {
	for _, data := range []string{"", "[]", `{"SchemaVersion": 1}`, `{"Results": []}`, `{"SchemaVersion": 2, "Results": 7}`} {
		if _, err := scan.ParseTrivy([]byte(data)); err == nil {
			t.Errorf("%q is taken for a report", data)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		failOn string
		found  *manifest.ScanResult
		want   string
	}{
		{"", nil, ""},
		{"", &manifest.ScanResult{Critical: 9}, ""},
		{"critical", nil, "nobody has scanned the image, and platform.yaml wants that (policy.scan.failOn: critical)"},
		{"critical", &manifest.ScanResult{High: 9, Low: 3}, ""},
		{"high", &manifest.ScanResult{Medium: 4}, ""},
		{"high", &manifest.ScanResult{Critical: 2, High: 1, Medium: 4}, "found 2 critical, 1 high ("},
		{"low", &manifest.ScanResult{Low: 1}, "found 1 low ("},
		{"medium", &manifest.ScanResult{Low: 1, Medium: 2}, "found 2 medium ("},
	} {
		got := scan.Refused(manifest.ScanPolicy{FailOn: tt.failOn}, tt.found)
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("failOn %q with %+v: %q, want %q", tt.failOn, tt.found, got, tt.want)
		}
	}
}

// program is a program that does as a script says.
func program(t *testing.T, script string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "trivy")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTrivyIsToldTheImageAndSeesNoSecrets(t *testing.T) {
	t.Setenv("REGISTRY_PASSWORD", "canary")
	t.Setenv("TRIVY_DB_REPOSITORY", "registry.test/trivy-db")
	var log bytes.Buffer
	report, err := filepath.Abs("testdata/trivy.json")
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	trivy := scan.Trivy{Command: program(t, `echo "$@" >&2; env >&2; test -s "$3/index.json" && cat '`+report+"'\n"), Cache: cache, Log: &log}
	folder := filepath.Join(t.TempDir(), "scan")
	got, err := trivy.Scan(t.Context(), anImage(t), folder)
	if err != nil {
		t.Fatal(err)
	}
	if got.Counts.Critical != 2 {
		t.Errorf("%+v", got.Counts)
	}
	if said := log.String(); strings.Contains(said, "canary") || !strings.Contains(said, "TRIVY_DB_REPOSITORY=registry.test/trivy-db") ||
		!strings.HasPrefix(said, "image --input "+folder+" --format json --scanners vuln --no-progress --cache-dir "+cache+"/trivy\n") {
		t.Errorf("trivy was called with\n%s", said)
	}
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the image is still there: %v", err)
	}
}

func anImage(t *testing.T) v1.Image {
	t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestTrivyThatFails(t *testing.T) {
	t.Run("not installed", func(t *testing.T) {
		_, err := scan.Trivy{Command: filepath.Join(t.TempDir(), "trivy"), Cache: t.TempDir()}.Scan(t.Context(), anImage(t), filepath.Join(t.TempDir(), "scan"))
		if !errors.Is(err, scan.ErrNoScanner) {
			t.Error(err)
		}
	})
	t.Run("it says why", func(t *testing.T) {
		trivy := scan.Trivy{Command: program(t, "seq 100000 >&2; echo 'FATAL no database' >&2; exit 1"), Cache: t.TempDir()}
		if _, err := trivy.Scan(t.Context(), anImage(t), filepath.Join(t.TempDir(), "scan")); err == nil || !strings.Contains(err.Error(), "FATAL no database") {
			t.Error(err)
		}
	})
	t.Run("it hangs", func(t *testing.T) {
		stopped := errors.New("stopped")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, stopped)
		defer cancel()
		trivy := scan.Trivy{Command: program(t, "exec sleep 600"), Cache: t.TempDir()}
		if _, err := trivy.Scan(ctx, anImage(t), filepath.Join(t.TempDir(), "scan")); !errors.Is(err, stopped) {
			t.Error(err)
		}
	})
}

func FuzzParseTrivy(f *testing.F) {
	data, err := os.ReadFile("testdata/trivy.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"SchemaVersion":2,"Results":[{"Vulnerabilities":[{"Severity":"HIGH"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		report, err := scan.ParseTrivy(data)
		if err != nil {
			return
		}
		counts := report.Counts
		if n := counts.Critical + counts.High + counts.Medium + counts.Low; n != len(report.Findings) {
			t.Errorf("%d are counted of %d", n, len(report.Findings))
		}
		for _, line := range scan.Worst(manifest.ScanPolicy{FailOn: "low"}, report) {
			if strings.ContainsAny(line, "\n\r\x1b\x00") || len(line) > 2000 {
				t.Errorf("%q", line)
			}
		}
	})
}
