package loop

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing/fstest"

	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/gitops"
	"github.com/plateform/plateform/reconciler/namespace"
)

// simRest is the world at rest, for checking that it is as it should be.
type simRest struct {
	*sim
	config   *manifest.Config
	problems manifest.Problems
}

// rest loads what the config repository says now, independently of the reconciler.
func (s *sim) rest() *simRest {
	files := fstest.MapFS{}
	for _, file := range s.config.files() {
		content, _ := s.config.read(s.config.head, file)
		files[file] = &fstest.MapFile{Data: content}
	}
	config, problems := manifest.Load(files)
	return &simRest{s, config, append(problems, config.Validate()...)}
}

// checkRest checks everything that has to hold once nothing moves any more.
func (s *sim) checkRest() error {
	if !s.usable(s.config.head) {
		return nil
	}
	r := s.rest()
	for _, k := range s.everyKey() {
		if err := r.checkProject(k); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	if err := r.checkWorkspaces(); err != nil {
		return err
	}
	if err := s.checkStrangers(); err != nil {
		return err
	}
	if err := s.checkTags(); err != nil {
		return err
	}
	if err := s.engine.checkSaid(); err != nil {
		return err
	}
	return s.checkReports()
}

// run is what GitOps remembers of a project.
func (s *sim) run(k manifest.Key) (manifest.RunSpec, error) {
	content, found := s.gitops.read(s.gitops.head, manifest.RunFile(k))
	if !found {
		return manifest.RunSpec{}, nil
	}
	run, problems := manifest.ParseRun(manifest.RunFile(k), content)
	if len(problems) > 0 {
		return manifest.RunSpec{}, problems
	}
	return run.Spec, nil
}

func (s *sim) values(k manifest.Key) string {
	content, _ := s.gitops.read(s.gitops.head, manifest.ValuesFile(k))
	return string(content)
}

func (r *simRest) checkProject(k manifest.Key) error {
	run, err := r.run(k)
	if err != nil {
		return err
	}
	present := r.present(r.sim.config.head, k)
	newest := r.newest(r.sim.config.head, k)
	values := r.values(k)
	switch {
	case run.Frozen != nil:
		if !r.audit.rewritten {
			return fmt.Errorf("it is frozen, and nobody rewrote history")
		}
		return nil
	case !present && values != "":
		return fmt.Errorf("it is deleted and still runs")
	case !present && run.Highest != "" && run.Deleted == nil:
		return fmt.Errorf("it is deleted and has no tombstone")
	case !present:
		return nil
	case run.Deleted != nil:
		return fmt.Errorf("it is there and has a tombstone")
	case run.Kept != nil:
		return r.checkKept(k, run, newest)
	case newest == nil && values != "" && !r.audit.rewritten && !r.audit.added[k]:
		return fmt.Errorf("it has no release and runs")
	case newest == nil:
	case r.isLost(newest): // it is refused, or was let go when the registry did not answer, or has gone since
		return nil
	case values != string(newest.Spec.Values):
		return fmt.Errorf("%s is the newest release, and GitOps runs %s", newest.Metadata.Name, gitops.ShownVersion(values))
	}
	if highest := r.audit.highest[k]; run.Highest != highest.String() && !r.audit.rewritten {
		return fmt.Errorf("run.yaml remembers %q as the highest version, which is %s", run.Highest, highest)
	}
	return r.checkNothingLeft(k, run, newest)
}

// checkKept checks that what is kept is what runs, and is kept for a reason.
func (r *simRest) checkKept(k manifest.Key, run manifest.RunSpec, newest *manifest.Release) error {
	version, err := manifest.ParseVersion(run.Kept.Release)
	if err != nil {
		return err
	}
	kept, found := r.audit.released[k][version]
	content, there := r.sim.config.read(r.sim.config.head, manifest.ReleaseFile(k, version))
	switch {
	case found && r.isLost(kept.Release):
		return nil
	case !found || string(kept.Spec.Values) != r.values(k):
		return fmt.Errorf("%s is kept, and GitOps runs %s", version, gitops.ShownVersion(r.values(k)))
	case there && string(content) == string(kept.content):
		return fmt.Errorf("%s is kept, and its file is there", version)
	case !there && newest != nil:
		return fmt.Errorf("%s is kept, and there is %s", version, newest.Metadata.Name)
	}
	return nil
}

// checkNothingLeft checks that what differs from the newest release is held for a reason, or cannot be had.
func (r *simRest) checkNothingLeft(k manifest.Key, run manifest.RunSpec, newest *manifest.Release) error {
	spec, parsed := r.spec(k)
	if !parsed || spec.Paused || r.blocked(k, spec, newest) {
		return nil
	}
	keys := r.keysAtHead(k, spec, newest)
	missing := slices.Contains(slices.Collect(maps.Values(keys)), "")
	for _, part := range slices.Sorted(maps.Keys(keys)) {
		key := keys[part]
		if key == "" || newest != nil && newest.Spec.Parts[part] == key {
			continue
		}
		if slices.ContainsFunc(run.Rebuilt, func(b manifest.Rebuilt) bool { return b.Part == part && b.Key == key && hasImage(newest, b) }) {
			if err := r.checkRebuilt(part, spec, newest); err != nil {
				return err
			}
			continue
		}
		held := slices.IndexFunc(run.Holds, func(h manifest.Hold) bool { return h.Part == part && h.Key == key })
		if held >= 0 {
			if err := r.checkHold(k, run.Holds[held]); err != nil {
				return err
			}
			if err := r.checkReason(k, run, run.Holds[held]); err != nil {
				return err
			}
			continue
		}
		if missing || newest == nil && len(run.Holds) > 0 || r.heldOtherwise(part, run, spec, newest) {
			continue
		}
		return fmt.Errorf("%s differs from what runs and is not held", part)
	}
	return nil
}

// hasImage says that a release has the image that a build came to.
func hasImage(newest *manifest.Release, b manifest.Rebuilt) bool {
	return newest != nil && slices.ContainsFunc(newest.Spec.Images, func(i manifest.Image) bool { return i.Digest == b.Digest })
}

// checkRebuilt checks that the image that runs of a part has the program of where its source is now.
func (r *simRest) checkRebuilt(part string, spec manifest.ProjectSpec, newest *manifest.Release) error {
	for _, input := range manifest.SourceInputs(spec) {
		if input.Part != part || newest == nil {
			continue
		}
		image, _ := newest.Image(input.Image)
		tip, err := r.tip(input.Source)
		now := reconciler.BuildRequest{Repository: input.Source.Repository, Commit: tip.Commit, Path: input.Source.Path}
		if err != nil || r.program(now) != r.builds.programs[image.Digest] {
			return fmt.Errorf("%s is said to have come to what runs, and has not: %v", part, err)
		}
		return nil
	}
	return fmt.Errorf("%s is said to have come to what runs, which is nothing", part)
}

// heldOtherwise says that a part stays as it is because the project, whose services it belongs to, is held, or one of the
// services that HEAD wants.
func (r *simRest) heldOtherwise(part string, run manifest.RunSpec, spec manifest.ProjectSpec, newest *manifest.Release) bool {
	if newest == nil {
		return false
	}
	if slices.ContainsFunc(run.Holds, func(h manifest.Hold) bool { return newest.Spec.Parts[h.Part] == "" }) {
		return true // it has an image that must not be made, and no other
	}
	return part != manifest.PartProject && newest.Spec.Parts[part] == "" &&
		slices.ContainsFunc(run.Holds, func(h manifest.Hold) bool {
			return h.Part == manifest.PartProject && h.Key == manifest.ProjectKey(spec)
		})
}

func (r *simRest) blocked(k manifest.Key, spec manifest.ProjectSpec, newest *manifest.Release) bool {
	files := []string{manifest.PlatformFile, manifest.WorkspaceFile(k.Workspace), manifest.ProjectFile(k)}
	if slices.ContainsFunc(r.problems, func(p manifest.Problem) bool { return slices.Contains(files, p.File) }) {
		return true
	}
	return newest != nil && len(manifest.CheckChange("", newest.Spec.Project, spec)) > 0
}

// projectsOf returns the projects of a workspace by name; nil stands for one that does not parse.
func projectsOf(config *manifest.Config, workspace string) map[string]*manifest.Project {
	projects := map[string]*manifest.Project{}
	for k, p := range config.Projects {
		if k.Workspace == workspace {
			projects[k.Project] = p
		}
	}
	for k := range config.Broken {
		if k.Workspace == workspace && k.Project != "" {
			projects[k.Project] = nil
		}
	}
	return projects
}

// keysAtHead are the keys that the next release would have; empty for a source that is not there.
func (r *simRest) keysAtHead(k manifest.Key, spec manifest.ProjectSpec, newest *manifest.Release) manifest.Parts {
	chart, err := simCharts{}.Chart(spec.Type, r.config.Platform.Spec.Charts[spec.Type])
	if err != nil {
		panic(err)
	}
	inputs := manifest.UsedInputs(manifest.Surroundings{Platform: r.config.Platform, Workspace: r.config.Workspaces[k.Workspace], Projects: projectsOf(r.config, k.Workspace)}, k, spec, chart)
	keys := manifest.Parts{manifest.PartProject: manifest.ProjectKey(spec), manifest.PartPlatform: manifest.PlatformKey(inputs)}
	for _, input := range manifest.SourceInputs(spec) {
		if input.Reference != "" {
			keys[input.Part] = input.Key(input.ReferenceID())
			continue
		}
		if unedited := decision.UneditedKey(input, newest); unedited != "" && !decision.Followed(input) {
			keys[input.Part] = unedited
			continue
		}
		keys[input.Part] = ""
		if tip, err := r.tip(input.Source); err == nil {
			keys[input.Part] = input.Key(manifest.SourceID(tip.Commit, tip.Tree))
		}
	}
	return keys
}

func (r *simRest) checkHold(k manifest.Key, h manifest.Hold) error {
	if h.Reason == manifest.HeldRollback {
		version, err := manifest.ParseVersion(h.Release)
		if err != nil {
			return err
		}
		if _, there := r.sim.config.read(r.sim.config.head, manifest.ReleaseFile(k, version)); there {
			return fmt.Errorf("%s is held for %s, which is there", h.Part, h.Release)
		}
	}
	return nil
}

func (r *simRest) checkWorkspaces() error {
	for name, w := range r.config.Workspaces {
		if r.config.Platform == nil {
			return nil
		}
		if r.loosens(name) {
			loose := *w
			loose.Spec.PodSecurity = manifest.Baseline
			w = &loose
		}
		want, err := namespace.Document(r.config.Platform, w)
		if err != nil {
			return err
		}
		if got, _ := r.gitops.read(r.gitops.head, manifest.NamespaceFile(name)); string(got) != string(want) {
			return fmt.Errorf("namespace.yaml of %s is\n%s\nand not\n%s", name, got, want)
		}
	}
	return nil
}

// loosens says that something in a workspace is to run that a restricted namespace may refuse.
func (r *simRest) loosens(workspace string) bool {
	for _, k := range r.everyKey() {
		var values struct {
			Engine      string `yaml:"engine"`
			PodSecurity string `yaml:"podSecurity"`
		}
		text, there := r.gitops.read(r.gitops.head, manifest.ValuesFile(k))
		if k.Workspace == workspace && there && yaml.Unmarshal(text, &values) == nil && values.Engine == "" && values.PodSecurity != manifest.Restricted {
			return true
		}
	}
	return false
}

// checkStrangers checks that others lost nothing, and that nothing of theirs is left where only Plateform writes.
func (s *sim) checkStrangers() error {
	for _, hash := range s.audit.foreign {
		if !s.gitops.isAncestor(hash, s.gitops.head) {
			return fmt.Errorf("the commit %s of somebody else is lost", manifest.Short(hash))
		}
	}
	for _, file := range s.gitops.files() {
		content, _ := s.gitops.read(s.gitops.head, file)
		if !gitops.Managed(file) {
			continue
		}
		if strings.Contains(string(content), "# edited") || strings.HasSuffix(file, "stray.yaml") {
			return fmt.Errorf("somebody else's change of %s is still there", file)
		}
		chart, inside := strings.CutPrefix(file, "charts/")
		parts := strings.SplitN(chart, "/", 3)
		if !inside {
			continue
		}
		files, err := simCharts{}.Files(manifest.Chart{Name: parts[0], Version: parts[1]})
		if err != nil || string(files[parts[2]]) != string(content) {
			return fmt.Errorf("%s is not as it should be (%w)", file, err)
		}
	}
	return nil
}

// checkTags checks that the images of the newest releases have the version as their tag.
func (s *sim) checkTags() error {
	for _, k := range s.everyKey() {
		r := s.newest(s.config.head, k)
		if r == nil {
			continue
		}
		for _, image := range r.Spec.Images {
			if image.Built && !s.builds.lost[image.Digest] && s.builds.tags[image.Repository+":"+r.Metadata.Name] != image.Digest {
				return fmt.Errorf("image %s has no tag %s", image.Digest, r.Metadata.Name)
			}
		}
	}
	return nil
}

// checkReports checks that everybody who asked was told how it ended.
func (s *sim) checkReports() error {
	for _, c := range s.config.history(s.config.head) {
		for _, r := range s.open(c.Hash) {
			return fmt.Errorf("%s %s%s is still %s: %s", s.name(c.Hash), r.Context, s.sourceWords(r.Source), r.Stage, r.Description)
		}
	}
	for _, e := range s.audit.expected {
		if s.audit.lost || s.audit.rewritten || slices.ContainsFunc(s.notes[e.commit], func(r reconciler.Statement) bool { return r.Context == e.context && r.Terminal() }) {
			continue
		}
		return fmt.Errorf("nobody was told on %s how %s ended", s.name(e.commit), e.context)
	}
	return nil
}
