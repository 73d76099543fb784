package openapi

import (
	"bytes"
	"compress/gzip"
	_ "embed" // github.json.gz
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

//go:embed github.json.gz
var packed []byte

// Spec is the description of the API. It is not changed after Load, and may be used by many at once.
type Spec struct {
	doc    *openapi3.T
	routes []route
}

// route is one path of the description, with one method.
type route struct {
	method   string
	path     string // as described: /repos/{owner}/{repo}/pulls
	pattern  *regexp.Regexp
	names    []string
	literals int
	target   *routers.Route
}

// Operation is what a request asks for.
type Operation struct {
	// Name is the method and the path as described: "GET /repos/{owner}/{repo}/pulls".
	Name string
	// Vars are the parts of the path.
	Vars map[string]string

	target *routers.Route
}

// Load reads the description. It takes some tenths of a second.
func Load() (*Spec, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpacking GitHub's description: %w", err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, fmt.Errorf("unpacking GitHub's description: %w", err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("reading GitHub's description: %w", err)
	}
	s := &Spec{doc: doc}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			s.routes = append(s.routes, newRoute(doc, path, item, method, operation))
		}
	}
	// What says more comes first: /git/ref/{ref} and not /{a}/{b}/{c}.
	slices.SortFunc(s.routes, func(a, b route) int {
		if a.literals != b.literals {
			return b.literals - a.literals
		}
		return strings.Compare(a.path, b.path)
	})
	return s, nil
}

// wide are the variables that may hold slashes.
var wide = []string{"path", "ref", "branch", "basehead"}

func newRoute(doc *openapi3.T, path string, item *openapi3.PathItem, method string, operation *openapi3.Operation) route {
	r := route{method: method, path: path, target: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: operation}}
	var pattern strings.Builder
	for _, part := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		name, variable := strings.CutPrefix(part, "{")
		name = strings.TrimSuffix(name, "}")
		switch {
		case !variable:
			pattern.WriteString("/" + regexp.QuoteMeta(part))
			r.literals++
			continue
		case name == "path":
			pattern.WriteString("(?:/(.*?))?/?") // the root folder has an empty path
		case slices.Contains(wide, name):
			pattern.WriteString("/(.+)")
		default:
			pattern.WriteString("/([^/]+)")
		}
		r.names = append(r.names, name)
	}
	r.pattern = regexp.MustCompile("^" + pattern.String() + "$")
	return r
}

// Find says what a request asks for; escaped is the path below the root of the API, as it was sent.
func (s *Spec) Find(method, escaped string) (Operation, bool) {
	for _, r := range s.routes {
		if r.method != method {
			continue
		}
		parts := r.pattern.FindStringSubmatch(escaped)
		if parts == nil {
			continue
		}
		op := Operation{Name: r.method + " " + r.path, Vars: map[string]string{}, target: r.target}
		for i, name := range r.names {
			text, err := url.PathUnescape(parts[i+1])
			if err != nil {
				return Operation{}, false
			}
			op.Vars[name] = text
		}
		return op, true
	}
	return Operation{}, false
}

// Operations are the names of all that the API can do, in order.
func (s *Spec) Operations() []string {
	var all []string
	for _, r := range s.routes {
		all = append(all, r.method+" "+r.path)
	}
	slices.Sort(all)
	return all
}
