package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler/plan"
	"github.com/plateform/plateform/test/githubserver/forge"
)

const (
	// seedVariable is the first seed of TestPlansAgreeWithTheLoop, seedsVariable how many it plays.
	seedVariable, seedsVariable = "PLATEFORM_E2E_SEED", "PLATEFORM_E2E_SEEDS"
	// roundsOfSeed is how many pull requests one seed opens.
	roundsOfSeed = 12
)

// What a pull request says, what plan says offline of the same merge, and what comes of it once it is merged, agree: for random
// changes, proposed from an older branch as from the newest, with projects that are held, hosts of other workspaces, and releases that
// were taken away and brought back.
func TestPlansAgreeWithTheLoop(t *testing.T) {
	t.Parallel()
	first, _ := strconv.ParseUint(os.Getenv(seedVariable), 10, 64)
	seeds, err := strconv.ParseUint(os.Getenv(seedsVariable), 10, 64)
	if err != nil {
		seeds = 1
	}
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			a := newAgreement(t, seed)
			for round := range roundsOfSeed {
				a.play(round)
			}
			t.Log(a.seen)
			a.w.checkManners(a.h)
		})
	}
}

// agreement is a world in which random pull requests are opened.
type agreement struct {
	t   *testing.T
	w   *world
	h   *hub
	rng *rand.Rand
	// projects there may be.
	projects []*project
	// seen is how often something was planned.
	seen map[plan.Action]int
}

func newAgreement(t *testing.T, seed uint64) *agreement {
	t.Helper()
	w, h, shop := withImages(t, fmt.Sprintf("admins: [{github: alice, id: %d}]", gitHubUser))
	w.registry.publish("birds/tit:1")
	api := w.goProject("ws-2", "api")
	w.sources = append(w.sources, w.dir+"/*")
	a := &agreement{t: t, w: w, h: h, rng: rand.New(rand.NewPCG(seed, 9)), seen: map[plan.Action]int{},
		projects: []*project{shop, w.imageProject("ws-1", "blog", "birds/tit:1"), w.imageProject("ws-2", "wiki", "birds/wren:1"), api}}
	h.onMain("Add ws-2", map[string]string{workspaceFile("ws-2"): object("Workspace", "ws-2",
		fmt.Sprintf("owner: {github: alice, id: %d}", gitHubUser), "domains: [other.example]", "quota: {projects: 3, cpu: \"1200m\"}"), api.file(): api.yaml()})
	api.runs("v1.0.0")
	w.settle()
	return a
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// play opens one pull request, compares, merges it, and compares.
func (a *agreement) play(round int) {
	a.t.Helper()
	w, branch := a.w, fmt.Sprint("round-", round)
	w.config.pull()
	var what string
	p := w.proposed(a.h, branch, func() {
		if a.rng.IntN(3) == 0 { // others were faster
			w.config.git("checkout", "--quiet", "-B", branch, fmt.Sprint("origin/main~", a.rng.IntN(2)+1))
		}
		what = a.change()
	})
	if conflicts := w.config.look("merge-tree", "--write-tree", "--name-only", "main", branch); conflicts == "" {
		p.planned("failure", "it cannot be merged")
		a.h.must(a.h.server.ClosePull(a.t.Context(), "acme/platform-config", p.number, gitHubUser))
		a.seen["conflict"]++
		return
	}
	offline, text := a.offline(p)
	var online string
	w.await("the plan of "+what, func() error {
		cards := p.cards()
		if len(cards) != 1 {
			return fmt.Errorf("there are %d cards", len(cards))
		}
		online = planOf(cards[0])
		if diff := cmp.Diff(text, online); diff != "" {
			return fmt.Errorf("%s: offline and on the pull request (-offline +online):\n%s", what, diff)
		}
		return nil
	})
	a.compare(what, p, offline)
}

// change records a random change of one project in the checkout, and says what it is.
func (a *agreement) change() string {
	p := pick(a.rng, a.projects...)
	releases := lines(a.w.config.git("ls-tree", "--name-only", "HEAD", p.dir()+"/releases/"))
	newest := ""
	if slices.SortFunc(releases, func(x, y string) int { return len(x) - len(y) }); len(releases) > 0 {
		newest = slices.Max(releases)
	}
	withdrawn := lines(a.w.config.git("log", "--format=", "--name-only", "--diff-filter=D", "HEAD", "--", p.dir()+"/releases"))
	exists := a.w.config.git("ls-tree", "HEAD", p.file()) != ""
	switch n := a.rng.IntN(12); {
	case !exists || n < 6:
		host := pick(a.rng, "", "", "domain: one.acme.example", "domain: one.other.example")
		spec := []string{fmt.Sprintf("replicas: %d", a.rng.IntN(3)+1)}
		if host != "" {
			spec = append(spec, host)
		}
		if pick(a.rng, 0, 0, 0, 0, 1) == 1 {
			spec = append(spec, pick(a.rng, "colour: red", "paused: true"))
		}
		a.w.config.record("Change "+p.name, files{p.file(): p.yaml(spec...)})
		return fmt.Sprintf("%s with %s", p.name, spec)
	case n < 9 && newest != "":
		a.w.config.record("Take back "+newest, files{newest: ""})
		return "taking back " + newest
	case n < 11 && len(withdrawn) > 0:
		file := pick(a.rng, withdrawn...)
		commit := a.w.config.git("log", "-1", "--format=%H", "--diff-filter=D", "HEAD", "--", file)
		a.w.config.git("checkout", commit+"^", "--", file)
		a.w.config.record("Bring back "+file, nil)
		return "bringing back " + file
	}
	a.w.config.record("Delete "+p.name, files{p.file(): ""})
	return "deleting " + p.name
}

// offline is the plan of what merging makes, as it is made in a checkout, and its text.
func (a *agreement) offline(p *pull) (plan.Plan, string) {
	a.t.Helper()
	c := a.w.config
	c.git("fetch", "--quiet", "origin")
	merge := c.git("commit-tree", "-p", "origin/main", "-p", "origin/"+p.branch, "-m", "Merge", strings.Fields(c.git("merge-tree", "--write-tree", "origin/main", "origin/"+p.branch))[0])
	args := []string{"plan", "--base", "origin/main", "--head", merge, "--gitops-repo", a.w.gitops.bare, "--output"}
	out, _ := a.w.plateform(append(args, "json")...) // it ends with 1 where there are problems
	var made plan.Plan
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		a.t.Fatalf("%v in %s", err, out)
	}
	text, _ := a.w.plateform(append(args, "markdown")...)
	return made, planOf(text)
}

// planOf is what a card says of the plan: not what it was made of, not who may do it, and not what only a registry knows.
func planOf(card string) string {
	card = regexp.MustCompile(`\| you may not \| where \|\n(\|.*\n)*`).ReplaceAllString(card, "")
	var kept []string
	for line := range strings.Lines(card + "\n") {
		if !strings.HasPrefix(line, "<!-- ") && !strings.HasPrefix(line, "<sub>") && !strings.HasPrefix(line, "| image |") && strings.TrimSpace(line) != "" {
			kept = append(kept, line)
		}
	}
	return regexp.MustCompile(`image (still in the registry \(checked\)|not asked for)`).ReplaceAllString(strings.Join(kept, ""), "image")
}

// compare merges a pull request, lets come of it what comes, and compares that with what was planned.
func (a *agreement) compare(what string, p *pull, planned plan.Plan) {
	a.t.Helper()
	before, builds := map[string]values{}, map[string]int{}
	for _, project := range a.projects {
		before[project.name] = project.values()
		if project.app != nil {
			builds[project.name] = project.builds()
		}
	}
	merged := p.merge(pick(a.rng, forge.MergeCommit, forge.Squash))
	a.w.settle()
	for _, project := range a.projects {
		of := plan.Project{Action: plan.Nothing}
		if i := slices.IndexFunc(planned.Projects, func(o plan.Project) bool { return o.Project == project.name }); i >= 0 {
			of = planned.Projects[i]
		}
		a.seen[of.Action]++
		now := project.values()
		want := before[project.name].Release
		switch of.Action {
		case plan.Create, plan.Release, plan.Rollback, plan.RollForward:
			want = of.Next
		case plan.Remove:
			want = ""
		}
		switch host := strings.TrimPrefix(of.URL, "http://"); {
		case now.Release != want:
			a.t.Errorf("%s: of %s was planned %s %q, and %q runs; before it was %q", what, project.name, of.Action, of.Next, now.Release, before[project.name].Release)
		case want == of.Next && want != "" && of.Type != "" && now.Host != host: // nobody knows the URL in a file that cannot be read
			a.t.Errorf("%s: %s was planned to be at %q, and is at %q", what, project.name, host, now.Host)
		case project.app != nil && project.builds()-builds[project.name] != of.Builds:
			a.t.Errorf("%s: %d builds of %s were planned, and %d were made", what, of.Builds, project.name, project.builds()-builds[project.name])
		}
	}
	a.compareProblems(what, merged, planned)
	if a.t.Failed() {
		text, _ := json.MarshalIndent(planned, "", " ")
		a.t.Fatalf("planned was %s", text)
	}
}

// compareProblems compares the problems of a plan with the verdicts on the commit that it became. Who asks for something that a problem
// of others keeps from being released is told so, and it is not red.
func (a *agreement) compareProblems(what, merged string, planned plan.Plan) {
	a.t.Helper()
	told := map[string]bool{}
	for commit, reports := range a.w.notes() {
		for _, r := range reports {
			if commit == merged && (r.State == "failure" || strings.Contains(r.Description, "nothing new is released")) {
				told[r.Context] = true
			}
		}
	}
	if (len(planned.Problems) > 0) != (len(told) > 0) {
		a.t.Errorf("%s: planned were the problems %v, and told are %v", what, planned.Problems, slices.Sorted(maps.Keys(told)))
	}
}
