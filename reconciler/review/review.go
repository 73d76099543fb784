package review

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/queue"
	"github.com/plateform/plateform/reconciler/worker"
)

const (
	// slowestLook is how long it takes at most until a proposal is found that no hint told of.
	slowestLook = 40 * time.Second
	// tipsLast is how long it is taken for known where the branches are, so that many proposals that are planned anew do not ask
	// each by itself; hintLead how long GitHub may tell of a head before Git has it.
	tipsLast = time.Second
	hintLead = 2 * time.Second
	// atOnce is how many proposals are worked on at the same time.
	atOnce = 4
	// lookKey is the key of looking for proposals, commitKey what those of commits begin with; those of proposals are their numbers.
	lookKey   = "open"
	commitKey = "commit "
)

// Branch is a branch of a repository, and other refs of it, as they are read beside the loop.
type Branch interface {
	reconciler.Reader
	// Fetch brings in the commit that a ref names, and returns it; "" when there is no such ref. known are commits at hand. What
	// brings too much is a manifest.ErrTooMuch, with the commit.
	Fetch(ctx context.Context, ref string, known ...string) (string, error)
}

// Config is the config repository, where proposals are read and merged.
type Config interface {
	Branch
	// Merge makes the commit that merges head into a commit of the branch, in memory; manifest.ErrUnrelated when it cannot be said
	// how.
	Merge(ctx context.Context, into, head string, e manifest.Edit) (manifest.Merge, error)
	// Push moves the branch to a merge, if it is still where that was made for; otherwise the error is manifest.ErrMoved.
	Push(ctx context.Context, m manifest.Merge) error
}

// Images says whether an image is still in its registry.
type Images interface {
	// Has says it; an error says that nobody knows.
	Has(ctx context.Context, repository, digest string) (bool, error)
}

// Committing is how what people ask for in comments is committed.
type Committing struct {
	// Main is the branch of the config repository, and Pushed is called after a commit.
	Main   reconciler.Repository
	Pushed func()
	// Signer signs the commits; nil when there is no key.
	Signer *signing.Key
}

// Planning is what plans are made with besides the two repositories.
type Planning struct {
	Charts reconciler.Charts
	// Secrets opens what was encrypted for the platform; nil when there is no key for that.
	Secrets secret.Opener
	// Unrun says what the engine does not run of what people wrote; nil when it runs everything.
	Unrun func(manifest.ProjectSpec) string
}

// Options of a Reviewer.
type Options struct {
	Reviews reconciler.Reviews
	Remarks reconciler.Remarks
	Committing
	// Config and GitOps are the two repositories, and the names of their branches.
	Config       Config
	ConfigBranch string
	GitOps       Branch
	GitOpsBranch string
	Planning
	Images Images
	Record Record
	// DeletePage is the page where people remove a file of the config repository.
	DeletePage func(file string) string
	Log        *slog.Logger
	// Every is how long it takes at most until a proposal is found that no hint told of; 40 seconds when 0.
	Every time.Duration
	worker.Common
}

// Reviewer is the worker. It is safe for use by several goroutines.
type Reviewer struct {
	Options
	queue worker.Queue

	seen lastSeen

	mu       sync.Mutex
	views    map[int]*view
	outcomes *outcomes
	commands *commands
	heads    heads
	// saying is held by whoever publishes: what is said of a head is of all that share it then.
	saying chan struct{}
	// troubled are the keys whose last turn failed.
	troubled map[string]bool
}

// lastSeen is where the branches were when somebody last looked.
type lastSeen struct {
	mu   sync.Mutex
	tips tips
	at   time.Time
}

func (s *lastSeen) get() (tips, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tips, s.at
}

func (s *lastSeen) set(now tips, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tips, s.at = now, at
}

// expire has the branches asked for anew before the next answer, whenever they were seen.
func (s *lastSeen) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = time.Time{}
}

// tips are where the two branches are.
type tips struct{ config, gitops string }

// New returns a Reviewer that does nothing until Run.
func New(o Options) (*Reviewer, error) {
	o.Every = cmp.Or(o.Every, slowestLook)
	commits, err := lru.NewLRU[string, *followed](maxFollowed, nil)
	if err != nil {
		return nil, err
	}
	obeyed, err := lru.NewLRU[int64, bool](maxFollowed, nil)
	if err != nil {
		return nil, err
	}
	r := &Reviewer{Options: o, views: map[int]*view{}, heads: heads{of: map[int]string{}}, saying: make(chan struct{}, 1), troubled: map[string]bool{}}
	r.outcomes = &outcomes{Options: o, commits: commits}
	r.commands = &commands{
		Options: o, outcomes: r.outcomes, look: r.Said, concerned: r.concerned, obeyed: obeyed,
		again: func(number int, at time.Time) { r.wake(number, asked, at, true) },
	}
	r.queue = o.Queue(queue.Options{Turn: r.turn, Host: func(string) string { return "" }, PerHost: atOnce, MaxBackoff: time.Minute})
	return r, nil
}

// Run works until the context ends.
func (r *Reviewer) Run(ctx context.Context) error {
	r.queue.Add(lookKey)
	return r.queue.Run(ctx)
}

// Look has all proposals looked at: hints were lost, or a branch moved.
func (r *Reviewer) Look() { r.queue.Add(lookKey) }

// Changed has one proposal looked at, because somebody told that it changed.
func (r *Reviewer) Changed(number int) { r.wake(number, webhook, r.Clock(), false) }

// Again has one proposal planned once more and said anew, because somebody asked for it.
func (r *Reviewer) Again(number int) { r.wake(number, asked, r.Clock(), true) }

// AgainAt is Again for the open proposals that have a commit as their head.
func (r *Reviewer) AgainAt(commit string) {
	for _, number := range r.numbers(func(v *view) bool { return v.done.head == commit }) {
		r.Again(number)
	}
}

// wake gives a proposal a turn for a reason, of a time.
func (r *Reviewer) wake(number int, why string, at time.Time, again bool) {
	r.wish(number, woken{why, at}, again)
	r.queue.Add(strconv.Itoa(number))
}

// wish notes why a proposal is looked at: the first reason counts.
func (r *Reviewer) wish(number int, w woken, again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.view(number)
	if v.woken.why == "" {
		v.woken = w
	}
	v.again = v.again || again
}

// turn is one turn at a key. What fails is said once, until it goes on.
func (r *Reviewer) turn(ctx context.Context, key string) (again time.Duration, err error) {
	what, again, err := r.work(ctx, key)
	if err != nil && context.Cause(ctx) == context.Canceled {
		return 0, err // it is asked to end
	}
	r.mu.Lock()
	before := r.troubled[key]
	delete(r.troubled, key)
	if err != nil {
		r.troubled[key] = true
	}
	r.mu.Unlock()
	switch {
	case err != nil && !before:
		r.Log.Warn("pull requests are not answered now; it is tried again", "what", what, "error", err.Error())
	case err == nil && before:
		r.Log.Info("pull requests are answered again", "what", what)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return again, err
}

// work does what a key is for, and says what that is.
func (r *Reviewer) work(ctx context.Context, key string) (what string, again time.Duration, err error) {
	if commit, isCommit := strings.CutPrefix(key, commitKey); isCommit {
		return "which pull request brought " + manifest.Short(commit), 0, r.reported(ctx, commit)
	}
	if text, isRemark := strings.CutPrefix(key, remarkKey); isRemark {
		id, err := strconv.ParseInt(text, 10, 64)
		if err == nil {
			err = r.commands.obey(ctx, id)
		}
		return "comment " + text, 0, err
	}
	if number, notNumber := strconv.Atoi(key); notNumber == nil {
		again, err = r.answer(ctx, number)
		return fmt.Sprintf("pull request %d", number), again, err
	}
	again, err = r.look(ctx)
	return "looking for pull requests", again, err
}
