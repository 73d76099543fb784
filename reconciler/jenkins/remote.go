package jenkins

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bndr/gojenkins"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/logline"
)

// remote is the job in its Jenkins: what can be asked of them, and nothing that is remembered of builds.
type remote struct {
	user, job string
	requester *requester
	jenkins   *gojenkins.Jenkins
	// path of the job as it is asked for, plainPath without escapes.
	path, plainPath string

	mu sync.Mutex
	// session of Jenkins when it was last looked at; noStages is one that has no view of stages.
	session, noStages string
	// shared is the last look, for builds that nothing is known of; nil when something may have been triggered since that nobody
	// knows the outcome of. doubts counts how often that was.
	shared *shared
	doubts int
	// looking is taken by whoever looks for others, too; first is when that was first.
	looking chan struct{}
	first   time.Time
}

// shared is a look that several builds are started by.
type shared struct {
	look *look
	job  job
	at   time.Time
}

func newRemote(o Options) (*remote, error) {
	path, err := jobPath(o.Job)
	if err != nil {
		return nil, err
	}
	r := newRequester(o)
	return &remote{
		user: o.User, job: o.Job, requester: r, jenkins: &gojenkins.Jenkins{Server: r.base, Requester: r},
		looking: make(chan struct{}, 1),
		path:    path, plainPath: "/job/" + strings.ReplaceAll(strings.Trim(o.Job, "/"), "/", "/job/"),
	}, nil
}

// trigger asks for a build, and returns where it is in the queue. After an error nobody knows whether there will be one.
func (r *remote) trigger(ctx context.Context, form url.Values) (item string, err error) {
	response, err := r.requester.Post(ctx, r.path+"/buildWithParameters", strings.NewReader(form.Encode()), nil, nil)
	if err != nil {
		r.doubt()
	}
	switch codeOf(err) {
	case http.StatusConflict:
		return "", fmt.Errorf("the job %s is disabled in Jenkins (enable it): %w", r.job, err)
	case http.StatusNotFound:
		return "", r.noJob(ctx, err)
	}
	if err != nil {
		return "", r.explain(ctx, err)
	}
	return response.Header.Get("Location"), nil
}

// stop stops a running build. A pipeline goes on for some seconds. One that is gone or has ended is stopped.
func (r *remote) stop(ctx context.Context, number int64) error {
	_, err := r.requester.Post(ctx, r.runPath(number)+"/stop", nil, nil, nil)
	if codeOf(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stopping build %d: %w", number, r.explain(ctx, err))
	}
	return nil
}

// cancelItem takes an item out of the queue. One that has left it is no error: its build is looked for then.
func (r *remote) cancelItem(ctx context.Context, item int64) error {
	_, err := r.requester.Post(ctx, "/queue/cancelItem", nil, nil, map[string]string{"id": strconv.FormatInt(item, 10)})
	switch codeOf(err) {
	case http.StatusNotFound:
		return nil
	case http.StatusInternalServerError:
		return &leftError{item}
	}
	if err != nil {
		return fmt.Errorf("canceling item %d of the queue: %w", item, r.explain(ctx, err))
	}
	return nil
}

// hasView says whether Jenkins has a view of stages, as far as is known. After a restart it may have one.
func (r *remote) hasView() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.noStages == "" || r.noStages != r.session
}

// lacksView notes that this session of Jenkins has no view of stages.
func (r *remote) lacksView() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noStages = r.session
}

// stages are those of a build as Jenkins shows them.
func (r *remote) stages(ctx context.Context, number int64) (*gojenkins.PipelineRun, error) {
	job := &gojenkins.Job{Jenkins: r.jenkins, Base: r.path}
	return job.GetPipelineRun(ctx, strconv.FormatInt(number, 10))
}

// logFrom is the log of a build from an offset, and where it ends, which counts more than what is answered.
func (r *remote) logFrom(ctx context.Context, number, offset int64) (text string, size int64, err error) {
	build := &gojenkins.Build{Jenkins: r.jenkins, Base: r.runPath(number)}
	console, err := build.GetConsoleOutputFromIndex(ctx, offset)
	return console.Content, console.Offset, err
}

// artifact reads a file that a build has archived; nil when it has none.
func (r *remote) artifact(ctx context.Context, build run, name string) ([]byte, error) {
	artifact := gojenkins.Artifact{Jenkins: r.jenkins, Path: r.runPath(build.Number) + "/artifact/" + name}
	data, err := artifact.GetData(ctx)
	if codeOf(err) == http.StatusNotFound {
		return nil, nil
	}
	return data, err
}

// failure reads what a job says of why a build failed; nothing when it says nothing, or was stopped.
func (r *remote) failure(ctx context.Context, build run) (Failure, error) {
	if build.Result != "FAILURE" {
		return Failure{}, nil
	}
	data, err := r.artifact(ctx, build, FailureFile)
	if err != nil || len(data) > maxResult {
		return Failure{}, err
	}
	return ParseFailure(data), nil
}

// result reads what a build says that it has made. problem says what is wrong with that.
func (r *remote) result(ctx context.Context, build run) (made *manifest.BuildResult, problem string, err error) {
	data, err := r.artifact(ctx, build, ResultFile)
	switch {
	case err != nil:
		return nil, "", err
	case data == nil:
		return nil, "it archived no " + ResultFile + " (docs/jenkins.md says what that has to say)", nil
	case len(data) > maxResult:
		return nil, fmt.Sprintf("its %s is larger than %d KiB", ResultFile, maxResult>>10), nil
	}
	made, err = ParseResult(data)
	if err != nil {
		return nil, fmt.Sprintf("its %s is wrong: %v", ResultFile, err), nil
	}
	if told := build.Actions.parameter(ParamID); made.Build != told {
		return nil, fmt.Sprintf("its %s is of the build %s, and this one is %s (let each build begin with an empty folder)", ResultFile, made.Build, told), nil
	}
	return made, "", nil
}

// whyFailed says in one line how a build failed.
func (r *remote) whyFailed(build run, view *gojenkins.PipelineRun) string {
	text := fmt.Sprintf("build %d of the job %s failed", build.Number, r.job)
	switch build.Result {
	case resultAborted:
		return fmt.Sprintf("build %d of the job %s was stopped in Jenkins, by somebody or by its time limit (retry when it may run)", build.Number, r.job)
	case "FAILURE":
	default:
		text = fmt.Sprintf("build %d of the job %s ended as %s", build.Number, r.job, oneLine(build.Result))
	}
	if view != nil {
		for _, stage := range view.Stages {
			if stage.Status == "FAILED" || stage.Status == "UNSTABLE" {
				return text + " in its stage " + oneLine(stage.Name)
			}
		}
	}
	return text
}

// tail is the end of a log: how long it is is asked for first, with an answer that is cut off.
func (r *remote) tail(ctx context.Context, number int64) (string, error) {
	text, size, err := r.logFrom(ctx, number, 0)
	if err != nil {
		return "", err
	}
	if size > tailBytes && int64(len(text)) >= maxText {
		if text, _, err = r.logFrom(ctx, number, size-tailBytes); err != nil {
			return "", err
		}
		_, text, _ = strings.Cut(text, "\n") // of the first line the beginning is missing
	}
	lines := logline.All(strings.TrimRight(text, "\r\n"))
	for i, line := range lines {
		lines[i] = logline.Plain(line)
	}
	tail := strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
	return strings.ToValidUTF8(tail[max(0, len(tail)-tailBytes):], "\uFFFD"), nil
}
