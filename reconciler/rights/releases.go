package rights

import (
	"fmt"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// releaseFile judges a change of what is in a folder of releases: taking a file away is a rollback, putting it back as it was the
// end of one, and all else is Plateform's.
func (c *check) releaseFile(change manifest.Change, workspace string, isRelease bool) error {
	d := demand{file: change.Path, need: developers, workspace: workspace, what: "take a release back"}
	never := func(what, fix string) error {
		return c.demand(demand{file: change.Path, need: nobody, workspace: workspace, what: what, fix: fix})
	}
	switch {
	case change.After == "":
		if !isRelease {
			d.what = "delete what is in a project's folder"
		}
		return c.demand(d)
	case !isRelease:
		return never("put anything but release files here, which Plateform writes", "put it elsewhere")
	case change.Before != "":
		return never("change a release file", "leave it as it is; to take the release back, delete the file")
	}
	d.what = "bring a release back"
	t, lacking, err := c.lacking(d.need, d.workspace)
	switch {
	case err != nil:
		return err
	case len(lacking) > 0: // then it is not worth a look at the history
		c.refuse(d, t, lacking)
		return nil
	}
	c.back = append(c.back, change)
	return nil
}

// broughtBack refuses release files that are added and are not, byte for byte, what was at their place before. What is further
// back than the history is looked through is good if one of the platform's keys signed it for that place.
func (c *check) broughtBack([]manifest.Change) error {
	if len(c.back) == 0 {
		return nil
	}
	wanted := map[string]string{}
	for _, change := range c.back {
		wanted[change.Path] = change.After
	}
	if err := c.findInHistory(wanted); err != nil {
		return err
	}
	for _, change := range c.back {
		if _, missing := wanted[change.Path]; !missing {
			continue
		}
		signed, err := c.signed(change)
		if err != nil {
			return err
		}
		if signed {
			continue
		}
		workspace := manifest.WorkspacesDir
		if f, ok := manifest.FileOf(change.Path); ok {
			workspace = f.Key.Workspace
		}
		if err := c.demand(demand{file: change.Path, need: nobody, workspace: workspace, what: "add a release file but Plateform",
			fix: "leave it out; a release that was taken back comes back with its file exactly as it was, by git revert"}); err != nil {
			return err
		}
	}
	return nil
}

// findInHistory deletes from some files, each with a hash, those that had it once, in one walk.
func (c *check) findInHistory(wanted map[string]string) error {
	history := config.History{Reader: c.reader}
	for hash := range history.FirstParents(c.base) {
		commit, err := history.Commit(hash)
		if err != nil {
			return fmt.Errorf("reading config commit %.10s: %w", hash, err)
		}
		if len(wanted) == 0 || len(commit.Parents) == 0 {
			return nil
		}
		changes, err := history.Diff(commit.Parents[0], hash)
		if err != nil {
			return fmt.Errorf("comparing config commits %.10s and %.10s: %w", commit.Parents[0], hash, err)
		}
		for _, change := range changes {
			if change.Before != "" && wanted[change.Path] == change.Before {
				delete(wanted, change.Path)
			}
		}
	}
	return nil
}

// signed says that a release file was signed by one of the platform's keys, for its place and the owner of its workspace. A
// checksum, as without keys, proves nothing of this.
func (c *check) signed(change manifest.Change) (bool, error) {
	f, ok := manifest.FileOf(change.Path)
	if !ok || len(c.platform.keys) == 0 {
		return false, nil
	}
	t, err := c.tenant(f.Key.Workspace)
	if err != nil || t.spec.Owner.ID == 0 {
		return false, err
	}
	data, err := c.atHead(change)
	if err != nil {
		return false, err
	}
	_, problems := manifest.ReadRelease(data, manifest.Expected{Key: f.Key, Version: f.Version, Owner: t.spec.Owner.ID, Keys: c.platform.keys}, nil)
	return len(problems) == 0, nil
}
