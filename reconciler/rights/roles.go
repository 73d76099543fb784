package rights

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler/config"
)

// role is what somebody is, in a workspace or in the whole platform. Whoever has more may do all that others may.
type role int

const (
	none role = iota
	viewer
	developer
	workspaceAdmin
	owner
	platformAdmin
)

// need says who may do something.
type need int

const (
	developers need = iota
	workspaceAdmins
	platformAdmins
	// nobody: not even a platform admin.
	nobody
)

// suffices says whether a role is what is needed.
func (r role) suffices(n need) bool {
	switch n {
	case developers:
		return r >= developer
	case workspaceAdmins:
		return r >= workspaceAdmin
	case platformAdmins:
		return r == platformAdmin
	}
	return false
}

// platform is what platform.yaml says at the base.
type platform struct {
	policy manifest.PolicySpec
	keys   []signing.PublicKey
	// doubt says why nothing is known; empty when the file was read.
	doubt string
}

// tenant is a workspace at the base.
type tenant struct {
	name string
	spec manifest.WorkspaceSpec
	// doubt says why nothing is known of it; empty when its file was read.
	doubt string
	// founder is who adds the workspace with this change, by self-service; 0 else.
	founder int64
	// refused are the reasons why somebody who might be the founder is not.
	refused manifest.Problems
}

// readPlatform reads who is a platform admin. From a file that cannot be read nothing is taken, and nobody looks for what it said
// before: whoever broke it may have wanted just that.
func (c *check) readPlatform() error {
	data, err := c.atBase(manifest.PlatformFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.platform.doubt = "platform.yaml is missing in the commit that is merged into"
		return nil
	case err != nil:
		return err
	}
	parsed, problems := manifest.ParsePlatform(manifest.PlatformFile, data)
	if len(problems) > 0 {
		c.platform.doubt = "platform.yaml cannot be read in the commit that is merged into"
		return nil
	}
	c.platform = platform{policy: parsed.Spec.Policy, keys: config.PublicKeys(parsed)}
	if len(parsed.Spec.Policy.Admins) == 0 {
		c.platform.doubt = "platform.yaml names nobody in spec.policy.admins in the commit that is merged into"
	}
	return nil
}

// atBase reads a file of the base; fs.ErrNotExist when it is not there, or is no regular file.
func (c *check) atBase(file string) ([]byte, error) {
	if c.base == "" {
		return nil, fs.ErrNotExist
	}
	data, err := c.reader.Read(c.base, file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading %s at config commit %.10s: %w", file, c.base, err)
	}
	return data, err
}

// tenant reads a workspace at the base. When its file cannot be read, only platform admins have rights in it: nobody else knows
// whose it is.
func (c *check) tenant(name string) (*tenant, error) {
	if t, known := c.tenants[name]; known {
		return t, nil
	}
	t := &tenant{name: name}
	c.tenants[name] = t
	file := manifest.WorkspaceFile(name)
	if len(manifest.CheckFolders(file, manifest.Key{Workspace: name})) > 0 { // it might even lead elsewhere
		t.doubt = plain(name) + " is no name of a workspace"
		return t, nil
	}
	data, err := c.atBase(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.doubt = path.Base(file) + " of " + plain(name) + " is not in the commit that is merged into"
	case err != nil:
		return nil, err
	default:
		parsed, problems := manifest.ParseWorkspace(file, data)
		if len(problems) > 0 {
			t.doubt = path.Base(file) + " of " + plain(name) + " cannot be read in the commit that is merged into"
		} else {
			t.spec = parsed.Spec
		}
	}
	return t, nil
}

// role of a person in a workspace, or in the platform where there is no tenant. An id that is a member twice has the lesser role.
func (c *check) role(p Person, t *tenant) role {
	if p.ID <= 0 {
		return none
	}
	for _, admin := range c.platform.policy.Admins {
		if admin.ID == p.ID {
			return platformAdmin
		}
	}
	if t == nil {
		return none
	}
	if t.spec.Owner.ID == p.ID || t.founder == p.ID {
		return owner
	}
	least := none
	for _, member := range t.spec.Members {
		if got := roleOf(member.Role); member.ID == p.ID && (least == none || got < least) {
			if least = got; least == none {
				return none
			}
		}
	}
	return least
}

func roleOf(written manifest.Role) role {
	switch written {
	case manifest.Viewer:
		return viewer
	case manifest.Developer:
		return developer
	case manifest.Admin:
		return workspaceAdmin
	}
	return none
}
