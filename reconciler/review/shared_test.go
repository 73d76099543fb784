package review

import (
	"slices"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/card"
	"github.com/plateform/plateform/reconciler/plan"
)

// one is a proposal whose author may not do some things.
func one(number int, login string, mayNot ...manifest.Problem) judged {
	f := findings{state: reconciler.StateSuccess, title: "1 project", done: done{head: strings.Repeat("a", 40)}}
	f.card = card.Card{Plan: &plan.Plan{}, Rights: mayNot}
	return judged{reconciler.Proposal{Number: number, Author: reconciler.Person{Login: login}}, f}
}

// Whoever says it, what is said of a head is the worst of all that have it, with each problem once; one that nobody judged is bad, too.
func TestTheWorstOfAllThatShareAHead(t *testing.T) {
	wrong, worse := manifest.Problem{File: "a", What: "no right"}, manifest.Problem{File: "b", What: "no right at all"}
	tooMany := judged{Proposal: reconciler.Proposal{Number: 99}}
	for name, c := range map[string]struct {
		all      []judged
		state    reconciler.State
		title    string
		problems manifest.Problems
	}{
		"one alone":         {[]judged{one(1, "ann")}, reconciler.StateSuccess, "@ann may change all of this", nil},
		"both may":          {[]judged{one(1, "ann"), one(2, "bob")}, reconciler.StateSuccess, "all of the 2 pull requests with this commit may change all of this", nil},
		"one may not":       {[]judged{one(1, "ann"), one(2, "bob", wrong)}, reconciler.StateFailure, "of 2 pull requests with this commit, #2 may not change all of this", manifest.Problems{wrong}},
		"neither may":       {[]judged{one(1, "ann", wrong), one(2, "bob", wrong, worse)}, reconciler.StateFailure, "of 2 pull requests with this commit, #1, #2 may not change all of this", manifest.Problems{wrong, worse}},
		"more than is seen": {[]judged{one(1, "ann"), tooMany}, reconciler.StateFailure, "of 2 pull requests with this commit, #99 may not change all of this", nil},
	} {
		checks := checksOf(c.all)
		owners := checks[1]
		if owners.State != c.state || owners.Title != c.title || !slices.Equal(owners.Problems, c.problems) || owners.Commit != c.all[0].done.head {
			t.Errorf("%s: it says %+v, want %s: %s %v", name, owners, c.state, c.title, c.problems)
		}
		for _, p := range c.problems {
			if !strings.Contains(checks[0].Summary, p.What) {
				t.Errorf("%s: the plan's page does not say %q:\n%s", name, p.What, checks[0].Summary)
			}
		}
		if checks[0].State != reconciler.StateSuccess {
			t.Errorf("%s: the plan is %s", name, checks[0].State)
		}
	}
}
