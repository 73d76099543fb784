package ledger

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// Kind is what a question is about.
type Kind string

// The kinds of questions.
const (
	AskProject Kind = "project"
	AskHost    Kind = "host"
	AskImage   Kind = "image"
	// AskCommit is found to be one of the three below.
	AskCommit Kind = "commit"
	AskConfig Kind = "config commit"
	AskGitOps Kind = "gitops commit"
	AskSource Kind = "source commit"
)

// Question is what somebody wants to know about; see ParseQuestion.
type Question struct {
	// Asked is the question as it was written.
	Asked string
	Kind  Kind
	// Hash is the beginning of a commit or of a digest, in small hexadecimal letters.
	Hash string
	Host string
	Key  manifest.Key
	// Version is zero for what runs now.
	Version manifest.Version
}

// Hashes may be cut short, but not to nothing.
var (
	someHash   = regexp.MustCompile(`^[0-9a-f]{4,40}$`)
	byTag      = regexp.MustCompile(`^[^@\s]+/[a-zA-Z0-9._-]+:[a-zA-Z0-9_][a-zA-Z0-9._-]*$`)
	someDigest = regexp.MustCompile(`sha256:([0-9a-f]{6,64})$`)
	commitPage = regexp.MustCompile(`/commits?/([0-9a-f]{7,40})/?$`)
	hostName   = regexp.MustCompile(`^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+)$`)
	fullHash   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// ParseQuestion finds out what somebody asks for: a URL or host, a commit or a page that shows one, the digest of an image,
// a project, or a project@version.
func ParseQuestion(asked string) (Question, error) {
	q := Question{Asked: asked}
	text := strings.TrimSpace(asked)
	small := strings.ToLower(text)
	project, version, versioned := strings.Cut(text, "@")
	key, isKey := parseKey(project)
	switch {
	case someDigest.MatchString(small):
		q.Kind, q.Hash = AskImage, someDigest.FindStringSubmatch(small)[1]
	case strings.Contains(text, "://"):
		return q.address(text)
	case byTag.MatchString(text):
		return q, fmt.Errorf("%q names an image by a tag, which is in no release for sure (name its digest, as sha256:4f5e..., or a release, as ws-1/shop@v1.0.3)", asked)
	case someHash.MatchString(small):
		q.Kind, q.Hash = AskCommit, small
	case isKey && !strings.Contains(key.Workspace, "."):
		q.Kind, q.Key = AskProject, key
		if versioned {
			var err error
			if q.Version, err = manifest.ParseVersion(version); err != nil {
				return q, err
			}
		}
	default:
		return q.address("https://" + text)
	}
	return q, nil
}

// address takes a URL: a page of a forge that shows a commit, or else whatever runs at its host.
func (q Question) address(text string) (Question, error) {
	u, err := url.Parse(text)
	if err != nil || !hostName.MatchString(strings.ToLower(u.Hostname())) {
		return q, fmt.Errorf("%q is no URL, commit, image or project (write it like https://shop.example.com, 9fceb02d0a, sha256:4f5e..., ws-1/shop or ws-1/shop@v1.0.3)", q.Asked)
	}
	if page := commitPage.FindStringSubmatch(strings.ToLower(u.Path)); page != nil {
		q.Kind, q.Hash = AskCommit, page[1]
		return q, nil
	}
	q.Kind, q.Host = AskHost, strings.ToLower(u.Hostname())
	return q, nil
}

// parseKey reads WORKSPACE/PROJECT.
func parseKey(s string) (manifest.Key, bool) {
	workspace, project, ok := strings.Cut(s, "/")
	ok = ok && workspace != "" && project != "" && !strings.Contains(project, "/")
	return manifest.Key{Workspace: workspace, Project: project}, ok
}
