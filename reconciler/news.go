package reconciler

// News returns, in order, those of the reports about one commit that are still to be told, given what the commit says
// already, oldest first. What was said is not said again, a context and source never goes back to an earlier stage, and
// after a terminal report of it nothing more is said. Being pure, it can be asked again when somebody else has spoken
// in the meantime; that is how all implementations of Forge come to one verdict.
func News(said, reports []Report) []Report {
	threads := map[thread]*progress{}
	of := func(r Report) *progress {
		k := thread{r.Context, r.Source}
		if threads[k] == nil {
			threads[k] = &progress{told: map[telling]bool{}}
		}
		return threads[k]
	}
	for _, r := range said {
		of(r).add(r)
	}
	var news []Report
	for _, r := range reports {
		if p := of(r); p.isNews(r) {
			p.add(r)
			news = append(news, r)
		}
	}
	return news
}

// thread is one run as the people who look at a commit tell it from others.
type thread struct{ context, source string }

// telling is what makes two reports of a thread say the same; when they were made does not matter.
type telling struct {
	state       State
	stage       Stage
	description string
	url         string
}

func tellingOf(r Report) telling { return telling{r.State, r.Stage, r.Description, r.URL} }

// progress of one thread.
type progress struct {
	told  map[telling]bool
	stage int
	ended bool
}

func (p *progress) add(r Report) {
	p.told[tellingOf(r)] = true
	p.stage = max(p.stage, r.Stage.order())
	p.ended = p.ended || r.Terminal()
}

func (p *progress) isNews(r Report) bool {
	switch {
	case p.ended:
		return false
	case r.Terminal():
		return true
	}
	return r.Stage.order() >= p.stage && !p.told[tellingOf(r)]
}

// order of a stage among the others. The stages that end a run without its being deployed come last; one that this
// version does not know comes first, so that it stands in nobody's way.
func (s Stage) order() int {
	switch s {
	case StageQueued:
		return 1
	case StageBuilding:
		return 2
	case StageScanning:
		return 3
	case StagePushing:
		return 4
	case StageUpdatingGitOps:
		return 5
	case StageSynced:
		return 6
	case StageDeployed:
		return 7
	case StageFailed, StageSuperseded, StageHeld:
		return 8
	}
	return 0
}
