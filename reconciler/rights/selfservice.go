package rights

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// ownWorkspace is the one workspace that somebody may add, where policy.selfService is on.
func ownWorkspace(id int64) string { return fmt.Sprintf("ws-%d", id) }

// found finds the workspaces that somebody adds as the own one. Whoever does is its owner from then on, and so may bring projects
// with it.
func (c *check) found(changes []manifest.Change) error {
	if !c.platform.policy.SelfService {
		return nil
	}
	for _, change := range changes {
		f, ok := manifest.FileOf(change.Path)
		if !ok || f.Kind != manifest.KindWorkspace || change.Before != "" || change.After == "" || change.Special {
			continue
		}
		for _, p := range c.people {
			if p.ID <= 0 || f.Key.Workspace != ownWorkspace(p.ID) {
				continue
			}
			t, err := c.tenant(f.Key.Workspace)
			if err != nil {
				return err
			}
			if t.refused, err = c.notOwn(change, t.name, p); err != nil {
				return err
			}
			if len(t.refused) == 0 {
				t.founder = p.ID
			}
		}
	}
	return nil
}

// notOwn says why somebody may not add a workspace, although it has the right name.
func (c *check) notOwn(change manifest.Change, name string, p Person) (manifest.Problems, error) {
	refuse := func(field, what, fix string) manifest.Problems {
		return manifest.Problems{{File: change.Path, Field: field, What: what, Fix: fix}}
	}
	data, err := c.atHead(change)
	if err != nil {
		return nil, err
	}
	parsed, problems := manifest.ParseWorkspace(change.Path, data)
	if len(problems) > 0 {
		return refuse("", "a workspace of one's own has to be readable to be added", "mend what plateform validate says of it"), nil
	}
	spec := parsed.Spec
	refused := manifest.Problems{}
	if spec.Owner.ID != p.ID {
		refused = refuse("spec.owner.id", fmt.Sprintf("the owner of %s is the account %d, and not %d", name, p.ID, spec.Owner.ID), fmt.Sprintf("write id: %d", p.ID))
	}
	if p.Login != "" && !strings.EqualFold(p.Login, spec.Owner.GitHub) {
		refused = append(refused, refuse("spec.owner.github", fmt.Sprintf("the login of the account %d is another one", p.ID), "write github: "+p.Login)...)
	}
	for _, f := range differences(manifest.WorkspaceSpec{Owner: spec.Owner, Members: spec.Members}, spec) {
		refused = append(refused, refuse(f.field, "only platform admins may give "+f.field+" to a workspace", "remove it, or "+c.askPlatformAdmins())...)
	}
	refused = manifest.Locate(change.Path, data, refused)
	taken, err := c.taken(name, p)
	if taken != "" {
		refused = append(refused, refuse("", taken, c.askPlatformAdmins())...)
	}
	return refused, err
}

// taken says that a name is somebody else's: something of it is at the base, or it had another owner when it was there last. How
// far back is bounded; beyond, what the GitOps repository remembers keeps a workspace from another owner.
func (c *check) taken(name string, p Person) (string, error) {
	file := manifest.WorkspaceFile(name)
	dir := strings.TrimSuffix(file, "/workspace.yaml")
	left, err := c.reader.List(c.base, dir)
	if err != nil {
		return "", fmt.Errorf("listing %s at config commit %.10s: %w", dir, c.base, err)
	}
	if len(left) > 0 {
		return "there are files in " + dir + " already", nil
	}
	for hash := range (config.History{Reader: c.reader}).FirstParents(c.base) {
		data, err := c.reader.Read(hash, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("looking for earlier owners of %s: %w", name, err)
		}
		before, problems := manifest.ParseWorkspace(file, data)
		if len(problems) > 0 {
			continue
		}
		if before.Spec.Owner.ID != p.ID {
			return fmt.Sprintf("%s belonged to the account %d, and a workspace never passes to another owner", name, before.Spec.Owner.ID), nil
		}
		return "", nil
	}
	return "", nil
}

// added judges a workspace that is new.
func (c *check) added(d demand, t *tenant) error {
	if len(t.refused) > 0 {
		_, lacking, err := c.lacking(platformAdmins, d.workspace)
		if len(lacking) > 0 {
			c.problems = append(c.problems, t.refused...)
		}
		return err
	}
	var lacking []Person
	for _, p := range c.people {
		if c.role(p, t) < owner { // whoever founds it is
			lacking = append(lacking, p)
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	c.refuse(d, t, lacking)
	if last := &c.problems[len(c.problems)-1]; c.platform.policy.SelfService && lacking[0].ID > 0 {
		last.Fix = "add " + ownWorkspace(lacking[0].ID) + " for yourself, or " + last.Fix
	}
	return nil
}
