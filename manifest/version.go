package manifest

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Version of a release: v1.0.3. Versions are ordered by number, not by text; the zero Version is before all others.
type Version struct{ Major, Minor, Patch int }

// FirstVersion is the version of a project's first release.
func FirstVersion() Version { return Version{Major: 1} }

// ParseVersion reads v1.0.3. Exactly three numbers without leading zeros are a version, so that each has one spelling.
func ParseVersion(s string) (Version, error) {
	rest, found := strings.CutPrefix(s, "v")
	numbers := strings.Split(rest, ".")
	if !found || len(numbers) != 3 {
		return Version{}, fmt.Errorf("%q is not a version (write it like v1.0.3)", s)
	}
	var n [3]int
	for i, text := range numbers {
		value, err := strconv.ParseUint(text, 10, 31)
		if err != nil || strconv.FormatUint(value, 10) != text {
			return Version{}, fmt.Errorf("%q is not a version (write it like v1.0.3)", s)
		}
		n[i] = int(value)
	}
	return Version{n[0], n[1], n[2]}, nil
}

// String writes v1.0.3; the zero Version is empty.
func (v Version) String() string {
	if v.IsZero() {
		return ""
	}
	return fmt.Sprintf("v%d.%d.%d", v.Major, v.Minor, v.Patch)
}

// IsZero says that there is no version.
func (v Version) IsZero() bool { return v == Version{} }

// Compare orders versions by number.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

// Next is the version after v: one patch more, or the first version.
func (v Version) Next() Version {
	if v.IsZero() {
		return FirstVersion()
	}
	v.Patch++
	return v
}
