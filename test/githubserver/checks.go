package githubserver

import (
	"slices"

	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

func createCheckRun(c *call) answer {
	var asked model.CheckRequest
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	if c.who.Installed() == nil {
		return forbidden("You must authenticate via a GitHub App.")
	}
	if sha, err := c.repo.Git.Resolve(c.ctx, asked.HeadSHA); err != nil || sha != asked.HeadSHA {
		return unprocessable("No commit found for SHA: " + asked.HeadSHA)
	}
	if refused, fits := acceptable(asked); !fits {
		return refused
	}
	run := &model.CheckRun{ID: c.world.ID(), Suite: c.world.Suite(c.repo, c.who.Installed().App, asked.HeadSHA, ""), Name: asked.Name,
		Status: "queued", Started: c.world.Now()}
	run.Change(asked, c.world.Now())
	c.repo.Commits.Runs = append(c.repo.Commits.Runs, run)
	return c.changedRun(run, "created", created)
}

// acceptable refuses what GitHub refuses and its description does not say; that has the limits of texts and annotations.
func acceptable(a model.CheckRequest) (answer, bool) {
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

func (c *call) run() *model.CheckRun {
	id, _ := c.number("check_run_id")
	return c.repo.Run(id)
}

func updateCheckRun(c *call) answer {
	run := c.run()
	if run == nil {
		return notFound()
	}
	var asked model.CheckRequest
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	if c.who.Installed() == nil || c.who.Installed().App != run.Suite.App {
		return forbidden("Invalid app_id: a check run can only be changed by the App that made it.")
	}
	if refused, fits := acceptable(asked); !fits {
		return refused
	}
	before := run.Status
	run.Change(asked, c.world.Now())
	if before == run.Status || run.Status != "completed" {
		return ok(c.world.RunJSON(c.repo, run))
	}
	return c.changedRun(run, "completed", ok)
}

func (c *call) changedRun(run *model.CheckRun, action string, how func(any) answer) answer {
	if err := c.world.EmitRun(c.repo, run, action, c.who.User); err != nil {
		return broken("telling of a check run", err)
	}
	return how(c.world.RunJSON(c.repo, run))
}

func getCheckRun(c *call) answer {
	if run := c.run(); run != nil {
		return ok(c.world.RunJSON(c.repo, run))
	}
	return notFound()
}

func listAnnotations(c *call) answer {
	run := c.run()
	if run == nil {
		return notFound()
	}
	return paged(c, run.Annotations, func(a model.Annotation) any {
		return wire.Object{"path": a.Path, "blob_href": c.world.Web("/%s/blob/%s/", c.repo.FullName(), run.Suite.SHA) + a.Path,
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
	var list []*model.CheckRun
	for _, run := range slices.Backward(c.repo.Commits.Runs) {
		again := seen[run.Name+"\x00"+run.Suite.App.Slug] && q.Get("filter") != "all"
		fits := (q.Get("check_name") == "" || q.Get("check_name") == run.Name) && (q.Get("status") == "" || q.Get("status") == run.Status) &&
			(q.Get("app_id") == "" || c.query("app_id", 0) == int(run.Suite.App.ID))
		if run.Suite.SHA == sha && fits && !again {
			seen[run.Name+"\x00"+run.Suite.App.Slug] = true
			list = append(list, run)
		}
	}
	from, to := c.bounds(len(list))
	shown := []wire.Object{}
	for _, run := range list[from:to] {
		shown = append(shown, c.world.RunJSON(c.repo, run))
	}
	a := ok(wire.Object{"total_count": len(list), "check_runs": shown})
	c.linkPages(a.header, len(list))
	return a
}

func listCheckSuites(c *call) answer {
	sha, found := c.commit("ref")
	if !found {
		return notFound()
	}
	shown := []wire.Object{}
	for _, s := range c.repo.Commits.Suites {
		if s.SHA != sha {
			continue
		}
		o, err := c.world.SuiteJSON(c.ctx, c.repo, s)
		if err != nil {
			return broken("reading a commit", err)
		}
		shown = append(shown, o)
	}
	from, to := c.bounds(len(shown))
	a := ok(wire.Object{"total_count": len(shown), "check_suites": shown[from:to]})
	c.linkPages(a.header, len(shown))
	return a
}

func rerequestSuite(c *call) answer {
	id, _ := c.number("check_suite_id")
	for _, s := range c.repo.Commits.Suites {
		if s.ID == id {
			if err := c.world.EmitSuite(c.ctx, c.repo, s, "rerequested", c.who.User); err != nil {
				return broken("telling of a check suite", err)
			}
			return created(wire.Object{})
		}
	}
	return notFound()
}

func rerequestRun(c *call) answer {
	run := c.run()
	if run == nil {
		return notFound()
	}
	if err := c.world.Rerequest(c.repo, run, c.who.User); err != nil {
		return broken("telling of a check run", err)
	}
	return created(wire.Object{})
}
