package loop

import (
	"fmt"
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/worker"
)

// awaited has registries asked again for authored images that could not be used: whoever names an image before it is pushed need
// not ask for a retry.
type awaited struct {
	*world
	recall *recall
	worker *worker.References
	// of are the images that projects wait for, by their part.
	of map[manifest.Key]map[string]string
}

// keep takes in which images a project waits for.
func (a *awaited) keep(p *project, v *config.View) {
	now := decision.RefusedImages(p.memory, v)
	if maps.Equal(now, a.of[p.key]) {
		return
	}
	if delete(a.of, p.key); len(now) > 0 {
		a.of[p.key] = now
	}
	var all []string
	for _, images := range a.of {
		all = slices.AppendSeq(all, maps.Values(images))
	}
	slices.Sort(all)
	a.worker.Keep(slices.Compact(all))
}

// observe takes in which images can be used by now: they are asked for once more, and released.
func (a *awaited) observe() {
	there := a.worker.Take()
	if len(there) == 0 {
		return
	}
	for _, k := range slices.SortedFunc(maps.Keys(a.of), manifest.Key.Compare) {
		for part, reference := range a.of[k] {
			if !slices.Contains(there, reference) {
				continue
			}
			p := a.projects.get(k)
			for _, h := range p.memory.Holds {
				if h.Part == part {
					delete(a.recall.failures[k], decision.BuildID(k, part, h.Key))
				}
			}
			p.memory = decision.ImageCame(p.memory, part)
			a.projects.touch(k)
			a.options.Log.Info("an image that was waited for is there", "project", k.String(), "image", reference)
		}
	}
}

// awaitsImage says that an authored image could not be used, and is asked for again.
func (p *project) awaitsImage(v *config.View) bool {
	return len(decision.RefusedImages(p.memory, v)) > 0
}

// imageRefused is what those are told who asked for an authored image that cannot be used, with its place in their file.
func (w *world) imageRefused(k manifest.Key, reference, summary string) reconciler.Report {
	file, what := manifest.ProjectFile(k), fmt.Sprintf("the image %s cannot be used: %s", reference, summary)
	problem := w.catalog.WithLines(file, manifest.Problems{{File: file, Field: "spec.image", What: what}})[0]
	return reconciler.Report{State: reconciler.StateFailure, Stage: reconciler.StageFailed, Outcome: reconciler.OutcomeImageRefused, Detail: problem.String(), Waits: true}
}
