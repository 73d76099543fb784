package githubserver

import (
	"slices"
	"time"
)

// checkSuite is all that an App checks of one commit.
type checkSuite struct {
	id          int64
	app         *app
	sha, branch string
	created     time.Time
}

// checkRun is one check of a commit.
type checkRun struct {
	id          int64
	suite       *checkSuite
	name        string
	status      string
	conclusion  string
	details     string
	externalID  string
	output      checkOutput
	annotations []annotation
	started     time.Time
	completed   time.Time
}

// checkOutput is what a check run says.
type checkOutput struct {
	Title, Summary, Text string
	Annotations          []annotation
}

// annotation is a remark on lines of a file.
type annotation struct {
	Path        string `json:"path"`
	StartLine   int    `json:"start_line"`
	EndLine     int    `json:"end_line"`
	StartColumn *int   `json:"start_column"`
	EndColumn   *int   `json:"end_column"`
	Level       string `json:"annotation_level"`
	Message     string `json:"message"`
	Title       string `json:"title"`
	RawDetails  string `json:"raw_details"`
}

// checkRequest is what a check run is made or changed with.
type checkRequest struct {
	Name        string
	HeadSHA     string `json:"head_sha"`
	Status      string
	Conclusion  string
	DetailsURL  string     `json:"details_url"`
	ExternalID  string     `json:"external_id"`
	StartedAt   *time.Time `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at"`
	Output      *checkOutput
}

func createCheckRun(c *call) answer {
	var asked checkRequest
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	if c.who.installed() == nil {
		return forbidden("You must authenticate via a GitHub App.")
	}
	if sha, err := c.repo.git.Resolve(c.ctx, asked.HeadSHA); err != nil || sha != asked.HeadSHA {
		return unprocessable("No commit found for SHA: " + asked.HeadSHA)
	}
	if refused, fits := asked.check(); !fits {
		return refused
	}
	run := &checkRun{id: c.world.id(), suite: c.world.suite(c.repo, c.who.installed().app, asked.HeadSHA, ""), name: asked.Name,
		status: "queued", started: c.world.now()}
	run.change(asked, c.world.now())
	c.repo.commits.runs = append(c.repo.commits.runs, run)
	return c.changedRun(run, "created", created)
}

// check refuses what GitHub refuses and its description does not say; that has the limits of texts and annotations.
func (a checkRequest) check() (answer, bool) {
	if a.Status == "completed" && a.Conclusion == "" {
		return invalid("CheckRun", "conclusion", "a completed check run needs a conclusion"), false
	}
	if a.Output == nil {
		return answer{}, true
	}
	for _, n := range a.Output.Annotations {
		if n.StartColumn != nil && n.StartLine != n.EndLine {
			return invalid("CheckRun", "annotations", "start_column is only allowed on one line"), false
		}
	}
	return answer{}, true
}

// change takes in what is asked for; annotations are added to those that are there.
func (r *checkRun) change(a checkRequest, now time.Time) {
	set := func(field *string, value string) {
		if value != "" {
			*field = value
		}
	}
	set(&r.name, a.Name)
	set(&r.details, a.DetailsURL)
	set(&r.externalID, a.ExternalID)
	if a.Status != "" && a.Status != "completed" {
		r.status, r.conclusion, r.completed = a.Status, "", time.Time{}
	}
	if a.StartedAt != nil {
		r.started = *a.StartedAt
	}
	if a.Conclusion != "" {
		r.status, r.conclusion, r.completed = "completed", a.Conclusion, now
		if a.CompletedAt != nil {
			r.completed = *a.CompletedAt
		}
	}
	if a.Output != nil {
		r.output = *a.Output
		r.annotations = append(r.annotations, a.Output.Annotations...)
	}
}

func (c *call) run() *checkRun {
	id, _ := c.number("check_run_id")
	return c.repo.run(id)
}

func (r *repository) run(id int64) *checkRun {
	for _, run := range r.commits.runs {
		if run.id == id {
			return run
		}
	}
	return nil
}

func updateCheckRun(c *call) answer {
	run := c.run()
	if run == nil {
		return notFound()
	}
	var asked checkRequest
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	if c.who.installed() == nil || c.who.installed().app != run.suite.app {
		return forbidden("Invalid app_id: a check run can only be changed by the App that made it.")
	}
	if refused, fits := asked.check(); !fits {
		return refused
	}
	before := run.status
	run.change(asked, c.world.now())
	if before == run.status || run.status != "completed" {
		return ok(c.world.runJSON(c.repo, run))
	}
	return c.changedRun(run, "completed", ok)
}

func (c *call) changedRun(run *checkRun, action string, how func(any) answer) answer {
	if err := c.world.emitRun(c.repo, run, action, c.who.user); err != nil {
		return broken("telling of a check run", err)
	}
	return how(c.world.runJSON(c.repo, run))
}

func getCheckRun(c *call) answer {
	if run := c.run(); run != nil {
		return ok(c.world.runJSON(c.repo, run))
	}
	return notFound()
}

func listAnnotations(c *call) answer {
	run := c.run()
	if run == nil {
		return notFound()
	}
	return paged(c, run.annotations, func(a annotation) any {
		return object{"path": a.Path, "blob_href": c.world.web("/%s/blob/%s/", c.repo.fullName(), run.suite.sha) + a.Path,
			"start_line": a.StartLine, "end_line": a.EndLine, "start_column": a.StartColumn, "end_column": a.EndColumn,
			"annotation_level": a.Level, "title": a.Title, "message": a.Message, "raw_details": a.RawDetails}
	})
}

func listCheckRuns(c *call) answer {
	sha, found := c.commit("ref")
	if !found {
		return notFound()
	}
	q := c.request.URL.Query()
	seen := map[string]bool{}
	var list []*checkRun
	for _, run := range slices.Backward(c.repo.commits.runs) {
		again := seen[run.name+"\x00"+run.suite.app.slug] && q.Get("filter") != "all"
		fits := (q.Get("check_name") == "" || q.Get("check_name") == run.name) && (q.Get("status") == "" || q.Get("status") == run.status) &&
			(q.Get("app_id") == "" || c.query("app_id", 0) == int(run.suite.app.id))
		if run.suite.sha == sha && fits && !again {
			seen[run.name+"\x00"+run.suite.app.slug] = true
			list = append(list, run)
		}
	}
	from, to := c.bounds(len(list))
	shown := []object{}
	for _, run := range list[from:to] {
		shown = append(shown, c.world.runJSON(c.repo, run))
	}
	a := ok(object{"total_count": len(list), "check_runs": shown})
	c.linkPages(a.header, len(list))
	return a
}

// suite finds the check suite of an App for a commit, or makes it.
func (w *world) suite(r *repository, a *app, sha, branch string) *checkSuite {
	for _, s := range r.commits.suites {
		if s.app == a && s.sha == sha {
			return s
		}
	}
	s := &checkSuite{id: w.id(), app: a, sha: sha, branch: branch, created: w.now()}
	r.commits.suites = append(r.commits.suites, s)
	return s
}

func listCheckSuites(c *call) answer {
	sha, found := c.commit("ref")
	if !found {
		return notFound()
	}
	shown := []object{}
	for _, s := range c.repo.commits.suites {
		if s.sha != sha {
			continue
		}
		o, err := c.world.suiteJSON(c.ctx, c.repo, s)
		if err != nil {
			return broken("reading a commit", err)
		}
		shown = append(shown, o)
	}
	from, to := c.bounds(len(shown))
	a := ok(object{"total_count": len(shown), "check_suites": shown[from:to]})
	c.linkPages(a.header, len(shown))
	return a
}

func rerequestSuite(c *call) answer {
	id, _ := c.number("check_suite_id")
	for _, s := range c.repo.commits.suites {
		if s.id == id {
			if err := c.world.emitSuite(c.ctx, c.repo, s, "rerequested", c.who.user); err != nil {
				return broken("telling of a check suite", err)
			}
			return created(object{})
		}
	}
	return notFound()
}

func rerequestRun(c *call) answer {
	run := c.run()
	if run == nil {
		return notFound()
	}
	if err := c.world.rerequest(c.repo, run, c.who.user); err != nil {
		return broken("telling of a check run", err)
	}
	return created(object{})
}

// rerequest sets a check run back, and has its App told.
func (w *world) rerequest(r *repository, run *checkRun, by *user) error {
	run.status, run.conclusion, run.completed = "queued", "", time.Time{}
	return w.emitRun(r, run, "rerequested", by)
}

// Rerequest asks for a check run again, as somebody does who clicks "Re-run".
func (s *Server) Rerequest(repo string, checkRunID, userID int64) error {
	return s.locked(func(w *world) error {
		r := w.repoByName(repo)
		if r == nil || r.run(checkRunID) == nil {
			return words("there is no such check run, or no such repository: " + repo)
		}
		return w.rerequest(r, r.run(checkRunID), w.users[userID])
	})
}

func (w *world) runJSON(r *repository, run *checkRun) object {
	pulls := []object{}
	for _, p := range r.pulls {
		if p.open && p.head.sha == run.suite.sha && p.head.repo != nil {
			pulls = append(pulls, w.pullMinimal(p))
		}
	}
	link := w.api("/repos/%s/check-runs/%d", r.fullName(), run.id)
	return object{
		"id": run.id, "node_id": nodeID("CheckRun", run.id), "head_sha": run.suite.sha, "name": run.name, "url": link,
		"html_url": w.web("/%s/runs/%d", r.fullName(), run.id), "details_url": orNull(run.details), "status": run.status,
		"conclusion": orNull(run.conclusion), "started_at": stamp(run.started), "completed_at": stamp(run.completed),
		"external_id": run.externalID, "check_suite": object{"id": run.suite.id}, "app": w.appJSON(run.suite.app), "pull_requests": pulls,
		"output": object{"title": orNull(run.output.Title), "summary": orNull(run.output.Summary), "text": orNull(run.output.Text),
			"annotations_count": len(run.annotations), "annotations_url": link + "/annotations"},
	}
}

// passed says that a required check is green on a commit, be it a status or a check run.
func (r *repository) passed(sha, context string) bool {
	for _, s := range r.latestStatuses(sha) {
		if s.context == context {
			return s.state == "success"
		}
	}
	for _, run := range slices.Backward(r.commits.runs) {
		if run.suite.sha == sha && run.name == context {
			return slices.Contains([]string{"success", "neutral", "skipped"}, run.conclusion)
		}
	}
	return false
}
