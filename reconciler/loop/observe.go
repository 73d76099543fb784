package loop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// observeSources takes in what the lookout has seen.
func (s *state) observeSources(_ context.Context, _ Hint) error {
	for _, news := range s.lookout.take() {
		wanted := s.watched[news.watch]
		for _, k := range slices.SortedFunc(maps.Keys(wanted), manifest.Key.Compare) {
			for _, part := range wanted[k] {
				s.sight(s.project(k), part, news.sighting)
			}
		}
	}
	return nil
}

// sight takes in one look at one source part.
func (s *state) sight(p *project, part string, seen sighting) {
	if seen.err != nil {
		p.lookErrors[part] = seen
		s.dirty[p.key] = true
		return
	}
	if _, failed := p.lookErrors[part]; failed {
		delete(p.lookErrors, part)
		s.dirty[p.key] = true
	}
	s.moveTip(p, part, seen.tip)
}

// watch tells the lookout which places the sources of a project come from.
func (s *state) watch(p *project, v *config.View) {
	wanted := map[watch][]string{}
	if v.Present && v.Parsed {
		for _, input := range manifest.SourceInputs(v.Spec) {
			if input.Reference == "" {
				wanted[watchOf(input.Source)] = append(wanted[watchOf(input.Source)], input.Part)
			}
		}
	}
	for w := range p.watches {
		if _, still := wanted[w]; !still {
			s.unwatch(p.key, w)
		}
	}
	for w, parts := range wanted {
		if slices.Equal(p.watches[w], parts) {
			continue
		}
		if s.watched[w] == nil {
			s.watched[w] = map[manifest.Key][]string{}
		}
		s.watched[w][p.key] = parts
		for _, part := range parts { // where it was under other settings says nothing
			delete(p.tips, part)
			delete(p.lookErrors, part)
		}
		s.lookout.add(w)
	}
	p.watches = wanted
}

// lookAgain makes what is known of where sources are count no more where a retry was asked for: what was pushed just
// before is meant too. It comes after all commits that are new: what they roll back is held where it was known to be.
func (s *state) lookAgain() {
	for k := range s.dirty {
		p := s.projects[k]
		if p == nil || !p.again {
			continue
		}
		p.again = false
		for w, parts := range p.watches {
			for _, part := range parts {
				delete(p.tips, part)
				delete(p.lookErrors, part)
			}
			s.lookout.renew(w)
		}
	}
}

func (s *state) unwatch(k manifest.Key, w watch) {
	delete(s.watched[w], k)
	if len(s.watched[w]) == 0 {
		delete(s.watched, w)
		s.lookout.drop(w)
	}
}

// moveTip takes in where one source part of one project is now.
func (s *state) moveTip(p *project, part string, tip reconciler.Tip) {
	before, seen := p.tips[part]
	if seen && before == tip {
		return
	}
	view := s.viewOf(p.key)
	retry := p.run.Retry != ""
	base := decision.BaseRelease(p.before(), view)
	old, _ := decision.HeadKeys(view, base, retry, p.tips)
	p.tips[part] = tip
	keys, _ := decision.HeadKeys(view, base, retry, p.tips)
	known := decision.KnownKeys(view, base, p.tips)
	s.dirty[p.key] = true
	if slices.Contains(p.known, tip.Commit) || !follows(view, part) {
		p.holdAt(part, known[part], tip.Commit)
	}
	if p.run.Frozen == nil {
		p.run = decision.EndHolds(p.run, view, known)
	}
	if !seen && (view.Spec.Paused || len(view.Problems) > 0 || p.run.Frozen != nil) { // where it was when this process began; nothing comes of it
		return
	}
	if keys[part] == old[part] || old[part] == "" || keys[part] == "" || p.isHeld(part, keys[part]) {
		return
	}
	i := slices.IndexFunc(p.asks, func(a *ask) bool { return a.Source == tip.Commit })
	if i >= 0 { // an earlier process has heard of it
		p.asks[i].SourceKey = cmp.Or(p.asks[i].SourceKey, keys[part])
		return
	}
	s.hear(p, ask{
		Cause:  manifest.Cause{Kind: manifest.CauseSource, Commit: tip.Commit, Config: s.catalog.Commit, By: tip.By},
		Source: tip.Commit, SourceKey: keys[part],
	})
}

// follows says that a push to the source of a part makes a release by itself.
func follows(v *config.View, part string) bool {
	return slices.ContainsFunc(manifest.SourceInputs(v.Spec), func(input manifest.SourceInput) bool {
		return input.Part == part && decision.Followed(input)
	})
}

// holdAt moves the hold of a rolled back part to a key that was known when it was rolled back, or that a push has led to
// which is not followed.
func (p *project) holdAt(part, key, commit string) {
	for i, hold := range p.run.Holds {
		if hold.Part == part && hold.Reason == manifest.HeldRollback && key != "" && key != hold.Key {
			p.run.Holds = slices.Clone(p.run.Holds)
			p.run.Holds[i].Key, p.run.Holds[i].Source = key, commit
		}
	}
}

func (p *project) isHeld(part, key string) bool {
	return slices.ContainsFunc(p.run.Holds, func(h manifest.Hold) bool { return h.Part == part && h.Key == key })
}

// observeBuilds takes in how far the builds are.
func (s *state) observeBuilds(ctx context.Context, _ Hint) error {
	for _, k := range slices.SortedFunc(maps.Keys(s.building), manifest.Key.Compare) {
		p := s.projects[k]
		for _, part := range slices.Sorted(maps.Keys(p.builds)) {
			build := p.builds[part]
			if build.Status.Done {
				continue
			}
			status, err := s.Builder.Status(ctx, build.Request.ID)
			if errors.Is(err, reconciler.ErrNoBuild) { // lost: forgotten here, it is asked for again
				delete(p.builds, part)
				s.dirty[k] = true
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				s.late[k] = fmt.Errorf("asking how far the build of %s is: %w", k, err)
				break
			}
			if len(status.Stages) != len(build.Status.Stages) || status.Done {
				s.progress(p, build, status)
				build.Status = status
				p.builds[part] = build
				s.dirty[k] = true
				s.buildEnded(p, build)
			}
		}
	}
	return nil
}

// progress tells the stages that a build has entered since it was last looked at.
func (s *state) progress(p *project, build decision.Build, status reconciler.BuildStatus) {
	for _, stage := range status.Stages[min(len(build.Status.Stages), len(status.Stages)):] {
		s.sayAll(p, stage, fmt.Sprintf("%s %s", stage, describe(build.Request)), status.URL)
	}
}

// buildEnded gives account of a build that has an image. What came of one that failed is said when that is decided.
func (s *state) buildEnded(p *project, build decision.Build) {
	if !build.Status.Done {
		return
	}
	s.Meter.Built(build.Request, build.Status)
	if image := build.Status.Image; image != nil {
		s.logRuns(p, slog.LevelInfo, "build done", "build", build.Request.ID, "digest", image.Digest, "seconds", build.Status.Seconds)
	}
}

// describe says in a few words what a build makes.
func describe(r reconciler.BuildRequest) string {
	if r.Reference != "" {
		return r.Reference
	}
	if r.Image != manifest.AppImage {
		return r.Image + " at " + manifest.Short(r.Commit)
	}
	return manifest.Short(r.Commit)
}

// observed is what Decide gets to see of the world.
func (s *state) observed(p *project, v *config.View) (decision.Observed, error) {
	seen := decision.Observed{Tips: p.tips, Builds: p.builds, Unreadable: map[string]bool{}}
	for part, sight := range p.lookErrors {
		seen.Unreadable[part] = sight.failures >= patience
	}
	images, err := s.images(p, v)
	if err != nil {
		return decision.Observed{}, err
	}
	seen.Images = images
	if running := p.running(v); running != nil && running.Metadata.Name != p.output.version.String() {
		seen.Obstacles = s.catalog.Obstacles(v, running)
	}
	for _, build := range p.builds {
		if build.Failed() {
			seen.Together, err = s.together(p, v)
		}
	}
	return seen, err
}

// images reads the images of all release files, when a source is wanted that does not run.
func (s *state) images(p *project, v *config.View) (map[string]manifest.Image, error) {
	base := decision.BaseRelease(p.before(), v)
	keys, _ := decision.HeadKeys(v, base, p.run.Retry != "", p.tips)
	wanted := false
	for _, input := range manifest.SourceInputs(v.Spec) {
		wanted = wanted || keys[input.Part] != "" && (base == nil || keys[input.Part] != base.Spec.Parts[input.Part])
	}
	if !wanted || !v.Parsed {
		return nil, nil
	}
	if p.images != nil && slices.Equal(p.imagesOf, v.Releases) {
		return p.images, nil
	}
	images, err := config.ReleaseImages(s.catalog, v)
	if err != nil {
		return nil, err
	}
	p.images, p.imagesOf = images, v.Releases
	return images, nil
}

// together says whether one commit since the release that runs changed both where an image comes from and another part.
func (s *state) together(p *project, v *config.View) (bool, error) {
	base := decision.BaseRelease(p.before(), v)
	if base == nil {
		return false, nil
	}
	file := manifest.ProjectFile(p.key)
	for hash := s.catalog.Commit; hash != "" && hash != base.Spec.Cause.Config; {
		commit, err := s.Config.Commit(hash)
		if err != nil {
			return false, fmt.Errorf("looking for what asked for %s: %w", p.key, err)
		}
		if len(commit.Parents) == 0 {
			return false, nil
		}
		both, err := s.changedBoth(commit.Parents[0], hash, file)
		if both || err != nil {
			return both, err
		}
		hash = commit.Parents[0]
	}
	return false, nil
}

func (s *state) changedBoth(from, to, file string) (bool, error) {
	before, err := s.projectAt(from, file)
	if err != nil || before == nil {
		return false, err
	}
	after, err := s.projectAt(to, file)
	if err != nil || after == nil {
		return false, err
	}
	return manifest.ProjectKey(before.Spec) != manifest.ProjectKey(after.Spec) && sourcesChanged(before.Spec, after.Spec), nil
}

// projectAt reads a project at a commit; nil when it is not there or does not parse.
func (s *state) projectAt(commit, file string) (*manifest.Project, error) {
	data, err := s.Config.Read(commit, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s at config commit %.10s: %w", file, commit, err)
	}
	project, problems := manifest.ParseProject(file, data)
	if len(problems) > 0 {
		return nil, nil
	}
	return project, nil
}
