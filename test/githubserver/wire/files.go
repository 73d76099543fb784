package wire

import (
	"path"

	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/model"
)

// FileJSON is one file of a comparison, as it is at a commit.
func (w *Writer) FileJSON(r *model.Repository, f bare.File, at string) any {
	name := r.FullName()
	o := Object{
		"sha": f.Hash, "filename": f.Path, "status": f.Status, "additions": f.Additions, "deletions": f.Deletions, "changes": f.Additions + f.Deletions,
		"blob_url": w.Web("/%s/blob/%s/%s", name, at, f.Path), "raw_url": w.Web("/%s/raw/%s/%s", name, at, f.Path),
		"contents_url": w.API("/repos/%s/contents/%s", name, f.Path) + "?ref=" + at,
	}
	if f.Patch != "" {
		o["patch"] = f.Patch
	}
	if f.Previous != "" {
		o["previous_filename"] = f.Previous
	}
	return o
}

// EntryJSON is an entry of a folder, as it is at a commit.
func (w *Writer) EntryJSON(r *model.Repository, e bare.Entry, sha string) Object {
	name := r.FullName()
	link := w.API("/repos/%s/contents/%s", name, e.Path) + "?ref=" + sha
	git, page := w.API("/repos/%s/git/blobs/%s", name, e.Hash), w.Web("/%s/blob/%s/%s", name, sha, e.Path)
	o := Object{"type": "file", "name": path.Base(e.Path), "path": e.Path, "sha": e.Hash, "size": e.Size, "url": link, "html_url": page, "git_url": git,
		"download_url": w.Web("/%s/raw/%s/%s", name, sha, e.Path), "_links": Object{"self": link, "git": git, "html": page}}
	switch {
	case e.Type == "tree":
		o["type"], o["download_url"] = "dir", nil
	case e.Type == "commit":
		o["type"], o["download_url"], o["submodule_git_url"] = "submodule", nil, nil
	case e.Mode == "120000":
		o["type"] = "symlink"
	}
	return o
}
