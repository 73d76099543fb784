// Package validation finds the problems of a checkout of the config repository, and prints them.
package validation

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
)

// Found is what there is in a checkout, and what is wrong with it. Keys of its JSON are added, never renamed or removed.
type Found struct {
	Workspaces int               `json:"workspaces"`
	Projects   int               `json:"projects"`
	Problems   manifest.Problems `json:"problems"`
	// Warnings are of what is right, and the engine of the installation does not run.
	Warnings manifest.Problems `json:"warnings,omitempty"`
}

// In looks at the checkout in a folder, and at all of its release files or the newest of each project. unrun says what the engine of
// the installation does not run; it may be nil.
func In(dir string, all bool, unrun func(manifest.ProjectSpec) string) (Found, error) {
	fsys := os.DirFS(dir)
	config, problems := manifest.Load(fsys)
	problems = append(problems, manifest.LocateIn(fsys, config.Validate())...)
	forged, err := checkReleases(fsys, config, all)
	if err != nil {
		return Found{}, err
	}
	problems = append(problems, forged...)
	if problems == nil {
		problems = manifest.Problems{}
	}
	return Found{Workspaces: len(config.Workspaces), Projects: len(config.Projects), Problems: problems, Warnings: warnings(config, unrun)}, nil
}

// GitHub prints commands of a workflow, which GitHub shows on the lines of the files.
func (v Found) GitHub(out io.Writer, dir string) {
	for _, p := range v.Problems {
		fmt.Fprintln(out, githubCommand("error", dir, p))
	}
	for _, p := range v.Warnings {
		fmt.Fprintln(out, githubCommand("warning", dir, p))
	}
}

// warnings say of each project what an engine does not run.
func warnings(config *manifest.Config, unrun func(manifest.ProjectSpec) string) (found manifest.Problems) {
	if unrun == nil {
		return nil
	}
	for _, k := range slices.SortedFunc(maps.Keys(config.Projects), manifest.Key.Compare) {
		if not := unrun(config.Projects[k].Spec); not != "" {
			found = append(found, manifest.Problem{File: manifest.ProjectFile(k), What: not})
		}
	}
	return found
}

// Print prints one problem a line, as editors and terminals know it; what is not the answer itself goes to notes.
func (v Found) Print(out, notes io.Writer, style terminal.Palette, dir string) {
	for _, p := range v.Warnings {
		fmt.Fprintf(notes, "%s: %s\n", style.Bold(path.Join(filepath.ToSlash(dir), p.File)), style.Warn(p.What))
	}
	files := map[string]bool{}
	for _, p := range v.Problems {
		files[p.File] = true
		place := path.Join(filepath.ToSlash(dir), p.File)
		if p.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d", place, p.Line, p.Column)
		}
		fix := ""
		if p.Fix != "" {
			fix = style.Dim(" (" + p.Fix + ")")
		}
		fmt.Fprintf(out, "%s: %s%s\n", style.Bold(place), p.What, fix)
	}
	if len(v.Problems) > 0 {
		fmt.Fprintf(notes, "%s in %s\n", style.Bad(terminal.Count(len(v.Problems), "problem")), terminal.Count(len(files), "file"))
		return
	}
	fmt.Fprintf(out, "%s %s, %s\n", style.Good("No problems:"), terminal.Count(v.Workspaces, "workspace"), terminal.Count(v.Projects, "project"))
}

// githubCommand is a problem as a workflow command, error or warning, which GitHub shows on the line of the file.
func githubCommand(command, dir string, p manifest.Problem) string {
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	message := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	place := "file=" + property.Replace(path.Join(filepath.ToSlash(dir), p.File))
	if p.Line > 0 {
		place += fmt.Sprintf(",line=%d,col=%d", p.Line, p.Column)
	}
	text := p.What
	if p.Fix != "" {
		text += " (" + p.Fix + ")"
	}
	return "::" + command + " " + place + "::" + message.Replace(text)
}
