package argocd

import (
	"fmt"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/health"
)

// question is what is asked of an Application.
type question struct {
	wanted
	// namespace of Argo CD.
	namespace string
	// hand is what was handed to Argo CD: for the wanted commit, or one before that shows the same.
	hand hand
	// waits is how long Argo CD may take for its next step.
	now   time.Time
	waits time.Duration
	// shows says that a commit shows the same of the project as the wanted one: its values and its chart.
	shows func(commit string) (bool, error)
}

// answer is what an Application says.
type answer struct {
	health.Verdict
	// applied says that what runs is what is wanted, so that its objects and pods may be looked at.
	applied bool
	// again says that Argo CD is to be asked to compare once more, after a while.
	again bool
	// stuck says that Argo CD waits to be asked.
	stuck bool
	// command is the release command that it is about; nil when it is about none.
	command *applied
}

func (q question) progressing(format string, args ...any) answer {
	return answer{Verdict: health.Verdict{Phase: reconciler.PhaseProgressing, Cause: line(fmt.Sprintf(format, args...))}}
}

func (q question) failing(format string, args ...any) answer {
	return answer{Verdict: health.Verdict{Phase: reconciler.PhaseFailed, Cause: line(fmt.Sprintf(format, args...))}}
}

// judge says how a rollout stands by what its Application says. A verdict counts only when the revision that was applied shows what is
// wanted, and the health is about it.
func (q question) judge(a *application) answer {
	if a == nil {
		return q.progressing("waiting for its Application")
	}
	name := a.Metadata.Name
	if a.Metadata.DeletionTimestamp != nil {
		return q.progressing("its Application %s is being deleted, and is made again then", name)
	}
	if a.skipped() {
		return q.progressing("Argo CD is told to leave it alone (kubectl -n %s annotate application %s %s- has it go on)", q.namespace, name, annotationSkip)
	}
	if a.asked() || a.Metadata.Annotations[annotationCommit] != q.hand.commit {
		return q.unheard(a)
	}
	if c := a.condition(invalidSpec, comparisonError, unknownError); c != nil {
		return q.uncompared(c, a.Spec.Source.RepoURL)
	}
	applied, err := q.isApplied(a)
	if err != nil {
		return q.progressing("%v", err)
	}
	if !applied {
		return q.unapplied(a)
	}
	return q.wellness(a)
}

// unheard is what is said while Argo CD has not compared what it was asked to.
func (q question) unheard(a *application) answer {
	waited := time.Duration(0)
	if !q.hand.unheard.IsZero() {
		waited = q.now.Sub(q.hand.unheard)
	}
	if waited < q.waits {
		return q.progressing("waiting for Argo CD to compare it")
	}
	said := q.progressing("Argo CD has not looked at it for %v: its controller does not run, or its repository server does not answer (kubectl -n %s get pods; plateform doctor says more)",
		waited.Round(time.Second), q.namespace)
	if c := a.condition(comparisonError, unknownError); c != nil {
		said.Cause += "; it said before: " + line(c.Message)
	}
	said.again = true
	return said
}

// uncompared is what is said when Argo CD could not find out what to apply.
func (q question) uncompared(c *condition, repository string) answer {
	said := q.progressing("%s", c.Message)
	switch {
	case c.Type == invalidSpec && q.now.Sub(q.hand.sent) < q.waits: // it may not have seen the AppProject yet
	case c.Type == invalidSpec:
		said = q.failing("Argo CD does not take its Application: %s", c.Message)
	case outside(c.Message):
		said = q.progressing("Argo CD cannot read %s: %s (give it access to the repository: plateform doctor says how)", repository, c.Message)
	default:
		said = q.failing("Argo CD cannot make its objects: %s", c.Message)
	}
	said.again = true
	return said
}

// outside says of a message that it is about how Argo CD reaches Git, or its own parts, and not about what is in Git.
func outside(message string) bool {
	message = strings.ToLower(message)
	for _, sign := range []string{
		"code = unavailable", "code = deadlineexceeded", "code = canceled", "connection refused", "connection reset", "no such host", "i/o timeout",
		"context deadline exceeded", "dial tcp", "authentication required", "authorization failed", "repository not found", "unable to authenticate",
		"failed to list refs", "could not read from remote", "permission denied (publickey", "tls:", "x509:", "unable to resolve", "failed to fetch",
		"exit status 128",
	} {
		if strings.Contains(message, sign) {
			return true
		}
	}
	return false
}

// isApplied says that Argo CD has applied what is wanted, the chart too.
func (q question) isApplied(a *application) (bool, error) {
	op := a.Status.OperationState
	if op == nil || op.SyncResult == nil || op.Phase != opSucceeded {
		return false, nil
	}
	if path := op.SyncResult.Source.Path; path != "" && path != manifest.ChartDir(q.Chart) {
		return false, nil
	}
	return q.shows(op.SyncResult.Revision)
}

// unapplied is what is said while Argo CD has not applied what is wanted.
func (q question) unapplied(a *application) answer {
	op := a.Status.OperationState
	switch {
	case op.running():
		return q.underWay(op)
	case a.Operation != nil:
		return q.progressing("waiting for Argo CD to begin to apply it")
	case op.failed():
		if ours, err := q.isOurs(op); err != nil {
			return q.progressing("%v", err)
		} else if ours {
			said := q.failing("Argo CD could not apply it: %s", why(op))
			if op.hookFailed() {
				said.command = op.hook()
			}
			return said
		}
	}
	compared, err := q.shows(a.Status.Sync.Revision)
	switch {
	case err != nil:
		return q.progressing("%v", err)
	case a.Status.Sync.Revision == "" || !compared && q.now.Sub(q.hand.sent) < q.waits:
		return q.progressing("waiting for Argo CD to compare it")
	case !compared:
		said := q.progressing("Argo CD compares commit %s of %s, which does not show %s (is it this repository, and its branch %s?)",
			manifest.Short(a.Status.Sync.Revision), a.Spec.Source.RepoURL, q.Release, a.Spec.Source.TargetRevision)
		said.again = true
		return said
	case a.paused():
		return q.progressing("Argo CD is paused for it: automated sync is off, and was not turned off by Plateform (argocd app set %s --sync-policy automated --self-heal --auto-prune has it go on, argocd app sync %s applies this once)",
			a.Metadata.Name, a.Metadata.Name)
	case op.failed() && a.Status.Sync.Status == outOfSync && op.begun() == q.hand.before:
		said := q.progressing("Argo CD does not try again by itself after %s; it is asked to", why(op))
		said.again, said.stuck = true, true
		return said
	case a.Status.Sync.Status == synced: // nothing was to be applied: this was applied before, under another name
		return q.wellness(a)
	case q.now.Sub(q.hand.sent) >= q.waits:
		said := q.progressing("Argo CD sees what is to be applied, and does not apply it: a sync window of AppProject %s may be closed, or its controller is busy (argocd app get %s says more)",
			q.Key.Workspace, a.Metadata.Name)
		said.again = true
		return said
	}
	return q.progressing("waiting for Argo CD to apply it")
}

// isOurs says that an operation is about what is wanted: it is not the one that there was before, and if it says what it applied, that
// is this. One that failed early may not say.
func (q question) isOurs(op *operation) (bool, error) {
	revision := op.revision()
	if op.begun() == q.hand.before || revision == "" {
		return op.begun() != q.hand.before, nil
	}
	return q.shows(revision)
}

// underWay is what is said of an operation that goes on.
func (q question) underWay(op *operation) answer {
	ours, err := q.isOurs(op)
	switch {
	case err != nil:
		return q.progressing("%v", err)
	case !ours:
		return q.progressing("Argo CD is still at what was wanted before: %s", why(op))
	}
	said := q.progressing("Argo CD applies it: %s", why(op))
	if hook := op.hook(); hook != nil && hook.HookPhase == opRunning {
		said.command = hook
	}
	return said
}

// why is what an operation says, with the objects that it could not apply.
func why(op *operation) string {
	said := op.Message
	if op.SyncResult != nil {
		for _, o := range op.SyncResult.Resources {
			if (o.Status == syncFailed || o.HookPhase == opFailed || o.HookPhase == opError) && o.Message != "" && !strings.Contains(said, o.Message) {
				said += fmt.Sprintf("; %s %s: %s", o.Kind, o.Name, o.Message)
			}
		}
	}
	if said == "" {
		return strings.ToLower(op.Phase)
	}
	if op.failed() && strings.Contains(said, "field is immutable") {
		said += " (somebody made it otherwise, or what is wanted cannot be had by a change: delete it, and plateform retry has it made anew)"
	}
	return strings.TrimPrefix(said, "; ")
}

// wellness is what is said of what was applied.
func (q question) wellness(a *application) answer {
	said := answer{Verdict: health.Verdict{Phase: reconciler.PhaseProgressing}, applied: true}
	about, err := q.isAbout(a)
	if err != nil {
		return q.progressing("%v", err)
	}
	if !about {
		said.Cause = "waiting for Argo CD to say how it does"
		return said
	}
	switch a.Status.Health.Status {
	case healthy:
		said.Phase = reconciler.PhaseHealthy
	case degraded:
		said.Phase, said.Cause = reconciler.PhaseFailed, "Argo CD says that it is degraded"
	case suspended:
		said.Cause = "something of it is suspended, so it does not get any further (argocd app get " + a.Metadata.Name + " says what)"
	case progressing:
		said.Cause = "it is not ready yet"
	default:
		said.Cause = "Argo CD says that its health is " + strings.ToLower(a.Status.Health.Status)
	}
	if m := a.Status.Health.Message; m != "" && said.Cause != "" {
		said.Cause += ": " + line(m)
	}
	return said
}

// isAbout says that the health is about what was applied: Argo CD has compared since. What it compared was the wanted commit and all was
// as wanted, or it was after the operation: a time without fractions of a second says so only when it is another.
func (q question) isAbout(a *application) (bool, error) {
	compared, err := q.shows(a.Status.Sync.Revision)
	if err != nil || !compared {
		return false, err
	}
	if a.Status.Sync.Status == synced {
		return true, nil
	}
	op, at := a.Status.OperationState, a.Status.ReconciledAt
	return op != nil && op.FinishedAt != nil && at != nil && at.After(op.FinishedAt.Time), nil
}

// line makes one line of a text.
func line(text string) string { return strings.Join(strings.Fields(text), " ") }
