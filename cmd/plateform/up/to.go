package up

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/reconciler/change"
	"github.com/plateform/plateform/reconciler/charts"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/plan"
)

// Shared is a config repository that others share.
type Shared struct {
	checkout.Place
	// Workspace that a project is added to; empty for the only one there.
	Workspace string
	// ShowPlan shows what merging would do.
	ShowPlan func(*plan.Plan) error
}

// AddTo writes the project of a folder into a config repository that others share, as a branch for a pull request.
func (o Options) AddTo(ctx context.Context, shared Shared) (err error) {
	f, err := o.look(ctx)
	if err != nil {
		return err
	}
	code, err := sourceOf(ctx, f)
	if err != nil {
		return err
	}
	repository, err := checkout.Open(ctx, shared.Place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, repository.Close()) }()
	head, err := repository.Fetch(ctx)
	if err != nil {
		return err
	}
	if err := config.MustBeConfig(repository.Objects, head); err != nil {
		return exit.WhereConfigIs(err)
	}
	code.Key = manifest.Key{Workspace: shared.Workspace, Project: cmp.Or(o.Name, f.Name())}
	if code.Key.Workspace == "" {
		if code.Key.Workspace, err = onlyWorkspace(repository.Objects, head); err != nil {
			return err
		}
	}
	edit, err := code.Add(repository.Objects, head)
	switch {
	case errors.Is(err, change.ErrThere):
		fmt.Fprintf(o.Out, "%s of %s has this app already: nothing to add.\n", manifest.ProjectFile(code.Key), repository.Remote)
		return nil
	case err != nil:
		return exit.WhereConfigIs(err)
	}
	commit, err := repository.Git.Commit(ctx, head, edit.Message, edit.Files)
	if err != nil {
		return err
	}
	found := map[manifest.Key]manifest.Image{code.Key: foundIn(f)}
	if err := shared.show(ctx, repository, plan.Options{Found: found}, head, commit); err != nil {
		return err
	}
	branch := "add-" + code.Key.Workspace + "-" + code.Key.Project
	if err := repository.PushBranch(ctx, commit, branch); err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "\nPushed branch %s, commit %s, to %s.\n", branch, terminal.Short(commit), repository.Remote)
	if link := pullRequestLink(repository.Remote, repository.Branch, branch); link != "" {
		fmt.Fprintf(o.Out, "Open the pull request: %s\n", link)
	} else {
		fmt.Fprintf(o.Out, "Ask for it to be merged into %s.\n", repository.Branch)
	}
	return nil
}

// show shows what merging would do, and refuses what nobody could merge.
func (s Shared) show(ctx context.Context, repository *checkout.Checkout, o plan.Options, head, commit string) error {
	if err := repository.Reopen(ctx); err != nil {
		return err
	}
	embedded, err := charts.New()
	if err != nil {
		return err
	}
	o.Config, o.Charts = repository.Objects, embedded
	p, err := o.Make(head, commit)
	if err != nil {
		return err
	}
	if err := s.ShowPlan(p); err != nil {
		return err
	}
	if len(p.Problems) > 0 {
		return exit.Finding("nothing was pushed: it would not work as it is")
	}
	return nil
}

// foundIn is what is known of the first image before anybody has built it.
func foundIn(f Folder) manifest.Image {
	image := manifest.Image{Framework: f.Found.Framework, Port: f.Found.Port, Scope: f.Found.Scope}
	for _, reason := range f.Found.Reasons {
		if reason.Field == "scope" {
			image.ScopeReason = reason.Reason
		}
	}
	return image
}

// sourceOf is the code of a folder as others can get at it: the remote that its branch is pushed to.
func sourceOf(ctx context.Context, f Folder) (change.NewProject, error) {
	if !f.Git {
		return change.NewProject{}, exit.Usage("%s is in no Git repository: others could not get its code (git init, commit, and push it to your Git host)", f.Dir())
	}
	g := git.Command{Dir: f.Root}
	remote := "origin"
	if f.Branch != "" {
		if set, err := g.Run(ctx, "config", "branch."+f.Branch+".remote"); err == nil && set != "." {
			remote = set
		}
	}
	url, err := g.Run(ctx, "remote", "get-url", remote)
	if err != nil {
		return change.NewProject{}, exit.Usage("%s has no remote %q: others could not get its code (git remote add %s URL, and push)", f.Root, remote, remote)
	}
	p := change.NewProject{Repository: overHTTPS(url), Path: f.Path}
	if f.Branch != "main" { // which is the default
		p.Branch = f.Branch
	}
	return p, nil
}

// scpLike is how people write SSH remotes.
var scpLike = regexp.MustCompile(`^(?:ssh://)?git@([A-Za-z0-9.-]+)[:/]([^/:][^:]*)$`)

// overHTTPS spells the SSH remote of a Git host as the URL that is read without a key.
func overHTTPS(url string) string {
	if m := scpLike.FindStringSubmatch(url); m != nil {
		return "https://" + m[1] + "/" + m[2]
	}
	return url
}

// onlyWorkspace is the workspace of a config repository that has one.
func onlyWorkspace(objects *gitstore.Local, head string) (string, error) {
	entries, err := objects.List(head, manifest.WorkspacesDir)
	if err != nil {
		return "", exit.Usage("name the workspace with --workspace: the repository has none yet")
	}
	var names []string
	for _, e := range entries {
		if e.Dir {
			names = append(names, e.Name)
		}
	}
	if len(names) != 1 {
		return "", exit.Usage("name the workspace with --workspace (there are %s)", strings.Join(names, ", "))
	}
	return names[0], nil
}

// pullRequestLink is the page that opens a pull request; empty for a host whose pages we do not know.
func pullRequestLink(remote, base, branch string) string {
	id := repourl.ID(remote)
	if strings.HasPrefix(id, "https://github.com/") {
		return fmt.Sprintf("%s/compare/%s...%s?expand=1", id, base, branch)
	}
	return ""
}
