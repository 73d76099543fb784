package jenkins

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/bndr/gojenkins"

	"github.com/plateform/plateform/reconciler"
)

// order is that of the stages of a build.
func order() []reconciler.Stage {
	return []reconciler.Stage{reconciler.StageBuilding, reconciler.StageScanning, reconciler.StagePushing}
}

// stageOf is the stage that a stage of a pipeline stands for, by its name; empty for one that stands for none.
func stageOf(name string) reconciler.Stage {
	switch strings.ToLower(name) {
	case "checkout", "build", "building":
		return reconciler.StageBuilding
	case "scan", "scanning":
		return reconciler.StageScanning
	case "push", "pushing", "publish":
		return reconciler.StagePushing
	}
	return ""
}

// further are the stages with one more, which is left out when it is not behind all of them.
func further(stages []reconciler.Stage, stage reconciler.Stage) []reconciler.Stage {
	at := slices.Index(order(), stage)
	if at < 0 || len(stages) > 0 && slices.Index(order(), stages[len(stages)-1]) >= at {
		return stages
	}
	return append(slices.Clip(stages), stage)
}

// position is how far a log was read.
type position struct {
	offset int64
	// rest is the last line that had no end.
	rest string
}

// maxRest bounds a line without an end.
const maxRest = 1000

// view finds out which stages a build has entered, and returns them as Jenkins has them. Where Jenkins has no view of stages that is
// nil, and they are from lines of the log.
func (b *Builder) view(ctx context.Context, known *build, r run) (*gojenkins.PipelineRun, error) {
	if !b.remote.hasView() {
		return nil, b.readMarkers(ctx, known, r)
	}
	view, err := b.remote.stages(ctx, r.Number)
	if codeOf(err) == http.StatusNotFound {
		b.remote.lacksView()
		return nil, b.readMarkers(ctx, known, r)
	}
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, stage := range view.Stages {
		if stage.Status != "NOT_EXECUTED" {
			known.status.Stages = further(known.status.Stages, stageOf(stage.Name))
		}
	}
	return view, nil
}

// readMarkers reads on in the log of a build, up to a bounded part of it, for lines that carry the nonce of the build.
func (b *Builder) readMarkers(ctx context.Context, known *build, r run) error {
	b.mu.Lock()
	from := known.log
	b.mu.Unlock()
	text, size, err := b.remote.logFrom(ctx, r.Number, from.offset)
	if err != nil {
		return err
	}
	if size < from.offset { // it began anew, and was answered in full
		from.rest = ""
	}
	lines := strings.Split(from.rest+strings.ReplaceAll(text, "\r", ""), "\n")
	rest := lines[len(lines)-1]
	nonce := r.Actions.parameter(ParamNonce)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range lines[:len(lines)-1] {
		words := strings.Fields(line)
		if len(words) == 3 && words[0] == Marker && words[1] == nonce && nonce != "" {
			known.status.Stages = further(known.status.Stages, reconciler.Stage(words[2]))
		}
	}
	known.log = position{offset: size, rest: rest[:min(len(rest), maxRest)]}
	return nil
}
