package reconciler

// News returns, in order, those of the statements about one commit that are still to be published, given what the commit
// says already, oldest first. What was said is not said again, a context and source never goes back to an earlier stage, and
// after a terminal report of it nothing more is said. A failure that goes on by itself is no end: it may come after a success
// (what a commit asked for can come to a stop later), and all that is said after it is news again. A rollout that failed may get healthy
// after all, as the cluster goes on with it: that it is deployed is news then. It is pure, so it can be asked again when another process has
// published something in the meantime; that is how all implementations of Forge come to one verdict.
func News(said, statements []Statement) []Statement {
	threads := map[thread]*saidSoFar{}
	of := func(r Statement) *saidSoFar {
		k := thread{r.Context, r.Source}
		if threads[k] == nil {
			threads[k] = &saidSoFar{reported: map[wording]bool{}}
		}
		return threads[k]
	}
	for _, r := range said {
		of(r).add(r)
	}
	var news []Statement
	for _, r := range statements {
		if p := of(r); p.isNews(r) {
			p.add(r)
			news = append(news, r)
		}
	}
	return news
}

// thread is what makes two statements of a commit be about the same run.
type thread struct{ context, source string }

// wording is the part of a statement that people read. Two statements of a thread that agree in it are the same news.
type wording struct {
	state       State
	stage       Stage
	description string
	url         string
}

func wordingOf(r Statement) wording { return wording{r.State, r.Stage, r.Description, r.URL} }

// saidSoFar is what a commit says in one thread.
type saidSoFar struct {
	reported map[wording]bool
	stage    int
	ended    bool
	failed   bool
	// unhealthy says that the last word was that a release did not get healthy.
	unhealthy bool
	// waits is the failure that the commit was left with, and that goes on by itself; nil when the last word is another one.
	waits *wording
}

func (p *saidSoFar) add(r Statement) {
	if r.Waits {
		words := wordingOf(r)
		*p = saidSoFar{reported: map[wording]bool{}, waits: &words}
		return
	}
	p.waits, p.unhealthy = nil, r.Terminal() && r.tellsOfAFailedRollout()
	p.failed = p.failed || r.Terminal() && r.State == StateFailure
	p.reported[wordingOf(r)] = true
	p.stage = max(p.stage, r.Stage.order())
	p.ended = p.ended || r.Terminal()
}

func (p *saidSoFar) isNews(r Statement) bool {
	switch {
	case r.Waits:
		return !p.failed && (p.waits == nil || *p.waits != wordingOf(r))
	case p.ended:
		return p.unhealthy && r.State == StateSuccess && r.Stage == StageDeployed
	case r.Terminal():
		return true
	}
	return r.Stage.order() >= p.stage && !p.reported[wordingOf(r)]
}
