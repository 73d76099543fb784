// Package auth says who Plateform is at one GitHub: a GitHub App, whose tokens are minted for one repository and for what a call
// needs, or whoever a token belongs to.
package auth

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/plateform/plateform/manifest/repourl"
)

// Site is one GitHub.
type Site struct {
	// Web is where people browse it, and where its repositories are; API is the address of its REST API.
	Web, API *url.URL
}

// Repository is one of a Site. GitHub does not tell capitals from small letters in it.
type Repository struct{ Owner, Name string }

// String is OWNER/NAME.
func (r Repository) String() string { return r.Owner + "/" + r.Name }

// key is the same for all spellings.
func (r Repository) key() string { return strings.ToLower(r.String()) }

// SiteAt returns the GitHub that people browse at an address; github.com when it is empty.
func SiteAt(base string) (Site, error) {
	if base == "" {
		base = "https://github.com"
	}
	web, err := url.Parse(base)
	if err != nil || web.Host == "" {
		return Site{}, errors.New("it does not read as an address")
	}
	web.Path = strings.TrimSuffix(strings.TrimRight(web.Path, "/"), "/api/v3")
	switch {
	case web.User != nil || web.RawQuery != "" || web.Fragment != "" || web.Path != "":
		return Site{}, errors.New("it holds more than https:// and a host")
	case web.Scheme != "https" && (web.Scheme != "http" || !repourl.IsHere(web.Host)):
		return Site{}, errors.New("a login goes over https only")
	case strings.HasPrefix(strings.ToLower(web.Hostname()), "api."):
		return Site{}, errors.New("it is the address of the API, and not the one that people browse")
	}
	web.Host = strings.ToLower(web.Host)
	api := &url.URL{Scheme: web.Scheme, Host: web.Host, Path: "/api/v3/"}
	if web.Host == "github.com" || strings.HasSuffix(web.Host, ".ghe.com") {
		api = &url.URL{Scheme: web.Scheme, Host: "api." + web.Host, Path: "/"}
	}
	return Site{Web: web, API: api}, nil
}

// What GitHub allows in the name of an owner and of a repository.
var (
	ownerName = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?$`)
	repoName  = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
)

// Repository is the one that a URL names, over https and ssh alike; false when it is none of this GitHub.
func (s Site) Repository(raw string) (Repository, bool) {
	host, path, ok := splitURL(raw)
	if !ok || !s.named(host) {
		return Repository{}, false
	}
	owner, name, ok := strings.Cut(strings.Trim(path, "/"), "/")
	if name = strings.TrimSuffix(name, ".git"); !ok || !ownerName.MatchString(owner) || !repoName.MatchString(name) || name == "." || name == ".." {
		return Repository{}, false
	}
	return Repository{Owner: owner, Name: name}, true
}

// address is a host with its port where that is not the usual one, and whether it is reached over ssh.
type address struct {
	host string
	ssh  bool
}

// splitURL takes a URL of a repository apart.
func splitURL(raw string) (address, string, bool) {
	if !strings.Contains(raw, "://") { // user@host:path, as git takes it
		host, path, ok := strings.Cut(raw, ":")
		if _, name, found := strings.Cut(host, "@"); found {
			host = name
		}
		return address{strings.ToLower(host), true}, path, ok && !strings.Contains(host, "/")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return address{}, "", false
	}
	switch u.Scheme {
	case "ssh":
		return address{strings.ToLower(u.Hostname()), true}, u.Path, true
	case "https":
		return address{strings.TrimSuffix(strings.ToLower(u.Host), ":443"), false}, u.Path, true
	case "http":
		return address{strings.ToLower(u.Host), false}, u.Path, true
	}
	return address{}, "", false
}

// named says that an address is this GitHub.
func (s Site) named(a address) bool {
	if a.ssh {
		return a.host == s.Web.Hostname() || a.host == "ssh."+s.Web.Hostname()
	}
	return a.host == strings.TrimSuffix(s.Web.Host, ":443") || a.host == "www."+s.Web.Host
}

// MayLogin says that a login may be sent to a URL: it is this GitHub's, and nobody can listen on the way.
func (s Site) MayLogin(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != s.Web.Scheme {
		return false
	}
	return strings.TrimSuffix(strings.ToLower(u.Host), ":443") == strings.TrimSuffix(s.Web.Host, ":443")
}

// String is the host.
func (s Site) String() string { return s.Web.Host }

// InstallURL is where an App is installed on more repositories.
func (s Site) InstallURL(owner string) string {
	return fmt.Sprintf("%s/organizations/%s/settings/installations", s.Web, owner)
}
