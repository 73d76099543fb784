package gitforge

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/plateform/plateform/reconciler"
)

// The longest description that goes into a note, in bytes. Of a longer one the beginning stays, which says what
// happened, and the end, which is where a log says why.
const (
	maxDescription = 8 << 10
	keptBeginning  = 1 << 10
)

// decode reads the reports of a note, oldest first. Lines that are none, which somebody else may have written, are
// passed over.
func decode(note []byte) []reconciler.Report {
	var reports []reconciler.Report
	for line := range bytes.Lines(note) {
		var r reconciler.Report
		if json.Unmarshal(line, &r) == nil && r.Context != "" && r.State != "" {
			reports = append(reports, r)
		}
	}
	return reports
}

// appendLines returns the note with a line for each report at its end. It leaves note itself alone.
func appendLines(note []byte, reports []reconciler.Report) []byte {
	if len(reports) == 0 {
		return note
	}
	var b bytes.Buffer
	b.Write(note)
	if len(note) > 0 && note[len(note)-1] != '\n' {
		b.WriteByte('\n')
	}
	lines := json.NewEncoder(&b)
	lines.SetEscapeHTML(false) // people read it
	for _, r := range reports {
		// A report is strings and a time: encoding it fails only for a year beyond 9999, and a buffer takes everything.
		_ = lines.Encode(r)
	}
	return b.Bytes()
}

// tidy gives a report the form in which it comes back from a note, so that what is there already is recognized.
func tidy(r reconciler.Report) reconciler.Report {
	for _, text := range []*string{&r.Context, &r.Description, &r.URL, &r.Source} {
		*text = strings.ToValidUTF8(*text, "\uFFFD")
	}
	r.Description = clip(r.Description)
	r.At = r.At.UTC()
	return r
}

// clip takes the middle out of a text that is too long.
func clip(text string) string {
	if len(text) <= maxDescription {
		return text
	}
	const gap = "\n…\n"
	beginning, end := keptBeginning, len(text)-(maxDescription-keptBeginning-len(gap))
	for !utf8.RuneStart(text[beginning]) {
		beginning--
	}
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end++
	}
	return text[:beginning] + gap + text[end:]
}
