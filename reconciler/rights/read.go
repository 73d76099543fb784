package rights

import (
	"github.com/plateform/plateform/reconciler"
)

// MayRead says whether somebody may see what goes on in a workspace, as of a commit: its owner, its members of any role, and platform
// admins. Nobody may in a workspace that is not there, but platform admins.
func MayRead(reader reconciler.Reader, base, workspace string, who Person) (bool, error) {
	c := &check{reader: reader, base: base, head: base, people: []Person{who}, tenants: map[string]*tenant{}}
	if err := c.readPlatform(); err != nil {
		return false, err
	}
	t, err := c.tenant(workspace)
	if err != nil {
		return false, err
	}
	return c.role(who, t) > none, nil
}
