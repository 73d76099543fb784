package jenkinsserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// route answers a request of somebody who is known. path is below that of Jenkins.
func (s *Server) route(r *http.Request, who User, path string) answer {
	var segments []string
	for segment := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return notFound(r)
		}
		segments = append(segments, plain)
	}
	switch strings.Join(segments, "/") {
	case "api/json":
		return s.json(r, s.rootJSON())
	case "whoAmI/api/json":
		return s.json(r, map[string]any{
			"_class": "hudson.security.WhoAmI", "anonymous": false, "authenticated": true, "authorities": []any{"authenticated"}, "name": who.Name,
		})
	case "crumbIssuer/api/json":
		return s.crumb(r)
	case "createItem":
		return s.createItem(r)
	case "pipeline-model-converter/validate":
		if r.Method != http.MethodPost {
			return s.postOnly()
		}
		return text("text/plain;charset=utf-8", lint(r.Form.Get("jenkinsfile")))
	}
	switch segments[0] {
	case "queue":
		return s.serveQueue(r, who, segments[1:])
	case "job":
		return s.serveJob(r, who, segments)
	}
	return notFound(r)
}

// serveJob answers for /job/...
func (s *Server) serveJob(r *http.Request, who User, path []string) answer {
	var name []string
	for len(path) >= 2 && path[0] == "job" {
		name, path = append(name, path[1]), path[2:]
	}
	j := s.jobs[strings.Join(name, "/")]
	if j == nil || slices.Contains(who.Lacks, "Job.Read") || len(path) == 0 {
		return notFound(r)
	}
	switch what := strings.Join(path, "/"); what {
	case "api/json":
		return s.json(r, s.jobJSON(j))
	case "build", "buildWithParameters":
		return s.trigger(r, who, j, what)
	case "config.xml":
		if r.Method == http.MethodPost {
			j.Config = bodyOf(r)
			return answer{status: http.StatusOK, header: plainHeader()}
		}
		return text("application/xml", j.Config)
	}
	number, err := strconv.Atoi(path[0])
	b := j.builds[number]
	if err != nil || b == nil {
		return notFound(r)
	}
	return s.serveBuild(r, who, b, path[1:])
}

// trigger answers to who wants a build.
func (s *Server) trigger(r *http.Request, who User, j *job, how string) answer {
	form := r.Form
	switch {
	case r.Method != http.MethodPost:
		return s.postOnly()
	case slices.Contains(who.Lacks, "Job.Build"):
		return s.forbidden(who.Name, "hudson.model.Item.Build", r)
	case j.Disabled:
		return s.page(http.StatusConflict, "Jenkins")
	case how == "build" && form.Get("json") != "":
		if form = jsonForm(form.Get("json")); form == nil {
			return jetty(http.StatusBadRequest, "Bad Request", r.URL.Path)
		}
	case how == "build" && len(j.Parameters) > 0:
		return jetty(http.StatusBadRequest, "Nothing is submitted", r.URL.Path)
	case how == "buildWithParameters" && len(j.Parameters) == 0:
		if s.options.Modern {
			return s.page(http.StatusBadRequest, "Jenkins")
		}
		return s.page(http.StatusInternalServerError, "Jenkins")
	}
	values, problem := j.values(form)
	if problem != "" {
		return s.page(http.StatusInternalServerError, "Jenkins")
	}
	it, known := s.enqueue(j, values, delayOf(form.Get("delay")))
	a := answer{status: http.StatusCreated, header: plainHeader()}
	if known && s.options.Modern {
		a.status = http.StatusSeeOther
	}
	a.header.Set("Location", s.options.Root+"queue/item/"+strconv.Itoa(it.id)+"/")
	if how == "build" && r.Form.Get("json") != "" {
		a.header.Set("Location", s.options.Root+j.path()+"/")
	}
	return a
}

// jsonForm are the parameters that a form of a browser has.
func jsonForm(text string) url.Values {
	var form struct {
		Parameter []struct{ Name, Value string }
	}
	if json.Unmarshal([]byte(text), &form) != nil {
		return nil
	}
	values := url.Values{}
	for _, p := range form.Parameter {
		values.Set(p.Name, p.Value)
	}
	return values
}

// delayOf reads 6sec and 500, which are milliseconds.
func delayOf(text string) time.Duration {
	if seconds, ok := strings.CutSuffix(text, "sec"); ok {
		n, _ := strconv.Atoi(seconds) // nothing else is no delay
		return time.Duration(n) * time.Second
	}
	n, _ := strconv.Atoi(text)
	return time.Duration(n) * time.Millisecond
}

// serveBuild answers for /job/J/N/...
func (s *Server) serveBuild(r *http.Request, who User, b *Build, path []string) answer {
	switch what := strings.Join(path, "/"); {
	case what == "api/json":
		return s.json(r, s.buildJSON(b))
	case what == "wfapi/describe" && b.job.Pipeline && !s.options.NoStageView:
		body, err := json.Marshal(s.stagesJSON(b))
		if err != nil {
			return jetty(http.StatusInternalServerError, err.Error(), r.URL.Path)
		}
		return text("application/json;charset=utf-8", string(body))
	case what == "logText/progressiveText":
		return logAnswer(b, r.Form.Get("start"))
	case what == "stop":
		return s.stop(r, who, b)
	case strings.HasPrefix(what, "artifact/"):
		for _, f := range b.artifacts {
			if f.name == strings.TrimPrefix(what, "artifact/") {
				return artifactAnswer(f)
			}
		}
	}
	return notFound(r)
}

func artifactAnswer(f artifact) answer {
	kind := "application/octet-stream"
	if strings.HasSuffix(f.name, ".json") {
		kind = "application/json"
	}
	a := text(kind, string(f.data))
	for _, name := range []string{"Content-Security-Policy", "X-Webkit-Csp", "X-Content-Security-Policy"} {
		a.header.Set(name, "sandbox; default-src 'none'; img-src 'self'; style-src 'self';")
	}
	a.header.Set("Last-Modified", f.at.UTC().Format(http.TimeFormat))
	a.header.Set("Accept-Ranges", "bytes")
	return a
}

// logAnswer is the log from an offset, which counts what is hidden too; past the end it is all of it.
func logAnswer(b *Build, start string) answer {
	offset, err := strconv.Atoi(start)
	if err != nil || offset < 0 || offset > len(b.log) {
		offset = 0
	}
	a := text("text/plain;charset=utf-8", strings.ReplaceAll(visible(b.log[offset:]), "\n", "\r\n"))
	a.header.Set("X-Text-Size", strconv.Itoa(len(b.log)))
	if b.building {
		a.header.Set("X-More-Data", "true")
	}
	return a
}

func (s *Server) stop(r *http.Request, who User, b *Build) answer {
	switch {
	case r.Method != http.MethodPost:
		return s.postOnly()
	case slices.Contains(who.Lacks, "Job.Cancel"):
		return s.forbidden(who.Name, "hudson.model.Item.Cancel", r)
	}
	if !b.abandoned { // what nobody runs is not ended by anything
		b.cancel()
	}
	a := answer{status: http.StatusFound, header: plainHeader()}
	a.header.Set("Location", s.options.Root+b.path()+"/")
	return a
}

// createItem makes a job out of its config.xml.
func (s *Server) createItem(r *http.Request) answer {
	name := r.URL.Query().Get("name")
	if r.Method != http.MethodPost {
		return s.postOnly()
	}
	if s.jobs[name] != nil {
		a := s.page(http.StatusBadRequest, "Jenkins")
		a.header.Set("X-Error", fmt.Sprintf("A job already exists with the name  %s ", name))
		return a
	}
	config := bodyOf(r)
	s.put(Job{Name: name, Config: config, Pipeline: strings.Contains(config, "<flow-definition")})
	return answer{status: http.StatusOK, header: plainHeader()}
}
