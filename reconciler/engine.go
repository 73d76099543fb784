package reconciler

import (
	"context"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
)

// Target is what an engine has to bring about for one project.
type Target struct {
	Key manifest.Key
	// Owner is the id of the workspace's owner; 0 when it is not known.
	Owner int64
	// Namespace it runs in.
	Namespace string
	// Release it comes from, the chart it is rendered with, and its values as plateform-gitops has them. All are empty when
	// the project is to be removed.
	Release string
	Chart   manifest.Chart
	Values  []byte
	// URL is where people find it; empty when it has no public host.
	URL string
	// Secrets that the values refer to, still encrypted, and bound to the owner. The engine opens them where it hands them on.
	Secrets []secret.Sealed
	// References are the variables that say where other apps are, for an engine where that is not as the values say.
	References []AppReference
	// Remove says that nothing of it is to run; KeepData that its volumes stay all the same.
	Remove   bool
	KeepData bool
}

// AppReference is a variable whose value says where another app of the workspace is. Values have it as it is in a cluster.
type AppReference struct {
	// Service whose variable it is; empty in a project of one service. Name of the variable.
	Service, Name string
	// Project that it takes Key from: url, host or port.
	Project, Key string
}

// Phase of a rollout.
type Phase string

// The phases.
const (
	// PhaseUnknown: the engine does not know of it.
	PhaseUnknown Phase = ""
	// PhaseProgressing: it is under way, and what ran before goes on where it can.
	PhaseProgressing Phase = "progressing"
	// PhaseHealthy: all of it runs and is well.
	PhaseHealthy Phase = "healthy"
	// PhaseFailed: it cannot get healthy as it is.
	PhaseFailed Phase = "failed"
)

// Rollout is how far an engine is with a target.
type Rollout struct {
	// Release that the rollout is of, and the GitOps commit it was wanted with.
	Release string
	Commit  string
	Phase   Phase
	// Cause says in one line why it failed, or what it waits for.
	Cause string
	// Lapsed says that it failed although the release was healthy before.
	Lapsed bool
	// Gone says that it failed as the registry does not have an image of it any more.
	Gone bool
	// Problems of the wanted values, on the field that is wrong.
	Problems manifest.Problems
	// Reach says whether it answers at its URL. Where that is asked it is only healthy once it does.
	Reach Reach
	// Drift says that somebody else changed what runs, and that it was put back.
	Drift string
	// Log is the last lines of what does not run; only for readers who may see it.
	Log string
}

// Engine brings what plateform-gitops shows to where it runs. Secrets pass through it and never through Git.
type Engine interface {
	// Want says what has to run as of a GitOps commit. The newest call about a project counts and ends the wait for an
	// older one. It does not wait for rollouts.
	Want(ctx context.Context, commit string, targets []Target) error
	// Rollouts returns in one call how far projects are. One that was to be removed is left out once nothing of it is left.
	Rollouts(ctx context.Context, keys []manifest.Key) (map[manifest.Key]Rollout, error)
}

// AppLogs is an Engine that keeps what apps print, or what reads it for one that runs elsewhere.
type AppLogs interface {
	// AppLog hands the last lines of a project to line, oldest first, and goes on with new ones until the context ends if it is to
	// follow. It ends with the first error of line. The error is fs.ErrNotExist when nothing was ever printed.
	AppLog(ctx context.Context, key manifest.Key, ask AppLogQuestion, line func(text string) error) error
}

// AppLogQuestion is what is asked of a log.
type AppLogQuestion struct {
	// Last lines that are wanted; all that are kept when it is negative.
	Last int
	// Follow goes on with what is printed from now on.
	Follow bool
}
