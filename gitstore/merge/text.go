package merge

import (
	"slices"
	"strings"

	"github.com/hexops/gotextdiff/myers"
	"github.com/hexops/gotextdiff/span"
)

// maxText bounds the texts that are merged line by line: looking for what differs takes memory that grows with the square of it.
const maxText = 1 << 20

// Text merges a text that was changed on both sides, line by line; false when both changed the same lines, or lines that touch,
// and for what is no text or too long for one.
func Text(base, ours, theirs string) (string, bool) {
	for _, text := range []string{base, ours, theirs} {
		if len(text) > maxText || strings.ContainsRune(text, 0) {
			return "", false
		}
	}
	lines := splitLines(base)
	a, b := hunks(base, ours), hunks(base, theirs)
	var merged strings.Builder
	at := 0
	for len(a) > 0 || len(b) > 0 {
		var next hunk
		switch {
		case len(a) > 0 && len(b) > 0 && a[0].equal(b[0]):
			next, a, b = a[0], a[1:], b[1:]
		case len(a) > 0 && len(b) > 0 && a[0].touches(b[0]):
			return "", false
		case len(b) == 0 || len(a) > 0 && a[0].from < b[0].from:
			next, a = a[0], a[1:]
		default:
			next, b = b[0], b[1:]
		}
		merged.WriteString(strings.Join(lines[at:next.from], ""))
		merged.WriteString(next.text)
		at = next.to
	}
	merged.WriteString(strings.Join(lines[at:], ""))
	return merged.String(), true
}

// hunk puts a text in the place of some lines.
type hunk struct {
	from, to int
	text     string
}

func (h hunk) equal(o hunk) bool { return h == o }

func (h hunk) touches(o hunk) bool { return h.from <= o.to && o.from <= h.to }

// hunks are the places where two texts differ, in order, those that touch joined.
func hunks(before, after string) []hunk {
	var all []hunk
	for _, edit := range myers.ComputeEdits(span.URI(""), before, after) {
		h := hunk{edit.Span.Start().Line() - 1, edit.Span.End().Line() - 1, edit.NewText}
		if last := len(all) - 1; last >= 0 && all[last].to == h.from {
			all[last].to, all[last].text = h.to, all[last].text+h.text
			continue
		}
		all = append(all, h)
	}
	return slices.Clip(all)
}

// splitLines splits a text into lines with their ends.
func splitLines(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
