package card

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/plateform/plateform/manifest"
)

// maxCell is how long a text may be that people wrote, in bytes.
const maxCell = 1000

// unsafe are the characters that mean something in Markdown, in HTML, or to GitHub: mentions, references to other issues, and
// addresses become links, which is not for the author of a text to decide.
var unsafe = strings.NewReplacer(
	"\r", " ", "\n", " ", "&", "&amp;", "<", "&lt;", ">", "&gt;",
	`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "~", `\~`, "[", `\[`, "]", `\]`, "!", `\!`,
	"@", "@<!-- -->", "#", "#<!-- -->", "://", ":<!-- -->//", "www.", "www<!-- -->.", "$", "&#36;",
)

// Text makes what people wrote fit for a line of Markdown: it breaks out of nothing, and mentions and links nobody.
func Text(s string) string { return text(s) }

// text makes what people wrote fit for a line or a cell of a table.
func text(s string) string {
	return unsafe.Replace(visible(cut(manifest.WithoutCredentials(s), maxCell)))
}

// code makes what people wrote fit for a code span, also in a cell of a table. Nothing becomes a link there.
func code(s string) string {
	return strings.NewReplacer("`", "'", "|", `\|`, "<", "‹").Replace(visible(cut(manifest.WithoutCredentials(s), maxCell)))
}

// cut takes the end off a text that is too long.
func cut(s string, most int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// visible takes out characters that are not seen, and those that turn the direction of writing around: they make a text look
// like another one.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
			return -1
		}
		return r
	}, s)
}

// link is a link to a page; empty when there is none, or when it is not one of the web.
func link(name, to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	target := strings.NewReplacer("<", "%3C", ">", "%3E", "|", "%7C", "`", "%60", `\`, "%5C").Replace(u.String())
	return "[" + text(name) + "](<" + target + ">)"
}

// variable is a line of Helm values with the value of a variable, or with a secret.
var variable = regexp.MustCompile(`(?m)^([-+ ]\s*(?:- )?(?:value|secret): ).*$`)

// mask hides the values of variables in a diff of Helm values, and credentials of URLs in all else.
func mask(diff string) string {
	return manifest.WithoutCredentials(variable.ReplaceAllString(diff, `$1"***"`))
}

// fenceFor is a fence that the text cannot close.
func fenceFor(s string) string {
	fence := "```"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	return fence
}
