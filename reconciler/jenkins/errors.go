package jenkins

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/plateform/plateform/reconciler/logline"
)

// UnreachableError says that Jenkins gave no answer.
type UnreachableError struct {
	// Host that was asked.
	Host string
	Err  error
}

// Error implements error.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("Jenkins at %s does not answer: %v", e.Host, e.Err)
}

// Unwrap implements errors.
func (e *UnreachableError) Unwrap() error { return e.Err }

// StatusError says that Jenkins answered with an error.
type StatusError struct {
	// Method and Path that were asked for.
	Method, Path string
	// Code is the HTTP status.
	Code int
	// Reason that the page gives, and the Permission that Jenkins names; empty for none.
	Reason, Permission string
	// Location is where a redirect leads, which is not followed; empty for none.
	Location string
}

// Error implements error.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("Jenkins answers %s %s with %d", e.Method, e.Path, e.Code)
	switch {
	case e.Permission != "":
		return text + ": the user lacks the permission " + e.Permission
	case e.Location != "":
		return text + ": a redirect to " + e.Location + " (have builder.jenkins.url name where Jenkins is)"
	case e.Reason != "":
		return text + ": " + e.Reason
	}
	return text
}

// PageError says that something else than Jenkins answered, or a page of it that is for people.
type PageError struct {
	// Path that was asked for, and Kind of what was answered.
	Path, Kind string
}

// Error implements error.
func (e *PageError) Error() string {
	return fmt.Sprintf("what answers %s is %s and no JSON: a login page or a proxy is in front of Jenkins (have builder.jenkins.url name Jenkins itself)", e.Path, e.Kind)
}

// codeOf is the status of an answer that is an error; 0 for other errors.
func codeOf(err error) int {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code
	}
	return 0
}

var title = regexp.MustCompile(`(?is)<title>(.*?)</title>`)

// refusal is an answer as an error.
func refusal(response *http.Response, c call) *StatusError {
	e := &StatusError{
		Method: c.method, Path: c.endpoint, Code: response.StatusCode, Permission: response.Header.Get("X-Required-Permission"),
		Location: oneLine(response.Header.Get("Location")), Reason: oneLine(response.Header.Get("X-Error")),
	}
	page, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if found := title.FindSubmatch(page); err == nil && found != nil && e.Reason == "" {
		e.Reason = oneLine(html.UnescapeString(string(found[1])))
		e.Reason = strings.TrimSpace(strings.TrimPrefix(e.Reason, fmt.Sprintf("Error %d", e.Code)))
	}
	return e
}

// maxLine bounds a line that comes from Jenkins.
const maxLine = 300

// oneLine makes a text one printable line of bounded length without credentials.
func oneLine(text string) string {
	return logline.Short(strings.Join(strings.Fields(text), " "), maxLine)
}

// explain says what a 403 means, which a Jenkins that starts also answers to who may do everything.
func (r *remote) explain(ctx context.Context, err error) error {
	switch codeOf(err) {
	case http.StatusForbidden:
		if _, asked := r.requester.GetJSON(ctx, "", nil, map[string]string{"tree": "url"}); asked != nil {
			return fmt.Errorf("%w (Jenkins may be starting)", err)
		}
		return fmt.Errorf("%w (let the user %s read and build the job %s, and cancel builds of it)", err, r.user, r.job)
	case http.StatusUnauthorized:
		return fmt.Errorf("%w (builder.jenkins.user and tokenFile have to be a user of Jenkins and an API token of it)", err)
	}
	return err
}
