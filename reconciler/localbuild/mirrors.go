package localbuild

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Mirrors are registries that have copies of what others have, as pull-through caches do: host[:port][/path] by the host[:port] that images
// are named after. One that begins with http:// is spoken to without encryption.
type Mirrors map[string]string

// plainHTTP begins a mirror that is not encrypted.
const plainHTTP = "http://"

// hostPattern matches host[:port].
const hostPattern = `[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?`

var (
	registryHost = regexp.MustCompile(`^` + hostPattern + `$`)
	mirrorName   = regexp.MustCompile(`^` + hostPattern + `(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`)
)

// ParseMirrors reads mirrors as REGISTRY=MIRROR, one each.
func ParseMirrors(all []string) (Mirrors, error) {
	m := Mirrors{}
	for _, text := range all {
		of, at, found := strings.Cut(text, "=")
		if !found {
			return nil, fmt.Errorf("%q is no mirror: write REGISTRY=MIRROR, as docker.io=mirror.example.com/hub", text)
		}
		if m[of] != "" {
			return nil, fmt.Errorf("%s has two mirrors: name one", of)
		}
		m[of] = at
	}
	return m, m.Check()
}

// Check says what is wrong with them.
func (m Mirrors) Check() error {
	for _, of := range slices.Sorted(maps.Keys(m)) {
		if !registryHost.MatchString(of) {
			return fmt.Errorf("%q is no registry that images are named after: write its host alone, as docker.io", of)
		}
		if !mirrorName.MatchString(strings.TrimPrefix(m[of], plainHTTP)) {
			return fmt.Errorf("%q is no mirror of %s: write host[:port][/path], without https:// and credentials, as mirror.example.com/hub", m[of], of)
		}
	}
	return nil
}

// registries is a registries.conf for tools that read one. What a mirror does not have is asked for where it is from. Without a
// registry in its name an image is of docker.io, as everywhere in Dockerfiles: the file takes the place of the one that says so on this
// machine.
func (m Mirrors) registries() string {
	var b strings.Builder
	b.WriteString("unqualified-search-registries = [\"docker.io\"]\n")
	for _, of := range slices.Sorted(maps.Keys(m)) {
		at, plain := strings.CutPrefix(m[of], plainHTTP)
		fmt.Fprintf(&b, "\n[[registry]]\nlocation = %q\n\n[[registry.mirror]]\nlocation = %q\n", of, at)
		if plain {
			b.WriteString("insecure = true\n")
		}
	}
	return b.String()
}

// registriesFile is where registries is while a build runs.
func (s Steps) registriesFile() string { return filepath.Join(s.Work, "registries.conf") }

// writeMirrors has tools find the mirrors.
func (s Steps) writeMirrors() error {
	if len(s.Mirrors) == 0 {
		return nil
	}
	if err := s.Mirrors.Check(); err != nil {
		return err
	}
	return os.WriteFile(s.registriesFile(), []byte(s.Mirrors.registries()), 0o600)
}

// tellMirrors says in the log where images come from.
func (s Steps) tellMirrors(t tool) {
	for _, of := range slices.Sorted(maps.Keys(s.Mirrors)) {
		if t.mirrors {
			s.printf("images of %s come from %s; what that does not have, from %s", of, s.Mirrors[of], of)
		} else {
			s.printf("the mirror %s of %s is not used: %s takes mirrors from the settings of its daemon alone", s.Mirrors[of], of, t.name)
		}
	}
}

// preferred are tools in the order in which they are tried: those that mirrors can be told to come first, where there are any.
func (s Steps) preferred(all []tool) []tool {
	if len(s.Mirrors) == 0 {
		return all
	}
	slices.SortStableFunc(all, func(a, b tool) int {
		switch {
		case a.mirrors == b.mirrors:
			return 0
		case a.mirrors:
			return -1
		}
		return 1
	})
	return all
}
