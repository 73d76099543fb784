package ledger

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
)

// Commit is what is worth showing of a commit.
type Commit struct {
	Hash   string `json:"hash"`
	Author string `json:"author"`
	// At is when it was made, in RFC 3339 and UTC.
	At      string `json:"at"`
	Subject string `json:"subject"`
}

// shown is what is worth showing of a commit.
func shown(c manifest.Commit) Commit {
	subject, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	return Commit{Hash: c.Hash, Author: manifest.Plain(c.Author.Name), Subject: manifest.Plain(subject), At: rfc3339(c.Author.When)}
}

// shown looks at a commit; nil when it is not at hand.
func (l *line) shown(hash string) (*Commit, error) {
	c, err := l.Reader.Commit(hash)
	if errors.Is(err, ErrNoCommit) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.Hash = hash
	fact := shown(c)
	return &fact, nil
}

// by names who made a commit.
func (c Commit) by() string {
	if c.Author == "" {
		return ""
	}
	return " of " + c.Author
}

// trailer is the value of a trailer; empty when the message has none.
func trailer(message, key string) string {
	for _, t := range manifest.Trailers(message) {
		if t.Key == key {
			return t.Value
		}
	}
	return ""
}

// keyOf is the project that the trailers of a commit name.
func keyOf(message string) manifest.Key {
	return manifest.Key{Workspace: trailer(message, manifest.TrailerWorkspace), Project: trailer(message, manifest.TrailerProject)}
}

// releaseOf is the release file that the trailers of a commit name; empty when they name none.
func releaseOf(message string) string {
	version, err := manifest.ParseVersion(trailer(message, manifest.TrailerRelease))
	if err != nil {
		return ""
	}
	return manifest.ReleaseFile(keyOf(message), version)
}

// rfc3339 is how times are written for programs, always in UTC.
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// listWords joins words for a sentence.
func listWords(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return fmt.Sprintf("%s and %s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
}

// few lists some words, and says how many more there are.
func few(words []string) string {
	const most = 5
	if len(words) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
	}
	return listWords(words)
}

// Age is a time that has passed, in its largest unit.
func Age(passed time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case passed < time.Minute:
		return fmt.Sprintf("%ds", int(passed.Seconds()))
	case passed < time.Hour:
		return fmt.Sprintf("%dm", int(passed.Minutes()))
	case passed < 2*day:
		return fmt.Sprintf("%dh", int(passed.Hours()))
	}
	return fmt.Sprintf("%dd", int(passed/day))
}
