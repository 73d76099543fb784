package githubserver

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/plateform/plateform/test/githubserver/bare"
)

func (c *call) refJSON(ref, sha string) object {
	return object{"ref": ref, "node_id": nodeID("Ref", c.repo.id) + ref, "url": c.world.api("/repos/%s/git/"+"%s", c.repo.fullName(), ref),
		"object": object{"type": "commit", "sha": sha, "url": c.world.api("/repos/%s/git/commits/%s", c.repo.fullName(), sha)}}
}

func getRef(c *call) answer {
	ref := "refs/" + c.vars["ref"]
	sha, err := c.repo.git.Ref(c.ctx, ref)
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
	if _, err := c.repo.git.Ref(c.ctx, asked.Ref); err == nil {
		return unprocessable("Reference already exists")
	}
	if !c.repo.git.Has(c.ctx, asked.SHA) {
		return unprocessable("Object does not exist")
	}
	if refused, done := c.move(move{asked.Ref, bare.Zero, asked.SHA}, http.StatusUnprocessableEntity); !done {
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
	old, err := c.repo.git.Ref(c.ctx, ref)
	if err != nil {
		return unprocessable("Reference does not exist")
	}
	if !c.repo.git.Has(c.ctx, asked.SHA) {
		return unprocessable("Object does not exist")
	}
	if !asked.Force && !c.repo.git.Contains(c.ctx, asked.SHA, old) {
		return unprocessable("Update is not a fast forward")
	}
	if refused, done := c.move(move{ref, old, asked.SHA}, http.StatusUnprocessableEntity); !done {
		return refused
	}
	return ok(c.refJSON(ref, asked.SHA))
}

func deleteRef(c *call) answer {
	ref := "refs/" + c.vars["ref"]
	old, err := c.repo.git.Ref(c.ctx, ref)
	if err != nil {
		return unprocessable("Reference does not exist")
	}
	if refused, done := c.move(move{ref, old, bare.Zero}, http.StatusUnprocessableEntity); !done {
		return refused
	}
	return noContent()
}

func getTree(c *call) answer {
	name := c.vars["tree_sha"]
	list, err := c.repo.git.Walk(c.ctx, name, c.request.URL.Query().Has("recursive"))
	if err != nil || strings.HasPrefix(name, "-") {
		return notFound()
	}
	shown := []object{}
	for _, e := range list {
		kind := map[string]string{"blob": "blobs", "tree": "trees", "commit": "commits"}[e.Type]
		o := object{"path": e.Path, "mode": e.Mode, "type": e.Type, "sha": e.Hash, "url": c.world.api("/repos/%s/git/"+kind+"/%s", c.repo.fullName(), e.Hash)}
		if e.Type == "blob" {
			o["size"] = e.Size
		}
		shown = append(shown, o)
	}
	return ok(object{"sha": name, "url": c.world.api("/repos/%s/git/trees/%s", c.repo.fullName(), name), "tree": shown, "truncated": false})
}

func getGitCommit(c *call) answer {
	sha, found := c.commit("commit_sha")
	if !found {
		return notFound()
	}
	n, err := c.repo.git.Read(c.ctx, sha)
	if err != nil {
		return broken("reading a commit", err)
	}
	return ok(c.world.gitCommitJSON(c.repo, n))
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
	sha, err := c.repo.git.Blob(c.ctx, text)
	if err != nil {
		return broken("writing a blob", err)
	}
	return created(object{"sha": sha, "url": c.world.api("/repos/%s/git/blobs/%s", c.repo.fullName(), sha)})
}
