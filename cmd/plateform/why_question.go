package main

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/manifest"
)

// questionKind is what was asked for.
type questionKind string

const (
	askProject questionKind = "project"
	askHost    questionKind = "host"
	askImage   questionKind = "image"
	// A commit is found to be one of these three.
	askConfig questionKind = "config commit"
	askGitOps questionKind = "gitops commit"
	askSource questionKind = "source commit"
	askCommit questionKind = "commit"
)

// question is what somebody wants to know about.
type question struct {
	asked string
	kind  questionKind
	// hash is the beginning of a commit or of a digest, in small hexadecimal letters.
	hash string
	host string
	key  manifest.Key
	// version is zero for what runs now.
	version manifest.Version
}

// Hashes may be cut short, but not to nothing.
var (
	someHash   = regexp.MustCompile(`^[0-9a-f]{4,40}$`)
	someDigest = regexp.MustCompile(`sha256:([0-9a-f]{6,64})$`)
	commitPage = regexp.MustCompile(`/commits?/([0-9a-f]{7,40})/?$`)
	hostName   = regexp.MustCompile(`^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+)$`)
)

// parseQuestion finds out what an argument is.
func parseQuestion(asked string) (question, error) {
	q := question{asked: asked}
	text := strings.TrimSpace(asked)
	small := strings.ToLower(text)
	project, version, versioned := strings.Cut(text, "@")
	key, notKey := parseKey(project)
	switch {
	case someDigest.MatchString(small):
		q.kind, q.hash = askImage, someDigest.FindStringSubmatch(small)[1]
	case strings.Contains(text, "://"):
		return q.address(text)
	case someHash.MatchString(small):
		q.kind, q.hash = askCommit, small
	case notKey == nil && !strings.Contains(key.Workspace, "."):
		q.kind, q.key = askProject, key
		if versioned {
			v, err := manifest.ParseVersion(version)
			if err != nil {
				return q, exit.Usage("%w", err)
			}
			q.version = v
		}
	default:
		return q.address("https://" + text)
	}
	return q, nil
}

// address takes a URL: a page of a forge that shows a commit, or else whatever runs at its host.
func (q question) address(text string) (question, error) {
	u, err := url.Parse(text)
	if err != nil || !hostName.MatchString(strings.ToLower(u.Hostname())) {
		return q, exit.Usage("%q is no URL, commit, image or project (write it like https://shop.example.com, 9fceb02d0a, sha256:4f5e..., ws-1/shop or ws-1/shop@v1.0.3)", q.asked)
	}
	if page := commitPage.FindStringSubmatch(strings.ToLower(u.Path)); page != nil {
		q.kind, q.hash = askCommit, page[1]
		return q, nil
	}
	q.kind, q.host = askHost, strings.ToLower(u.Hostname())
	return q, nil
}
