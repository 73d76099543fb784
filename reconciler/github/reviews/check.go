package reviews

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

const (
	// annotationsOfCall is how many annotations GitHub takes at once, maxAnnotations how many are sent; the summary names the others.
	annotationsOfCall = 50
	maxAnnotations    = 500
	// completed is the status of a check run that has a conclusion.
	completed = "completed"
	maxURL    = 2000
)

// run is a check run as it is on GitHub.
type run struct {
	id int64
	// state may be one that Plateform does not say, as stale.
	state reconciler.State
	says  digest
}

// digest is what a check run says, short enough for its external id: all of it, its annotations, and how many of those are there.
type digest struct {
	content, annotations string
	there                int
}

// String is the digest as the external id of a check run.
func (d digest) String() string { return d.content + "." + d.annotations + "." + strconv.Itoa(d.there) }

// digestIn reads the digest of a check run; one that says nothing of Plateform's when it is none.
func digestIn(external string) digest {
	parts := strings.Split(external, ".")
	if len(parts) != 3 {
		return digest{}
	}
	there, err := strconv.Atoi(parts[2])
	if err != nil {
		return digest{}
	}
	return digest{parts[0], parts[1], there}
}

// word is a check as GitHub takes it.
type word struct {
	name, commit   string
	state          reconciler.State
	title, summary string
	url            string
	annotations    []*github.CheckRunAnnotation
	// again has it written although it is there: GitHub waits for that when somebody asks it to check once more.
	again bool
}

// digest of all that a word says, with so many annotations sent.
func (w word) digest(there int) digest {
	return digest{sum(w.name, w.commit, string(w.state), w.title, w.summary, w.url, w.annotations), sum(w.annotations), there}
}

// sum is a digest of values: texts and annotations, which can always be encoded.
func sum(values ...any) string {
	hash := sha256.New()
	_ = json.NewEncoder(hash).Encode(values)
	return hex.EncodeToString(hash.Sum(nil)[:12])
}

// Publish implements reconciler.Reviews.
func (r *Reviews) Publish(ctx context.Context, c reconciler.Check) error {
	done, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	doing := fmt.Sprintf("publishing %s on %s", c.Name, manifest.Short(c.Commit))
	if !manifest.IsCommit(c.Commit) {
		return fmt.Errorf("%s: it is no commit", doing)
	}
	ctx = client.WithPriority(ctx, priority(c.State))
	if r.App == 0 {
		return r.explain(doing, "write commit statuses", r.setStatus(ctx, c))
	}
	w := wordOf(c, true)
	refused := w.digest(0).String()
	if !r.refused.Contains(refused) {
		err = client.Explain(r.setRun(ctx, w))
		if len(w.annotations) == 0 || !client.Answered(err, http.StatusUnprocessableEntity) || saysNoCommit(err) {
			return r.explain(doing, "write checks", err)
		}
		// There is a place at which GitHub takes no annotation. That there are problems matters more than where they are shown.
		r.Log.Warn("GitHub refuses the annotations of a check; its summary has them", "check", c.Name, "commit", manifest.Short(c.Commit),
			"error", err.Error())
		r.refused.Add(refused, true)
	}
	return r.explain(doing, "write checks", r.setRun(ctx, wordOf(c, false)))
}

// priority of a check: who has to mend something is told first.
func priority(s reconciler.State) client.Priority {
	switch s {
	case reconciler.StateFailure:
		return client.Failure
	case reconciler.StatePending:
		return client.Progress
	}
	return client.Final
}

// wordOf is a check with its problems annotated where they have a place, if that is wanted, and the others in its summary.
func wordOf(c reconciler.Check, annotate bool) word {
	w := word{name: c.Name, commit: c.Commit, state: c.State, title: oneLine(c.Title, maxTitle), url: address(c.URL), again: c.Again}
	if w.title == "" {
		w.title = c.Name
	}
	var others manifest.Problems
	for _, p := range c.Problems {
		if annotate && len(w.annotations) < maxAnnotations && placed(p) {
			w.annotations = append(w.annotations, annotationOf(p))
		} else {
			others = append(others, p)
		}
	}
	w.summary = withProblems(c.Summary, others)
	if w.summary == "" {
		w.summary = w.title
	}
	return w
}

// address is a URL that GitHub takes; empty when it is none.
func address(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(raw) > maxURL {
		return ""
	}
	return raw
}

// setRun has a check run of the App say a word, unless it does. Annotations are added by GitHub to those that are there, and what is
// completed stays so: where that is not what is wanted, another check run takes its place, of which GitHub shows the newest.
func (r *Reviews) setRun(ctx context.Context, w word) error {
	api := r.as(auth.WriteChecks())
	before, there, err := r.runOf(ctx, api, w)
	if err != nil {
		return err
	}
	if there && !w.again && before.state == w.state && before.says == w.digest(len(w.annotations)) {
		return nil
	}
	if there && before.leadsTo(w) {
		err := r.update(ctx, api, w, before)
		if !client.Answered(client.Explain(err), http.StatusNotFound) {
			return err
		}
		r.runs.Remove(checkKey{w.name, w.commit})
	}
	return r.create(ctx, api, w)
}

// leadsTo says that a check run says a word once it is updated.
func (b run) leadsTo(w word) bool {
	if b.state != reconciler.StatePending && w.state == reconciler.StatePending {
		return false
	}
	return b.says.there == 0 || b.says.annotations == w.digest(0).annotations && b.says.there <= len(w.annotations)
}

// runOf finds the newest check run of the App. What GitHub's lists do not have yet is remembered.
func (r *Reviews) runOf(ctx context.Context, api *github.Client, w word) (run, bool, error) {
	key := checkKey{w.name, w.commit}
	newest, there := r.runs.Get(key)
	options := &github.ListCheckRunsOptions{CheckName: &w.name, AppID: &r.App, Filter: github.String("latest")}
	err := pages(&options.ListOptions, func() (*github.Response, error) {
		page, res, err := api.Checks.ListCheckRunsForRef(ctx, r.Config.Owner, r.Config.Name, w.commit, options)
		if err != nil {
			return res, err
		}
		for _, c := range page.CheckRuns {
			if c.GetApp().GetID() == r.App && c.GetName() == w.name && c.GetHeadSHA() == w.commit && (!there || c.GetID() >= newest.id) {
				newest, there = runFrom(c), true
			}
		}
		return res, nil
	})
	return newest, there, err
}

func runFrom(c *github.CheckRun) run {
	says := digestIn(c.GetExternalID())
	if n := c.GetOutput().GetAnnotationsCount(); n > says.there { // another process has added some besides
		says = digest{there: n}
	}
	state := reconciler.State(c.GetConclusion())
	if c.GetStatus() != completed {
		state = reconciler.StatePending
	}
	return run{id: c.GetID(), state: state, says: says}
}

// create makes a check run, and adds what GitHub does not take at once.
func (r *Reviews) create(ctx context.Context, api *github.Client, w word) error {
	n := min(len(w.annotations), annotationsOfCall)
	status, conclusion := w.status()
	made, _, err := api.Checks.CreateCheckRun(ctx, r.Config.Owner, r.Config.Name, github.CreateCheckRunOptions{
		Name: w.name, HeadSHA: w.commit, DetailsURL: optional(w.url), ExternalID: github.String(w.digest(n).String()), Status: status,
		Conclusion: conclusion, Output: w.output(w.annotations[:n]),
	})
	if err != nil {
		return err
	}
	before := run{id: made.GetID(), state: w.state, says: w.digest(n)}
	r.runs.Add(checkKey{w.name, w.commit}, before)
	if n == len(w.annotations) {
		return nil
	}
	return r.update(ctx, api, w, before)
}

// update has a check run say a word, with the annotations that it lacks.
func (r *Reviews) update(ctx context.Context, api *github.Client, w word, before run) error {
	status, conclusion := w.status()
	for there := before.says.there; ; {
		n := min(there+annotationsOfCall, len(w.annotations))
		_, _, err := api.Checks.UpdateCheckRun(ctx, r.Config.Owner, r.Config.Name, before.id, github.UpdateCheckRunOptions{
			Name: w.name, DetailsURL: optional(w.url), ExternalID: github.String(w.digest(n).String()), Status: status,
			Conclusion: conclusion, Output: w.output(w.annotations[there:n]),
		})
		if err != nil {
			return err
		}
		r.runs.Add(checkKey{w.name, w.commit}, run{id: before.id, state: w.state, says: w.digest(n)})
		if there = n; there == len(w.annotations) {
			return nil
		}
	}
}

func (w word) status() (status, conclusion *string) {
	if w.state == reconciler.StatePending {
		return github.String("in_progress"), nil
	}
	return github.String(completed), github.String(string(w.state))
}

func (w word) output(annotations []*github.CheckRunAnnotation) *github.CheckRunOutput {
	return &github.CheckRunOutput{Title: &w.title, Summary: &w.summary, Annotations: annotations}
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
