package words

import (
	"strings"
	"unicode/utf8"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// MaxDescription is the longest description of a statement, in bytes. Of a longer one the beginning stays, which says what
// happened, and the end, which says what to do.
const MaxDescription = 8 << 10

// keptBeginning is how much of the beginning stays.
const keptBeginning = 1 << 10

// Statement puts a report into words. Log lines are left out: whoever can read the repository can read what a forge says.
func Statement(r reconciler.Report) reconciler.Statement {
	return Tidy(reconciler.Statement{
		Context: r.Context(), State: r.State, Stage: r.Stage, Description: Of(r), URL: urlOf(r),
		Source: r.Source, Build: r.FailedBuild(), AlsoFailed: r.FailedWithIt(), Unchanged: r.UnchangedBuilds(), Waits: r.Waits, Fails: r.FailingRelease(), Idle: r.Idle(), At: r.At,
	})
}

// Tidy gives a statement the form in which it comes back from where it is kept as JSON, so that what was said already is
// recognized.
func Tidy(s reconciler.Statement) reconciler.Statement {
	for _, text := range []*string{&s.Context, &s.Description, &s.URL, &s.Source, &s.Build, &s.AlsoFailed, &s.Unchanged, &s.Fails} {
		*text = strings.ToValidUTF8(*text, "\uFFFD")
	}
	s.Description = clip(manifest.WithoutCredentials(s.Description))
	s.At = s.At.UTC()
	return s
}

// clip takes the middle out of a text that is too long.
func clip(text string) string {
	if len(text) <= MaxDescription {
		return text
	}
	const gap = "\n…\n"
	beginning, end := keptBeginning, len(text)-(MaxDescription-keptBeginning-len(gap))
	for !utf8.RuneStart(text[beginning]) {
		beginning--
	}
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end++
	}
	return text[:beginning] + gap + text[end:]
}
