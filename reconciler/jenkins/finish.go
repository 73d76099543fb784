package jenkins

import (
	"context"
	"fmt"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/scan"
)

// How much of a log is kept of a build that failed.
const (
	tailBytes = 32 << 10
	tailLines = 60
	maxResult = 64 << 10
)

// ending is how a build has ended.
type ending struct {
	reconciler.BuildStatus
	// gone says that its image is not in the registry.
	gone bool
	// trouble is why it is to be tried again, in the job's words; empty when it is not.
	trouble string
}

// finish finds out how a build has ended. An error says that nobody knows yet.
func (b *Builder) finish(ctx context.Context, known *build, r run) (ending, error) {
	view, err := b.view(ctx, known, r)
	if err != nil {
		return ending{}, err
	}
	end := ending{BuildStatus: reconciler.BuildStatus{
		Stages: b.stagesOf(known), Done: true, URL: b.remote.link(r), Seconds: int((r.Duration + 500) / 1000),
	}}
	if r.Result != resultSuccess {
		said, err := b.remote.failure(ctx, r)
		if err != nil {
			return ending{}, err
		}
		end.Failure = &reconciler.BuildFailure{Summary: b.remote.whyFailed(r, view)}
		if said.Summary != "" {
			end.Failure.Summary = said.Summary + "; " + end.Failure.Summary
		}
		if said.Temporary {
			end.trouble = end.Failure.Summary
		}
		end.Failure.Log, err = b.remote.tail(ctx, r.Number)
		return end, err
	}
	made, problem, err := b.remote.result(ctx, r)
	if err == nil && problem == "" {
		problem, end.gone, err = b.checks.absent(ctx, known.request, made)
	}
	if err != nil {
		return ending{}, err
	}
	if problem != "" {
		end.Failure = &reconciler.BuildFailure{Summary: fmt.Sprintf("build %d of the job %s succeeded, but %s", r.Number, b.options.Job, problem)}
		return end, nil
	}
	end.Scan, end.Reused = made.Scan, made.Reused
	if made.Reused != "" {
		end.Seconds = 0 // nothing was built
	}
	if why := scan.Refused(known.request.Scan, made.Scan); why != "" {
		end.Failure = &reconciler.BuildFailure{Summary: why}
		return end, nil
	}
	end.Image = &manifest.Image{
		Name: known.request.Image, Repository: known.request.Destination, Tag: tagOf(known.request), Digest: made.Digest,
		Commit: known.request.Commit, Tree: known.request.Tree, Framework: made.Framework, Port: made.Port, Built: true,
	}
	return end, nil
}
