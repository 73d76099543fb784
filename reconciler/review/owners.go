package review

import (
	"context"
	"fmt"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/card"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/rights"
)

// maxSources is how many repositories of one proposal it is asked whether people can read them.
const maxSources = 50

// people are whose rights count: both who proposes something and who pushed it there.
func people(p reconciler.Proposal) []rights.Person {
	people := []rights.Person{rights.Person(p.Author)}
	if p.Pusher.ID != 0 && p.Pusher.ID != p.Author.ID {
		people = append(people, rights.Person(p.Pusher))
	}
	return people
}

// source is a repository that a proposal newly builds from, by the id that stays when it is renamed; 0 when it is not known.
type source struct {
	repository string
	id         int64
}

// owners finds out whether the people behind a proposal may change what a merge changes, and which repositories that is about.
func (r planner) owners(ctx context.Context, p reconciler.Proposal, base, merged string) (manifest.Problems, []source, error) {
	verdict, err := rights.Check(r.Config, base, merged, people(p)...)
	if err != nil {
		return nil, nil, err
	}
	problems := verdict.Problems
	var sources []source
	for _, text := range []string{p.Title, p.Body} {
		more, err := r.retries(p, base, text)
		if err != nil {
			return nil, nil, err
		}
		problems = append(problems, more...)
	}
	known := map[string]string{}
	for i, named := range verdict.Sources {
		if i == maxSources {
			return append(problems, manifest.Problem{File: named.File, Line: named.Line, Column: named.Column, Field: named.Field,
				What: fmt.Sprintf("and %s more that it would have to be asked about", manifest.Count(len(verdict.Sources)-i, "repository")), Fix: "make smaller changes"}), sources, nil
		}
		unable, asked := known[named.Repository]
		if !asked {
			var id int64
			if unable, id, err = r.unable(ctx, people(p), named.Repository); err != nil {
				return nil, nil, fmt.Errorf("asking who may read %s: %w", named.Repository, err)
			}
			known[named.Repository] = unable
			sources = append(sources, source{named.Repository, id})
		}
		if unable != "" {
			problems = append(problems, manifest.Problem{File: named.File, Line: named.Line, Column: named.Column, Field: named.Field,
				What: fmt.Sprintf("@%s cannot read %s, as far as can be seen, and so cannot have it built", unable, manifest.WithoutCredentials(named.Repository)),
				Fix:  "let them read it, install the GitHub App there, or have somebody propose this who can"})
		}
	}
	return problems, sources, nil
}

// retries judges what the title or the text of a proposal asks to retry: GitHub puts them into the message of the commit that it
// merges as, where they count.
func (r planner) retries(p reconciler.Proposal, base, text string) (manifest.Problems, error) {
	var problems manifest.Problems
	for paragraph := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		for _, key := range config.Retries(manifest.Commit{Message: paragraph}) {
			may, err := rights.Project(r.Config, base, key, "retry a project, as the title or text of this does", people(p)...)
			if err != nil {
				return nil, err
			}
			problems = append(problems, may...)
		}
	}
	return problems, nil
}

// unable is the first of some people who cannot read a repository; empty when all can. It returns the repository's id, too.
func (r planner) unable(ctx context.Context, people []rights.Person, repository string) (login string, id int64, err error) {
	for _, person := range people {
		reads, known, err := r.Reviews.Reads(ctx, reconciler.Person(person), repository)
		if err != nil || !reads {
			return person.Login, known, err
		}
		id = known
	}
	return "", id, nil
}

// ownersCheck is the check of it.
func ownersCheck(p reconciler.Proposal, f findings) reconciler.Check {
	check := reconciler.Check{Name: reconciler.OwnersCheck, Commit: f.done.head, State: reconciler.StateSuccess, Problems: f.card.Rights}
	check.Title = fmt.Sprintf("@%s may change all of this", p.Author.Login)
	switch {
	case f.card.Plan == nil:
		check.State, check.Title = reconciler.StateFailure, "there is nothing to judge: it cannot be merged"
	case len(f.card.Rights) > 0:
		check.State, check.Title = reconciler.StateFailure, fmt.Sprintf("@%s may not do %s in this", p.Author.Login, manifest.Count(len(f.card.Rights), "thing"))
	}
	check.Summary = check.Title + "."
	for _, source := range f.sources {
		id := "nobody can say which one it is"
		if source.id != 0 {
			id = fmt.Sprintf("repository %d", source.id)
		}
		check.Summary += fmt.Sprintf("\n- built from %s: %s", card.Text(source.repository), id)
	}
	return check
}
