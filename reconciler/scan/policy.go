package scan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// Report is what a scanner found in one image.
type Report struct {
	Counts manifest.ScanResult
	// Findings from the most severe on; of the same severity those first that a newer version mends.
	Findings []Finding
}

// Finding is one vulnerability of one package in an image.
type Finding struct {
	// ID of the vulnerability: CVE-2026-1234, say.
	ID string
	// Severity as policies name it: low, medium, high or critical.
	Severity string
	// Package that has it, the version that is installed, and the one that mends it; Fixed is empty while there is none.
	Package, Installed, Fixed string
}

// Refused says why the policy does not let an image be released; empty when it does. found is nil when nobody scanned the image: with a
// policy that is a reason, too.
func Refused(policy manifest.ScanPolicy, found *manifest.ScanResult) string {
	switch {
	case policy.FailOn == "":
		return ""
	case found == nil:
		return fmt.Sprintf("nobody has scanned the image, and platform.yaml wants that (policy.scan.failOn: %s)", policy.FailOn)
	}
	var counts []string
	for _, severity := range slices.Backward(manifest.Severities()) {
		if n := count(*found, severity); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, severity))
		}
		if severity == policy.FailOn {
			break
		}
	}
	if len(counts) == 0 {
		return ""
	}
	return fmt.Sprintf("a scan of the image found %s (platform.yaml lets no image with findings of severity %s or above be released: policy.scan.failOn)", strings.Join(counts, ", "), policy.FailOn)
}

// most is how many findings people are shown.
const most = 20

// Worst are findings that the policy refuses, in one line each: the first of them, and how many more there are.
func Worst(policy manifest.ScanPolicy, r Report) (lines []string) {
	lowest := slices.Index(manifest.Severities(), policy.FailOn)
	for _, f := range r.Findings {
		if lowest < 0 || slices.Index(manifest.Severities(), f.Severity) < lowest {
			continue
		}
		lines = append(lines, f.String())
	}
	if over := len(lines) - most; over > 0 {
		lines = append(lines[:most], fmt.Sprintf("and %d more", over))
	}
	return lines
}

// String says what a finding is, and what mends it.
func (f Finding) String() string {
	mend := "there is no version without it yet"
	if f.Fixed != "" {
		mend = "mended in " + f.Fixed
	}
	return fmt.Sprintf("%s %s in %s %s: %s", f.Severity, f.ID, f.Package, f.Installed, mend)
}

// format is how counts are written where there is room for one line of text, as in a label of an image.
const format = "%d critical, %d high, %d medium, %d low"

// Words are counts as text.
func Words(r manifest.ScanResult) string {
	return fmt.Sprintf(format, r.Critical, r.High, r.Medium, r.Low)
}

// ParseWords reads what Words wrote; nil for anything else.
func ParseWords(text string) *manifest.ScanResult {
	var r manifest.ScanResult
	if _, err := fmt.Sscanf(text, format, &r.Critical, &r.High, &r.Medium, &r.Low); err != nil {
		return nil
	}
	return &r
}

// count is how many findings of a severity there are.
func count(r manifest.ScanResult, severity string) int {
	switch severity {
	case "critical":
		return r.Critical
	case "high":
		return r.High
	case "medium":
		return r.Medium
	case "low":
		return r.Low
	}
	return 0
}

// add counts one finding more of a severity; false when policies do not name it.
func add(r *manifest.ScanResult, severity string) bool {
	switch severity {
	case "critical":
		r.Critical++
	case "high":
		r.High++
	case "medium":
		r.Medium++
	case "low":
		r.Low++
	default:
		return false
	}
	return true
}
