package manifest

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-containerregistry/pkg/name"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/plateform/plateform/manifest/repourl"
)

// refusal is why something is refused, and what to do about it.
type refusal struct{ what, fix string }

func (r refusal) Error() string { return r.what + " (" + r.fix + ")" }

func refuse(fix, format string, args ...any) error {
	return refusal{what: WithoutCredentials(fmt.Sprintf(format, args...)), fix: WithoutCredentials(fix)}
}

// reason splits an error into what is wrong and how to mend it.
func reason(err error) (what, fix string) {
	var r refusal
	if errors.As(err, &r) {
		return r.what, r.fix
	}
	return err.Error(), ""
}

// AllowedSource says whether projects may be built from a repository; the error says why not and what to do. A URL that
// is not plain and safe is refused whatever the platform allows.
func AllowedSource(p *Platform, repository string) error {
	at, err := parseLocation(repository)
	if err != nil {
		return err
	}
	patterns := p.Spec.Sources.Allow
	if len(patterns) == 0 {
		patterns = []string{"https://github.com/*"}
	}
	for _, text := range patterns {
		pattern := repourl.Split(text)
		if pattern.Scheme == at.Scheme && glob(pattern.Host, at.Host) && glob(pattern.Path, at.Path) {
			return nil
		}
	}
	return refuse("use a repository under "+strings.Join(patterns, " or ")+", or ask a platform admin to add it to sources.allow in platform.yaml",
		"the source %s is not allowed on this platform", quote(repository))
}

// parseLocation checks that a repository URL is plain: no helper programs, options, credentials, or hidden parts.
func parseLocation(repository string) (repourl.Parts, error) {
	const form = "write it like https://github.com/acme/shop"
	if repository == "" {
		return repourl.Parts{}, refuse(form, "the repository is empty")
	}
	if r := firstUnsafe(repository, "-._~/:@+"); r != 0 {
		return repourl.Parts{}, refuse(form, "the repository %s contains %q, which is not allowed in a URL", quote(repository), r)
	}
	at := repourl.Split(repository)
	switch {
	case strings.Contains(repository, "::"):
		return repourl.Parts{}, refuse(form, "the repository %s asks for a helper program", quote(repository))
	case strings.HasPrefix(repository, "-"):
		return repourl.Parts{}, refuse(form, "the repository %s looks like a command-line option", quote(repository))
	}
	if err := checkPathSegments(strings.TrimPrefix(at.Path, "/")); err != nil {
		what, _ := reason(err)
		return repourl.Parts{}, refuse(form, "the repository %s is not plain: %s", quote(repository), what)
	}
	switch at.Scheme {
	case "file":
		if at.Host != "" || !strings.HasPrefix(at.Path, "/") {
			return repourl.Parts{}, refuse("write the whole path, or a URL like https://github.com/acme/shop", "the repository %s is not a URL", quote(repository))
		}
		return at, nil
	case "https", "http", "git", "ssh":
		return at, checkAuthority(at, repository)
	}
	return repourl.Parts{}, refuse(form, "the repository %s has the unknown scheme %s", quote(repository), quote(at.Scheme))
}

// checkAuthority checks user, host and port.
func checkAuthority(at repourl.Parts, repository string) error {
	const form = "write it like https://github.com/acme/shop"
	u, err := url.Parse("x://" + at.Host + "/")
	if err != nil {
		return refuse(form, "the repository %s is not a URL", quote(repository))
	}
	if _, password := u.User.Password(); password || u.User != nil && at.Scheme != "ssh" {
		return refuse("remove them from the URL; access is given by the platform's GitHub App or its credentials",
			"the repository %s contains credentials", quote(repository))
	}
	if u.User != nil && strings.HasPrefix(u.User.Username(), "-") || len(validation.IsDNS1123Subdomain(u.Hostname())) > 0 {
		return refuse(form, "the repository %s has no valid host name", quote(repository))
	}
	return nil
}

// checkPathSegments refuses paths that are not plain: empty, hidden or upward segments, or such as look like options.
func checkPathSegments(path string) error {
	for segment := range strings.SplitSeq(path, "/") {
		switch {
		case segment == "":
			return refuse("write it like services/api", "the path %s has an empty part", quote(path))
		case segment == "." || segment == "..":
			return refuse("write it like services/api", "the path %s contains %s", quote(path), segment)
		case strings.HasPrefix(segment, "-"):
			return refuse("rename it", "a part of the path %s begins with a dash", quote(path))
		case strings.EqualFold(segment, ".git"):
			return refuse("write it like services/api", "the path %s contains .git", quote(path))
		}
	}
	return nil
}

// firstUnsafe returns the first character that is neither a letter, a digit nor one of the others; 0 when there is none.
// What passes is the same text for a shell, a URL, a YAML file and a template.
func firstUnsafe(s, others string) rune {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(others, r) {
			return r
		}
	}
	return 0
}

// checkRelativePath checks a path inside a repository.
func checkRelativePath(path string) error {
	if r := firstUnsafe(path, "-._~/+@"); r != 0 {
		return refuse("use letters, digits, - _ . and / only", "the path %s contains %q", quote(path), r)
	}
	if strings.HasPrefix(path, "/") {
		return refuse("write it without the slash at its beginning", "the path %s is not relative to the repository", quote(path))
	}
	return checkPathSegments(path)
}

// checkBranch checks the name of a branch: what Git allows, without what a shell could misread.
func checkBranch(branch string) error {
	const fix = "write the branch as Git shows it, such as main or feature/login"
	if r := firstUnsafe(branch, "-._/+@#="); r != 0 {
		return refuse(fix, "the branch %s contains %q", quote(branch), r)
	}
	const longest = 200
	if plumbing.NewBranchReferenceName(branch).Validate() != nil || strings.HasPrefix(branch, "refs/") || len(branch) > longest {
		return refuse(fix, "%s is no valid name of a branch", quote(branch))
	}
	return nil
}

// allowedImage says whether projects may run an image; the error says why not and what to do. Images in the platform's
// own registry are always allowed, and all others while platform.yaml lists no registry.allow.
func allowedImage(p *Platform, image string) error {
	repository, err := imageRepository(image)
	if err != nil {
		return err
	}
	patterns := p.Spec.Registry.Allow
	if len(patterns) == 0 || isUnder(repository, p.Spec.Registry.URL) || isListed(patterns, repository) {
		return nil
	}
	return refuse("use an image under "+strings.Join(patterns, " or ")+", or ask a platform admin to add it to registry.allow in platform.yaml",
		"the image %s is not allowed on this platform", quote(image))
}

// isListed says that a pattern of registry.allow matches a repository.
func isListed(patterns []string, repository string) bool {
	host, path, _ := strings.Cut(repository, "/")
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		wantHost, wantPath, found := strings.Cut(pattern, "/")
		if !found {
			wantPath = "*"
		}
		return glob(wantHost, host) && glob(wantPath, path)
	})
}

// imageRepository returns the full name of an image's repository: docker.io/library/nginx for nginx:1.27.
func imageRepository(image string) (string, error) {
	const longest = 512
	ref, err := name.ParseReference(image)
	if err != nil || len(image) > longest {
		return "", refuse("write it like harbor.example.com/shop/web:1.4, without a scheme", "%s is not an image reference", quote(image))
	}
	return hostOf(ref.Context()) + "/" + ref.Context().RepositoryStr(), nil
}

// dockerHub is how people call the registry of images without one in their names.
const dockerHub = "docker.io"

// hostOf is the host[:port] of a repository as people write it.
func hostOf(in name.Repository) string {
	if in.RegistryStr() == name.DefaultRegistry {
		return dockerHub
	}
	return in.RegistryStr()
}

// isUnder says that a repository is in a folder of a registry.
func isUnder(repository, folder string) bool {
	return strings.HasPrefix(repository, strings.TrimSuffix(folder, "/")+"/")
}

// glob matches a text against a pattern in which * stands for any characters.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	rest, found := strings.CutPrefix(text, parts[0])
	if !found {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
