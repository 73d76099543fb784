// Package github tells people on GitHub how far their changes are, by commit statuses: on the config commit that asked, on the
// app's commit when a push to the app did, and on the commit of a release.
//
// A status has 140 characters and no room for facts, so what Plateform itself has to find again is kept in a Record: the notes
// of the config repository. People are told first and the record is written after that, so that what did not get through is
// still news to whoever takes over.
package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
	"github.com/plateform/plateform/reconciler/words"
)

const (
	// defaultAlone is how many projects a commit may be about for each to have a status of its own.
	defaultAlone = 20
	// defaultPace is how long a word on what is under way stays before the next one takes its place.
	defaultPace = 10 * time.Second
	// maxKnown bounds the commits of which it is kept what they say, maxClosed the repositories that are known to be closed.
	maxKnown  = 2048
	maxClosed = 4096
)

// Record keeps what was said, word for word and with all facts, where another process finds it.
//
// Implementations are safe for use by several goroutines.
type Record interface {
	// Said returns what commits of the config repository say already, oldest first, as far as that is known: Publish has the
	// last word.
	Said(ctx context.Context, commits []string) (map[string][]reconciler.Statement, error)
	// Publish writes down what is news among reports, and returns what each of their commits says then, oldest first. Of
	// two processes with different verdicts one gets through.
	Publish(ctx context.Context, reports []reconciler.Report) (map[string][]reconciler.Statement, error)
	// Recall is that of reconciler.Forge.
	Recall(ctx context.Context, head string) ([]reconciler.Recalled, error)
}

// Options of a Forge.
type Options struct {
	// Site is the GitHub, and Config the config repository there.
	Site   auth.Site
	Config auth.Repository
	Client *client.Client
	Tokens auth.Tokens
	Record Record
	Clock  client.Clock
	Log    *slog.Logger
	// Alone is how many projects a commit may be about for each to have a status of its own; a commit of more gets one for all,
	// and one for each of as many that failed. Default 20.
	Alone int
	// Pace is how long a word on what is under way stays before the next one takes its place, so that a run of a few seconds is not
	// half a dozen writes; verdicts do not wait. Default 10 seconds; none when negative.
	Pace time.Duration
}

// Forge is a reconciler.Forge. It is safe for use by several goroutines, and beside other processes.
type Forge struct {
	Options
	// turn is held by whoever reports: what is known of GitHub belongs to them.
	turn   chan struct{}
	known  *lru.Cache[place, *commit]
	closed *lru.Cache[auth.Repository, closed]
}

var _ reconciler.Forge = (*Forge)(nil)

// New returns a Forge. It asks nobody anything yet.
func New(o Options) (*Forge, error) {
	o.Alone, o.Pace = cmp.Or(o.Alone, defaultAlone), cmp.Or(o.Pace, defaultPace)
	known, err := lru.New[place, *commit](maxKnown)
	if err != nil {
		return nil, err
	}
	shut, err := lru.New[auth.Repository, closed](maxClosed)
	if err != nil {
		return nil, err
	}
	f := &Forge{Options: o, turn: make(chan struct{}, 1), known: known, closed: shut}
	f.turn <- struct{}{}
	return f, nil
}

// Recall implements reconciler.Forge.
func (f *Forge) Recall(ctx context.Context, head string) ([]reconciler.Recalled, error) {
	return f.Record.Recall(ctx, head)
}

// Report implements reconciler.Forge. Of what is news in one context only the newest word is sent, failures before all else.
// What landed is written down even when something else did not.
func (f *Forge) Report(ctx context.Context, reports []reconciler.Report) error {
	select {
	case <-f.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { f.turn <- struct{}{} }()
	b := newBatch(reports)
	if len(b.reports) == 0 {
		return nil
	}
	said, err := f.Record.Said(ctx, b.commits)
	if err != nil {
		return err
	}
	b.take(said)
	wait, failed := f.tell(ctx, b)
	said, err = f.Record.Publish(ctx, b.landed())
	if err != nil {
		return errors.Join(failed, err)
	}
	b.agree(said)
	_, err = f.tell(ctx, b)
	if err = errors.Join(failed, err); err == nil && wait > 0 {
		return &reconciler.LaterError{Wait: wait, Landed: b.beginning(reports)}
	}
	return err
}

// tell sends the words of a batch that GitHub does not show, and says after how long to come again with those that are for later. It
// leaves a part of its time for writing down what landed.
func (f *Forge) tell(ctx context.Context, b *batch) (wait time.Duration, err error) {
	if deadline, ok := ctx.Deadline(); ok {
		sooner, cancel := context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/3))
		defer cancel()
		ctx = sooner
	}
	all, err := f.words(ctx, b)
	slices.SortStableFunc(all, func(a, b word) int { return cmp.Compare(b.priority(), a.priority()) })
	failures := []error{err}
	stopped := err != nil
	for _, w := range all {
		if !stopped {
			var err error
			var later *reconciler.LaterError
			err, stopped = f.send(ctx, w)
			switch {
			case err == nil:
				continue
			case errors.As(err, &later):
				wait = max(wait, later.Wait)
			default:
				failures = append(failures, err)
			}
		}
		for _, t := range w.threads {
			b.threads[t].failed = true
		}
	}
	if err := errors.Join(failures...); err != nil {
		return wait, fmt.Errorf("telling people on GitHub: %w", err)
	}
	return wait, nil
}

// thread is what makes statements be about the same run.
type thread struct{ commit, context, source string }

// news is what there is to tell of a thread.
type news struct {
	// newest word, and the repository of the app's commit.
	newest     reconciler.Statement
	repository string
	// aside says that nobody waits for it.
	aside bool
	// reopened says that the word before was a failure that goes on by itself.
	reopened bool
	// told says that there is something to tell, failed that it did not get through.
	told, failed bool
}

// batch is what one call of Report is about.
type batch struct {
	reports []reconciler.Report
	// commits of the config repository, in order.
	commits []string
	threads map[thread]*news
	// order of the threads of each commit.
	order map[string][]thread
	// said is what the commits say once all this is told.
	said map[string][]reconciler.Statement
}

// newBatch leaves out reports on what cannot be a commit.
func newBatch(reports []reconciler.Report) *batch {
	b := &batch{threads: map[thread]*news{}, order: map[string][]thread{}, said: map[string][]reconciler.Statement{}}
	for _, r := range reports {
		if !manifest.IsCommit(r.Commit) {
			continue
		}
		if b.order[r.Commit] == nil {
			b.commits = append(b.commits, r.Commit)
		}
		b.reports = append(b.reports, r)
		t := threadOf(r)
		if b.threads[t] == nil {
			b.order[r.Commit] = append(b.order[r.Commit], t)
		}
		b.threads[t] = &news{repository: r.SourceRepository, aside: r.Aside}
	}
	return b
}

func threadOf(r reconciler.Report) thread { return thread{r.Commit, r.Context(), r.Source} }

// take finds out what is news.
func (b *batch) take(said map[string][]reconciler.Statement) {
	statements := map[string][]reconciler.Statement{}
	for _, r := range b.reports {
		statements[r.Commit] = append(statements[r.Commit], words.Statement(r))
	}
	for _, commit := range b.commits {
		before := said[commit]
		for _, s := range before {
			if n := b.threads[thread{commit, s.Context, s.Source}]; n != nil {
				n.reopened = s.Waits
			}
		}
		more := reconciler.News(before, statements[commit])
		b.said[commit] = slices.Concat(before, more)
		for _, s := range more {
			n := b.threads[thread{commit, s.Context, s.Source}]
			n.newest, n.told = s, true
		}
	}
}

// landed are the reports of which nothing failed to get through.
func (b *batch) landed() []reconciler.Report {
	return slices.DeleteFunc(slices.Clone(b.reports), func(r reconciler.Report) bool { return b.threads[threadOf(r)].failed })
}

// beginning is how many reports, from the first one on, need not be told again.
func (b *batch) beginning(reports []reconciler.Report) int {
	first := slices.IndexFunc(reports, func(r reconciler.Report) bool {
		n := b.threads[threadOf(r)]
		return n != nil && n.failed
	})
	if first < 0 {
		return len(reports)
	}
	return first
}

// agree takes in what the record says once it is written, which is what GitHub has to show: another process may have been faster
// with its verdict.
func (b *batch) agree(said map[string][]reconciler.Statement) {
	for commit, statements := range said {
		b.said[commit] = statements
		for _, s := range statements {
			if n := b.threads[thread{commit, s.Context, s.Source}]; n != nil && n.told && !n.failed {
				n.newest = s
			}
		}
	}
}
