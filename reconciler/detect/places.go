package detect

import (
	"io/fs"
	"path"
	"regexp"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/frameworks"
)

// What is looked through at most for folders with an app.
const (
	deepestPlace = 4
	mostFolders  = 2000
	mostPlaces   = 30
)

// Place is a folder that holds an app: what source.path of a project could be.
type Place struct {
	Path      string `json:"path"`
	Framework string `json:"framework"`
	Port      int    `json:"port,omitempty"`
	// Reason why it is one.
	Reason string `json:"reason"`
}

// aside are folders of what a repository has beside its apps.
var aside = regexp.MustCompile(`(?:^|/)(?:examples?|samples?|docs?|tests?|e2e|tools?|scripts|hack|internal)(?:/|$)`)

// Places are the folders below one that hold an app that can be built, none inside another: nearest first, and what is an example
// or a tool last. It is for folders that hold none themselves. all is false when there may be more.
func Places(files fs.FS, dir string) (places []Place, all bool) {
	places, all = look(files, dir)
	slices.SortStableFunc(places, func(a, b Place) int {
		switch x, y := aside.MatchString(a.Path), aside.MatchString(b.Path); {
		case x == y:
			return 0
		case x:
			return 1
		}
		return -1
	})
	return places, all
}

// look looks through the folders, level by level.
func look(files fs.FS, dir string) (places []Place, all bool) {
	top, err := openTree(files, path.Join(".", dir))
	if err != nil {
		return nil, true
	}
	level, seen := []tree{top}, 0
	for range deepestPlace {
		var next []tree
		for _, t := range level {
			for _, name := range t.folders(mostFolders + 1) {
				below := t.in(name)
				if seen++; seen > mostFolders || len(places) == mostPlaces {
					return places, false
				}
				if p, found := placeOf(below); found {
					places = append(places, p)
				} else {
					next = append(next, below)
				}
			}
		}
		level = next
	}
	return places, true
}

// placeOf says whether a folder holds an app. Packages that others are made of are none, although they could be started.
func placeOf(t tree) (Place, bool) {
	d, err := Find(t.files, t.dir, nil)
	if err != nil || d.Buildable() != nil {
		return Place{}, false
	}
	isLibrary := d.Framework == frameworks.Vite && !t.exists("index.html") ||
		d.Framework == frameworks.Node && slices.ContainsFunc(d.Reasons, func(i manifest.Inference) bool { return i.Field == "start" && i.Reason == noScript })
	if isLibrary {
		return Place{}, false
	}
	p := Place{Path: t.dir, Framework: d.Framework, Port: d.Port}
	for _, i := range d.Reasons {
		if i.Field == "build.framework" {
			p.Reason = i.Reason
		}
	}
	return p, true
}
