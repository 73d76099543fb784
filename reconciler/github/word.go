package github

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

// SummaryContext is the name of the status that a commit has for all its projects, when there are too many for one each.
const SummaryContext = "plateform/projects"

// maxURL is how many characters of an address are worth sending.
const maxURL = 2000

// place is a commit of a repository.
type place struct {
	repository auth.Repository
	sha        string
}

// word is a commit status.
type word struct {
	place
	context     string
	state       reconciler.State
	description string
	url         string
	// passing says that another word follows; idle that it is not worth a request where there is a word; at is when it was so.
	passing bool
	idle    bool
	at      time.Time
	// aside says that nobody waits for it, so that it may come late.
	aside bool
	// own says that it is on a commit of the config repository; reopened that it may follow a verdict there.
	own, reopened bool
	// threads that it tells of.
	threads []thread
}

// priority of a word: who has to mend something is told first.
func (w word) priority() client.Priority {
	switch {
	case w.passing:
		return client.Progress
	case w.state == reconciler.StateFailure:
		return client.Failure
	case w.aside:
		return client.Progress
	}
	return client.Final
}

// words are the statuses that a batch comes to, in the order in which it was reported.
func (f *Forge) words(ctx context.Context, b *batch) ([]word, error) {
	var all []word
	var failures []error
	for _, commit := range b.commits {
		own := place{f.Config, commit}
		latest := latestOfProjects(b.said[commit])
		alone := func(reconciler.Statement) bool { return true }
		var summarized []thread
		if len(latest) > f.Alone {
			known, err := f.knownOf(ctx, own)
			if err != nil {
				failures = append(failures, err)
				f.fail(b, commit)
				continue
			}
			alone = f.mayStandAlone(known)
		}
		for _, t := range threadsOf(b, commit) {
			n := b.threads[t]
			w := wordOf(n, t)
			if t.source != "" {
				if repository, ok := f.Site.Repository(n.repository); ok && manifest.IsCommit(t.source) {
					w.place = place{repository, t.source}
					all = append(all, w)
				}
				continue
			}
			if alone(n.newest) {
				w.place, w.own = own, true
				all = append(all, w)
			}
			if t.context != reconciler.ConfigContext {
				summarized = append(summarized, t)
			}
		}
		if len(latest) > f.Alone && len(summarized) > 0 {
			w := summaryOf(latest)
			w.place, w.own, w.reopened, w.threads = own, true, true, summarized
			all = append(all, w)
		}
	}
	return all, errors.Join(failures...)
}

// fail notes that nothing on a config commit got through.
func (f *Forge) fail(b *batch, commit string) {
	for _, t := range threadsOf(b, commit) {
		b.threads[t].failed = true
	}
}

// threadsOf are those of a commit that there is something to tell of, in the order of their reports.
func threadsOf(b *batch, commit string) []thread {
	return slices.DeleteFunc(slices.Clone(b.order[commit]), func(t thread) bool { return !b.threads[t].told || b.threads[t].failed })
}

// wordOf is a statement as a status.
func wordOf(n *news, t thread) word {
	w := word{
		context: t.context, state: n.newest.State, description: client.Description(n.newest.Description), reopened: n.reopened || n.newest.Waits,
		passing: n.newest.State == reconciler.StatePending, idle: n.newest.Idle, aside: n.aside, at: n.newest.At, threads: []thread{t},
	}
	if u, err := url.Parse(n.newest.URL); err == nil && (u.Scheme == "https" || u.Scheme == "http") && len(n.newest.URL) <= maxURL {
		w.url = n.newest.URL
	}
	return w
}

// latestOfProjects are the newest words on the projects that a commit itself asked something of.
func latestOfProjects(said []reconciler.Statement) map[string]reconciler.Statement {
	latest := map[string]reconciler.Statement{}
	for _, s := range said {
		if s.Source == "" && s.Context != reconciler.ConfigContext {
			latest[s.Context] = s
		}
	}
	return latest
}

// mayStandAlone says which words of a commit with many projects get a status of their own beside the one for all: those whose
// project has one already, those on the files, and failures, as many as a commit may have projects.
func (f *Forge) mayStandAlone(known *commit) func(reconciler.Statement) bool {
	room := f.Alone
	for context, shown := range known.shown {
		if shown.state == reconciler.StateFailure && context != SummaryContext {
			room--
		}
	}
	return func(s reconciler.Statement) bool {
		if _, there := known.shown[s.Context]; there || s.Context == reconciler.ConfigContext {
			return true
		}
		if s.State != reconciler.StateFailure || room <= 0 {
			return false
		}
		room--
		return true
	}
}

// summaryOf counts how the projects of a commit are, and names those that failed.
func summaryOf(latest map[string]reconciler.Statement) word {
	var failed []string
	done, underWay := 0, 0
	for _, context := range slices.Sorted(maps.Keys(latest)) {
		switch latest[context].State {
		case reconciler.StateFailure:
			failed = append(failed, strings.TrimPrefix(context, "plateform/"))
		case reconciler.StatePending:
			underWay++
		default:
			done++
		}
	}
	w := word{context: SummaryContext, state: reconciler.StateSuccess}
	counts := fmt.Sprintf("%d of %d done", done, len(latest))
	if underWay > 0 {
		w.state, w.passing = reconciler.StatePending, true
		counts += fmt.Sprintf(", %d under way", underWay)
	}
	if len(failed) > 0 {
		w.state = reconciler.StateFailure
		counts += fmt.Sprintf(", %d failed: %s", len(failed), strings.Join(failed, " "))
	}
	w.description = client.Description(counts)
	return w
}
