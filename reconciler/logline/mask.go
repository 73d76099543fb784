package logline

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const (
	// minSecret is the shortest text that is taken for a secret: hiding shorter ones everywhere would hide words, too.
	minSecret = 5
	// maxSecret is the longest that is found on the border of a line that is cut.
	maxSecret = 4 << 10
	hidden    = "***"
)

// Masks hide credentials in text. A nil one knows no secrets, and hides what looks like a credential.
type Masks struct {
	known *strings.Replacer
}

// Patterns of credentials that nobody has to know to see what they are.
var (
	userInfo = regexp.MustCompile(`://[^/\s"'<>]+@`) // up to the last @: a password may have one
	tokens   = regexp.MustCompile(`\b(gh[pousr]_[A-Za-z0-9_]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})`)
	login    = regexp.MustCompile(`(?i)(authorization: *(?:basic|bearer|token) +)[^\s"',;]+`)
)

// NewMasks hides these secrets, each line of those that have several, and the forms that logins are sent in.
func NewMasks(secrets []string) *Masks {
	var all []string
	for _, secret := range secrets {
		for line := range strings.Lines(secret) {
			line = clean(strings.TrimSpace(line))
			if len(line) < minSecret || strings.HasPrefix(line, "-----") {
				continue
			}
			all = append(all, line, base64.StdEncoding.EncodeToString([]byte(line)), url.QueryEscape(line), url.PathEscape(line))
		}
	}
	slices.SortFunc(all, func(x, y string) int { return cmp.Or(len(y)-len(x), strings.Compare(x, y)) }) // the longest first
	var pairs []string
	for _, secret := range slices.Compact(all) {
		pairs = append(pairs, secret, hidden)
	}
	return &Masks{known: strings.NewReplacer(pairs...)}
}

// hide masks the credentials in a clean line, also where colours are in the middle of one: then it loses its colours.
func (m *Masks) hide(line string) string {
	shown := m.hidePlain(line)
	if !strings.ContainsRune(line, escape) {
		return shown
	}
	if bare := Plain(shown); m.hidePlain(bare) != bare {
		return m.hidePlain(Plain(line))
	}
	return shown
}

func (m *Masks) hidePlain(text string) string {
	if m != nil {
		text = m.known.Replace(text)
	}
	if strings.Contains(text, "://") && strings.Contains(text, "@") {
		text = Redact(text)
	}
	if strings.Contains(text, "gh") || strings.Contains(text, "glpat-") || strings.Contains(text, "github_pat_") {
		text = tokens.ReplaceAllString(text, hidden)
	}
	if strings.Contains(text, ":") {
		text = login.ReplaceAllString(text, "${1}"+hidden)
	}
	return text
}

// Redact hides the login in a URL.
func Redact(url string) string { return userInfo.ReplaceAllString(url, "://"+hidden+"@") }
