package githubserver

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plateform/plateform/test/githubserver/bare"
)

// Role is what somebody may do in a repository.
type Role int

// The roles, from the least to the most.
const (
	None Role = iota
	Read
	Triage
	Write
	Maintain
	Admin
)

// String is the name of the role, as GitHub says it.
func (r Role) String() string {
	return [...]string{"none", "read", "triage", "write", "maintain", "admin"}[r]
}

// legacy is the role in the words that GitHub had before there were so many.
func (r Role) legacy() string {
	return [...]string{"none", "read", "read", "write", "write", "admin"}[r]
}

// repository is a repository with all that hangs on it.
type repository struct {
	id            int64
	owner         *user
	name          string
	private       bool
	fork          *repository // what it was forked from
	git           *bare.Repo
	created       time.Time
	pushed        time.Time
	collaborators map[int64]Role
	pulls         []*pull // by number: pulls[0] is #1
	comments      []*comment
	hooks         []*hook
	rules         rules
	commits       commitFacts
}

// commitFacts are what was said of commits.
type commitFacts struct {
	statuses    []*status
	runs        []*checkRun
	suites      []*checkSuite
	deployments []*deployment
}

// defaultBranch of every repository here.
const defaultBranch = "main"

func (r *repository) fullName() string { return r.owner.login + "/" + r.name }

// NewRepository is a repository to be made.
type NewRepository struct {
	// Name is OWNER/NAME; the owner is there already.
	Name    string
	Private bool
	// ForkOf is the OWNER/NAME that it starts as a copy of.
	ForkOf string
}

// AddRepository makes a repository, empty unless it is a fork, and returns its numeric id. Its branch is main.
func (s *Server) AddRepository(ctx context.Context, n NewRepository) (int64, error) {
	var id int64
	err := s.locked(func(w *world) error {
		login, name, _ := strings.Cut(n.Name, "/")
		owner := w.userByLogin(login)
		if owner == nil || name == "" || w.repoByName(n.Name) != nil {
			return fmt.Errorf("%s cannot be made: there has to be its owner, and no such repository yet", n.Name)
		}
		r := &repository{id: w.id(), owner: owner, name: name, private: n.Private, created: w.now(), collaborators: map[int64]Role{}}
		git, err := bare.Create(ctx, filepath.Join(w.dir, strconv.FormatInt(r.id, 10)+".git"), defaultBranch)
		if err != nil {
			return err
		}
		r.git = git
		if n.ForkOf != "" {
			if r.fork = w.repoByName(n.ForkOf); r.fork == nil {
				return fmt.Errorf("there is no repository %s to fork", n.ForkOf)
			}
			if err := r.copyBranches(ctx); err != nil {
				return err
			}
		}
		w.repos[r.id], id = r, r.id
		return nil
	})
	return id, err
}

func (r *repository) copyBranches(ctx context.Context) error {
	branches, err := r.fork.git.Branches(ctx)
	if err != nil {
		return err
	}
	for name, hash := range branches {
		if err := r.git.Take(ctx, r.fork.git, hash); err != nil {
			return err
		}
		if err := r.git.Force(ctx, "refs/heads/"+name, hash); err != nil {
			return err
		}
	}
	return nil
}

// SetRole says what somebody may do in a repository; None takes it away.
func (s *Server) SetRole(repo string, userID int64, role Role) error {
	return s.locked(func(w *world) error {
		r := w.repoByName(repo)
		if r == nil || w.users[userID] == nil {
			return fmt.Errorf("there is no repository %s or no user %d", repo, userID)
		}
		r.collaborators[userID] = role
		return nil
	})
}

// CloneURL of a repository.
func (s *Server) CloneURL(repo string) string { return s.world.web("/%s.git", repo) }

// RepositoryDir is the bare repository on disk, for tests that look into it with git. Nothing is to be changed there.
func (s *Server) RepositoryDir(repo string) (dir string, err error) {
	err = s.locked(func(w *world) error {
		r := w.repoByName(repo)
		if r == nil {
			return fmt.Errorf("there is no repository %s", repo)
		}
		dir = r.git.Dir
		return nil
	})
	return dir, err
}

func (w *world) repoByName(fullName string) *repository {
	for _, r := range w.repos {
		if strings.EqualFold(r.fullName(), fullName) {
			return r
		}
	}
	return nil
}

// sortedRepos are all repositories, oldest first.
func (w *world) sortedRepos() []*repository {
	return slices.SortedFunc(maps.Values(w.repos), func(a, b *repository) int { return int(a.id - b.id) })
}

// role is what somebody may do in a repository; nobody known reads what is public.
func (r *repository) role(u *user) Role {
	role := None
	if !r.private {
		role = Read
	}
	if u == nil {
		return role
	}
	if u == r.owner {
		return Admin
	}
	return max(role, r.collaborators[u.id])
}

// repoJSON is a repository with all that GitHub says of it anywhere.
func (w *world) repoJSON(r *repository) object {
	o := object{
		"id": r.id, "node_id": nodeID("Repository", r.id), "name": r.name, "full_name": r.fullName(), "private": r.private,
		"owner": w.userJSON(r.owner), "html_url": w.web("/%s", r.fullName()), "url": w.api("/repos/%s", r.fullName()),
		"description": nil, "fork": r.fork != nil, "default_branch": defaultBranch, "visibility": map[bool]string{true: "private", false: "public"}[r.private],
		"clone_url": w.web("/%s.git", r.fullName()), "git_url": "git:" + strings.TrimPrefix(w.web("/%s.git", r.fullName()), "http:"),
		"ssh_url": "git@github.test:" + r.fullName() + ".git", "svn_url": w.web("/%s", r.fullName()), "homepage": nil, "language": nil,
		"mirror_url": nil, "license": nil, "archived": false, "disabled": false, "topics": []string{}, "size": 1,
		"created_at": stamp(r.created), "updated_at": stamp(r.created), "pushed_at": stamp(r.created),
		"allow_merge_commit": true, "allow_squash_merge": true, "allow_rebase_merge": true,
	}
	if !r.pushed.IsZero() {
		o["updated_at"], o["pushed_at"] = stamp(r.pushed), stamp(r.pushed)
	}
	for _, name := range []string{"has_issues", "has_projects", "has_wiki", "has_downloads"} {
		o[name] = true
	}
	for _, name := range []string{"has_pages", "has_discussions", "is_template", "web_commit_signoff_required"} {
		o[name] = false
	}
	open := 0
	for _, p := range r.pulls {
		if p.open {
			open++
		}
	}
	o["open_issues"], o["open_issues_count"] = open, open
	for _, name := range []string{"forks", "forks_count", "stargazers_count", "watchers", "watchers_count", "network_count", "subscribers_count"} {
		o[name] = 0
	}
	for name, path := range repoLinks() {
		o[name] = w.api("/repos/%s", r.fullName()) + path
	}
	return o
}

// repoLinks are the paths of the links of a repository.
func repoLinks() map[string]string {
	links := map[string]string{
		"keys_url": "/keys{/key_id}", "collaborators_url": "/collaborators{/collaborator}", "issue_events_url": "/issues/events{/number}",
		"assignees_url": "/assignees{/user}", "branches_url": "/branches{/branch}", "blobs_url": "/git/blobs{/sha}",
		"git_tags_url": "/git/tags{/sha}", "git_refs_url": "/git/refs{/sha}", "trees_url": "/git/trees{/sha}",
		"statuses_url": "/statuses/{sha}", "commits_url": "/commits{/sha}", "git_commits_url": "/git/commits{/sha}",
		"comments_url": "/comments{/number}", "issue_comment_url": "/issues/comments{/number}", "contents_url": "/contents/{+path}",
		"compare_url": "/compare/{base}...{head}", "archive_url": "/{archive_format}{/ref}", "issues_url": "/issues{/number}",
		"pulls_url": "/pulls{/number}", "milestones_url": "/milestones{/number}", "labels_url": "/labels{/name}",
		"notifications_url": "/notifications{?since,all,participating}", "releases_url": "/releases{/id}",
	}
	for _, name := range []string{"forks", "teams", "hooks", "events", "tags", "languages", "stargazers", "contributors", "subscribers",
		"subscription", "merges", "downloads", "deployments"} {
		links[name+"_url"] = "/" + name
	}
	return links
}

func getRepo(c *call) answer {
	o := c.world.repoJSON(c.repo)
	if c.who.user != nil {
		role := c.repo.role(c.who.user)
		o["permissions"] = object{"admin": role >= Admin, "maintain": role >= Maintain, "push": role >= Write, "triage": role >= Triage, "pull": role >= Read}
	}
	return ok(o)
}

func getPermission(c *call) answer {
	u := c.world.userByLogin(c.vars["username"])
	if u == nil {
		return notFound()
	}
	role := c.repo.role(u)
	shown := c.world.userJSON(u).(object)
	shown["permissions"] = object{"admin": role >= Admin, "maintain": role >= Maintain, "push": role >= Write, "triage": role >= Triage, "pull": role >= Read}
	shown["role_name"] = role.String()
	return ok(object{"permission": role.legacy(), "role_name": role.String(), "user": shown})
}
