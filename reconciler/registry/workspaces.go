package registry

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// Login is a username with its password.
type Login struct {
	Username string
	Password Password
}

// authenticator is how the library logs in with it; as nobody without a username.
func (l Login) authenticator() authn.Authenticator {
	if l.Username == "" {
		return authn.Anonymous
	}
	return &authn.Basic{Username: l.Username, Password: string(l.Password)}
}

// checkLogins refuses halves.
func (o Options) checkLogins() error {
	if (o.Username == "") != (o.Password == "") {
		return errors.New("registry: a username needs a password and the other way round; set both registry.usernameFile and registry.passwordFile, or neither")
	}
	for workspace, login := range o.Workspaces {
		if login.Username == "" || login.Password == "" {
			return fmt.Errorf("registry: the credentials of the workspace %s lack a username or a password; see its files in registry.workspaces", workspace)
		}
	}
	return nil
}

// ownRegistry is how the platform's own registry is asked: for the repositories of some workspaces in a way of their own.
type ownRegistry struct {
	options  Options
	platform access
	// workspaces have credentials of their own.
	workspaces map[string]access
}

// workspaceOf is the workspace that a repository belongs to and that has credentials of its own; empty when there is none.
func (o ownRegistry) workspaceOf(in name.Repository) string {
	if len(o.options.Workspaces) == 0 || o.options.Root == nil {
		return ""
	}
	host, path, _ := strings.Cut(strings.Trim(o.options.Root(), "/"), "/")
	if !isAt(in, host) {
		return ""
	}
	rest := in.RepositoryStr()
	if path != "" {
		var below bool
		if rest, below = strings.CutPrefix(rest, path+"/"); !below {
			return ""
		}
	}
	workspace, _, below := strings.Cut(rest, "/")
	if _, has := o.options.Workspaces[workspace]; !has || !below {
		return ""
	}
	return workspace
}

// login is how the platform logs in for a repository.
func (o ownRegistry) login(in name.Repository) Login {
	if workspace := o.workspaceOf(in); workspace != "" {
		return o.options.Workspaces[workspace]
	}
	return Login{o.options.Username, o.options.Password}
}

// access is how a repository is asked for.
func (o ownRegistry) access(in name.Repository) access {
	if workspace := o.workspaceOf(in); workspace != "" {
		return o.workspaces[workspace]
	}
	return o.platform
}

// nameLogin has an error name the credentials that were not accepted.
func (o ownRegistry) nameLogin(e *Error, in name.Repository) {
	if workspace := o.workspaceOf(in); workspace != "" && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden) {
		e.Fix = fmt.Sprintf("the registry does not let the credentials of the workspace %s do this; check its entry of registry.workspaces in serve.yaml, and what that account may do there", workspace)
	}
}

// LoginFor is what to log in with for a repository of the platform, with its host; nothing where nobody has to.
func (c *Client) LoginFor(repository string) Login {
	in, err := name.NewRepository(repository, c.nameOptions(true)...)
	if err != nil {
		return Login{}
	}
	return c.own.login(in)
}
