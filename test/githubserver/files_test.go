package githubserver_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/test/githubserver/delivery"
)

func TestFilesByTheAPI(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	c := w.user(ben)
	const path = "workspaces/ws-1/projects/a b/project.yaml"
	made, _, err := c.Repositories.CreateFile(ctx, "acme", "config", path, &github.RepositoryContentFileOptions{Message: github.String("Add it"), Content: []byte("one\n")})
	w.must(err)
	file, _, _, err := c.Repositories.GetContents(ctx, "acme", "config", path, nil)
	w.must(err)
	if text, err := file.GetContent(); err != nil || text != "one\n" || file.GetSHA() != made.Content.GetSHA() {
		t.Errorf("the file is %q, %v", text, err)
	}
	if _, r, err := c.Repositories.UpdateFile(ctx, "acme", "config", path, &github.RepositoryContentFileOptions{Message: github.String("m"), Content: []byte("x")}); status(r) != 422 {
		t.Errorf("without the hash of what is there: %d, %v", status(r), err)
	}
	stale := &github.RepositoryContentFileOptions{Message: github.String("m"), Content: []byte("x"), SHA: github.String(made.Commit.GetSHA())}
	if _, r, err := c.Repositories.UpdateFile(ctx, "acme", "config", path, stale); status(r) != 409 {
		t.Errorf("with the hash of something else: %d, %v", status(r), err)
	}
	_, _, err = c.Repositories.UpdateFile(ctx, "acme", "config", path, &github.RepositoryContentFileOptions{Message: github.String("m"), Content: []byte("two\n"), SHA: file.SHA})
	w.must(err)
	_, folder, _, err := c.Repositories.GetContents(ctx, "acme", "config", "workspaces/ws-1/projects", nil)
	if err != nil || len(folder) != 1 || folder[0].GetType() != "dir" || folder[0].GetName() != "a b" {
		t.Errorf("the folder is %v, %v", folder, err)
	}
	if _, root, _, err := c.Repositories.GetContents(ctx, "acme", "config", "", nil); err != nil || len(root) != 2 {
		t.Errorf("the root is %v, %v", root, err)
	}
	old, _, _, err := c.Repositories.GetContents(ctx, "acme", "config", path, &github.RepositoryContentGetOptions{Ref: made.Commit.GetSHA()})
	if text, _ := old.GetContent(); err != nil || text != "one\n" {
		t.Errorf("the file was %q, %v", text, err)
	}
	file, _, _, err = c.Repositories.GetContents(ctx, "acme", "config", path, nil)
	w.must(err)
	_, _, err = c.Repositories.DeleteFile(ctx, "acme", "config", path, &github.RepositoryContentFileOptions{Message: github.String("m"), SHA: file.SHA})
	w.must(err)
	if _, _, r, err := c.Repositories.GetContents(ctx, "acme", "config", path, nil); status(r) != 404 {
		t.Errorf("a file that is gone: %d, %v", status(r), err)
	}
	list, _, err := c.Repositories.ListCommits(ctx, "acme", "config", &github.CommitsListOptions{Path: path})
	if err != nil || len(list) != 3 || list[2].GetSHA() != made.Commit.GetSHA() || list[2].GetAuthor().GetLogin() != "ben" {
		t.Errorf("its history is %v, %v", list, err)
	}
}

func TestGitByTheAPI(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	c := w.user(ben)
	head := w.commit("main", map[string]string{"a/b": "1"})
	side := w.commit("side", map[string]string{"c": "1"})
	ref := func(name, sha string) *github.Reference {
		return &github.Reference{Ref: github.String("refs/heads/" + name), Object: &github.GitObject{SHA: &sha}}
	}
	_, _, err := c.Git.CreateRef(ctx, "acme", "config", ref("feature/x", head))
	w.must(err)
	if _, r, err := c.Git.CreateRef(ctx, "acme", "config", ref("feature/x", head)); status(r) != 422 {
		t.Errorf("a ref that is there: %d, %v", status(r), err)
	}
	_, _, err = c.Git.UpdateRef(ctx, "acme", "config", ref("feature/x", side), false)
	w.must(err)
	if _, r, err := c.Git.UpdateRef(ctx, "acme", "config", ref("feature/x", head), false); status(r) != 422 {
		t.Errorf("back, without force: %d, %v", status(r), err)
	}
	_, _, err = c.Git.UpdateRef(ctx, "acme", "config", ref("feature/x", head), true)
	w.must(err)
	got, _, err := c.Git.GetRef(ctx, "acme", "config", "heads/feature/x")
	if err != nil || got.GetObject().GetSHA() != head {
		t.Errorf("the ref is %v, %v", got, err)
	}
	tree, _, err := c.Git.GetTree(ctx, "acme", "config", head, true)
	w.must(err)
	var paths []string
	for _, e := range tree.Entries {
		paths = append(paths, e.GetPath())
	}
	if diff := cmp.Diff([]string{"README.md", "a", "a/b"}, paths); diff != "" {
		t.Errorf("the tree (-want +got):\n%s", diff)
	}
	blob, _, err := c.Git.CreateBlob(ctx, "acme", "config", &github.Blob{Content: github.String("MQ=="), Encoding: github.String("base64")})
	if err != nil || blob.GetSHA() != tree.Entries[2].GetSHA() {
		t.Errorf("the blob is %v, %v", blob, err)
	}
	if one, _, err := c.Repositories.GetCommit(ctx, "acme", "config", "feature/x", nil); err != nil || one.GetSHA() != head || len(one.Files) != 1 {
		t.Errorf("the commit is %v, %v", one, err)
	}
}

func TestHooksOfARepository(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	c := w.user(ann)
	id := w.install(config)
	inbox := w.hook(c)
	if _, r, err := c.Repositories.CreateHook(ctx, "acme", "config", &github.Hook{Config: &github.HookConfig{URL: &inbox, ContentType: github.String("json")}, Events: []string{"push"}}); status(r) != 422 {
		t.Errorf("a second hook of the same URL: %d, %v", status(r), err)
	}
	hooks, _, err := c.Repositories.ListHooks(ctx, "acme", "config", nil)
	if err != nil || len(hooks) != 1 || hooks[0].GetConfig().GetSecret() != "********" {
		t.Errorf("the hooks are %v, %v", hooks, err)
	}
	w.deliver()

	// What fails is listed, and sent again when somebody asks.
	w.Hooks().Script(func(d delivery.Delivery) delivery.Fate {
		if d.Event == "push" {
			return delivery.Fail
		}
		return delivery.Send
	})
	w.commit("x", map[string]string{"a": "1"})
	if got := names(w.deliver()); slices.Contains(got, "push") {
		t.Errorf("told: %v", got)
	}
	w.Hooks().Script(nil)
	failed, _, err := w.app().Apps.ListHookDeliveries(ctx, nil)
	w.must(err)
	failed = slices.DeleteFunc(failed, func(d *github.HookDelivery) bool { return d.GetStatusCode() == 202 })
	if len(failed) != 1 || failed[0].GetEvent() != "push" || failed[0].GetInstallationID() != id {
		t.Fatalf("the App's failed deliveries are %v", failed)
	}
	_, _, err = w.app().Apps.RedeliverHookDelivery(ctx, failed[0].GetID())
	var accepted *github.AcceptedError
	if !asAccepted(err, &accepted) {
		t.Errorf("asked for again: %v", err)
	}
	of, _, err := c.Repositories.ListHookDeliveries(ctx, "acme", "config", hooks[0].GetID(), &github.ListCursorOptions{PerPage: 1})
	if err != nil || len(of) != 1 || of[0].GetEvent() != "push" || of[0].GetStatusCode() != 0 {
		t.Errorf("the repository's failed deliveries are %v, %v", of, err)
	}
	_, _, err = c.Repositories.RedeliverHookDelivery(ctx, "acme", "config", hooks[0].GetID(), of[0].GetID())
	if !asAccepted(err, &accepted) {
		t.Errorf("asked for again: %v", err)
	}
	if diff := cmp.Diff([]string{"push", "push"}, names(w.deliver())); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
