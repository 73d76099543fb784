// Package harborserver is what makes a Harbor of a registry of the tests: its images have a scanner. It holds every request and every answer of its API
// to Harbor's own description; what is not as described fails the test.
package harborserver

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

//go:embed testdata/harbor.json
var description []byte

const (
	apiRoot      = "/api/v2.0"
	artifactPath = "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}"
	reportKind   = "application/vnd.security.vulnerability.report; version=1.1"
)

// Server is one Harbor.
type Server struct {
	t      testing.TB
	doc    *openapi3.T
	images http.Handler

	mu       sync.Mutex
	login    string
	findings map[string]int
	held     bool
	states   map[string]string // of scans, by digest
	scans    int
	faults   []Fault
	// unhealthy components, with why; and the rules of retention.
	unhealthy map[string]string
	rules     []map[string]any
}

// Fault is an answer that takes the place of the right one.
type Fault struct {
	Status int
	Header http.Header
	Body   string
}

// New returns a Harbor whose images are in a registry. Where that answers requests, Answer comes first.
func New(t testing.TB, images http.Handler) *Server {
	t.Helper()
	var old openapi2.T
	if err := json.Unmarshal(description, &old); err != nil {
		t.Fatal(err)
	}
	doc, err := openapi2conv.ToV3(&old)
	if err != nil {
		t.Fatal(err)
	}
	return &Server{t: t, doc: doc, images: images, states: map[string]string{}, findings: map[string]int{}, unhealthy: map[string]string{}}
}

// Login has the API answer nobody else from now on.
func (s *Server) Login(username, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.login = username + ":" + password
}

// Finds says what scans find from now on, by severity as Harbor names it: Critical, High, Medium, Low.
func (s *Server) Finds(findings map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.findings = findings
}

// Hold has scans go on without an end, until Release.
func (s *Server) Hold() { s.hold(true) }

// Release ends Hold.
func (s *Server) Release() { s.hold(false) }

func (s *Server) hold(held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = held
}

// Fail has the scanner have failed on an image.
func (s *Server) Fail(digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states[digest] = "Error"
}

// Inject has the next requests answered by faults, one each.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Scans is how many scans were asked for.
func (s *Server) Scans() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.scans
}

// Answer answers what is for the API, and says whether it was.
func (s *Server) Answer(w http.ResponseWriter, r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, apiRoot+"/") {
		return false
	}
	recorder := httptest.NewRecorder()
	vars, path := s.find(r)
	input, err := s.checkRequest(r, path, vars)
	switch fault, broken := s.fault(); {
	case err != nil:
		s.t.Errorf("a request to Harbor is not as described: %v", err)
		answer(recorder, http.StatusBadRequest, errorOf("BAD_REQUEST", err.Error()))
	case broken:
		for name, values := range fault.Header {
			recorder.Header()[name] = values
		}
		recorder.WriteHeader(fault.Status)
		fmt.Fprint(recorder, fault.Body)
	case path == "/health": // nobody has to log in for it
		answer(recorder, http.StatusOK, s.health())
		s.checkAnswer(r, input, recorder)
	case !s.allowed(r):
		answer(recorder, http.StatusUnauthorized, errorOf("UNAUTHORIZED", "unauthorized"))
	default:
		s.api(recorder, r, vars)
		s.checkAnswer(r, input, recorder)
	}
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	if _, err := w.Write(recorder.Body.Bytes()); err != nil {
		s.t.Logf("Harbor's client is gone: %v", err)
	}
	return true
}

func (s *Server) fault() (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return Fault{}, false
	}
	f := s.faults[0]
	s.faults = s.faults[1:]
	return f, true
}

func (s *Server) allowed(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	username, password, _ := r.BasicAuth()
	return s.login == "" || s.login == username+":"+password
}

// find takes the path of a request apart; path is as described, and empty when it is not.
func (s *Server) find(r *http.Request) (vars map[string]string, path string) {
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), apiRoot+"/"), "/")
	switch {
	case len(parts) == 1 && parts[0] == "health":
		return nil, "/health"
	case len(parts) == 2 && parts[0] == "projects":
		return map[string]string{"project_name_or_id": parts[1]}, "/projects/{project_name_or_id}"
	case len(parts) == 2 && parts[0] == "retentions":
		return map[string]string{"id": parts[1]}, "/retentions/{id}"
	}
	if len(parts) < 6 || parts[0] != "projects" || parts[2] != "repositories" || parts[4] != "artifacts" {
		return nil, ""
	}
	path = artifactPath
	if len(parts) == 7 && parts[6] == "scan" {
		path += "/scan"
	} else if len(parts) != 6 {
		return nil, ""
	}
	vars = map[string]string{}
	for i, name := range []string{1: "project_name", 3: "repository_name", 5: "reference"} {
		if name != "" {
			vars[name], _ = url.PathUnescape(parts[i])
		}
	}
	return vars, path
}

func (s *Server) checkRequest(r *http.Request, path string, vars map[string]string) (*openapi3filter.RequestValidationInput, error) {
	item := s.doc.Paths.Value(path)
	if path == "" || item == nil || item.GetOperation(r.Method) == nil {
		return nil, fmt.Errorf("there is no %s %s", r.Method, r.URL.EscapedPath())
	}
	operation := item.GetOperation(r.Method)
	for name := range r.URL.Query() {
		if operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			return nil, fmt.Errorf("%s %s has no parameter %s", r.Method, path, name)
		}
	}
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: vars, Route: &routers.Route{Spec: s.doc, Path: path, PathItem: item, Method: r.Method, Operation: operation},
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true, IncludeResponseStatus: true},
	}
	return input, openapi3filter.ValidateRequest(r.Context(), input)
}

func (s *Server) checkAnswer(r *http.Request, input *openapi3filter.RequestValidationInput, recorder *httptest.ResponseRecorder) {
	err := openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: recorder.Code, Header: recorder.Header(), Options: input.Options,
		Body: io.NopCloser(bytes.NewReader(recorder.Body.Bytes())),
	})
	if err != nil {
		s.t.Errorf("an answer of the Harbor of the tests is not as described: %v", err)
	}
}

// Unhealthy has a component say that it is not well from now on.
func (s *Server) Unhealthy(component, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unhealthy[component] = why
}

// Retain gives all projects a policy that retains what rules say, and removes all else.
func (s *Server) Retain(rules ...map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = rules
}

func (s *Server) health() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	status, components := "healthy", []any{}
	for _, name := range []string{"core", "database", "jobservice", "registry", "trivy"} {
		c := map[string]any{"name": name, "status": "healthy"}
		if why, ill := s.unhealthy[name]; ill {
			status, c["status"], c["error"] = "unhealthy", "unhealthy", why
		}
		components = append(components, c)
	}
	return map[string]any{"status": status, "components": components}
}

// project answers for one, and for its policy.
func (s *Server) project(w *httptest.ResponseRecorder, vars map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if vars["id"] != "" {
		answer(w, http.StatusOK, map[string]any{"id": 7, "algorithm": "or", "rules": s.rules})
		return
	}
	metadata := map[string]any{"public": "false"}
	if len(s.rules) > 0 {
		metadata["retention_id"] = "7"
	}
	answer(w, http.StatusOK, map[string]any{"name": vars["project_name_or_id"], "metadata": metadata})
}

// api answers a request that is as described.
func (s *Server) api(w *httptest.ResponseRecorder, r *http.Request, vars map[string]string) {
	if vars["reference"] == "" {
		s.project(w, vars)
		return
	}
	name, err := url.PathUnescape(vars["repository_name"]) // it is escaped twice
	digest := vars["reference"]
	repository := vars["project_name"] + "/" + name
	if err != nil || !s.has(r, repository, digest) {
		answer(w, http.StatusNotFound, errorOf("NOT_FOUND", fmt.Sprintf("artifact %s@%s not found", repository, digest)))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPost {
		s.scans++
		s.states[digest] = "Pending"
		w.WriteHeader(http.StatusAccepted)
		return
	}
	image := map[string]any{"digest": digest, "repository_name": repository, "type": "IMAGE"}
	if state := s.states[digest]; state != "" && r.URL.Query().Get("with_scan_overview") == "true" {
		report := map[string]any{"scan_status": state, "report_id": "r-" + digest[7:19]}
		if state == "Success" {
			report["summary"] = map[string]any{"total": len(s.findings), "fixable": 0, "summary": s.findings}
		}
		image["scan_overview"] = map[string]any{reportKind: report}
		if state == "Pending" && !s.held {
			s.states[digest] = "Success"
		}
	}
	answer(w, http.StatusOK, image)
}

// has says that the registry has an image.
func (s *Server) has(r *http.Request, repository, digest string) bool {
	request := httptest.NewRequestWithContext(r.Context(), http.MethodHead, "/v2/"+repository+"/manifests/"+digest, nil)
	found := httptest.NewRecorder()
	s.images.ServeHTTP(found, request)
	return found.Code == http.StatusOK
}

func errorOf(code, message string) any {
	return map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}}
}

func answer(w *httptest.ResponseRecorder, status int, content any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(content); err != nil {
		panic(err) // of a test
	}
}
