package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

const (
	// maxStatuses is how many GitHub takes of a commit and context, keptForLast how many of them are left for how it ends.
	maxStatuses = 1000
	keptForLast = 100
	// pageSize and maxPages bound how many statuses of a commit are read.
	pageSize = 100
	maxPages = 30
	// appearing is how long a commit may take to be there for the API once it is there for Git.
	appearing = 2 * time.Minute
	// firstPart is the part of the pace that the first word waits.
	firstPart = 5
	// closedFor is how long it is believed of a repository that nobody can be told there.
	closedFor = time.Hour
)

// shown is what a commit shows in one context, and how many statuses it has there.
type shown struct {
	state       reconciler.State
	description string
	url         string
	count       int
	// at is when this process sent it; zero when it did not.
	at time.Time
	// full says that GitHub takes no more of them.
	full bool
}

// commit is what is known of a commit's statuses.
type commit struct {
	shown map[string]shown
	// missing is since when GitHub does not know it.
	missing time.Time
}

// closed says why nobody can be told on a repository's commits, and until when that is believed.
type closed struct {
	why   string
	until time.Time
}

// send has GitHub show a word, unless it does already. stop says of an error that it is about all words.
func (f *Forge) send(ctx context.Context, w word) (err error, stop bool) {
	if c, there := f.closed.Get(w.repository); there && !w.own && f.Clock.Now().Before(c.until) {
		return nil, false
	}
	ctx = client.WithPriority(ctx, w.priority())
	known, err := f.knownOf(ctx, w.place)
	if err == nil {
		if known.shows(w) {
			return nil, false
		}
		if wait := f.paced(known, w); wait > 0 {
			return &reconciler.LaterError{Wait: wait}, false
		}
		err = f.post(ctx, known, w)
	}
	if err == nil {
		return nil, false
	}
	return f.judge(w, known, err)
}

// shows says that a word need not be sent: it is there, or it is news of what goes on where a verdict is, or there is little room left.
func (c *commit) shows(w word) bool {
	there, said := c.shown[w.context]
	switch {
	case !said:
		return false
	case there.full, there.state == w.state && there.description == w.description && there.url == w.url:
		return true
	case !w.passing:
		return false
	case w.idle && there.state == w.state:
		return true
	}
	return there.count >= maxStatuses-keptForLast || w.own && !w.reopened && there.state != reconciler.StatePending
}

// paced is how long a word waits for its turn: after the one before, and the first one for a verdict that may take its place.
func (f *Forge) paced(known *commit, w word) time.Duration {
	there, said := known.shown[w.context]
	switch {
	case !w.passing || f.Pace < 0 || said && there.at.IsZero():
		return 0
	case !said:
		return min(w.at.Add(f.Pace/firstPart).Sub(f.Clock.Now()), f.Pace/firstPart)
	}
	return there.at.Add(f.Pace).Sub(f.Clock.Now())
}

// post sends a word.
func (f *Forge) post(ctx context.Context, known *commit, w word) error {
	status := &github.RepoStatus{State: github.String(string(w.state)), Context: &w.context, Description: &w.description}
	if w.url != "" {
		status.TargetURL = &w.url
	}
	_, _, err := f.apiOf(w.repository).Repositories.CreateStatus(ctx, w.repository.Owner, w.repository.Name, w.sha, status)
	if err != nil {
		return client.Explain(err)
	}
	known.shown[w.context] = shown{state: w.state, description: w.description, url: w.url, count: known.shown[w.context].count + 1, at: f.Clock.Now()}
	return nil
}

func (f *Forge) apiOf(r auth.Repository) *github.Client {
	return f.Client.As(auth.LoginTo(f.Tokens, r, auth.WriteStatuses()))
}

// knownOf is what GitHub shows on a commit; it is read once.
func (f *Forge) knownOf(ctx context.Context, p place) (*commit, error) {
	if known, there := f.known.Get(p); there {
		return known, nil
	}
	known := &commit{shown: map[string]shown{}}
	api := f.apiOf(p.repository)
	options := &github.ListOptions{PerPage: pageSize}
	for range maxPages {
		page, res, err := api.Repositories.ListStatuses(ctx, p.repository.Owner, p.repository.Name, p.sha, options)
		if err = client.Explain(err); client.Answered(err, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusConflict) {
			break // a word on it will say what there is to be said
		}
		if err != nil {
			return nil, fmt.Errorf("reading what %s says in %s: %w", manifest.Short(p.sha), p.repository, err)
		}
		known.take(page)
		if options.Page = res.NextPage; options.Page == 0 {
			break
		}
	}
	if options.Page > 0 { // there are more than is reasonable to read
		for context, s := range known.shown {
			s.count = max(s.count, maxStatuses-keptForLast)
			known.shown[context] = s
		}
	}
	f.known.Add(p, known)
	return known, nil
}

// take counts statuses, newest first.
func (c *commit) take(page []*github.RepoStatus) {
	for _, s := range page {
		there, said := c.shown[s.GetContext()]
		if !said {
			there = shown{state: reconciler.State(s.GetState()), description: s.GetDescription(), url: s.GetTargetURL()}
		}
		there.count++
		c.shown[s.GetContext()] = there
	}
}

// judge says what becomes of a word that was not taken: nothing when there is nobody who could be told by asking again.
func (f *Forge) judge(w word, known *commit, err error) (_ error, stop bool) {
	var unreachable *auth.NotReachableError
	denied := errors.As(err, &unreachable) || client.Denied(err)
	switch {
	case denied && !w.own:
		f.close(w.repository, err)
		return nil, false
	case unreachable != nil:
		return unreachable, true
	case denied:
		return fmt.Errorf("on %s: %w (let Plateform write commit statuses there)", w.repository, err), true
	case client.Answered(err, http.StatusUnauthorized):
		return fmt.Errorf("on %s: %w (renew the token, or see that the GitHub App is what serve.yaml says)", w.repository, err), true
	case known != nil && client.Answered(err, http.StatusUnprocessableEntity):
		return f.refused(w, known, err), false
	}
	var busy *client.BusyError
	if !errors.As(err, &busy) { // whether it was taken is not known
		f.known.Remove(w.place)
	}
	return fmt.Errorf("on %s at %s: %w", w.repository, manifest.Short(w.sha), err), true
}

// refused takes in that GitHub does not take a word as it is. Asking again does not help, but for a commit that is on its way.
func (f *Forge) refused(w word, known *commit, err error) error {
	now, said := f.Clock.Now(), strings.ToLower(err.Error())
	gone := strings.Contains(said, "no commit found")
	if gone {
		if known.missing.IsZero() {
			known.missing = now
		}
		if now.Before(known.missing.Add(appearing)) {
			return fmt.Errorf("on %s at %s: %w", w.repository, manifest.Short(w.sha), err)
		}
	}
	known.shown[w.context] = shown{
		state: w.state, description: w.description, url: w.url, count: known.shown[w.context].count, at: f.Clock.Now(),
		full: gone || strings.Contains(said, "maximum number of statuses"),
	}
	f.Log.Warn("GitHub takes no word on a commit; people are not told there", "repository", w.repository.String(), "commit", manifest.Short(w.sha),
		"context", w.context, "error", err.Error())
	return nil
}

// close notes that nobody can be told in a repository, and says so once.
func (f *Forge) close(r auth.Repository, err error) {
	before, told := f.closed.Get(r)
	f.closed.Add(r, closed{why: err.Error(), until: f.Clock.Now().Add(closedFor)})
	if !told || before.why != err.Error() {
		f.Log.Info("people are not told on the commits of a repository", "repository", r.String(), "error", err.Error())
	}
}
