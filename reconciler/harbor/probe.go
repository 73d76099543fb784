package harbor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Condition is what a Harbor says of itself, and of the project that an image is in.
type Condition struct {
	// Project of Harbor.
	Project string
	// Unhealthy are the components that are not well, each with why.
	Unhealthy []string
	// Scanner says that there is the scanner that Harbor is installed with.
	Scanner bool
	// Retention says that rules remove images of the project, and that account may read them.
	Retention bool
	// KeepsReleases says that these rules keep every tag of a release, or as many as were asked about.
	KeepsReleases bool
	// Hidden says that the account may not read the rules.
	Hidden bool
}

type health struct {
	Components []struct{ Name, Status, Error string }
}

type project struct {
	Metadata struct {
		RetentionID string `json:"retention_id"`
	} `json:"metadata"`
}

type retention struct {
	Rules []rule `json:"rules"`
}

type rule struct {
	Disabled     bool                  `json:"disabled"`
	Template     string                `json:"template"`
	Params       map[string]any        `json:"params"`
	TagSelectors []selector            `json:"tag_selectors"`
	Scope        map[string][]selector `json:"scope_selectors"`
}

type selector struct{ Decoration, Pattern string }

// Probe asks how well Harbor is, whether the credentials may see the project of a repository, and which rules remove images from it. keep is
// how many release files a project keeps. It changes nothing.
func (c *Client) Probe(ctx context.Context, repository string, keep int) (Condition, error) {
	at, err := c.artifact(repository, "x")
	if err != nil {
		return Condition{}, err
	}
	root, rest, _ := strings.Cut(at, "/projects/")
	escaped, _, _ := strings.Cut(rest, "/")
	name, err := url.PathUnescape(escaped)
	if err != nil {
		return Condition{}, err
	}
	found := Condition{Project: name}
	var h health
	if err := c.call(ctx, Login{}, http.MethodGet, root+"/health", &h); err != nil {
		return found, err
	}
	for _, part := range h.Components {
		found.Scanner = found.Scanner || part.Name == "trivy"
		if part.Status != "healthy" {
			found.Unhealthy = append(found.Unhealthy, strings.TrimSuffix(part.Name+": "+part.Error, ": "))
		}
	}
	login := c.loginOf(repository)
	var p project
	if err := c.call(ctx, login, http.MethodGet, root+"/projects/"+escaped, &p); err != nil {
		return found, err
	}
	if p.Metadata.RetentionID == "" {
		return found, nil
	}
	var rules retention
	err = c.call(ctx, login, http.MethodGet, root+"/retentions/"+url.PathEscape(p.Metadata.RetentionID), &rules)
	var refused *Error
	if errors.As(err, &refused) && (refused.Status == http.StatusForbidden || refused.Status == http.StatusUnauthorized) {
		found.Hidden = true
		return found, nil
	}
	if err != nil {
		return found, fmt.Errorf("reading which images are retained: %w", err)
	}
	for _, r := range rules.Rules {
		if !r.Disabled {
			found.Retention = true
			found.KeepsReleases = found.KeepsReleases || r.keepsReleases(keep)
		}
	}
	return found, nil
}

// keepsReleases says that a rule keeps the tags of releases in all repositories: all, or the keep newest.
func (r rule) keepsReleases(keep int) bool {
	everywhere := func(all []selector, wanted ...string) bool {
		for _, s := range all {
			for _, pattern := range wanted {
				if (s.Decoration == "matches" || s.Decoration == "repoMatches") && s.Pattern == pattern {
					return true
				}
			}
		}
		return false
	}
	if !everywhere(r.TagSelectors, "**", "*", "v*", "v**") || !everywhere(r.Scope["repository"], "**") {
		return false
	}
	switch r.Template {
	case "always":
		return true
	case "latestPushedK":
		n, _ := r.Params["latestPushedK"].(float64)
		return int(n) >= keep
	}
	return false
}
