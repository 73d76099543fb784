package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// statusFlags are the flags of status.
type statusFlags struct {
	lookFlags
	output string
}

// statusCommand says what runs, and what to do about what does not.
func (a *app) statusCommand() *cobra.Command {
	var flags statusFlags
	c := &cobra.Command{
		Use:     "status [WORKSPACE/PROJECT]",
		GroupID: groupLook,
		Short:   "Say what runs, what failed or is held, why, and what to do",
		Long: `Say what runs, since when, what failed or is held, why, and what to do.

All of it is read from Git. The config repository is the remote of the checkout you stand in, or --config-repo. The
GitOps repository is --gitops-repo, or what "git config ` + gitopsSetting + `" says in the checkout; without it only the
config repository is looked at. docs/output.md describes the fields of --output json.`,
		Example: `  plateform status                        # all projects
  plateform status ws-1/shop              # one project in full
  plateform status --output json | jq '.projects[] | select(.state == "failed")'

  # once in each checkout:
  git config ` + gitopsSetting + ` https://github.com/acme/plateform-gitops`,
		Args:              argumentCount(0, 1),
		ValidArgsFunction: completeProject,
		RunE: func(c *cobra.Command, args []string) error {
			if err := oneOf("output", flags.output, "text", "json"); err != nil {
				return err
			}
			var key *manifest.Key
			if len(args) == 1 {
				k, err := parseKey(args[0])
				if err != nil {
					return err
				}
				key = &k
			}
			return a.status(c.Context(), flags, key)
		},
	}
	flags.add(c)
	outputFlag(c, &flags.output, "text", "json")
	return c
}

func (a *app) status(ctx context.Context, flags statusFlags, key *manifest.Key) (err error) {
	look, err := openLook(ctx, flags.lookFlags, a.now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, look.close()) }()

	keys := []manifest.Key{}
	if key != nil {
		keys = append(keys, *key)
	} else if keys, err = config.ProjectsAt(look.config.objects, look.head); err != nil {
		return err
	}
	if err := look.readSince(ctx, key); err != nil {
		return err
	}
	found := statusReport{ConfigCommit: look.head, GitOpsCommit: look.gitopsHead, Projects: []projectStatus{}}
	for _, k := range keys {
		s, err := look.project(k)
		if err != nil {
			return err
		}
		found.Projects = append(found.Projects, s)
	}
	switch {
	case flags.output == "json":
		return writeJSON(a.stdout, found)
	case key != nil:
		a.printProject(found.Projects[0], look.gitopsHead != "")
	default:
		a.printProjects(found, look.gitopsHead != "")
	}
	return nil
}

// statusReport is what `status --output json` prints. Keys are added, never renamed or removed.
type statusReport struct {
	// ConfigCommit and GitOpsCommit are what was looked at; GitOpsCommit is empty when no GitOps repository is known.
	ConfigCommit string          `json:"configCommit"`
	GitOpsCommit string          `json:"gitopsCommit"`
	Projects     []projectStatus `json:"projects"`
}

// projectState is the one word for how a project is.
type projectState string

const (
	stateRunning  projectState = "running"  // what the newest release says is in GitOps
	statePending  projectState = "pending"  // something is on its way
	stateFailed   projectState = "failed"   // the newest attempt failed; what ran before still runs
	stateHeld     projectState = "held"     // rolled back: something at HEAD is kept from being released
	stateFrozen   projectState = "frozen"   // history was rewritten: nothing moves until a retry
	stateRefused  projectState = "refused"  // a release file is not honoured
	stateNew      projectState = "new"      // nothing was released yet
	stateReleased projectState = "released" // there is a release; whether it runs is not known without the GitOps repository
)

// projectStatus is one project of a statusReport.
type projectStatus struct {
	manifest.Key
	Type    manifest.ProjectType `json:"type"`
	State   projectState         `json:"state"`
	Release *releaseStatus       `json:"release,omitempty"` // the newest that is honoured
	Runs    string               `json:"runs,omitempty"`    // the release that GitOps says runs
	Since   string               `json:"since,omitempty"`   // when that was written; without GitOps, when it was released
	URL     string               `json:"url,omitempty"`
	Stage   string               `json:"stage,omitempty"` // how far the run is that is under way
	Highest string               `json:"highest,omitempty"`
	Holds   []manifest.Hold      `json:"holds,omitempty"`
	Last    *manifest.LastRun    `json:"last,omitempty"`
	Why     []string             `json:"why,omitempty"`  // reasons for the state, in sentences
	Next    []string             `json:"next,omitempty"` // what to do about it
	Paused  bool                 `json:"paused,omitempty"`
}

// releaseStatus is the newest release of a project.
type releaseStatus struct {
	Version   string           `json:"version"`
	CreatedAt string           `json:"createdAt"`
	Cause     manifest.Cause   `json:"cause"`
	Images    []manifest.Image `json:"images,omitempty"`
}

// writeJSON writes indented JSON.
func writeJSON(w interface{ Write([]byte) (int, error) }, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

// oneOf refuses values of a flag that it does not know.
func oneOf(flag, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return usageError("--%s %q is not known (use %s)", flag, value, strings.Join(known, ", "))
}
