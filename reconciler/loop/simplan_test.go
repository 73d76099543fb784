package loop

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/gitops"
	"github.com/plateform/plateform/reconciler/plan"
)

var planSeeds = flag.Uint64("simulate.plans", 300, "how many seeds TestPlanIsWhatTheLoopDoes runs")

// plannedActs are the changes of the config repository that are planned.
var plannedActs = slices.Concat(
	times(8, (*sim).editProject), times(2, (*sim).undoEdit), times(5, (*sim).withdraw), times(3, (*sim).squash), times(3, (*sim).bringBack), times(1, (*sim).editRelease),
	times(2, (*sim).deleteProject), times(3, (*sim).addProject), times(1, (*sim).breakFile), times(1, (*sim).mendFile), times(1, (*sim).merge),
	times(1, (*sim).editPlatform),
)

// TestPlanIsWhatTheLoopDoes plans changes that people push while everything is at rest, lets the loop do them, and
// compares.
func TestPlanIsWhatTheLoopDoes(t *testing.T) {
	compared := map[plan.Action]int{}
	for seed := uint64(1); seed <= *planSeeds; seed++ {
		if _, err := planSome(seed, false, compared); err != nil {
			s, _ := planSome(seed, true, compared)
			t.Fatalf("seed %d: %v\n\nIts story:\n%s", seed, err, strings.Join(s.story.lines, "\n"))
		}
	}
	t.Log(compared)
	for _, action := range []plan.Action{plan.Create, plan.Release, plan.Rollback, plan.RollForward, plan.Remove, plan.Blocked, plan.Held, plan.Paused} {
		if compared[action] < int(*planSeeds/100) {
			t.Errorf("%q was planned %d times only", action, compared[action])
		}
	}
}

// planSome plans a few changes of one history.
func planSome(seed uint64, told bool, compared map[plan.Action]int) (*sim, error) {
	s := newSim(seed, told)
	s.calm, s.weather.rewrite = true, false
	for _, repo := range s.repos { // a source that cannot be read is nothing that a plan knows of
		repo.branches["next"] = repo.branches["main"]
	}
	for range 6 {
		if err := s.planOne(compared); err != nil {
			return s, err
		}
	}
	return s, nil
}

// planOne lets people do something, and plans what they do next.
func (s *sim) planOne(compared map[plan.Action]int) error {
	s.act()
	if err := s.settle(); err != nil || !s.usable(s.config.head) || s.audit.lost {
		return err
	}
	base := s.config.head
	before := map[manifest.Key]simAtRest{}
	for _, k := range s.everyKey() {
		before[k] = s.atRest(k)
	}
	for !pick(s, plannedActs...)(s) {
	}
	if s.config.commits[s.config.head].Parents[0] != base { // a plan takes what it is given for one step
		return nil
	}
	config, gitops := s.seen(s.config), s.seen(s.gitops)
	options := plan.Options{Config: config, Charts: simCharts{}, GitOps: &plan.GitOps{Reader: gitops, Head: s.gitops.head}}
	p, err := options.Make(base, s.config.head)
	if err != nil {
		return fmt.Errorf("planning: %w", err)
	}
	options.GitOps = nil
	if alone, err := options.Make(base, s.config.head); err != nil || alone.Hash != p.Hash {
		return fmt.Errorf("the hash is %s without GitOps and %s with it (%w)", alone.Hash, p.Hash, err)
	}
	s.tell("planned %d projects with problems %v, unknown %q", len(p.Projects), p.Problems, p.Unknown)
	if err := s.checkPlannedProblems(base, p); err != nil {
		return err
	}
	if err := s.settle(); err != nil {
		return err
	}
	for _, k := range s.everyKey() {
		planned := plan.Project{Key: k, Action: plan.Nothing}
		if i := slices.IndexFunc(p.Projects, func(p plan.Project) bool { return p.Key == k }); i >= 0 {
			planned = p.Projects[i]
		}
		if !before[k].sourcesKnown {
			continue
		}
		if err := s.checkPlanned(planned, before[k]); err != nil {
			return fmt.Errorf("%s: %w; planned were %s %s with %d builds, because %q: %q", k, err, planned.Action, planned.Next, planned.Builds, planned.BuildReason, planned.Why)
		}
		compared[planned.Action]++
	}
	return nil
}

// seen is a repository as somebody has it who has just fetched it.
func (s *sim) seen(remote *simRemote) *simStore {
	store := &simStore{remote: remote, known: map[string]bool{}}
	store.see(remote.head)
	return store
}

// simAtRest is how a project is before a change.
type simAtRest struct {
	shows   string
	highest manifest.Version
	// sourcesKnown says that the branches are where Plateform last took something from: what a project that does not
	// follow, or is paused, has missed is in no repository of ours.
	sourcesKnown bool
	// places are where its sources are looked for.
	places []manifest.Source
}

func (s *sim) atRest(k manifest.Key) simAtRest {
	r := simAtRest{shows: gitops.ShownVersion(s.values(k)).String(), highest: s.audit.highest[k], sourcesKnown: true}
	run, err := s.run(k)
	newest := s.newest(s.config.head, k)
	spec, parsed := s.spec(k)
	if err != nil || !parsed {
		r.sourcesKnown = !s.present(s.config.head, k)
		return r
	}
	var released manifest.Parts
	if newest != nil {
		released = newest.Spec.Parts
	}
	for _, input := range manifest.SourceInputs(spec) {
		if input.Reference != "" {
			continue
		}
		tip, err := s.tip(input.Source)
		key := input.Key(manifest.SourceID(tip.Commit, tip.Tree))
		held := slices.ContainsFunc(run.Holds, func(h manifest.Hold) bool { return h.Part == input.Part && h.Key == key })
		r.sourcesKnown = r.sourcesKnown && err == nil && (held && input.Source.Path == "" || released[input.Part] == key)
		r.places = append(r.places, input.Source)
	}
	return r
}

// checkPlanned compares what became of a project with what was planned.
func (s *sim) checkPlanned(planned plan.Project, before simAtRest) error {
	k := planned.Key
	run, err := s.run(k)
	if err != nil {
		return err
	}
	spec, _ := s.spec(k)
	for _, input := range manifest.SourceInputs(spec) {
		elsewhere := !slices.ContainsFunc(before.places, func(o manifest.Source) bool {
			return o.Repository == input.Source.Repository && o.Branch == input.Source.Branch && o.Path == input.Source.Path && o.Revision == input.Source.Revision
		})
		if input.Reference == "" && elsewhere && before.shows != "v0.0.0" { // nobody can know what is there
			return nil
		}
	}
	if slices.ContainsFunc(run.Holds, func(h manifest.Hold) bool { return h.Reason == manifest.HeldFailed }) {
		return nil // no plan knows that a build will fail
	}
	shows, made := gitops.ShownVersion(s.values(k)).String(), s.audit.highest[k].Compare(before.highest) > 0
	switch planned.Action {
	case plan.Create, plan.Release:
		if !made || shows != planned.Next {
			return fmt.Errorf("%s runs, made anew: %t", shows, made)
		}
		newest := s.newest(s.config.head, k)
		built := 0
		for _, image := range newest.Spec.Images {
			if image.Built {
				built++
			}
		}
		if built != planned.Builds {
			return fmt.Errorf("it took %d builds", built)
		}
		for line := range strings.Lines(planned.ValuesDiff) {
			if added, ok := strings.CutPrefix(line, "+"); ok && built == 0 && planned.BuildReason == "image known, 0 builds" &&
				!strings.HasPrefix(line, "+++") && !strings.Contains(s.values(k), added) {
				return fmt.Errorf("the values do not have %q", added)
			}
		}
		if host := strings.TrimPrefix(planned.URL, "http://"); host != "" && !strings.Contains(s.values(k), host) {
			return fmt.Errorf("it is not served at %s", host)
		}
	case plan.Rollback, plan.RollForward:
		if made || shows != planned.Next {
			return fmt.Errorf("%s runs, made anew: %t", shows, made)
		}
	case plan.Remove:
		if s.values(k) != "" {
			return fmt.Errorf("%s still runs", shows)
		}
		return nil
	default:
		if made || shows != before.shows {
			return fmt.Errorf("%s runs, made anew: %t", shows, made)
		}
	}
	return s.checkPlannedHolds(planned, run)
}

func (s *sim) checkPlannedHolds(planned plan.Project, run manifest.RunSpec) error {
	if planned.Type == "" {
		return nil // the plan does not speak of it
	}
	var held []string
	for _, why := range planned.Why {
		if part, ok := strings.CutPrefix(why, "held: "); ok {
			part, _, _ = strings.Cut(part, " ")
			held = append(held, part)
		}
	}
	var holds []string
	for _, h := range run.Holds {
		if decision.Keeps(run, h, nil) {
			holds = append(holds, h.Part)
		}
	}
	// Where a plan does not know a source to be, it is held at each place where it may be: the parts are compared.
	if !slices.Equal(slices.Compact(slices.Sorted(slices.Values(held))), slices.Compact(slices.Sorted(slices.Values(holds)))) {
		return fmt.Errorf("held are %s", holds)
	}
	return nil
}

// checkPlannedProblems compares the problems of a plan with those that are found by reading all files.
func (s *sim) checkPlannedProblems(base string, p *plan.Plan) error {
	if !s.usable(s.config.head) {
		return nil
	}
	found := map[string]bool{}
	for _, problem := range s.rest().problems {
		found[problem.File+problem.What] = true
		touched := string(s.content(base, problem.File)) != string(s.content(s.config.head, problem.File))
		if touched && !slices.ContainsFunc(p.Problems, func(o manifest.Problem) bool { return o.File == problem.File && o.What == problem.What }) {
			return fmt.Errorf("the plan does not tell %v, but %v", problem, p.Problems)
		}
	}
	for _, k := range s.everyKey() { // what only those know who know what runs
		spec, parsed := s.spec(k)
		if !parsed {
			spec = s.people.good[k]
		}
		if newest := s.newest(s.config.head, k); newest != nil {
			for _, problem := range manifest.CheckChange(manifest.ProjectFile(k), newest.Spec.Project, spec) {
				found[problem.File+problem.What] = true
			}
		}
	}
	for _, problem := range p.Problems {
		f, _ := manifest.FileOf(problem.File)
		if !found[problem.File+problem.What] && f.Kind != manifest.KindRelease {
			return fmt.Errorf("the plan tells %v, which is none of %v", problem, slices.Sorted(maps.Keys(found)))
		}
	}
	return nil
}

func (s *sim) content(commit, file string) []byte {
	content, _ := s.config.read(commit, file)
	return content
}
