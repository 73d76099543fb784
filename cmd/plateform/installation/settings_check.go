package installation

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/localbuild"
)

// check finds what is wrong with settings that parse.
func (s *Settings) check(file string) manifest.Problems {
	c := settingsCheck{file: file}
	c.kind("forge.kind", s.Forge.Kind, "git", forgeGitHub)
	c.github(s)
	c.kind("builder.kind", s.Builder.Kind, "local", builderJenkins, "none")
	c.jenkins(s.Builder)
	c.kind("registry.kind", s.Registry.Kind, "external", registryHarbor, "embedded")
	c.kind("engine.kind", s.Engine.Kind, "none", EngineDirect, EngineArgoCD, EngineLocal)
	c.cluster(s)
	c.pull(s.Engine)
	c.election(s)
	c.remote("config", s.Config)
	c.remote("gitops", s.GitOps)
	c.sources(s.Sources)
	if s.Config.URL == s.GitOps.URL && s.Config.Branch == s.GitOps.Branch {
		c.add("gitops.url", "gitops is the same branch of the same repository as config", "name a repository of its own")
	}
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		c.add("listen", fmt.Sprintf("listen %q is not an address", s.Listen), "write host:port, as 127.0.0.1:8080")
	}
	if _, _, err := net.SplitHostPort(s.API.Listen); err != nil && s.API.Listen != "" {
		c.add("api.listen", fmt.Sprintf("api.listen %q is not an address", s.API.Listen), "write host:port, as 127.0.0.1:8081, or leave it out")
	}
	if s.API.Listen == s.Listen && !strings.HasSuffix(s.Listen, ":0") {
		c.add("api.listen", "api.listen is the public address of listen", "give it a port of its own")
	}
	c.api(s.API)
	if _, _, err := net.SplitHostPort(s.Engine.Listen); err != nil {
		c.add("engine.listen", fmt.Sprintf("engine.listen %q is not an address", s.Engine.Listen), "write host:port, as 127.0.0.1:8480")
	}
	if (s.Engine.Listen == s.Listen || s.Engine.Listen == s.API.Listen) && s.Engine.Kind == EngineLocal && !strings.HasSuffix(s.Engine.Listen, ":0") {
		c.add("engine.listen", "engine.listen is also the address of something else", "give it a port of its own")
	}
	if _, err := parseResync(s.Resync); err != nil {
		c.add("resync", "resync is no cron schedule: "+err.Error(), "write five fields, as */5 * * * *")
	}
	if poll, err := time.ParseDuration(s.Forge.Poll); err != nil || poll < minPoll {
		c.add("forge.poll", fmt.Sprintf("forge.poll %q is no time of at least %s", s.Forge.Poll, minPoll), "write a number with its unit, as 500ms or 2s")
	}
	if s.Builder.Local.Parallel < 1 {
		c.add("builder.local.parallel", "builder.local.parallel is below 1", "write how many builds may run at the same time")
	}
	if err := localbuild.Mirrors(s.Builder.Local.Mirrors).Check(); err != nil {
		c.add("builder.local.mirrors", "builder.local.mirrors: "+err.Error(), "write them as docker.io: mirror.example.com/hub")
	}
	c.webhooks(s)
	c.identities(s.API)
	c.checkImages(s)
	if (s.Registry.UsernameFile == "") != (s.Registry.PasswordFile == "") {
		c.add("registry", "registry has only one of usernameFile and passwordFile", "set both or neither")
	}
	c.workspaceLogins(s.Registry.Workspaces)
	for _, platform := range s.Engine.Platforms {
		if parts := strings.Split(platform, "/"); len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") || platform != strings.ToLower(platform) {
			c.add("engine.platforms", fmt.Sprintf("engine.platforms has %q, which is no platform", platform), "write os/architecture, as linux/amd64 or linux/arm64")
		}
	}
	return c.problems
}

// cluster checks how a cluster is reached, and Argo CD in it.
func (c *settingsCheck) cluster(s *Settings) {
	e := s.Engine
	if e.Kubeconfig != "" && !e.InCluster() {
		c.add("engine.kubeconfig", "engine.kubeconfig is for engine direct or argocd", "leave it out, or set engine.kind to direct or argocd")
	}
	if e.Ingress != "" && !e.InCluster() {
		c.add("engine.ingress", "engine.ingress is for engine direct or argocd", "leave it out, or set engine.kind to direct or argocd")
	}
	if e.Kind != EngineArgoCD {
		for field, value := range map[string]string{"engine.namespace": e.Namespace, "engine.repository": e.Repository} {
			if value != "" {
				c.add(field, field+" is for engine argocd", "leave it out, or set engine.kind to argocd")
			}
		}
		return
	}
	if holdsCredentials(e.Repository) {
		c.add("engine.repository", "engine.repository holds credentials", "give them to Argo CD in a Secret of its own, and write the URL alone")
	}
	if url := s.GitOpsInCluster(); url != "" && !strings.Contains(url, "://") && !strings.Contains(url, "@") {
		c.add("engine.kind", fmt.Sprintf("Argo CD does not reach the repository %s from inside the cluster", url), "set engine.repository to the URL that it has there, as https://git.example.com/plateform-gitops")
	}
}

// minPoll keeps a typing error from hammering a Git server.
const minPoll = 50 * time.Millisecond

// settingsCheck collects problems.
type settingsCheck struct {
	file     string
	problems manifest.Problems
}

func (c *settingsCheck) add(field, what, fix string) {
	c.problems = append(c.problems, manifest.Problem{File: c.file, Field: field, What: what, Fix: fix})
}

// kind refuses kinds that are unknown.
func (c *settingsCheck) kind(field, value string, known ...string) {
	if !slices.Contains(known, value) {
		c.add(field, fmt.Sprintf("%s %q is not known", field, value), "use "+strings.Join(known[:len(known)-1], ", ")+" or "+known[len(known)-1])
	}
}

// forgeGitHub is the kind of a forge on GitHub.
const forgeGitHub = "github"

// github checks who Plateform is on GitHub, and that there is what it is to speak of.
func (c *settingsCheck) github(s *Settings) {
	g := s.GitHub
	if g.App.ID < 0 {
		c.add("github.app.id", fmt.Sprintf("github.app.id %d is no id of a GitHub App", g.App.ID), "copy the App ID from the settings of the App on GitHub")
	}
	if g.App != (GitHubAppSettings{}) && (g.App.ID == 0 || g.App.PrivateKeyFile == "") {
		c.add("github.app", "github.app has only one of id and privateKeyFile", "set both: a GitHub App logs in with its id and a private key")
	}
	if g.App != (GitHubAppSettings{}) && g.TokenFile != "" {
		c.add("github.tokenFile", "github has an app and a tokenFile", "remove one of the two: Plateform is either the App, or whoever the token belongs to")
	}
	site, err := auth.SiteAt(g.BaseURL)
	if err != nil {
		shown := g.BaseURL
		if strings.Contains(shown, "@") {
			shown = "***"
		}
		c.add("github.baseURL", fmt.Sprintf("github.baseURL %q is no address of a GitHub: %v", shown, err), "write where people browse it, as https://github.example.com, or leave it out for github.com")
		return
	}
	if s.Forge.Kind != forgeGitHub {
		return
	}
	if !g.login() {
		c.add("forge.kind", "forge.kind github has nobody to log in as", "add github.app with id and privateKeyFile, or github.tokenFile")
	}
	if _, ok := site.Repository(s.Config.URL); !ok && s.Config.URL != "" {
		c.add("config.url", fmt.Sprintf("config.url is no repository of %s, where people are to be told", site),
			"write it as "+site.Web.String()+"/OWNER/NAME, set github.baseURL to its GitHub, or set forge.kind to git")
	}
}

// remote refuses secrets in a URL, which end up in logs.
func (c *settingsCheck) remote(field string, r RemoteSettings) {
	if holdsCredentials(r.URL) {
		c.add(field+".url", field+".url holds credentials", "write them as "+field+".username and "+field+".passwordFile")
	}
	if r.PasswordFile != "" && r.Username == "" {
		c.add(field, field+" has a passwordFile but no username", "add "+field+".username; for a token most servers take any name")
	}
}

// holdsCredentials says that there is a password in a URL, or what may be one.
func holdsCredentials(url string) bool {
	scheme, rest, isURL := strings.Cut(url, "://")
	userinfo, _, hasUser := strings.Cut(strings.SplitN(rest, "/", 2)[0], "@")
	return isURL && hasUser && (strings.Contains(userinfo, ":") || strings.HasPrefix(scheme, "http"))
}

// webhooks refuses those that anybody could send.
func (c *settingsCheck) webhooks(s *Settings) {
	if hook := s.Webhooks.GitHub; hook != nil {
		c.secretFiles("webhooks.github", hook.SecretFile, hook.PreviousSecretFile, "set it in GitHub, too")
	}
	hook := s.Webhooks.Jenkins
	if hook == nil {
		return
	}
	c.secretFiles("webhooks.jenkins", hook.SecretFile, hook.PreviousSecretFile, "give it to the job in Jenkins, too")
	if !s.Builder.IsJenkins() {
		c.add("webhooks.jenkins", "webhooks.jenkins is set, and no Jenkins builds", "set builder.kind to jenkins, or take it out")
	}
}

func (c *settingsCheck) secretFiles(field, file, previous, also string) {
	switch {
	case file == "":
		c.add(field, field+" has no secretFile", "make a secret with openssl rand -hex 32, name its file, and "+also)
	case file == previous:
		c.add(field+".previousSecretFile", field+".previousSecretFile is secretFile", "name the file with the secret before, or leave it out")
	}
}

// sources checks the hosts that get credentials.
func (c *settingsCheck) sources(all []SourceSettings) {
	seen := map[string]bool{}
	for n, s := range all {
		field := fmt.Sprintf("sources[%d]", n)
		host, err := normalHost(s.Host)
		shown := s.Host
		if at := strings.LastIndexByte(shown, '@'); at >= 0 {
			shown = "***" + shown[at:]
		}
		switch {
		case err != nil:
			c.add(field+".host", fmt.Sprintf("%s.host %q is no host: %v", field, shown, err), "write only the host, as git.example.com or git.example.com:8443")
		case seen[host]:
			c.add(field+".host", fmt.Sprintf("%s.host %s is there twice", field, s.Host), "give each host one entry")
		}
		seen[host] = true
		if s.UsernameFile == "" {
			c.add(field, field+" has no usernameFile", "name a file with the username; for a token most servers take any name")
		}
		if s.PasswordFile == "" {
			c.add(field, field+" has no passwordFile", "name a file with the password or token")
		}
	}
}

// workspaceLogins checks the credentials of single workspaces.
func (c *settingsCheck) workspaceLogins(all []WorkspaceLoginSettings) {
	seen := map[string]bool{}
	for n, w := range all {
		field := fmt.Sprintf("registry.workspaces[%d]", n)
		switch {
		case w.Workspace == "" || len(manifest.CheckFolders("", manifest.Key{Workspace: w.Workspace, Project: "any"})) > 0:
			c.add(field+".workspace", fmt.Sprintf("%s.workspace %q is no name of a workspace", field, w.Workspace), "write the name of its folder in platform-config, as shop")
		case seen[w.Workspace]:
			c.add(field+".workspace", fmt.Sprintf("%s.workspace %s is there twice", field, w.Workspace), "give each workspace one entry")
		}
		seen[w.Workspace] = true
		if w.UsernameFile == "" || w.PasswordFile == "" {
			c.add(field, field+" has no usernameFile or no passwordFile", "name a file with the username, and one with the password")
		}
	}
}

// pull checks the login that nodes pull images with.
func (c *settingsCheck) pull(s EngineSettings) {
	switch pull := s.Pull; {
	case pull == nil:
	case !s.InCluster():
		c.add("engine.pull", "engine.pull is for engine direct or argocd", "leave it out, or set engine.kind to direct or argocd")
	case pull.UsernameFile == "" || pull.PasswordFile == "":
		c.add("engine.pull", "engine.pull has no usernameFile or no passwordFile", "name a file with the username, and one with the password")
	case pull.Registry == "" || strings.Contains(pull.Registry, "/"):
		c.add("engine.pull.registry", fmt.Sprintf("engine.pull.registry %q is no host of a registry", pull.Registry), "write host and port without a scheme or path, as harbor.example.com")
	}
}

// parseResync reads a cron schedule with five fields, in UTC.
func parseResync(spec string) (cron.Schedule, error) {
	if len(strings.Fields(spec)) != 5 {
		// A time zone with nothing behind it makes the parser panic, and @every is no time of day.
		return nil, fmt.Errorf("%q has not five fields", spec)
	}
	schedule, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, err
	}
	if schedule.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("%q never comes", spec)
	}
	return schedule, nil
}
