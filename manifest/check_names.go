package manifest

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/manifest/strict"
)

// Longest names of what Kubernetes makes, in characters.
const (
	// longestLabel is a DNS label: the name of a Service, one part of a host.
	longestLabel = validation.DNS1123LabelMaxLength
	// longestDatabase leaves room for what Kubernetes appends to the name of a StatefulSet, and to a CronJob's with -backup.
	longestDatabase = 45
	// longestHost is a whole host, longestDomain one that projects get a label below.
	longestHost   = validation.DNS1123SubdomainMaxLength
	longestDomain = longestHost - longestLabel - 1
)

// checkLabel checks a name that becomes a DNS label. What is the noun for the message.
func checkLabel(what, name string, longest int) error {
	const fix = "use lower-case letters, digits and dashes, a letter first, such as shop-api"
	switch {
	case name == "":
		return refuse(fix, "the %s is empty", what)
	case len(validation.IsDNS1035Label(name)) > 0 && len(name) <= longestLabel:
		return refuse(fix, "the %s %s does not fit Kubernetes", what, quote(name))
	case len(name) > longest:
		return refuse("choose a shorter one", "the %s %s has %d characters, more than %d", what, quote(name), len(name), longest)
	}
	return nil
}

// checkNamespace checks a name that becomes a namespace.
func checkNamespace(what, name string) error {
	const fix = "use lower-case letters, digits and dashes, such as ws-42"
	if len(validation.IsDNS1123Label(name)) > 0 {
		return refuse(fix, "the %s %s does not fit Kubernetes, which takes at most %d lower-case letters, digits and dashes",
			what, quote(name), longestLabel)
	}
	if isReservedNamespace(name) {
		return refuse("choose another name", "the %s %s is reserved for the cluster and the platform", what, quote(name))
	}
	return nil
}

// checkDomain checks a domain that hosts are under.
func checkDomain(what, domain string) error {
	const fix = "write it in lower case without scheme, port or *, like apps.example.com"
	if domain == "" {
		return refuse(fix, "the %s is empty", what)
	}
	if len(validation.IsDNS1123Subdomain(domain)) > 0 || isAddress(domain) {
		return refuse(fix, "the %s %s is not a domain name", what, quote(domain))
	}
	if len(domain) > longestDomain {
		return refuse("choose a shorter one", "the %s %s has %d characters, more than %d", what, quote(domain), len(domain), longestDomain)
	}
	for label := range strings.SplitSeq(domain, ".") {
		if len(label) > longestLabel {
			return refuse("choose a shorter one", "a part of the %s %s has more than %d characters", what, quote(domain), longestLabel)
		}
	}
	return nil
}

// isAddress says that a name is made of numbers, as an IP address is.
func isAddress(name string) bool { return strings.Trim(name, "0123456789.") == "" }

// isSubdomain says that a domain is another one or below it.
func isSubdomain(domain, of string) bool {
	return of != "" && (domain == of || strings.HasSuffix(domain, "."+of))
}

// isReservedNamespace says that a namespace belongs to the cluster or to what runs the platform.
func isReservedNamespace(namespace string) bool {
	reserved := []string{"default", "plateform", "argocd", "argo", "cert-manager", "ingress-nginx", "traefik", "harbor", "jenkins",
		"monitoring", "logging", "gatekeeper", "kyverno", "vault", "velero", "local-path-storage"}
	if slices.Contains(reserved, namespace) {
		return true
	}
	for _, prefix := range []string{"kube-", "openshift-", "plateform-", "ingress-"} {
		if strings.HasPrefix(namespace, prefix) {
			return true
		}
	}
	return strings.HasSuffix(namespace, "-system")
}

// checkUser checks a person.
func (c *collector) checkUser(field string, u User) {
	if u.ID <= 0 {
		c.add(field+".id", fmt.Sprintf("the account id of %s is %d, which is none", quote(u.GitHub), u.ID),
			"write the numeric id that https://api.github.com/users/LOGIN shows")
	}
	const longestLogin = 39
	if u.GitHub == "" || len(u.GitHub) > longestLogin || firstUnsafe(u.GitHub, "-_[]") != 0 {
		c.add(field+".github", quote(u.GitHub)+" is not a GitHub login", "write the login without @")
	}
}

// oneOf checks that a value is one of those that are known.
func oneOf[T ~string](what string, value T, known []T) error {
	if slices.Contains(known, value) {
		return nil
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	fix := "write " + strings.Join(names, ", ")
	if near := strict.Nearest(string(value), names); near != "" {
		fix = fmt.Sprintf("did you mean %q?", near)
	}
	return refuse(fix, "the %s %s is not known", what, quote(string(value)))
}

// The words that may stand where only a few may.

// ProjectTypes are the types of projects.
func ProjectTypes() []ProjectType { return []ProjectType{Monolithic, Database, SpringMicroservice} }

// Roles are the roles of members.
func Roles() []Role { return []Role{Viewer, Developer, Admin} }

// Severities are the severities of findings of an image scan, from the lowest.
func Severities() []string { return []string{"low", "medium", "high", "critical"} }

// Engines are the kinds of databases.
func Engines() []string { return []string{"postgres", "redis", "mysql", "mongodb"} }

// DeletionPolicies say what becomes of the data of a database that is deleted.
func DeletionPolicies() []string { return []string{"retain", "delete"} }

// Offers are the keys that other projects may take from a project into their env.
func Offers(t ProjectType) []string {
	if t == Database {
		return []string{"url", "host", "port", "username", "password", "database"}
	}
	return []string{"url", "host", "port"}
}

// CheckFolders says what is wrong with the folders that a file is in: they are the names of a workspace and a project, and
// end up in paths, commit statuses and messages. Only what could get out of hand there is refused here; whether a name
// fits Kubernetes is a matter of the whole workspace.
func CheckFolders(file string, k Key) Problems {
	const longest = 100
	var ps Problems
	for _, name := range []string{k.Workspace, k.Project} {
		bad := strings.IndexFunc(name, func(r rune) bool { return r > unicode.MaxASCII || firstUnsafe(string(r), "-._") != 0 })
		hidden := strings.HasPrefix(name, "-") || strings.HasPrefix(name, ".")
		if bad < 0 && !hidden && len(name) <= longest {
			continue
		}
		what := fmt.Sprintf("the folder %s has a name of %d characters, more than %d", quote(name), len(name), longest)
		if bad >= 0 || hidden {
			what = fmt.Sprintf("the folder %s has %q in its name", quote(name), []rune(name[max(bad, 0):])[0])
		}
		ps = append(ps, Problem{File: file, What: what, Fix: "use lower-case letters, digits and dashes, a letter first, such as shop-api"})
	}
	return ps
}

// CheckFramework says what is wrong with a word for a framework.
func CheckFramework(word string) error {
	if current := frameworks.Current(word); current != word {
		return refuse("write "+current, "the framework %s has another name", quote(word))
	}
	return oneOf("framework", word, frameworks.All())
}
