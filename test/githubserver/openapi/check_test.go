package openapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/githubserver/openapi"
)

func load(t *testing.T) *openapi.Spec {
	t.Helper()
	spec, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestPathsAreFound(t *testing.T) {
	spec := load(t)
	tests := []struct{ request, name, variable, value string }{
		{"GET /repos/a/b/pulls/3/files", "GET /repos/{owner}/{repo}/pulls/{pull_number}/files", "pull_number", "3"},
		{"GET /repos/a/b/contents/x/y%20z/w.yaml", "GET /repos/{owner}/{repo}/contents/{path}", "path", "x/y z/w.yaml"},
		{"GET /repos/a/b/contents/", "GET /repos/{owner}/{repo}/contents/{path}", "path", ""},
		{"GET /repos/a/b/git/ref/heads/feature/x", "GET /repos/{owner}/{repo}/git/ref/{ref}", "ref", "heads/feature/x"},
		{"GET /repos/a/b/commits/heads/main/status", "GET /repos/{owner}/{repo}/commits/{ref}/status", "ref", "heads/main"},
		{"GET /repos/a/b/commits/abc/pulls", "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls", "commit_sha", "abc"},
		{"GET /repos/a/b/branches/feature%2Fx/protection", "GET /repos/{owner}/{repo}/branches/{branch}/protection", "branch", "feature/x"},
		{"GET /repos/a/b/branches/feature%2Fx", "GET /repos/{owner}/{repo}/branches/{branch}", "branch", "feature/x"},
		{"GET /repos/a/b/compare/x/y...z", "GET /repos/{owner}/{repo}/compare/{basehead}", "basehead", "x/y...z"},
		{"GET /repos/a/b/nothing", "", "", ""},
		{"DELETE /rate_limit", "", "", ""},
	}
	for _, tt := range tests {
		method, path, _ := strings.Cut(tt.request, " ")
		op, found := spec.Find(method, path)
		if op.Name != tt.name || found != (tt.name != "") || op.Vars[tt.variable] != tt.value {
			t.Errorf("%s is %q with %v, not %q with %s=%q", tt.request, op.Name, op.Vars, tt.name, tt.variable, tt.value)
		}
	}
}

func TestRequests(t *testing.T) {
	spec := load(t)
	tests := []struct{ name, request, body, want string }{
		{"a status", "POST /repos/a/b/statuses/abc", `{"state":"success","context":"x"}`, ""},
		{"a state that is none", "POST /repos/a/b/statuses/abc", `{"state":"green"}`, "state"},
		{"a field that is missing", "POST /repos/a/b/statuses/abc", `{"context":"x"}`, "state"},
		{"a field that is not described", "POST /repos/a/b/statuses/abc", `{"state":"success","colour":"red"}`, `no field "colour"`},
		{"an empty one says nothing", "POST /repos/a/b/statuses/abc", `{"state":"success","colour":null}`, ""},
		{"the root folder", "GET /repos/a/b/contents/", ``, ""},
		{"a field of the wrong type", "POST /repos/a/b/issues/1/comments", `{"body":3}`, "body"},
		{"no body where there has to be one", "POST /repos/a/b/issues/1/comments", ``, "body"},
		{"a body that is no JSON", "POST /repos/a/b/issues/1/comments", `{`, "body"},
		{"a body where there is none", "GET /user", `{}`, "takes no body"},
		{"a parameter", "GET /repos/a/b/pulls?state=open&per_page=100", ``, ""},
		{"a parameter that is not described", "GET /repos/a/b/pulls?status=open", ``, `no parameter "status"`},
		{"a parameter of the wrong type", "GET /repos/a/b/pulls?per_page=many", ``, "per_page"},
		{"a number in the path", "GET /repos/a/b/pulls/x", ``, "pull_number"},
		{"a check run", "POST /repos/a/b/check-runs", `{"name":"x","head_sha":"abc","status":"completed","conclusion":"success"}`, ""},
		{"an annotation without a line", "POST /repos/a/b/check-runs",
			`{"name":"x","head_sha":"abc","output":{"title":"t","summary":"s","annotations":[{"path":"p","annotation_level":"failure","message":"m"}]}}`, "start_line"},
		{"a deployment", "POST /repos/a/b/deployments", `{"ref":"main","auto_merge":false,"required_contexts":[]}`, ""},
		{"permissions of a token", "POST /app/installations/1/access_tokens", `{"repositories":["b"],"permissions":{"contents":"read"}}`, ""},
		{"permissions that there are not", "POST /app/installations/1/access_tokens", `{"permissions":{"contents":"all"}}`, "contents"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // a description may be used by many at once
			method, target, _ := strings.Cut(tt.request, " ")
			r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
			op, found := spec.Find(method, r.URL.EscapedPath())
			if !found {
				t.Fatal("there is no such path")
			}
			err := spec.CheckRequest(t.Context(), openapi.Request{Operation: op, HTTP: r, Body: []byte(tt.body)})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v; want %q", err, tt.want)
			}
		})
	}
}

func TestResponses(t *testing.T) {
	spec := load(t)
	tests := []struct {
		name, request string
		status        int
		body, want    string
	}{
		{"a user without most of it", "GET /users/ann", 200, `{"login":"ann","id":1,"user_view_type":"public"}`, "avatar_url"},
		{"a ref", "GET /repos/a/b/git/ref/heads/main", 200,
			`{"ref":"refs/heads/main","node_id":"x","url":"https://x/y","object":{"type":"commit","sha":"` + strings.Repeat("a", 40) + `","url":"https://x/y"}}`, ""},
		{"a ref with a short hash", "GET /repos/a/b/git/ref/heads/main", 200,
			`{"ref":"refs/heads/main","node_id":"x","url":"https://x/y","object":{"type":"commit","sha":"abc","url":"https://x/y"}}`, "sha"},
		{"an error that is described", "GET /users/ann", 404, `{"message":"Not Found","documentation_url":"https://x","status":"404"}`, ""},
		{"an error that is not", "GET /users/ann", 502, `{"message":"Server Error"}`, ""},
		{"an error in words", "GET /users/ann", 502, `Bad Gateway`, "no JSON"},
		{"an error that says nothing", "GET /users/ann", 502, `{}`, "none of GitHub's"},
		{"a success that is not described", "GET /users/ann", 201, `{}`, "not among its answers"},
		{"nothing, as described", "DELETE /repos/a/b/git/refs/heads/x", 204, ``, ""},
		{"something, where there is nothing", "DELETE /repos/a/b/git/refs/heads/x", 204, `{}`, "no body"},
		{"not modified", "GET /user", 304, ``, ""},
		{"not modified, but said", "GET /user", 304, `{}`, "no body"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			method, target, _ := strings.Cut(tt.request, " ")
			r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
			op, _ := spec.Find(method, r.URL.EscapedPath())
			err := spec.CheckResponse(t.Context(), openapi.Request{Operation: op, HTTP: r},
				openapi.Response{Status: tt.status, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: []byte(tt.body)})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v; want %q", err, tt.want)
			}
		})
	}
}
