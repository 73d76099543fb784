package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
)

// GitHub is in trouble in the middle of what is said of a pull request: it is too much at once, it fails, the token ends, the App is
// uninstalled. In the end all is said, each once.
func TestPullRequestsInTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.onGitHub()
	installed := h.install("platform-config", "plateform-gitops")
	w.poll = "50ms"
	w.open()
	w.registry.publish("birds/wren:1")
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	w.config.commit("Add shop", files{workspaceFile("ws-1"): workspaceYAML("ws-1", gitHubUser), shop.file(): shop.yaml()})
	shop.runs("v1.0.0")

	checking := githubserver.Fault{Operation: "POST /repos/{owner}/{repo}/check-runs", Skip: 1, Times: 1} // the second check
	for name, trouble := range map[string]func(f githubserver.Fault) githubserver.Fault{
		"failing": func(f githubserver.Fault) githubserver.Fault { f.Status = http.StatusBadGateway; return f },
		"lost":    func(f githubserver.Fault) githubserver.Fault { f.DropAnswer = true; return f },
		"expired": func(f githubserver.Fault) githubserver.Fault { f.Expire = true; return f },
		"limited": func(f githubserver.Fault) githubserver.Fault {
			f.Status, f.Header, f.Body = http.StatusForbidden, map[string]string{"Retry-After": "1"}, `{"message": "You have exceeded a secondary rate limit."}`
			return f
		},
		"busy": func(f githubserver.Fault) githubserver.Fault {
			f.Status, f.Header = http.StatusTooManyRequests, map[string]string{"Retry-After": "1"}
			return f
		},
	} {
		h.server.Inject(trouble(checking))
		h.server.Inject(trouble(githubserver.Fault{Operation: commenting().Operation, Times: 1}))
		p := h.proposedBy(w, gitHubUser, name, files{shop.file(): shop.yaml("replicas: 2")})
		p.says("v1.0.0 → v1.0.1")
		p.planned("success", "v1.0.0 → v1.0.1")
		p.owners("success")
		h.server.Heal()
		h.must(h.server.ClosePull(t.Context(), "acme/platform-config", p.number, gitHubUser))
	}

	h.must(h.server.Uninstall(installed))
	while := h.proposedBy(w, gitHubUser, "while", files{shop.file(): shop.yaml("replicas: 2")})
	w.logged("the GitHub App is not installed there", "pull requests are not answered now")
	h.install("platform-config", "plateform-gitops")
	w.logged("pull requests are answered again")
	while.planned("success", "v1.0.0 → v1.0.1")
	while.says("v1.0.0 → v1.0.1")
	while.merge(forge.MergeCommit)
	shop.runs("v1.0.1")
	while.says("done: 1 project")
	w.checkManners(h)
}

// A pull request of more files than GitHub lists, with more problems than it takes at once, and more to say than a comment holds.
func TestAVeryLargePullRequest(t *testing.T) {
	t.Parallel()
	w, h, _ := withImages(t, "admins: [{github: root, id: 1}]")
	const all, broken = 420, 120
	fs := files{"workspaces/ws-9/projects/zebra/project.yaml": object("Project", "zebra", "type: monolithic")} // the last one is not hers
	for i := range all {
		p := w.imageProject("ws-1", fmt.Sprintf("app-%03d-%s", i, strings.Repeat("x", 20)), "birds/wren:1")
		fs[p.file()] = p.yaml()
		if i < broken {
			fs[p.file()] = p.yaml("colour: red")
		}
	}
	large := h.proposedBy(w, gitHubUser, "large", fs)
	large.owners("failure", "may not do 1 thing")
	card := large.says("only", "ws-9", "Left out here, for want of room", "git fetch origin refs/pull/1/head && plateform plan")
	if n := utf8.RuneCountInString(card); n > 65535 {
		t.Errorf("the card has %d characters", n)
	}
	runs := h.checks(large.head(), "plateform/plan")
	if len(runs) != 1 || runs[0].Conclusion != "failure" || runs[0].Output.Annotations < broken {
		t.Errorf("the checks are %+v", runs)
	}
	var annotations []struct {
		Path string
		Line int `json:"start_line"`
	}
	h.ask(fmt.Sprintf("check-runs/%d/annotations?per_page=100&page=2", runs[0].ID), &annotations)
	if len(annotations) == 0 || !strings.HasPrefix(annotations[0].Path, "workspaces/ws-1/projects/app-") || annotations[0].Line == 0 {
		t.Errorf("the annotations of page two are %+v", annotations)
	}
	w.checkManners(h)
}

// What people call things is shown as it is spelled and does nothing: neither Markdown nor HTML, nobody is mentioned, and no terminal
// obeys it.
func TestHostileNamesOnPullRequests(t *testing.T) {
	t.Parallel()
	w, h, shop := withImages(t, "autoMerge: true, admins: [{github: root, id: 1}]")
	w.settle()
	const title = "x](http://evil.example) @alice <!-- plateform:card --> \x1b[31mred\x1b[0m \u202egnp.exe `code` **bold** | cell | <img src=x onerror=alert(1)>"
	const odd = "@alice</code><script>alert(1)</script>**x**\u202e`"
	const branch = "a`b<script>@alice_x_\u202e$(id);'\"|&"
	p := &pull{w: w, h: h, branch: branch}
	p.editedBy(mallory, files{
		"workspaces/ws-1/projects/shop/" + "<img src=x> @alice \u202e**x**.md": "hello\n",
		"workspaces/ws-1/projects/" + "a|b`c@alice" + "/project.yaml":          object("Project", "x", "type: monolithic"),
		"workspaces/ws-1/projects/wiki/project.yaml": object("Project", "wiki", fmt.Sprintf("type: %q", odd), fmt.Sprintf("image: %q", odd),
			fmt.Sprintf("domain: %q", odd), fmt.Sprintf("%q: %q", odd, odd)),
		shop.file(): shop.yaml(`env: [{name: GREETING, value: "one\nhidden-1\n  hidden-2: x\n"}]`, "replicas: 2"),
	})
	var err error
	p.number, err = h.server.OpenPull(t.Context(), forge.NewPull{Repo: "acme/platform-config", Head: branch, Title: title, Body: title, Author: mallory})
	h.must(err)
	p.planned("failure")
	p.owners("failure", "may not do")
	card := p.says("you may not")
	runs := append(h.checks(p.head(), "plateform/plan"), h.checks(p.head(), "plateform/owners")...)
	texts := []string{card}
	code := regexp.MustCompile("(?s)```.*?\n```|`[^`\n]*`")
	for _, run := range runs {
		texts = append(texts, run.Output.Title+"\n"+run.Output.Summary)
	}
	for _, text := range texts {
		text = code.ReplaceAllString(strings.ReplaceAll(text, "\\`", ""), "") // nothing in it means anything
		for _, bad := range []string{"<script", "<img", "@alice"} {
			if strings.Contains(text, bad) {
				t.Errorf("%q is in\n%s", bad, text)
			}
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }); i >= 0 {
			t.Errorf("a control character is in %q", text[i:])
		}
	}
	for _, secret := range []string{"hidden-", "\u202e", "\x1b"} {
		if strings.Contains(strings.Join(texts, ""), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	if n := strings.Count(card, "<!-- plateform:card -->"); n != 1 {
		t.Errorf("the marker is there %d times:\n%s", n, card)
	}
	h.must(h.server.ClosePull(t.Context(), "acme/platform-config", p.number, mallory))

	h.must(h.server.Rename(gitHubUser, "a-lice"))
	mine := h.proposedBy(w, gitHubUser, "mine", files{shop.file(): shop.yaml("replicas: 2")})
	mine.owners("success", "@a-lice may change all of this")
	mine.merged()
	titled := &pull{w: w, h: h, branch: "titled"}
	titled.editedBy(gitHubUser, files{shop.file(): shop.yaml("replicas: 3")})
	titled.number, err = h.server.OpenPull(t.Context(), forge.NewPull{Repo: "acme/platform-config", Head: "titled", Title: title, Author: gitHubUser})
	h.must(err)
	landed := titled.merged()
	if message := w.config.look("log", "-1", "--format=%B", landed); strings.ContainsAny(message, "\x1b\u202e") {
		t.Errorf("the merge says %q", message)
	}
	shop.runs("v1.0.2")
	w.checkManners(h)
	if slices.ContainsFunc(h.server.Calls(), func(c githubserver.Call) bool { return strings.Contains(c.Path, "<") }) {
		t.Error("a name is in an address as it is")
	}
}
