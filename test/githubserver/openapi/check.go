package openapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// Request is one request with its body, read in full.
type Request struct {
	Operation Operation
	HTTP      *http.Request
	Body      []byte
}

// Response is one response, in full.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// CheckRequest says what in a request is not as described. Parameters and fields that are not described are wrong too:
// GitHub ignores them, so that whoever sends them believes in something that does not happen.
func (s *Spec) CheckRequest(ctx context.Context, r Request) error {
	if err := r.unknown(); err != nil {
		return err
	}
	if err := openapi3filter.ValidateRequest(ctx, r.input(ctx)); err != nil {
		return fmt.Errorf("%s: %w", r.Operation.Name, shorten(err))
	}
	return nil
}

func (r Request) input(ctx context.Context) *openapi3filter.RequestValidationInput {
	request := r.HTTP.Clone(ctx)
	request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(r.Body)), int64(len(r.Body))
	if len(r.Body) > 0 {
		// GitHub reads every body as JSON, whatever it is called.
		request.Header.Set("Content-Type", "application/json")
	}
	vars := maps.Clone(r.Operation.Vars)
	if path, there := vars["path"]; there && path == "" {
		vars["path"] = "." // the root folder, which GitHub serves and its description leaves out
	}
	return &openapi3filter.RequestValidationInput{
		Request: request, PathParams: vars, Route: r.Operation.target,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true, IncludeResponseStatus: true,
		},
	}
}

// unknown finds parameters and fields that are not described.
func (r Request) unknown() error {
	var known []string
	for _, list := range []openapi3.Parameters{r.Operation.target.Operation.Parameters, r.Operation.target.PathItem.Parameters} {
		for _, p := range list {
			if p.Value.In == openapi3.ParameterInQuery {
				known = append(known, p.Value.Name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.HTTP.URL.Query())) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s: there is no parameter %q", r.Operation.Name, name)
		}
	}
	body := r.Operation.target.Operation.RequestBody
	if body == nil || body.Value == nil {
		if len(bytes.TrimSpace(r.Body)) > 0 {
			return fmt.Errorf("%s takes no body", r.Operation.Name)
		}
		return nil
	}
	media := body.Value.Content.Get("application/json")
	if media == nil || media.Schema == nil {
		return nil
	}
	fields, open := map[string]bool{}, false
	collect(media.Schema.Value, fields, &open)
	var sent map[string]json.RawMessage
	if open || json.Unmarshal(r.Body, &sent) != nil {
		return nil // what is no object is for the description to refuse
	}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		if !fields[name] && !slices.Contains([]string{`null`, `""`, `[]`, `{}`}, string(sent[name])) { // those say nothing
			return fmt.Errorf("%s: there is no field %q", r.Operation.Name, name)
		}
	}
	return nil
}

// collect gathers the fields of an object; open says that it may have any. The alternatives of GitHub's description say
// that more fields are allowed where they only mean those of the object around them.
func collect(s *openapi3.Schema, fields map[string]bool, open *bool) {
	if s == nil {
		return
	}
	for name := range s.Properties {
		fields[name] = true
	}
	alternatives := slices.Concat(s.OneOf, s.AnyOf, s.AllOf)
	for _, a := range alternatives {
		inner := false
		collect(a.Value, fields, &inner)
		*open = *open || inner && len(s.Properties) == 0
	}
	if len(s.Properties) == 0 && len(alternatives) == 0 || s.AdditionalProperties.Has != nil && *s.AdditionalProperties.Has {
		*open = true
	}
}

// CheckResponse says what in the response to a request is not as described. GitHub answers with errors that are described
// nowhere; those have to look like the ones that are.
func (s *Spec) CheckResponse(ctx context.Context, r Request, answer Response) error {
	described := r.Operation.target.Operation.Responses.Status(answer.Status)
	switch {
	case answer.Status == http.StatusNotModified:
		if len(answer.Body) > 0 {
			return fmt.Errorf("%s: a 304 has no body", r.Operation.Name)
		}
		return nil
	case described == nil && answer.Status < http.StatusBadRequest:
		return fmt.Errorf("%s: %d is not among its answers", r.Operation.Name, answer.Status)
	case answer.Status >= http.StatusBadRequest:
		return s.checkError(r, answer)
	}
	if described.Value.Content.Get("application/json") == nil {
		if len(answer.Body) > 0 {
			return fmt.Errorf("%s: %d has no body", r.Operation.Name, answer.Status)
		}
		return nil
	}
	err := openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: r.input(ctx), Status: answer.Status, Header: answer.Header,
		Body:    io.NopCloser(bytes.NewReader(answer.Body)),
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	})
	if err != nil {
		return fmt.Errorf("%s: the answer %d: %w", r.Operation.Name, answer.Status, shorten(err))
	}
	return nil
}

// checkError wants one of GitHub's errors.
func (s *Spec) checkError(r Request, answer Response) error {
	var body any
	if err := json.Unmarshal(answer.Body, &body); err != nil {
		return fmt.Errorf("%s: the error %d is no JSON: %w", r.Operation.Name, answer.Status, err)
	}
	var problems []error
	for _, name := range []string{"basic-error", "validation-error", "validation-error-simple"} {
		schema := s.doc.Components.Schemas[name].Value
		err := schema.VisitJSON(body)
		if err == nil && hasMessage(body) {
			return nil
		}
		problems = append(problems, err)
	}
	return fmt.Errorf("%s: the error %d is none of GitHub's: %w", r.Operation.Name, answer.Status, shorten(errors.Join(problems...)))
}

func hasMessage(body any) bool {
	object, _ := body.(map[string]any)
	text, _ := object["message"].(string)
	return text != ""
}

// shorten leaves out the schema and the value, which fill pages.
func shorten(err error) error {
	var schema *openapi3.SchemaError
	if errors.As(err, &schema) {
		return fmt.Errorf("at %q: %s", strings.Join(schema.JSONPointer(), "/"), reason(schema))
	}
	text := err.Error()
	if before, _, found := strings.Cut(text, "\nSchema:"); found {
		text = before
	}
	return errors.New(text)
}

// reason goes down to what is really wrong behind alternatives.
func reason(e *openapi3.SchemaError) string {
	text := e.Reason
	var inner *openapi3.SchemaError
	if e.Origin != nil && errors.As(e.Origin, &inner) {
		return text + ": " + strings.Join(inner.JSONPointer(), "/") + ": " + reason(inner)
	}
	if e.Origin != nil {
		before, _, _ := strings.Cut(e.Origin.Error(), "\nSchema:")
		text += ": " + before
	}
	return text
}
