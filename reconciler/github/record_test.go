package github_test

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/words"
)

// record is a github.Record in memory.
type record struct {
	commits []string

	mu   sync.Mutex
	said map[string][]reconciler.Statement
	// before is called when something is about to be written; fails says that it is not.
	before func()
	fails  error
}

func newRecord() *record {
	return &record{commits: []string{sha(0), sha(1), sha(2)}, said: map[string][]reconciler.Statement{}}
}

func (r *record) statements(commit string) []reconciler.Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.said[commit])
}

func (r *record) Said(ctx context.Context, commits []string) (map[string][]reconciler.Statement, error) {
	said := map[string][]reconciler.Statement{}
	for _, c := range commits {
		said[c] = r.statements(c)
	}
	return said, ctx.Err()
}

func (r *record) Publish(ctx context.Context, reports []reconciler.Report) (map[string][]reconciler.Statement, error) {
	if before := r.before; before != nil {
		r.before = nil
		before()
	}
	if err := errors.Join(ctx.Err(), r.fails); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	said := map[string][]reconciler.Statement{}
	for _, report := range reports {
		c := report.Commit
		r.said[c] = append(r.said[c], reconciler.News(r.said[c], []reconciler.Statement{words.Statement(report)})...)
		said[c] = slices.Clone(r.said[c])
	}
	return said, nil
}

func (r *record) Recall(ctx context.Context, head string) ([]reconciler.Recalled, error) {
	if head == "" {
		return nil, ctx.Err()
	}
	var recalled []reconciler.Recalled
	for _, c := range r.commits[:slices.Index(r.commits, head)+1] {
		type thread struct{ context, source string }
		newest, ended := map[thread]int{}, map[thread]bool{}
		said := r.statements(c)
		for i, s := range said {
			k := thread{s.Context, s.Source}
			newest[k], ended[k] = i, s.Terminal() || ended[k] && !s.Waits
		}
		for i, s := range said {
			k := thread{s.Context, s.Source}
			if s.Terminal() && s.Build+s.Unchanged != "" || newest[k] == i && !ended[k] {
				recalled = append(recalled, reconciler.Recalled{Commit: c, Statement: s})
			}
		}
	}
	return recalled, ctx.Err()
}
