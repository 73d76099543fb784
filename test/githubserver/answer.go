package githubserver

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

// answer is what a request is answered with.
type answer struct {
	status int
	body   any
	raw    []byte // instead of body, as it is
	header http.Header
}

const docs = "https://docs.github.com/rest"

func reply(status int, body any) answer {
	return answer{status: status, body: body, header: http.Header{}}
}

func ok(body any) answer { return reply(http.StatusOK, body) }

func created(body any) answer { return reply(http.StatusCreated, body) }

func noContent() answer { return reply(http.StatusNoContent, nil) }

// problem is an error as GitHub says it.
func problem(status int, message string) answer {
	return reply(status, wire.Object{"message": message, "documentation_url": docs, "status": strconv.Itoa(status)})
}

func notFound() answer { return problem(http.StatusNotFound, "Not Found") }

func forbidden(message string) answer { return problem(http.StatusForbidden, message) }

func conflict(message string) answer { return problem(http.StatusConflict, message) }

func broken(doing string, err error) answer {
	return problem(http.StatusInternalServerError, doing+": "+err.Error())
}

// invalid is a 422 that names what is wrong with which field.
func invalid(resource, field, message string) answer {
	a := problem(http.StatusUnprocessableEntity, "Validation Failed")
	a.body.(wire.Object)["errors"] = []wire.Object{{"resource": resource, "field": field, "code": "custom", "message": message}}
	return a
}

// unprocessable is a 422 in words.
func unprocessable(message string) answer { return problem(http.StatusUnprocessableEntity, message) }

// encode writes the body.
func (a answer) encode() ([]byte, error) {
	if a.raw != nil || a.body == nil {
		return a.raw, nil
	}
	text, err := json.Marshal(a.body)
	if err != nil {
		return nil, fmt.Errorf("writing an answer: %w", err)
	}
	return text, nil
}

// etag of a body. It depends on who asks, as GitHub's does.
func etag(who model.Principal, body []byte) string {
	sum := sha256.Sum256(append([]byte(who.Key()+"\n"), body...))
	return fmt.Sprintf(`W/"%x"`, sum[:16])
}

// matches says that an ETag is among those of an If-None-Match.
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// bounds are which part of a list a page is.
func (c *call) bounds(total int) (from, to int) {
	per, page := c.query("per_page", 30), c.query("page", 1)
	per, page = min(max(per, 1), 100), max(page, 1)
	from = min((page-1)*per, total)
	return from, min(from+per, total)
}

func (c *call) query(name string, otherwise int) int {
	n, err := strconv.Atoi(c.request.URL.Query().Get(name))
	if err != nil {
		return otherwise
	}
	return n
}

// paged answers with one page of a list, and links to the others. What is listed is written by show.
func paged[T any](c *call, list []T, show func(T) any) answer {
	from, to := c.bounds(len(list))
	shown := make([]any, 0, to-from)
	for _, item := range list[from:to] {
		shown = append(shown, show(item))
	}
	a := ok(shown)
	c.linkPages(a.header, len(list))
	return a
}

// linkPages says where the other pages are.
func (c *call) linkPages(h http.Header, total int) {
	per, page := min(max(c.query("per_page", 30), 1), 100), max(c.query("page", 1), 1)
	last := max(1, (total+per-1)/per)
	var links []string
	add := func(n int, rel string) {
		u := *c.request.URL
		q := u.Query()
		q.Set("page", strconv.Itoa(n))
		u.RawQuery = q.Encode()
		links = append(links, fmt.Sprintf(`<%s%s>; rel="%s"`, c.world.URL, u.RequestURI(), rel))
	}
	if page > 1 {
		add(1, "first")
		add(page-1, "prev")
	}
	if page < last {
		add(page+1, "next")
		add(last, "last")
	}
	if len(links) > 0 {
		h.Set("Link", strings.Join(links, ", "))
	}
}
