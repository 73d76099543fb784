package decision

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// life is one project in a random history, with nothing but Decide and what is remembered: no Git, no loop, no waiting.
type life struct {
	*rand.Rand
	story []string
	wrong string

	view   *config.View
	key    manifest.Key
	run    manifest.RunSpec
	kept   *manifest.Release
	builds map[string]Build
	tips   map[string]reconciler.Tip
	shown  *manifest.Release
	rest   RestReason

	// The app's repository: where its branches are, every commit there ever was, what each has at which path, which of
	// them do not build.
	branches map[string]string
	commits  []string
	trees    map[string]map[string]string
	bad      map[string]bool // commits, and trees
	// builder has each build that was ever asked for, by its id.
	builder map[string]Build
	// history are all config commits, as somebody reads them who has lost what was remembered. failures are builds that people
	// were told have failed.
	history  []Change
	failures map[string]KnownFailure
	// asked are the images that the registry was asked for.
	asked map[string]bool
	// together says that one commit since the newest release changed a source and another part.
	together bool

	// ever are the releases that were made, by their name.
	ever    map[string]*manifest.Release
	highest manifest.Version
	// withdrawn are the keys that were rolled back, by part.
	withdrawn map[string]withdrawnKey
	// made counts the builds and releases since the last change, stopped the builds that were stopped or took another's
	// place: after a restart one that nobody wants any more may come to its end instead.
	made, stopped int
	// same says that builds of what is beside a folder come to the image that runs, now and then.
	same bool
}

// withdrawnKey is a key of what was withdrawn down from a release; released says that one of those had it.
type withdrawnKey struct {
	key, release string
	released     bool
}

const services = 3

// settleRounds bounds how often a project is decided on before it has to be at rest.
const settleRounds = 8

func (l *life) before() Before { return Before{Run: l.run, Kept: l.kept} }

func newLife(seed uint64) *life {
	scene := newScene()
	l := &life{
		Rand: rand.New(rand.NewPCG(seed, 1)), view: &config.View{Key: scene.head.Key},
		key: scene.head.Key, builds: map[string]Build{}, tips: map[string]reconciler.Tip{},
		branches: map[string]string{}, trees: map[string]map[string]string{}, bad: map[string]bool{},
		builder: map[string]Build{}, failures: map[string]KnownFailure{}, asked: map[string]bool{}, ever: map[string]*manifest.Release{}, withdrawn: map[string]withdrawnKey{},
	}
	first := scene.head
	if seed%2 == 1 {
		first.Spec.Type = manifest.SpringMicroservice
		for i := range services {
			first.Spec.Services = append(first.Spec.Services, manifest.Service{Name: fmt.Sprintf("service%d", i)})
		}
	}
	l.push("main", false)
	l.push("next", false)
	l.step(func(v *config.View) {
		v.Present, v.Parsed, v.Spec, v.Inputs, v.Owner = true, true, first.Spec, first.Inputs, first.Owner
	}, false)
	return l
}

// tell adds a line to the story, unless it only says the same again.
func (l *life) tell(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); !slices.Contains(l.story[max(0, len(l.story)-2):], line) {
		l.story = append(l.story, line)
	}
}

// check notes the first thing that is not as it has to be.
func (l *life) check(ok bool, format string, args ...any) {
	if !ok && l.wrong == "" {
		l.wrong = fmt.Sprintf(format, args...)
		l.tell("WRONG: %s", l.wrong)
	}
}

// push adds a commit to a branch of the app. It changes some of the services; a bad one breaks one of those.
func (l *life) push(branch string, bad bool) {
	commit := fmt.Sprintf("%04d000000000000000000000000000000000000", len(l.commits)+1)
	trees := maps.Clone(l.trees[l.branches[branch]])
	if trees == nil {
		trees = map[string]string{}
	}
	broken := false
	for i := range services {
		if path := fmt.Sprintf("service%d", i); trees[path] == "" || l.IntN(2) == 0 {
			trees[path] = path + " of " + commit
			l.bad[trees[path]] = bad && !broken
			broken = broken || bad
		}
	}
	l.commits, l.branches[branch], l.trees[commit], l.bad[commit] = append(l.commits, commit), commit, trees, bad
	l.tell("push %s to %s, bad: %v", commit[:4], branch, bad)
}

// doomed says that an image cannot be built from what a commit has at a path.
func (l *life) doomed(r reconciler.BuildRequest) bool {
	if r.Tree == "" {
		return l.bad[r.Commit]
	}
	return l.bad[r.Tree]
}

// step makes one config commit and takes it in as the loop does.
func (l *life) step(change func(*config.View), retry bool) {
	before := l.view
	after := *before
	after.Spec.Services = slices.Clone(before.Spec.Services)
	change(&after)
	after.Newest = nil
	if n := len(after.Releases); n > 0 {
		after.Newest = l.ever[after.Releases[n-1].Version.String()]
	}
	s := Change{
		Transition: config.Transition{Key: l.key, Before: before, After: &after}, Commit: fmt.Sprintf("config%d", len(l.story)),
		Running: RunningRelease(l.before(), before), Retry: retry,
	}
	if branchOf(before) != branchOf(&after) {
		clear(l.tips)
	}
	for _, file := range Withdrawn(s.Transition, s.Running) {
		s.Withdrawn = append(s.Withdrawn, l.ever[file.Version.String()])
	}
	s.Keys, s.Tips = KnownKeys(&after, s.Running, l.tips), maps.Clone(l.tips)
	if !before.Present && before.Spec.Type == "" {
		s.Before = nil
	}
	l.view = &after
	l.history = append(l.history, s)
	l.rest = "" // until something is decided
	l.run = Remember(l.run, s)
	l.recall()
	l.forbid(s)
}

// recall finds the release that is kept, as the loop reads it from where it was.
func (l *life) recall() {
	l.kept = nil
	if l.run.Kept != nil {
		l.kept = l.ever[l.run.Kept.Release]
	}
}

func branchOf(v *config.View) string {
	if v.Spec.Source == nil || v.Spec.Source.Branch == "" {
		return "main"
	}
	return v.Spec.Source.Branch
}

// look sees where the sources are, as the loop takes it in.
func (l *life) look() {
	for _, input := range manifest.SourceInputs(l.view.Spec) {
		commit := l.branches[input.Source.Branch]
		tip := reconciler.Tip{Commit: commit, Tree: l.trees[commit][input.Source.Path]}
		if input.Source.Path != "" && l.same {
			tip.Folder = "folder of " + input.Source.Path // all that changes is beside it
		}
		if l.tips[input.Part] == tip {
			continue
		}
		l.tips[input.Part] = tip
		known := KnownKeys(l.view, BaseRelease(l.before(), l.view), l.tips)
		l.run = EndHolds(l.run, l.view, known, l.tips)
	}
	l.permit()
}

// settle looks and decides until nothing is left to do but wait for builds.
func (l *life) settle() {
	l.decide() // before anybody has looked, say after a restart
	l.look()
	for range settleRounds {
		if !l.decide() {
			l.atRest()
			return
		}
	}
	l.check(false, "it does not settle in %d settleRounds", settleRounds)
}

func (l *life) decide() (again bool) {
	seen := Observed{Tips: l.tips, Builds: l.builds, Images: map[string]manifest.Image{}, Failures: l.failures, Together: map[string]bool{manifest.PartProject: l.together, manifest.PartPlatform: l.together}}
	for _, file := range l.view.Releases {
		r := l.ever[file.Version.String()]
		for _, image := range r.Spec.Images {
			for part, key := range r.Spec.Parts {
				if !authored(part) && config.ImageName(part) == image.Name {
					seen.Images[key] = image
				}
			}
		}
	}
	l.rest = ""
	seen.Presence = l.presence(seen.Images)
	for _, action := range Decide(l.before(), l.view, seen, testTime) {
		l.tell("  %s", strings.Join(tell([]Action{action}), ""))
		again = l.do(action) || again
	}
	return again
}

func (l *life) do(action Action) (again bool) {
	switch a := action.(type) {
	case Deploy:
		l.shown = a.Release
	case AskRegistry: // again and again until it has answered; asking makes a difference to when things are done, and to nothing else
		for _, image := range a.Images {
			l.asked[image.Ref()] = true
		}
		return true
	case Remove:
		l.shown = nil
	case StartBuild:
		return l.start(a.Build)
	case CancelBuild:
		l.stopped++
		delete(l.builds, a.Build.Part)
		delete(l.builder, a.Build.Request.ID)
	case Fail:
		l.check(l.doomed(a.Build.Request), "the build of %s failed, which is fine", a.Build.Request.Commit)
		for _, part := range a.Over(l.builds) {
			delete(l.builds, part)
		}
		l.failures[a.Build.Request.ID] = KnownFailure{Attempts: map[string]bool{a.Build.Request.Attempt: true}, Summary: "does not compile"}
		l.run = BuildFailed(l.before(), l.view, l.tips, a, fmt.Sprintf("config%d", len(l.story)))
		return true
	case StillWithdrawn:
		for _, build := range a.Builds {
			delete(l.builds, build.Part)
		}
		l.run = HoldOn(l.run, a.Builds)
		l.heldOn(a.Builds)
		return true
	case Unchanged:
		for _, rebuilt := range a.Rebuilt {
			delete(l.builds, rebuilt.Part)
		}
		l.run = Rebuilt(l.run, a.Rebuilt)
		return true
	case MakeRelease:
		l.release(a.Draft)
		return true
	case Rest:
		l.rest = a.Reason
		if a.Reason == UpToDate || a.Reason == Held {
			l.run.Retry = ""
		}
	case Look:
		l.check(len(l.tips) == 0, "it wants to look at %s, which was looked at", a.Input.Part)
	}
	return false
}

func (l *life) start(b Build) (again bool) {
	asked, known := l.builder[b.Request.ID]
	if known && asked.Status.Failure != nil && l.run.Retry != "" {
		known = false
	}
	if b.Superseding {
		l.stopped++
	}
	if known { // the one that was asked for first, from whichever commit, is what there is
		b.Status = asked.Status
	} else {
		l.made++
		l.builder[b.Request.ID] = b
	}
	l.builds[b.Part] = b
	return b.Status.Done
}

// finish ends all builds that run, also those that nobody waits for.
func (l *life) finish() {
	for id, b := range l.builder {
		if b.Status.Done {
			continue
		}
		b.Status = reconciler.BuildStatus{Done: true}
		if l.doomed(b.Request) {
			b.Status.Failure = &reconciler.BuildFailure{Summary: "does not compile"}
		} else {
			b.Status.Image = &manifest.Image{
				Repository: b.Request.Destination, Digest: "sha256:" + b.Request.Commit, Commit: b.Request.Commit, Tree: b.Request.Tree, Built: true,
			}
			if number := b.Request.Commit[3]; b.Request.Runs != "" && number%2 == 0 { // it changes nothing in the image
				b.Status.Image.Digest = b.Request.Runs
			}
		}
		l.builder[id] = b
	}
	for part, b := range l.builds {
		b.Status = l.builder[b.Request.ID].Status
		l.builds[part] = b
	}
}

func (l *life) release(d Draft) {
	l.check(d.Version.Compare(l.highest) > 0, "%s is not above %s, which there was", d.Version, l.highest)
	for part, key := range d.Parts {
		base := BaseRelease(l.before(), l.view)
		free := base == nil && authored(part) || base != nil && (base.Spec.Parts[part] == key || runsAt(base, part, d.Images)) // there is nothing else to be, or it runs
		l.check(free || l.withdrawn[part].key != key, "%s has the %s that was withdrawn with %s", d.Version, part, l.withdrawn[part].release)
	}
	l.made++
	l.highest, l.together = d.Version, false
	r := &manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, d.Version.String()), Spec: manifest.ReleaseSpec{
		Parts: d.Parts, Images: d.Images, Project: d.Project, Platform: d.Platform,
	}}
	l.ever[d.Version.String()] = r
	l.step(func(v *config.View) {
		v.Releases = append(slices.Clone(v.Releases), config.ReleaseFile{Version: d.Version})
	}, false)
	for _, b := range d.Builds {
		delete(l.builds, b.Part)
	}
	l.run.Retry = ""
}

// restart forgets all that only the process knew.
func (l *life) restart() {
	l.tell("restart")
	text, err := yaml.Marshal(manifest.Run{Header: manifest.NewHeader(manifest.KindRun, l.key.Project), Spec: l.run})
	l.check(err == nil, "what is remembered cannot be written: %v", err)
	run, problems := manifest.ParseRun("run.yaml", text)
	if len(problems) > 0 {
		l.check(false, "what is remembered cannot be read: %v", problems)
		return
	}
	l.run = run.Spec
	l.recall()
	clear(l.tips)
	clear(l.builds)
}

// lose forgets what was remembered too: GitOps is lost. It is read again out of the config history, where nobody knows where
// the sources were, and out of what people were told.
func (l *life) lose() {
	l.tell("GitOps is lost")
	settled := l.settled() && l.view.Present
	l.run, l.kept = manifest.RunSpec{}, nil
	for _, s := range l.history {
		s.Running = nil
		if s.Before != nil {
			s.Running = RunningRelease(l.before(), s.Before)
		}
		s.Keys, s.Tips = KnownKeys(s.After, s.Running, nil), nil
		l.run = Remember(l.run, s)
		l.recall()
	}
	clear(l.tips)
	clear(l.builds)
	// What was held where a source was, without having been in the release that was taken back, is in no file: when it is
	// found there it is taken to be new.
	known := len(l.withdrawn)
	maps.DeleteFunc(l.withdrawn, func(part string, w withdrawnKey) bool { return !authored(part) && !w.released })
	l.makesNothing(settled && len(l.withdrawn) == known)
}

// ending is what a history comes to.
type ending struct {
	Runs  string
	Parts manifest.Parts
	Rest  RestReason
	Holds []string
}

func (l *life) ending() ending {
	for range settleRounds {
		l.finish()
		l.settle()
	}
	e := ending{Rest: l.rest}
	if l.shown != nil {
		e.Runs, e.Parts = l.shown.Metadata.Name, l.shown.Spec.Parts
	}
	for _, h := range l.run.Holds {
		e.Holds = append(e.Holds, fmt.Sprintf("%s at %s: %s", h.Part, h.Key, h.Reason))
	}
	slices.Sort(e.Holds)
	return e
}

// play plays a history of so many changes, with a restart after the given one, or none for -1. It counts the
// builds that were stopped from there on.
func play(seed uint64, changes, at int, restart bool) (*life, ending) {
	l := newLife(seed)
	l.same = true
	l.settle()
	for i := range changes {
		l.change()
		if i == at {
			l.stopped = l.unrepeatable()
		}
		if i == at && restart {
			l.restart()
		}
		l.settle()
		if l.IntN(3) > 0 { // else builds are still running when the next change comes
			l.finish()
			l.settle()
		}
	}
	return l, l.ending()
}

// unrepeatable counts the builds that mean something else to the next process: those that have superseded another one, and those of
// a commit that the branch has moved on from, which the next process takes to be of where the branch is now.
func (l *life) unrepeatable() (count int) {
	for _, b := range l.builds {
		if b.Superseding || !b.Status.Done && b.Request.Commit != l.branches[branchOf(l.view)] {
			count++
		}
	}
	return count
}

// How many histories the tests play: more of them with, say, go test ./reconciler/decision -histories.from=1000 -histories=100000.
var (
	histories     = flag.Uint64("histories", 1000, "how many histories each test plays")
	historiesFrom = flag.Uint64("histories.from", 0, "the seed of the first")
)

// keptHistories are seeds that have found a fault.
var keptHistories = []uint64{2285, 2773, 3197, 3255, 4607, 5000, 6805, 10575, 10687, 17003, 34350, 74092, 90631}

// seeds are those of the histories to play.
func seeds() []uint64 {
	list := slices.Clone(keptHistories)
	for seed := *historiesFrom; seed < *historiesFrom+*histories; seed++ {
		list = append(list, seed)
	}
	return list
}

// What was rolled back stays so, what failed is not built again, and no version is used twice, also when GitOps is lost at any
// step.
func TestRandomHistoriesWithGitOpsLost(t *testing.T) {
	wrong := 0
	for _, seed := range seeds() {
		l := playLosing(seed, 24)
		if l.wrong == "" {
			continue
		}
		t.Errorf("seed %d: %s\n%s", seed, l.wrong, strings.Join(l.story, "\n"))
		if wrong++; wrong == 5 {
			t.Fatal("there may be more")
		}
	}
}

// playLosing plays a history of so many changes in which GitOps is lost now and then.
func playLosing(seed uint64, changes int) *life {
	l := newLife(seed)
	l.same = true
	l.settle()
	for i := range changes {
		for range 1 + l.IntN(2) { // a push of one commit, or of two
			l.change()
		}
		l.settle()
		if l.IntN(3) > 0 {
			l.finish()
			l.settle()
		}
		if i%8 == int(seed%8) {
			l.lose()
		}
	}
	l.ending()
	return l
}

// Over random histories: what runs is the newest file, a rollback makes nothing new, versions only grow, a source that
// failed never runs, what was withdrawn never comes back by itself, everything settles, and a restart changes nothing.
func TestRandomHistories(t *testing.T) {
	const changes = 24
	compared, played := 0, seeds()
	for _, seed := range played {
		at := int(seed) % changes
		undisturbed, want := play(seed, changes, at, false)
		if undisturbed.wrong != "" {
			t.Fatalf("seed %d: %s\n%s", seed, undisturbed.wrong, strings.Join(undisturbed.story, "\n"))
		}
		restarted, got := play(seed, changes, at, true)
		if undisturbed.stopped+restarted.stopped > 0 {
			continue
		}
		compared++
		if diff := cmp.Diff(want, got); diff != "" || restarted.wrong != "" {
			t.Fatalf("seed %d: after a restart it ends otherwise (-without +with): %s\n%s\nwithout:\n%s\nwith:\n%s", seed, restarted.wrong, diff,
				strings.Join(undisturbed.story, "\n"), strings.Join(restarted.story, "\n"))
		}
	}
	if compared < len(played)/10 {
		t.Errorf("only %d of %d histories were compared with a restart", compared, len(played))
	}
}
