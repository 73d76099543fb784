package gitops

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/plateform/plateform/manifest"
)

// editProjects writes the projects that are not in GitOps as they should be.
func (t *Tree) editProjects(w Wanted, b *Batch) error {
	for _, k := range w.Keys {
		if err := t.Project(k).edit(w, b); err != nil {
			return err
		}
	}
	return nil
}

// Remembers says that run.yaml is as it has to be, when what is remembered is run.
func (p *Project) Remembers(run manifest.RunSpec) bool {
	if p.run != nil {
		return reflect.DeepEqual(withoutEmpty(run), withoutEmpty(*p.run))
	}
	wanted, err := encodeRun(p.key, run)
	return err == nil && wanted == p.runText
}

// withoutEmpty leaves lists out that are empty: whether they are there means nothing, and is not written.
func withoutEmpty(run manifest.RunSpec) manifest.RunSpec {
	if len(run.Holds) == 0 {
		run.Holds = nil
	}
	if len(run.Rebuilt) == 0 {
		run.Rebuilt = nil
	}
	if len(run.Asked) == 0 {
		run.Asked = nil
	}
	if len(run.Lost) == 0 {
		run.Lost = nil
	}
	if run.Last != nil && len(run.Last.Also) == 0 {
		last := *run.Last
		last.Also = nil
		run.Last = &last
	}
	return run
}

// edit makes the commit that writes values.yaml, application.yaml and run.yaml of the project, as far as they are not as they should be.
func (p *Project) edit(w Wanted, b *Batch) error {
	run := w.Run(p.key)
	changed := !p.Shows()
	files := map[string][]byte{}
	application := p.Application()
	if p.wanted != p.actual {
		files[manifest.ValuesFile(p.key)] = fileOf(p.wanted)
	}
	if p.application != application {
		files[manifest.ApplicationFile(p.key)] = fileOf(application)
	}
	if !p.Remembers(run) {
		text, err := encodeRun(p.key, run)
		if err != nil {
			return err
		}
		files[manifest.RunFile(p.key)] = fileOf(text)
	}
	if len(files) == 0 {
		p.tampered = false
		return nil
	}
	subject, trailers := p.subject(run, changed)
	wanted := p.wanted
	if changed {
		b.Written[len(b.Edits)] = p
	}
	b.add(edit(w, subject, files, trailers), func() {
		p.takeApplication(application, false)
		p.actual, p.run, p.runText, p.tampered = wanted, &run, "", false
		p.version = ShownVersion(wanted)
	})
	return nil
}

// subject says what a commit does to the project.
func (p *Project) subject(run manifest.RunSpec, changed bool) (string, []manifest.Trailer) {
	version := ShownVersion(p.wanted)
	trailers := []manifest.Trailer{
		{Key: manifest.TrailerWorkspace, Value: p.key.Workspace}, {Key: manifest.TrailerProject, Value: p.key.Project},
	}
	if changed && p.release != nil {
		trailers = nil
		for _, trailer := range manifest.NewTrailers(p.key, p.release) {
			if trailer.Key != manifest.TrailerConfigCommit { // in GitOps that is a mark
				trailers = append(trailers, trailer)
			}
		}
	}
	switch order := version.Compare(p.version); {
	case p.tampered && order == 0:
		return putBack(p.key.String(), p.missing(changed)), trailers
	case !changed:
		return fmt.Sprintf("Record %s: %s", p.key, remembered(run)), trailers
	case p.wanted == "":
		return fmt.Sprintf("Remove %s", p.key), trailers
	case order < 0:
		return fmt.Sprintf("Roll back %s to %s", p.key, version), trailers
	case order == 0:
		return fmt.Sprintf("Write %s %s again", p.key, version), trailers
	}
	return fmt.Sprintf("Release %s %s", p.key, version), trailers
}

// missing says that what is to be written is not there at all: run.yaml, and values.yaml when that is to change.
func (p *Project) missing(changed bool) bool {
	if changed && (p.actual != "" || p.wanted == "") {
		return false
	}
	return changed || p.run == nil && p.runText == ""
}

// remembered says in a few words what run.yaml is about.
func remembered(run manifest.RunSpec) string {
	switch {
	case run.Deleted != nil:
		return "deleted"
	case run.Frozen != nil:
		return "frozen"
	case slices.ContainsFunc(run.Holds, func(h manifest.Hold) bool { return h.Reason == manifest.HeldFailed }):
		return "build failed"
	case len(run.Holds) > 0:
		return "held after a rollback"
	case run.Retry != "":
		return "retrying"
	case len(run.Asked) > 0:
		return "asked for something"
	case len(run.Lost) > 0:
		return "a source cannot be read"
	case len(run.Rebuilt) > 0:
		return "built to what runs"
	}
	return "nothing is held"
}

// encodeRun is the content of run.yaml; empty while there is nothing to remember.
func encodeRun(k manifest.Key, run manifest.RunSpec) (string, error) {
	if reflect.DeepEqual(withoutEmpty(run), manifest.RunSpec{Owner: run.Owner}) {
		return "", nil
	}
	text, err := manifest.Encode(manifest.Run{Header: manifest.NewHeader(manifest.KindRun, k.Project), Spec: run})
	if err != nil {
		return "", fmt.Errorf("writing run.yaml of %s: %w", k, err)
	}
	return string(text), nil
}
