package review

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/card"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/plan"
)

// findings are what is to be said of a proposal.
type findings struct {
	done done
	card card.Card
	// title of the plan's check, and whether merging it would do what it says.
	title string
	state reconciler.State
	// merge is what the plan is of; without a commit when there is nothing to merge. auto says that Plateform is to merge it, if all
	// is well: platform.yaml of the branch says so.
	merge manifest.Merge
	auto  bool
	// sources are the repositories that it is newly built from.
	sources []source
}

// planner finds out what is to be said of proposals.
type planner struct{ Options }

// refused says of a proposal that it brings too much to be looked at.
func refused(p reconciler.Proposal, now tips) findings {
	f := findings{done: done{head: p.Head, tips: now, framing: framingOf(p), pusher: p.Pusher.ID, everything: true}, state: reconciler.StateFailure}
	f.title = "it cannot be looked at"
	f.card.Trouble = "It brings more than is taken of a pull request. Take what is large out of its history, also where a later commit deletes it, and push that: " +
		"what apps consist of is in their own repositories."
	return f
}

// review plans what merging a head would do.
func (r planner) review(ctx context.Context, p reconciler.Proposal, head string, now tips) (findings, error) {
	f := findings{done: done{head: head, tips: now, framing: framingOf(p), pusher: p.Pusher.ID, everything: true}, state: reconciler.StateFailure}
	var err error
	if f.merge, f.card.Trouble, err = r.merge(ctx, p, head, now.config); err != nil {
		return f, err
	}
	if f.card.Trouble != "" {
		f.title = "it cannot be merged"
		return f, nil
	}
	merged := cmp.Or(f.merge.Commit, now.config) // or it is on the branch already
	changes, err := r.Config.Diff(now.config, merged)
	if err != nil {
		return f, err
	}
	options := plan.Options{Config: r.Config, Charts: r.Charts, Secrets: r.Secrets, Unrun: r.Unrun, GitOps: &plan.GitOps{Reader: r.GitOps, Head: now.gitops}}
	made, err := options.Make(now.config, merged)
	if errors.Is(err, config.ErrNoConfig) {
		f.title, f.card.Trouble = "there would be no platform.yaml", "After this there would be no "+manifest.PlatformFile+", and nothing could be released. Leave it where it is."
		return f, nil
	}
	if err != nil {
		return f, err
	}
	made.Head = head // the merge is nobody's commit
	f.done.everything = false
	f.done.concern(made, changes)
	f.title, f.card.Plan = made.Summary(), made
	f.card.Command = fmt.Sprintf("git fetch origin %s && plateform plan --head FETCH_HEAD", p.HeadRef)
	if len(made.Problems) == 0 {
		f.state = reconciler.StateSuccess
	}
	if f.auto, err = r.automatic(now.config); err != nil {
		return f, err
	}
	f.auto = f.auto && len(changes) > 0 // everybody may change nothing, as often as they like
	if f.card.Rights, f.sources, err = r.owners(ctx, p, now.config, merged); err != nil {
		return f, err
	}
	f.card.Registry, err = r.registry(ctx, merged, made)
	return f, err
}

// merge returns what merging a head would make, or why it cannot be merged.
func (r planner) merge(ctx context.Context, p reconciler.Proposal, head, base string) (merged manifest.Merge, trouble string, err error) {
	subject := fmt.Sprintf("Merge pull request #%d: %s", p.Number, p.Title)
	merged, err = r.Config.Merge(ctx, base, head, manifest.Edit{Message: manifest.FormatMessage(subject, nil), Author: reconciler.Author(r.Clock())})
	switch {
	case errors.Is(err, manifest.ErrUnrelated):
		return merged, fmt.Sprintf("It has no one commit in common with %s that it could be compared with. Begin a branch at %s, bring the change there, and push that.",
			p.Branch, p.Branch), nil
	case len(merged.Conflicts) > 0:
		return merged, fmt.Sprintf("It conflicts with %s in %s. Bring %s into the branch of the pull request (git merge, or git rebase), solve the conflicts there, and push it.",
			p.Branch, few(merged.Conflicts), p.Branch), nil
	}
	return merged, "", err
}

// automatic says that Plateform merges what passes, as platform.yaml of the branch has it.
func (r planner) automatic(base string) (bool, error) {
	data, err := r.Config.Read(base, manifest.PlatformFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	platform, problems := manifest.ParsePlatform(manifest.PlatformFile, data)
	return len(problems) == 0 && platform.Spec.Policy.AutoMerge, nil
}

// few lists paths, not too many.
func few(paths []string) string {
	const most = 10
	if more := len(paths) - most; more > 0 {
		return strings.Join(paths[:most], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(paths, ", ")
}
