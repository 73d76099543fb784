package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// projectCheck checks one project among the others of its workspace.
type projectCheck struct {
	collector
	platform  *Platform // nil when it does not parse
	workspace *Workspace
	projects  map[string]*Project
	key       Key
	spec      ProjectSpec
}

func (c *projectCheck) domain() string {
	if c.platform == nil {
		return ""
	}
	return c.platform.Spec.Domain
}

func (c *projectCheck) check(hosts Hosts, objects map[string][]string) {
	if err := oneOf("project type", c.spec.Type, ProjectTypes()); err != nil {
		c.addError("spec.type", err)
		return
	}
	c.checkName()
	c.checkForeignFields()
	c.checkResources("spec.resources", c.spec.Resources)
	switch c.spec.Type {
	case Database:
		c.checkDatabase()
	case SpringMicroservice:
		c.checkApp()
		c.checkServices()
	default:
		c.checkApp()
		c.checkOrigin()
		c.checkCommands()
	}
	c.checkCollisions(objects)
	c.checkHosts(hosts)
}

// checkName checks that the name fits Kubernetes, also with what is made of it.
func (c *projectCheck) checkName() {
	longest := longestLabel
	if c.spec.Type == Database {
		longest = longestDatabase
	}
	if err := checkLabel("project's name", c.key.Project, longest); err != nil {
		c.addError("metadata.name", err)
		return
	}
	for _, host := range HostsOf(c.key, c.spec, c.domain()) {
		label, _, _ := strings.Cut(host, ".")
		if len(label) > longestLabel {
			c.add("metadata.name", fmt.Sprintf("the host %s begins with %d characters before the first dot, more than %d",
				quote(host), len(label), longestLabel), "choose a shorter name, or set spec.domain")
			return
		}
		if len(host) > longestHost {
			c.add("metadata.name", fmt.Sprintf("the host %s has %d characters, more than %d", quote(host), len(host), longestHost),
				"choose a shorter name or domain")
			return
		}
	}
}

// checkForeignFields reports fields that have no meaning for the project's type.
func (c *projectCheck) checkForeignFields() {
	s := c.spec
	app := []ProjectType{Monolithic, SpringMicroservice}
	for _, f := range []struct {
		field string
		set   bool
		types []ProjectType
	}{
		{"source", s.Source != nil, app}, {"image", s.Image != "", []ProjectType{Monolithic}}, {"build", s.Build != nil, app},
		{"port", s.Port != 0, app}, {"replicas", s.Replicas != nil, app}, {"health", s.Health != nil, app},
		{"domain", s.Domain != "", app}, {"env", len(s.Env) > 0, app},
		{"engine", s.Engine != "", []ProjectType{Database}}, {"version", s.Version != "", []ProjectType{Database}},
		{"storage", s.Storage != "", []ProjectType{Database}}, {"backup", s.Backup != nil, []ProjectType{Database}},
		{"deletionPolicy", s.DeletionPolicy != "", []ProjectType{Database}},
		{"release", s.Release != nil, []ProjectType{Monolithic}}, {"workers", len(s.Workers) > 0, []ProjectType{Monolithic}},
		{"cron", len(s.Cron) > 0, []ProjectType{Monolithic}},
		{"profiles", len(s.Profiles) > 0, []ProjectType{SpringMicroservice}},
		{"services", len(s.Services) > 0, []ProjectType{SpringMicroservice}},
	} {
		if f.set && !slices.Contains(f.types, s.Type) {
			c.add("spec."+f.field, fmt.Sprintf("a project of type %s has no %s", s.Type, f.field), "remove it")
		}
	}
}

// checkOrigin checks that a monolithic project has a source or an image.
func (c *projectCheck) checkOrigin() {
	s := c.spec
	switch {
	case s.Source != nil && s.Image != "":
		c.add("spec.image", "the project has a source and an image", "keep one of the two")
	case s.Source == nil && s.Image == "":
		c.add("spec", "the project has neither a source nor an image", "add source with the repository to build, or image")
	case s.Image != "" && s.Build != nil:
		c.add("spec.build", "build settings mean nothing for an image that is not built here", "remove them")
	}
	if s.Image != "" {
		c.checkImage()
	}
}

// checkImage checks the authored image. The platform's own registry holds the images of all workspaces, so of it only the
// workspace's folder is open, and what platform.yaml lists.
func (c *projectCheck) checkImage() {
	repository, err := imageRepository(c.spec.Image)
	if err != nil || c.platform == nil {
		c.addError("spec.image", err)
		return
	}
	registry := c.platform.Spec.Registry
	if isUnder(repository, registry.URL) && !isUnder(repository, registry.URL+"/"+c.key.Workspace) && !isListed(registry.Allow, repository) {
		c.add("spec.image", fmt.Sprintf("the image %s is in the platform's registry, but not in the folder of the workspace", quote(c.spec.Image)),
			fmt.Sprintf("use an image under %s/%s, or ask a platform admin to add it to registry.allow in platform.yaml", registry.URL, c.key.Workspace))
		return
	}
	c.addError("spec.image", allowedImage(c.platform, c.spec.Image))
}

// checkApp checks what all projects with code of their own have.
func (c *projectCheck) checkApp() {
	s := c.spec
	if s.Source != nil {
		c.checkSource("spec.source", *s.Source)
	}
	if s.Build != nil {
		c.checkBuild(*s.Build)
	}
	c.checkPort("spec.port", s.Port)
	if s.Replicas != nil {
		c.checkReplicas("spec.replicas", *s.Replicas)
	}
	if s.Health != nil && (!strings.HasPrefix(s.Health.Path, "/") || firstUnsafe(s.Health.Path, "-._~/+@:=&?%,") != 0) {
		c.add("spec.health.path", quote(s.Health.Path)+" is not a path of a URL", "begin it with a slash, like /healthz")
	}
	if s.Domain != "" {
		c.checkProjectDomain()
	}
	c.checkEnv("spec.env", s.Env)
}

func (c *projectCheck) checkSource(field string, s Source) {
	if c.platform != nil {
		c.addError(field+".repository", AllowedSource(c.platform, s.Repository))
	} else if _, err := parseLocation(s.Repository); err != nil {
		c.addError(field+".repository", err)
	}
	if s.Branch != "" {
		c.addError(field+".branch", checkBranch(s.Branch))
	}
	if s.Path != "" {
		c.addError(field+".path", checkRelativePath(s.Path))
	}
	c.checkWatch(field+".watch", s.Watch)
	if s.Revision != "" && !isRevision(s.Revision) {
		c.add(field+".revision", quote(s.Revision)+" is not a full commit id", "write all 40 characters that git rev-parse prints")
	}
}

// isRevision says that a text is the full id of a commit, by SHA-1 or SHA-256.
func isRevision(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

func (c *projectCheck) checkBuild(b Build) {
	if b.Framework != "" {
		c.addError("spec.build.framework", CheckFramework(b.Framework))
	}
	if b.Dockerfile != "" {
		c.addError("spec.build.dockerfile", c.checkDockerfile(b.Dockerfile))
	}
	seen := map[string]bool{}
	for i, e := range b.Env {
		at := fmt.Sprintf("spec.build.env[%d]", i)
		c.checkEnvName(at+".name", e.Name, seen)
		c.checkEnvValue(at+".value", e.Name, e.Value)
	}
}

// checkProjectDomain checks that the domain belongs to the workspace and not to the platform.
func (c *projectCheck) checkProjectDomain() {
	domain, owned := c.spec.Domain, c.workspace.Spec.Domains
	if err := checkDomain("domain", domain); err != nil {
		c.addError("spec.domain", err)
		return
	}
	if isSubdomain(domain, c.domain()) {
		c.add("spec.domain", fmt.Sprintf("the domain %s is under the platform's own domain %s", quote(domain), c.domain()),
			"remove it to get the host of the project there, or use a domain of the workspace")
		return
	}
	if !slices.ContainsFunc(owned, func(own string) bool { return isSubdomain(domain, own) }) {
		fix := "ask a platform admin to add it to spec.domains in " + WorkspaceFile(c.key.Workspace)
		if len(owned) > 0 {
			fix = "use a name under " + strings.Join(owned, " or ") + ", or " + fix
		}
		c.add("spec.domain", fmt.Sprintf("the domain %s does not belong to the workspace %s", quote(domain), c.key.Workspace), fix)
	}
}

// checkServices checks the services of a spring-microservice project.
func (c *projectCheck) checkServices() {
	if len(c.spec.Services) == 0 {
		c.add("spec", "a project of type spring-microservice needs services", "add services with a name each")
	}
	for i, p := range c.spec.Profiles {
		if p == "" || firstUnsafe(p, "-_.") != 0 {
			c.add(fmt.Sprintf("spec.profiles[%d]", i), quote(p)+" is not the name of a Spring profile", "use letters, digits and dashes")
		}
	}
	seen := map[string]bool{}
	for i, s := range c.spec.Services {
		c.checkService("spec.services["+strconv.Itoa(i)+"]", s, seen)
	}
}

func (c *projectCheck) checkService(field string, s Service, seen map[string]bool) {
	if err := checkLabel("service's name", s.Name, longestLabel-len(c.key.Project)-1); err != nil {
		c.addError(field+".name", err)
	} else if seen[s.Name] {
		c.add(field+".name", fmt.Sprintf("the service %s is there twice", quote(s.Name)), "rename one of the two")
	}
	seen[s.Name] = true
	if s.Source != nil {
		c.checkSource(field+".source", *s.Source)
	} else if c.spec.Source == nil {
		c.add(field, fmt.Sprintf("the service %s has no source, and neither has the project", quote(s.Name)), "add source to the project or the service")
	}
	if s.Path != "" && s.Path != "." {
		c.addError(field+".path", checkRelativePath(s.Path))
	}
	c.checkPort(field+".port", s.Port)
	if s.Replicas != nil {
		c.checkReplicas(field+".replicas", *s.Replicas)
	}
	c.checkEnv(field+".env", s.Env)
}
