package rights_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/rights"
)

var rounds = flag.Int("rights.rounds", 1000, "how many random changes are judged")

// What the property test thinks of a config repository. It knows nothing of files: what somebody may do is decided on fields.
type (
	thought struct {
		admins      map[int]bool
		selfService bool
		outside     int
		workspaces  map[string]tenant
	}
	tenant struct {
		owner                     int
		roles                     map[int]string
		quota, domains, namespace int
		comment                   int
		broken                    bool
		projects                  map[string]app
	}
	app struct {
		repository, replicas int
		releases             map[string]int
	}
)

func (a app) clone() app {
	a.releases = maps.Clone(a.releases)
	return a
}

func (w tenant) clone() tenant {
	w.roles, w.projects = maps.Clone(w.roles), maps.Clone(w.projects)
	for name, a := range w.projects {
		w.projects[name] = a.clone()
	}
	return w
}

func (t thought) clone() thought {
	t.admins, t.workspaces = maps.Clone(t.admins), maps.Clone(t.workspaces)
	for name, w := range t.workspaces {
		t.workspaces[name] = w.clone()
	}
	return t
}

// write writes all of it as files.
func (t thought) write() files {
	f := files{"README.md": fmt.Sprint(t.outside)}
	policy := fmt.Sprintf("  policy: {selfService: %v, admins: [", t.selfService)
	for _, id := range slices.Sorted(maps.Keys(t.admins)) {
		policy += fmt.Sprintf("{github: u%d, id: %d}, ", id, id)
	}
	f[manifest.PlatformFile] = platformHead + strings.TrimSuffix(policy, ", ") + "]}\n"
	for name, w := range t.workspaces {
		text := workspace(name, w.owner, fmt.Sprintf("u%d", w.owner), "")
		if len(w.roles) > 0 {
			text += "  members:\n"
		}
		for _, id := range slices.Sorted(maps.Keys(w.roles)) {
			text += fmt.Sprintf("    - {github: u%d, id: %d, role: %s}\n", id, id, w.roles[id])
		}
		for line, there := range map[string]int{fmt.Sprintf("  quota: {projects: %d}\n", w.quota): w.quota, fmt.Sprintf("  domains: [d%d.example.com]\n", w.domains): w.domains, fmt.Sprintf("  namespace: n%d\n", w.namespace): w.namespace} {
			if there != 0 {
				text += line
			}
		}
		text = inOrder(text)
		if w.broken {
			text += "nonsense: true\n"
		}
		f[manifest.WorkspaceFile(name)] = text + fmt.Sprintf("# %d\n", w.comment)
		for project, a := range w.projects {
			k := manifest.Key{Workspace: name, Project: project}
			f[manifest.ProjectFile(k)] = fmt.Sprintf("apiVersion: plateform.dev/v1\nkind: Project\nmetadata: {name: %s}\nspec: {type: monolithic, source: {repository: \"https://github.com/acme/r%d\"}, replicas: %d}\n", project, a.repository, a.replicas)
			for version, content := range a.releases {
				f[release(k, version)] = fmt.Sprintf("%d\n", content)
			}
		}
	}
	return f
}

// inOrder sorts the fields that are written in one line each, so that one thought has one form.
func inOrder(text string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	at := slices.IndexFunc(lines, func(l string) bool {
		return strings.HasPrefix(l, "  quota") || strings.HasPrefix(l, "  domains") || strings.HasPrefix(l, "  namespace")
	})
	if at < 0 {
		return text
	}
	rest := strings.SplitAfter(strings.Join(lines[at:], "")+"\n", "\n")
	slices.Sort(rest)
	return strings.Join(lines[:at], "") + strings.Join(rest, "")
}

// past is what was in the history of the base: the contents of release files by their place, and the owners of workspaces.
type past struct {
	releases map[string]map[int]bool
	owners   map[string]int
}

func (p past) remember(t thought) {
	for name, w := range t.workspaces {
		if !w.broken {
			p.owners[name] = w.owner
		}
		for project, a := range w.projects {
			for version, content := range a.releases {
				place := name + "/" + project + "/" + version
				if p.releases[place] == nil {
					p.releases[place] = map[int]bool{}
				}
				p.releases[place][content] = true
			}
		}
	}
}

// oracle says whether somebody may make one thought of another, and which repositories are new.
type oracle struct {
	before, after thought
	past          past
	who           int
	sources       map[string]bool
}

func (o *oracle) may() bool {
	o.sources = map[string]bool{}
	admin := o.before.admins[o.who]
	fine := admin || o.before.outside == o.after.outside && o.before.selfService == o.after.selfService && maps.Equal(o.before.admins, o.after.admins)
	names := map[string]bool{}
	for name := range o.before.workspaces {
		names[name] = true
	}
	for name := range o.after.workspaces {
		names[name] = true
	}
	for name := range names {
		was, there := o.before.workspaces[name]
		is, still := o.after.workspaces[name]
		rank := 0
		switch {
		case admin:
			rank = 4
		case there && !was.broken && was.owner == o.who:
			rank = 3
		case there && !was.broken:
			rank = map[string]int{"developer": 1, "admin": 2}[was.roles[o.who]]
		case !there && still && o.own(name, is):
			rank = 4 // all that may be in it is checked by own
		}
		workspace, projects := o.workspace(was, is, rank, there != still), o.projects(name, was, is, rank)
		fine = fine && workspace && projects
	}
	return fine
}

// own says that a workspace is one that somebody may add.
func (o *oracle) own(name string, w tenant) bool {
	earlier, there := o.past.owners[name]
	return o.before.selfService && name == fmt.Sprintf("ws-%d", o.who) && w.owner == o.who && w.quota+w.domains+w.namespace == 0 && !w.broken && (!there || earlier == o.who)
}

func (o *oracle) workspace(was, is tenant, rank int, added bool) bool {
	limits := was.owner != is.owner || was.quota != is.quota || was.domains != is.domains || was.namespace != is.namespace
	broken := was.broken && (is.broken != was.broken || limits || was.comment != is.comment || !maps.Equal(was.roles, is.roles)) || is.broken && !was.broken
	words := !maps.Equal(was.roles, is.roles) || was.comment != is.comment
	switch {
	case limits || broken || added:
		return rank >= 4
	case words:
		return rank >= 2
	}
	return true
}

func (o *oracle) projects(name string, was, is tenant, rank int) bool {
	fine := true
	for project, a := range is.projects {
		b, there := was.projects[project]
		if !there || a.repository != b.repository || a.replicas != b.replicas {
			fine = fine && rank >= 1
		}
		if !there || a.repository != b.repository {
			o.sources[fmt.Sprintf("%s/%s r%d", name, project, a.repository)] = true
		}
		for version, content := range a.releases {
			earlier, had := b.releases[version]
			if had && earlier == content {
				continue
			}
			fine = fine && rank >= 1 && !had && o.past.releases[name+"/"+project+"/"+version][content]
		}
	}
	for project, b := range was.projects {
		a, still := is.projects[project]
		gone := false
		for version := range b.releases {
			_, left := a.releases[version]
			gone = gone || !left
		}
		fine = fine && (still && !gone || rank >= 1)
	}
	return fine
}

// shaker changes thoughts at random.
type shaker struct{ *rand.Rand }

func pick[T any](s shaker, all ...T) T { return all[s.IntN(len(all))] }

func (s shaker) begin() thought {
	t := thought{admins: map[int]bool{1: true}, workspaces: map[string]tenant{}, selfService: s.IntN(2) == 0}
	for _, name := range []string{"ws-2", "ws-3"} {
		t.workspaces[name] = tenant{owner: pick(s, 2, 3), quota: 1, roles: map[int]string{pick(s, 2, 3, 4, 5): "admin", pick(s, 2, 3, 4, 5): "developer", pick(s, 2, 3, 4, 5): "viewer"},
			projects: map[string]app{"a": {repository: 1, releases: map[string]int{"v1.0.0": 1, "v1.0.1": 1}}, "b": {repository: 2}}}
	}
	return t
}

// shake makes a few changes.
func (s shaker) shake(t thought, least int) thought {
	t = t.clone()
	for range least + s.IntN(3) {
		names := slices.Sorted(maps.Keys(t.workspaces))
		if s.IntN(8) == 0 || len(names) == 0 {
			s.platform(&t)
			continue
		}
		name := pick(s, names...)
		w := t.workspaces[name]
		switch s.IntN(4) {
		case 0:
			if s.limits(&w); s.IntN(6) == 0 {
				delete(t.workspaces, name)
				continue
			}
		case 1:
			if id, role := pick(s, 2, 3, 4, 5), pick(s, "", "viewer", "developer", "admin"); role == "" {
				delete(w.roles, id)
			} else {
				w.roles[id] = role
			}
		default:
			s.project(&w)
		}
		t.workspaces[name] = w
	}
	return t
}

func (s shaker) platform(t *thought) {
	switch s.IntN(4) {
	case 0:
		t.outside = s.IntN(3)
	case 1:
		t.admins = map[int]bool{1: true, pick(s, 1, 4): true}
	case 2:
		t.selfService = !t.selfService
	case 3:
		name, w := fmt.Sprintf("ws-%d", 2+s.IntN(5)), tenant{owner: 2 + s.IntN(5), roles: map[int]string{}, projects: map[string]app{}}
		if _, there := t.workspaces[name]; !there {
			if s.IntN(3) == 0 {
				s.limits(&w)
			}
			t.workspaces[name] = w
		}
	}
}

func (s shaker) limits(w *tenant) {
	switch s.IntN(6) {
	case 0:
		w.owner = 2 + s.IntN(5)
	case 1:
		w.quota = s.IntN(3)
	case 2:
		w.domains = s.IntN(3)
	case 3:
		w.namespace = s.IntN(3)
	case 4:
		w.comment = s.IntN(3)
	case 5:
		w.broken = !w.broken
	}
}

func (s shaker) project(w *tenant) {
	name := pick(s, "a", "b", "c")
	a, there := w.projects[name]
	if a = a.clone(); a.releases == nil {
		a.releases = map[string]int{}
	}
	version := pick(s, "v1.0.0", "v1.0.1", "v1.0.2")
	switch s.IntN(5) {
	case 0:
		a.repository = 1 + s.IntN(3)
	case 1:
		a.replicas = 1 + s.IntN(3)
	case 2:
		delete(a.releases, version)
	case 3:
		a.releases[version] = 1 + s.IntN(2)
	case 4:
		if there {
			delete(w.projects, name)
			return
		}
	}
	if a.replicas == 0 {
		a.replicas = 1
	}
	w.projects[name] = a
}

// Whatever is changed by whomever: what is allowed touches nothing but what is that person's at the base, and nothing else is
// refused.
func TestNobodyChangesWhatIsNotTheirs(t *testing.T) {
	allowed, refused := 0, 0
	for seed := range *rounds {
		s := shaker{rand.New(rand.NewPCG(uint64(seed), 7))}
		var m memory
		o := oracle{before: s.begin(), past: past{map[string]map[int]bool{}, map[string]int{}}}
		for range 1 + s.IntN(3) {
			m.move(o.before.write(), "Before")
			o.past.remember(o.before)
			o.before = s.shake(o.before, 0)
		}
		m.move(o.before.write(), "The base")
		o.past.remember(o.before)
		o.after = s.shake(o.before, 1)
		head := m.add(o.after.write(), "A proposal", m.head)
		for o.who = range 8 {
			v, err := rights.Check(&m, m.head, head, rights.Person{ID: int64(o.who), Login: fmt.Sprintf("u%d", o.who)})
			if err != nil {
				t.Fatal(err)
			}
			want := o.may()
			if got := len(v.Problems) == 0; got != want {
				t.Fatalf("seed %d: %d may do it: %v, want %v\nbefore %+v\nafter  %+v\nproblems: %v", seed, o.who, got, want, o.before, o.after, v.Problems)
			}
			if want {
				allowed++
			} else {
				refused++
			}
			asked := map[string]bool{}
			for _, q := range v.Sources {
				f, _ := manifest.FileOf(q.File)
				asked[f.Key.String()+" "+strings.TrimPrefix(q.Repository, "https://github.com/acme/")] = true
			}
			if !maps.Equal(asked, o.sources) {
				t.Fatalf("seed %d: asked about %v, want %v", seed, asked, o.sources)
			}
		}
	}
	if allowed < *rounds || refused < *rounds {
		t.Errorf("%d allowed and %d refused: that is no test", allowed, refused)
	}
}
