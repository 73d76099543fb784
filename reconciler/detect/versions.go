package detect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// versions of a language that there are images of, the one to take where nothing is said first, then newer ones before older ones.
type versions struct {
	known []string
	// parts of a version that a tag has: 1 for 22, 2 for 3.13.
	parts int
	// oldest is the oldest to take at its word, where newer ones do all that older ones do; empty where they do not.
	oldest string
}

func goVersions() versions {
	return versions{known: []string{"1.26", "1.25", "1.24", "1.23"}, parts: 2, oldest: "1.21"}
}
func nodeVersions() versions {
	return versions{known: []string{"24", "26", "22", "20", "18"}, parts: 1}
}
func pythonVersions() versions {
	return versions{known: []string{"3.13", "3.14", "3.12", "3.11", "3.10", "3.9"}, parts: 2}
}
func javaVersions() versions { return versions{known: []string{"21", "25", "17", "11", "8"}, parts: 1} }
func phpVersions() versions {
	return versions{known: []string{"8.4", "8.5", "8.3", "8.2", "8.1"}, parts: 2}
}
func rubyVersions() versions {
	return versions{known: []string{"3.4", "3.3", "3.2", "3.1"}, parts: 2}
}
func rustVersions() versions { return versions{known: []string{"1.90"}, parts: 2, oldest: "1.70"} }
func dotnetVersions() versions {
	return versions{known: []string{"10.0", "9.0", "8.0"}, parts: 2}
}

// from is what a place in the source says of a version, and where that is.
type from struct {
	// said is the match of an expression: the last group counts. Nil when nothing is said.
	said  []string
	where string
}

// longestVersion bounds what is taken for a version or a range of them.
const longestVersion = 100

var (
	exactVersion = regexp.MustCompile(`^(\d{1,3})(?:\.(\d{1,3}))?(?:\.[0-9A-Za-z.+-]*)?$`)
	someVersion  = regexp.MustCompile(`\b(\d{1,3})(?:\.(\d{1,3}))?\b`)
	someRange    = regexp.MustCompile(`^[0-9.xX*<>=!~^|, vV-]+$`)
	versionMark  = regexp.MustCompile(`^(?:v|=|==|===|ruby-|python-|node-|temurin-|corretto-|openjdk-|zulu-)\s*`)
	compatible   = regexp.MustCompile(`~=\s*(\d+)\.(\d+)(\.\d+)?`)
)

// choose is the version that fits what the source says first, and where it says so; the default when it says nothing, or nothing that is a
// version.
func (v versions) choose(places []from) (version, reason string) {
	unfit := ""
	for _, p := range places {
		if len(p.said) == 0 {
			continue
		}
		said := strings.TrimSpace(p.said[len(p.said)-1])
		if chosen := v.fit(said); chosen != "" {
			return chosen, p.where
		}
		if unfit == "" && said != "" {
			unfit = p.where
		}
	}
	if unfit != "" {
		return v.known[0], "no image is known for what " + unfit + " says"
	}
	return v.known[0], "the source does not say which"
}

// fit is the version for an exact one or a range; empty when it is neither.
func (v versions) fit(said string) string {
	if said = versionMark.ReplaceAllString(said, ""); said == "" || len(said) > longestVersion {
		return ""
	}
	if m := exactVersion.FindStringSubmatch(said); m != nil {
		return v.tag(m[1], m[2])
	}
	if constraint, err := semver.NewConstraint(asConstraint(said)); err == nil {
		for _, known := range v.known {
			newest, err := semver.NewVersion(known + strings.Repeat(".999", 3-strings.Count(known, ".")-1))
			if err == nil && constraint.Check(newest) {
				return known
			}
		}
	}
	if m := someVersion.FindStringSubmatch(said); m != nil && someRange.MatchString(said) {
		return v.tag(m[1], m[2])
	}
	return ""
}

// asConstraint writes a range as semver has it: Python and Composer have words of their own for some.
func asConstraint(said string) string {
	said = compatible.ReplaceAllStringFunc(said, func(part string) string {
		m := compatible.FindStringSubmatch(part)
		if m[3] != "" {
			return fmt.Sprintf("~%s.%s%s", m[1], m[2], m[3])
		}
		return fmt.Sprintf("^%s.%s", m[1], m[2])
	})
	said = strings.ReplaceAll(strings.ReplaceAll(said, "===", "="), "==", "=")
	return strings.ReplaceAll(strings.ReplaceAll(said, "||", "|"), "|", "||")
}

// tag is the version of an image for the first two parts of one.
func (v versions) tag(major, minor string) string {
	if major = strings.TrimLeft(major, "0"); major == "" && v.oldest != "" {
		return v.known[0]
	} else if major == "" {
		return "" // there never was one
	}
	if v.parts == 1 {
		return major
	}
	if minor == "" {
		if i := slices.IndexFunc(v.known, func(known string) bool { return strings.HasPrefix(known, major+".") }); i >= 0 {
			return v.known[i]
		}
		minor = "0"
	}
	tag := major + "." + minor
	if v.oldest != "" && older(tag, v.oldest) {
		return v.known[0]
	}
	return tag
}

// older says that a version of two parts is before another one.
func older(a, b string) bool {
	x, err := semver.NewVersion(a)
	y, wrong := semver.NewVersion(b)
	return err == nil && wrong == nil && x.LessThan(y)
}
