// Package repourl reads the URLs of Git repositories as text: it takes them apart, and knows which of them mean the same one.
package repourl

import (
	"net"
	"net/url"
	"path"
	"strings"
)

// ID returns one name for all the ways to write the URL of a repository, so that the projects of a webhook's URL
// can be found and a repository that many projects share is looked at once. https, http, ssh and user@host:path are alike,
// and so are a trailing slash or .git, upper case in the host, user names, and the ports that the protocols have anyway. The
// case of the path counts. A path of this machine is cleaned; file:// and the path are alike. What is no URL of a
// repository is its own name.
//
// It is not for connecting: how to get in is lost.
func ID(repository string) string {
	at := Split(repository)
	switch at.Scheme {
	case "https", "http", "ssh":
		return strings.TrimSuffix("https://"+plainHost(at.Host)+"/"+repositoryName(at.Path), "/")
	case "file":
		if repository == at.Path {
			return localID(at.Path)
		}
		if decoded, err := url.PathUnescape(at.Path); err == nil { // it was a URL
			return localID(decoded)
		}
	}
	return repository
}

// News returns what a repository is looked for under when somebody else tells news of it: its ID in lower
// case, as GitHub spells names in one way whichever was asked for, and without the host that it has for SSH on the port of
// https. Two repositories may share it: who looks at one too many finds nothing.
func News(repository string) string {
	id := strings.ToLower(ID(repository))
	if name, found := strings.CutPrefix(id, "https://ssh.github.com/"); found {
		return "https://github.com/" + name
	}
	return id
}

// Host returns the host that a URL connects to, in lower case, with its port unless it is one that the protocols
// have anyway: https and ssh to one host are one place, for limits per host. It is "" for paths of this machine.
func Host(repository string) string {
	at := Split(repository)
	if at.Scheme == "file" {
		return ""
	}
	return plainHost(at.Host)
}

// IsHere says that a host, with a port or without, is this machine.
func IsHere(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.EqualFold(host, "localhost") || net.ParseIP(strings.Trim(host, "[]")).IsLoopback()
}

// plainHost takes the user and the port of a protocol away.
func plainHost(host string) string {
	host = host[strings.LastIndexByte(host, '@')+1:]
	colon := strings.LastIndexByte(host, ':')
	if colon < 0 {
		return host
	}
	name, port := host[:colon], host[colon+1:]
	if strings.Contains(name, ":") && !strings.HasSuffix(name, "]") {
		return host // no name and port
	}
	switch port {
	case "", "443", "80", "22":
		return name
	}
	return host
}

// repositoryName takes away what the end of a path may have or not: a slash, and then .git.
func repositoryName(p string) string {
	p = strings.Trim(p, "/")
	name, found := strings.CutSuffix(p, ".git")
	if !found || name == "" || strings.HasSuffix(name, "/") || strings.HasSuffix(name, ".git") {
		return p // x.git.git is not x.git
	}
	return name
}

// localID cleans a path of this machine. One that would look like a URL then says that it is a path.
func localID(p string) string {
	if p == "" {
		return ""
	}
	cleaned := path.Clean(p)
	if Split(cleaned).Scheme != "file" {
		return "./" + cleaned
	}
	return cleaned
}

// Parts are a URL, or a pattern for one, taken apart so that a pattern cannot match across the parts.
type Parts struct {
	// Scheme: https, http, ssh, git or file. The scp form user@host:path is ssh; a path of this machine is file.
	Scheme string
	// Host with user and port, in lower case; empty for file.
	Host string
	// Path without leading slash; with it for file.
	Path string
}

// Split takes a URL, or a pattern for one, apart without checking it.
func Split(text string) Parts {
	if scheme, rest, found := strings.Cut(text, "://"); found {
		scheme = strings.ToLower(scheme)
		host, path, _ := strings.Cut(rest, "/")
		if scheme == "file" {
			path = "/" + path
		}
		return Parts{Scheme: scheme, Host: strings.ToLower(host), Path: path}
	}
	if host, path, found := strings.Cut(text, ":"); found && !strings.Contains(host, "/") {
		return Parts{Scheme: "ssh", Host: strings.ToLower(host), Path: strings.TrimPrefix(path, "/")}
	}
	return Parts{Scheme: "file", Path: text}
}
