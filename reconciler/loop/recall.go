package loop

import (
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/worker"
)

// recallPatience is how long a start waits for what the forge knows of earlier processes. Until then no source is taken to
// have moved and nothing is built, as the forge may know that it is what was rolled back, or failed. All else goes on.
const recallPatience = 10 * time.Second

// recall takes over what earlier processes had begun to report, and which builds they reported as failed.
type recall struct {
	*world
	runs   *runs
	outbox *worker.Outbox
	// until is when a start goes on without; over says that it has, with or without.
	until time.Time
	over  bool
	// taken says that the answer was taken in.
	taken bool
	// waiting projects have builds that are not begun before it is over.
	waiting map[manifest.Key]bool
	// unchanged are builds that were reported to have come to what runs, by ID.
	unchanged map[string]bool
	// failures are builds that were reported as failed, by ID.
	failures map[manifest.Key]map[string]decision.KnownFailure
}

// begin has the forge asked.
func (rc *recall) begin(head string) {
	rc.failures = map[manifest.Key]map[string]decision.KnownFailure{}
	rc.unchanged, rc.waiting = map[string]bool{}, map[manifest.Key]bool{}
	rc.until = rc.now().Add(recallPatience)
	rc.outbox.AskRecall(head)
}

// observe takes in the answer when it is there.
func (rc *recall) observe() {
	if rc.taken {
		return
	}
	answer := rc.outbox.Recall()
	if answer.Answered {
		rc.taken = true
		for _, said := range answer.Said {
			rc.take(said)
		}
	}
	if rc.over {
		return
	}
	if rc.over = rc.taken || answer.Failures >= patience || !rc.now().Before(rc.until); !rc.over {
		return
	}
	if !rc.taken {
		rc.options.Log.Warn("the forge does not say what earlier processes had begun to report; going on without")
	}
	for k := range rc.waiting {
		rc.projects.touch(k)
	}
	for k := range rc.failures {
		rc.projects.touch(k)
	}
}

func (rc *recall) take(said reconciler.Recalled) {
	k, ok := reconciler.KeyOfContext(said.Context)
	if !ok {
		rc.endFiles(said)
		return
	}
	if said.Build != "" && !said.Waits {
		rc.fail(k, said)
		return
	}
	if said.Unchanged != "" {
		rc.unchange(k, said)
		return
	}
	p := rc.projects.get(k) // it may have gone with a history that was rewritten
	rc.projects.touch(k)
	cause := manifest.Cause{Kind: manifest.CauseConfig, Commit: said.Commit, Config: said.Commit}
	if said.Source != "" {
		cause.Kind, cause.Commit = manifest.CauseSource, said.Source
		p.sources.earlier = append(p.sources.earlier, said.Source)
	}
	r := rc.runs.start(p, &run{
		Run: newRun(k, cause), forSource: said.Source == "" && rc.asksForSource(k, said.Commit), earlier: earlier{again: true},
	})
	r.replayed, r.recalled, r.waits = false, true, said.Waits
	if said.Waits && said.Build == "" && p.base(rc.view(k)) != nil {
		r.stopped, r.forSource, r.repeated = true, false, true
	}
}

// endFiles gives a commit its verdict that was left waiting for one before it to be mended, once that is so.
func (rc *recall) endFiles(said reconciler.Recalled) {
	if said.Context != reconciler.ConfigContext || said.Terminal() || rc.trouble != nil {
		return
	}
	commit, err := rc.options.Config.Commit(said.Commit)
	if err != nil || len(commit.Parents) == 0 {
		return
	}
	changes, err := rc.options.Config.Diff(commit.Parents[0], said.Commit)
	if err != nil {
		return
	}
	step := config.Step{Mended: true}
	for _, p := range rc.catalog.FileProblems() {
		if slices.ContainsFunc(changes, func(change manifest.Change) bool { return change.Path == p.File }) {
			step.Broken = append(step.Broken, p)
		}
	}
	rc.runs.reportFiles(said.Commit, step)
}

// fail notes a failure of builds that was reported.
func (rc *recall) fail(k manifest.Key, said reconciler.Recalled) {
	if rc.failures[k] == nil {
		rc.failures[k] = map[string]decision.KnownFailure{}
	}
	for _, id := range append([]string{said.Build}, strings.Fields(said.AlsoFailed)...) {
		failure, known := rc.failures[k][id]
		if !known {
			failure.Attempts = map[string]bool{}
		}
		failure.Attempts[said.Commit] = true
		failure.Summary = manifest.FirstLine(said.Description)
		rc.failures[k][id] = failure
	}
}

// unchange notes that builds were reported to have come to what runs: nobody waits for them any more. What was rolled back
// since is what they came to, and not a push that came later.
func (rc *recall) unchange(k manifest.Key, said reconciler.Recalled) {
	for _, id := range strings.Fields(said.Unchanged) {
		rc.unchanged[id] = true
	}
	p := rc.projects.get(k)
	p.sources.earlier = append(p.sources.earlier, said.Source)
	rc.projects.touch(k)
}

// knows says that it was reported how the build of a part at a key ended, if not with a release.
func (rc *recall) knows(k manifest.Key, part, key string) bool {
	id := decision.BuildID(k, part, key)
	_, failed := rc.failures[k][id]
	return failed || rc.unchanged[id]
}

// seenEarlier says that an earlier process had seen a commit of the app.
func (p *project) seenEarlier(commit string) bool { return slices.Contains(p.sources.earlier, commit) }
