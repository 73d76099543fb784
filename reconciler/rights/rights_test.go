package rights_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/rights"
	"github.com/plateform/plateform/test/gitserver"
)

// The people, and what they are at the base.
var people = []rights.Person{
	{ID: 1, Login: "alice"},    // a platform admin
	{ID: 2, Login: "carol"},    // the owner of ws-1
	{ID: 3, Login: "dave"},     // an admin of ws-1
	{ID: 4, Login: "bob"},      // a developer of ws-1
	{ID: 5, Login: "vera"},     // a viewer of ws-1
	{ID: 6, Login: "erin"},     // the owner of ws-2, and nobody in ws-1
	{ID: 99, Login: "mallory"}, // nobody
	{ID: 98, Login: "Alice"},   // has the login of a platform admin, and another account
	{ID: 0, Login: "alice"},    // has no account
	{ID: -1, Login: "alice"},
}

// Who may do something at the base, in the order of people.
const (
	everyAdmin  = "1"
	ownerAdmins = "1 2 3"
	devs        = "1 2 3 4"
	no          = ""
)

const (
	platformHead = "apiVersion: plateform.dev/v1\nkind: Platform\nmetadata: {name: acme}\nspec:\n  domain: apps.example.com\n  registry: {url: registry.example.com}\n"
	admins       = "  policy: {admins: [{github: alice, id: 1}]}\n"
	selfService  = "  policy: {admins: [{github: alice, id: 1}], selfService: true}\n"
	membersOfWS1 = "  members:\n    - {github: dave, id: 3, role: admin}\n    - {github: bob, id: 4, role: developer}\n    - {github: vera, id: 5, role: viewer}\n"
	limits       = "  quota: {projects: 10}\n  domains: [shop.example.com]\n"
)

var (
	shop  = manifest.Key{Workspace: "ws-1", Project: "shop"}
	other = manifest.Key{Workspace: "ws-2", Project: "other"}
)

// workspace is a workspace.yaml.
func workspace(name string, owner int, login, more string) string {
	return fmt.Sprintf("apiVersion: plateform.dev/v1\nkind: Workspace\nmetadata: {name: %s}\nspec:\n  owner: {github: %s, id: %d}\n%s", name, login, owner, more)
}

// project is a project.yaml with more of a spec.
func project(k manifest.Key, more string) string {
	return fmt.Sprintf("apiVersion: plateform.dev/v1\nkind: Project\nmetadata: {name: %s}\nspec:\n  type: monolithic\n  source: {repository: \"https://github.com/acme/%s\"}\n%s", k.Project, k.Project, more)
}

func release(k manifest.Key, version string) string {
	return manifest.ReleasesDir(k) + "/" + version + ".yaml"
}

// files are what a commit sets; without content they are removed.
type files map[string]string

// world is a config repository.
type world struct {
	*testing.T
	repo *gitserver.Repo
}

// newWorld has a platform with an admin, two workspaces with a project each, three release files, and in the history a fourth.
func newWorld(t *testing.T, platform string) *world {
	w := &world{t, gitserver.CreateBare(t, t.TempDir())}
	w.commit(files{
		manifest.PlatformFile: platform, "README.md": "Read me\n", ".github/CODEOWNERS": "* @alice\n",
		manifest.WorkspaceFile("ws-1"): workspace("ws-1", 2, "carol", membersOfWS1+limits), manifest.WorkspaceFile("ws-2"): workspace("ws-2", 6, "erin", ""),
		manifest.ProjectFile(shop): project(shop, ""), manifest.ProjectFile(other): project(other, ""), "workspaces/ws-1/README.md": "Ours\n",
		release(shop, "v1.0.0"): "zero\n", release(shop, "v1.0.1"): "one\n", release(shop, "v1.0.2"): "two\n", release(other, "v1.0.0"): "zero\n",
		manifest.ReleasesDir(shop) + "/old.md": "x",
	})
	w.commit(files{release(shop, "v1.0.2"): "", manifest.ReleasesDir(shop) + "/old.md": ""})
	return w
}

// commit commits to the branch that others are merged into.
func (w *world) commit(f files) string {
	w.Helper()
	return w.repo.Commit(f.change("A change\n"))
}

// propose commits to a branch of its own, on top of what is there now.
func (w *world) propose(branch string, c gitserver.Change) string {
	w.Helper()
	c.Branch, c.Parent = branch, w.repo.Head("main")
	return w.repo.Commit(c)
}

func (f files) change(message string) gitserver.Change {
	c := gitserver.Change{Message: message, Files: map[string]string{}}
	for file, content := range f {
		if content == "" {
			c.Remove = append(c.Remove, file)
			continue
		}
		c.Files[file] = content
	}
	return c
}

func (w *world) open() reconciler.Reader {
	w.Helper()
	local, err := gitstore.OpenLocal(w.Context(), w.repo.Dir)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = local.Close() })
	return local
}

// check judges what a commit changes of the branch.
func (w *world) check(head string, who ...rights.Person) rights.Verdict {
	w.Helper()
	v, err := rights.Check(w.open(), w.repo.Head("main"), head, who...)
	if err != nil {
		w.Fatal(err)
	}
	return v
}

// allowed are the ids of those who may do something, and must be exact: each of the others gets a problem that says what to do.
func (w *world) allowed(reader reconciler.Reader, head string) string {
	w.Helper()
	var ids []string
	for _, p := range people {
		v, err := rights.Check(reader, w.repo.Head("main"), head, p)
		if err != nil {
			w.Fatal(err)
		}
		for _, problem := range v.Problems {
			if problem.What == "" || problem.Fix == "" || problem.File == "" {
				w.Errorf("a problem does not say what is wrong, where, and what to do: %#v", problem)
			}
		}
		if len(v.Problems) == 0 {
			ids = append(ids, fmt.Sprint(p.ID))
		}
	}
	return strings.Join(ids, " ")
}

// row is a change, and who may make it.
type row struct {
	name  string
	files files
	modes map[string]string
	want  string
}

// rows judges changes, each on top of the branch.
func (w *world) rows(rows []row) {
	heads := make([]string, len(rows))
	for i, r := range rows {
		c := r.files.change("A proposal\n")
		c.Modes = r.modes
		heads[i] = w.propose(fmt.Sprintf("row-%d", i), c)
	}
	reader := w.open()
	for i, r := range rows {
		w.Run(r.name, func(t *testing.T) {
			if got := (&world{t, w.repo}).allowed(reader, heads[i]); got != r.want {
				t.Errorf("these may do it: %q, want %q", got, r.want)
			}
		})
	}
}

func without(text, part string) string { return strings.Replace(text, part, "", 1) }

// Author by role, by path, by kind of edit.
func TestWhoMayChangeWhat(t *testing.T) {
	ws1, shopFile := manifest.WorkspaceFile("ws-1"), manifest.ProjectFile(shop)
	was := workspace("ws-1", 2, "carol", membersOfWS1+limits)
	edit := func(old, now string) files {
		if !strings.Contains(was, old) {
			t.Fatalf("there is no %q to edit", old)
		}
		return files{ws1: strings.Replace(was, old, now, 1)}
	}
	moved := manifest.Key{Workspace: "ws-2", Project: "shop"}
	renamed := manifest.Key{Workspace: "ws-1", Project: "store"}
	newWorld(t, platformHead+admins).rows([]row{
		{name: "nothing", files: files{}, want: "1 2 3 4 5 6 99 98 0 -1"},

		{name: "platform.yaml", files: files{manifest.PlatformFile: platformHead + selfService}, want: everyAdmin},
		{name: "platform.yaml, to become a platform admin", files: files{manifest.PlatformFile: platformHead + "  policy: {admins: [{github: alice, id: 1}, {github: bob, id: 4}, {github: mallory, id: 99}]}\n"}, want: everyAdmin},
		{name: "platform.yaml deleted", files: files{manifest.PlatformFile: ""}, want: everyAdmin},
		{name: "platform.yaml broken", files: files{manifest.PlatformFile: "nonsense"}, want: everyAdmin},
		{name: "a file outside of workspaces", files: files{"README.md": "Other words\n"}, want: everyAdmin},
		{name: "the code owners", files: files{".github/CODEOWNERS": "* @mallory\n"}, want: everyAdmin},
		{name: "workspaces in other letters", files: files{"Workspaces/ws-1/workspace.yaml": was}, want: everyAdmin},
		{name: "a file that belongs to no workspace", files: files{"workspaces/notes.txt": "x"}, want: everyAdmin},

		{name: "the owner", files: edit("owner: {github: carol, id: 2}", "owner: {github: bob, id: 4}"), want: everyAdmin},
		{name: "the owner's login", files: edit("github: carol", "github: caroline"), want: everyAdmin},
		{name: "the quota", files: edit("projects: 10", "projects: 11"), want: everyAdmin},
		{name: "the quota, another limit", files: edit("projects: 10", "projects: 10, cpu: \"4\""), want: everyAdmin},
		{name: "the quota removed", files: edit("  quota: {projects: 10}\n", ""), want: everyAdmin},
		{name: "a domain", files: edit("[shop.example.com]", "[shop.example.com, evil.example.com]"), want: everyAdmin},
		{name: "the domains removed", files: edit("  domains: [shop.example.com]\n", ""), want: everyAdmin},
		{name: "the namespace", files: edit("  quota", "  namespace: kitchen\n  quota"), want: everyAdmin},
		{name: "a member", files: edit("id: 5, role: viewer}", "id: 5, role: developer}"), want: ownerAdmins},
		{name: "a member removed", files: edit("    - {github: dave, id: 3, role: admin}\n", ""), want: ownerAdmins},
		{name: "a member and the quota", files: files{ws1: strings.Replace(strings.Replace(was, "role: viewer", "role: developer", 1), "projects: 10", "projects: 11", 1)}, want: everyAdmin},
		{name: "a comment in workspace.yaml", files: files{ws1: was + "# a word\n"}, want: ownerAdmins},
		{name: "the own promotion with what it is for", files: files{ws1: strings.Replace(was, "role: viewer", "role: developer", 1), shopFile: project(shop, "  replicas: 2\n")}, want: ownerAdmins},
		{name: "the own membership with what it is for", files: files{
			ws1: strings.Replace(was, "id: 5, role: viewer}", "id: 5, role: viewer}\n    - {github: mallory, id: 99, role: admin}", 1), shopFile: "",
		}, want: ownerAdmins},
		{name: "workspace.yaml broken", files: files{ws1: was + "nonsense: true\n"}, want: everyAdmin},
		{name: "workspace.yaml deleted", files: files{ws1: ""}, want: everyAdmin},
		{name: "a workspace deleted", files: files{"workspaces/ws-1": ""}, want: everyAdmin},
		{name: "a workspace added", files: files{manifest.WorkspaceFile("ws-3"): workspace("ws-3", 99, "mallory", "")}, want: everyAdmin},
		{name: "the own workspace added without self-service", files: files{manifest.WorkspaceFile("ws-99"): workspace("ws-99", 99, "mallory", "")}, want: everyAdmin},
		{name: "workspace.yaml with a second document", files: files{ws1: was + "---\n" + strings.Replace(was, "projects: 10", "projects: 99", 1)}, want: everyAdmin},
		{name: "workspace.yaml with a key twice", files: files{ws1: was + "  quota: {projects: 99}\n"}, want: everyAdmin},
		{name: "workspace.yaml with an owner twice", files: edit("owner: {github: carol, id: 2}", "owner: {github: carol, id: 2, id: 3}"), want: everyAdmin},
		{name: "workspace.yaml with the owner as an alias", files: files{ws1: strings.Replace(strings.Replace(was, "{github: dave, id: 3, role: admin}", "&dave {github: dave, id: 3, role: admin}", 1), "owner: {github: carol, id: 2}", "owner: *dave", 1)}, want: everyAdmin},
		{name: "workspace.yaml with a key that merges", files: edit("quota: {projects: 10}", "quota: {<<: {projects: 99}}"), want: everyAdmin},
		{name: "workspace.yaml with a tag", files: edit("projects: 10", "projects: !!int \"99\""), want: everyAdmin},
		{name: "what git does with files, beside workspace.yaml", files: files{"workspaces/ws-1/.gitattributes": "* merge=union\n"}, want: ownerAdmins},
		{name: "what is beside workspace.yaml", files: files{"workspaces/ws-1/README.md": "Theirs\n"}, want: ownerAdmins},

		{name: "a project added", files: files{manifest.ProjectFile(renamed): project(renamed, "")}, want: devs},
		{name: "a project", files: files{shopFile: project(shop, "  replicas: 2\n")}, want: devs},
		{name: "a project's source", files: files{shopFile: strings.Replace(project(shop, ""), "acme/shop", "acme/store", 1)}, want: devs},
		{name: "a project broken", files: files{shopFile: "nonsense"}, want: devs},
		{name: "a project deleted", files: files{shopFile: ""}, want: devs},
		{name: "a project deleted with its releases", files: files{manifest.ProjectDir(shop): ""}, want: devs},
		{name: "a project renamed", files: files{shopFile: "", manifest.ProjectFile(renamed): project(renamed, "")}, want: devs},
		{name: "what is in a project's folder", files: files{manifest.ProjectDir(shop) + "/notes.md": "x"}, want: devs},
		{name: "a project of another tenant", files: files{manifest.ProjectFile(other): project(other, "  replicas: 2\n")}, want: "1 6"},
		{name: "a file of another tenant deleted", files: files{manifest.ProjectFile(other): ""}, want: "1 6"},
		{name: "a project moved to another workspace", files: files{shopFile: "", manifest.ProjectFile(moved): project(moved, "")}, want: everyAdmin},
		{name: "a project copied to another workspace", files: files{manifest.ProjectFile(moved): project(moved, "")}, want: "1 6"},
		{name: "a project of a workspace that is not there", files: files{"workspaces/ws-9/projects/x/project.yaml": project(manifest.Key{Workspace: "ws-9", Project: "x"}, "")}, want: everyAdmin},

		{name: "a project of a workspace that begins alike", files: files{"workspaces/ws-10/projects/shop/project.yaml": project(shop, "")}, want: everyAdmin},
		{name: "a project of a workspace that it begins like", files: files{"workspaces/ws/projects/shop/project.yaml": project(shop, "")}, want: everyAdmin},
		{name: "workspace.yaml is a folder", files: files{ws1: "", ws1 + "/workspace.yaml": was}, want: everyAdmin},
		{name: "project.yaml is a folder", files: files{shopFile: "", shopFile + "/project.yaml": project(shop, "")}, want: devs},

		{name: "a release taken back", files: files{release(shop, "v1.0.1"): ""}, want: devs},
		{name: "a release of another tenant taken back", files: files{release(other, "v1.0.0"): ""}, want: "1 6"},
		{name: "a release brought back", files: files{release(shop, "v1.0.2"): "two\n"}, want: devs},
		{name: "a release brought back, and edited", files: files{release(shop, "v1.0.2"): "three\n"}, want: no},
		{name: "a release brought back as another", files: files{release(shop, "v1.0.3"): "two\n"}, want: no},
		{name: "a release brought back elsewhere", files: files{release(moved, "v1.0.2"): "two\n", manifest.ProjectFile(moved): project(moved, "")}, want: no},
		{name: "a release added", files: files{release(shop, "v1.0.9"): "nine\n"}, want: no},
		{name: "a release edited", files: files{release(shop, "v1.0.1"): "other\n"}, want: no},
		{name: "a release replaced by an older one", files: files{release(shop, "v1.0.1"): "zero\n"}, want: no},
		{name: "something else among releases", files: files{manifest.ReleasesDir(shop) + "/notes.md": "x"}, want: no},
		{name: "something else brought back among releases", files: files{manifest.ReleasesDir(shop) + "/old.md": "x"}, want: no},
		{name: "releases is a file", files: files{manifest.ReleasesDir(shop): "x"}, want: no},
	})
}

// What is no regular file with a usual name is for those who can judge it.
func TestLinksAndNames(t *testing.T) {
	link := func(file string) (files, map[string]string) {
		return files{file: "../ws-2/workspace.yaml"}, map[string]string{file: "120000"}
	}
	var rows []row
	for _, file := range []string{
		manifest.WorkspaceFile("ws-1"), manifest.ProjectFile(shop), manifest.ProjectDir(shop), "workspaces/ws-1", "workspaces/ws-1/projects", "workspaces",
		release(shop, "v1.0.1"), manifest.ProjectDir(shop) + "/notes.md", manifest.PlatformFile,
	} {
		f, modes := link(file)
		rows = append(rows, row{name: "a link at " + file, files: f, modes: modes, want: everyAdmin})
	}
	for _, file := range []string{
		"workspaces/WS-1/projects/shop/project.yaml", "workspaces/ws-1/Workspace.yaml", "workspaces/ws-1/workspace.YAML", "workspaces/ws-1/Projects/shop/project.yaml",
		"workspaces/ws-1/projects/Shop/project.yaml", "workspaces/ws-1/projects/shop/Project.yaml", "workspaces/ws-1/projects/shop/Releases/v1.0.1.yaml",
		"workspaces/ws-1/projects/shop/releases/V1.0.1.yaml", "workspaces/ws-1/projects/shop/project.yaml.", "workspaces/ws-1/projects/shop/project.yaml ",
		"workspaces/ws-1/workspace.yaml::$DATA", "workspaces/ws-1/WORKSP~1.YAM", "workspaces/ws-1/wor\u212aspace.yaml", "workspaces/ws-1/work\u200bspace.yaml", "workspaces/ws-1/a\\b",
		"workspaces/ws-1/\u202elmay.txt", "workspaces/ws-1/projects/cafe\u0301/project.yaml", "workspaces/ws-1/projects/caf\u00e9/project.yaml",
		"workspaces/ws\u20111/projects/shop/project.yaml", "workspaces/ws-1/projects/shop\u00a0/project.yaml", "workspaces/ws-1/x\x1b[2J",
	} {
		rows = append(rows, row{name: fmt.Sprintf("the name %q", file), files: files{file: "x"}, want: everyAdmin})
	}
	rows = append(rows,
		row{name: "a submodule", files: files{"workspaces/ws-1/projects/shop/app": strings.Repeat("a", 40)}, modes: map[string]string{"workspaces/ws-1/projects/shop/app": "160000"}, want: everyAdmin},
		row{name: "a program", files: files{manifest.ProjectFile(shop): project(shop, "  replicas: 2\n")}, modes: map[string]string{manifest.ProjectFile(shop): "100755"}, want: devs},
		row{name: "usual names", files: files{"workspaces/ws-1/docs/How to (2).md": "x"}, want: ownerAdmins},
	)
	w := newWorld(t, platformHead+admins)
	w.commit(files{"workspaces/WS-1/workspace.yaml": workspace("WS-1", 99, "mallory", "")})
	w.rows(rows)
}

// A workspace whose file cannot be read belongs to nobody that is known, so only platform admins may do anything in it.
func TestWhatCannotBeReadGivesNoRights(t *testing.T) {
	mended := files{manifest.WorkspaceFile("ws-1"): workspace("ws-1", 2, "carol", "")}
	rows := []row{
		{name: "mended", files: mended, want: everyAdmin},
		{name: "a project", files: files{manifest.ProjectFile(shop): project(shop, "  replicas: 2\n")}, want: everyAdmin},
		{name: "a rollback", files: files{release(shop, "v1.0.1"): ""}, want: everyAdmin},
	}
	t.Run("a broken file", func(t *testing.T) {
		w := newWorld(t, platformHead+admins)
		w.commit(files{manifest.WorkspaceFile("ws-1"): workspace("ws-1", 2, "carol", "  nonsense: true\n")})
		w.rows(rows)
		problems := w.check(w.propose("x", mended.change("x")), people[1]).Problems
		if want := "only platform admins may change a workspace.yaml that could not be read before; workspace.yaml of ws-1 cannot be read in the commit that is merged into"; len(problems) != 1 || problems[0].What != want {
			t.Errorf("problems: %v, want %q", problems, want)
		}
	})
	t.Run("a link", func(t *testing.T) {
		w := newWorld(t, platformHead+admins)
		c := files{manifest.WorkspaceFile("ws-1"): "../ws-2/workspace.yaml"}.change("A link\n")
		c.Modes = map[string]string{manifest.WorkspaceFile("ws-1"): "120000"}
		w.repo.Commit(c)
		w.rows(rows)
	})
	t.Run("no file", func(t *testing.T) {
		w := newWorld(t, platformHead+admins)
		w.commit(files{manifest.WorkspaceFile("ws-1"): ""})
		w.rows(rows)
	})
	t.Run("roles that are none", func(t *testing.T) {
		w := newWorld(t, platformHead+admins)
		w.commit(files{manifest.WorkspaceFile("ws-1"): workspace("ws-1", 2, "carol", "  members:\n"+
			"    - {github: dave, id: 3, role: Admin}\n    - {github: dave, id: 3, role: admin}\n    - {github: bob, id: 4, role: admin}\n    - {github: bob, id: 4, role: viewer}\n    - {github: nil, id: 0, role: admin}\n    - {github: neg, id: -1, role: admin}\n")})
		w.rows([]row{{name: "a project", files: files{manifest.ProjectFile(shop): ""}, want: "1 2"}})
	})
}

// Without a platform admin nobody may change what is theirs, and everybody is told how to come by one. What the owners of
// workspaces may do does not depend on it.
func TestWithoutPlatformAdmins(t *testing.T) {
	for name, platform := range map[string]string{"none named": platformHead, "broken": platformHead + admins + "  nonsense: true\n", "missing": ""} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, platformHead+admins)
			w.commit(files{manifest.PlatformFile: platform, "README.md": "later\n"})
			w.rows([]row{
				{name: "platform.yaml", files: files{manifest.PlatformFile: platformHead + "  policy: {admins: [{github: mallory, id: 99}]}\n"}, want: no},
				{name: "quota", files: files{manifest.WorkspaceFile("ws-1"): without(workspace("ws-1", 2, "carol", membersOfWS1+limits), "  quota: {projects: 10}\n")}, want: no},
				{name: "a project", files: files{manifest.ProjectFile(shop): ""}, want: "2 3 4"},
			})
			problems := w.check(w.propose("x", files{"README.md": "x"}.change("x")), people[0]).Problems
			if len(problems) != 1 || !strings.Contains(problems[0].Fix, "platform.yaml") || !strings.Contains(problems[0].Fix, "push") {
				t.Errorf("it does not say how to come by a platform admin: %v", problems)
			}
		})
	}
	t.Run("before the first commit", func(t *testing.T) {
		w := newWorld(t, platformHead+admins)
		v, err := rights.Check(w.open(), "", w.repo.Head("main"), people[0])
		if err != nil || len(v.Problems) == 0 {
			t.Errorf("problems: %v, %v", v.Problems, err)
		}
	})
}

// Where policy.selfService is on, everybody may add the one workspace that has his id, with nothing that admins give.
func TestSelfService(t *testing.T) {
	w := newWorld(t, platformHead+selfService)
	w.commit(files{manifest.WorkspaceFile("ws-5"): workspace("ws-5", 7, "frank", ""), "workspaces/ws-4/projects/left/notes.md": "left over"})
	w.commit(files{manifest.WorkspaceFile("ws-5"): ""})
	own, file := manifest.Key{Workspace: "ws-99", Project: "app"}, manifest.WorkspaceFile("ws-99")
	ws99 := func(more string) files { return files{file: workspace("ws-99", 99, "mallory", more)} }
	w.rows([]row{
		{name: "the own", files: ws99(""), want: "1 99"},
		{name: "the own, with the login in other letters", files: files{file: workspace("ws-99", 99, "Mallory", "")}, want: "1 99"},
		{name: "with members", files: ws99("  members: [{github: bob, id: 4, role: admin}]\n"), want: "1 99"},
		{name: "with a project", files: files{file: ws99("")[file], manifest.ProjectFile(own): project(own, "")}, want: "1 99"},
		{name: "with a file beside it", files: files{file: ws99("")[file], "workspaces/ws-99/README.md": "x"}, want: "1 99"},
		{name: "with a quota", files: ws99("  quota: {projects: 100}\n"), want: everyAdmin},
		{name: "with a domain", files: ws99("  domains: [a.example.com]\n"), want: everyAdmin},
		{name: "with a namespace", files: ws99("  namespace: ws-1\n"), want: everyAdmin},
		{name: "with a namespace, and a project", files: files{file: ws99("  namespace: ws-1\n")[file], manifest.ProjectFile(own): project(own, "")}, want: everyAdmin},
		{name: "with another owner", files: files{file: workspace("ws-99", 4, "bob", "")}, want: everyAdmin},
		{name: "with another login", files: files{file: workspace("ws-99", 99, "alice", "")}, want: everyAdmin},
		{name: "with a release", files: files{file: ws99("")[file], release(own, "v1.0.0"): "x"}, want: no},
		{name: "of somebody else", files: files{manifest.WorkspaceFile("ws-98"): workspace("ws-98", 99, "mallory", "")}, want: everyAdmin},
		{name: "of another name", files: files{manifest.WorkspaceFile("mallory"): workspace("mallory", 99, "mallory", "")}, want: everyAdmin},
		{name: "almost of that name", files: files{manifest.WorkspaceFile("ws-099"): workspace("ws-099", 99, "mallory", "")}, want: everyAdmin},
		{name: "broken", files: ws99("  nonsense: true\n"), want: everyAdmin},
		{name: "a project only", files: files{manifest.ProjectFile(own): project(own, "")}, want: everyAdmin},
		{name: "with something else", files: files{file: ws99("")[file], "README.md": "x"}, want: everyAdmin},
		{name: "that belonged to somebody else", files: files{manifest.WorkspaceFile("ws-5"): workspace("ws-5", 5, "vera", "")}, want: everyAdmin},
		{name: "where files are left", files: files{manifest.WorkspaceFile("ws-4"): workspace("ws-4", 4, "bob", "")}, want: everyAdmin},
		{name: "switched on by the change itself", files: files{manifest.PlatformFile: platformHead + selfService + "  defaults: {replicas: 2}\n", file: ws99("")[file]}, want: everyAdmin},
	})
	head := w.propose("quota", files{file: ws99("  quota: {projects: 100}\n")[file]}.change("x"))
	want := manifest.Problems{{
		File: file, Line: 6, Column: 3, Field: "spec.quota", What: "only platform admins may give spec.quota to a workspace", Fix: "remove it, or ask a platform admin: @alice",
	}}
	if diff := cmp.Diff(want, w.check(head, rights.Person{ID: 99, Login: "mallory"}).Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// Everybody who had a hand in a change needs the right to all of it: its author, and whoever pushed its head.
func TestEverybodyNeedsTheRight(t *testing.T) {
	w := newWorld(t, platformHead+admins)
	head := w.propose("x", files{manifest.ProjectFile(shop): project(shop, "  replicas: 2\n")}.change("x"))
	alice, bob, vera := people[0], people[3], people[4]
	for _, tt := range []struct {
		name string
		who  []rights.Person
		want int
	}{
		{"both", []rights.Person{bob, alice}, 0},
		{"the author only", []rights.Person{bob, vera}, 1},
		{"the pusher only", []rights.Person{vera, alice}, 1},
		{"nobody is named", nil, 1},
		{"somebody without an id", []rights.Person{bob, {Login: "alice"}}, 1},
	} {
		if got := w.check(head, tt.who...).Problems; len(got) != tt.want {
			t.Errorf("%s: %d problems, want %d: %v", tt.name, len(got), tt.want, got)
		}
	}
	file := manifest.WorkspaceFile("ws-99")
	w = newWorld(t, platformHead+selfService)
	own := w.propose("own", files{file: workspace("ws-99", 99, "mallory", "")}.change("x"))
	if got := w.check(own, people[6], vera).Problems; len(got) != 1 {
		t.Errorf("somebody pushed another one's own workspace: %v", got)
	}
	if got := w.check(own, people[6], alice).Problems; len(got) != 0 {
		t.Errorf("a platform admin pushed somebody's own workspace: %v", got)
	}
}

// A problem says where, who somebody is, and who may do it.
func TestProblemsSayWhoMay(t *testing.T) {
	w := newWorld(t, platformHead+admins)
	ws1 := manifest.WorkspaceFile("ws-1")
	was := workspace("ws-1", 2, "carol", membersOfWS1+limits)
	for _, tt := range []struct {
		name  string
		files files
		who   rights.Person
		want  string
	}{
		{"a developer and the quota", files{ws1: strings.Replace(was, "projects: 10", "projects: 11", 1)}, people[3],
			"workspaces/ws-1/workspace.yaml:10:3: only platform admins may change spec.quota; @bob is a developer of ws-1 (ask a platform admin: @alice)"},
		{"domains that are gone", files{ws1: without(was, "  domains: [shop.example.com]\n")}, people[1],
			"workspaces/ws-1/workspace.yaml:4:1: only platform admins may change spec.domains; @carol is the owner of ws-1 (ask a platform admin: @alice)"},
		{"a viewer and a project", files{manifest.ProjectFile(shop): ""}, people[4],
			"workspaces/ws-1/projects/shop/project.yaml: only developers of ws-1 may delete a project; @vera is a viewer of ws-1 (ask the workspace's owner @carol, its admin @dave or a platform admin)"},
		{"an id alone", files{manifest.ProjectFile(shop): ""}, rights.Person{ID: 5},
			"workspaces/ws-1/projects/shop/project.yaml: only developers of ws-1 may delete a project; @vera is a viewer of ws-1 (ask the workspace's owner @carol, its admin @dave or a platform admin)"},
		{"an unknown id", files{manifest.ProjectFile(shop): ""}, rights.Person{ID: 77},
			"workspaces/ws-1/projects/shop/project.yaml: only developers of ws-1 may delete a project; the account 77 has no role in ws-1 (ask the workspace's owner @carol, its admin @dave or a platform admin)"},
		{"a login that was taken over", files{manifest.ProjectFile(shop): ""}, rights.Person{ID: 77, Login: "Bob"},
			"workspaces/ws-1/projects/shop/project.yaml: only developers of ws-1 may delete a project; @Bob has no role in ws-1, where this login belongs to the account 4 and not to 77 (ask the workspace's owner @carol, its admin @dave or a platform admin)"},
		{"outside of workspaces", files{"README.md": "x"}, people[1],
			"README.md: only platform admins may change what belongs to no workspace; @carol is no platform admin (ask a platform admin: @alice)"},
		{"a workspace that is not there", files{"workspaces/ws-9/projects/x/project.yaml": "x"}, people[1],
			"workspaces/ws-9/projects/x/project.yaml: only developers of ws-9 may add a project; workspace.yaml of ws-9 is not in the commit that is merged into (ask a platform admin: @alice)"},
		{"a release that is edited", files{release(shop, "v1.0.1"): "x"}, people[0],
			"workspaces/ws-1/projects/shop/releases/v1.0.1.yaml: nobody may change a release file (leave it as it is; to take the release back, delete the file)"},
		{"a release that is added", files{release(shop, "v1.0.7"): "x"}, people[0],
			"workspaces/ws-1/projects/shop/releases/v1.0.7.yaml: nobody may add a release file but Plateform (leave it out; a release that was taken back comes back with its file exactly as it was, by git revert)"},
		{"a hostile login", files{"README.md": "x"}, rights.Person{ID: 7, Login: "x\x1b[2J @alice"},
			"README.md: only platform admins may change what belongs to no workspace; the account 7 is no platform admin (ask a platform admin: @alice)"},
	} {
		got := w.check(w.propose("p", tt.files.change("x")), tt.who).Problems
		if len(got) != 1 || got[0].String() != tt.want {
			t.Errorf("%s:\ngot  %v\nwant %s", tt.name, got, tt.want)
		}
	}
}

// However much somebody changes, there are only so many problems, and the rest is counted.
func TestManyProblems(t *testing.T) {
	w := newWorld(t, platformHead+admins)
	many := files{}
	for i := range 300 {
		many[fmt.Sprintf("f%03d", i)] = "x"
	}
	got := w.check(w.propose("many", many.change("x")), people[3]).Problems
	if last := got[len(got)-1]; len(got) != 101 || last.File != "f100" || !strings.Contains(last.What, "200 more things") {
		t.Errorf("%d problems, the last: %v", len(got), last)
	}
}
