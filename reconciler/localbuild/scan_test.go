package localbuild_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localbuild"
)

// putTrivy puts a scanner in front of the search path that looks whether there is an image, and finds so many high findings.
func putTrivy(t *testing.T, high int) {
	t.Helper()
	dir := t.TempDir()
	var findings []string
	for i := range high {
		findings = append(findings, fmt.Sprintf(`{"VulnerabilityID": "CVE-2026-%04d", "PkgName": "openssl", "InstalledVersion": "3.0", "FixedVersion": "3.1", "Severity": "HIGH"}`, i))
	}
	script := fmt.Sprintf("#!/bin/sh\ntest -s \"$3/index.json\" || exit 1\ncat <<E\n{\"SchemaVersion\": 2, \"Results\": [{\"Vulnerabilities\": [%s]}]}\nE\n", strings.Join(findings, ", "))
	if err := os.WriteFile(filepath.Join(dir, "trivy"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestAnImageThatTheScanPolicyRefusesIsNotPushed(t *testing.T) {
	putTrivy(t, 2)
	b := newBench(t, nil)
	r := b.request(t, "one", hello)
	r.Scan.FailOn = "high"
	b.start(t, r)
	status := b.until(t, r.ID, done)
	if f := status.Failure; f == nil || f.Temporary || !strings.Contains(f.Summary, "found 2 high (") || !strings.Contains(f.Log, "high CVE-2026-0001 in openssl 3.0: mended in 3.1") {
		t.Errorf("%+v", status.Failure)
	}
	if diff := cmp.Diff([]reconciler.Stage{reconciler.StageBuilding, reconciler.StageScanning}, status.Stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	if _, _, err := b.options.Registry.Lookup(t.Context(), r.Destination, "build-one"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the registry has it: %v", err)
	}
}

func TestWhatAScanFoundIsKeptWithTheImage(t *testing.T) {
	putTrivy(t, 2)
	b := newBench(t, nil)
	r := b.request(t, "one", hello)
	r.Scan.FailOn = "critical"
	b.start(t, r)
	status := b.until(t, r.ID, done)
	if diff := cmp.Diff(&manifest.ScanResult{High: 2}, status.Scan); status.Image == nil || diff != "" {
		t.Fatalf("%+v (-want +got):\n%s", status.Failure, diff)
	}
	found, err := localbuild.Find(t.Context(), b.options.Registry, r)
	if err != nil || found == nil || found.Image.Digest != status.Image.Digest || found.Scan == nil || *found.Scan != *status.Scan {
		t.Fatalf("the next process finds %+v: %v", found, err)
	}
	stricter := r
	stricter.Scan.FailOn = "high"
	if found, err := localbuild.Find(t.Context(), b.options.Registry, stricter); found != nil || err != nil {
		t.Errorf("with a stricter policy it finds %+v: %v", found, err)
	}
	b.start(t, stricter)
	if status := b.until(t, r.ID, done); status.Failure == nil {
		t.Errorf("with a stricter policy it is %+v", status)
	}
}

func TestAnImageThatNobodyScannedIsScannedWhenThePolicyWantsIt(t *testing.T) {
	b := newBench(t, nil)
	r := b.request(t, "one", hello)
	b.good(t, r)
	r.Scan.FailOn = "high"
	if found, err := localbuild.Find(t.Context(), b.options.Registry, r); found != nil || err != nil {
		t.Errorf("it finds %+v: %v", found, err)
	}
	if _, err := os.Stat("/usr/bin/trivy"); err != nil { // this machine has no scanner
		b.start(t, r)
		f := b.until(t, r.ID, done).Failure
		if f == nil || !f.Temporary || !strings.Contains(f.Summary, "the image cannot be scanned") || !strings.Contains(f.Summary, "trivy is not installed") {
			t.Errorf("without a scanner: %+v", f)
		}
	}
	putTrivy(t, 0)
	b.start(t, r)
	if status := b.until(t, r.ID, done); status.Image == nil || status.Scan == nil || *status.Scan != (manifest.ScanResult{}) {
		t.Errorf("with one: %+v, %+v", status, status.Failure)
	}
}
