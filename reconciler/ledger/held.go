package ledger

import (
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// heldBack are the holds that keep something from being released, as the loop sees it. A hold outlives its reason until the
// part has another key: what runs at the key that is held, or at the key that HEAD has, is not kept back by it.
func (l *Ledger) heldBack(key manifest.Key, run manifest.RunSpec, newest *manifest.Release, versions []manifest.Version) ([]manifest.Hold, error) {
	run.Holds = slices.DeleteFunc(slices.Clone(run.Holds), func(h manifest.Hold) bool { return !decision.Keeps(run, h, nil) })
	if len(run.Holds) == 0 {
		return nil, nil
	}
	view, err := l.view(key, newest, versions)
	if err != nil {
		return nil, err
	}
	kept, err := l.kept(key, run.Kept)
	if err != nil {
		return nil, err
	}
	base := decision.BaseRelease(decision.Before{Run: run, Kept: kept}, view)
	if base == nil {
		return heldWithoutRelease(view, run.Holds), nil
	}
	at := decision.KnownKeys(view, base, nil)
	return slices.DeleteFunc(slices.Clone(run.Holds), func(h manifest.Hold) bool {
		runs := base.Spec.Parts[h.Part]
		return runs != "" && (h.Key == runs || at[h.Part] == runs)
	}), nil
}

// heldWithoutRelease are the holds that count while no release is left to take a held part from: a source has nothing to
// come from then, and the other parts follow HEAD once no source is held any more.
func heldWithoutRelease(view *config.View, holds []manifest.Hold) []manifest.Hold {
	inputs := manifest.SourceInputs(view.Spec)
	held := slices.ContainsFunc(holds, func(h manifest.Hold) bool {
		return h.Part != manifest.PartProject && h.Part != manifest.PartPlatform
	})
	if len(inputs) > 0 && !held {
		return nil
	}
	return holds
}

// kept is the release that keeps running without its file; nil when there is none, or it is nowhere to be found.
func (l *Ledger) kept(key manifest.Key, kept *manifest.Kept) (*manifest.Release, error) {
	if kept == nil {
		return nil, nil
	}
	version, err := manifest.ParseVersion(kept.Release)
	if err != nil {
		return nil, nil
	}
	if commit, err := l.config.shown(kept.Commit); commit == nil {
		return nil, err
	}
	file := manifest.ReleaseFile(key, version)
	data, err := readIfThere(l.config.Reader, kept.Commit, file)
	if err != nil {
		return nil, err
	}
	release, _ := manifest.ParseRelease(file, data)
	return release, nil
}

// view is what the config repository says of a project at HEAD, as far as the keys of its parts need it. What does not
// parse leaves them unknown.
func (l *Ledger) view(key manifest.Key, newest *manifest.Release, versions []manifest.Version) (*config.View, error) {
	v := &config.View{Key: key, Newest: newest}
	for _, version := range slices.Backward(versions) {
		v.Releases = append(v.Releases, config.ReleaseFile{Version: version})
	}
	reader, head := l.config.Reader, l.config.Head
	project := l.projectAt(head, key)
	if project == nil {
		return v, nil
	}
	v.Present, v.Spec = true, project.Spec
	data, err := readIfThere(reader, head, manifest.PlatformFile)
	if err != nil {
		return nil, err
	}
	platform, problems := manifest.ParsePlatform(manifest.PlatformFile, data)
	if len(problems) > 0 {
		return v, nil
	}
	file := manifest.WorkspaceFile(key.Workspace)
	if data, err = readIfThere(reader, head, file); err != nil {
		return nil, err
	}
	workspace, problems := manifest.ParseWorkspace(file, data)
	if len(problems) > 0 {
		return v, nil
	}
	chart, err := l.at.Charts.Chart(v.Spec.Type, platform.Spec.Charts[v.Spec.Type])
	if err != nil {
		return v, nil // validate tells of a chart that is not there
	}
	others := map[string]*manifest.Project{}
	for _, name := range manifest.References(v.Spec) {
		if other := l.projectAt(head, manifest.Key{Workspace: key.Workspace, Project: name}); other != nil {
			others[name] = other
		}
	}
	v.Parsed, v.Inputs = true, manifest.UsedInputs(manifest.Surroundings{Platform: platform, Workspace: workspace, Projects: others}, key, v.Spec, chart)
	return v, nil
}

// projectAt reads project.yaml at a commit; nil when it is not there or does not parse.
func (l *Ledger) projectAt(commit string, key manifest.Key) *manifest.Project {
	file := manifest.ProjectFile(key)
	data, err := l.config.Reader.Read(commit, file)
	if err != nil {
		return nil
	}
	project, problems := manifest.ParseProject(file, data)
	if len(problems) > 0 {
		return nil
	}
	return project
}
