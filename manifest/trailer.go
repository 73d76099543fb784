package manifest

import (
	"strings"
	"unicode"

	"github.com/plateform/plateform/manifest/signing"
)

// The trailers of commit messages. All but TrailerRetry are written by Plateform on release commits, in both
// repositories; TrailerRetry is written by people on an empty config commit and names `workspace/project`.
const (
	TrailerWorkspace    = "Workspace"
	TrailerProject      = "Project"
	TrailerRelease      = "Release"
	TrailerConfigCommit = "Config-Commit"
	TrailerSourceCommit = "Source-Commit"
	TrailerCausedBy     = "Caused-By"
	TrailerPlan         = "Plan"
	TrailerRetry        = "Plateform-Retry"
	// TrailerAskedBy is the id of the comment that a commit was asked for in.
	TrailerAskedBy = "Plateform-Comment"
	// TrailerSignature proves that Plateform made a commit of plateform-gitops.
	TrailerSignature = signing.Trailer
	// TrailerUnreported names the oldest config commit whose report about broken or mended files may not have arrived.
	TrailerUnreported = "Plateform-Unreported"
)

// Trailer is one `Key: value` line at the end of a commit message.
type Trailer struct{ Key, Value string }

// NewTrailers returns the trailers of the commits that bring a release.
func NewTrailers(k Key, r *Release) []Trailer {
	trailers := []Trailer{
		{TrailerWorkspace, k.Workspace},
		{TrailerProject, k.Project},
		{TrailerRelease, r.Metadata.Name},
		{TrailerConfigCommit, r.Spec.Cause.Config},
	}
	seen := map[string]bool{"": true}
	for _, image := range r.Spec.Images {
		if !seen[image.Commit] {
			seen[image.Commit] = true
			trailers = append(trailers, Trailer{TrailerSourceCommit, image.Commit})
		}
	}
	cause := string(r.Spec.Cause.Kind) + " " + r.Spec.Cause.Commit
	if r.Spec.Cause.By != "" {
		cause += " (" + r.Spec.Cause.By + ")"
	}
	return append(trailers, Trailer{TrailerCausedBy, cause}, Trailer{TrailerPlan, r.Spec.Plan})
}

// FormatMessage writes a commit message. Subject and values become one line each, whatever they hold, so that no value
// can pass for a trailer of its own, and without what turns the direction of writing around; trailers without a value are left out.
func FormatMessage(subject string, trailers []Trailer) string {
	var b strings.Builder
	b.WriteString(oneLine(subject))
	b.WriteString("\n")
	first := true
	for _, t := range trailers {
		value := oneLine(t.Value)
		if value == "" {
			continue
		}
		if first {
			b.WriteString("\n")
			first = false
		}
		b.WriteString(t.Key + ": " + value + "\n")
	}
	return b.String()
}

// Trailers reads the trailers of a commit message: its last paragraph, when every line of that is one. Unlike Git it
// also takes a message of nothing but trailers, for people type `git commit --allow-empty -m "Plateform-Retry: ..."`.
func Trailers(message string) []Trailer {
	message = strings.TrimRight(strings.ReplaceAll(message, "\r\n", "\n"), " \t\n")
	if i := strings.LastIndex(message, "\n\n"); i >= 0 {
		message = message[i+2:]
	}
	var trailers []Trailer
	for line := range strings.SplitSeq(message, "\n") {
		if rest := strings.TrimLeft(line, " \t"); rest != line && len(trailers) > 0 {
			trailers[len(trailers)-1].Value += " " + strings.TrimSpace(rest)
			continue
		}
		key, value, found := strings.Cut(line, ":")
		if !found || !isTrailerKey(key) {
			return nil
		}
		trailers = append(trailers, Trailer{key, strings.TrimSpace(value)})
	}
	return trailers
}

func isTrailerKey(key string) bool {
	for i, r := range key {
		if r >= 0x80 || !unicode.IsLetter(r) && !unicode.IsDigit(r) && (r != '-' || i == 0) {
			return false
		}
	}
	return key != ""
}

func oneLine(s string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(clean), " ")
}
