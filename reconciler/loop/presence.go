package loop

import (
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/worker"
)

// presence has registries asked whether they still have the images that are to run again.
type presence struct {
	*world
	worker *worker.Images
}

// question is what is known of one image that a registry was asked for.
type question struct {
	since  time.Time
	answer decision.Presence
	// until says how long the answer counts.
	until time.Time
}

// answerCounts is how long the answer of a registry counts: an image that was there may be removed. One that is gone is asked
// for again by the worker.
const answerCounts = time.Minute

// observe takes in what the registries said.
func (pr *presence) observe() {
	for _, news := range pr.worker.Take() {
		answer := answerOf(news)
		for k := range pr.projects.asked {
			p := pr.projects.get(k)
			if q, asked := p.asked[news.Ref]; asked {
				if q.answer != answer {
					pr.tell(p, news)
				}
				p.asked[news.Ref] = question{since: q.since, answer: answer, until: pr.now().Add(answerCounts)}
				pr.projects.touch(k)
			}
		}
	}
}

func answerOf(news worker.ImageNews) decision.Presence {
	switch {
	case news.Err != nil:
		return decision.Unknown
	case news.There:
		return decision.There
	}
	return decision.Gone
}

// tell logs what keeps an image from being run again, or from being known to be there.
func (pr *presence) tell(p *project, news worker.ImageNews) {
	switch {
	case news.Err != nil:
		pr.options.Log.Warn("a registry does not say whether it has an image; going on without", "project", p.key.String(), "image", news.Ref, "error", manifest.FirstLine(news.Err.Error()))
	case !news.There:
		pr.options.Log.Warn("an image that is to run again is gone from its registry", "project", p.key.String(), "image", news.Ref)
	}
}

// observed is what decisions get to see: of each image that a release may bring back whether it is there. Nobody is asked for
// what GitOps shows, unless somebody asks to try again, nor when it shows nothing of the project: then there is nothing better
// to stay with.
func (pr *presence) observed(p *project, v *config.View, images map[string]manifest.Image) map[string]decision.Presence {
	var seen map[string]decision.Presence
	shown := pr.gitops.Project(p.key)
	retry := p.memory.Retry != "" && pr.trouble == nil // until that is mended nothing comes of it
	note := func(image manifest.Image) {
		if (retry || !shown.Runs(image)) && !p.proven[image.Ref()] {
			put(&seen, image.Ref(), p.asked[image.Ref()].presence(pr.now()))
		}
	}
	running := p.running(v)
	runs := running != nil && shown.Version() == running.Version()
	if runs {
		p.proven = nil
	}
	if running != nil && !shown.Version().IsZero() && (retry || !runs) {
		for _, image := range running.Spec.Images {
			note(image)
		}
	}
	for _, image := range images {
		note(image)
	}
	if seen == nil {
		pr.forget(p)
	}
	return seen
}

// presence is what is known by now.
func (q question) presence(now time.Time) decision.Presence {
	switch {
	case q.answer == decision.Gone || now.Before(q.until):
		return q.answer
	case q.answer != "":
		return decision.Unasked
	case q.since.IsZero() || now.Before(q.since.Add(worker.AskTimeout)):
		return decision.Unasked
	}
	return decision.Unknown
}

// ask has the registry asked for images, once, and the project decided on again when the time for an answer is over.
func (pr *presence) ask(p *project, images []manifest.Image) {
	for _, image := range images {
		q, asked := p.asked[image.Ref()]
		if !asked || q.answer != "" { // an answer that does not count any more
			q = question{since: pr.now()}
			put(&p.asked, image.Ref(), q)
			pr.projects.asked[p.key] = true
			pr.worker.Want(image)
		}
		pr.deadlines.Set(p.key, q.since.Add(worker.AskTimeout))
	}
}

// forget ends all questions of a project.
func (pr *presence) forget(p *project) {
	if p.asked == nil {
		return
	}
	for ref := range p.asked {
		pr.worker.Forget(ref)
	}
	p.asked = nil
	delete(pr.projects.asked, p.key)
}

// prove notes that images were pushed, or resolved, just now.
func (p *project) prove(images []manifest.Image) {
	p.proven = map[string]bool{}
	for _, image := range images {
		p.proven[image.Ref()] = true
	}
}
