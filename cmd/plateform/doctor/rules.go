package doctor

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

// branchRule is a rule of a branch as GitHub tells it.
type branchRule struct {
	Type       string `json:"type"`
	Ruleset    int64  `json:"ruleset_id"`
	Parameters struct {
		Strict bool `json:"strict_required_status_checks_policy"`
	} `json:"parameters"`
}

// ruleset is what has to be known of one: its name, and whether whoever asks may pass it by.
type ruleset struct {
	Name   string `json:"name"`
	Bypass string `json:"current_user_can_bypass"`
}

// harmless are the rules that a push of Plateform's keeps: it never deletes a branch, nor rewrites it, nor merges.
func harmless() []string {
	return []string{"deletion", "non_fast_forward", "creation", "required_linear_history"}
}

// checkRules asks whether the rules of a branch let Plateform push, and whether they let people merge without waiting for it.
func (d onGitHub) checkRules(ctx context.Context, r auth.Repository, branch string) []Diagnosis {
	what := "GitHub"
	api := d.github.Client.As(auth.LoginTo(d.github.Tokens, r, auth.ReadMetadata()))
	var rules []branchRule
	if err := askFor(ctx, api, fmt.Sprintf("repos/%s/%s/rules/branches/%s", r.Owner, r.Name, url.PathEscape(branch)), &rules); err != nil {
		if client.Denied(err) { // an older GitHub has none
			return nil
		}
		return []Diagnosis{broken(what, err, "see that this machine reaches "+d.github.Site.API.String())}
	}
	refusing := map[int64][]string{}
	var found []Diagnosis
	for _, rule := range rules {
		if !slices.Contains(harmless(), rule.Type) {
			refusing[rule.Ruleset] = append(refusing[rule.Ruleset], strings.ReplaceAll(rule.Type, "_", " "))
		}
		if rule.Parameters.Strict {
			found = append(found, warn(what, fmt.Sprintf("%s: pull requests have to be up to date with %s before they are merged, which every release undoes", r, branch),
				"turn that off in the ruleset: Plateform plans what the merge makes"))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(refusing)) {
		var set ruleset
		if err := askFor(ctx, api, fmt.Sprintf("repos/%s/%s/rulesets/%d", r.Owner, r.Name, id), &set); err != nil {
			found = append(found, warn(what, fmt.Sprintf("%s: a ruleset of %s cannot be read: %v", r, branch, err), "see that it lets Plateform pass it by"))
			continue
		}
		if set.Bypass != "always" {
			found = append(found, fail(what, fmt.Sprintf("%s: the ruleset %q of %s wants %s, and Plateform may not pass it by", r, set.Name, branch, strings.Join(refusing[id], ", ")),
				"add the GitHub App, or the owner of the token, to its bypass list, always"))
		}
	}
	if len(rules) > 0 && len(found) == 0 {
		found = append(found, ok(what, "%s: the rules of %s let Plateform push", r, branch))
	}
	return found
}

// askFor reads what GitHub says at a path.
func askFor(ctx context.Context, api *github.Client, path string, into any) error {
	request, err := api.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return fmt.Errorf("asking GitHub: %w", err)
	}
	_, err = api.Do(ctx, request, into)
	return client.Explain(err)
}
