package jenkinsserver

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keptLeft is how long an item is known that has left the queue.
const keptLeft = 5 * time.Minute

// queue is what waits, and what has left a while ago. The server's lock guards it.
type queue struct {
	next  int
	items []*item
	held  bool
	// why it is held, when somebody said so.
	why   string
	given []given
}

// given is when a number was given out.
type given struct {
	id int
	at time.Time
}

type item struct {
	id         int
	job        *job
	parameters []value
	causes     int
	since, due time.Time
	// left the queue: canceled, or as a build.
	left     time.Time
	canceled bool
	build    *Build
}

func (it *item) waiting() bool { return it.left.IsZero() }

// forgetLeft forgets what left the queue, as every restart does.
func (q *queue) forgetLeft() {
	q.items = slices.DeleteFunc(q.items, func(it *item) bool { return !it.waiting() })
}

// lose loses the items that are younger than the queue's file, and gives their numbers out again.
func (q *queue) lose(saved time.Time) {
	q.items = slices.DeleteFunc(q.items, func(it *item) bool { return it.since.After(saved) })
	for i := len(q.given) - 1; i >= 0 && q.given[i].at.After(saved); i-- {
		q.next = q.given[i].id
		q.given = q.given[:i]
	}
}

// enqueue puts a build into the queue, or finds it there.
func (s *Server) enqueue(j *job, parameters []value, delay time.Duration) (it *item, known bool) {
	for _, it := range s.queue.items {
		if it.waiting() && it.job == j && reflect.DeepEqual(it.parameters, parameters) {
			it.causes++
			return it, true
		}
	}
	now := s.options.Now()
	it = &item{id: s.queue.next, job: j, parameters: parameters, causes: 1, since: now, due: now.Add(delay)}
	s.queue.given = append(s.queue.given, given{it.id, now})
	s.queue.next++
	s.queue.items = append(s.queue.items, it)
	j.items++
	s.letGo()
	return it, false
}

// letGo starts what waits no longer. The caller holds the lock.
func (s *Server) letGo() {
	now := s.options.Now()
	if s.queue.held || s.state != up {
		return
	}
	for _, it := range s.queue.items {
		if it.waiting() && !it.due.After(now) {
			it.left, it.build = now, s.begin(it)
			it.job.items--
		}
	}
	s.queue.items = slices.DeleteFunc(s.queue.items, func(it *item) bool { return !it.waiting() && now.Sub(it.left) > keptLeft })
}

// find is the item with a number.
func (q *queue) find(id string) *item {
	for _, it := range q.items {
		if strconv.Itoa(it.id) == id {
			return it
		}
	}
	return nil
}

// serveQueue answers for /queue/...
func (s *Server) serveQueue(r *http.Request, who User, path []string) answer {
	switch {
	case r.Method == http.MethodGet && slices.Equal(path, []string{"api", "json"}):
		var items []any
		for _, it := range slices.Backward(s.queue.items) {
			if it.waiting() {
				items = append(items, s.itemJSON(it))
			}
		}
		return s.json(r, map[string]any{"_class": "hudson.model.Queue", "discoverableItems": []any{}, "items": list(items)})
	case r.Method == http.MethodGet && len(path) == 4 && path[0] == "item" && path[2] == "api" && path[3] == "json":
		if it := s.queue.find(path[1]); it != nil {
			return s.json(r, s.itemJSON(it))
		}
	case slices.Equal(path, []string{"cancelItem"}):
		return s.cancelItem(r, who)
	}
	return notFound(r)
}

func (s *Server) cancelItem(r *http.Request, who User) answer {
	it := s.queue.find(r.Form.Get("id"))
	switch {
	case r.Method != http.MethodPost:
		return s.postOnly()
	case it == nil:
		return s.page(http.StatusNotFound, "Jenkins")
	case slices.Contains(who.Lacks, "Job.Cancel"):
		return s.page(http.StatusUnprocessableEntity, "Jenkins")
	case !it.waiting():
		return s.page(http.StatusInternalServerError, "Jenkins")
	}
	it.left, it.canceled = s.options.Now(), true
	it.job.items--
	return answer{status: http.StatusNoContent, header: plainHeader()}
}

// itemJSON is an item as JSON.
func (s *Server) itemJSON(it *item) map[string]any {
	var pairs strings.Builder
	for _, p := range it.parameters {
		fmt.Fprintf(&pairs, "\n%s=%v", p.name, p.value)
	}
	o := map[string]any{
		"actions": actionsJSON(it.parameters, it.causes), "blocked": false, "buildable": false, "id": it.id,
		"inQueueSince": it.since.UnixMilli(), "params": pairs.String(), "stuck": false, "url": fmt.Sprintf("queue/item/%d/", it.id),
		"task": s.jobLink(it.job),
	}
	if it.waiting() {
		o["_class"], o["timestamp"] = "hudson.model.Queue$WaitingItem", it.due.UnixMilli()
		o["why"] = fmt.Sprintf("In the quiet period. Expires in %s", it.due.Sub(s.options.Now()))
		if !it.due.After(s.options.Now()) {
			o["_class"], o["buildable"], o["why"] = "hudson.model.Queue$BuildableItem", true, cmp.Or(s.queue.why, "Waiting for next available executor")
		}
		return o
	}
	o["_class"], o["why"], o["cancelled"], o["executable"] = "hudson.model.Queue$LeftItem", nil, it.canceled, nil
	if it.build != nil {
		o["executable"] = s.buildLink(it.build)
	}
	return o
}

// values are the parameters that a request gives a job; problem says what is wrong with one.
func (j *job) values(form url.Values) (values []value, problem string) {
	for _, p := range j.Parameters {
		text := p.Default
		if given, ok := form[p.Name]; ok && len(given) > 0 {
			text = given[0]
		}
		switch {
		case p.Bool:
			values = append(values, value{"hudson.model.BooleanParameterValue", p.Name, text == "true"})
		case len(p.Choices) > 0 && !slices.Contains(p.Choices, text):
			return nil, fmt.Sprintf("Illegal choice for parameter %s: %s", p.Name, text)
		default:
			values = append(values, value{"hudson.model.StringParameterValue", p.Name, text})
		}
	}
	return values, ""
}
