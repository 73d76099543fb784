package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/secrets"
)

// secrets says what a change does to the secrets of a project: that other code gets them, and what is missing. Where what was encrypted
// can be opened, it returns the problems of those that cannot be.
func (p *Project) secrets(t config.Transition, platform *manifest.Platform, opener secret.Opener) (blocking manifest.Problems) {
	if !t.After.Present || !t.After.Parsed {
		return nil
	}
	if names := secretsOf(t.After); len(names) > 0 && otherCode(t) {
		p.Secrets = append(p.Secrets, "other code gets "+strings.Join(names, ", ")+": where the code comes from was changed")
	}
	noRecipients := platform == nil || len(platform.Spec.Secrets.Recipients) == 0
	if p.makes() && noRecipients && t.After.Spec.Type == manifest.Database && (t.After.Newest == nil || t.After.Newest.Spec.Credentials == "") {
		p.Secrets = append(p.Secrets, "the credentials of the database are not made: platform.yaml names nobody to encrypt them for in spec.secrets.recipients")
	}
	if opener == nil || !touched(t) {
		return nil
	}
	blocking = secrets.Check(t.Key, t.After.Owner, t.After.Spec, opener)
	for _, problem := range blocking {
		p.Secrets = append(p.Secrets, problem.What)
	}
	return blocking
}

// secretsOf are the names of the variables that nobody but the code of a project gets to know: secrets, and what databases tell it.
func secretsOf(v *config.View) (names []string) {
	for _, e := range manifest.Variables(v.Spec) {
		if e.Secret != "" || e.From != nil && slices.Contains(v.Inputs.Databases, e.From.Project) {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// otherCode says that a change has a project run code from elsewhere: of another repository, path, branch or commit, another image, or
// built in another way.
func otherCode(t config.Transition) bool {
	if t.Before == nil || !t.Before.Present || !t.Before.Parsed {
		return false
	}
	origins := func(v *config.View) (all []string) {
		for _, in := range manifest.SourceInputs(v.Spec) {
			origin := fmt.Sprintf("%s %q %q %q %q %q", in.Part, in.Source.Repository, in.Source.Path, in.Source.Branch, in.Source.Revision, in.Reference)
			if in.Build != nil {
				origin += fmt.Sprintf(" %q", in.Build.Dockerfile)
			}
			all = append(all, origin)
		}
		return all
	}
	before := origins(t.Before)
	return slices.ContainsFunc(origins(t.After), func(origin string) bool { return !slices.Contains(before, origin) })
}
