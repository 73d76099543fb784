package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/manifest"
)

// whyFlags are the flags of why.
type whyFlags struct {
	lookFlags
	output string
}

// whyCommand traces what runs to the commits that caused it, and back.
func (a *app) whyCommand() *cobra.Command {
	var flags whyFlags
	c := &cobra.Command{
		Use:     "why URL|COMMIT|IMAGE|WORKSPACE/PROJECT[@VERSION]",
		GroupID: groupLook,
		Short:   "Say why something runs: its release, commits, cause, and fate",
		Long: `Say why something runs: the release, its commits, who caused it, and what became of it.

Ask with what you have at hand:
  URL or host                       what runs there
  WORKSPACE/PROJECT                 what runs of it
  WORKSPACE/PROJECT@VERSION         that release
  commit of the config repository   the releases it caused, made or took back
  commit of the GitOps repository   the release it wrote
  commit of an app                  what was built from it, or why nothing was
  digest of an image                the releases that run it

Commits and digests may be cut short. All of it is read from Git, as status does; see there for how both repositories
are found. docs/output.md describes the fields of --output json.`,
		Example: `  plateform why https://shop.example.com/cart
  plateform why 9fceb02d0a
  plateform why registry.example.com/ws-1/shop@sha256:4f5e...
  plateform why ws-1/shop@v1.0.3
  plateform why ws-1/shop -o json | jq -r '.answers[].release.commit.hash'`,
		Args:              argumentCount(1, 1),
		ValidArgsFunction: completeReleases,
		RunE: func(c *cobra.Command, args []string) error {
			if err := oneOf("output", flags.output, "text", "json"); err != nil {
				return err
			}
			q, err := parseQuestion(args[0])
			if err != nil {
				return err
			}
			return a.why(c.Context(), flags, q)
		},
	}
	flags.add(c)
	outputFlag(c, &flags.output, "text", "json")
	return c
}

func (a *app) why(ctx context.Context, flags whyFlags, q question) (err error) {
	look, err := openLook(ctx, flags.lookFlags, a.now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, look.close()) }()
	t := newTracer(look)
	report, err := t.answer(ctx, q)
	if err != nil {
		return err
	}
	if flags.output == "json" {
		return writeJSON(a.stdout, report)
	}
	a.printWhy(report)
	return nil
}

// whyReport is what `why --output json` prints. Keys are added, never renamed or removed.
type whyReport struct {
	Asked string       `json:"asked"`
	Kind  questionKind `json:"kind"`
	// ConfigCommit and GitOpsCommit are what was looked at; GitOpsCommit is empty when no GitOps repository is known.
	ConfigCommit string `json:"configCommit"`
	GitOpsCommit string `json:"gitopsCommit"`
	// Commit that was asked for, when it is one of the two repositories.
	Commit  *askedCommit `json:"commit,omitempty"`
	Answers []answer     `json:"answers"`
}

// askedCommit is a commit of one of the two repositories.
type askedCommit struct {
	commitFact
	// MergedBy is the commit on the branch that brought it in, when it is not on the branch itself.
	MergedBy *commitFact `json:"mergedBy,omitempty"`
	// Does says what it did, in sentences.
	Does []string `json:"does,omitempty"`
	// Reports that are on it.
	Reports []note `json:"reports,omitempty"`
}

// answer is about one release, or about one project for which no release was made.
type answer struct {
	manifest.Key
	State whyState `json:"state"`
	// Since when it is so, in RFC 3339; empty when that is not known.
	Since   string         `json:"since,omitempty"`
	Release *tracedRelease `json:"release,omitempty"`
	History []happening    `json:"history,omitempty"`
	Why     []string       `json:"why,omitempty"`
	Next    []string       `json:"next,omitempty"`
}

// whyState is the one word for what became of a release, or of the wish for one.
type whyState string

const (
	whyRunning    whyState = "running"
	whyReleased   whyState = "released"   // the newest; whether it runs is not known without the GitOps repository
	whyPending    whyState = "pending"    // on its way
	whySuperseded whyState = "superseded" // a newer one runs
	whyRolledBack whyState = "rolled back"
	whyRetired    whyState = "retired" // old, and its file removed
	whyRemoved    whyState = "removed" // with its project
	whyRefused    whyState = "refused" // not honoured
	whyFailed     whyState = "failed"
	whyHeld       whyState = "held"
	whyNone       whyState = "no release"
)

// tracedRelease is a release with where it comes from.
type tracedRelease struct {
	Version   string                `json:"version"`
	CreatedAt string                `json:"createdAt"`
	URL       string                `json:"url,omitempty"`
	Plan      string                `json:"plan"`
	Images    []manifest.Image      `json:"images,omitempty"`
	Sources   []sourceFact          `json:"sources,omitempty"`
	Build     *manifest.BuildRecord `json:"build,omitempty"`
	Cause     manifest.Cause        `json:"cause"`
	// CausedBy is the commit of the config repository that caused it; absent when a push to the app did, or when it is
	// no longer there.
	CausedBy *commitFact `json:"causedBy,omitempty"`
	// Commit of the config repository that holds the release file.
	Commit commitFact `json:"commit"`
	// GitOps is the newest commit of the GitOps repository that wrote its values.
	GitOps *commitFact `json:"gitops,omitempty"`
}

// sourceFact is where an image was built from.
type sourceFact struct {
	Image      string `json:"image"`
	Repository string `json:"repository"`
	Commit     string `json:"commit"`
}
