package wire

import (
	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/model"
)

func personJSON(p bare.Person) Object {
	return Object{"name": p.Name, "email": p.Email, "date": Stamp(p.When)}
}

func verification(signed bool) Object {
	o := Object{"verified": signed, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil}
	if signed {
		o["reason"] = "valid"
	}
	return o
}

func (w *Writer) parentsJSON(r *model.Repository, parents []string, path string) []Object {
	shown := []Object{}
	for _, p := range parents {
		shown = append(shown, Object{"sha": p, "url": w.API("/repos/%s"+path+"/%s", r.FullName(), p), "html_url": w.Web("/%s/commit/%s", r.FullName(), p)})
	}
	return shown
}

// CommitJSON is a commit as lists show it.
func (w *Writer) CommitJSON(r *model.Repository, c bare.Commit) Object {
	link, git := w.API("/repos/%s/commits/%s", r.FullName(), c.Hash), w.API("/repos/%s/git/commits/%s", r.FullName(), c.Hash)
	return Object{
		"sha": c.Hash, "node_id": NodeID("Commit", 0) + c.Hash, "url": link, "html_url": w.Web("/%s/commit/%s", r.FullName(), c.Hash), "comments_url": link + "/comments",
		"commit": Object{"author": personJSON(c.Author), "committer": personJSON(c.Committer), "message": c.Message, "comment_count": 0,
			"tree": Object{"sha": c.Tree, "url": w.API("/repos/%s/git/trees/%s", r.FullName(), c.Tree)}, "url": git, "verification": verification(c.Signed)},
		"author": w.UserJSON(w.Known.UserByEmail(c.Author.Email)), "committer": w.UserJSON(w.Known.UserByEmail(c.Committer.Email)),
		"parents": w.parentsJSON(r, c.Parents, "/commits"),
	}
}

// GitCommitJSON is a commit as Git has it.
func (w *Writer) GitCommitJSON(r *model.Repository, c bare.Commit) Object {
	return Object{
		"sha": c.Hash, "node_id": NodeID("Commit", 0) + c.Hash, "url": w.API("/repos/%s/git/commits/%s", r.FullName(), c.Hash),
		"html_url": w.Web("/%s/commit/%s", r.FullName(), c.Hash), "author": personJSON(c.Author), "committer": personJSON(c.Committer),
		"tree": Object{"sha": c.Tree, "url": w.API("/repos/%s/git/trees/%s", r.FullName(), c.Tree)}, "message": c.Message,
		"parents": w.parentsJSON(r, c.Parents, "/git/commits"), "verification": verification(c.Signed),
	}
}
