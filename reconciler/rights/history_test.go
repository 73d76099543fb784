package rights_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/rights"
	"github.com/plateform/plateform/test/gitserver"
)

// A repository that is new in a project is asked about, where it is named; one that was there is not, however it is written now.
func TestSourcesThatAreNew(t *testing.T) {
	w := newWorld(t, platformHead+admins)
	file, spring := manifest.ProjectFile(shop), manifest.Key{Workspace: "ws-1", Project: "orders"}
	springFile := manifest.ProjectFile(spring)
	services := func(source, billing string) string {
		return "apiVersion: plateform.dev/v1\nkind: Project\nmetadata: {name: orders}\nspec:\n  type: spring-microservice\n  source: {repository: \"" + source + "\"}\n" +
			"  services:\n    - name: orders\n    - name: billing\n      source: {repository: \"" + billing + "\"}\n"
	}
	const acme, secret = "https://github.com/acme/orders", "https://github.com/other/secret"
	w.commit(files{springFile: services(acme, "https://github.com/acme/billing"), manifest.ProjectFile(other): "nonsense"})
	shopOf := func(repository string) files {
		return files{file: strings.Replace(project(shop, ""), "https://github.com/acme/shop", repository, 1)}
	}
	for _, tt := range []struct {
		name  string
		files files
		want  []rights.SourceQuestion
	}{
		{"another repository", shopOf(secret), []rights.SourceQuestion{{Repository: secret, File: file, Line: 6, Column: 24, Field: "spec.source.repository"}}},
		{"the same, written otherwise", shopOf("git@github.com:acme/shop.git"), nil},
		{"another branch", files{file: strings.Replace(project(shop, ""), "acme/shop\"", "acme/shop\", branch: next, path: x", 1)}, nil},
		{"other settings", files{file: project(shop, "  replicas: 2\n  build: {framework: go}\n")}, nil},
		{"a service's own", files{springFile: services(acme, secret)}, []rights.SourceQuestion{{Repository: secret, File: springFile, Line: 10, Column: 28, Field: "spec.services[1].source.repository"}}},
		{"services that change places", files{springFile: services("https://github.com/acme/billing", acme)}, nil},
		{"two at once", files{springFile: services("https://github.com/other/more", secret)}, []rights.SourceQuestion{
			{Repository: "https://github.com/other/more", File: springFile, Line: 6, Column: 24, Field: "spec.source.repository"},
			{Repository: secret, File: springFile, Line: 10, Column: 28, Field: "spec.services[1].source.repository"},
		}},
		{"a project that could not be read before", files{manifest.ProjectFile(other): project(other, "")}, []rights.SourceQuestion{
			{Repository: "https://github.com/acme/other", File: manifest.ProjectFile(other), Line: 6, Column: 24, Field: "spec.source.repository"},
		}},
		{"a project that cannot be read any more", files{file: strings.Replace(project(shop, "  nonsense: true\n"), "acme/shop", "other/secret", 1)}, nil},
		{"a project that is gone", files{file: ""}, nil},
		{"a project that moves", files{file: "", "workspaces/ws-1/projects/store/project.yaml": strings.Replace(project(shop, ""), "name: shop", "name: store", 1)}, []rights.SourceQuestion{
			{Repository: "https://github.com/acme/shop", File: "workspaces/ws-1/projects/store/project.yaml", Line: 6, Column: 24, Field: "spec.source.repository"},
		}},
		{"an image", files{file: "apiVersion: plateform.dev/v1\nkind: Project\nmetadata: {name: shop}\nspec: {type: monolithic, image: nginx}\n"}, nil},
	} {
		got := w.check(w.propose("s", tt.files.change("x")), people[0])
		if diff := cmp.Diff(append([]rights.SourceQuestion{}, tt.want...), got.Sources); diff != "" || len(got.Problems) > 0 {
			t.Errorf("%s: questions (-want +got):\n%s%v", tt.name, diff, got.Problems)
		}
	}
}

// A message of a new commit that asks to retry a project is an edit of it; one that was merged long ago is not.
func TestRetriesInMessages(t *testing.T) {
	w := newWorld(t, platformHead+admins)
	retry := func(project string) gitserver.Change {
		return gitserver.Change{Message: "Try again\n\nPlateform-Retry: " + project + "\n"}
	}
	deep := w.propose("deep", retry("ws-2/other"))
	deep = w.repo.Commit(gitserver.Change{Branch: "deep", Parent: deep, Message: "More\n", Files: map[string]string{manifest.ProjectFile(shop): project(shop, "  replicas: 2\n")}})
	for _, tt := range []struct{ name, head, want string }{
		{"one's own", w.propose("own", retry("ws-1/shop")), devs},
		{"of another tenant", w.propose("other", retry("ws-2/other")), "1 6"},
		{"of another tenant, further down", deep, everyAdmin},
		{"of what is no project", w.propose("none", retry("../../etc/passwd")), "1 2 3 4 5 6 99 98 0 -1"},
	} {
		if got := w.allowed(w.open(), tt.head); got != tt.want {
			t.Errorf("a retry %s: %q may ask for it, want %q", tt.name, got, tt.want)
		}
	}

	side := w.repo.Commit(func() gitserver.Change {
		c := retry("ws-2/other")
		c.Branch = "side"
		c.Parent = w.repo.Head("main")
		return c
	}())
	tip := w.commit(files{"README.md": "Meanwhile\n"})
	merged := w.repo.Git("commit-tree", w.repo.Git("rev-parse", tip+"^{tree}"), "-p", tip, "-p", side, "-m", "Merge")
	w.repo.Git("update-ref", "refs/heads/main", merged)
	onSide := w.repo.Commit(gitserver.Change{Branch: "onside", Parent: side, Message: "More\n", Files: map[string]string{"README.md": "Meanwhile\n", manifest.ProjectFile(shop): project(shop, "  replicas: 3\n")}})
	if got := w.allowed(w.open(), onSide); got != devs {
		t.Errorf("with a retry that was merged already: %q may do it, want %q", got, devs)
	}
}

// A release comes back also when it was taken away long ago, if one of the platform's keys says whose it is: what has no such
// signature, or one for somewhere else, does not.
func TestReleasesFromLongAgo(t *testing.T) {
	key, err := signing.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(owner int64, signer *signing.Key) string {
		text, err := manifest.EncodeRelease(&manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, "v1.0.2"), Spec: manifest.ReleaseSpec{
			Parts: manifest.Parts{manifest.PartSource: "sha256:1"}, Chart: manifest.Chart{Name: "monolithic", Version: "1.0.0", Digest: "sha256:1"}, Values: "a: b\n",
			Project: manifest.ProjectSpec{Type: manifest.Monolithic, Image: "nginx"}, Cause: manifest.Cause{Kind: manifest.CauseConfig}, Plan: "sha256:1",
		}}, shop, owner, signer)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	base := files{
		manifest.PlatformFile:          platformHead + admins + fmt.Sprintf("  releases: {publicKeys: [%q]}\n", key.Public()),
		manifest.WorkspaceFile("ws-1"): workspace("ws-1", 2, "carol", ""), manifest.ProjectFile(shop): project(shop, ""),
	}
	with := func(f files, content string) files {
		more := files{release(shop, "v1.0.2"): content}
		for file, content := range f {
			more[file] = content
		}
		return more
	}
	forged := strings.Replace(signed(2, &key), "nginx", "evil", 1)
	for _, tt := range []struct {
		name, was, is string
		keys          bool
		later         int
		want          bool
	}{
		{"just now", "anything\n", "anything\n", true, 1, true},
		{"within what is looked through", "anything\n", "anything\n", true, config.Far - 3, true},
		{"long ago, signed", signed(2, &key), signed(2, &key), true, config.Far + 5, true},
		{"long ago, edited", signed(2, &key), forged, true, config.Far + 5, false},
		{"long ago, for another owner", signed(3, &key), signed(3, &key), true, config.Far + 5, false},
		{"long ago, with a checksum", signed(2, nil), signed(2, nil), true, config.Far + 5, false},
		{"long ago, without keys", signed(2, nil), signed(2, nil), false, config.Far + 5, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := base
			if !tt.keys {
				at = with(base, "")
				delete(at, release(shop, "v1.0.2"))
				at[manifest.PlatformFile] = platformHead + admins
			}
			var m memory
			m.move(with(at, tt.was), "With it")
			for i := range tt.later {
				m.move(at, fmt.Sprint(i))
			}
			v, err := rights.Check(&m, m.head, m.add(with(at, tt.is), "Bring it back", m.head), rights.Person{ID: 2})
			if err != nil || (len(v.Problems) == 0) != tt.want {
				t.Errorf("allowed: %v, want %v: %v, %v", len(v.Problems) == 0, tt.want, v.Problems, err)
			}
		})
	}
}

// What cannot be read is an error, and allows nothing.
func TestErrorsAllowNothing(t *testing.T) {
	w := newWorld(t, platformHead+admins)
	head := w.propose("x", files{"README.md": "x"}.change("x"))
	nowhere := strings.Repeat("a", 40)
	for _, pair := range [][2]string{{nowhere, head}, {w.repo.Head("main"), nowhere}} {
		if v, err := rights.Check(w.open(), pair[0], pair[1], people[0]); err == nil {
			t.Errorf("%v was judged: %v", pair, v)
		}
	}
}

// What Plateform is asked to do with a project takes the rights that an edit of it takes, by the same words.
func TestProject(t *testing.T) {
	w := newWorld(t, platformHead+admins)
	w.commit(files{"elsewhere/workspace.yaml": workspace("elsewhere", 99, "mallory", "")})
	for _, tt := range []struct {
		key  manifest.Key
		want string
	}{
		{shop, devs}, {other, "1 6"}, {manifest.Key{Workspace: "ws-1"}, devs}, {manifest.Key{Workspace: "ws-9", Project: "shop"}, everyAdmin},
		{manifest.Key{Workspace: "../elsewhere", Project: "shop"}, everyAdmin}, {manifest.Key{Project: "shop"}, everyAdmin},
	} {
		var ids []string
		for _, p := range people {
			problems, err := rights.Project(w.open(), w.repo.Head("main"), tt.key, "roll a project back", p)
			if err != nil {
				t.Fatal(err)
			}
			if len(problems) == 0 {
				ids = append(ids, fmt.Sprint(p.ID))
			}
			if want := "only developers of ws-1 may roll a project back; @vera is a viewer of ws-1"; tt.key == shop && p.Login == "vera" && problems[0].What != want {
				t.Errorf("%q, want %q", problems[0].What, want)
			}
		}
		if got := strings.Join(ids, " "); got != tt.want {
			t.Errorf("%s: %q may do it, want %q", tt.key, got, tt.want)
		}
	}
	if problems, err := rights.Project(w.open(), w.repo.Head("main"), shop, "roll a project back"); err != nil || len(problems) != 1 {
		t.Errorf("nobody may do it: %v, %v", problems, err)
	}
}

// counted counts the commits that are read.
type counted struct {
	reconciler.Reader
	commits int
}

func (c *counted) Commit(hash string) (manifest.Commit, error) {
	c.commits++
	return c.Reader.Commit(hash)
}

// Whoever asks for a great many retries, in one message or in as many commits as he likes, is refused, and keeps nobody busy.
func TestVeryManyRetries(t *testing.T) {
	w := newWorld(t, platformHead+admins)
	const long, many = 300, 200
	for i := range long {
		w.commit(files{"README.md": fmt.Sprintf("%d\n", i)})
	}
	message := "Try all again\n\n"
	for i := range 20 * many {
		message += fmt.Sprintf("Plateform-Retry: ws-2/app-%d\n", i)
	}
	head := w.propose("many", gitserver.Change{Message: message})
	for i := range many {
		head = w.repo.Commit(gitserver.Change{Branch: "many", Parent: head, Message: fmt.Sprintf("Again\n\nPlateform-Retry: ws-2/app-%d\n", i)})
	}
	reader := &counted{Reader: w.open()}
	v, err := rights.Check(reader, w.repo.Head("main"), head, people[3])
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Problems) < 100 || len(v.Problems) > 110 {
		t.Errorf("%d problems are told", len(v.Problems))
	}
	if most := 4 * (long + many); reader.commits > most {
		t.Errorf("%d commits were read, of %d that there are", reader.commits, long+many)
	}
}
