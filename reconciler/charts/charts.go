// Package charts holds the Helm charts that Plateform renders projects with. Every version that was ever published
// stays here, because release files name theirs.
package charts

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/plateform/plateform/manifest"
)

//go:embed all:monolithic all:database all:spring-microservice
var embedded embed.FS

// Charts are the charts in this binary. Safe for use by several goroutines.
type Charts struct {
	// byName has the versions of each chart, oldest first.
	byName map[string][]chart
}

type chart struct {
	version *semver.Version
	digest  string
	files   map[string][]byte
}

// New reads the embedded charts.
func New() (*Charts, error) { return read(embedded) }

// read reads <name>/<version>/ folders.
func read(fsys fs.FS) (*Charts, error) {
	c := &Charts{byName: map[string][]chart{}}
	folders, err := fs.Glob(fsys, "*/*/Chart.yaml")
	if err != nil {
		return nil, fmt.Errorf("reading the charts: %w", err)
	}
	for _, path := range folders {
		folder := strings.TrimSuffix(path, "/Chart.yaml")
		name, text, _ := strings.Cut(folder, "/")
		version, err := semver.StrictNewVersion(text)
		if err != nil {
			return nil, fmt.Errorf("reading chart %s: version %q: %w", name, text, err)
		}
		files, err := readFolder(fsys, folder)
		if err != nil {
			return nil, fmt.Errorf("reading chart %s %s: %w", name, text, err)
		}
		c.byName[name] = append(c.byName[name], chart{version, digest(files), files})
	}
	for _, versions := range c.byName {
		slices.SortFunc(versions, func(a, b chart) int { return a.version.Compare(b.version) })
	}
	return c, nil
}

func readFolder(fsys fs.FS, folder string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(fsys, folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(fsys, path)
		files[strings.TrimPrefix(path, folder+"/")] = content
		return err
	})
	return files, err
}

// digest covers the paths and contents of all files. Lengths are written too, so that nothing can move from one file
// to the next without being seen.
func digest(files map[string][]byte) string {
	h := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%d %s\n%d\n", len(path), path, len(files[path]))
		h.Write(files[path])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Chart returns the chart of a project type in a version; the newest when version is empty.
func (c *Charts) Chart(t manifest.ProjectType, version string) (manifest.Chart, error) {
	versions := c.byName[string(t)]
	if len(versions) == 0 {
		return manifest.Chart{}, fmt.Errorf("there is no chart for projects of type %q", t)
	}
	found := versions[len(versions)-1]
	if version != "" {
		i := slices.IndexFunc(versions, func(v chart) bool { return v.version.String() == version })
		if i < 0 {
			return manifest.Chart{}, fmt.Errorf("this version of Plateform has no chart %s %s (it has %s: set spec.charts of platform.yaml)",
				t, version, strings.Join(names(versions), ", "))
		}
		found = versions[i]
	}
	return manifest.Chart{Name: string(t), Version: found.version.String(), Digest: found.digest}, nil
}

// Files returns the files of a chart by path inside its folder. A digest that is not the one this binary has is an
// error: the release was made with another chart of that name.
func (c *Charts) Files(want manifest.Chart) (map[string][]byte, error) {
	have, err := c.Chart(manifest.ProjectType(want.Name), cmp.Or(want.Version, "none"))
	if err != nil {
		return nil, err
	}
	if want.Digest != have.Digest {
		return nil, fmt.Errorf("chart %s %s has digest %s here and %s in the release (run the version of Plateform that made it)",
			want.Name, want.Version, have.Digest, want.Digest)
	}
	versions := c.byName[want.Name]
	i := slices.IndexFunc(versions, func(v chart) bool { return v.version.String() == want.Version })
	return maps.Clone(versions[i].files), nil
}

func names(versions []chart) []string {
	var names []string
	for _, v := range versions {
		names = append(names, v.version.String())
	}
	return names
}
