package jenkinsserver

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxBody bounds what is read of a request.
const maxBody = 1 << 20

func bodyOf(r *http.Request) string {
	data, _ := io.ReadAll(io.LimitReader(r.Body, maxBody)) // what does not come is not there
	return string(data)
}

// list is never null in JSON.
func list(all []any) []any {
	if all == nil {
		return []any{}
	}
	return all
}

// path of a job below that of Jenkins, without a slash at the end.
func (j *job) path() string {
	var path []string
	for name := range strings.SplitSeq(j.Name, "/") {
		path = append(path, "job", url.PathEscape(name))
	}
	return strings.Join(path, "/")
}

func (j *job) class() string {
	if j.Pipeline {
		return "org.jenkinsci.plugins.workflow.job.WorkflowJob"
	}
	return "hudson.model.FreeStyleProject"
}

func (j *job) buildClass() string {
	if j.Pipeline {
		return "org.jenkinsci.plugins.workflow.job.WorkflowRun"
	}
	return "hudson.model.FreeStyleBuild"
}

// short is the name of a job in its folder.
func (j *job) short() string { return j.Name[strings.LastIndex(j.Name, "/")+1:] }

// color is how Jenkins shows the state of a job.
func (j *job) color() string {
	last := j.builds[j.last]
	switch {
	case j.Disabled:
		return "disabled"
	case last == nil:
		return "notbuilt"
	case last.building:
		return "blue_anime"
	case last.result == "SUCCESS":
		return "blue"
	case last.result == "ABORTED":
		return "aborted"
	}
	return "red"
}

func (s *Server) jobLink(j *job) map[string]any {
	return map[string]any{"_class": j.class(), "name": j.short(), "url": s.options.Root + j.path() + "/", "color": j.color()}
}

func (s *Server) buildLink(b *Build) map[string]any {
	return map[string]any{"_class": b.job.buildClass(), "number": b.Number, "url": s.options.Root + b.path() + "/"}
}

// rootJSON is Jenkins itself.
func (s *Server) rootJSON() map[string]any {
	var jobs []any
	folders := map[string]bool{}
	for _, name := range s.names() {
		folder, _, inside := strings.Cut(name, "/")
		if !inside {
			jobs = append(jobs, s.jobLink(s.jobs[name]))
		} else if !folders[folder] {
			folders[folder] = true
			jobs = append(jobs, map[string]any{
				"_class": "com.cloudbees.hudson.plugins.folder.Folder", "name": folder, "url": s.options.Root + "job/" + url.PathEscape(folder) + "/",
			})
		}
	}
	view := map[string]any{"_class": "hudson.model.AllView", "name": "all", "url": s.options.Root}
	return map[string]any{
		"_class": "hudson.model.Hudson", "assignedLabels": []any{map[string]any{"name": "master"}}, "mode": "NORMAL",
		"nodeDescription": "the master Jenkins node", "nodeName": "", "numExecutors": 2, "description": nil, "jobs": list(jobs),
		"overallLoad": map[string]any{}, "primaryView": view, "quietingDown": false, "slaveAgentPort": -1,
		"unlabeledLoad": map[string]any{"_class": "jenkins.model.UnlabeledLoadStatistics"}, "url": s.options.Root,
		"useCrumbs": true, "useSecurity": true, "views": []any{view},
	}
}

// jobJSON is a job.
func (s *Server) jobJSON(j *job) map[string]any {
	numbers := slices.Sorted(maps.Keys(j.builds))
	slices.Reverse(numbers)
	var all []any
	for _, number := range numbers {
		all = append(all, s.buildJSON(j.builds[number]))
	}
	first := func(fits func(*Build) bool) any {
		for _, number := range numbers {
			if fits(j.builds[number]) {
				return s.buildLink(j.builds[number])
			}
		}
		return nil
	}
	var oldest any
	if len(numbers) > 0 {
		oldest = s.buildLink(j.builds[numbers[len(numbers)-1]])
	}
	result := func(results ...string) any {
		return first(func(b *Build) bool { return !b.building && slices.Contains(results, b.result) })
	}
	o := s.jobLink(j)
	maps.Copy(o, map[string]any{
		"actions": []any{map[string]any{}}, "description": "", "displayName": j.short(), "displayNameOrNull": nil,
		"fullDisplayName": strings.ReplaceAll(j.Name, "/", " » "), "fullName": j.Name, "buildable": !j.Disabled,
		"builds": list(all[:min(len(all), 100)]), "allBuilds": list(all), "firstBuild": oldest, "healthReport": []any{health()},
		"inQueue": j.items > 0 && !j.Pipeline, "keepDependencies": false,
		"lastBuild":          first(func(*Build) bool { return true }),
		"lastCompletedBuild": first(func(b *Build) bool { return !b.building }),
		"lastFailedBuild":    result("FAILURE"), "lastStableBuild": result("SUCCESS"), "lastSuccessfulBuild": result("SUCCESS", "UNSTABLE"),
		"lastUnstableBuild": result("UNSTABLE"), "lastUnsuccessfulBuild": result("FAILURE", "ABORTED", "UNSTABLE"),
		"nextBuildNumber": j.last + 1, "property": j.properties(), "queueItem": nil, "concurrentBuild": true, "resumeBlocked": false,
	})
	return o
}

func health() map[string]any {
	return map[string]any{"description": "Build stability: No recent builds failed.", "iconClassName": "icon-health-80plus", "iconUrl": "health-80plus.png", "score": 100}
}

// properties are the parameters that a job has.
func (j *job) properties() []any {
	var definitions []any
	for _, p := range j.Parameters {
		kind, standard := "String", any(p.Default)
		switch {
		case p.Bool:
			kind, standard = "Boolean", p.Default == "true"
		case len(p.Choices) > 0:
			kind = "Choice"
		}
		definitions = append(definitions, map[string]any{
			"_class":                "hudson.model." + kind + "ParameterDefinition",
			"defaultParameterValue": map[string]any{"_class": "hudson.model." + kind + "ParameterValue", "name": p.Name, "value": standard},
			"description":           "", "name": p.Name, "type": kind + "ParameterDefinition",
		})
	}
	properties := []any{}
	if definitions != nil {
		properties = append(properties, map[string]any{"_class": "hudson.model.ParametersDefinitionProperty", "parameterDefinitions": definitions})
	}
	if j.DisableResume {
		properties = append(properties, map[string]any{"_class": "org.jenkinsci.plugins.workflow.job.properties.DisableResumeJobProperty"})
	}
	return properties
}

func actionsJSON(parameters []value, causes int) []any {
	var actions []any
	if len(parameters) > 0 {
		var values []any
		for _, p := range parameters {
			values = append(values, map[string]any{"_class": p.class, "name": p.name, "value": p.value})
		}
		actions = append(actions, map[string]any{"_class": "hudson.model.ParametersAction", "parameters": values})
	}
	var by []any
	for range causes {
		by = append(by, map[string]any{
			"_class": "hudson.model.Cause$UserIdCause", "shortDescription": "Started by user admin", "userId": "admin", "userName": "admin",
		})
	}
	return append(actions, map[string]any{"_class": "hudson.model.CauseAction", "causes": by})
}

// buildJSON is a build.
func (s *Server) buildJSON(b *Build) map[string]any {
	o := s.buildLink(b)
	number := strconv.Itoa(b.Number)
	var artifacts []any
	for _, f := range b.artifacts {
		artifacts = append(artifacts, map[string]any{"displayPath": f.name, "fileName": f.name[strings.LastIndex(f.name, "/")+1:], "relativePath": f.name})
	}
	var result, executor any
	duration := int64(0)
	if b.building && !b.abandoned {
		executor = map[string]any{"_class": "hudson.model.OneOffExecutor"}
	}
	if !b.building {
		result, duration = b.result, b.ended.Sub(b.started).Milliseconds()
	}
	actions := append(actionsJSON(b.parameters, b.causes), map[string]any{})
	if b.result == "ABORTED" {
		actions = append(actions, map[string]any{"_class": "jenkins.model.InterruptedBuildAction"})
	}
	neighbour := func(number int) any {
		if other := b.job.builds[number]; other != nil {
			return map[string]any{"number": other.Number, "url": s.options.Root + other.path() + "/"}
		}
		return nil
	}
	maps.Copy(o, map[string]any{
		"actions": actions, "artifacts": list(artifacts), "building": b.building, "description": nil, "displayName": "#" + number,
		"duration": duration, "estimatedDuration": 24040, "executor": executor,
		"fullDisplayName": strings.ReplaceAll(b.job.Name, "/", " » ") + " #" + number, "id": number, "keepLog": false,
		"queueId": b.queueID, "result": result, "timestamp": b.started.UnixMilli(), "changeSets": []any{}, "culprits": []any{},
		"nextBuild": neighbour(b.Number + 1), "previousBuild": neighbour(b.Number - 1),
	})
	return o
}

// stagesJSON are the stages of a build as its view shows them.
func (s *Server) stagesJSON(b *Build) map[string]any {
	now := s.options.Now()
	status, end := "IN_PROGRESS", now
	if !b.building {
		end = b.ended
		status = map[string]string{"FAILURE": "FAILED"}[b.result]
		if status == "" {
			status = b.result
		}
	}
	base := "/" + b.path()
	links := map[string]any{"self": map[string]any{"href": base + "/wfapi/describe"}}
	if len(b.artifacts) > 0 {
		links["artifacts"] = map[string]any{"href": base + "/wfapi/artifacts"}
	}
	stages := []any{}
	for n, st := range b.stages {
		id, ended := strconv.Itoa(6*n+8), st.ended
		if ended.IsZero() {
			ended = now
		}
		o := map[string]any{
			"_links": map[string]any{"self": map[string]any{"href": base + "/execution/node/" + id + "/wfapi/describe"}},
			"id":     id, "name": st.name, "execNode": "", "status": st.status, "startTimeMillis": st.begun.UnixMilli(),
			"durationMillis": ended.Sub(st.begun).Milliseconds(), "pauseDurationMillis": 0,
		}
		if st.message != "" {
			o["error"] = map[string]any{"message": st.message, "type": "hudson.AbortException"}
		}
		stages = append(stages, o)
	}
	return map[string]any{
		"_links": links, "id": strconv.Itoa(b.Number), "name": "#" + strconv.Itoa(b.Number), "status": status,
		"startTimeMillis": b.started.UnixMilli(), "endTimeMillis": end.UnixMilli(), "durationMillis": end.Sub(b.started).Milliseconds(),
		"queueDurationMillis": 2, "pauseDurationMillis": 0, "stages": stages,
	}
}

var _ http.Handler = (*Server)(nil)
