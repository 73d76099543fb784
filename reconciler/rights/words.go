package rights

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// demand is something in a change that not everybody may do.
type demand struct {
	file  string
	field string
	// data is the content of the file, to find the field in.
	data []byte
	need need
	// workspace that it belongs to; empty for none.
	workspace string
	// what is done, as in "only platform admins may ...".
	what string
	// fix is what to do where nobody may; who may do it is said else.
	fix string
}

// demand reports a problem unless all people may do what is demanded.
func (c *check) demand(d demand) error {
	t, lacking, err := c.lacking(d.need, d.workspace)
	if err == nil && len(lacking) > 0 {
		c.refuse(d, t, lacking)
	}
	return err
}

// lacking are the people who do not have what is needed in a workspace.
func (c *check) lacking(n need, workspace string) (t *tenant, lacking []Person, err error) {
	if workspace != "" {
		if t, err = c.tenant(workspace); err != nil {
			return nil, nil, err
		}
	}
	for _, p := range c.people {
		if !c.role(p, t).suffices(n) {
			lacking = append(lacking, p)
		}
	}
	return t, lacking, nil
}

// refuse reports that people may not do something.
func (c *check) refuse(d demand, t *tenant, lacking []Person) {
	problem := manifest.Problem{File: d.file, Field: d.field, Fix: d.fix, What: "nobody may " + d.what}
	if d.need != nobody {
		problem.What = "only " + d.need.words(t) + " may " + d.what
		for _, p := range lacking {
			problem.What += "; " + c.describe(p, t)
		}
		problem.Fix = c.whoMay(d.need, t)
	}
	c.problems = append(c.problems, manifest.Locate(d.file, d.data, manifest.Problems{problem})...)
}

// words are the people who have what is needed.
func (n need) words(t *tenant) string {
	switch {
	case n == developers && t != nil:
		return "developers of " + plain(t.name)
	case n == workspaceAdmins && t != nil:
		return "the owner and admins of " + plain(t.name)
	}
	return "platform admins"
}

// describe says who somebody is. When somebody else has that login in the files, it says so: it may have passed on.
func (c *check) describe(p Person, t *tenant) string {
	r := c.role(p, t)
	words := c.name(p, t) + " is no platform admin"
	switch {
	case t != nil && t.doubt != "" && t.founder != p.ID:
		words = t.doubt
	case t != nil:
		words = c.name(p, t) + " " + r.words() + " " + plain(t.name)
	}
	if r == none && p.Login != "" {
		i := slices.IndexFunc(c.known(t), func(u manifest.User) bool { return u.ID != p.ID && strings.EqualFold(u.GitHub, p.Login) })
		if i >= 0 {
			words += fmt.Sprintf(", where this login belongs to the account %d and not to %d", c.known(t)[i].ID, p.ID)
		}
	}
	return words
}

func (r role) words() string {
	switch r {
	case viewer:
		return "is a viewer of"
	case developer:
		return "is a developer of"
	case workspaceAdmin:
		return "is an admin of"
	case owner:
		return "is the owner of"
	}
	return "has no role in"
}

// known are the users whom the files at the base name.
func (c *check) known(t *tenant) []manifest.User {
	users := slices.Clone(c.platform.policy.Admins)
	if t != nil {
		users = append(users, t.spec.Owner)
		for _, m := range t.spec.Members {
			users = append(users, m.User)
		}
	}
	return users
}

// name is a person for a message.
func (c *check) name(p Person, t *tenant) string {
	if p.ID <= 0 {
		return "an unknown person"
	}
	login := p.Login
	if i := slices.IndexFunc(c.known(t), func(u manifest.User) bool { return u.ID == p.ID }); login == "" && i >= 0 {
		login = c.known(t)[i].GitHub
	}
	return mention(manifest.User{GitHub: login, ID: p.ID})
}

// mention is a user for a message: the login, if it can be one.
func mention(u manifest.User) string {
	const longest = 39
	strange := func(r rune) bool {
		return r != '-' && r != '_' && r != '[' && r != ']' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	if u.GitHub == "" || len(u.GitHub) > longest || strings.ContainsFunc(u.GitHub, strange) {
		return fmt.Sprintf("the account %d", u.ID)
	}
	return "@" + u.GitHub
}

// whoMay says whom to ask.
func (c *check) whoMay(n need, t *tenant) string {
	if n == platformAdmins || t == nil || t.doubt != "" {
		return c.askPlatformAdmins()
	}
	ask := "ask the workspace's owner " + mention(t.spec.Owner)
	for _, m := range t.spec.Members {
		if roleOf(m.Role) == workspaceAdmin {
			ask += ", its admin " + mention(m.User)
			break
		}
	}
	return ask + " or a platform admin"
}

// askPlatformAdmins names some platform admins, or says how to come by one.
func (c *check) askPlatformAdmins() string {
	if c.platform.doubt != "" {
		return c.platform.doubt + ", so nobody is a platform admin: somebody who may push to the repository has to mend that with a push"
	}
	const most = 3
	var names []string
	for _, admin := range c.platform.policy.Admins[:min(most, len(c.platform.policy.Admins))] {
		names = append(names, mention(admin))
	}
	return "ask a platform admin: " + strings.Join(names, ", ")
}

// plain is a name out of a path for a message, in quotes unless it is a usual one.
func plain(name string) string {
	if len(manifest.CheckFolders("", manifest.Key{Workspace: name, Project: "x"})) > 0 {
		return strconv.Quote(name)
	}
	return name
}
