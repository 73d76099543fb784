package reviews_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
)

const (
	listActivity    = "GET /repos/{owner}/{repo}/activity"
	listAllComments = "GET /repos/{owner}/{repo}/issues/comments"
	getComment      = "GET /repos/{owner}/{repo}/issues/comments/{comment_id}"
)

// pusher is who pushed the head of a pull request, asked as a process does that has just started.
func (h *hub) pusher(number int) reconciler.Person {
	h.t.Helper()
	p, err := h.app().Proposal(h.t.Context(), number)
	h.must(err)
	return p.Pusher
}

func TestPusher(t *testing.T) {
	h := newHub(t)
	number, head := h.propose("main", "a change")
	if got := h.pusher(number); got != (reconciler.Person{ID: ben, Login: "ben"}) {
		t.Errorf("ben pushed, and it is %+v", got)
	}
	_, err := h.Commit(t.Context(), forge.NewCommit{Repo: config, Branch: "change-1", Author: ann, Message: "More", Files: map[string]string{"more.md": "more"}})
	h.must(err)
	if got := h.pusher(number); got != (reconciler.Person{ID: ann, Login: "ann"}) {
		t.Errorf("ann pushed after that, and it is %+v", got)
	}
	// What was pushed to another branch before says nothing of this one.
	h.look(func(r *model.Repository) {
		for i := range r.Moves {
			r.Moves[i].To = head
		}
	})
	if got := h.pusher(number); got != (reconciler.Person{}) {
		t.Errorf("nobody pushed that, and it is %+v", got)
	}
	for status, wants := range map[int]bool{http.StatusNotFound: false, http.StatusForbidden: false, http.StatusBadGateway: true} {
		h.Inject(githubserver.Fault{Operation: listActivity, Times: 1, Status: status})
		p, err := h.app().Proposal(t.Context(), number)
		if (err != nil) != wants || err == nil && p.Pusher != (reconciler.Person{}) {
			t.Errorf("GitHub answers %d, and it is %+v, %v", status, p, err)
		}
	}
}

// Of a public fork it is known who pushed, whoever owns it.
func TestPusherOfPublicFork(t *testing.T) {
	h := newHub(t)
	_, err := h.AddRepository(t.Context(), forge.NewRepository{Name: "ben/platform-config", ForkOf: config})
	h.must(err)
	_, err = h.Commit(t.Context(), forge.NewCommit{Repo: "ben/platform-config", Branch: "fork", Author: eve, Message: "Change", Files: map[string]string{"a.md": "a"}})
	h.must(err)
	number, err := h.OpenPull(t.Context(), forge.NewPull{Repo: config, HeadRepo: "ben/platform-config", Head: "fork", Title: "a change", Author: ben})
	h.must(err)
	if got := h.pusher(number); got != (reconciler.Person{ID: eve, Login: "eve"}) {
		t.Errorf("it was pushed by %+v, and not by eve", got)
	}
}

// Into a private fork of one's own those push whom one lets, and one answers for it; of any other nobody says who did.
func TestPusherOfFork(t *testing.T) {
	for author, want := range map[int64]reconciler.Person{ben: {ID: ben, Login: "ben"}, ann: {}} {
		h := newHub(t)
		_, err := h.AddRepository(t.Context(), forge.NewRepository{Name: "ben/platform-config", Private: true, ForkOf: config})
		h.must(err)
		_, err = h.Commit(t.Context(), forge.NewCommit{Repo: "ben/platform-config", Branch: "fork", Author: ben, Message: "Change", Files: map[string]string{"a.md": "a"}})
		h.must(err)
		number, err := h.OpenPull(t.Context(), forge.NewPull{Repo: config, HeadRepo: "ben/platform-config", Head: "fork", Title: "a change", Author: author})
		h.must(err)
		if got := h.pusher(number); got != want {
			t.Errorf("proposed by %d, it was pushed by %+v, want %+v", author, got, want)
		}
	}
}

func TestRemarks(t *testing.T) {
	h := newHub(t)
	number, _ := h.propose("main", "a change")
	begin := h.Now()
	say := func(who int64, text string) int64 {
		h.pass(time.Minute)
		id, err := h.Comment(config, number, who, text)
		h.must(err)
		return id
	}
	first, second, third := say(ben, "/plan"), say(eve, "/merge"), say(ann, "thanks")
	h.pass(time.Minute)
	h.must(h.EditComment(config, second, ann, "/plan too"))
	port := h.app()
	ids := func(since time.Time) (ids []int64) {
		t.Helper()
		remarks, err := port.Remarks(t.Context(), since)
		h.must(err)
		for _, r := range remarks {
			ids = append(ids, r.ID)
		}
		return ids
	}
	if got := ids(begin); !slices.Equal(got, []int64{first, third, second}) {
		t.Errorf("remarks are %v, want %d, %d and what was edited then, %d", got, first, third, second)
	}
	if got := ids(begin.Add(4 * time.Minute)); !slices.Equal(got, []int64{second}) {
		t.Errorf("the newest remarks are %v, want %d", got, second)
	}
	for id, want := range map[int64]reconciler.Remark{
		first:  {ID: first, Proposal: number, Author: reconciler.Person{ID: ben, Login: "ben"}, Text: "/plan", At: begin.Add(time.Minute)},
		second: {ID: second, Proposal: number, Author: reconciler.Person{ID: eve, Login: "eve"}, Text: "/plan too", Edited: true, At: begin.Add(2 * time.Minute)},
	} {
		if got, err := port.Remark(t.Context(), id); err != nil || *got != want {
			t.Errorf("the remark is %+v, %v; want %+v", got, err, want)
		}
	}
	h.remove(number, "thanks")
	if got, err := port.Remark(t.Context(), third); err != nil || got != nil {
		t.Errorf("a deleted remark is %+v, %v", got, err)
	}
	h.Inject(githubserver.Fault{Operation: listAllComments, Status: http.StatusBadGateway})
	h.Inject(githubserver.Fault{Operation: getComment, Status: http.StatusBadGateway})
	if _, err := port.Remarks(t.Context(), begin); err == nil {
		t.Error("there are no remarks while GitHub does not answer")
	}
	if _, err := port.Remark(t.Context(), first); err == nil {
		t.Error("there is no remark while GitHub does not answer")
	}
}

func TestCommented(t *testing.T) {
	h := newHub(t)
	number, _ := h.propose("main", "a change")
	port := h.app()
	const marker = "<!-- plateform:answer 7 -->"
	commented := func(want bool) {
		t.Helper()
		if got, err := port.Commented(t.Context(), number, marker); err != nil || got != want {
			t.Errorf("an answer is there: %v, %v", got, err)
		}
	}
	_, err := h.Comment(config, number, ben, marker) // it is not Plateform's
	h.must(err)
	commented(false)
	h.must(port.Comment(t.Context(), number, reconciler.Comment{Marker: marker, Same: marker, Text: marker + "\nDone.\n"}))
	commented(true)
	h.Inject(githubserver.Fault{Operation: listComments, Status: http.StatusBadGateway})
	if _, err := port.Commented(t.Context(), number, marker); err == nil {
		t.Error("there is no answer while GitHub does not answer")
	}
}
