package jenkins

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// newest is how many builds are looked at in one question, at least: as many as Jenkins has at hand. When so many are under way
// that others may be older, it is more, up to most.
const (
	newest = 100
	most   = 2000
)

// treeOf is what is asked of a job when so many of its builds are under way.
func treeOf(running int) string {
	list, count := "builds", newest
	if 2*running > newest {
		list, count = "allBuilds", min(2*running, most)
	}
	return jobTree + list + "[" + runTree + "]{0," + strconv.Itoa(count) + "}"
}

// look is what Jenkins has of our builds at one time, by their IDs.
type look struct {
	// session changes when Jenkins restarts.
	session string
	queued  map[string][]int64
	// why the first item of each waits, in Jenkins' words.
	why  map[string]string
	runs map[string][]run // the newest first
}

// run is a build in Jenkins.
type run struct {
	Number   int64
	URL      string
	Building bool
	Result   string
	Duration int64 // milliseconds
	Actions  actions
}

// done says that it has ended, and how.
func (r run) done() bool { return !r.Building && r.Result != "" }

// actions are where parameters are.
type actions []struct {
	Parameters []struct {
		Name  string
		Value any
	}
}

// parameter is the text of a parameter; empty when there is none.
func (a actions) parameter(name string) string {
	for _, action := range a {
		for _, p := range action.Parameters {
			if text, ok := p.Value.(string); ok && p.Name == name {
				return text
			}
		}
	}
	return ""
}

const (
	queueTree = "items[id,why,task[url],actions[parameters[name,value]]]"
	runTree   = "number,url,building,result,duration,actions[parameters[name,value]]"
	jobTree   = "buildable,property[parameterDefinitions[name]],"
)

// job is what a job says of itself.
type job struct {
	Buildable bool
	Property  []property
	// Builds are the newest, AllBuilds are not bounded by Jenkins; one of them is asked for.
	Builds, AllBuilds []run
}

// property is a part of the configuration of a job.
type property struct {
	Class                string `json:"_class"`
	ParameterDefinitions []struct{ Name string }
}

// parameters are the names of those that the job has.
func (j job) parameters() []string {
	var names []string
	for _, p := range j.Property {
		for _, d := range p.ParameterDefinitions {
			names = append(names, d.Name)
		}
	}
	return names
}

// look asks what Jenkins has: the queue first and then the builds, as an item moves that way and never back. running is how many are
// under way.
func (r *remote) look(ctx context.Context, running int) (*look, job, error) {
	l := &look{queued: map[string][]int64{}, why: map[string]string{}, runs: map[string][]run{}}
	var waiting struct {
		Items []struct {
			ID      int64
			Why     string
			Task    struct{ URL string }
			Actions actions
		}
	}
	if _, err := r.requester.GetJSON(ctx, "/queue", &waiting, map[string]string{"tree": queueTree}); err != nil {
		return nil, job{}, r.explain(ctx, err)
	}
	for _, item := range waiting.Items {
		if id := item.Actions.parameter(ParamID); id != "" && r.isOurs(item.Task.URL) {
			l.queued[id], l.why[id] = append(l.queued[id], item.ID), item.Why
		}
	}
	var j job
	response, err := r.requester.GetJSON(ctx, r.path, &j, map[string]string{"tree": treeOf(running)})
	if err != nil {
		return nil, job{}, r.noJob(ctx, err)
	}
	l.session = response.Header.Get("X-Jenkins-Session")
	r.mu.Lock()
	r.session = l.session
	r.mu.Unlock()
	for _, build := range append(j.Builds, j.AllBuilds...) {
		if id := build.Actions.parameter(ParamID); id != "" {
			l.runs[id] = append(l.runs[id], build)
		}
	}
	for _, runs := range l.runs {
		slices.SortFunc(runs, func(x, y run) int { return int(y.Number - x.Number) })
	}
	return l, j, nil
}

// sharedFor is how long a look is good for starting builds that nothing is known of. For as long as settling after the first of
// them it is one at more builds: a process that starts finds again what the one before had under way.
const (
	sharedFor  = 2 * time.Second
	settling   = 2 * time.Minute
	handedOver = 500
)

// recent is a look for starting a build that nothing is known of: a thousand of them look a few times, and not a thousand.
func (r *remote) recent(ctx context.Context, clock func() time.Time) (*look, job, error) {
	select {
	case r.looking <- struct{}{}:
	case <-ctx.Done():
		return nil, job{}, ctx.Err()
	}
	defer func() { <-r.looking }()
	r.mu.Lock()
	s, doubts := r.shared, r.doubts
	r.mu.Unlock()
	began, running := clock(), 0
	if s != nil && began.Sub(s.at) < sharedFor {
		return s.look, s.job, nil
	}
	if r.first.IsZero() {
		r.first = began
	}
	if began.Sub(r.first) < settling {
		running = handedOver
	}
	l, j, err := r.look(ctx, running)
	if err != nil {
		return nil, job{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if doubts == r.doubts {
		r.shared = &shared{look: l, job: j, at: began}
	}
	return l, j, nil
}

// doubt has everybody look again: nobody knows whether a build was triggered.
func (r *remote) doubt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shared, r.doubts = nil, r.doubts+1
}

// isOurs says that a URL is that of the job, whatever root URL Jenkins believes to have.
func (r *remote) isOurs(link string) bool {
	u, err := url.Parse(link)
	if err != nil {
		return false
	}
	before, ours := strings.CutSuffix(strings.TrimSuffix(u.Path, "/"), r.plainPath)
	return ours && !strings.Contains(before, "/job/") // and no job by that name in another folder
}

// noJob says why the job cannot be read.
func (r *remote) noJob(ctx context.Context, err error) error {
	if codeOf(err) == http.StatusNotFound {
		return fmt.Errorf("there is no job %s in Jenkins, or the user %s may not read it (set builder.jenkins.job to its full name, with its folders): %w", r.job, r.user, err)
	}
	return r.explain(ctx, err)
}

// one asks about one build alone; there is false when there is none.
func (r *remote) one(ctx context.Context, number int64) (found run, there bool, err error) {
	_, err = r.requester.GetJSON(ctx, r.runPath(number), &found, map[string]string{"tree": runTree})
	if codeOf(err) == http.StatusNotFound {
		return run{}, false, nil
	}
	return found, err == nil, err
}

// runPath is where a build is. The URL that Jenkins tells need not be one that leads there from here.
func (r *remote) runPath(number int64) string { return r.path + "/" + strconv.FormatInt(number, 10) }

// link is where people find a build: by the URL that Jenkins tells, which is the one that is meant for people.
func (r *remote) link(build run) string {
	if u, err := url.Parse(build.URL); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && len(build.URL) < 1000 {
		return u.String()
	}
	return r.requester.base + r.runPath(build.Number) + "/"
}
