package githubserver

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

func (c *call) refJSON(ref, sha string) wire.Object {
	return wire.Object{"ref": ref, "node_id": wire.NodeID("Ref", c.repo.ID) + ref, "url": c.world.API("/repos/%s/git/"+"%s", c.repo.FullName(), ref),
		"object": wire.Object{"type": "commit", "sha": sha, "url": c.world.API("/repos/%s/git/commits/%s", c.repo.FullName(), sha)}}
}

func getRef(c *call) answer {
	ref := "refs/" + c.vars["ref"]
	sha, err := c.repo.Git.Ref(c.ctx, ref)
	if err != nil {
		return notFound()
	}
	return ok(c.refJSON(ref, sha))
}

func createRef(c *call) answer {
	var asked struct{ Ref, SHA string }
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	if !strings.HasPrefix(asked.Ref, "refs/") || strings.Count(asked.Ref, "/") < 2 || strings.HasPrefix(asked.Ref, "refs/pull/") {
		return unprocessable("Reference name must start with 'refs/' and contain at least two slashes, and may not be that of a pull request")
	}
	if _, err := c.repo.Git.Ref(c.ctx, asked.Ref); err == nil {
		return unprocessable("Reference already exists")
	}
	if !c.repo.Git.Has(c.ctx, asked.SHA) {
		return unprocessable("Object does not exist")
	}
	if refused, done := c.move(model.Move{Ref: asked.Ref, Old: bare.Zero, To: asked.SHA}, http.StatusUnprocessableEntity); !done {
		return refused
	}
	return created(c.refJSON(asked.Ref, asked.SHA))
}

func updateRef(c *call) answer {
	ref := "refs/" + c.vars["ref"]
	var asked struct {
		SHA   string
		Force bool
	}
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	old, err := c.repo.Git.Ref(c.ctx, ref)
	if err != nil {
		return unprocessable("Reference does not exist")
	}
	if !c.repo.Git.Has(c.ctx, asked.SHA) {
		return unprocessable("Object does not exist")
	}
	if !asked.Force && !c.repo.Git.Contains(c.ctx, asked.SHA, old) {
		return unprocessable("Update is not a fast forward")
	}
	if refused, done := c.move(model.Move{Ref: ref, Old: old, To: asked.SHA}, http.StatusUnprocessableEntity); !done {
		return refused
	}
	return ok(c.refJSON(ref, asked.SHA))
}

func deleteRef(c *call) answer {
	ref := "refs/" + c.vars["ref"]
	old, err := c.repo.Git.Ref(c.ctx, ref)
	if err != nil {
		return unprocessable("Reference does not exist")
	}
	if refused, done := c.move(model.Move{Ref: ref, Old: old, To: bare.Zero}, http.StatusUnprocessableEntity); !done {
		return refused
	}
	return noContent()
}

func getTree(c *call) answer {
	name := c.vars["tree_sha"]
	list, err := c.repo.Git.Walk(c.ctx, name, c.request.URL.Query().Has("recursive"))
	if err != nil || strings.HasPrefix(name, "-") {
		return notFound()
	}
	shown := []wire.Object{}
	for _, e := range list {
		kind := map[string]string{"blob": "blobs", "tree": "trees", "commit": "commits"}[e.Type]
		o := wire.Object{"path": e.Path, "mode": e.Mode, "type": e.Type, "sha": e.Hash, "url": c.world.API("/repos/%s/git/"+kind+"/%s", c.repo.FullName(), e.Hash)}
		if e.Type == "blob" {
			o["size"] = e.Size
		}
		shown = append(shown, o)
	}
	return ok(wire.Object{"sha": name, "url": c.world.API("/repos/%s/git/trees/%s", c.repo.FullName(), name), "tree": shown, "truncated": false})
}

func getGitCommit(c *call) answer {
	sha, found := c.commit("commit_sha")
	if !found {
		return notFound()
	}
	n, err := c.repo.Git.Read(c.ctx, sha)
	if err != nil {
		return broken("reading a commit", err)
	}
	return ok(c.world.GitCommitJSON(c.repo, n))
}

func createBlob(c *call) answer {
	var asked struct{ Content, Encoding string }
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	text := []byte(asked.Content)
	if asked.Encoding == "base64" {
		var err error
		if text, err = base64.StdEncoding.DecodeString(asked.Content); err != nil {
			return unprocessable("content is not valid Base64")
		}
	}
	sha, err := c.repo.Git.Blob(c.ctx, text)
	if err != nil {
		return broken("writing a blob", err)
	}
	return created(wire.Object{"sha": sha, "url": c.world.API("/repos/%s/git/blobs/%s", c.repo.FullName(), sha)})
}
