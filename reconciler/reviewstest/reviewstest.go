// Package reviewstest is the contract of reconciler.Reviews as a test suite. Each implementation runs it against the real thing
// it talks to.
package reviewstest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Hub is a fresh forge for one test, with a config repository, and people past the port.
type Hub struct {
	// Branch that proposals are to go to, and another one that there is.
	Branch, Other string
	// New returns the port the way a process that has just started gets it. What one of them wrote, the others find on the forge
	// only.
	New func() reconciler.Reviews
	// Propose has Author propose a change to a branch, and returns its number and its head.
	Propose func(branch, title string) (number int, head string)
	// Methods are the ways in which a proposal can be merged; Merge does it, and returns the commits of the branch that it made.
	Methods []string
	Merge   func(number int, method string) []string
	Close   func(number int)
	// Shown is what people see of checks on a commit, by name, and Comments what they see under a proposal, oldest first.
	Shown    func(commit string) map[string]Shown
	Comments func(number int) []string
	// Say has Stranger write a comment, and Delete deletes all that have a text in them.
	Say    func(number int, text string)
	Delete func(number int, text string)
	// Writes counts what was written so far.
	Writes func() int
	// Author of proposals, who may read the repository Private, and Stranger, who may not. Anybody may read Public. Elsewhere is a
	// repository of another forge, and Nowhere none at all. IDs are those of Private and Public.
	Author, Stranger                    reconciler.Person
	Private, Public, Elsewhere, Nowhere string
	PrivateID, PublicID                 int64
}

// Shown is a check as people see it.
type Shown struct {
	State reconciler.State
	Title string
	URL   string
	// Text is all else that it says, with what is said at the lines of files.
	Text string
}

const marker = "<!-- plateform -->"

// Run holds an implementation against the contract. fresh is called once for each part of it.
func Run(t *testing.T, fresh func(t *testing.T) Hub) {
	parts := []struct {
		name string
		run  func(*testing.T, Hub)
	}{
		{"lists what is open to the branch", listsOpen},
		{"finds a proposal by its number", findsOne},
		{"knows what brought a commit", knowsMerged},
		{"shows a check in each state", showsStates},
		{"says nothing twice", saysNothingTwice},
		{"shows the newest word", showsNewest},
		{"keeps names and commits apart", keepsApart},
		{"keeps one comment", keepsOneComment},
		{"leaves what people write alone", leavesOthersAlone},
		{"writes a deleted comment again", writesDeletedAgain},
		{"agrees on one comment when processes race", agreesInARace},
		{"says who reads a repository", saysWhoReads},
		{"refuses what cannot be", refuses},
		{"gives up with the context", givesUp},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) { part.run(t, fresh(t)) })
	}
}

func listsOpen(t *testing.T, h Hub) {
	if open := list(t, h.New()); len(open) != 0 {
		t.Fatalf("nothing was proposed, and %v is open", open)
	}
	first, head := h.Propose(h.Branch, "the first <b>&</b> “best”")
	second, _ := h.Propose(h.Branch, "the second")
	h.Propose(h.Other, "to another branch")
	closed, _ := h.Propose(h.Branch, "closed")
	h.Close(closed)
	merged, _ := h.Propose(h.Branch, "merged")
	h.Merge(merged, h.Methods[0])
	port := h.New()
	for range 2 { // the second time little has to be read
		open := list(t, port)
		if len(open) != 2 || open[0].Number != first || open[1].Number != second {
			t.Fatalf("open are %+v, want %d and %d", open, first, second)
		}
		p := open[0]
		if p.Title != "the first <b>&</b> “best”" || p.Author != h.Author || p.Head != head || p.Branch != h.Branch || p.Fate != reconciler.FateOpen ||
			p.URL == "" || p.HeadRef == "" || p.MergedAs != "" || p.UpdatedAt.IsZero() {
			t.Errorf("the first one is %+v", p)
		}
	}
	h.Close(first)
	if open := list(t, port); len(open) != 1 || open[0].Number != second {
		t.Errorf("open are %+v once the first is closed", open)
	}
}

func findsOne(t *testing.T, h Hub) {
	port := h.New()
	number, head := h.Propose(h.Branch, "a change")
	if p := find(t, port, number); p == nil || p.Fate != reconciler.FateOpen || p.Head != head || p.Author != h.Author || p.MergedAs != "" {
		t.Errorf("open, it is %+v", p)
	}
	h.Close(number)
	if p := find(t, port, number); p == nil || p.Fate != reconciler.FateClosed || p.MergedAs != "" {
		t.Errorf("closed, it is %+v", p)
	}
	number, head = h.Propose(h.Branch, "another change")
	made := h.Merge(number, h.Methods[0])
	if p := find(t, port, number); p == nil || p.Fate != reconciler.FateMerged || p.Head != head || p.MergedAs != made[len(made)-1] {
		t.Errorf("merged as %v, it is %+v", made, p)
	}
	if p := find(t, port, 4711); p != nil {
		t.Errorf("there is no such proposal, and it is %+v", p)
	}
}

func knowsMerged(t *testing.T, h Hub) {
	other, head := h.Propose(h.Branch, "stays open")
	port := h.New()
	for _, method := range h.Methods {
		number, _ := h.Propose(h.Branch, "merged by "+method)
		for _, commit := range h.Merge(number, method) {
			if got, err := port.Merged(t.Context(), commit); err != nil || !slices.Equal(got, []int{number}) {
				t.Errorf("the commit of a %s was brought by %v, %v; want %d", method, got, err, number)
			}
		}
	}
	elsewhere, _ := h.Propose(h.Other, "to another branch")
	made := h.Merge(elsewhere, h.Methods[0])
	for _, commit := range append(made, head) {
		if got, err := port.Merged(t.Context(), commit); err != nil || len(got) != 0 {
			t.Errorf("a commit that is not on the branch was brought by %v, %v; %d is open", got, err, other)
		}
	}
}

func showsStates(t *testing.T, h Hub) {
	for i, state := range []reconciler.State{reconciler.StatePending, reconciler.StateSuccess, reconciler.StateFailure} {
		_, head := h.Propose(h.Branch, fmt.Sprint("change ", i))
		c := check(head, state, fmt.Sprint("title ", i))
		c.URL = "https://plateform.example.com/a?b=c&d=e"
		publish(t, h.New(), c)
		shown := h.Shown(head)[c.Name]
		if shown.State != state || shown.Title != c.Title || shown.URL != c.URL {
			t.Errorf("%s is shown as %+v", state, shown)
		}
	}
}

func saysNothingTwice(t *testing.T, h Hub) {
	number, head := h.Propose(h.Branch, "a change")
	c := failed(head, 3)
	publish(t, h.New(), c)
	comment(t, h.New(), number, marker+"\nthe plan — ö \U0001F680")
	before := h.Writes()
	port := h.New()
	for range 2 {
		publish(t, port, c)
		comment(t, port, number, marker+"\nthe plan — ö \U0001F680")
	}
	if n := h.Writes() - before; n != 0 {
		t.Errorf("%d writes of what is shown already", n)
	}
	c.Again = true
	publish(t, port, c)
	if n := h.Writes() - before; n != 1 {
		t.Errorf("%d writes of what somebody asks for again, want one", n)
	}
}

func showsNewest(t *testing.T, h Hub) {
	_, head := h.Propose(h.Branch, "a change")
	one, other := h.New(), h.New()
	words := []reconciler.Check{
		check(head, reconciler.StatePending, "looking"), failed(head, 3), failed(head, 1), check(head, reconciler.StateSuccess, "fine"),
		check(head, reconciler.StatePending, "looking again"), failed(head, 2), check(head, reconciler.StateSuccess, "fine"),
	}
	for i, c := range words {
		port := one
		if i%2 == 1 {
			port = other
		}
		publish(t, port, c)
		shown := h.Shown(head)
		if len(shown) != 1 || shown[c.Name].State != c.State || shown[c.Name].Title != c.Title {
			t.Errorf("after %d words the commit shows %+v, want %+v", i+1, shown, c)
		}
		for n := range 3 {
			what := fmt.Sprintf("what %d of %s", n, c.Title)
			if strings.Contains(shown[c.Name].Text, "what ") && strings.Contains(shown[c.Name].Text, what) != (n < len(c.Problems)) {
				t.Errorf("after %d words its problems are %q", i+1, shown[c.Name].Text)
			}
		}
	}
}

func keepsApart(t *testing.T, h Hub) {
	_, first := h.Propose(h.Branch, "a change")
	_, second := h.Propose(h.Branch, "another change")
	port := h.New()
	want := map[string]reconciler.State{}
	for i, state := range []reconciler.State{reconciler.StateSuccess, reconciler.StateFailure, reconciler.StatePending} {
		c := check([]string{first, first, second}[i], state, fmt.Sprint("title ", i))
		c.Name = []string{reconciler.PlanCheck, reconciler.OwnersCheck, reconciler.PlanCheck}[i]
		publish(t, port, c)
		want[c.Commit+" "+c.Name] = state
	}
	got := map[string]reconciler.State{}
	for _, commit := range []string{first, second} {
		for name, shown := range h.Shown(commit) {
			got[commit+" "+name] = shown.State
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states by commit and name (-want +got):\n%s", diff)
	}
}

func keepsOneComment(t *testing.T, h Hub) {
	number, _ := h.Propose(h.Branch, "a change")
	another, _ := h.Propose(h.Branch, "another change")
	port := h.New()
	comment(t, port, number, marker+"\nfirst")
	comment(t, port, number, marker+"\nsecond")
	comment(t, h.New(), number, marker+"\nthird")
	comment(t, port, another, marker+"\nof another")
	if err := port.Comment(t.Context(), number, commentOf("<!-- other -->\nbeside it")); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{marker + "\nthird", "<!-- other -->\nbeside it"}, h.Comments(number)); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{marker + "\nof another"}, h.Comments(another)); diff != "" {
		t.Errorf("comments of the other one (-want +got):\n%s", diff)
	}
}

func leavesOthersAlone(t *testing.T, h Hub) {
	number, _ := h.Propose(h.Branch, "a change")
	h.Say(number, marker+"\nI am Plateform")
	comment(t, h.New(), number, marker+"\nfirst")
	h.Say(number, marker+"\nno, I am")
	comment(t, h.New(), number, marker+"\nsecond")
	if diff := cmp.Diff([]string{marker + "\nI am Plateform", marker + "\nsecond", marker + "\nno, I am"}, h.Comments(number)); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
}

func writesDeletedAgain(t *testing.T, h Hub) {
	number, _ := h.Propose(h.Branch, "a change")
	port := h.New()
	comment(t, port, number, marker+"\nfirst")
	h.Delete(number, marker)
	comment(t, port, number, marker+"\nfirst")
	if diff := cmp.Diff([]string{marker + "\nfirst"}, h.Comments(number)); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
}

func agreesInARace(t *testing.T, h Hub) {
	const processes = 4
	number, _ := h.Propose(h.Branch, "a change")
	var racing sync.WaitGroup
	for i := range processes {
		port := h.New()
		racing.Go(func() { comment(t, port, number, fmt.Sprintf("%s\nof %d", marker, i)) })
	}
	racing.Wait()
	if got := h.Comments(number); len(got) != 1 || !strings.HasPrefix(got[0], marker+"\nof ") {
		t.Errorf("comments are %q, want one", got)
	}
	comment(t, h.New(), number, marker+"\nthe last")
	if diff := cmp.Diff([]string{marker + "\nthe last"}, h.Comments(number)); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
}

func saysWhoReads(t *testing.T, h Hub) {
	port := h.New()
	nobody := reconciler.Person{ID: 4711, Login: h.Author.Login} // somebody who had that login before
	for _, tt := range []struct {
		name       string
		who        reconciler.Person
		repository string
		want       bool
		id         int64
	}{
		{"who may", h.Author, h.Private, true, h.PrivateID},
		{"who may not", h.Stranger, h.Private, false, h.PrivateID},
		{"who has had the login", nobody, h.Private, false, h.PrivateID},
		{"who is nobody", reconciler.Person{}, h.Private, false, h.PrivateID},
		{"who is called like a path", reconciler.Person{ID: h.Author.ID, Login: "../" + h.Author.Login}, h.Private, false, h.PrivateID},
		{"anybody", h.Stranger, h.Public, true, h.PublicID},
		{"elsewhere", h.Author, h.Elsewhere, false, 0},
		{"nowhere", h.Author, h.Nowhere, false, 0},
		{"no repository", h.Author, "not a repository", false, 0},
	} {
		reads, id, err := port.Reads(t.Context(), tt.who, tt.repository)
		if err != nil || reads != tt.want || id != tt.id {
			t.Errorf("%s: reads %v, id %d, %v; want %v, %d", tt.name, reads, id, err, tt.want, tt.id)
		}
	}
}

func refuses(t *testing.T, h Hub) {
	number, _ := h.Propose(h.Branch, "a change")
	port := h.New()
	before := h.Writes()
	if err := port.Publish(t.Context(), check("nowhere", reconciler.StateSuccess, "fine")); err == nil {
		t.Error("what is no commit has a check")
	}
	if err := port.Publish(t.Context(), check(strings.Repeat("1", 40), reconciler.StateSuccess, "fine")); err == nil {
		t.Error("a commit that is not there has a check")
	}
	if _, err := port.Merged(t.Context(), "nowhere"); err == nil {
		t.Error("what is no commit was merged")
	}
	if err := port.Comment(t.Context(), number, reconciler.Comment{Marker: marker, Same: marker, Text: "a text without it"}); err == nil {
		t.Error("a comment is written that would not be found again")
	}
	if err := port.Comment(t.Context(), 4711, commentOf(marker+"\nthe plan")); err == nil {
		t.Error("a proposal that is not there has a comment")
	}
	if len(h.Comments(number)) != 0 {
		t.Errorf("comments are %q after %d writes", h.Comments(number), h.Writes()-before)
	}
}

func givesUp(t *testing.T, h Hub) {
	number, head := h.Propose(h.Branch, "a change")
	port := h.New()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := port.Open(ended); err == nil {
		t.Error("Open returned nil although its context had ended")
	}
	if err := port.Publish(ended, check(head, reconciler.StateSuccess, "fine")); err == nil {
		t.Error("Publish returned nil although its context had ended")
	}
	if err := port.Comment(ended, number, commentOf(marker+"\nthe plan")); err == nil {
		t.Error("Comment returned nil although its context had ended")
	}
	if _, _, err := port.Reads(ended, h.Author, h.Private); err == nil {
		t.Error("Reads returned nil although its context had ended")
	}
	if len(h.Comments(number)) != 0 || len(h.Shown(head)) != 0 {
		t.Errorf("%q and %+v are shown", h.Comments(number), h.Shown(head))
	}
}

func list(t *testing.T, port reconciler.Reviews) []reconciler.Proposal {
	t.Helper()
	open, err := port.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(open, func(a, b reconciler.Proposal) int { return a.Number - b.Number })
	return open
}

func find(t *testing.T, port reconciler.Reviews, number int) *reconciler.Proposal {
	t.Helper()
	p, err := port.Proposal(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func check(commit string, state reconciler.State, title string) reconciler.Check {
	return reconciler.Check{Name: reconciler.PlanCheck, Commit: commit, State: state, Title: title, Summary: "a summary of " + title}
}

func failed(commit string, problems int) reconciler.Check {
	c := check(commit, reconciler.StateFailure, fmt.Sprint(problems, " problems"))
	for i := range problems {
		c.Problems = append(c.Problems, manifest.Problem{File: "workspaces/ws-1/workspace.yaml", Line: i + 1, Column: 3,
			What: fmt.Sprintf("what %d of %s", i, c.Title), Fix: "mend it"})
	}
	return c
}

func publish(t *testing.T, port reconciler.Reviews, c reconciler.Check) {
	t.Helper()
	if err := port.Publish(t.Context(), c); err != nil {
		t.Error(err)
	}
}

// commentOf is a comment with a marker in its first line, which says what stands in its last one.
func commentOf(text string) reconciler.Comment {
	lines := strings.Split(text, "\n")
	return reconciler.Comment{Marker: lines[0], Same: lines[len(lines)-1], Text: text}
}

func comment(t *testing.T, port reconciler.Reviews, number int, text string) {
	t.Helper()
	if err := port.Comment(t.Context(), number, commentOf(text)); err != nil {
		t.Error(err)
	}
}
