package review

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/card"
	"github.com/plateform/plateform/reconciler/change"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/rights"
)

const (
	// remarkKey is what the keys of remarks begin with.
	remarkKey = "remark "
	// remembered is how far back remarks are read by a process that starts, and how many commits it is looked for what was done about
	// one.
	remembered      = time.Hour
	maxCommitsAfter = 500
	// pushes bounds how often somebody else may be faster.
	pushes = 10
)

// commands are what people ask for in remarks.
type commands struct {
	Options
	outcomes *outcomes
	// look has a remark looked at, concerned are the workspaces that a proposal is about, and again has one planned once more.
	look      func(id int64)
	concerned func(number int) []string
	again     func(number int, asked time.Time)

	mu sync.Mutex
	// since is when remarks were first looked for, heardUntil when they last were, and obeyed are those that were answered.
	since, heardUntil time.Time
	obeyed            *lru.LRU[int64, bool]
}

// Said has a remark read, because somebody told of it.
func (r *Reviewer) Said(id int64) { r.queue.Add(remarkKey + strconv.FormatInt(id, 10)) }

// hear finds remarks that nobody told of.
func (c *commands) hear(ctx context.Context) error {
	c.mu.Lock()
	since := c.heardUntil
	c.mu.Unlock()
	now := c.Clock()
	if since.IsZero() {
		since = now.Add(-remembered)
		c.mu.Lock()
		c.since = now
		c.mu.Unlock()
	}
	remarks, err := c.Remarks.Remarks(ctx, since)
	if err != nil {
		return err
	}
	for _, remark := range remarks {
		if _, found, _ := commandIn(remark.Text); found {
			c.look(remark.ID)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heardUntil = now.Add(-time.Minute) // their clock need not be ours
	return nil
}

// obey does what a remark asks for, once, and answers. A command that was answered is over: one that was refused is not carried out
// later, when its author may do more. One that was carried out, and not answered yet, is found again by its trailer in the history. So
// neither a second process nor the same words told twice do it again.
func (c *commands) obey(ctx context.Context, id int64) error {
	if c.isObeyed(id) {
		return nil
	}
	remark, err := c.Remarks.Remark(ctx, id)
	if err != nil || remark == nil {
		return err
	}
	order, found, wrong := commandIn(remark.Text)
	if !found {
		return nil
	}
	p, err := c.Reviews.Proposal(ctx, remark.Proposal)
	if err != nil {
		return err
	}
	if p == nil || p.Branch != c.ConfigBranch {
		return nil
	}
	if over, err := c.Remarks.Commented(ctx, p.Number, replyMarker(id)); over || err != nil {
		if over {
			c.over(id)
		}
		return err
	}
	said, err := c.carryOut(ctx, *p, *remark, order, wrong)
	var refusal *config.Refusal
	if errors.As(err, &refusal) {
		said, err = "This was not done: "+card.Text(refusal.Error())+".", nil
	}
	if err != nil {
		return err
	}
	if said != "" {
		if err := c.Reviews.Comment(ctx, p.Number, reply(id, said)); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	}
	c.Log.Info("command on a pull request", "number", p.Number, "by", remark.Author.ID, "command", string(order.verb), "said", said)
	c.over(id)
	return nil
}

// over notes that a remark was answered.
func (c *commands) over(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.obeyed.Add(id, true)
}

func (c *commands) isObeyed(id int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.obeyed.Contains(id)
}

// reply is the answer to a remark: there is one for each, and it stays as it was written first.
func reply(id int64, said string) reconciler.Comment {
	marker := replyMarker(id)
	return reconciler.Comment{Marker: marker, Same: marker, Text: marker + "\n" + said + "\n"}
}

func replyMarker(id int64) string { return fmt.Sprintf("<!-- plateform:answer %d -->", id) }

// carryOut does what a command asks for, and returns what is to be said about it; empty when it shows anyway.
func (c *commands) carryOut(ctx context.Context, p reconciler.Proposal, remark reconciler.Remark, order command, wrong error) (string, error) {
	if remark.Edited {
		return "", config.Refuse("the comment was edited, and who edits one need not be who wrote it; write a new one")
	}
	if wrong != nil {
		return "", config.Refuse("%w", wrong)
	}
	head, err := c.Main.Fetch(ctx)
	if err != nil {
		return "", err
	}
	if order.verb == verbPlan {
		return "", c.replan(ctx, p, remark, head)
	}
	keys, err := c.about(ctx, p, order, head)
	if err != nil {
		return "", err
	}
	return c.push(ctx, remark, order, keys)
}

// may refuses what the author of a remark may not do with projects, as of a commit.
func (c *commands) may(remark reconciler.Remark, order command, keys []manifest.Key, head string) error {
	what := map[verb]string{verbRetry: "retry a project", verbRollback: "roll a project back"}[order.verb]
	for _, key := range keys {
		problems, err := rights.Project(c.Main, head, key, what, rights.Person(remark.Author))
		if err != nil {
			return err
		}
		if len(problems) > 0 {
			return config.Refuse("%s (%s)", problems[0].What, problems[0].Fix)
		}
	}
	return nil
}

// replan plans an open proposal once more, for its author and for those who may change what it is about.
func (c *commands) replan(ctx context.Context, p reconciler.Proposal, remark reconciler.Remark, head string) error {
	if p.Fate != reconciler.FateOpen {
		return config.Refuse("the pull request is not open any more, so there is nothing to plan")
	}
	allowed := remark.Author.ID == p.Author.ID
	for _, workspace := range c.concerned(p.Number) {
		problems, err := rights.Project(c.Main, head, manifest.Key{Workspace: workspace}, "plan it", rights.Person(remark.Author))
		if err != nil {
			return err
		}
		allowed = allowed || len(problems) == 0
	}
	if !allowed {
		return config.Refuse("only its author and people who may change what it is about can have it planned once more")
	}
	c.mu.Lock()
	since := c.since
	c.mu.Unlock()
	if since.IsZero() || !remark.At.Before(since.Add(-time.Second)) { // what is older was planned by whoever was there, or is anyway
		c.again(p.Number, remark.At)
	}
	return ctx.Err()
}

// about are the projects that a command is about: the one that it names, or those that came of the proposal.
func (c *commands) about(ctx context.Context, p reconciler.Proposal, order command, head string) ([]manifest.Key, error) {
	if order.project != (manifest.Key{}) {
		return []manifest.Key{order.project}, config.MustHave(c.Main, head, order.project)
	}
	if p.Fate != reconciler.FateMerged {
		return nil, config.Refuse("the pull request is not merged, so say which project is meant: %s", usage)
	}
	progress, err := c.outcomes.progress(ctx, c.outcomes.commitsOf(p))
	if err != nil {
		return nil, err
	}
	var keys []manifest.Key
	for _, of := range progress {
		keys = append(keys, of.Project)
	}
	switch {
	case len(keys) == 0:
		return nil, config.Refuse("no project came of this pull request, so say which one is meant: %s", usage)
	case len(keys) > 1 && order.verb == verbRollback:
		return nil, config.Refuse("%s came of this pull request, so say which one is meant: %s", manifest.Count(len(keys), "project"), usage)
	}
	return keys, nil
}

// push makes the commits of a command, unless that was done. Whether its author may is asked of the commit that they come on top of.
func (c *commands) push(ctx context.Context, remark reconciler.Remark, order command, keys []manifest.Key) (string, error) {
	for range pushes {
		head, err := c.Main.Fetch(ctx)
		if err != nil {
			return "", err
		}
		if done, err := c.doneBy(ctx, head, remark); done != "" || err != nil {
			return done, err
		}
		if err := c.may(remark, order, keys, head); err != nil {
			return "", err
		}
		var edits []manifest.Edit
		var said []string
		for _, key := range keys {
			edit, what, err := edited(c.Main, head, order, key)
			if err != nil {
				return "", err
			}
			edits, said = append(edits, signed(edit, remark, c.Clock()).Signed(c.Signer)), append(said, what)
		}
		commits, err := c.Main.Push(ctx, head, edits)
		if errors.Is(err, manifest.ErrMoved) {
			continue
		}
		if err != nil {
			return "", err
		}
		c.Pushed()
		for i := range said {
			said[i] += " in " + commits[i]
		}
		return strings.Join(said, "\n") + "\n", nil
	}
	return "", fmt.Errorf("somebody else was faster %d times", pushes)
}

// edited is the commit that does what a command says with a project.
func edited(reader reconciler.Reader, head string, order command, key manifest.Key) (edit manifest.Edit, said string, err error) {
	if order.verb == verbRetry {
		edit, err = change.Retry(reader, head, key)
		return edit, fmt.Sprintf("Trying %s again", key), err
	}
	plan, err := change.PlanRollback(reader, head, key, order.version)
	if err != nil {
		return edit, "", err
	}
	return plan.Edit(), fmt.Sprintf("Rolled back %s from %s to %s, without a build,", key, plan.From(), plan.To), nil
}

// signed is an edit of Plateform's that says who wanted it, and where.
func signed(edit manifest.Edit, remark reconciler.Remark, now time.Time) manifest.Edit {
	edit.Author = reconciler.Author(now)
	between := "\n\n"
	if len(manifest.Trailers(edit.Message)) > 0 {
		between = "\n"
	}
	edit.Message = strings.TrimSpace(edit.Message) + between + fmt.Sprintf("%s: %d\nCo-authored-by: %s <%d+%s@users.noreply.github.com>\n",
		manifest.TrailerAskedBy, remark.ID, remark.Author.Login, remark.Author.ID, remark.Author.Login)
	return edit
}

// doneBy finds the commits that a remark had made; empty when there are none.
func (c *commands) doneBy(ctx context.Context, head string, remark reconciler.Remark) (string, error) {
	keys := c.keys(head)
	var found []string
	for range maxCommitsAfter {
		commit, err := c.Main.Commit(head)
		if err != nil {
			return "", err
		}
		if askedBy(commit, keys) == strconv.FormatInt(remark.ID, 10) {
			subject, _, _ := strings.Cut(commit.Message, "\n")
			found = append(found, subject+" in "+head)
		}
		if len(commit.Parents) == 0 || len(commit.Cut) > 0 {
			break
		}
		head = commit.Parents[0]
	}
	slices.Reverse(found)
	return strings.Join(found, "\n"), ctx.Err()
}

// keys are those that the commits of commands are signed with; none when they are not signed with one of platform.yaml, so that by their
// author they are found again at least.
func (c *commands) keys(head string) []signing.PublicKey {
	keys, _ := config.KeysAt(c.Main, head)
	if c.Signer == nil || !slices.Contains(keys, c.Signer.Public()) {
		return nil
	}
	return keys
}

// askedBy is the remark that a commit of Plateform's was made for; empty for any other commit.
func askedBy(c manifest.Commit, keys []signing.PublicKey) string {
	if !reconciler.SignedByPlateform(c, keys) {
		return ""
	}
	for _, t := range manifest.Trailers(c.Message) {
		if t.Key == manifest.TrailerAskedBy {
			return t.Value
		}
	}
	return ""
}
